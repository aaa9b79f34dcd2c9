"""Where does a run get its subject from? The option, else the environment, else the pyproject of the folder it runs in."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import UsageError

VARIABLE = "DECAYGATE_OPTIMIZER"
KNOWN = ("optimizer",)


def optimizers(given: Sequence[str], environment: Mapping[str, str], folder: Path) -> list[str]:
    """Return the [ROLE=]module:attribute values of this run. Raises UsageError for a table it cannot read."""
    if given:
        return list(given)
    if environment.get(VARIABLE):
        return environment[VARIABLE].replace(",", " ").split()
    return _from_pyproject(folder / "pyproject.toml")


def _from_pyproject(path: Path) -> list[str]:
    if not path.exists():
        return []
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get("decaygate", {})
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: not TOML: {error}") from None
    if not isinstance(table, dict):
        raise UsageError(f"{path}: [tool.decaygate]: expected a table, got {table!r}")
    for key in table:
        if key not in KNOWN:
            raise UsageError(f"{path}: [tool.decaygate]: unknown key {key!r} (known: {', '.join(KNOWN)})")
    value = table.get("optimizer", [])
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise UsageError(f"{path}: [tool.decaygate]: optimizer: expected a text or a list of texts, got {value!r}")
    return values
