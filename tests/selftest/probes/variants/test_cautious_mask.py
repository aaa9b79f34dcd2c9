"""Does the probe cautious_mask see which weights a step decays?"""

from __future__ import annotations

import pytest

from harness.probes.variants import CautiousMaskSettings
from harness.probes.variants.cautious_mask import CASES, run
from tests.selftest.probes.judged import readings
from tests.selftest.probes.subjects import exact, mutant, torch_optim

NAME, FAULTY = "cautious_mask", "tests.mutants.numerics:"


def test_the_momentum_of_the_turned_cases_still_points_the_old_way() -> None:
    """m after four gradients of 2 and one of -0.1, by hand."""
    m = 0.0
    for gradient in (2.0, 2.0, 2.0, 2.0, -0.1):
        m = 0.9 * m + 0.1 * gradient

    assert m > 0.5


@pytest.mark.parametrize("name", ["AdamW", "SGD", "Muon", "Adafactor"])
def test_torch_has_no_mask(name: str) -> None:
    """Whatever the rule: all of the decay in every case."""
    found = run(torch_optim(name), CautiousMaskSettings(cautious=False))

    assert set(found) == set(CASES)
    assert all(exact(reading) for reading in found.values())


def test_the_reference_decays_where_update_and_weight_agree() -> None:
    """One or zero, and nothing in between."""
    found = readings(NAME, "cautious")

    assert all(exact(reading) for reading in found.values())
    assert [round(found[case].value, 9) for case in CASES] == [1, 0, 1, 1, 0]


@pytest.mark.parametrize(
    ("fault", "read"),
    [
        ("MaskInverted", [0, 1, 1, 0, 1]),
        ("MaskOnGradient", [1, 0, 1, 0, 1]),
        ("MaskLeavesIdle", [1, 0, 0, 1, 0]),
        ("MaskForgotten", [1, 1, 1, 1, 1]),
    ],
)
def test_every_mask_has_a_pattern_of_its_own(fault: str, read: list[int]) -> None:
    """Which says what is wrong with it."""
    found = readings(NAME, "cautious", path=FAULTY + fault)

    assert [round(found[case].value, 9) for case in CASES] == read


def test_a_decay_after_the_update_is_not_one_of_the_weight() -> None:
    """Its own part includes the update's share; only where there is none is it right."""
    found = run(mutant("DecayAfterUpdate"), CautiousMaskSettings(cautious=False))

    assert exact(found["idle"])
    assert not exact(found["shrinking"])
    assert not exact(found["growing"])
