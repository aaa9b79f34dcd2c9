"""A question of the fingerprint: one experiment, the words that it can answer in, and its role."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.subject_runner import SubjectRunner

Role = Literal["rule", "handling", "information"]
Precondition = Literal["moves", "finite_with_decay", "few_steps"]
MOVES: Precondition = "moves"  # weights stay finite and move at weight_decay 0
FINITE: Precondition = "finite_with_decay"  # weights stay finite with and without decay
FEW_STEPS: Precondition = "few_steps"  # weights move in the first few steps and stay finite
OF_SECTION: Mapping[str, tuple[Precondition, ...]] = {
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
    """One experiment: `asks` is shown to people; `values` says what each word means, unless the contract's table does.

    `ask(runner)` returns a Finding and may raise anything: what a subject breaks is reported as such by who asks.
    `usual` are the values that nobody needs to look at; others are marked in the print.
    `role`: a `rule` says what the decay is; `handling` is where a right decay can still go wrong.
    `in_sentence`: the closing sentence of a fingerprint mentions the answer. `without_decay`: an optimizer that takes no
    weight_decay gets the question too. `preconditions` must hold before it is asked; the section gives them unless they are
    given here.
    """

    name: str
    section: str
    asks: str
    ask: Callable[[SubjectRunner], Finding]
    values: Mapping[str, str] = field(default_factory=dict)
    usual: tuple[str, ...] = ()
    role: Role = "information"
    in_sentence: bool = False
    without_decay: bool = False
    preconditions: tuple[Precondition, ...] | None = None

    @property
    def needs(self) -> tuple[Precondition, ...]:
        """What must hold before it is asked."""
        return OF_SECTION[self.section] if self.preconditions is None else self.preconditions
