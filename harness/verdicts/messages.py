"""How is an outcome said? The first line names the claim and the numbers, so it reaches summaries, junit and annotations."""

from __future__ import annotations

from collections.abc import Sequence

from harness.policy import LEVEL
from harness.spec.relations import relation_of
from harness.verdicts.judge import Verdict
from harness.verdicts.outcome import ClaimOutcome


def headline(outcome: ClaimOutcome, behaviours: Sequence[str] = ()) -> str:
    """Return the one line that a red claim fails with: claim, what the optimizer does instead, the numbers."""
    says = f"{behaviours[0]}; " if behaviours else ""
    if outcome.failure:
        return f"{outcome.claim.id}: {outcome.failure}"
    return f"{outcome.claim.id}: {says}{sentence(outcome.deciding)}" if outcome.deciding else outcome.claim.id


def sentence(verdict: Verdict) -> str:
    """Return one verdict as a sentence: which measure, of which arm, what came and what was expected."""
    unit = f" {verdict.unit}" if verdict.unit != "1" else ""
    what = f"{verdict.expectation.measure} of {verdict.expectation.arm} is {number(verdict.measured)}{unit}"
    if verdict.problem:
        return f"{what}: cannot be judged, {verdict.problem}"
    return f"{what}, expected {expected(verdict)}"


def expected(verdict: Verdict) -> str:
    """Return what a verdict expected, with its tolerance or with what it was compared to."""
    item, target = verdict.expectation, number(verdict.expected)
    if item.than:
        times = f"{item.than.times:g} x " if item.than.times != 1.0 else ""
        target += f" ({times}{item.than.measure} of {item.than.arm})"
    tolerance = item.tolerance or 0.0 if verdict.tolerance is None else verdict.tolerance
    return relation_of(item).words.format(expected=target, tolerance=number(tolerance))


def details(outcome: ClaimOutcome, *, place: str, behaviours: Sequence[str], rerun: str) -> str:
    """Return what follows the headline: the statement, its convention, every expectation, sources, the next command."""
    claim = outcome.claim
    lines = [
        f"  claim        {claim.statement}",
        f"  convention   {claim.convention}",
        f"  documented   {claim.documented}",
        f"  established  {claim.established}{': ' + (claim.when or claim.instead) if claim.when or claim.instead else ''}",
    ]
    lines += [f"  measured     {'ok ' if verdict.holds else 'NO '} {_shown(verdict)}" for verdict in outcome.verdicts]
    lines += [f"  instead      {behaviour}" for behaviour in behaviours]
    lines += [f"  source       {item.source}, {item.section} {item.catalogue}".rstrip() for item in claim.sources]
    return "\n".join([*lines, f"  scenario     {place}", f"  run again    {rerun}"])


def number(value: float) -> str:
    """Return a number with as many digits as a reader compares."""
    return f"{value:.6g}" if abs(value) >= 1e-3 or value == 0 else f"{value:.3g}"


def _shown(verdict: Verdict) -> str:
    text = sentence(verdict)
    if verdict.interval:
        low, high = verdict.interval
        text += f" [{number(low)}, {number(high)}] at {1 - 2 * LEVEL:.0%}"
    return text if verdict.gated else f"{text} (reported, not gated)"
