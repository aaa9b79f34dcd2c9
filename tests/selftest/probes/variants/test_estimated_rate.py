"""Tests of the probe estimated_rate: decay by the estimated learning rate, by lr and by wrong estimates."""

from __future__ import annotations

import pytest

from tests.selftest.probes.judged import measurements_of
from tests.selftest.probes.subjects import meets_closed_form

NAME, FAULTY = "estimated_rate", "tests.mutants.numerics:"


def test_prodigy_meets_every_closed_form() -> None:
    """The forms hold to rounding, while the estimate grows by four orders of magnitude."""
    measured = measurements_of(NAME, "prodigy")

    assert all(meets_closed_form(measurement) for measurement in measured.values())
    assert measured["first_decay"].value == pytest.approx(1e-4 * 0.2, rel=1e-10)
    assert measured["growth"].value > 1e4


@pytest.mark.parametrize(
    ("fault", "first", "growth"),
    [("DecayIgnoresEstimate", 0.2, 1.0), ("DecayByFirstEstimate", 2e-5, 1.0), ("DecayByRootOfEstimate", 2e-3, 161.5)],
)
def test_first_decay_and_growth_identify_a_fault(fault: str, first: float, growth: float) -> None:
    """Neither of the two numbers alone distinguishes all three faults from a right optimizer and from each other."""
    measured = measurements_of(NAME, "prodigy", path=FAULTY + fault)

    assert measured["first_decay"].value == pytest.approx(first, rel=1e-9)
    assert measured["growth"].value == pytest.approx(growth, rel=1e-3)
    assert not meets_closed_form(measured["worst_error"])
