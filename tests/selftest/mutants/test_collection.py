"""Is every optimizer of tests/mutants there once, written down for scenarios, and tried by somebody?"""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

from harness.catalog.load import load_mutants
from harness.environment.paths import ROOT
from tests.mutants import __main__ as writer
from tests.mutants.collection import CLASSES, MODULES, does, path, thread
from tests.mutants.decay_rule import Stepwise
from tests.mutants.expectations import FINGERPRINT_ONLY, noticed_by

FOLDER = ROOT / "tests" / "mutants"


def defined() -> list[ast.ClassDef]:
    """Return every public class that the modules of optimizers define, bases alone left out."""
    trees = [ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8")) for module in MODULES]
    found = [node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)]
    return [one for one in found if not one.name.startswith("_") and one.name != Stepwise.__name__ and one.bases]


def test_every_class_has_a_name_of_its_own() -> None:
    """A scenario names it without its module."""
    names = [one.name for one in defined()]

    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert set(names) == set(CLASSES)


def test_no_fault_is_planted_twice_in_the_same_code() -> None:
    """The same bases and the same body would be the same optimizer under two names."""
    bodies = Counter(ast.unparse(ast.Module([*one.bases, *_code(one)], [])) for one in defined())

    assert [body for body, count in bodies.items() if count > 1] == []


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_says_what_it_does(name: str) -> None:
    """In a docstring of its own, of one line."""
    said = CLASSES[name].__dict__.get("__doc__") or ""

    assert said.strip()
    assert "\n" not in said
    assert ("http" in said) == bool(thread(CLASSES[name]))


def test_the_file_for_scenarios_is_the_folder() -> None:
    """Names, texts and threads, both ways: run `python -m tests.mutants` after a change."""
    written = {name: (one.does, one.thread, one.noticed_by) for name, one in load_mutants().items()}
    there = {name: (does(make), thread(make), noticed_by(name)) for name, make in CLASSES.items()}

    assert written == there
    assert writer.FILE.read_text(encoding="utf-8") == writer.text()


@pytest.mark.parametrize("name", FINGERPRINT_ONLY)
def test_what_only_the_fingerprint_notices_is_tried_there(name: str) -> None:
    """Its name stands in a self-test of the fingerprint."""
    tests = [one.read_text(encoding="utf-8") for one in (ROOT / "tests" / "selftest" / "fingerprint").rglob("*.py")]

    assert any(f'"{name}"' in text for text in tests)


def test_a_class_without_an_expectation_is_refused() -> None:
    """With the page that says where to write one."""
    with pytest.raises(LookupError, match=r"Nothing has no expectation: tests/mutants/README\.md"):
        noticed_by("Nothing")


def test_a_path_is_an_import_path() -> None:
    """As `--optimizer` takes it."""
    assert path("DecayForgotten") == "tests.mutants.decay_rule:DecayForgotten"


def test_the_page_names_every_module() -> None:
    """README.md has a row for each module of the folder, and for nothing that is gone."""
    rows = [line.split("`")[1] for line in (FOLDER / "README.md").read_text(encoding="utf-8").splitlines() if "| `" in line]

    assert sorted(rows) == sorted(one.name for one in FOLDER.glob("*.py"))


def _code(one: ast.ClassDef) -> list[ast.stmt]:
    return [part for part in one.body if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))]
