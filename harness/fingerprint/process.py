"""What has been measured of an optimizer? A fingerprint, as it comes from the process that makes it; needs no torch."""

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
    """One question and what was found; see `finding.Finding` and `question.Question`."""

    question: str
    section: str
    asks: str
    values: tuple[str, ...]
    says: str
    usual: tuple[str, ...] = ()
    in_sentence: bool = False
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Fingerprint:
    """All lines, what the optimizer printed or warned, and the error that ended the measurement early, if one did."""

    path: str
    options: Mapping[str, Any]
    lines: tuple[FingerprintLine, ...]
    heard: tuple[str, ...] = ()
    broken: str = ""

    def line(self, question: str) -> FingerprintLine | None:
        """Return the line of a question, or None when it was not reached."""
        return next((line for line in self.lines if line.question == question), None)


def measure(path: str, options: Mapping[str, Any], *, limit: float, questions: Sequence[str] = ()) -> Fingerprint:
    """Measure an optimizer; `limit` is how many seconds a step of a few small tensors may take.

    Raises SubjectError when the optimizer cannot be found. One that hangs or crashes has its fingerprint up to there.
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
        broken = "the process ended by itself before its last line, without an error: the optimizer leaves Python"
    return Fingerprint(path, dict(options), tuple(lines), heard, broken)


def _messages(path: str, options: Mapping[str, Any], limit: float, questions: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """Yield what the worker writes; last, `broken` when it went silent or died."""
    with subprocess.Popen(
        [sys.executable, "-P", "-c", _START, path, json.dumps(dict(options)), *questions],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(limit),
        text=True,
    ) as worker:
        assert worker.stdout is not None
        lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=_pump, args=(worker.stdout, lines), daemon=True).start()
        patience = START
        while True:
            try:
                line = lines.get(timeout=patience)
            except queue.Empty:
                worker.kill()
                yield {"broken": f"nothing came back within {patience:g} s: it hangs where no timer of Python reaches"}
                return
            if line is None:
                break
            patience = 3 * limit + 30.0  # the worker's own timer ends a step long before
            yield json.loads(line)
    if worker.returncode not in (0, 4):
        yield {"broken": f"the process died (exit code {worker.returncode}): a crash below Python"}


_START = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}]
sys.path.append("")
from harness.fingerprint.worker import main
sys.exit(main(sys.argv[1:]))
"""  # the suite's own packages first, the working directory last: it hides nothing of ours


def _environment(limit: float) -> dict[str, str]:
    environment = {**os.environ, VARIABLE: str(limit), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "default"}
    determinism.fix_environment(environment)
    return environment


def _pump(source: IO[str], lines: queue.Queue[str | None]) -> None:
    for line in source:
        lines.put(line)
    lines.put(None)
