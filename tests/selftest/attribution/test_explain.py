"""Tests of the attribution of red goldens, on shipped scenarios with a changed optimizer, kernel or arithmetic of torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.attribution import explain, witnesses
from harness.attribution.decide import Attribution
from harness.catalog.load import load
from harness.catalog.loaded_scenario import LoadedScenario
from harness.environment.paths import ROOT
from harness.goldens.compare import ComparisonRow, compare
from harness.goldens.extract import entries
from harness.goldens.file_format import parse
from harness.goldens.values import Exact
from harness.goldens.values import GoldenValue as Recorded
from harness.run import Session, run
from harness.spec.contract import PROMISES
from harness.subject.roles import DEFAULTS, Subjects
from harness.training.chunk_cache import ChunkCache
from harness.training.progress import Progress
from tests.mutants import decay_rule

ROLES = {decay_rule.AdamWTwin: "decoupled", decay_rule.AdamTwin: "coupled", decay_rule.SgdTwin: "sgd"}
RIGHT = f"{__name__}:Right"


class Right(torch.optim.AdamW):
    """A user's AdamW, built on torch's AdamW without foreach. `fault` is the relative error of its weight decay."""

    fault = 0.0

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 1e-2, **options: Any) -> None:
        super().__init__(params, lr=lr, weight_decay=weight_decay, foreach=False, **options)

    def step(self, closure: Any = None) -> Any:
        decays = [group["weight_decay"] for group in self.param_groups]
        for group, decay in zip(self.param_groups, decays, strict=True):
            group["weight_decay"] = decay * (1 + self.fault)
        try:
            return super().step(closure)
        finally:
            for group, decay in zip(self.param_groups, decays, strict=True):
                group["weight_decay"] = decay


def golden(scenario: str) -> Path:
    """Return the path of the shipped golden of a scenario."""
    return ROOT / "golden" / "default" / "test_claims" / f"{scenario}.json"


def session(folder: Path, **roles: str) -> Session:
    """Return a session with these optimizers under test, or with the shipped ones if none is given."""
    return Session(Subjects({**DEFAULTS, **roles}, tuple(sorted(roles))), "cpu", ChunkCache(folder), Progress(folder, print), [])


def moved(scenario: str, here: Session, recorded: Mapping[str, Recorded] | None = None) -> Attribution:
    """Run a scenario, compare it with `recorded` or else with the shipped golden, and return what moved."""
    loaded = load()[scenario]
    old = recorded or parse(golden(scenario).read_text(encoding="utf-8")).entries
    rows = compare(entries(loaded, run(loaded, here)), old)
    assert not all(row.ok for row in rows), "nothing moved, so nothing can be attributed"
    return explain.explain(loaded, rows, here, shipped=golden(scenario))


def kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Change a kernel that torch's Adam and AdamW call, and no experiment calls."""
    true = torch.Tensor.addcdiv_

    def changed(self: Any, one: Any, other: Any, *, value: float = 1.0) -> Any:
        return true(self, one, other, value=value * (1 + 1e-6))

    monkeypatch.setattr(torch.Tensor, "addcdiv_", changed)


def arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Change an operation that the experiments call, and no optimizer calls."""
    for name in ("matmul", "__matmul__"):
        true = getattr(torch.Tensor, name)
        monkeypatch.setattr(torch.Tensor, name, lambda self, other, true=true: true(self, other) * (1 + 1e-6))


def test_a_changed_optimizer_is_the_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its golden was recorded before the change."""
    here, loaded = session(tmp_path, decoupled=RIGHT), load()["zero_gradient"]
    recorded = entries(loaded, run(loaded, here))
    monkeypatch.setattr(Right, "fault", 1e-6)

    attribution = moved("zero_gradient", here, recorded)

    why = "our float64 reference and torch's AdamW still give the shipped numbers here"
    assert attribution == Attribution("this optimizer", why)


def test_a_changed_kernel_is_the_environment_of_a_user_optimizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says that the reference did not move, so the kernel is one of torch's optimizers."""
    kernel(monkeypatch)

    attribution = moved("constant_gradient", session(tmp_path, decoupled=RIGHT))

    assert attribution.kind == "the environment"
    assert attribution.why.startswith("torch's AdamW moved by the same amount here and our float64 reference did not")


def test_a_changed_kernel_is_the_fault_of_torchs_own_under_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch's own optimizer is under test here, so it has moved itself."""
    kernel(monkeypatch)

    attribution = moved("constant_gradient", session(tmp_path))

    why = "torch's AdamW itself; our float64 reference still gives the shipped numbers here"
    assert attribution == Attribution("this optimizer", why)


@pytest.mark.parametrize("roles", [{"decoupled": RIGHT}, {}], ids=["mine", "shipped"])
def test_changed_arithmetic_is_the_environment_of_all_optimizers(
    roles: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reference moves alike, although torch does not compute its steps."""
    arithmetic(monkeypatch)

    attribution = moved("scale_invariance", session(tmp_path, **roles))

    assert attribution.kind == "the environment"
    assert attribution.why.startswith("our float64 reference")


def test_a_changed_optimizer_and_changed_arithmetic_are_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message counts the numbers that moved alike, and the others."""
    arithmetic(monkeypatch)
    monkeypatch.setattr(Right, "fault", 1e-6)

    attribution = moved("scale_invariance", session(tmp_path, decoupled=RIGHT))

    assert attribution.kind == "both"
    assert " numbers moved by the same amount in " in attribution.why


@pytest.mark.parametrize("name", sorted(decay_rule.MUTANTS))
def test_a_mutant_is_never_attributed_to_the_environment(name: str, tmp_path: Path) -> None:
    """Compared with the numbers of its twin, the mutant moved in every scenario where a number moved."""
    mutant = decay_rule.MUTANTS[name]
    twin = decay_rule.twin_of(mutant)
    right, wrong = (
        session(tmp_path, **{ROLES[twin]: f"{decay_rule.__name__}:{optimizer.__name__}"}) for optimizer in (twin, mutant)
    )
    sentences = {}
    for scenario in ("zero_gradient", "schedules", "missing_gradients"):
        loaded = load()[scenario]
        rows = compare(entries(loaded, run(loaded, wrong)), entries(loaded, run(loaded, right)))
        if not all(row.ok for row in rows):
            sentences[scenario] = explain.explain(loaded, rows, wrong, shipped=golden(scenario)).sentence

    assert sentences
    assert {
        scenario: sentence for scenario, sentence in sentences.items() if not sentence.startswith("moved: this optimizer ")
    } == {}


def recorded_runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace the runs of the witnesses. Return a list that collects the witness, scenario and arms of each run."""
    runs: list[str] = []

    def nothing(name: str, loaded: LoadedScenario, here: Session, *, shipped: Any, arms: Any = ()) -> dict[str, ComparisonRow]:
        runs.append(" ".join([name, loaded.id, *sorted(arms)]))
        return {}

    monkeypatch.setattr(witnesses, "run_exact", nothing)
    monkeypatch.setattr(witnesses, "run_ensemble", nothing)
    return runs


@pytest.mark.parametrize(("roles", "witness"), [({}, "reference"), ({"decoupled": RIGHT}, "torch")], ids=["shipped", "mine"])
def test_a_study_is_trained_again_if_only_its_ends_moved(
    roles: dict[str, str], witness: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One witness trains it, in the arms that moved. If the limit of run-steps forbids it, the message names the limit."""
    runs, run_session = recorded_runs(monkeypatch), session(tmp_path, **roles)
    rows = all_moved("verb_forms", "ensemble.control")

    explain.explain(load()["verb_forms"], rows, run_session, shipped=golden("verb_forms"))
    monkeypatch.setenv(explain.LIMIT_VARIABLE, "10")
    refused = explain.explain(load()["verb_forms"], rows, run_session, shipped=golden("verb_forms"))

    assert runs == [f"{witness} verb_forms control"]
    assert refused == Attribution("not comparable", "not trained again: 16000 run-steps, DECAYGATE_RERUN_STEPS allows 10")


def test_ends_of_runs_are_ignored_if_the_first_steps_moved_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred exact steps show more than an ensemble, at a hundredth of its cost."""
    runs = recorded_runs(monkeypatch)
    rows = [*all_moved("verb_forms", "ensemble.control"), *all_moved("verb_forms", "trajectory.no_decay")]

    explain.explain(load()["verb_forms"], rows, session(tmp_path, decoupled=RIGHT), shipped=golden("verb_forms"))

    assert runs == ["reference verb_forms", "torch verb_forms"]


def all_moved(scenario: str, arm: str) -> list[ComparisonRow]:
    """Return a comparison in which every number of an arm moved."""
    old = parse(golden(scenario).read_text(encoding="utf-8")).entries
    gates = {name: entry for name, entry in old.items() if name.startswith(f"{arm}.")}
    shifted: dict[str, Recorded] = {}
    for name, entry in gates.items():
        shifted[name] = (
            replace(entry, value=entry.value + 1.0) if isinstance(entry, Exact) else replace(entry, mean=entry.mean + 9.0)
        )
    return compare(shifted, gates)


def test_a_scenario_that_was_not_shipped_is_not_comparable(tmp_path: Path) -> None:
    """The earlier numbers of the witnesses are not known there."""
    attribution = explain.explain(
        load()["zero_gradient"],
        all_moved("zero_gradient", "adamw"),
        session(tmp_path, decoupled=RIGHT),
        shipped=tmp_path / "none.json",
    )

    assert attribution == Attribution("not comparable", "no golden of torch's own optimizers is shipped for this scenario")


@pytest.mark.parametrize(
    ("scenario", "arm", "why"),
    [
        (
            "zero_gradient",
            "independent_adamw",
            "harness.optimizers:IndependentAdamW runs there as the scenario names it",
        ),
        ("sparse_gradient", "adamw", "torch.optim:AdamW runs there as the scenario names it"),
        ("decay_time", "usual", "no optimizer takes part in these numbers"),
    ],
)
def test_an_arm_without_a_witness_is_not_comparable(scenario: str, arm: str, why: str, tmp_path: Path) -> None:
    """This happens in a session of the shipped optimizers: nothing else computes the numbers of a fixed arm."""
    loaded = load()[scenario]
    arm = arm if arm in loaded.scenario.arms else next(iter(loaded.scenario.arms))

    attribution = explain.explain(loaded, all_moved(scenario, arm), session(tmp_path), shipped=golden(scenario))

    assert attribution.kind == "not comparable"
    assert attribution.why.startswith(why)


def test_an_optimizer_in_float32_is_not_comparable(tmp_path: Path) -> None:
    """The reference computes in float64, so its numbers cannot be compared."""
    here = session(tmp_path, decoupled=RIGHT)
    declared = {**PROMISES, "decoupled": {**PROMISES["decoupled"], "precision": "float32"}}
    single = replace(here, subjects=replace(here.subjects, declared=declared))

    attribution = explain.explain(
        load()["zero_gradient"], all_moved("zero_gradient", "adamw"), single, shipped=golden("zero_gradient")
    )

    assert attribution.kind == "not comparable"
    assert "float32" in attribution.why


def test_an_error_of_the_attribution_is_reported_and_not_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The failure of the golden itself must be reported in any case."""

    def fail(*args: Any, **options: Any) -> Any:
        raise RuntimeError("no\nroom")

    monkeypatch.setattr(witnesses, "run_exact", fail)
    attribution = explain.explain(
        load()["zero_gradient"], all_moved("zero_gradient", "adamw"), session(tmp_path), shipped=golden("zero_gradient")
    )

    assert attribution == Attribution("not comparable", "attribution failed: RuntimeError: no room")


def test_another_version_of_torch_than_the_recorded_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names it if torch's own optimizer moved."""
    kernel(monkeypatch)
    monkeypatch.setattr(torch, "__version__", "9.9.9")

    attribution = moved("constant_gradient", session(tmp_path))

    assert attribution.why.endswith(", here 9.9.9")
