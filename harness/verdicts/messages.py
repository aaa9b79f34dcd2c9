"""Messages of claim outcomes: a headline for summaries, junit and annotations, and the details that follow it."""

from __future__ import annotations

from collections.abc import Sequence

from harness.policy import LEVEL
from harness.spec.relations import relation_of
from harness.spec.scenario import Claim
from harness.verdicts.judge import Verdict
from harness.verdicts.outcome import ClaimOutcome

LONGEST_HEADLINE = 200  # characters


def headline(outcome: ClaimOutcome, behaviours: Sequence[str] = ()) -> str:
    """Return the first line of a red claim's message: the claim, the optimizer's behaviour, and the numbers."""
    if outcome.failure:
        return f"{outcome.claim.id}: {outcome.failure}"
    parts = [*behaviours[:1], *([sentence(outcome.deciding, with_arm=_has_arms(outcome.claim))] if outcome.deciding else [])]
    line = f"{outcome.claim.id}: {'; '.join(parts)}" if parts else outcome.claim.id
    if len(line) > LONGEST_HEADLINE and behaviours:  # the numbers stand in the lines below it
        line = f"{outcome.claim.id}: {behaviours[0]}"
    return line if len(line) <= LONGEST_HEADLINE else line[: LONGEST_HEADLINE - 3] + "..."


def swap_not_tested(claim: Claim, failure: str) -> str:
    """Return the message of a counterexample that could not be tested, because an arm of its study failed."""
    first, second = claim.counterexample.swap
    return (
        f"{claim.id}: the counterexample, which exchanges the arms {first} and {second}, could not be tested, because the study "
        f"failed: {failure}"
    )


def swap_not_noticed(claim: Claim) -> str:
    """Return the message of a claim that holds although two of its arms are exchanged."""
    first, second = claim.counterexample.swap
    return (
        f"{claim.id}: the claim holds although the records of the arms {first} and {second} are exchanged; expected: it fails. "
        "Write expectations that tell these arms apart, or other arms in counterexample.swap"
    )


def sentence(verdict: Verdict, *, with_arm: bool = True) -> str:
    """Return a verdict as a sentence: the measure, the measured number with its unit, and what it should be.

    `with_arm` names the arm too, which is needed if a claim reads more than one.
    """
    unit = f" ({verdict.unit})" if verdict.unit != "1" else ""
    arm = f" of {verdict.expectation.arm}" if with_arm else ""
    what = f"{verdict.expectation.measure}{arm} is {number(verdict.measured)}{unit}"
    if verdict.problem:
        return f"{what}; cannot be judged: {verdict.problem}"
    return f"{what}; should be {expected(verdict)}"


def expected(verdict: Verdict) -> str:
    """Return what the measured number should be, in words, with its tolerance or the measure that it is compared with."""
    item, target = verdict.expectation, number(verdict.expected)
    if item.than:
        times = f"{item.than.times:g} x " if item.than.times != 1.0 else ""
        target += f" ({times}{item.than.measure} of {item.than.arm})"
    tolerance = item.tolerance or 0.0 if verdict.tolerance is None else verdict.tolerance
    return relation_of(item).words.format(expected=target, tolerance=f"{tolerance:.2g}")


def details(outcome: ClaimOutcome, *, file: str, behaviours: Sequence[str], rerun: str) -> str:
    """Return the lines after the headline: statement, convention, every expectation, sources, and the command to run again."""
    claim = outcome.claim
    lines = [
        f"  claim        {claim.statement}",
        f"  convention   {claim.convention}",
        f"  documented   {claim.documented}",
        f"  established  {claim.established}{': ' + (claim.when or claim.instead) if claim.when or claim.instead else ''}",
    ]
    several = _has_arms(claim)
    lines += [
        f"  measured     {'ok ' if verdict.holds else 'NO '} {_shown(verdict, with_arm=several)}" for verdict in outcome.verdicts
    ]
    lines += [f"  optimizer    {behaviour}" for behaviour in behaviours]
    lines += [f"  source       {item.source}, {item.section} {item.catalogue}".rstrip() for item in claim.sources]
    return "\n".join([*lines, f"  scenario     {file}", f"  run again    {rerun}"])


def number(value: float) -> str:
    """Return a number as text with six significant digits, or three if it is smaller than 1e-3."""
    return f"{value:.6g}" if abs(value) >= 1e-3 or value == 0 else f"{value:.3g}"


def _has_arms(claim: Claim) -> bool:
    """Return True if a claim reads more than one arm."""
    return len(claim.arms) > 1


def _shown(verdict: Verdict, *, with_arm: bool) -> str:
    text = sentence(verdict, with_arm=with_arm)
    if verdict.interval:
        low, high = verdict.interval
        text += f" [{number(low)}, {number(high)}] at {1 - 2 * LEVEL:.0%}"
    return text if verdict.gated else f"{text} (reported, not gated)"
