"""Tests of the questions about saved state: optimizers without state, casts, lost state, random numbers."""

from __future__ import annotations

from tests.mutants.collection import path
from tests.selftest.fingerprint.handled_subjects import finding_on, is_usual


def test_an_optimizer_without_state_has_nothing_to_lose() -> None:
    """Plain SGD has no state, so the run continues and no precision can be lost."""
    assert finding_on("state_dict", "torch.optim:SGD").values == ("identical",)
    assert finding_on("state_precision", "torch.optim:SGD").values == ("no_state",)


def test_no_answer_on_resumed_decay_if_groups_have_none() -> None:
    """Rprop takes no weight_decay, and its groups have none."""
    finding = finding_on("resume_weight_decay", "torch.optim:Rprop")

    assert (finding.values, finding.text) == ((), "not known, because the groups hold no weight_decay")


def test_a_state_that_loading_casts_is_reported() -> None:
    """The line gives its name and its precision before and after."""
    assert "mu_product float32 to float64 (float64 weights)" in finding_on("state_precision", "torch.optim:NAdam").text


def test_lost_state_leaves_the_weight_decay_unknown() -> None:
    """The lost state changes the path, whichever weight_decay counts."""
    assert finding_on("resume_weight_decay", path("StateNotSaved")).values == ()


def test_a_stochastic_optimizer_continues_from_a_checkpoint() -> None:
    """Each step draws from a seed that follows from its number."""
    assert is_usual("state_dict", path("SeededNoise"))
