"""Worker process of a fingerprint, so that an optimizer that hangs or crashes ends no other process.

It writes one JSON object a line: first the path that it resolved, then each finding as it is made, last the captured output.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import IO, Any

from harness.subject import loading
from harness.subject.output import capture_output


def main(arguments: Sequence[str]) -> int:
    """Measure an optimizer and write its findings to file descriptor 1. Return 4 if the arguments cannot be used, else 0.

    `arguments` are the optimizer's import path, its options as JSON, and the names of the wanted questions (all if none).
    """
    path, options, *names = arguments
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        # The optimizer's output, from Python or from C, must not mix with the findings. It goes to
        # stderr.
        os.dup2(2, 1)
        return _measure(out, path, loading.with_objects(json.loads(options)), names)


def _measure(out: IO[str], path: str, options: Mapping[str, Any], names: Sequence[str]) -> int:
    from harness.environment import determinism
    from harness.errors import UsageError
    from harness.fingerprint.ask import QUESTIONS, ask
    from harness.spec.yaml_binding import unknown

    determinism.fix_torch()
    heard: list[str] = []
    try:
        with capture_output(heard):
            loading.check_buildable(path, options)
        for name in names:
            if name not in (known := [question.name for question in QUESTIONS]):
                raise UsageError(f"--only: {unknown(name, known, what='question', max_listed=len(known))}")
    except UsageError as error:
        _send(out, refused=str(error))
        return 4
    _send(out, resolved=path)
    with capture_output(heard):
        for question, finding in ask(path, options, names):
            _send(
                out,
                question=question.name,
                section=question.section,
                asks=question.asks,
                usual=question.usual,
                in_sentence=question.in_sentence,
                values=finding.values,
                text=finding.text,
                numbers=dict(finding.numbers),
            )
    _send(out, heard=heard)
    return 0


def _send(out: IO[str], **content: Any) -> None:
    print(json.dumps(content), file=out, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
