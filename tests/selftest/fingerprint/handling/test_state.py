"""Is it seen whether a run goes on as it was after its optimizer was saved and loaded, pickled or copied?"""

from __future__ import annotations

from typing import Any

import pytest

from harness.fingerprint.handling import state
from tests.selftest.fingerprint.handled_subjects import FAULTS, QUESTIONS, TWIN, found, of_torch, usual

TRUTH = {
    # NAdam keeps a product of float32 numbers, which loading casts to the weights' precision.
    "state_dict": {"": "identical", "NAdam": "to_single_rounding"},
    "resume_weight_decay": {"": "checkpoint"},
    "resume_lr": {"": "checkpoint"},
    "pickle": {"": "same"},
    "deepcopy": {"": "same"},
    "state_precision": {"": "kept", "NAdam": "cast", "ASGD": "cast"},
}
PLANTED = (
    ("state_dict", "StateNotSaved", "differs"),
    ("resume_weight_decay", "ConstructorsDecayAfterLoad", "constructor"),
    ("resume_weight_decay", "StaleDecayAfterLoad", "stale_first_step"),
    ("resume_weight_decay", "FirstStepByConstructor", "stale_first_step"),
    ("resume_weight_decay", "DecayZeroAfterLoad", "neither"),
    ("resume_weight_decay", "DecayEndsAtLoad", "neither"),
    ("resume_weight_decay", "HalfTheDecayAfterLoad", "neither"),
    ("resume_lr", "ConstructorsLrAfterLoad", "constructor"),
    ("pickle", "NotPickled", "refused"),
    ("pickle", "PickledWithoutState", "differs"),
    ("deepcopy", "CopySharesState", "shares_state"),
    ("deepcopy", "PickledWithoutState", "differs"),
    ("state_precision", "SingleState", "cast"),
)


@pytest.mark.parametrize(("name", "given", "question", "expected"), of_torch(state.QUESTIONS, TRUTH))
def test_a_class_of_torch_is_found_to_do_what_it_does(name: str, given: dict[str, Any], question: str, expected: str) -> None:
    """For-loop, in float64."""
    assert found(question, f"torch.optim:{name}", given).values == (expected,)


@pytest.mark.parametrize(("question", "fault", "expected"), PLANTED)
def test_a_fault_is_named(question: str, fault: str, expected: str) -> None:
    """And is marked as unusual, while the same optimizer without it is not."""
    assert found(question, FAULTS + fault).values == (expected,)
    assert expected not in QUESTIONS[question].usual
    assert usual(question, TWIN)


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


def test_whose_weight_decay_counts_is_not_known_where_the_state_is_lost() -> None:
    """The path is neither's, for another reason."""
    assert found("resume_weight_decay", FAULTS + "StateNotSaved").values == ()


def test_an_optimizer_that_draws_random_numbers_goes_on_as_it_was() -> None:
    """From the same seed at the same step."""
    assert usual("state_dict", FAULTS + "SeededNoise")
