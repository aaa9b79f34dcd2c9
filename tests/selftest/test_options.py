"""Does the option outrank the variable, and the variable the project's table?"""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.options import VARIABLE, optimizers

TABLE = '[tool.decaygate]\noptimizer = "from.table:A"\n'


def project(folder: Path, text: str = TABLE) -> Path:
    """Return the folder with a pyproject.toml."""
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    return folder


def test_the_option_outranks_the_variable_and_the_table(tmp_path: Path) -> None:
    """Then the variable, then the table, then nothing."""
    folder, variable = project(tmp_path), {VARIABLE: "from.variable:A"}

    assert optimizers(["given:A", "sgd=given:B"], variable, folder) == ["given:A", "sgd=given:B"]
    assert optimizers([], variable, folder) == ["from.variable:A"]
    assert optimizers([], {VARIABLE: ""}, folder) == ["from.table:A"]
    assert optimizers([], {}, tmp_path / "elsewhere") == []


@pytest.mark.parametrize("text", ["a:A sgd=b:B", "a:A,sgd=b:B", " a:A,  sgd=b:B "])
def test_the_variable_holds_several(tmp_path: Path, text: str) -> None:
    """Apart by spaces or commas."""
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
def test_the_table_holds_one_or_several_or_none(tmp_path: Path, text: str, values: list[str]) -> None:
    """A project without the table runs the shipped subjects."""
    assert optimizers([], {}, project(tmp_path, text)) == values


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.decaygate]\noptimiser = 'a:A'", "[tool.decaygate]: unknown key 'optimiser' (known: optimizer)"),
        ("[tool.decaygate]\noptimizer = 3", "[tool.decaygate]: optimizer: expected a text or a list of texts, got 3"),
        (
            "[tool.decaygate]\noptimizer = ['a:A', 3]",
            "[tool.decaygate]: optimizer: expected a text or a list of texts, got ['a:A', 3]",
        ),
        ("[tool]\ndecaygate = 3", "[tool.decaygate]: expected a table, got 3"),
        ("[tool.decaygate", "not TOML: "),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """With its file, and what is known or expected."""
    with pytest.raises(UsageError) as caught:
        optimizers([], {}, project(tmp_path, text))

    assert str(caught.value).startswith(f"{tmp_path / 'pyproject.toml'}: {message}")
