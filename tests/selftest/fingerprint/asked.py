"""Helpers for tests of the questions about update and decay: the findings of a subject, all of them or one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import torch

from harness.fingerprint import decay, update
from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.spec.contract import IN_FLOAT32

QUESTIONS = (*update.QUESTIONS, *decay.QUESTIONS)
MUTANTS = "tests.mutants.decay_rule:"
COSTLY = "smallest_decay"  # a bisection; it has its own test module, and no other question depends on it


def findings_of(path: str, options: Mapping[str, Any] | None = None, *, in_float32: bool = False) -> dict[str, Finding]:
    """Return the finding of each question except the costly one; as in a fingerprint, later ones can use earlier findings.

    `in_float32` measures in float32 even if the optimizer takes float64.
    """
    runner = SubjectRunner(path, options or {}, torch.float32 if in_float32 else torch.float64)
    for question in QUESTIONS[1:] if in_float32 else QUESTIONS:
        if question.name == COSTLY:
            continue
        finding = question.ask(runner)
        if question.name == "precision" and set(finding.values) & set(IN_FLOAT32):
            runner = SubjectRunner(path, runner.options, torch.float32)
        runner.findings[question.name] = finding
    return runner.findings


def finding_of(question: str, path: str, options: Mapping[str, Any] | None = None) -> Finding:
    """Return the finding of one question that is asked alone, without earlier findings."""
    (chosen,) = [known for known in QUESTIONS if known.name == question]
    return chosen.ask(_runner(path, tuple((options or {}).items())))


@lru_cache(maxsize=4)
def _runner(path: str, options: tuple[tuple[str, Any], ...]) -> SubjectRunner:
    """Return the runner of a subject, the same for each question, so that cached runs are used again."""
    return SubjectRunner(path, dict(options))
