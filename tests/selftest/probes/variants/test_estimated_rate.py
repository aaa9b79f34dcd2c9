"""Does the probe estimated_rate tell a decay by the estimate from one by lr?"""

from __future__ import annotations

import pytest

from tests.selftest.probes.judged import readings
from tests.selftest.probes.subjects import exact

NAME, FAULTY = "estimated_rate", "tests.mutants.numerics:"


def test_prodigy_meets_every_form() -> None:
    """To rounding, while the estimate grows by four orders of magnitude."""
    found = readings(NAME, "prodigy")

    assert all(exact(reading) for reading in found.values())
    assert found["first_decay"].value == pytest.approx(1e-4 * 0.2, rel=1e-10)
    assert found["growth"].value > 1e4


@pytest.mark.parametrize(
    ("fault", "first", "growth"),
    [("DecayIgnoresEstimate", 0.2, 1.0), ("DecayByFirstEstimate", 2e-5, 1.0), ("DecayByRootOfEstimate", 2e-3, 161.5)],
)
def test_a_fault_is_a_first_decay_and_a_growth_of_its_own(fault: str, first: float, growth: float) -> None:
    """Neither alone tells them all apart."""
    found = readings(NAME, "prodigy", path=FAULTY + fault)

    assert found["first_decay"].value == pytest.approx(first, rel=1e-9)
    assert found["growth"].value == pytest.approx(growth, rel=1e-3)
    assert not exact(found["worst_error"])
