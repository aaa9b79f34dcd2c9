"""Tests of the collection of optimizers: unique names, docstrings, scenarios/mutants.yaml, README.md."""

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
from tests.mutants.expectations import FINGERPRINT_ONLY, noticed_by, role_in_arms

FOLDER = ROOT / "tests" / "mutants"


def defined() -> list[ast.ClassDef]:
    """Return every public class that the modules of optimizers define, without the abstract base class."""
    trees = [ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8")) for module in MODULES]
    classes = [node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)]
    return [node for node in classes if not node.name.startswith("_") and node.name != Stepwise.__name__ and node.bases]


def test_every_class_has_a_unique_name() -> None:
    """A scenario names a class without its module."""
    names = [node.name for node in defined()]

    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert set(names) == set(CLASSES)


def test_no_fault_is_planted_twice_in_the_same_code() -> None:
    """Two classes with equal bases and an equal body are one optimizer under two names."""
    bodies = Counter(ast.unparse(ast.Module([*node.bases, *_code(node)], [])) for node in defined())

    assert [body for body, count in bodies.items() if count > 1] == []


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_has_a_docstring_of_one_line(name: str) -> None:
    """The docstring is not inherited, and `collection` finds the address in it."""
    docstring = CLASSES[name].__dict__.get("__doc__") or ""

    assert docstring.strip()
    assert "\n" not in docstring
    assert ("http" in docstring) == bool(thread(CLASSES[name]))


def test_the_file_for_scenarios_lists_exactly_the_classes() -> None:
    """Names, descriptions, threads and roles are equal: run `python -m tests.mutants` after a change."""
    listed = {name: (entry.does, entry.thread, entry.noticed_by, entry.role) for name, entry in load_mutants().items()}
    classes = {name: (does(make), thread(make), noticed_by(name), role_in_arms(name) or "any") for name, make in CLASSES.items()}

    assert listed == classes
    assert writer.FILE.read_text(encoding="utf-8") == writer.text()


@pytest.mark.parametrize("name", FINGERPRINT_ONLY)
def test_a_class_for_the_fingerprint_is_in_one_of_its_tests(name: str) -> None:
    """A self-test of the fingerprint contains its name as a string."""
    tests = [path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "selftest" / "fingerprint").rglob("*.py")]

    assert any(f'"{name}"' in text for text in tests)


def test_a_class_without_an_expectation_is_refused() -> None:
    """The message names the page that describes where to write one."""
    with pytest.raises(LookupError, match=r"Nothing has no expectation: tests/mutants/README\.md"):
        noticed_by("Nothing")


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("CoupledL2", "decoupled"),
        ("AdamDecayTwice", "coupled"),
        ("SgdTwin", "sgd"),
        ("LambdIgnored", "fixed"),
        ("ReorderingAdamW", "decoupled"),
        ("NormOfAll", ""),
    ],
)
def test_the_role_of_a_class_is_that_of_its_twin(name: str, role: str) -> None:
    """A twin without weight_decay can only be in an arm that names it, and no claim can name a class for the fingerprint."""
    assert role_in_arms(name) == role


def test_path_gives_the_import_path_of_a_class() -> None:
    """It has the form that `--optimizer` takes."""
    assert path("DecayForgotten") == "tests.mutants.decay_rule:DecayForgotten"


def test_the_readme_names_every_module() -> None:
    """README.md has one row for each module of the folder, and no other row."""
    rows = [line.split("`")[1] for line in (FOLDER / "README.md").read_text(encoding="utf-8").splitlines() if "| `" in line]

    assert sorted(rows) == sorted(path.name for path in FOLDER.glob("*.py"))


def _code(node: ast.ClassDef) -> list[ast.stmt]:
    return [part for part in node.body if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))]
