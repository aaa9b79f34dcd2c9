"""What is asked of an optimizer, in which order, and what if it breaks? Every question is answered, if only by an error."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch

from harness.errors import RunError, UsageError, error_line, one_line
from harness.fingerprint import decay, handling, update
from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.preconditions import unmet
from harness.fingerprint.measuring.subject_runner import NEEDS_CLOSURE, NeedsClosureError, SubjectRunner
from harness.fingerprint.question import Question

QUESTIONS: tuple[Question, ...] = (*update.QUESTIONS, *decay.QUESTIONS, *handling.QUESTIONS)
LINE = 139  # characters of a finding
BUILT_UPON = ("precision", "update", "decay")  # sections whose findings later questions read


def ask(path: str, given: Mapping[str, Any], names: Collection[str] = ()) -> Iterator[tuple[Question, Finding]]:
    """Yield each question with its finding, in an order in which each can build on earlier ones.

    `names` are the questions that are wanted, all when none is given; those that they build on are asked too.
    """
    runner = SubjectRunner(path, given)
    wanted = set(names) or {question.name for question in QUESTIONS}
    last = max(index for index, question in enumerate(QUESTIONS) if question.name in wanted)
    for question in QUESTIONS[: last + 1]:
        if question.name not in wanted and question.section not in BUILT_UPON:
            continue
        finding = _in_a_line(_answer(question, runner))
        if question.name == "precision" and finding.values == ("float32",):
            runner = SubjectRunner(path, given, torch.float32)
        runner.known[question.name] = finding
        if question.name in wanted:
            yield question, finding


def _answer(question: Question, runner: SubjectRunner) -> Finding:
    try:
        reason = unmet(runner, question)
        return Finding((), reason) if reason else question.ask(runner)
    except NeedsClosureError:
        return Finding((), f"not known: {NEEDS_CLOSURE}")
    except Exception as error:
        ours = isinstance(error, RunError | UsageError)  # their messages begin with the optimizer's path
        said = one_line(error) if ours else error_line(error)
        return Finding((), f"not known, the experiment broke: {said}")


def _in_a_line(finding: Finding) -> Finding:
    says = one_line(finding.says)  # an optimizer's own words may have any length
    return replace(finding, says=says if len(says) <= LINE else says[: LINE - 3] + "...")
