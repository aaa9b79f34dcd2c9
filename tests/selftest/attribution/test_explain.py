"""Is it said rightly what moved: this optimizer, the environment, both? Each is brought about here, on real scenarios."""

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
    """Somebody's AdamW, on torch's for-loop; `fault` is by how much its decay is off."""

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
    """Return where the shipped golden of a scenario lies."""
    return ROOT / "golden" / "default" / "test_claims" / f"{scenario}.json"


def session(folder: Path, **roles: str) -> Session:
    """Return a session with these optimizers under test; none for a run of the shipped ones."""
    return Session(Subjects({**DEFAULTS, **roles}, tuple(sorted(roles))), "cpu", ChunkCache(folder), Progress(folder, print), [])


def moved(scenario: str, here: Session, recorded: Mapping[str, Recorded] | None = None) -> Attribution:
    """Run a scenario, compare it with `recorded` (with what was shipped where nothing is), and ask what moved."""
    loaded = load()[scenario]
    old = recorded or parse(golden(scenario).read_text(encoding="utf-8")).entries
    rows = compare(entries(loaded, run(loaded, here)), old)
    assert not all(row.ok for row in rows), "nothing moved, so nothing is asked"
    return explain.explain(loaded, rows, here, shipped=golden(scenario))


def kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Change a kernel that torch's Adams call and no experiment does."""
    true = torch.Tensor.addcdiv_

    def changed(self: Any, one: Any, other: Any, *, value: float = 1.0) -> Any:
        return true(self, one, other, value=value * (1 + 1e-6))

    monkeypatch.setattr(torch.Tensor, "addcdiv_", changed)


def arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Change what the experiments compute with, and no optimizer does."""
    for name in ("matmul", "__matmul__"):
        true = getattr(torch.Tensor, name)
        monkeypatch.setattr(torch.Tensor, name, lambda self, other, true=true: true(self, other) * (1 + 1e-6))


def test_an_optimizer_that_changed_is_said_to_have_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a golden of its own, recorded before."""
    here, loaded = session(tmp_path, decoupled=RIGHT), load()["zero_gradient"]
    recorded = entries(loaded, run(loaded, here))
    monkeypatch.setattr(Right, "fault", 1e-6)

    found = moved("zero_gradient", here, recorded)

    why = "our float64 reference and torch's AdamW still give the recorded numbers here"
    assert found == Attribution("this optimizer", why)


def test_a_kernel_that_changed_is_the_environment_of_an_optimizer_that_calls_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it is said that the reference stood still, so it is a kernel of torch's optimizers."""
    kernel(monkeypatch)

    found = moved("constant_gradient", session(tmp_path, decoupled=RIGHT))

    assert found.kind == "the environment"
    assert found.why.startswith("torch's AdamW moved alike here and our float64 reference did not")


def test_a_kernel_that_changed_is_torchs_own_move_in_a_run_of_torchs_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There it is what is under test."""
    kernel(monkeypatch)

    found = moved("constant_gradient", session(tmp_path))

    why = "torch's AdamW itself; our float64 reference still gives the recorded numbers here"
    assert found == Attribution("this optimizer", why)


@pytest.mark.parametrize("roles", [{"decoupled": RIGHT}, {}], ids=["mine", "shipped"])
def test_arithmetic_that_changed_is_the_environment_of_all(
    roles: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reference moves alike, whose own steps torch does not compute."""
    arithmetic(monkeypatch)

    found = moved("scale_invariance", session(tmp_path, **roles))

    assert found.kind == "the environment"
    assert found.why.startswith("our float64 reference")


def test_both_at_once_are_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With how many numbers moved alike and how many did not."""
    arithmetic(monkeypatch)
    monkeypatch.setattr(Right, "fault", 1e-6)

    found = moved("scale_invariance", session(tmp_path, decoupled=RIGHT))

    assert found.kind == "both"
    assert " numbers moved alike in " in found.why


@pytest.mark.parametrize("name", sorted(decay_rule.MUTANTS))
def test_a_wrong_optimizer_is_never_taken_for_the_environment(name: str, tmp_path: Path) -> None:
    """Under the goldens of what it is without its fault: it moved, in every scenario where anything did."""
    mutant = decay_rule.MUTANTS[name]
    twin = decay_rule.twin_of(mutant)
    right, wrong = (session(tmp_path, **{ROLES[twin]: f"{decay_rule.__name__}:{one.__name__}"}) for one in (twin, mutant))
    kinds = {}
    for scenario in ("zero_gradient", "schedules", "missing_gradients"):
        loaded = load()[scenario]
        rows = compare(entries(loaded, run(loaded, wrong)), entries(loaded, run(loaded, right)))
        if not all(row.ok for row in rows):
            kinds[scenario] = explain.explain(loaded, rows, wrong, shipped=golden(scenario)).sentence

    assert kinds
    assert {scenario: said for scenario, said in kinds.items() if not said.startswith("moved: this optimizer ")} == {}


def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let no witness run, and return the list that will hold who was asked, for which lane and arms."""
    said: list[str] = []

    def nothing(name: str, loaded: LoadedScenario, here: Session, *, shipped: Any, arms: Any = ()) -> dict[str, ComparisonRow]:
        said.append(" ".join([name, loaded.id, *sorted(arms)]))
        return {}

    monkeypatch.setattr(witnesses, "hear", nothing)
    monkeypatch.setattr(witnesses, "hear_ends", nothing)
    return said


@pytest.mark.parametrize(("roles", "who"), [({}, "reference"), ({"decoupled": RIGHT}, "torch")], ids=["shipped", "mine"])
def test_a_study_whose_ends_alone_moved_is_trained_again(
    roles: dict[str, str], who: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By one witness, in the arms that moved; within a limit, which is named where it forbids it."""
    said, here = asked(monkeypatch), session(tmp_path, **roles)
    rows = red("verb_forms", "ensemble.control")

    explain.explain(load()["verb_forms"], rows, here, shipped=golden("verb_forms"))
    monkeypatch.setenv(explain.VARIABLE, "10")
    refused = explain.explain(load()["verb_forms"], rows, here, shipped=golden("verb_forms"))

    assert said == [f"{who} verb_forms control"]
    assert refused == Attribution("not comparable", "not trained again: 16000 run-steps, DECAYGATE_RERUN_STEPS allows 10")


def test_ends_of_runs_wait_where_the_first_steps_moved_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred exact steps tell more than an ensemble, and cost a hundredth."""
    said = asked(monkeypatch)
    rows = [*red("verb_forms", "ensemble.control"), *red("verb_forms", "trajectory.no_decay")]

    explain.explain(load()["verb_forms"], rows, session(tmp_path, decoupled=RIGHT), shipped=golden("verb_forms"))

    assert said == ["reference verb_forms", "torch verb_forms"]


def red(scenario: str, arm: str) -> list[ComparisonRow]:
    """Return a comparison in which every number of an arm moved."""
    old = parse(golden(scenario).read_text(encoding="utf-8")).entries
    gates = {name: one for name, one in old.items() if name.startswith(f"{arm}.")}
    far: dict[str, Recorded] = {}
    for name, one in gates.items():
        far[name] = replace(one, value=one.value + 1.0) if isinstance(one, Exact) else replace(one, mean=one.mean + 9.0)
    return compare(far, gates)


def test_a_scenario_that_was_not_shipped_is_not_comparable(tmp_path: Path) -> None:
    """Nobody knows there what the witnesses gave before."""
    found = explain.explain(
        load()["zero_gradient"], red("zero_gradient", "adamw"), session(tmp_path, decoupled=RIGHT), shipped=tmp_path / "none.json"
    )

    assert found == Attribution("not comparable", "nothing is recorded of torch's own optimizers for this scenario")


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
def test_an_arm_that_nothing_computes_another_way_is_not_comparable(scenario: str, arm: str, why: str, tmp_path: Path) -> None:
    """In a run of the shipped optimizers, and nothing is run for it."""
    loaded = load()[scenario]
    arm = arm if arm in loaded.scenario.arms else next(iter(loaded.scenario.arms))

    found = explain.explain(loaded, red(scenario, arm), session(tmp_path), shipped=golden(scenario))

    assert found.kind == "not comparable"
    assert found.why.startswith(why)


def test_an_optimizer_in_float32_is_not_comparable(tmp_path: Path) -> None:
    """The reference computes in float64."""
    here = session(tmp_path, decoupled=RIGHT)
    declared = {**PROMISES, "decoupled": {**PROMISES["decoupled"], "precision": "float32"}}
    single = replace(here, subjects=replace(here.subjects, declared=declared))

    found = explain.explain(load()["zero_gradient"], red("zero_gradient", "adamw"), single, shipped=golden("zero_gradient"))

    assert found.kind == "not comparable"
    assert "float32" in found.why


def test_what_goes_wrong_on_the_way_is_said_and_never_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The golden's own failure is what must be seen."""

    def broken(*args: Any, **options: Any) -> Any:
        raise RuntimeError("no\nroom")

    monkeypatch.setattr(witnesses, "hear", broken)
    found = explain.explain(
        load()["zero_gradient"], red("zero_gradient", "adamw"), session(tmp_path), shipped=golden("zero_gradient")
    )

    assert found == Attribution("not comparable", "asking ended in RuntimeError: no room")


def test_another_torch_than_the_recorded_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where torch's own moved."""
    kernel(monkeypatch)
    monkeypatch.setattr(torch, "__version__", "9.9.9")

    found = moved("constant_gradient", session(tmp_path))

    assert found.why.endswith(", here 9.9.9")
