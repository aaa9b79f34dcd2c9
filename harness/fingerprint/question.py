"""Question of the fingerprint: the experiment that measures one field of the contract, and its purpose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.spec.fields import FIELDS

Purpose = Literal["rule", "handling", "information"]
Precondition = Literal["moves", "finite_with_decay", "few_steps"]
MOVES: Precondition = "moves"  # weights stay finite and move at weight_decay 0
FINITE: Precondition = "finite_with_decay"  # weights stay finite with and without decay
FEW_STEPS: Precondition = "few_steps"  # weights move in the first few steps and stay finite
PRECONDITIONS_OF_SECTION: Mapping[str, tuple[Precondition, ...]] = {
    "precision": (),
    "update": (MOVES,),
    "decay": (FINITE,),
    "parameters": (FEW_STEPS,),
    "groups": (FEW_STEPS,),
    "steps": (FEW_STEPS,),
    "state": (FEW_STEPS,),
    "options": (),
}


@dataclass(frozen=True)
class Question:
    """One experiment, which measures the field `name` of the contract.

    `ask(runner)` returns a Finding and may raise anything: the caller reports the error of a subject that breaks.
    `purpose`: a `rule` describes the decay itself; `handling` is about cases in which a right decay can still go wrong.
    `in_sentence`: the closing sentence of a fingerprint mentions the answer. `without_decay`: the question also applies to an
    optimizer that takes no weight_decay. `preconditions` must hold before the question is asked; None means those of the
    section.
    """

    name: str
    section: str
    ask: Callable[[SubjectRunner], Finding]
    purpose: Purpose = "information"
    in_sentence: bool = False
    without_decay: bool = False
    preconditions: tuple[Precondition, ...] | None = None

    @property
    def asks(self) -> str:
        """The text of the question."""
        return FIELDS[self.name].asks

    @property
    def usual(self) -> tuple[str, ...]:
        """The values that meet the usual promise of the field; others are marked in the printed fingerprint."""
        known = FIELDS[self.name]
        shown = f"{known.usual:g}" if isinstance(known.usual, float) else known.usual
        return (shown, *known.met_by) if shown else ()

    @property
    def needs(self) -> tuple[Precondition, ...]:
        """The preconditions that must hold before the question is asked."""
        return PRECONDITIONS_OF_SECTION[self.section] if self.preconditions is None else self.preconditions
