"""Tests of the options of a session: order of sources, strict reading of the table, paths, contracts."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.environment.commands import LAUNCHER_VARIABLE
from harness.errors import UsageError
from harness.spec.run_options import VARIABLE, RunOptions, check_golden_dir, resolve_options

TABLE = '[tool.decaygate]\noptimizer = "from.table:A"\ncontract = "own.yaml"\n'


def optimizers(given: list[str], environment: dict[str, str], folder: Path) -> list[str]:
    """Return the optimizers that the options of a session name."""
    return list(resolve_options(RunOptions(tuple(given)), environment, folder).optimizers)


def project(folder: Path, text: str = TABLE) -> Path:
    """Return the folder with a pyproject.toml."""
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    return folder


def test_the_option_outranks_the_variable_and_the_table(tmp_path: Path) -> None:
    """An empty variable counts as not set. Without any source there is no optimizer."""
    folder, variable = project(tmp_path), {VARIABLE: "from.variable:A"}

    assert optimizers(["given:A", "sgd=given:B"], variable, folder) == ["given:A", "sgd=given:B"]
    assert optimizers([], variable, folder) == ["from.variable:A"]
    assert optimizers([], {VARIABLE: ""}, folder) == ["from.table:A"]
    assert optimizers([], {}, tmp_path / "elsewhere") == []


@pytest.mark.parametrize("text", ["a:A sgd=b:B", "a:A,sgd=b:B", " a:A,  sgd=b:B "])
def test_the_variable_can_name_several_optimizers(tmp_path: Path, text: str) -> None:
    """They are separated by spaces or commas."""
    assert optimizers([], {VARIABLE: text}, tmp_path) == ["a:A", "sgd=b:B"]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (TABLE, ["from.table:A"]),
        ('[tool.decaygate]\noptimizer = ["a:A", "sgd=b:B"]', ["a:A", "sgd=b:B"]),
        ("[tool.decaygate]", []),
        ("[tool.other]\nkey = 1", []),
        ("", []),
    ],
)
def test_the_table_names_one_several_or_no_optimizers(tmp_path: Path, text: str, values: list[str]) -> None:
    """A project that names none tests the shipped subjects."""
    assert optimizers([], {}, project(tmp_path, text)) == values


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[tool.decaygate]\noptimiser = 'a:A'",
            "[tool.decaygate]: unknown key 'optimiser' (known: optimizer, contract, expected_failures, golden_dir)",
        ),
        ("[tool.decaygate]\noptimizer = 3", "[tool.decaygate]: optimizer: expected a text or a list of texts, got 3"),
        (
            "[tool.decaygate]\noptimizer = ['a:A', 3]",
            "[tool.decaygate]: optimizer: expected a text or a list of texts, got ['a:A', 3]",
        ),
        ("[tool.decaygate]\ncontract = ['a.yaml']", "[tool.decaygate]: contract: expected a path, got ['a.yaml']"),
        ("[tool.decaygate]\ngolden_dir = ''", "[tool.decaygate]: golden_dir: expected a path, got ''"),
        ("[tool]\ndecaygate = 3", "[tool.decaygate]: expected a table, got 3"),
        ("[tool.decaygate", "not TOML: "),
    ],
)
def test_an_invalid_table_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """The message has the file, and the known keys or the expected value."""
    with pytest.raises(UsageError) as caught:
        optimizers([], {}, project(tmp_path, text))

    assert str(caught.value).startswith(f"{tmp_path / 'pyproject.toml'}: {message}")


def test_paths_of_the_table_are_relative_to_its_folder(tmp_path: Path) -> None:
    """A path on the command line outranks the table's."""
    text = TABLE + 'expected_failures = "known/failures.yaml"\ngolden_dir = "golden"\n'
    folder = project(tmp_path, text)

    options = resolve_options(RunOptions(contract=Path("given.yaml")), {}, folder)

    assert options.contract == Path("given.yaml")
    assert options.expected_failures == tmp_path / "known/failures.yaml"
    assert options.golden_dir == tmp_path / "golden"


def test_the_contract_of_the_table_is_only_for_its_optimizer(tmp_path: Path) -> None:
    """The command line or the variable may name the same optimizer; then the contract is used."""
    folder = project(tmp_path)

    assert resolve_options(RunOptions(("another:B",)), {}, folder).contract is None
    assert resolve_options(RunOptions(), {VARIABLE: "another:B"}, folder).contract is None
    assert resolve_options(RunOptions(("from.table:A",)), {}, folder).contract == tmp_path / "own.yaml"
    assert resolve_options(RunOptions(), {VARIABLE: "from.table:A"}, folder).contract == tmp_path / "own.yaml"


def test_a_launched_recording_needs_a_folder_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the launcher the goldens of the clone are recorded."""
    monkeypatch.delenv(LAUNCHER_VARIABLE, raising=False)
    check_golden_dir(RunOptions())

    monkeypatch.setenv(LAUNCHER_VARIABLE, "decaygate")
    check_golden_dir(RunOptions(golden_dir=Path("mine")))
    with pytest.raises(UsageError, match=r"add --golden-dir=DIR, or golden_dir to \[tool\.decaygate\] in pyproject\.toml"):
        check_golden_dir(RunOptions())
