"""Fingerprint of an optimizer, and the process of its own in which it is measured.

This module does not import torch: the worker process does.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from harness.environment import determinism
from harness.environment.paths import ROOT
from harness.errors import SubjectError
from harness.subject.time_limit import VARIABLE

START = 300.0  # seconds that importing torch and the optimizer may take


@dataclass(frozen=True)
class FingerprintLine:
    """One question and its finding; the fields are those of `finding.Finding` and `question.Question`."""

    question: str
    section: str
    asks: str
    values: tuple[str, ...]
    text: str
    usual: tuple[str, ...] = ()
    in_sentence: bool = False
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Fingerprint:
    """All lines, the optimizer's captured output (`heard`), and why the measurement ended early (`broken`), if it did."""

    path: str
    options: Mapping[str, Any]
    lines: tuple[FingerprintLine, ...]
    heard: tuple[str, ...] = ()
    broken: str = ""

    def line(self, question: str) -> FingerprintLine | None:
        """Return the line of a question, or None if the measurement did not reach it."""
        return next((line for line in self.lines if line.question == question), None)


def measure(path: str, options: Mapping[str, Any], *, limit: float, questions: Sequence[str] = ()) -> Fingerprint:
    """Measure an optimizer in a process of its own.

    `limit` is the number of seconds that a step of a few small tensors may take; `questions` are the wanted ones, all if empty.
    If the optimizer hangs or crashes, the fingerprint holds the lines up to that point. Raises SubjectError if the optimizer
    cannot be found or built, or a question is unknown.
    """
    lines: list[FingerprintLine] = []
    heard: tuple[str, ...] = ()
    broken, ended = "", False
    for content in _messages(path, options, limit, questions):
        if "refused" in content:
            raise SubjectError(content["refused"])
        if "question" in content:
            lines.append(FingerprintLine(**{**content, "values": tuple(content["values"]), "usual": tuple(content["usual"])}))
        ended = ended or "heard" in content
        heard = tuple(content.get("heard", heard))
        broken = content.get("broken", broken)
    if not (ended or broken):
        broken = "the process ended without an error before the fingerprint was complete: the optimizer ends Python"
    return Fingerprint(path, dict(options), tuple(lines), heard, broken)


def _messages(path: str, options: Mapping[str, Any], limit: float, questions: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """Yield the worker's messages; the last one is `broken` if the worker hung or died."""
    with subprocess.Popen(
        [sys.executable, "-P", "-c", _WORKER, path, json.dumps(dict(options)), *questions],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(limit),
        text=True,
    ) as worker:
        assert worker.stdout is not None
        lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=_put_lines, args=(worker.stdout, lines), daemon=True).start()
        seconds = START
        while True:
            try:
                line = lines.get(timeout=seconds)
            except queue.Empty:
                worker.kill()
                yield {"broken": f"no message came within {seconds:g} s: the optimizer hangs where Python cannot interrupt it"}
                return
            if line is None:
                break
            seconds = 3 * limit + 30.0  # the worker's own timer ends a step long before this
            yield json.loads(line)
    if worker.returncode not in (0, 4):
        yield {"broken": f"the process died (exit code {worker.returncode}): a crash outside Python"}


_WORKER = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}]
sys.path.append("")
from harness.fingerprint.worker import main
sys.exit(main(sys.argv[1:]))
"""  # the suite's packages come first and the working directory last, so that no file there hides a module of the suite


def _environment(limit: float) -> dict[str, str]:
    """Return the worker's environment: the time limit of a step, all warnings, no bytecode files."""
    environment = {**os.environ, VARIABLE: str(limit), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "default"}
    determinism.fix_environment(environment)
    return environment


def _put_lines(source: IO[str], lines: queue.Queue[str | None]) -> None:
    """Put each line of the worker into the queue, and None at the end."""
    for line in source:
        lines.put(line)
    lines.put(None)
