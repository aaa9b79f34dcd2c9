"""Command that writes scenarios/mutants.yaml from the docstrings of this folder.

python -m tests.mutants
"""

from __future__ import annotations

import ast
import json
from pathlib import Path

from harness.environment.paths import ROOT
from tests.mutants import collection
from tests.mutants.expectations import noticed_by, role_in_arms

FILE = ROOT / "scenarios" / "mutants.yaml"
HEAD = """\
# The optimizers of tests/mutants: what each does, the thread of the real bug, what notices it, and the role of its arms.
# noticed_by:
#   claims       a claim's counterexample may name it, and the kill matrix tries it
#   fingerprint  only a question of the fingerprint notices it, and the fingerprint's self-tests try it
#   nothing      it is right under its own contract; a claim about another optimizer may still name it
# role: the role of the arms in which a counterexample can put it. Arms with role: any take all but `fixed`, and arms with
#   role: fixed take all.
# Made by `python -m tests.mutants` from the docstrings; a self-test compares it with the folder.
mutants:
"""


def text() -> str:
    """Return the text of the file: a block for each class, in the order of the modules and of their classes."""
    blocks = (
        _title(module.__file__) + "".join(_block(make) for make in _classes_of(module.__name__)) for module in collection.MODULES
    )
    return HEAD + "".join(blocks)


def _title(file: str | None) -> str:
    docstring = ast.get_docstring(ast.parse(Path(str(file)).read_text(encoding="utf-8"))) or ""
    return f"  # {Path(str(file)).stem}: {docstring.splitlines()[0]}\n"


def _classes_of(module: str) -> list[type]:
    return [make for make in collection.CLASSES.values() if make.__module__ == module]


def _block(make: type) -> str:
    keys = {"does": collection.does(make), "thread": collection.thread(make)}
    lines = [f"    {key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in keys.items() if value]
    role = role_in_arms(make.__name__)
    lines += [f"    noticed_by: {noticed_by(make.__name__)}\n", *([f"    role: {role}\n"] if role else [])]
    return f"  {make.__name__}:\n{''.join(lines)}"


def main() -> None:
    """Write scenarios/mutants.yaml."""
    FILE.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
