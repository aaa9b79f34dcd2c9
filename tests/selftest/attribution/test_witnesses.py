"""Do witnesses give what was shipped, in every scenario, and are they run without a trace in the session?"""

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
from harness.run import Result, Session, study_work
from harness.subject.roles import DEFAULTS, Subjects
from harness.training.chunk_cache import ChunkCache
from harness.training.progress import Progress

RIGHT = "tests.mutants.decay_rule:AdamWTwin"


def shipped(scenario: str) -> Mapping[str, Recorded]:
    """Return what is recorded of torch's own optimizers."""
    path = ROOT / "golden" / "default" / "test_claims" / f"{scenario}.json"
    return parse(path.read_text(encoding="utf-8")).entries


def session(folder: Path, **roles: str) -> Session:
    """Return a session with these optimizers under test."""
    return Session(Subjects({**DEFAULTS, **roles}, tuple(sorted(roles))), "cpu", ChunkCache(folder), Progress(folder, print), [])


def in_roles(loaded: LoadedScenario) -> set[str]:
    """Return the arms that a role's optimizer runs."""
    return {name for name, arm in loaded.scenario.arms.items() if arm.role != "fixed"}


REFERABLE = [loaded for loaded in load().values() if loaded.scenario.kind != "arithmetic" and in_roles(loaded)]


@pytest.mark.parametrize("loaded", REFERABLE, ids=lambda loaded: loaded.id)
def test_our_reference_gives_every_number_that_was_shipped_of_a_role(loaded: LoadedScenario, tmp_path: Path) -> None:
    """All of a probe, and a hundred steps of a study, within the goldens' own tolerances."""
    recorded = shipped(loaded.id)

    subject_output = witnesses.run_exact("reference", loaded, session(tmp_path), shipped=recorded)

    exact = {name for name in recorded if not name.startswith("ensemble.") and arm_of(name) in in_roles(loaded)}
    assert exact
    assert exact <= set(subject_output)
    assert {name: subject_output[name].status for name in exact if not subject_output[name].ok} == {}


def test_a_witness_runs_in_the_place_of_the_optimizer_under_test(tmp_path: Path) -> None:
    """Whatever that is; nothing of what it says is put down to it."""
    here, loaded = session(tmp_path, decoupled="nowhere:Nothing"), load()["zero_gradient"]

    subject_output = witnesses.run_exact("torch", loaded, here, shipped=shipped(loaded.id))

    assert subject_output["adamw.first_factor"].status == "same"
    assert here.subject_output == []


def test_a_study_is_trained_again_under_a_name_of_its_own_in_the_arms_that_are_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the store would give the subject's runs back."""
    ran: list[str] = []

    def noted(loaded: LoadedScenario, here: Session) -> Result:
        pieces_of = [piece.name for piece in study_work(loaded, here).ensemble]
        ran.append(f"{here.subjects.path('decoupled')} {' '.join(loaded.scenario.arms)}: {pieces_of[0]}")
        return Result({}, {}, {})

    monkeypatch.setattr(witnesses, "run", noted)
    for name in ("torch", "reference"):
        witnesses.run_ensemble(name, load()["verb_forms"], session(tmp_path, decoupled=RIGHT), shipped={}, arms=["control"])

    assert ran == [
        "torch.optim:AdamW control: verb_forms.torch.chunk0",
        "harness.optimizers.numpy_reference:AdamW control: verb_forms.reference.chunk0",
    ]


def test_what_training_again_takes_is_known_before() -> None:
    """In run-steps: steps x seeds x arms."""
    assert witnesses.cost(load()["verb_forms"].scenario, ["control"]) == 2000 * 8


def test_an_arm_that_a_witness_cannot_run_gives_nothing(tmp_path: Path) -> None:
    """The others do."""
    loaded = load()["zero_gradient"]
    arms = {**loaded.scenario.arms, "adamw": replace(loaded.scenario.arms["adamw"], options={"amsgrad": True})}
    harder = replace(loaded, scenario=replace(loaded.scenario, arms=arms))

    subject_output = witnesses.run_exact("reference", harder, session(tmp_path), shipped=shipped(loaded.id))

    assert "adamw.first_factor" not in subject_output
    assert subject_output["sgd.first_factor"].status == "same"
