"""Comparison of a scenario's numbers with its golden.

How each kind of golden value is compared:

    exact        the difference is at most the recorded tolerance
    ensemble     the difference is at most the tolerance that the recorded spread predicts for the mean of a new run
    information  recorded, never compared

Two more things fail. A changed rule (tolerance, seeds of a run, lane) does, so that a loosened tolerance shows in the recorded
file. A golden value whose tolerance hides the effect of weight decay does too. This module neither formats nor reads files.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
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

RowStatus = Literal["same", "information", "not recorded yet", "moved", "tolerance changed", "missing", "extra", "unusable"]


@dataclass(frozen=True)
class ComparisonRow:
    """The comparison of one measure: the recorded and the obtained value, and the status that follows.

    `tolerance` comes from the recorded rule. `sigmas` is `delta` in standard deviations of the predicted difference. `why` says
    why a value is `unusable`.
    """

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
        """True if the measure does not make its golden fail."""
        return self.status in ("same", "information", "not recorded yet")


def compare(
    received: Mapping[str, GoldenValue], golden: Mapping[str, GoldenValue], *, complete: bool = True
) -> list[ComparisonRow]:
    """Return one row for every measure of either side, in the order of the names.

    A measure that the golden lacks fails, unless the golden is not `complete`: an older version recorded fewer measures.
    """
    rows = [_row(name, received.get(name), golden.get(name)) for name in sorted({*received, *golden})]
    return rows if complete else [replace(row, status="not recorded yet") if row.status == "extra" else row for row in rows]


def _row(name: str, obtained: GoldenValue | None, golden: GoldenValue | None) -> ComparisonRow:
    if obtained is None:
        return ComparisonRow(name, "missing", golden, None)
    if why := invalid_reason(obtained):
        return ComparisonRow(name, "unusable", golden, obtained, why=why)
    # An exact value is checked on its own: the effect that its probe declares may be lost in its
    # tolerance.
    if isinstance(obtained, Exact) and (why := insensitive_reason(obtained)):
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
    """Return False if the recorded tolerance of an ensemble does not follow from its recorded numbers: it was edited."""
    if not isinstance(golden, Ensemble):
        return True
    computed = Ensemble.summary(mean=golden.mean, sd=golden.sd, n=golden.n, runs=golden.runs, alpha=golden.alpha)
    return all(
        math.isclose(stored, expected, rel_tol=SAME_TOLERANCE)
        for stored, expected in ((golden.tolerance, computed.tolerance), (golden.detects, computed.detects))
    )
