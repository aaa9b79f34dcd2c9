"""Is it seen whether a run goes on as it was after its optimizer was saved and loaded, pickled or copied?"""

from __future__ import annotations

from tests.mutants.collection import path
from tests.selftest.fingerprint.handled_subjects import found, usual


def test_an_optimizer_without_state_has_nothing_to_lose() -> None:
    """Plain SGD keeps none: the run goes on, and there is no precision to keep."""
    assert found("state_dict", "torch.optim:SGD").values == ("identical",)
    assert found("state_precision", "torch.optim:SGD").values == ("no_state",)


def test_groups_without_a_weight_decay_have_none_to_load() -> None:
    """Rprop takes none, and its groups hold none."""
    finding = found("resume_weight_decay", "torch.optim:Rprop")

    assert (finding.values, finding.says) == ((), "not known, because the groups hold no weight_decay")


def test_a_state_that_loading_casts_is_named() -> None:
    """With its precision before and after."""
    assert "mu_product float32 to float64 (float64 weights)" in found("state_precision", "torch.optim:NAdam").says


def test_lost_state_leaves_the_weight_decay_unknown() -> None:
    """The path is neither's, for another reason."""
    assert found("resume_weight_decay", path("StateNotSaved")).values == ()


def test_an_optimizer_that_draws_random_numbers_goes_on_as_it_was() -> None:
    """From the same seed at the same step."""
    assert usual("state_dict", path("SeededNoise"))
