"""The shape of the code: which room imports which, sizes of functions, docstrings, a self-test for each module.

The rows of the rooms stand in `harness/__init__.py`; those of the folders beside it stand here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

from benchmarks.rooms import rooms
from harness.environment.paths import ROOT

MOST_TOP_MODULES = 8  # directly in harness/, so that a listing of it shows rooms and not files
ROWS_BESIDE_THE_HARNESS = {"tests.mutants": 13, "benchmarks": 14, "tests.plugin": 15, "tests.claims": 16, "tests.selftest": 17}
ROWS_BESIDE_THE_HARNESS |= {"conftest": 15}
ONLY_IN = {
    "yaml": {"harness.spec.yaml_binding"},
    "syrupy": {"harness.goldens.store"},
    "filelock": {"harness.training.chunk_cache"},
    "pytest": set[str](),
    "tests": set[str](),
    "benchmarks": set[str](),
}
# Modules that import inside a function, and why they must.
DEFERRED_IMPORTS = {
    "harness.cli.main": "a command imports only what it needs, so that those without torch answer at once",
    "harness.fingerprint.worker": "threads are fixed before torch is imported",
}
# Modules that call `step` of an optimizer, and why; the others call harness.subject.stepping.
STEP_OPTIMIZERS = {
    "harness.subject.stepping": "the one place",
    "harness.subject.loading": "a wrapper that counts steps and names the step that raises",
    "harness.subject.float32": "a wrapper that steps float32 copies",
    "harness.goldens.sensitivity": "a wrapper without weight decay",
    "harness.probes.handling.schedules": "a wrapper of the class that torch's schedulers ask for",
    "harness.probes.handling.missing_gradients": "torch's GradScaler takes the step",
    "harness.fingerprint.handling.grad_scaler": "torch's GradScaler takes the step",
}
NOT_OPTIMIZERS = {"scheduler.step", "phrases.step"}
# A probe imports these and no other probe, no scenario and no verdict.
PROBES_MAY_IMPORT = ("measurement", "decay_laws", "subject", "probes.probe", "probes.inputs", "probes.scale_invariant_loss")
SHARED_BY_PROBES = {"__init__", "probe", "inputs", "scale_invariant_loss"}

# Modules whose self-test has another name, and the one that holds them to what they say.
TESTED_IN = {
    "fingerprint.ask": "fingerprint/measuring/test_preconditions.py",
    "fingerprint.question": "fingerprint/handling/test_every_question.py",
    "errors": "subject/test_loading.py",  # exceptions without behaviour
    "policy": "verdicts/test_judge.py",  # numbers
    "measurement": "verdicts/test_judge.py",  # a record without behaviour
    "catalog.loaded_scenario": "catalog/test_load.py",
    "decay_laws.closed_forms": "probes/rule/test_zero_gradient.py",
    "decay_laws.tolerances": "subject/test_stepping.py",
    "environment.requirements": "cli/test_main.py",
    "fingerprint.finding": "fingerprint/test_report.py",  # a record without behaviour
    "fingerprint.measuring.subject_runner": "fingerprint/asked.py",
    "goldens.values": "goldens/test_compare.py",
    "probes.inputs": "subject/test_stepping.py",
    "probes.scale_invariant_loss": "probes/dynamics/test_scale_invariance.py",
    "reporting.manifest": "reporting/test_ledger.py",
    "reporting.results_json": "reporting/test_ledger.py",
    "reporting.summary_table": "reporting/test_ledger.py",
    "spec.contract_page": "spec/test_contract.py",
    "spec.scenario": "verdicts/test_outcome.py",  # records, and which arms a claim reads
    "subject.output": "subject/test_loading.py",
    "subject.roles": "subject/test_loading.py",
    "training.records": "training/test_loop.py",
    "training.schedule": "training/test_loop.py",
}
# The same, where the test reaches the module only through another one.
REACHED_THROUGH = {
    "fingerprint.phrases": "fingerprint/test_diagnosis.py",
    "reporting.failure": "suite/test_session.py",
    "fingerprint.worker": "fingerprint/test_process.py",
    "cli.vocabulary": "cli/test_main.py",
    "cli.fingerprint": "suite/test_own_project.py",
    "cli.contract": "spec/test_contract.py",
    "cli.calibrate": "cli/test_main.py",
    "catalog.checks": "catalog/test_load.py",
    "goldens.check": "suite/test_own_project.py",
    "goldens.store": "suite/test_golden_life.py",
    "optimizers.per_tensor": "optimizers/test_conventions.py",
    "__main__": "suite/test_session.py",
    "environment.paths": "suite/test_session.py",
    "training.evaluation": "training/test_loop.py",
    "training.recorder": "training/test_loop.py",
    "training.stacked_weights": "training/test_loop.py",
}

LINES_OF_A_FUNCTION = 40
PARAMETERS = 6

VAGUE_NAMES = ("utils", "util", "common", "base", "manager", "helpers", "misc")
SELFTEST = ROOT / "tests" / "selftest"
SOURCES = [
    ROOT / "conftest.py",
    *sorted((ROOT / "harness").rglob("*.py")),
    *sorted((ROOT / "tests").rglob("*.py")),
    *sorted((ROOT / "benchmarks").rglob("*.py")),
]


def module_of(path: Path) -> str:
    """Return a file's dotted module name; that of a package for its __init__.py."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for path in SOURCES}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}
HARNESS = [name for name in MODULES if name.split(".")[0] == "harness"]


def room_of(module: str) -> str:
    """Return the name under which a module's row is listed: a room of the harness, or a folder beside it."""
    first, *rest = module.split(".")
    if first == "harness":
        return rest[0] if rest else ""
    return ".".join([first, *rest[:1]]) if first == "tests" else first


def rows() -> dict[str, int]:
    """Return the row of each room and folder."""
    return {room.name: room.row for room in rooms()} | ROWS_BESIDE_THE_HARNESS


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield every module that is imported, at the top or inside a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute, so that this test can read them"
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from {name if name in MODULES else str(node.module) for name in whole}


def ours(tree: ast.AST) -> set[str]:
    """Return the suite's own modules that are imported."""
    return {name for name in imported(tree) if name in MODULES}


IMPORTS = {name: ours(tree) for name, tree in TREES.items()}


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Yield every function and method. There is no async function here, and none is let in."""
    assert not any(isinstance(node, ast.AsyncFunctionDef) for node in ast.walk(tree)), "an async function is not read here"
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_the_map_lists_every_room_and_module() -> None:
    """`harness/__init__.py` names each folder and module of harness/ once, and nothing that is gone."""
    listed = [room.name for room in rooms()]
    there = {path.stem for path in (ROOT / "harness").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}

    assert there - {"__init__", "__main__"} - set(listed) == set(), "add a line to the list in harness/__init__.py"
    assert set(listed) - there == set(), "listed in harness/__init__.py, and not there"
    assert len(listed) == len(set(listed))


def test_few_modules_lie_directly_in_the_harness() -> None:
    """The others are in rooms."""
    assert len(list((ROOT / "harness").glob("*.py"))) <= MOST_TOP_MODULES


def test_a_room_imports_only_lower_rows() -> None:
    """And its own room. `python -m harness` and the package itself stand above all rooms."""
    table = rows()
    above = {"", "__main__", "tests"}
    upward = [
        f"{name} imports {other}"
        for name in MODULES
        if room_of(name) not in above
        for other in sorted(IMPORTS[name])
        if room_of(other) not in above | {room_of(name)} and table[room_of(other)] >= table[room_of(name)]
    ]

    assert upward == []


def test_no_two_modules_import_each_other() -> None:
    """There is an order of all modules in which each imports only earlier ones, benchmarks and tests included."""
    graph = {name: found - {name} for name, found in IMPORTS.items()}

    assert set(TopologicalSorter(graph).static_order()) == set(graph)


def test_imports_stand_at_the_top() -> None:
    """An import inside a function would hide a circle; two modules have another reason for it."""
    inside = {name: sorted({other for function in functions(TREES[name]) for other in ours(function)}) for name in MODULES}

    assert {name: found for name, found in inside.items() if bool(found) != (name in DEFERRED_IMPORTS)} == {}


def test_a_probe_imports_no_other_probe() -> None:
    """It imports the subject, closed forms, what all probes share, and its declaration."""
    probes = [name for name in MODULES if name.startswith("harness.probes.") and MODULES[name].stem not in SHARED_BY_PROBES]
    found = {name: {other.removeprefix("harness.") for other in IMPORTS[name]} for name in probes}

    others = {name: {one for one in found[name] if not one.startswith(PROBES_MAY_IMPORT)} for name in probes}

    assert len(probes) > 30
    assert {name: seen for name, seen in others.items() if seen != {f"probes.{MODULES[name].parent.name}"}} == {}


def test_optimizers_are_stepped_in_one_place() -> None:
    """All others call `harness.subject.stepping`; a wrapper passes the step on, and torch's GradScaler takes one itself."""
    stepped = {name: set(_step_calls(TREES[name])) - NOT_OPTIMIZERS for name in HARNESS}

    assert {name: calls for name, calls in stepped.items() if bool(calls) != (name in STEP_OPTIMIZERS)} == {}


def _step_calls(tree: ast.Module) -> Iterator[str]:
    calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    yield from (call for call in calls if call.endswith(".step"))


def test_each_outside_package_has_one_door() -> None:
    """Nothing in the harness imports pytest, tests or benchmarks; one module each imports yaml, syrupy and filelock."""
    outside = {name: {one.split(".")[0] for one in imported(TREES[name])} for name in HARNESS}

    wrong = [
        f"{name} imports {package}"
        for name in HARNESS
        for package, doors in ONLY_IN.items()
        if package in outside[name] and name not in doors
    ]

    assert wrong == []


def test_a_module_has_a_docstring_and_a_noun_for_a_name() -> None:
    """An empty __init__.py needs no docstring."""
    bare = [name for name, tree in TREES.items() if tree.body and not ast.get_docstring(tree)]
    vague = [name for name, path in MODULES.items() if path.stem in VAGUE_NAMES]

    assert (bare, vague) == ([], [])


def test_a_function_is_small() -> None:
    """At most 40 lines without its docstring, and six parameters beside self. A file may be long where its shape repeats."""
    large = [
        f"{name}: {node.name} has {lines} lines and {parameters} parameters"
        for name, tree in TREES.items()
        for node in functions(tree)
        for lines, parameters in [_size(node)]
        if lines > LINES_OF_A_FUNCTION or parameters > PARAMETERS
    ]

    assert large == []


def _size(node: ast.FunctionDef) -> tuple[int, int]:
    """Return how many lines a function has without its docstring, and how many parameters beside self."""
    lines = (node.end_lineno or 0) - node.lineno + 1
    if ast.get_docstring(node):
        lines -= (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
    arguments = [one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return lines, len([name for name in arguments if name not in ("self", "cls")])


def test_a_public_name_has_a_docstring() -> None:
    """Every class of the harness, and every function that another module may call."""
    tops = [(name, node) for name in HARNESS for node in TREES[name].body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    bare = [f"{name}.{node.name}" for name, node in tops if not node.name.startswith("_") and not ast.get_docstring(node)]

    assert bare == []


def test_a_module_has_a_self_test() -> None:
    """At the same place below tests/selftest, or one that is named here and uses the module."""
    problems = [problem for name in HARNESS if MODULES[name].stem != "__init__" if (problem := _untested(name))]

    assert problems == []


def _untested(module: str) -> str:
    """Return what is wrong with the self-test of a module, or nothing."""
    name, stem = module.removeprefix("harness."), MODULES[module].stem
    own = SELFTEST / Path(*name.split(".")[:-1]) / f"test_{stem}.py"
    named = TESTED_IN.get(name) or REACHED_THROUGH.get(name)
    home = SELFTEST / named if named else own
    if not home.exists():
        return f"{home.relative_to(ROOT)} is missing; test {name} there or name the test that does"
    if named and own.exists():
        return f"{name} has a self-test now: take it out of TESTED_IN and REACHED_THROUGH"
    uses = name in REACHED_THROUGH or module in IMPORTS[module_of(home)] or _reaches(module_of(home), module)
    return "" if uses else f"{home.relative_to(ROOT)} does not import {module}: test it there, or name it in REACHED_THROUGH"


def _reaches(test: str, module: str) -> bool:
    """Return True if a self-test imports a module through the helpers beside it, or through the vocabulary that holds it."""
    helpers = {name for name in IMPORTS[test] if name.startswith("tests.selftest.")}
    return any(module in IMPORTS[name] or _vocabulary(module) & IMPORTS[name] for name in {test, *helpers})


def _vocabulary(module: str) -> set[str]:
    """Return the modules through which a probe, or a question of the fingerprint, is looked up by its name."""
    if module.startswith("harness.probes."):
        return {"harness.probes"}
    parents = [module.rpartition(".")[0], "harness.fingerprint.ask"]
    return set(parents) if module.startswith("harness.fingerprint.") else set()


def test_the_tables_name_no_module_that_is_gone() -> None:
    """Each entry of the tables above is a module."""
    named = {f"harness.{name}" for name in (*TESTED_IN, *REACHED_THROUGH)} | set(DEFERRED_IMPORTS)

    assert named - set(MODULES) == set()


def test_a_self_test_can_fail() -> None:
    """Each test asserts something, by itself or through a function of its file."""
    files = [name for name in MODULES if name.startswith("tests.selftest.") and MODULES[name].stem.startswith("test_")]

    idle = [f"{name}: {test}" for name in files for test in _idle(TREES[name])]

    assert len(files) > 100
    assert idle == []


def _idle(tree: ast.Module) -> list[str]:
    checking = {node.name for node in functions(tree) if any(_checks(part, set()) for part in ast.walk(node))}
    tests = [node for node in functions(tree) if node.name.startswith("test_")]
    return [node.name for node in tests if not any(_checks(part, checking) for part in ast.walk(node))]


def _checks(node: ast.AST, checking: set[str]) -> bool:
    """Return True if a statement can fail a test: an assert, an expected exception, a call of a function that checks."""
    called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
    known = called in ("pytest.raises", "pytest.fail") or ".testing.assert_" in called
    return isinstance(node, ast.Assert) or known or called in checking


def test_every_skip_and_xfail_gives_a_reason() -> None:
    """Anywhere in the tests; an xfail is strict, which is set for the whole suite."""
    silent = []
    for path, tree in ((MODULES[name], tree) for name, tree in TREES.items() if name.split(".")[0] == "tests"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("pytest.mark.skip", "pytest.mark.xfail", "pytest.skip"):
                silent += [path.name] if not node.args and not any(key.arg == "reason" for key in node.keywords) else []
            elif isinstance(node, ast.Attribute) and ast.unparse(node) in ("pytest.mark.skip", "pytest.mark.xfail"):
                silent += [path.name] if f"{ast.unparse(node)}(" not in path.read_text(encoding="utf-8") else []

    assert silent == []
