"""Have a scenario's numbers moved since they were recorded, and by how much more than they may?

An exact number has a tolerance of its own; an ensemble is compared with what its recorded spread predicts for a new mean;
information is recorded beside them and never judged. A change of the rule itself (tolerance, seeds of a run, lane) is a
failure of its own kind, so that loosening a tolerance shows in the recorded file. So is a number whose recorded tolerance
hides what weight decay is worth in it. Nothing here formats or reads files.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from harness import stats
from harness.goldens.values import (
    Ensemble,
    Exact,
    GoldenValue,
    Information,
    compared_value,
    insensitive_reason,
    invalid_reason,
    rule,
)
from harness.policy import DERIVED, SAME_TOLERANCE

RowStatus = Literal["same", "information", "moved", "tolerance changed", "missing", "extra", "unusable"]


@dataclass(frozen=True)
class ComparisonRow:
    """One measure, recorded and obtained. `tolerance` is the recorded rule's; `sigmas` are those of the predicted difference."""

    measure: str
    status: RowStatus
    golden: GoldenValue | None
    obtained: GoldenValue | None
    delta: float | None = None
    tolerance: float | None = None
    sigmas: float | None = None
    why: str = ""

    @property
    def ok(self) -> bool:
        return self.status in ("same", "information")


def compare(received: Mapping[str, GoldenValue], golden: Mapping[str, GoldenValue]) -> list[ComparisonRow]:
    """Return one row for every measure that is in either, in order of their names."""
    return [_row(name, received.get(name), golden.get(name)) for name in sorted({*received, *golden})]


def _row(name: str, obtained: GoldenValue | None, golden: GoldenValue | None) -> ComparisonRow:
    if obtained is None:
        return ComparisonRow(name, "missing", golden, None)
    if why := invalid_reason(obtained):
        return ComparisonRow(name, "unusable", golden, obtained, why=why)
    if isinstance(obtained, Exact) and (
        why := insensitive_reason(obtained)
    ):  # a probe that declares less than its tolerance hides
        return ComparisonRow(name, "unusable", golden, obtained, why=why)
    if golden is None:
        return ComparisonRow(name, "extra", None, obtained)
    if why := invalid_reason(golden) or insensitive_reason(golden):
        return ComparisonRow(name, "unusable", golden, obtained, why=f"in the golden: {why}")
    delta = compared_value(obtained) - compared_value(golden)
    tolerance = _tolerance(golden)
    status = _status(obtained, golden, moved=tolerance is not None and abs(delta) > tolerance)
    return ComparisonRow(name, status, golden, obtained, delta, tolerance, _sigmas(delta, golden))


def _status(obtained: GoldenValue, golden: GoldenValue, *, moved: bool) -> RowStatus:
    if not _same_rule(obtained, golden) or not _stored_as_computed(golden):
        return "tolerance changed"
    if moved:
        return "moved"
    return "information" if isinstance(golden, Information) else "same"


def _same_rule(obtained: GoldenValue, golden: GoldenValue) -> bool:
    if isinstance(obtained, Exact) and isinstance(golden, Exact):
        return obtained.rtol == golden.rtol and math.isclose(obtained.atol, golden.atol, rel_tol=DERIVED)
    return rule(obtained) == rule(golden)


def _tolerance(golden: GoldenValue) -> float | None:
    match golden:
        case Exact():
            return golden.tolerance
        case Ensemble():
            return stats.prediction_tolerance(sd=golden.sd, n=golden.n, n_new=golden.runs, alpha=golden.alpha)
        case Information():
            return None


def _sigmas(delta: float, golden: GoldenValue) -> float | None:
    if isinstance(golden, Exact) or golden.sd == 0:
        return None
    runs = golden.runs if isinstance(golden, Ensemble) else golden.n
    return delta / (golden.sd * math.sqrt(1.0 / golden.n + 1.0 / runs))


def _stored_as_computed(golden: GoldenValue) -> bool:
    """Return True if a recorded tolerance follows from the recorded numbers, so that nobody has edited it."""
    if not isinstance(golden, Ensemble):
        return True
    computed = Ensemble.summary(mean=golden.mean, sd=golden.sd, n=golden.n, runs=golden.runs, alpha=golden.alpha)
    return all(
        math.isclose(stored, again, rel_tol=SAME_TOLERANCE)
        for stored, again in ((golden.tolerance, computed.tolerance), (golden.detects, computed.detects))
    )
