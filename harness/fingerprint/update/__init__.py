"""Questions about the update without weight decay: its precision, its rule, and what it depends on."""

from __future__ import annotations

from harness.fingerprint.question import Question
from harness.fingerprint.update import other_shapes, precision, questions

QUESTIONS: tuple[Question, ...] = (*precision.QUESTIONS, *questions.QUESTIONS, other_shapes.QUESTION)
