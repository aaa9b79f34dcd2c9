"""What does a fingerprint say of an update and a decay? Asks as a fingerprint does, each question after those before."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import torch

from harness.fingerprint import decay, update
from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.subject_runner import SubjectRunner

QUESTIONS = (*update.QUESTIONS, *decay.QUESTIONS)
MUTANTS = "tests.mutants.decay_rule:"


COSTLY = "smallest_decay"  # a search by bisection, which has a test module of its own and on which no other question builds


def findings(path: str, options: Mapping[str, Any] | None = None, *, single: bool = False) -> dict[str, Finding]:
    """Return the finding of each question but the costly one.

    `single` measures in single precision whatever the optimizer can do.
    """
    runner = SubjectRunner(path, options or {}, torch.float32 if single else torch.float64)
    for question in QUESTIONS[1:] if single else QUESTIONS:
        if question.name == COSTLY:
            continue
        found = question.ask(runner)
        if question.name == "precision" and found.values == ("float32",):
            runner = SubjectRunner(path, runner.options, torch.float32)
        runner.known[question.name] = found
    return runner.known


def asked(question: str, path: str, options: Mapping[str, Any] | None = None) -> Finding:
    """Return one question's finding, asked alone."""
    (one,) = [known for known in QUESTIONS if known.name == question]
    return one.ask(_lab(path, tuple((options or {}).items())))


@lru_cache(maxsize=4)
def _lab(path: str, options: tuple[tuple[str, Any], ...]) -> SubjectRunner:
    """Return the runner of a subject that was asked before: its runs are not made again."""
    return SubjectRunner(path, dict(options))
