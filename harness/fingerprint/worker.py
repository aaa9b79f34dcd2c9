"""Who runs the experiments? A process of its own, so that an optimizer that hangs or crashes takes nobody else with it.

It writes one JSON object a line: first what it has resolved, then each finding as it is made.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import IO, Any

from harness.subject.output import capture_output


def main(arguments: Sequence[str]) -> int:
    """Ask every question about `path`; `arguments` are the path, its options as JSON, and the questions wanted."""
    path, options, *names = arguments
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)  # what the optimizer prints, from Python or below, is no finding
        return _measure(out, path, json.loads(options), names)


def _measure(out: IO[str], path: str, options: Mapping[str, Any], names: Sequence[str]) -> int:
    from harness.environment import determinism
    from harness.errors import UsageError
    from harness.fingerprint.ask import QUESTIONS, ask
    from harness.spec.yaml_binding import unknown
    from harness.subject import loading

    determinism.fix_torch()
    heard: list[str] = []
    try:
        with capture_output(heard):
            loading.buildable(path, options)
        for name in names:
            if name not in (known := [question.name for question in QUESTIONS]):
                raise UsageError(f"--only: {unknown(name, known, what='question', most=len(known))}")
    except UsageError as error:
        _say(out, refused=str(error))
        return 4
    _say(out, resolved=path)
    with capture_output(heard):
        for question, found in ask(path, options, names):
            _say(
                out,
                question=question.name,
                section=question.section,
                asks=question.asks,
                usual=question.usual,
                in_sentence=question.in_sentence,
                values=found.values,
                says=found.says,
                numbers=dict(found.numbers),
            )
    _say(out, heard=heard)
    return 0


def _say(out: IO[str], **content: Any) -> None:
    print(json.dumps(content), file=out, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
