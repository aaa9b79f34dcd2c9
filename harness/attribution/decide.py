"""Decision on what moved a number: the optimizer under test, or its environment. This module runs nothing.

A witness is an unchanged optimizer that runs the same scenario on this machine: our float64 reference, or torch's own. A number
moved alike in a witness if both shifts agree within their tolerances. The first row that applies gives the cause of a number:

    cause              the witnesses of the arm                                   example
    unwitnessed        one of them does not give the number                       it cannot run the scenario
    alike              every witness moved alike; a single one is the reference   torch's matmul has changed
    kernels            torch's own moved alike, the reference did not             a kernel of torch's AdamW has changed
    torch              torch's own is the only witness, and it moved alike        torch has changed, in a fixed arm
    disagreement       the reference moved alike, torch's own did not             numpy has changed, which the optimizer uses
    not_in_arm         none moved alike; the arm does not run the optimizer       a golden that was recorded elsewhere
                       under test
    other_numbers      none moved alike, and one moved somewhere; the golden      torch has changed, and the optimizer is not
                       does not hold the shipped numbers                          an AdamW like torch's
    moved_otherwise    one moved, but not alike                                   torch has changed, and the optimizer too
    optimizer          none moved; the number's shift differs from all theirs     the optimizer has changed
    within_tolerance   none moved; its shift agrees with one of theirs            a number just outside its tolerance

The causes of all moved numbers of a golden give its kind: this optimizer, the environment, both, or not comparable.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.goldens.compare import ComparisonRow
from harness.goldens.values import Ensemble, Exact, compared_value, insensitive_reason, invalid_reason

WitnessName = Literal["reference", "torch"]
WitnessRows = Mapping[WitnessName, Mapping[str, ComparisonRow]]  # by witness, then by measure: compared with the shipped golden
AttributionKind = Literal["this optimizer", "the environment", "both", "not comparable"]
ArmOccupant = Literal["subject", "torch", "bystander", "fixed"]
WITNESSES_FOR: Mapping[ArmOccupant, tuple[WitnessName, ...]] = {
    "subject": ("reference", "torch"),
    "torch": ("reference",),  # torch's own optimizer is under test, so it is no witness of itself
    "bystander": ("reference", "torch"),  # torch's own optimizer, in a role that no optimizer under test has
    "fixed": ("torch",),  # the scenario names the optimizer, and every witness runs it unchanged
}  # the witnesses of an arm, by its occupant

ArmCause = tuple[str, "Cause"]  # an arm, and the cause of one of its moved numbers
Cause = Literal[
    "unwitnessed",
    "alike",
    "kernels",
    "torch",
    "disagreement",
    "not_in_arm",
    "other_numbers",
    "moved_otherwise",
    "optimizer",
    "within_tolerance",
]
_OPTIMIZER: tuple[Cause, ...] = ("optimizer", "moved_otherwise")
_ENVIRONMENT: tuple[Cause, ...] = ("alike", "kernels", "torch")
_CAUSE_OF_ALIKE: Mapping[tuple[tuple[WitnessName, ...], tuple[WitnessName, ...]], Cause] = {
    (("reference", "torch"), ("reference", "torch")): "alike",
    (("reference",), ("reference",)): "alike",
    (("torch",), ("reference", "torch")): "kernels",
    (("torch",), ("torch",)): "torch",
}  # the cause, by the witnesses that moved alike and by all witnesses of the arm
_UNKNOWN: Mapping[Cause, str] = {
    "unwitnessed": "not every unchanged optimizer gave these numbers here",
    "other_numbers": "{moved} moved here too; this golden holds other numbers than the shipped one, "
    "so this optimizer's part is unknown",
    "not_in_arm": "the arm does not run the optimizer under test, and {witnesses} still {give} the shipped numbers: "
    "was the golden recorded elsewhere?",
    "within_tolerance": "the difference to the shift of {witnesses} is within the tolerance",
    "disagreement": "our float64 reference moved by the same amount here and {torch} did not",
}  # messages for the causes that do not show what moved a number


@dataclass(frozen=True)
class Attribution:
    """What moved the numbers of a golden, and the reason for this decision."""

    kind: AttributionKind
    why: str

    @property
    def sentence(self) -> str:
        """The line that follows the headline of a red golden."""
        return f"moved: {self.kind} ({self.why})"


@dataclass(frozen=True)
class ArmSubjects:
    """The optimizers in the arms of a scenario.

    `occupants`: whose optimizer each arm runs. `torch_names`: torch's own optimizer in each arm, as messages name it.
    `unattributable`: for each arm whose numbers cannot be attributed, the reason.
    """

    occupants: Mapping[str, ArmOccupant]
    torch_names: Mapping[str, str]
    unattributable: Mapping[str, str] = field(default_factory=dict)


def arm_of(measure: str) -> str:
    """Return the arm in the name of a recorded measure, which is `arm.measure` or `lane.arm.measure`."""
    first, second, *_ = measure.split(".")
    return second if first in ("ensemble", "trajectory") else first


def moved(row: ComparisonRow) -> bool:
    """Return True if a number is outside its recorded tolerance, is missing, or cannot be compared.

    An absolute tolerance that has changed counts as a moved number too: a probe computes it from its numbers. A relative
    tolerance that has changed is a changed rule, and does not count.
    """
    if row.status == "tolerance changed" and isinstance(row.golden, Exact) and isinstance(row.obtained, Exact):
        return row.golden.rtol == row.obtained.rtol
    return _outside_tolerance(row)


def attribute(rows: Sequence[ComparisonRow], witness_rows: WitnessRows, arm_subjects: ArmSubjects) -> Attribution:
    """Return what moved the numbers of one lane. `rows` compares them with the golden, `witness_rows` those of the witnesses."""
    moved_rows = [row for row in rows if moved(row)]
    if not moved_rows:
        return Attribution("not comparable", "no number moved under its recorded rule")
    causes = [
        (arm_of(row.measure), _cause(row, rows, witness_rows, arm_subjects))
        for row in moved_rows
        if arm_of(row.measure) not in arm_subjects.unattributable
    ]
    if not causes:
        return Attribution("not comparable", arm_subjects.unattributable[arm_of(moved_rows[0].measure)])
    known = [(arm, cause) for arm, cause in causes if cause not in _UNKNOWN]
    if not known:
        arm, cause = causes[0]
        return Attribution("not comparable", _UNKNOWN[cause].format(**_message_words([arm], witness_rows, arm_subjects)))
    kind = _kind(known)
    explain = {"this optimizer": _by_optimizer, "the environment": _by_environment, "both": _by_both}[kind]
    rest = (
        f"; {len(moved_rows) - len(known)} of {len(moved_rows)} moved numbers have no known cause"
        if len(known) < len(moved_rows)
        else ""
    )
    return Attribution(kind, explain(known, witness_rows, arm_subjects) + rest)


def _cause(row: ComparisonRow, rows: Sequence[ComparisonRow], witness_rows: WitnessRows, arm_subjects: ArmSubjects) -> Cause:
    """Return the cause of one moved number."""
    arm = arm_of(row.measure)
    names = [name for name in WITNESSES_FOR[arm_subjects.occupants[arm]] if name in witness_rows]
    rows_of_witness = {
        name: witness_rows[name][row.measure] for name in names if _comparable(witness_rows[name].get(row.measure))
    }
    if not names or len(rows_of_witness) < len(names):
        return "unwitnessed"
    alike = [name for name, witness_row in rows_of_witness.items() if moved(witness_row) and not _shifts_differ(row, witness_row)]
    if alike:
        return _CAUSE_OF_ALIKE.get((tuple(alike), tuple(names)), "disagreement")
    if arm_subjects.occupants[arm] in ("bystander", "fixed"):
        return "not_in_arm"
    return _cause_if_none_alike(
        row,
        list(rows_of_witness.values()),
        same_golden=_has_shipped_numbers(arm, rows, witness_rows[names[0]]),
        nothing_moved=_no_witness_moved(witness_rows),
    )


def _cause_if_none_alike(
    row: ComparisonRow, of_witnesses: Sequence[ComparisonRow], *, same_golden: bool, nothing_moved: bool
) -> Cause:
    """Return the cause of a number of the optimizer under test that moved alike in no witness.

    `same_golden`: the golden of the arm holds the shipped numbers. `nothing_moved`: no witness moved any number.
    """
    if not same_golden and not nothing_moved:
        return "other_numbers"
    if any(moved(witness_row) for witness_row in of_witnesses):
        return "moved_otherwise"
    return "optimizer" if all(_shifts_differ(row, witness_row) for witness_row in of_witnesses) else "within_tolerance"


def _shifts_differ(row: ComparisonRow, other: ComparisonRow) -> bool:
    """Return True if two shifts differ by more than their tolerances allow, for example in opposite directions."""
    return abs(_shift(row) - _shift(other)) > _allowed_difference(row, other)


def _shift(row: ComparisonRow) -> float:
    """Return the distance of a number from its golden, with its sign; infinite if no shift can be computed."""
    if row.delta is None or (row.status == "tolerance changed" and not _outside_tolerance(row)):
        # The number is missing, not finite, or so large that its own rounding error hides the shift.
        return math.inf
    return row.delta


def _outside_tolerance(row: ComparisonRow) -> bool:
    """Return True if a number is missing or outside its tolerance. If the tolerance has changed, the wider one decides."""
    if row.golden is None or invalid_reason(row.golden) or insensitive_reason(row.golden):
        return False
    if row.status == "tolerance changed":
        return isinstance(row.golden, Exact) and moved(row) and abs(row.delta or 0.0) > _tolerance(row)
    return row.status in ("moved", "unusable", "missing")


def _allowed_difference(row: ComparisonRow, other: ComparisonRow) -> float:
    """Return the largest difference of two shifts that their tolerances allow.

    The ends of two runs are independent draws, so their variances add. Two exact numbers share the rounding of one machine, so
    the larger tolerance is enough.
    """
    tolerances = (_tolerance(row), _tolerance(other))
    return math.hypot(*tolerances) if isinstance(row.golden, Ensemble) else max(tolerances)


def _tolerance(row: ComparisonRow) -> float:
    """Return the allowed distance of a number from its golden, by the wider of the recorded and the obtained tolerance."""
    exact_values = [value for value in (row.golden, row.obtained) if isinstance(value, Exact) and math.isfinite(value.value)]
    return max([row.tolerance or 0.0, *(value.atol + value.rtol * abs(value.value) for value in exact_values)])


def _has_shipped_numbers(arm: str, rows: Sequence[ComparisonRow], shipped_rows: Mapping[str, ComparisonRow]) -> bool:
    """Return True if the golden of an arm holds the shipped numbers, as for an optimizer with the formula of torch's own.

    The environment moves such an optimizer as it moves the witnesses. How far it moves another one, they cannot show.
    """
    pairs = [(row, shipped_rows.get(row.measure)) for row in rows if arm_of(row.measure) == arm and _comparable(row)]
    comparable = [(row, other) for row, other in pairs if other is not None and _comparable(other)]
    return all(abs(_golden_number(row) - _golden_number(other)) <= _allowed_difference(row, other) for row, other in comparable)


def _no_witness_moved(witness_rows: WitnessRows) -> bool:
    """Return True if no witness moved any number."""
    return not any(moved(row) for rows in witness_rows.values() for row in rows.values())


def _comparable(row: ComparisonRow | None) -> bool:
    return row is not None and (row.status == "same" or _outside_tolerance(row))


def _golden_number(row: ComparisonRow) -> float:
    return compared_value(row.golden) if row.golden else math.nan


def _kind(causes: Sequence[ArmCause]) -> AttributionKind:
    optimizer = any(cause in _OPTIMIZER for _, cause in causes)
    environment = any(cause in (*_ENVIRONMENT, "moved_otherwise") for _, cause in causes)
    return "both" if optimizer and environment else "this optimizer" if optimizer else "the environment"


def _by_optimizer(causes: Sequence[ArmCause], witness_rows: WitnessRows, arm_subjects: ArmSubjects) -> str:
    arms = [arm for arm, _ in causes]
    words = _message_words(arms, witness_rows, arm_subjects)
    itself = "{torch} itself; ".format(**words) if all(arm_subjects.occupants[arm] == "torch" for arm in arms) else ""
    return itself + "{witnesses} still {give} the shipped numbers here".format(**words)


def _by_environment(causes: Sequence[ArmCause], witness_rows: WitnessRows, arm_subjects: ArmSubjects) -> str:
    distinct = {cause for _, cause in causes}
    deciding = next(cause for cause in _ENVIRONMENT if cause in distinct)
    words = _message_words([arm for arm, cause in causes if cause == deciding], witness_rows, arm_subjects)
    return {
        "alike": "{witnesses} moved by the same amount here: a part of torch other than its optimizers, the machine, "
        "the experiment, or an edited golden",
        "kernels": "{torch} moved by the same amount here and our float64 reference did not: a kernel of torch's optimizers",
        "torch": "{torch} moved by the same amount here: torch, the machine, the experiment, or an edited golden",
    }[deciding].format(**words)


def _by_both(causes: Sequence[ArmCause], witness_rows: WitnessRows, arm_subjects: ArmSubjects) -> str:
    alike = [arm for arm, cause in causes if cause in _ENVIRONMENT]
    if not alike:
        return "{moved} moved here too, but not by the same amount as this optimizer".format(
            **_message_words([arm for arm, _ in causes], witness_rows, arm_subjects)
        )
    words = {
        **_message_words(alike, witness_rows, arm_subjects),
        "alike": len(alike),
        "all": len(causes),
        "own": len(causes) - len(alike),
    }
    return "{alike} of {all} numbers moved by the same amount in {moved}, {own} alone or by another amount".format(**words)


def _message_words(arms: Sequence[str], witness_rows: WitnessRows, arm_subjects: ArmSubjects) -> Mapping[str, str]:
    """Return the words that messages insert: the names of the witnesses of these arms, and the verb that agrees with them.

    `moved` are the witnesses of which a number moved.
    """
    witnesses = [name for name in witness_rows if any(name in WITNESSES_FOR[arm_subjects.occupants[arm]] for arm in arms)]
    names = list(dict.fromkeys(arm_subjects.torch_names[arm] for arm in arms))
    by_witness = {name: names if name == "torch" else ["our float64 reference"] for name in witnesses}
    parts = [part for name in witnesses for part in by_witness[name]]
    moving = [name for name in witnesses if any(moved(row) for row in witness_rows[name].values())]
    words = {"torch": _join(names), "witnesses": _join(parts), "give": "give" if len(parts) > 1 else "gives"}
    return words | {"moved": _join([part for name in moving for part in by_witness[name]])}


def _join(names: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)
