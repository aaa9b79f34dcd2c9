"""Tests of the code's architecture: imports between rooms, sizes of functions, docstrings, a self-test for each module.

`harness/__init__.py` lists the rows of the rooms. `ROWS_BESIDE_THE_HARNESS` lists the rows of the other folders.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

from benchmarks.rooms import rooms
from harness.environment.paths import ROOT

MAX_TOP_MODULES = 8  # modules directly in harness/; a listing of it shall show mostly rooms
ROWS_BESIDE_THE_HARNESS = {"tests.mutants": 13, "benchmarks": 14, "tests.plugin": 15, "tests.claims": 16, "tests.selftest": 17}
ROWS_BESIDE_THE_HARNESS |= {"conftest": 15, "decaygate": 0}
# Packages that only these modules of the harness may import.
ONLY_IN = {
    "yaml": {"harness.spec.yaml_binding"},
    "syrupy": {"harness.goldens.store"},
    "filelock": {"harness.training.chunk_cache"},
    "pytest": set[str](),
    "tests": set[str](),
    "benchmarks": set[str](),
}
# Modules that import inside a function, with the reason.
DEFERRED_IMPORTS = {
    "harness.cli.main": "each command imports only the modules that it needs, so that commands without torch answer at once",
    "harness.fingerprint.worker": "threads are fixed before torch is imported",
}
# Modules that call `step` of an optimizer, with the reason; others use harness.subject.stepping.
STEP_OPTIMIZERS = {
    "harness.subject.stepping": "the common place",
    "harness.subject.loading": "a wrapper that counts steps and reports the step that raises",
    "harness.subject.float32": "a wrapper that steps float32 copies",
    "harness.goldens.sensitivity": "a wrapper without weight decay",
    "harness.probes.handling.schedules": "a wrapper of the class that torch's schedulers require",
    "harness.probes.handling.missing_gradients": "torch's GradScaler takes the step",
    "harness.fingerprint.handling.grad_scaler": "torch's GradScaler takes the step",
}
NOT_OPTIMIZERS = {"scheduler.step", "phrases.step"}  # calls of `step` on other objects
# The only modules of the harness that a probe may import, besides the declaration of its folder.
PROBES_MAY_IMPORT = ("measurement", "decay_laws", "subject", "probes.probe", "probes.inputs", "probes.scale_invariant_loss")
SHARED_BY_PROBES = {"__init__", "probe", "inputs", "scale_invariant_loss"}

# Modules whose self-test is not at the usual path, with the file that tests them and imports them.
TESTED_IN = {
    "fingerprint.ask": "fingerprint/measuring/test_preconditions.py",
    "fingerprint.question": "fingerprint/handling/test_every_question.py",
    "errors": "subject/test_loading.py",  # exceptions without behaviour
    "policy": "verdicts/test_judge.py",  # numbers
    "measurement": "verdicts/test_judge.py",  # a record without behaviour
    "catalog.loaded_scenario": "catalog/test_load.py",
    "decay_laws.closed_forms": "probes/rule/test_zero_gradient.py",
    "decay_laws.tolerances": "subject/test_stepping.py",
    "environment.paths": "environment/test_commands.py",
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
# Modules that a file tests without importing them, through another module.
REACHED_THROUGH = {
    "spec.fields.decay": "spec/test_contract.py",
    "spec.fields.decay_without_gradient": "spec/test_contract.py",
    "spec.fields.field": "spec/test_contract.py",
    "spec.fields.groups": "spec/test_contract.py",
    "spec.fields.options": "spec/test_contract.py",
    "spec.fields.parameters": "spec/test_contract.py",
    "spec.fields.state": "spec/test_contract.py",
    "spec.fields.steps": "spec/test_contract.py",
    "spec.fields.update": "spec/test_contract.py",
    "fingerprint.decay.shares": "fingerprint/decay/test_rule.py",
    "fingerprint.phrases": "fingerprint/test_diagnosis.py",
    "reporting.failure": "suite/test_session.py",
    "fingerprint.worker": "fingerprint/test_process.py",
    "cli.vocabulary": "cli/test_main.py",
    "cli.fingerprint": "suite/test_own_project.py",
    "cli.contract": "spec/test_contract.py",
    "cli.calibrate": "cli/test_main.py",
    "catalog.checks": "catalog/test_load.py",
    "goldens.check": "suite/test_own_project.py",
    "goldens.fingerprint_golden": "suite/test_fingerprint_life.py",
    "goldens.store": "suite/test_golden_life.py",
    "optimizers.per_tensor": "optimizers/test_conventions.py",
    "__main__": "suite/test_session.py",
    "training.evaluation": "training/test_loop.py",
    "training.recorder": "training/test_loop.py",
    "training.stacked_weights": "training/test_loop.py",
}

LINES_OF_A_FUNCTION = 40  # at most, without the docstring
PARAMETERS = 6  # at most, without self

VAGUE_NAMES = ("utils", "util", "common", "base", "manager", "helpers", "misc")
SELFTEST = ROOT / "tests" / "selftest"
SOURCES = [
    ROOT / "conftest.py",
    *sorted((ROOT / "harness").rglob("*.py")),
    *sorted((ROOT / "src").rglob("*.py")),
    *sorted((ROOT / "tests").rglob("*.py")),
    *sorted((ROOT / "benchmarks").rglob("*.py")),
]


def module_of(path: Path) -> str:
    """Return the dotted module name of a file; the package's name for an __init__.py. The launcher lies in src/."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removeprefix("src.").removesuffix(".__init__")


MODULES = {module_of(path): path for path in SOURCES}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}
HARNESS = [name for name in MODULES if name.split(".")[0] == "harness"]


def room_of(module: str) -> str:
    """Return the name of the module's room in the harness, or of its folder outside; `rows` has an entry for each."""
    first, *rest = module.split(".")
    if first == "harness":
        return rest[0] if rest else ""
    return ".".join([first, *rest[:1]]) if first == "tests" else first


def rows() -> dict[str, int]:
    """Return the row of each room and folder."""
    return {room.name: room.row for room in rooms()} | ROWS_BESIDE_THE_HARNESS


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield every imported module, of imports at the top and inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute, so that this test can read them"
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from {name if name in MODULES else str(node.module) for name in whole}


def own_modules(tree: ast.AST) -> set[str]:
    """Return the imported modules that belong to this repository."""
    return {name for name in imported(tree) if name in MODULES}


IMPORTS = {name: own_modules(tree) for name, tree in TREES.items()}


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Yield every function and method. Async functions are refused, because the tests here do not read them."""
    assert not any(isinstance(node, ast.AsyncFunctionDef) for node in ast.walk(tree)), "these tests do not read async functions"
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_the_map_lists_every_room_and_module() -> None:
    """`harness/__init__.py` lists each existing folder and module of harness/ exactly once, and no other name."""
    listed = [room.name for room in rooms()]
    existing = {path.stem for path in (ROOT / "harness").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}

    assert existing - {"__init__", "__main__"} - set(listed) == set(), "add a line to the list in harness/__init__.py"
    assert set(listed) - existing == set(), "the list in harness/__init__.py has a name that does not exist"
    assert len(listed) == len(set(listed))


def test_few_modules_lie_directly_in_the_harness() -> None:
    assert len(list((ROOT / "harness").glob("*.py"))) <= MAX_TOP_MODULES


def test_a_room_imports_only_lower_rows() -> None:
    """A room may also import from itself. `python -m harness` and the package itself may import from every room."""
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
    """All modules, of benchmarks and tests too, have an order in which each imports only earlier ones."""
    graph = {name: imports - {name} for name, imports in IMPORTS.items()}

    assert set(TopologicalSorter(graph).static_order()) == set(graph)


def test_imports_stand_at_the_top() -> None:
    """An import inside a function could hide an import cycle. DEFERRED_IMPORTS lists the exceptions."""
    inside = {name: sorted({other for function in functions(TREES[name]) for other in own_modules(function)}) for name in MODULES}

    assert {name: imports for name, imports in inside.items() if bool(imports) != (name in DEFERRED_IMPORTS)} == {}


def test_a_probe_imports_no_other_probe() -> None:
    """A probe imports the subject, closed forms, the modules that all probes share, and the declaration of its folder."""
    probes = [name for name in MODULES if name.startswith("harness.probes.") and MODULES[name].stem not in SHARED_BY_PROBES]
    imports = {name: {other.removeprefix("harness.") for other in IMPORTS[name]} for name in probes}

    others = {name: {other for other in imports[name] if not other.startswith(PROBES_MAY_IMPORT)} for name in probes}

    assert len(probes) > 30
    assert {name: rest for name, rest in others.items() if rest != {f"probes.{MODULES[name].parent.name}"}} == {}


def test_optimizers_are_stepped_in_one_place() -> None:
    """Only the modules in STEP_OPTIMIZERS call an optimizer's `step`; all others call `harness.subject.stepping`."""
    stepped = {name: set(_step_calls(TREES[name])) - NOT_OPTIMIZERS for name in HARNESS}

    assert {name: calls for name, calls in stepped.items() if bool(calls) != (name in STEP_OPTIMIZERS)} == {}


def _step_calls(tree: ast.Module) -> Iterator[str]:
    """Yield the source of every called function whose name ends in `.step`."""
    calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    yield from (call for call in calls if call.endswith(".step"))


def test_only_the_listed_modules_import_an_outside_package() -> None:
    """No module of the harness imports pytest, tests or benchmarks; one module each imports yaml, syrupy and filelock."""
    packages = {name: {module.split(".")[0] for module in imported(TREES[name])} for name in HARNESS}

    wrong = [
        f"{name} imports {package}"
        for name in HARNESS
        for package, allowed in ONLY_IN.items()
        if package in packages[name] and name not in allowed
    ]

    assert wrong == []


def test_a_module_has_a_docstring_and_no_vague_name() -> None:
    """An empty __init__.py needs no docstring."""
    bare = [name for name, tree in TREES.items() if tree.body and not ast.get_docstring(tree)]
    vague = [name for name, path in MODULES.items() if path.stem in VAGUE_NAMES]

    assert (bare, vague) == ([], [])


def test_a_function_is_small() -> None:
    """A function has at most 40 lines without its docstring, and six parameters without self. Files have no limit."""
    large = [
        f"{name}: {node.name} has {lines} lines and {parameters} parameters"
        for name, tree in TREES.items()
        for node in functions(tree)
        for lines, parameters in [_size(node)]
        if lines > LINES_OF_A_FUNCTION or parameters > PARAMETERS
    ]

    assert large == []


def _size(node: ast.FunctionDef) -> tuple[int, int]:
    """Return the number of lines of a function without its docstring, and of its parameters without self and cls."""
    lines = (node.end_lineno or 0) - node.lineno + 1
    if ast.get_docstring(node):
        lines -= (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
    arguments = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return lines, len([name for name in arguments if name not in ("self", "cls")])


def test_a_public_name_has_a_docstring() -> None:
    """Public names are the functions and classes at the top of a module of the harness, without a leading underscore."""
    nodes = [(name, node) for name in HARNESS for node in TREES[name].body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    bare = [f"{name}.{node.name}" for name, node in nodes if not node.name.startswith("_") and not ast.get_docstring(node)]

    assert bare == []


def test_a_module_has_a_self_test() -> None:
    """The self-test has the module's path below tests/selftest, or TESTED_IN or REACHED_THROUGH lists it."""
    problems = [problem for name in HARNESS if MODULES[name].stem != "__init__" if (problem := _untested(name))]

    assert problems == []


def _untested(module: str) -> str:
    """Return the problem with the self-test of a module, or ""."""
    name, stem = module.removeprefix("harness."), MODULES[module].stem
    usual = SELFTEST / Path(*name.split(".")[:-1]) / f"test_{stem}.py"
    listed = TESTED_IN.get(name) or REACHED_THROUGH.get(name)
    test = SELFTEST / listed if listed else usual
    if not test.exists():
        return f"{test.relative_to(ROOT)} is missing; test {name} there, or list its test in TESTED_IN"
    if listed and usual.exists():
        return f"{name} has its own self-test {usual.relative_to(ROOT)}: delete it from TESTED_IN and REACHED_THROUGH"
    uses = name in REACHED_THROUGH or module in IMPORTS[module_of(test)] or _reaches(module_of(test), module)
    return "" if uses else f"{test.relative_to(ROOT)} does not import {module}: test it there, or list it in REACHED_THROUGH"


def _reaches(test: str, module: str) -> bool:
    """Return True if a self-test imports the module through helpers of the self-tests, or looks it up by its name."""
    helpers = {name for name in IMPORTS[test] if name.startswith("tests.selftest.")}
    return any(module in IMPORTS[name] or _registries(module) & IMPORTS[name] for name in {test, *helpers})


def _registries(module: str) -> set[str]:
    """Return the modules in which a probe, or a question of the fingerprint, is looked up by its name."""
    if module.startswith("harness.probes."):
        return {"harness.probes"}
    parents = [module.rpartition(".")[0], "harness.fingerprint.ask"]
    return set(parents) if module.startswith("harness.fingerprint.") else set()


def test_the_tables_list_only_existing_modules() -> None:
    listed = {f"harness.{name}" for name in (*TESTED_IN, *REACHED_THROUGH)} | set(DEFERRED_IMPORTS)

    assert listed - set(MODULES) == set()


def test_a_self_test_can_fail() -> None:
    """Each self-test asserts something, itself or in a function of its file that it calls."""
    files = [name for name in MODULES if name.startswith("tests.selftest.") and MODULES[name].stem.startswith("test_")]

    unable = [f"{name}: {test}" for name in files for test in _tests_that_cannot_fail(TREES[name])]

    assert len(files) > 100
    assert unable == []


def _tests_that_cannot_fail(tree: ast.Module) -> list[str]:
    checking = {node.name for node in functions(tree) if any(_checks(part, set()) for part in ast.walk(node))}
    tests = [node for node in functions(tree) if node.name.startswith("test_")]
    return [node.name for node in tests if not any(_checks(part, checking) for part in ast.walk(node))]


def _checks(node: ast.AST, checking: set[str]) -> bool:
    """Return True if a node can fail a test: an assert, an expected exception, a call of a function in `checking`."""
    called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
    known = called in ("pytest.raises", "pytest.fail") or ".testing.assert_" in called
    return isinstance(node, ast.Assert) or known or called in checking


def test_every_skip_and_xfail_gives_a_reason() -> None:
    """This applies to all tests. pyproject.toml makes every xfail strict."""
    silent = []
    for path, tree in ((MODULES[name], tree) for name, tree in TREES.items() if name.split(".")[0] == "tests"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("pytest.mark.skip", "pytest.mark.xfail", "pytest.skip"):
                silent += [path.name] if not node.args and not any(key.arg == "reason" for key in node.keywords) else []
            elif isinstance(node, ast.Attribute) and ast.unparse(node) in ("pytest.mark.skip", "pytest.mark.xfail"):
                silent += [path.name] if f"{ast.unparse(node)}(" not in path.read_text(encoding="utf-8") else []

    assert silent == []
