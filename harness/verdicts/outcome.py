"""What became of a claim? Its verdicts together, as one status."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from harness.measurement import Measurements
from harness.run import Result
from harness.spec.scenario import Claim
from harness.verdicts.judge import Verdict, judge

ClaimStatus = Literal["held", "refuted_as_documented", "not_applicable", "expected_failure", "failed", "error"]


@dataclass(frozen=True)
class ClaimOutcome:
    """A claim's status, its verdicts, the failure that kept it from being judged, and the reason why it may fail."""

    claim: Claim
    status: ClaimStatus
    verdicts: tuple[Verdict, ...] = ()
    failure: str = ""
    reason: str = ""

    @property
    def deciding(self) -> Verdict | None:
        """The verdict that a table shows: the gate that failed, else the gate with the least room."""
        gates = [verdict for verdict in self.verdicts if verdict.gated]
        return min(gates, key=lambda verdict: (verdict.holds or verdict.too_coarse, _room(verdict)), default=None)


def decide(claim: Claim, result: Result) -> ClaimOutcome:
    """Return what became of `claim`; every gated expectation must hold."""
    for arm in claim.arms:
        if arm in result.failures:
            return ClaimOutcome(claim, "failed", failure=result.failures[arm])
    unread = _unread(claim, result)
    if unread:
        return ClaimOutcome(claim, "failed", failure=unread)
    verdicts = tuple(judge(expectation, result.readings) for expectation in claim.expect)
    broken = [verdict for verdict in verdicts if verdict.gated and not verdict.holds]
    if broken and all(verdict.too_coarse for verdict in broken):
        what = f"{broken[0].expectation.measure} of {broken[0].expectation.arm}"
        return ClaimOutcome(claim, "not_applicable", verdicts, reason=f"precision: float32: {what} is lost in rounding")
    if broken:
        return ClaimOutcome(claim, "failed", verdicts)
    return ClaimOutcome(claim, "refuted_as_documented" if claim.established == "refuted" else "held", verdicts)


def expected_to_fail(outcome: ClaimOutcome, reason: str) -> ClaimOutcome:
    """Return the outcome of a claim that its author expects to fail: strictly, so that one that holds is red."""
    if outcome.status == "failed":
        return replace(outcome, status="expected_failure", reason=reason)
    says = f"no longer fails, as it was expected to ({reason}); take it out of the expected failures"
    return replace(outcome, status="failed", failure=says)


def swapped(result: Result, first: str, second: str) -> Result:
    """Return the same records with two arms exchanged: a study's counterexample. Each arm keeps its own closed forms."""
    other = {first: second, second: first}
    readings: dict[str, Measurements] = {}
    for arm, own in result.readings.items():
        theirs = result.readings[other.get(arm, arm)]
        readings[arm] = {name: replace(theirs[name], expected=reading.expected) for name, reading in own.items()}
    return Result(readings, result.trajectory, result.failures)


def _unread(claim: Claim, result: Result) -> str:
    """Return which measure an arm did not give, as a probe whose weights are no numbers any more gives few, or nothing."""
    read = [(item.arm, item.measure) for item in claim.expect]
    read += [(item.than.arm, item.than.measure) for item in claim.expect if item.than]
    for arm, measure in read:
        readings = result.readings[arm]
        if measure not in readings:
            others = ", ".join(f"{name} is {reading.value:g}" for name, reading in readings.items())
            return f"arm {arm}: {measure} could not be measured ({others})"
    return ""


def _room(verdict: Verdict) -> float:
    """Return the margin as a share of the tolerance, or of the numbers compared where there is none."""
    if verdict.problem:
        return verdict.margin
    scale = verdict.tolerance if verdict.tolerance is not None else max(abs(verdict.expected), abs(verdict.measured))
    return verdict.margin / scale if scale else 1.0 + verdict.margin
