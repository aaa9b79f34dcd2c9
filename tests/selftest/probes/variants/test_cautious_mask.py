"""Tests of the probe cautious_mask: the pattern of cases that decay, for right and wrong masks."""

from __future__ import annotations

import pytest

from harness.probes.variants import CautiousMaskSettings
from harness.probes.variants.cautious_mask import CASES, run
from tests.selftest.probes.judged import measurements_of
from tests.selftest.probes.subjects import meets_closed_form, mutant, torch_optim

NAME, FAULTY = "cautious_mask", "tests.mutants.numerics:"


def test_one_small_gradient_does_not_turn_the_momentum() -> None:
    """The momentum m is computed here after four gradients of 2 and one of -0.1, as in the turned cases."""
    m = 0.0
    for gradient in (2.0, 2.0, 2.0, 2.0, -0.1):
        m = 0.9 * m + 0.1 * gradient

    assert m > 0.5


@pytest.mark.parametrize("name", ["AdamW", "SGD", "Muon", "Adafactor"])
def test_torch_has_no_mask(name: str) -> None:
    """The full decay acts in every case, whatever the update rule."""
    measured = run(torch_optim(name), CautiousMaskSettings(cautious=False))

    assert set(measured) == set(CASES)
    assert all(meets_closed_form(measurement) for measurement in measured.values())


def test_the_reference_decays_where_update_and_weight_agree() -> None:
    """The decay of a case is full or zero."""
    measured = measurements_of(NAME, "cautious")

    assert all(meets_closed_form(measurement) for measurement in measured.values())
    assert [round(measured[case].value, 9) for case in CASES] == [1, 0, 1, 1, 0]


@pytest.mark.parametrize(
    ("fault", "pattern"),
    [
        ("MaskInverted", [0, 1, 1, 0, 1]),
        ("MaskOnGradient", [1, 0, 1, 0, 1]),
        ("MaskLeavesIdle", [1, 0, 0, 1, 0]),
        ("MaskForgotten", [1, 1, 1, 1, 1]),
    ],
)
def test_every_wrong_mask_has_its_own_pattern(fault: str, pattern: list[int]) -> None:
    """The pattern of decaying cases therefore identifies the fault."""
    measured = measurements_of(NAME, "cautious", path=FAULTY + fault)

    assert [round(measured[case].value, 9) for case in CASES] == pattern


def test_a_decay_after_the_update_is_exact_only_when_idle() -> None:
    """Such a decay also acts on the update, so it is right only in the case without gradient."""
    measured = run(mutant("DecayAfterUpdate"), CautiousMaskSettings(cautious=False))

    assert meets_closed_form(measured["idle"])
    assert not meets_closed_form(measured["shrinking"])
    assert not meets_closed_form(measured["growing"])
