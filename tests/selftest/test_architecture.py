"""Does the harness keep its shape: imports downwards only, small files, small functions, a test for each module?"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from harness.catalogue import ROOT

# What each module imports of the harness, exactly: an import that is added is decided here, one that is gone leaves.
IMPORTS: dict[str, str] = {
    "__init__": "",
    "__main__": "cli",
    "applicability": "catalogue contract scenario subject",
    "arithmetic": "reading",
    "attribution": "catalogue comparison determinism evidence provenance recording run subject witness",
    "averaging": "optimizers",
    "binding": "command errors",
    "budget": "catalogue verdict",
    "calibration": "applicability catalogue command comparison determinism errors golden heartbeat outcome pool provenance"
    " recording run scenario store subject",
    "catalogue": "arithmetic binding contract errors measure probes scenario study train",
    "contract": "binding",
    "deadline": "errors",
    "cli": "arithmetic binding calibration catalogue command contract contract_page determinism errors fingerprint.measured"
    " fingerprint.report measure options probes scenario subject",
    "command": "",
    "comparison": "statistics verdict",
    "contract_page": "contract",
    "determinism": "",
    "diagnosis": "contract fingerprint.ask fingerprint.finding fingerprint.phrases",
    "difference": "comparison",
    "entries": "catalogue comparison reading record run scenario signal statistics",
    "errors": "",
    "evaluate": "gpt task",
    "evidence": "comparison",
    "expected_failures": "binding",
    "golden": "command comparison difference provenance recording",
    "gpt": "",
    "heartbeat": "",
    "ledger": "catalogue outcome scenario subject",
    "measure": "reading record statistics train",
    "optimizers": "",
    "options": "errors",
    "outcome": "reading run scenario verdict",
    "pool": "comparison entries errors measure provenance reading scenario statistics",
    "prodigy": "optimizers",
    "promise": "command contract fingerprint.ask fingerprint.equivalence fingerprint.finding ledger subject",
    "provenance": "determinism scenario subject",
    "reading": "",
    "record": "",
    "recording": "comparison errors provenance statistics",
    "reference": "optimizers",
    "rounding": "optimizers",
    "run": "arithmetic catalogue errors heartbeat measure probes reading record scenario single store study subject",
    "scenario": "binding",
    "schedule": "",
    "signal": "catalogue comparison probes run scenario subject",
    "single": "reading subject",
    "slots": "",
    "stack": "errors gpt",
    "statistics": "",
    "store": "errors",
    "study": "heartbeat record scenario single store subject task train",
    "subject": "contract deadline errors",
    "table": "ledger recording wording",
    "tape": "errors evaluate record stack",
    "task": "",
    "train": "errors evaluate gpt record schedule stack subject tape task",
    "verdict": "reading scenario statistics",
    "witness": "catalogue comparison entries errors evidence record reference run subject",
    "wording": "outcome verdict",
}
# What measures an optimizer stands on these alone: no scenario, verdict or golden has a say in a fingerprint.
FINGERPRINTS_MAY_IMPORT = {"binding", "contract", "deadline", "determinism", "errors", "subject"}
# A probe may import these and nothing else of the harness; the last five stand below the probes and import no probe.
PROBES_MAY_IMPORT = {"reading", "subject"} | {
    f"probes.{name}" for name in ("probe", "trajectory", "decay_law", "external_gradient", "given_steps", "scale_invariant_loss")
}
NO_PROBES = {"__init__", "probe", "trajectory", "decay_law", "external_gradient", "given_steps", "scale_invariant_loss"}

ONLY_IN = {"yaml": {"binding"}, "syrupy": {"golden"}, "filelock": {"store"}, "pytest": set(), "tests": set()}

# Modules without a self-test of their own name, and the one that holds them to what they say.
TESTED_IN = {
    "errors": "test_subject.py",  # exceptions without behaviour
    "reading": "test_verdict.py",  # a record without behaviour
    "scenario": "test_outcome.py",  # records, and which arms a claim reads
    "record": "test_train.py",
    "schedule": "test_train.py",
    "contract_page": "test_contract.py",
    "golden": "golden/test_life.py",
    "fingerprint.ask": "test_promise.py",
    "fingerprint.finding": "fingerprint/test_report.py",  # a record without behaviour
    "fingerprint.phrases": "test_diagnosis.py",
    "fingerprint.question": "fingerprint/asked.py",  # a record without behaviour
    "fingerprint.lab": "fingerprint/asked.py",
    "fingerprint.worker": "fingerprint/test_measured.py",
    "table": "test_ledger.py",
    "probes.probe": "test_cli.py",  # a record without behaviour
    "probes.decay_law": "probes/test_superposition.py",
    "probes.scale_invariant_loss": "probes/test_scale_invariance.py",
    "probes.trajectory": "test_optimizers.py",
}
# The same, where the test reaches the module only through the one above it.
REACHED_THROUGH = {
    "__init__": "test_architecture.py",
    "__main__": "test_session.py",
    "evaluate": "test_train.py",
    "stack": "test_train.py",
    "tape": "test_train.py",
    "fingerprint.__init__": "test_architecture.py",
    "probes.__init__": "test_catalogue.py",
    "probes.external_gradient": "probes/test_superposition.py",
}

LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 40
PARAMETERS = 6

HARNESS = sorted((ROOT / "harness").rglob("*.py"))
SELFTEST = ROOT / "tests" / "selftest"
SOURCES = [
    *HARNESS,
    ROOT / "conftest.py",
    *sorted((ROOT / "tests").glob("*.py")),
    *sorted((ROOT / "tests" / "claims").glob("*.py")),
]


def name_of(path: Path) -> str:
    """Return a module's name below the harness."""
    return ".".join(path.relative_to(ROOT / "harness").with_suffix("").parts)


def tree_of(path: Path) -> ast.Module:
    """Return a module's syntax."""
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> Iterator[str]:
    """Yield every module that is imported, at the top or inside a function; a harness module whole, with its package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute, so that this table can be read"
            parts = [
                alias.name
                for alias in node.names
                if (ROOT / f"{node.module}.{alias.name}".replace(".", "/")).with_suffix(".py").exists()
            ]
            yield from (f"{node.module}.{part}" for part in parts)
            if len(parts) < len(node.names):
                yield str(node.module)


def of_harness(path: Path) -> set[str]:
    """Return the harness modules that a module imports, by their names below the harness."""
    names = {name for name in imported(tree_of(path)) if name.split(".")[0] == "harness"}
    assert "harness" not in names, f"{path.name} imports the package instead of a module"
    return {name.removeprefix("harness.") for name in names}


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Yield every function and method."""
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def modules(paths: list[Path]) -> pytest.MarkDecorator:
    """Return the parametrization over files, named as from the root."""
    return pytest.mark.parametrize("path", paths, ids=[str(path.relative_to(ROOT)) for path in paths])


def test_the_table_names_every_module() -> None:
    """And no module that is gone."""
    assert set(IMPORTS) == {name_of(path) for path in HARNESS if path.parent.name == "harness"}


@modules([path for path in HARNESS if path.parent.name == "harness"])
def test_a_module_imports_what_the_table_says(path: Path) -> None:
    """Exactly that, so that a new dependency is a line of a review."""
    assert of_harness(path) == set(IMPORTS[name_of(path)].split())


@modules([path for path in HARNESS if path.parent.name == "probes"])
def test_a_probe_stands_alone(path: Path) -> None:
    """It imports readings, subjects and what probes share, and never another probe, a scenario or a verdict."""
    if path.stem == "__init__":
        assert {name.removeprefix("probes.") for name in of_harness(path)} >= {
            one.stem for one in path.parent.glob("*.py")
        } - NO_PROBES
    else:
        assert of_harness(path) <= PROBES_MAY_IMPORT - {f"probes.{path.stem}"}


@modules([path for path in HARNESS if path.parent.name == "fingerprint"])
def test_a_fingerprint_knows_no_claim(path: Path) -> None:
    """It imports subjects, the contract's table and its own package."""
    outside = {name for name in of_harness(path) if not name.startswith("fingerprint.")}

    assert outside <= FINGERPRINTS_MAY_IMPORT


def test_imports_run_downwards_only() -> None:
    """There is an order of all modules in which each imports only earlier ones."""
    graph = {name: set(known.split()) for name, known in IMPORTS.items()}
    graph |= {name_of(path): of_harness(path) for path in HARNESS if path.parent.name in ("probes", "fingerprint")}
    graph["probes"] = graph.pop("probes.__init__") - {"probes"}

    order = list(TopologicalSorter(graph).static_order())

    assert set(order) == set(graph)
    assert order.index("errors") < order.index("catalogue") < order.index("run") < order.index("ledger")


@modules(HARNESS)
def test_each_outside_package_has_one_door(path: Path) -> None:
    """Nothing in the harness imports pytest or tests; one module each reads YAML, extends syrupy, and locks files."""
    outside = {name.split(".")[0] for name in imported(tree_of(path))}

    assert {package for package, doors in ONLY_IN.items() if package in outside and name_of(path) not in doors} == set()


@modules(SOURCES)
def test_a_file_is_one_noun_that_says_what_it_answers(path: Path) -> None:
    """A docstring, and at most 400 lines."""
    text = path.read_text(encoding="utf-8")

    assert len(text.splitlines()) <= LINES_OF_A_FILE
    assert not text or path.name == "__init__.py" or ast.get_docstring(ast.parse(text))
    assert path.stem not in ("utils", "util", "common", "base", "manager", "helpers", "misc")


@modules(SOURCES)
def test_a_function_is_small(path: Path) -> None:
    """At most 40 lines without its docstring, and six parameters beside self."""
    for node in functions(tree_of(path)):
        lines = (node.end_lineno or 0) - node.lineno + 1
        if ast.get_docstring(node):
            lines -= (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
        arguments = [one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        assert lines <= LINES_OF_A_FUNCTION, f"{node.name} has {lines} lines"
        assert len([name for name in arguments if name not in ("self", "cls")]) <= PARAMETERS, node.name


@modules(HARNESS)
def test_a_public_name_has_a_docstring(path: Path) -> None:
    """Every class, and every function that another module may call."""
    tops = [node for node in tree_of(path).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    bare = [node.name for node in tops if not node.name.startswith("_") and not ast.get_docstring(node)]

    assert bare == []


@modules(HARNESS)
def test_a_module_has_a_self_test(path: Path) -> None:
    """Of its own name, or one that is named here and uses it."""
    name = name_of(path)
    own = SELFTEST / Path(*name.split(".")[:-1]) / f"test_{path.stem}.py"
    if name in REACHED_THROUGH:
        assert (SELFTEST / REACHED_THROUGH[name]).exists()
        assert not own.exists(), f"{name} has a self-test now: take it out of REACHED_THROUGH"
        return
    home = SELFTEST / TESTED_IN[name] if name in TESTED_IN else own

    assert home.exists(), f"{home.relative_to(ROOT)} is missing; test {name} there or name the test that does"
    assert path.stem in home.read_text(encoding="utf-8")
    assert home == own or not own.exists(), f"{name} has a self-test now: take it out of TESTED_IN"


@modules(sorted(SELFTEST.rglob("test_*.py")))
def test_a_self_test_says_what_it_asks(path: Path) -> None:
    """In its file's docstring; and each of its tests can fail by itself or by a function of its file that can."""
    tree = tree_of(path)
    checking = {node.name for node in functions(tree) if any(_checks(part, set()) for part in ast.walk(node))}
    tests = [node for node in functions(tree) if node.name.startswith("test_")]

    idle = [node.name for node in tests if not any(_checks(part, checking) for part in ast.walk(node))]

    assert ast.get_docstring(tree)
    assert idle == []


def _checks(node: ast.AST, checking: set[str]) -> bool:
    """Say whether a statement can fail a test: an assert, an expected exception, a call of a function that checks."""
    called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
    known = called in ("pytest.raises", "pytest.fail") or ".testing.assert_" in called
    return isinstance(node, ast.Assert) or known or called in checking


def test_nothing_is_skipped_or_expected_to_fail_without_a_word() -> None:
    """A skip or xfail anywhere in the tests gives its reason, and an xfail is strict (which is set for the whole suite)."""
    silent = []
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("pytest.mark.skip", "pytest.mark.xfail", "pytest.skip"):
                silent += [path.name] if not node.args and not any(key.arg == "reason" for key in node.keywords) else []
            elif isinstance(node, ast.Attribute) and ast.unparse(node) in ("pytest.mark.skip", "pytest.mark.xfail"):
                silent += [path.name] if f"{ast.unparse(node)}(" not in path.read_text(encoding="utf-8") else []

    assert silent == []
