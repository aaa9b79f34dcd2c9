"""The update without weight decay: in which precision it is computed, and its rule."""

from __future__ import annotations

from harness.fingerprint.question import Question
from harness.fingerprint.update import other_shapes, precision, questions

QUESTIONS: tuple[Question, ...] = (*precision.QUESTIONS, *questions.QUESTIONS, other_shapes.QUESTION)
