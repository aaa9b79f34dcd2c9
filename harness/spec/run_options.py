"""Options of a session: from the command line, else the environment, else the pyproject.toml of its folder."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.environment import commands
from harness.errors import UsageError

VARIABLE = "DECAYGATE_OPTIMIZER"
PATHS = ("contract", "expected_failures", "golden_dir")
KNOWN = ("optimizer", *PATHS)


@dataclass(frozen=True)
class RunOptions:
    """The [ROLE=]module:attribute values, and the files and the golden folder that belong to them; None if not given."""

    optimizers: tuple[str, ...] = ()
    contract: Path | None = None
    expected_failures: Path | None = None
    golden_dir: Path | None = None


def resolve_options(given: RunOptions, environment: Mapping[str, str], folder: Path) -> RunOptions:
    """Return the options of a session in `folder`; `given` are those of its command line.

    A contract belongs to an optimizer. If the command line or the environment names other optimizers than the table in
    pyproject.toml, the table's contract and expected failures are not used. Its golden folder is used, because goldens have a
    folder for each optimizer. Raises UsageError for a table that cannot be read.
    """
    table = _from_pyproject(folder / "pyproject.toml")
    named = given.optimizers or tuple(environment.get(VARIABLE, "").replace(",", " ").split())
    differs = bool(named) and set(named) != set(table.optimizers)
    fallback = RunOptions() if differs else table
    return RunOptions(
        named or table.optimizers,
        given.contract or fallback.contract,
        given.expected_failures or fallback.expected_failures,
        given.golden_dir or table.golden_dir,
    )


def check_golden_dir(options: RunOptions) -> None:
    """Raise UsageError if the launcher started a recording and the user named no folder for the goldens.

    They would be written into the suite's own folder, which may lie in site-packages.
    """
    if commands.is_launched() and options.golden_dir is None:
        raise UsageError(
            "recording: expected a folder of your own for the goldens, got none: add --golden-dir=DIR, or golden_dir to "
            "[tool.decaygate] in pyproject.toml"
        )


def _from_pyproject(path: Path) -> RunOptions:
    """Return the options in the table [tool.decaygate] of a pyproject.toml; its paths are relative to the folder of the file."""
    if not path.exists():
        return RunOptions()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get("decaygate", {})
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: not TOML: {error}") from None
    if not isinstance(table, dict):
        raise UsageError(f"{path}: [tool.decaygate]: expected a table, got {table!r}")
    for key in table:
        if key not in KNOWN:
            raise UsageError(f"{path}: [tool.decaygate]: unknown key {key!r} (known: {', '.join(KNOWN)})")
    paths = {key: path.parent / _text(table[key], f"{path}: [tool.decaygate]: {key}") for key in PATHS if key in table}
    return RunOptions(_texts(table.get("optimizer", []), f"{path}: [tool.decaygate]: optimizer"), **paths)


def _texts(value: Any, where: str) -> tuple[str, ...]:
    values: Sequence[Any] = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(item, str) for item in values):
        raise UsageError(f"{where}: expected a text or a list of texts, got {value!r}")
    return tuple(values)


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise UsageError(f"{where}: expected a path, got {value!r}")
    return value
