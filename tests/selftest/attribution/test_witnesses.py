"""Tests of the witnesses: they give the shipped numbers in every scenario, and leave no trace in the session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from harness.attribution import witnesses
from harness.attribution.decide import arm_of
from harness.catalog.load import load
from harness.catalog.loaded_scenario import LoadedScenario
from harness.environment.paths import ROOT
from harness.goldens.file_format import parse
from harness.goldens.values import GoldenValue as Recorded
from harness.run import Result, Session, study_chunks
from harness.subject.roles import DEFAULTS, Subjects
from harness.training.chunk_cache import ChunkCache
from harness.training.progress import Progress

RIGHT = "tests.mutants.decay_rule:AdamWTwin"


def shipped(scenario: str) -> Mapping[str, Recorded]:
    """Return the shipped golden values of torch's own optimizers."""
    path = ROOT / "golden" / "default" / "test_claims" / f"{scenario}.json"
    return parse(path.read_text(encoding="utf-8")).entries


def session(folder: Path, **roles: str) -> Session:
    """Return a session with these optimizers under test."""
    return Session(Subjects({**DEFAULTS, **roles}, tuple(sorted(roles))), "cpu", ChunkCache(folder), Progress(folder, print), [])


def in_roles(loaded: LoadedScenario) -> set[str]:
    """Return the arms that have a role, which are all but the fixed ones."""
    return {name for name, arm in loaded.scenario.arms.items() if arm.role != "fixed"}


WITH_ROLES = [loaded for loaded in load().values() if loaded.scenario.kind != "arithmetic" and in_roles(loaded)]


@pytest.mark.parametrize("loaded", WITH_ROLES, ids=lambda loaded: loaded.id)
def test_our_reference_gives_every_shipped_number_of_a_role(loaded: LoadedScenario, tmp_path: Path) -> None:
    """It gives all numbers of a probe, and those of the first steps of a study, within the recorded tolerances."""
    recorded = shipped(loaded.id)

    rows = witnesses.run_exact("reference", loaded, session(tmp_path), shipped=recorded)

    exact = {name for name in recorded if not name.startswith("ensemble.") and arm_of(name) in in_roles(loaded)}
    assert exact
    assert exact <= set(rows)
    assert {name: rows[name].status for name in exact if not rows[name].ok} == {}


def test_a_witness_runs_in_place_of_the_optimizer_under_test(tmp_path: Path) -> None:
    """The optimizer under test is not even loaded. The output of the witness is not recorded as its output."""
    run_session, loaded = session(tmp_path, decoupled="nowhere:Nothing"), load()["zero_gradient"]

    rows = witnesses.run_exact("torch", loaded, run_session, shipped=shipped(loaded.id))

    assert rows["adamw.first_factor"].status == "same"
    assert run_session.subject_output == []


def test_a_witness_trains_the_named_arms_under_its_own_study_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the id of the study, the chunk cache would return the runs of the subject."""
    runs: list[str] = []

    def record(loaded: LoadedScenario, here: Session) -> Result:
        chunk_names = [chunk.name for chunk in study_chunks(loaded, here).ensemble]
        runs.append(f"{here.subjects.path('decoupled')} {' '.join(loaded.scenario.arms)}: {chunk_names[0]}")
        return Result({}, {}, {})

    monkeypatch.setattr(witnesses, "run", record)
    for name in ("torch", "reference"):
        witnesses.run_ensemble(name, load()["verb_forms"], session(tmp_path, decoupled=RIGHT), shipped={}, arms=["control"])

    assert runs == [
        "torch.optim:AdamW control: verb_forms.torch.chunk0",
        "harness.optimizers.numpy_reference:AdamW control: verb_forms.reference.chunk0",
    ]


def test_the_cost_of_training_again_is_known_before() -> None:
    """It is counted in run-steps: steps x seeds x arms."""
    assert witnesses.cost(load()["verb_forms"].scenario, ["control"]) == 2000 * 8


def test_an_arm_that_a_witness_cannot_run_gives_no_numbers(tmp_path: Path) -> None:
    """The other arms give theirs."""
    loaded = load()["zero_gradient"]
    arms = {**loaded.scenario.arms, "adamw": replace(loaded.scenario.arms["adamw"], options={"amsgrad": True})}
    changed = replace(loaded, scenario=replace(loaded.scenario, arms=arms))

    rows = witnesses.run_exact("reference", changed, session(tmp_path), shipped=shipped(loaded.id))

    assert "adamw.first_factor" not in rows
    assert rows["sgd.first_factor"].status == "same"
