"""What moved a number: the optimizer, or what it runs on? Told from what witnesses gave, who run the same and were not changed.

A number that a witness moved too, in the same direction and as far, was moved by the environment; one that all of them
still give was moved by the optimizer. Whatever cannot be told from this is said to be so. Nothing here runs anything.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.goldens.compare import ComparisonRow
from harness.goldens.values import Ensemble, Exact, compared_value, insensitive_reason, invalid_reason

Name = Literal["reference", "torch"]
WitnessRows = Mapping[Name, Mapping[str, ComparisonRow]]  # by witness and measure: the comparison with the shipped golden
Kind = Literal["this optimizer", "the environment", "both", "not comparable"]
ArmOccupant = Literal["subject", "torch", "bystander", "fixed"]
WITNESSES_FOR: Mapping[ArmOccupant, tuple[Name, ...]] = {
    "subject": ("reference", "torch"),
    "torch": ("reference",),  # torch's own optimizer is under test: it is no witness of itself
    "bystander": ("reference", "torch"),  # torch's own, in a role that the optimizer under test has not taken
    "fixed": ("torch",),  # named by the scenario: every witness runs it as it is
}  # whose word counts for an arm, by what runs in it

ArmCause = tuple[str, "Cause"]  # an arm, and what moved a number of it
Cause = Literal["optimizer", "otherwise", "alike", "kernels", "torch", "unwitnessed", "another", "stranger", "noise", "split"]
_OPTIMIZER: tuple[Cause, ...] = ("optimizer", "otherwise")
_ENVIRONMENT: tuple[Cause, ...] = ("alike", "kernels", "torch")
_ACCORD: Mapping[tuple[tuple[Name, ...], tuple[Name, ...]], Cause] = {
    (("reference", "torch"), ("reference", "torch")): "alike",
    (("reference",), ("reference",)): "alike",
    (("torch",), ("reference", "torch")): "kernels",
    (("torch",), ("torch",)): "torch",
}  # what it means that these witnesses moved as the number did, of those that were asked
_UNKNOWN: Mapping[Cause, str] = {
    "unwitnessed": "{witnesses} cannot give these numbers here",
    "another": "{witnesses} moved here as well, from other numbers: how far this optimizer should have moved is not known",
    "stranger": "the optimizer under test is not in it, and {witnesses} still {give} what was shipped: a golden from elsewhere?",
    "noise": "what is left of it beside the shift of {witnesses} is within the tolerance",
    "split": "our float64 reference moved alike here and {torch} did not",
}


@dataclass(frozen=True)
class Attribution:
    """What moved, and why that is said."""

    kind: Kind
    why: str

    @property
    def sentence(self) -> str:
        """The line under a golden's headline."""
        return f"moved: {self.kind} ({self.why})"


@dataclass(frozen=True)
class ArmSubjects:
    """What runs in each arm, who is torch's witness there, and why nothing can be told of an arm."""

    runs: Mapping[str, ArmOccupant]
    names: Mapping[str, str]
    obstacles: Mapping[str, str] = field(default_factory=dict)


def arm_of(measure: str) -> str:
    """Return the arm of a recorded measure, which follows the lane's name in a study."""
    first, second, *_ = measure.split(".")
    return second if first in ("ensemble", "trajectory") else first


def moved(row: ComparisonRow) -> bool:
    """Return True if a number left its golden under the rule by which it was recorded, or can no more be compared with it.

    The rounding error that a probe allows follows its numbers: one that went elsewhere with them is no other rule.
    """
    if row.status == "tolerance changed" and isinstance(row.golden, Exact) and isinstance(row.obtained, Exact):
        return row.golden.rtol == row.obtained.rtol
    return _out(row)


def attribute(rows: Sequence[ComparisonRow], gave: WitnessRows, cast: ArmSubjects) -> Attribution:
    """Say what moved `rows`, the comparison of one lane with its golden, given what the witnesses gave in that lane."""
    left = [row for row in rows if moved(row)]
    if not left:
        return Attribution("not comparable", "no number moved by the rule under which it was recorded")
    found = [(arm_of(row.measure), _finding(row, rows, gave, cast)) for row in left if arm_of(row.measure) not in cast.obstacles]
    if not found:
        return Attribution("not comparable", cast.obstacles[arm_of(left[0].measure)])
    told = [(arm, finding) for arm, finding in found if finding not in _UNKNOWN]
    if not told:
        arm, finding = found[0]
        return Attribution("not comparable", _UNKNOWN[finding].format(**_words([arm], gave, cast)))
    kind = _kind(told)
    say = {"this optimizer": _by_optimizer, "the environment": _by_environment, "both": _by_both}[kind]
    untold = f"; {len(left) - len(told)} of {len(left)} that moved cannot be told" if len(told) < len(left) else ""
    return Attribution(kind, say(told, gave, cast) + untold)


def _finding(row: ComparisonRow, rows: Sequence[ComparisonRow], gave: WitnessRows, cast: ArmSubjects) -> Cause:
    """Say what moved one number."""
    arm = arm_of(row.measure)
    asked = [name for name in WITNESSES_FOR[cast.runs[arm]] if name in gave]
    known = {name: gave[name][row.measure] for name in asked if _compared(gave[name].get(row.measure))}
    if not asked or len(known) < len(asked):
        return "unwitnessed"
    explaining = [name for name, one in known.items() if moved(one) and not _apart(row, one)]
    if explaining:
        return _ACCORD.get((tuple(explaining), tuple(asked)), "split")
    if cast.runs[arm] in ("bystander", "fixed"):
        return "stranger"
    return _unexplained(row, list(known.values()), alike=_alike(arm, rows, gave[asked[0]]), quiet=_quiet(gave))


def _unexplained(row: ComparisonRow, known: Sequence[ComparisonRow], *, alike: bool, quiet: bool) -> Cause:
    """Say what moved a number of the optimizer under test that moved unlike the witnesses'."""
    if not alike and not quiet:
        return "another"
    if any(moved(one) for one in known):
        return "otherwise"
    return "optimizer" if all(_apart(row, one) for one in known) else "noise"


def _apart(row: ComparisonRow, said: ComparisonRow) -> bool:
    """Return True if two shifts differ by more than their tolerances allow, as shifts in opposite directions do."""
    return abs(_shift(row) - _shift(said)) > _room(row, said)


def _shift(row: ComparisonRow) -> float:
    if row.delta is None or (row.status == "tolerance changed" and not _out(row)):
        return math.inf  # missing, no number, or of a size that hides it in its own rounding: as far as can be
    return row.delta


def _out(row: ComparisonRow) -> bool:
    """Return True if a number is lost, or is out of its tolerance, by the wider rule where two stand there."""
    if row.golden is None or invalid_reason(row.golden) or insensitive_reason(row.golden):
        return False
    if row.status == "tolerance changed":
        return isinstance(row.golden, Exact) and moved(row) and abs(row.delta or 0.0) > _tolerance(row)
    return row.status in ("moved", "unusable", "missing")


def _room(row: ComparisonRow, said: ComparisonRow) -> float:
    """Ends of runs are draws, whose variances add; the roundings that exact numbers are allowed are the same on one machine."""
    tolerances = (_tolerance(row), _tolerance(said))
    return math.hypot(*tolerances) if isinstance(row.golden, Ensemble) else max(tolerances)


def _tolerance(row: ComparisonRow) -> float:
    """Return how far a number may lie from its golden, by the wider of their two rules."""
    exact = [one for one in (row.golden, row.obtained) if isinstance(one, Exact) and math.isfinite(one.value)]
    return max([row.tolerance or 0.0, *(one.atol + one.rtol * abs(one.value) for one in exact)])


def _alike(arm: str, rows: Sequence[ComparisonRow], said: Mapping[str, ComparisonRow]) -> bool:
    """Return True if the golden of an arm holds what was shipped, as that of an optimizer with the same formula does.

    The environment moves such a one as it moves the witnesses; by how much it moves another, they cannot tell.
    """
    pairs = [(row, said.get(row.measure)) for row in rows if arm_of(row.measure) == arm and _compared(row)]
    known = [(row, other) for row, other in pairs if other is not None and _compared(other)]
    return all(abs(_recorded(row) - _recorded(other)) <= _room(row, other) for row, other in known)


def _quiet(gave: WitnessRows) -> bool:
    """Return True if no witness moved anything."""
    return not any(moved(row) for rows in gave.values() for row in rows.values())


def _compared(row: ComparisonRow | None) -> bool:
    return row is not None and (row.status == "same" or _out(row))


def _recorded(row: ComparisonRow) -> float:
    return compared_value(row.golden) if row.golden else math.nan


def _kind(told: Sequence[ArmCause]) -> Kind:
    optimizer = any(finding in _OPTIMIZER for _, finding in told)
    environment = any(finding in (*_ENVIRONMENT, "otherwise") for _, finding in told)
    return "both" if optimizer and environment else "this optimizer" if optimizer else "the environment"


def _by_optimizer(told: Sequence[ArmCause], gave: WitnessRows, cast: ArmSubjects) -> str:
    arms = [arm for arm, _ in told]
    words = _words(arms, gave, cast)
    itself = "{torch} itself; ".format(**words) if all(cast.runs[arm] == "torch" for arm in arms) else ""
    return itself + "{witnesses} still {give} the recorded numbers here".format(**words)


def _by_environment(told: Sequence[ArmCause], gave: WitnessRows, cast: ArmSubjects) -> str:
    found = {finding for _, finding in told}
    deciding = next(finding for finding in _ENVIRONMENT if finding in found)
    words = _words([arm for arm, finding in told if finding == deciding], gave, cast)
    return {
        "alike": "{witnesses} moved alike here: torch beside its optimizers, the machine, the experiment, or an edited golden",
        "kernels": "{torch} moved alike here and our float64 reference did not: a kernel of torch's optimizers",
        "torch": "{torch} moved alike here: torch, the machine, the experiment, or an edited golden",
    }[deciding].format(**words)


def _by_both(told: Sequence[ArmCause], gave: WitnessRows, cast: ArmSubjects) -> str:
    alike = [arm for arm, finding in told if finding in _ENVIRONMENT]
    if not alike:
        return "{witnesses} moved here too, and this optimizer otherwise".format(**_words([arm for arm, _ in told], gave, cast))
    words = {**_words(alike, gave, cast), "alike": len(alike), "all": len(told), "own": len(told) - len(alike)}
    return "{alike} of {all} numbers moved alike in {torch}, {own} moved otherwise or alone".format(**words)


def _words(arms: Sequence[str], gave: WitnessRows, cast: ArmSubjects) -> Mapping[str, str]:
    """Return the names of those whose word counted in these arms."""
    asked = [name for name in gave if any(name in WITNESSES_FOR[cast.runs[arm]] for arm in arms)]
    names = list(dict.fromkeys(cast.names[arm] for arm in arms))
    said = [one for name in asked for one in (names if name == "torch" else ["our float64 reference"])]
    return {"torch": _and(names), "witnesses": _and(said), "give": "give" if len(said) > 1 else "gives"}


def _and(names: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)
