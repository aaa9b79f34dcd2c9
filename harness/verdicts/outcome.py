"""Outcome of a claim: the verdicts on its expectations, combined into one status.

failed                  an arm failed, a measure is missing, or a gated expectation does not hold (but see the next line)
not_applicable          gated expectations do not hold, and all of these are lost in the rounding of float32
refuted_as_documented   all gated expectations of a claim with `established: refuted` hold
held                    all gated expectations of another claim hold
expected_failure        the author of the optimizer expects the claim to fail, and it does
error                   the test raised before it decided; the reporter gives this status
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from harness.measurement import Measurements
from harness.run import Result
from harness.spec.scenario import Claim
from harness.verdicts.judge import Verdict, judge

HOLDS_NOW = "passed, but the file of expected failures lists"  # begins the failure of a test that is expected to fail
ClaimStatus = Literal["held", "refuted_as_documented", "not_applicable", "expected_failure", "failed", "error"]


@dataclass(frozen=True)
class ClaimOutcome:
    """The status of a claim and its verdicts.

    `failure`: the message if no verdict explains the failure (an arm failed, a measure is missing, or an expected failure did not
    occur). `reason`: why the claim does not apply, or why it is expected to fail.
    """

    claim: Claim
    status: ClaimStatus
    verdicts: tuple[Verdict, ...] = ()
    failure: str = ""
    reason: str = ""

    @property
    def deciding(self) -> Verdict | None:
        """The verdict that a table shows: the worst gate that failed, else the gate with the smallest relative margin."""
        gates = [verdict for verdict in self.verdicts if verdict.gated]
        return min(gates, key=lambda verdict: (verdict.holds or verdict.too_coarse, _relative_margin(verdict)), default=None)


def decide(claim: Claim, result: Result) -> ClaimOutcome:
    """Return the outcome of `claim`, given the result of its scenario. Every gated expectation must hold."""
    for arm in claim.arms:
        if arm in result.failures:
            return ClaimOutcome(claim, "failed", failure=result.failures[arm])
    missing = _missing_measure(claim, result)
    if missing:
        return ClaimOutcome(claim, "failed", failure=missing)
    verdicts = tuple(judge(expectation, result.measurements) for expectation in claim.expect)
    failing = [verdict for verdict in verdicts if verdict.gated and not verdict.holds]
    if failing and all(verdict.too_coarse for verdict in failing):
        measure = f"{failing[0].expectation.measure} of {failing[0].expectation.arm}"
        reason = f"precision: float32: rounding to float32 hides the effect on {measure}"
        return ClaimOutcome(claim, "not_applicable", verdicts, reason=reason)
    if failing:
        return ClaimOutcome(claim, "failed", verdicts)
    return ClaimOutcome(claim, "refuted_as_documented" if claim.established == "refuted" else "held", verdicts)


def expected_to_fail(outcome: ClaimOutcome, reason: str) -> ClaimOutcome:
    """Return the outcome of a claim that the author of the optimizer expects to fail. A claim that holds fails instead."""
    if outcome.status == "failed":
        return replace(outcome, status="expected_failure", reason=reason)
    failure = f"{HOLDS_NOW} it ({reason}): remove its line"
    return replace(outcome, status="failed", failure=failure)


def swapped(result: Result, first: str, second: str) -> Result:
    """Return the result with the measurements of two arms exchanged, as the counterexample of a study needs it.

    Each arm keeps its own closed forms.
    """
    partner = {first: second, second: first}
    by_arm: dict[str, Measurements] = {}
    for arm, measurements in result.measurements.items():
        exchanged = result.measurements[partner.get(arm, arm)]
        by_arm[arm] = {
            name: replace(exchanged[name], expected=measurement.expected) for name, measurement in measurements.items()
        }
    return Result(by_arm, result.trajectory, result.failures)


def _missing_measure(claim: Claim, result: Result) -> str:
    """Return a message if an arm lacks a measure that the claim reads, else an empty string.

    A probe whose weights have become NaN or infinite gives few measures.
    """
    pairs = [(item.arm, item.measure) for item in claim.expect]
    pairs += [(item.than.arm, item.than.measure) for item in claim.expect if item.than]
    for arm, measure in pairs:
        measurements = result.measurements[arm]
        if f"{arm}.{measure}" in result.failures:
            return result.failures[f"{arm}.{measure}"]
        if measure not in measurements:
            others = ", ".join(f"{name} is {measurement.value:g}" for name, measurement in measurements.items())
            return f"arm {arm}: {measure} could not be measured ({others})"
    return ""


def _relative_margin(verdict: Verdict) -> float:
    """Return the margin as a fraction of the tolerance, or, without one, of the larger of the two compared numbers."""
    if verdict.problem:
        return verdict.margin
    scale = verdict.tolerance if verdict.tolerance is not None else max(abs(verdict.expected), abs(verdict.measured))
    return verdict.margin / scale if scale else 1.0 + verdict.margin
