"""All questions in their order, and the loop that asks them.

Every question gets a finding. If its experiment raises, the finding has no values, and its line gives the error.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch

from harness.errors import RunError, UsageError, error_line, one_line
from harness.fingerprint import decay, handling, update
from harness.fingerprint.finding import FAILED, Finding, Findings
from harness.fingerprint.measuring.preconditions import unmet
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.question import Question
from harness.fingerprint.update import given_steps
from harness.fingerprint.update.given_steps import StepNumber
from harness.spec.contract import IN_FLOAT32

QUESTIONS: tuple[Question, ...] = (*update.QUESTIONS, *decay.QUESTIONS, *handling.QUESTIONS)
LONGEST_LINE = 139  # most characters in the line of a finding
SECTIONS_READ_LATER = ("precision", "update", "decay")  # sections whose findings later questions read


def ask(path: str, given: Mapping[str, Any], names: Collection[str] = ()) -> Iterator[tuple[Question, Finding]]:
    """Yield each wanted question with its finding, in an order in which later questions can use earlier findings.

    `path` is the optimizer's import path and `given` are its options. `names` are the wanted questions, all if empty. The
    questions on which they depend are asked too, and not yielded.
    """
    runner = SubjectRunner(path, given)
    wanted = set(names) or {question.name for question in QUESTIONS}
    last = max(index for index, question in enumerate(QUESTIONS) if question.name in wanted)
    for question in QUESTIONS[: last + 1]:
        if question.name not in wanted and question.section not in SECTIONS_READ_LATER:
            continue
        finding = _in_one_line(_answer(question, runner))
        if question.name == "precision" and set(finding.values) & set(IN_FLOAT32):
            runner = SubjectRunner(path, given, torch.float32)
        runner.findings[question.name] = finding
        if question.name in wanted:
            yield question, finding


_FINDINGS: dict[tuple[str, str], Findings] = {}  # by import path and options


def findings(path: str, options: Mapping[str, Any]) -> Findings:
    """Return the finding of every question. A process measures an optimizer with the same options once."""
    key = (path, repr(sorted(options.items())))
    if key not in _FINDINGS:
        _FINDINGS[key] = {question.name: finding for question, finding in ask(path, options)}
    return _FINDINGS[key]


def step_numbers(path: str, options: Mapping[str, Any]) -> dict[str, StepNumber]:
    """Return the numbers of given steps that record an update rule without a closed form; none for other rules."""
    known = findings(path, options)
    if set(known["step_rule"].values) - {"other"}:
        return {}
    runner = SubjectRunner(path, options, torch.float32 if set(known["precision"].values) & set(IN_FLOAT32) else torch.float64)
    runner.findings.update(known)
    return given_steps.step_numbers(runner)


def _answer(question: Question, runner: SubjectRunner) -> Finding:
    """Return the finding of a question; a precondition that does not hold, or an error, gives one without values."""
    try:
        reason = unmet(runner, question)
        return Finding((), reason) if reason else question.ask(runner)
    except Exception as error:
        names_optimizer = isinstance(error, RunError | UsageError)  # their messages begin with the optimizer's path
        message = one_line(error) if names_optimizer else error_line(error)
        return Finding((), f"unknown: {FAILED}{message}")


def _in_one_line(finding: Finding) -> Finding:
    text = one_line(finding.text)  # the text of an optimizer's error may have any length
    return replace(finding, text=text if len(text) <= LONGEST_LINE else text[: LONGEST_LINE - 3] + "...")
