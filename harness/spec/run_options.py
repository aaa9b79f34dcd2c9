"""What was this run asked for? The option, else the environment, else the pyproject of the folder it runs in."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UsageError

VARIABLE = "DECAYGATE_OPTIMIZER"
PATHS = ("contract", "expected_failures", "golden_dir")
KNOWN = ("optimizer", *PATHS)


@dataclass(frozen=True)
class RunOptions:
    """The [ROLE=]module:attribute values, and the files and the folder that belong to them; None where none was named."""

    optimizers: tuple[str, ...] = ()
    contract: Path | None = None
    expected_failures: Path | None = None
    golden_dir: Path | None = None


def resolve_options(given: RunOptions, environment: Mapping[str, str], folder: Path) -> RunOptions:
    """Return what a run in `folder` is asked for, given what its options say.

    A contract belongs to an optimizer: options that name another one than the table take neither its contract nor its
    expected failures; goldens have a folder for each optimizer. Raises UsageError for a table that cannot be read.
    """
    table = _from_pyproject(folder / "pyproject.toml")
    named = given.optimizers or tuple(environment.get(VARIABLE, "").replace(",", " ").split())
    other = bool(named) and set(named) != set(table.optimizers)
    fallback = RunOptions() if other else table
    return RunOptions(
        named or table.optimizers,
        given.contract or fallback.contract,
        given.expected_failures or fallback.expected_failures,
        given.golden_dir or table.golden_dir,
    )


def _from_pyproject(path: Path) -> RunOptions:
    """Return what a pyproject's table asks for; its paths are meant from its folder."""
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
    places = {key: path.parent / _text(table[key], f"{path}: [tool.decaygate]: {key}") for key in PATHS if key in table}
    return RunOptions(_texts(table.get("optimizer", []), f"{path}: [tool.decaygate]: optimizer"), **places)


def _texts(value: Any, where: str) -> tuple[str, ...]:
    values: Sequence[Any] = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise UsageError(f"{where}: expected a text or a list of texts, got {value!r}")
    return tuple(values)


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise UsageError(f"{where}: expected a path, got {value!r}")
    return value
