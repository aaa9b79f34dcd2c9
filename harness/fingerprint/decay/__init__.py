"""Questions about weight decay itself: how it reaches the weight, its scale, its order, its groups."""

from __future__ import annotations

from dataclasses import replace

from harness.fingerprint.decay import group_values, questions, scale, smallest, without_gradient
from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.question import Question

REFUSED = "the constructor does not take weight_decay"


def _if_taken(question: Question) -> Question:
    """Return the question with a fixed answer for an optimizer that takes no weight_decay."""

    def ask(runner: SubjectRunner) -> Finding:
        words = ("none",) if question.name == "coupling" else ()
        return question.ask(runner) if runner.takes_decay else Finding(words, REFUSED)

    return replace(question, ask=ask)


_ALL: tuple[Question, ...] = (
    group_values.QUESTION,
    questions.COUPLING,
    *scale.QUESTIONS,
    questions.ORDER,
    questions.MASK,
    *without_gradient.QUESTIONS,
    *smallest.QUESTIONS,
)
QUESTIONS = tuple(question if question.without_decay else _if_taken(question) for question in _ALL)
