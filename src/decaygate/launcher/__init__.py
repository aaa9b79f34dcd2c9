"""Launcher of the suite: the command `decaygate`, which starts pytest or the harness in a child process.

It needs only the standard library. Its syntax is that of Python 3.8, so that an older Python than the suite needs gets one clear
line.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

from decaygate import __version__
from decaygate.launcher import arguments, process, state, suite, verdict
from decaygate.launcher.arguments import COMMANDS, HARNESS, Request
from decaygate.launcher.exit_codes import GREEN, INTERRUPTED, MISTAKE, RED, Mistake

OLDEST_PYTHON = (3, 11)
QUIET = ("contract", "list", "vocabulary", "doctor")  # commands that answer at once, so they need no first line
KEPT = {
    "calibrate": "the trained chunks are kept in {state}; the same command goes on from there",
    "record": "the goldens that were written are kept; the same command records the others",
}


def main(given: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 green, 1 red, 2 interrupted, 4 a mistake of the user, 5 nothing selected."""
    words = list(sys.argv[1:] if given is None else given)
    try:
        if old := too_old():
            print(f"ERROR: {old}", file=sys.stderr)
            return RED if words[:1] == ["doctor"] else MISTAKE
        if sys.flags.optimize:
            raise Mistake(
                "Python runs with -O or PYTHONOPTIMIZE, which removes assertions; start it without, tests are made of them"
            )
        return _run(arguments.parse(words, suite.own_command(sys.argv[0])))
    except Mistake as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return MISTAKE
    except KeyboardInterrupt:
        return INTERRUPTED


def too_old(version: tuple[int, ...] = tuple(sys.version_info[:3])) -> str:
    """Return why the suite cannot run in a Python of this version, or ""."""
    if version[:2] >= OLDEST_PYTHON:
        return ""
    needed, got = (".".join(map(str, numbers)) for numbers in (OLDEST_PYTHON, version))
    return f"expected Python {needed} or newer, got {got} ({sys.executable}): install in an environment with a newer one"


def _run(request: Request) -> int:
    """Run a command. Raises Mistake for a state folder that cannot be used."""
    root = suite.root_of(suite.PACKAGE)
    command = COMMANDS[request.command]
    variables = process.environment(os.environ, command=suite.own_command(sys.argv[0]), state=request.state)
    if request.command not in QUIET:
        print(_first_line(request), file=sys.stderr, flush=True)
    if request.command != "doctor":
        ready = process.run(suite.harness_command(root, "ready"), variables)
        if ready.code:
            return INTERRUPTED if ready.interrupted else MISTAKE
    if command.writes_state:
        state.prepare(request.state)
    if command.starts == HARNESS:
        return _run_harness(request, suite.harness_command(root, request.command, *request.arguments), variables)
    if request.command == "check":
        subject = request.subjects[0].rpartition("=")[2]
        if code := _run_harness(request, suite.harness_command(root, "fingerprint", subject), variables):
            if code == RED:
                print(f"RED: {subject} hung or crashed while it was measured, so no claim was run", file=sys.stderr)
            return code
        print(flush=True)
    return _run_suite(request, root, variables)


def _run_harness(request: Request, command: Sequence[str], variables: Mapping[str, str]) -> int:
    """Run a command of the harness and return its exit code."""
    ended = process.run(command, variables)
    if ended.interrupted:
        return _interrupted(request)
    return ended.code if ended.code in (GREEN, RED, MISTAKE) else RED


def _run_suite(request: Request, root: Path, variables: Mapping[str, str]) -> int:
    """Run pytest on tests/claims and return the exit code of the run."""
    with state.session_folder(request.state) as notes:
        command = suite.pytest_command(
            root, Path(os.path.abspath(str(request.state / "cache"))), *_pytest_arguments(request, root)
        )
        ended = process.run(command, {**variables, process.NOTES: os.path.abspath(str(notes))})
        code, line = verdict.judge(ended, notes, request.for_pytest)
    if line:
        print(f"\n{line}", file=sys.stderr)  # pytest may have died in the middle of a line
    return _interrupted(request) if ended.interrupted else code


def _pytest_arguments(request: Request, root: Path) -> list[str]:
    """Return the tests of a command and its options; the user's own arguments come last, where pytest lets them win."""
    claims = root / "tests" / "claims"
    tests = [str(claims)]
    if request.command == "check":
        tests = [str(claims / "test_contract.py"), f"{claims / 'test_claims.py'}::test_claim", "-m", "probe"]
    recording = ["--snapshot-update"] if request.command == "record" else []
    return [*tests, "-n", "auto", *recording, *request.arguments, *request.for_pytest]


def _interrupted(request: Request) -> int:
    """Print what an interrupted command leaves. Return the exit code."""
    kept = KEPT.get(request.command, "nothing is kept; run the command again").format(state=request.state)
    print(f"interrupted: {kept}", file=sys.stderr)
    return INTERRUPTED


def _first_line(request: Request) -> str:
    """Return what is run, on what, and where its state is kept."""
    try:
        torch = f"torch {metadata.version('torch')}"
    except metadata.PackageNotFoundError:
        torch = "no torch"
    where = f"; state in {request.state}" if COMMANDS[request.command].writes_state else ""
    what = f"{request.command} {_subject(request)}".strip()
    return f"decaygate {__version__}: {what}, {torch}, Python {platform.python_version()}{where}"


def _subject(request: Request) -> str:
    """Return the optimizers that the command line names, or where else they come from."""
    if COMMANDS[request.command].starts == HARNESS:
        return " ".join(request.arguments)
    if request.subjects:
        return " ".join(request.subjects)
    if os.environ.get("DECAYGATE_OPTIMIZER"):
        return os.environ["DECAYGATE_OPTIMIZER"]
    table = Path("pyproject.toml")
    named = table.is_file() and "[tool.decaygate]" in table.read_text(encoding="utf-8", errors="replace")
    return "the optimizer of pyproject.toml" if named else "torch's AdamW, Adam and SGD"
