"""Tests of the launcher with a child that only pretends to run: what is started, what is printed, which exit code comes."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from decaygate import __version__, launcher
from decaygate.launcher import process
from decaygate.launcher.process import Ended
from harness.environment.paths import ROOT

SOURCES = sorted((ROOT / "src").rglob("*.py"))


class Children:
    """The started commands, and how each ends: `ready` well, pytest with `code` and its note, the harness with `of_harness`."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.code, self.of_harness, self.ready = 0, Ended(0), Ended(0)

    def run(self, command: Sequence[str], variables: Mapping[str, str]) -> Ended:
        """Take the place of `process.run`."""
        self.commands.append(list(command))
        if command[-1] == "ready":
            return self.ready
        if "pytest" not in command:
            return self.of_harness
        note = Path(variables[process.NOTES]) / "controller.json"
        note.write_text(json.dumps({"subject": "", "doing": "", "ended": True, "crashes": 0}), encoding="utf-8")
        return Ended(self.code)


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Children:
    """Children that run nothing; the working directory is an empty folder."""
    fake = Children()
    monkeypatch.setattr(process, "run", fake.run)
    monkeypatch.setattr(sys, "argv", ["/bin/decaygate"])
    monkeypatch.delenv("DECAYGATE_OPTIMIZER", raising=False)
    monkeypatch.chdir(tmp_path)
    return fake


def test_claims_runs_every_test_and_the_users_arguments_win(children: Children) -> None:
    assert launcher.main(["claims", "--optimizer=mine:A", "--", "-n", "0"]) == 0

    *_, command = children.commands
    assert command[command.index("pytest") + 6 :] == [
        *(str(ROOT / "tests" / "claims"), "-n", "auto"),
        *("--optimizer=mine:A", "-n", "0"),
    ]


def test_check_measures_first_and_then_runs_probes(children: Children) -> None:
    """The fingerprint has no role. Goldens are not compared."""
    assert launcher.main(["check", "sgd=mine:A"]) == 0

    ready, fingerprint, pytest_run = children.commands
    assert ready[1:] == [str(ROOT / "harness"), "ready"]
    assert fingerprint[1:] == [str(ROOT / "harness"), "fingerprint", "mine:A"]
    claims = ROOT / "tests" / "claims"
    assert f"{claims}/test_contract.py {claims}/test_claims.py::test_claim -m probe -n auto" in " ".join(pytest_run)
    assert pytest_run[-1] == "--optimizer=sgd=mine:A"


@pytest.mark.parametrize(("end", "code"), [(Ended(1), 1), (Ended(4), 4), (Ended(-11), 1), (Ended(0, True), 2)])
def test_check_stops_after_a_failed_fingerprint(children: Children, end: Ended, code: int) -> None:
    """A crash is red, a wrong name is a mistake, and Ctrl-C an interrupt. pytest is not started."""
    children.of_harness = end

    assert launcher.main(["check", "mine:A"]) == code
    assert len(children.commands) == 2


def test_record_asks_pytest_to_write_goldens(children: Children) -> None:
    launcher.main(["record", "--golden-dir=mine"])

    assert children.commands[-1][-2:] == ["--snapshot-update", "--golden-dir=mine"]


@pytest.mark.parametrize("code", [0, 1, 4, 5])
def test_the_exit_code_of_pytest_is_that_of_the_command(children: Children, code: int) -> None:
    children.code = code

    assert launcher.main(["claims"]) == code


def test_a_command_of_the_harness_gets_its_arguments(children: Children, tmp_path: Path) -> None:
    """It writes no state, so that no folder is made."""
    assert launcher.main(["list", "--kind", "probe"]) == 0

    assert children.commands[-1][1:] == [str(ROOT / "harness"), "list", "--kind", "probe"]
    assert list(tmp_path.iterdir()) == []


def test_missing_packages_are_a_mistake(children: Children) -> None:
    """`ready` has printed them. `doctor` runs in such an environment."""
    children.ready, children.of_harness = Ended(1), Ended(1)

    assert launcher.main(["list"]) == 4
    assert launcher.main(["doctor"]) == 1
    assert [command[-1] for command in children.commands] == ["ready", "doctor"]


@pytest.mark.parametrize(
    ("words", "table", "what"),
    [
        (["claims", "--optimizer=mine:A"], "", "claims mine:A, "),
        (["claims"], "", "claims torch's AdamW, Adam and SGD, "),
        (["claims"], "[tool.decaygate]\n", "claims the optimizer of pyproject.toml, "),
        (["fingerprint", "mine:A"], "", "fingerprint mine:A, "),
    ],
)
def test_the_first_line_says_what_is_run_on_what(
    children: Children, capsys: pytest.CaptureFixture[str], words: list[str], table: str, what: str
) -> None:
    """It is printed before a child starts, and not into the output, which may be JSON."""
    if table:
        Path("pyproject.toml").write_text(table, encoding="utf-8")

    launcher.main(words)

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"decaygate {__version__}: {what}")


def test_an_interrupted_calibration_says_what_is_kept(children: Children, capsys: pytest.CaptureFixture[str]) -> None:
    children.of_harness = Ended(-2, interrupted=True)

    assert launcher.main(["calibrate", "--golden-dir=g", "--state=there"]) == 2
    assert "interrupted: the trained chunks are kept in there; " in capsys.readouterr().err


def test_a_mistake_is_one_line(children: Children, capsys: pytest.CaptureFixture[str]) -> None:
    assert launcher.main(["clams"]) == 4

    out, err = capsys.readouterr()
    assert (out, err.count("\n"), err[:7]) == ("", 1, "ERROR: ")
    assert children.commands == []


@pytest.mark.parametrize(("words", "code"), [(["doctor"], 1), (["claims"], 4)])
def test_an_old_python_is_named(
    children: Children, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str], code: int
) -> None:
    """`doctor` reports it as a finding, and for other commands it is a mistake."""
    line = launcher.too_old((3, 9, 1))
    monkeypatch.setattr(launcher, "too_old", lambda: line)

    assert launcher.main(words) == code
    assert capsys.readouterr().err.startswith("ERROR: expected Python 3.11 or newer, got 3.9.1 (")


def test_every_supported_python_is_accepted() -> None:
    """pyproject.toml declares the oldest one."""
    oldest = ".".join(map(str, launcher.OLDEST_PYTHON))

    assert f'requires-python = ">={oldest}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert [launcher.too_old(version) for version in ((3, 11, 0), (3, 14, 2), (4, 0, 0))] == ["", "", ""]


def test_the_version_is_that_of_the_project() -> None:
    assert f'\nversion = "{__version__}"\n' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_old_python_can_read_the_launcher(source: Path) -> None:
    """It must print its line there, so its syntax is that of Python 3.8, and it imports only the standard library."""
    tree = ast.parse(source.read_text(encoding="utf-8"), feature_version=(3, 8))

    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([str(node.module)] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    assert imported <= {*sys.stdlib_module_names, "decaygate"}
