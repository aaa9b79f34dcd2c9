"""Tests of the sensitivity of recorded numbers, for studies and for probes that declare no effect."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from harness.catalog.load import load
from harness.goldens.extract import entries
from harness.goldens.sensitivity import decay_pairs, distance, undecayed, with_measured_sensitivity
from harness.goldens.values import Exact, GoldenValue, Information
from harness.run import Session, run
from harness.subject.roles import DEFAULTS, Subjects
from harness.training.chunk_cache import ChunkCache
from harness.training.progress import Progress
from tests.selftest.scenario_files import PROBE, STUDY, replaced_once, write

NULL = "  no_decay: {role: decoupled, lr: 3.0e-3, weight_decay: 0.0}\n"
NULL_ARM = NULL + "  again: {role: decoupled, lr: 3.0e-3, weight_decay: 1.0, batch_seed_offset: 1}\n"
FASTER_ARM = NULL + "  faster: {role: decoupled, lr: 6.0e-3, weight_decay: 0.5}\n"


def session(folder: Path) -> Session:
    """Return a session of the shipped optimizers."""
    return Session(Subjects(DEFAULTS), "cpu", ChunkCache(folder), Progress(folder, print), [])


def test_arms_that_differ_only_in_weight_decay_are_partners(tmp_path: Path) -> None:
    """An arm with another learning rate is none. A null arm has the partners of the arm that it repeats."""
    faster = load(write(tmp_path / "a", training=replaced_once(STUDY, NULL, FASTER_ARM)))["training"].scenario
    null = load(write(tmp_path / "b", training=replaced_once(STUDY, NULL, NULL_ARM)))["training"].scenario

    assert decay_pairs(faster, "control") == [("control", "no_decay")]
    assert decay_pairs(faster, "faster") == []
    assert decay_pairs(null, "again") == [("control", "no_decay")]
    assert decay_pairs(null, "no_decay") == [("no_decay", "control")]


def test_the_distance_is_the_largest_or_none_without_a_partner(tmp_path: Path) -> None:
    """An arm without a value is left out."""
    third = NULL + "  more: {role: decoupled, lr: 3.0e-3, weight_decay: 2.0}\n"
    scenario = load(write(tmp_path, training=replaced_once(STUDY, NULL, third)))["training"].scenario

    assert distance(scenario, {"control": 1.0, "no_decay": 1.5, "more": -2.0}, "control") == 3.0
    assert distance(scenario, {"control": 1.0, "no_decay": 1.5}, "control") == 0.5
    assert distance(scenario, {"control": 1.0}, "control") is None


@pytest.mark.parametrize("grouped", [False, True])
def test_an_undecayed_optimizer_ignores_the_decay_of_its_groups(grouped: bool) -> None:
    """This includes a weight decay that is written into a group later. A step does not change the group's value."""
    weight = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
    params = [{"params": [weight], "weight_decay": 0.5}] if grouped else [weight]
    optimizer = undecayed(torch.optim.SGD)(params, lr=0.1, weight_decay=0.5)
    optimizer.param_groups[0]["weight_decay"] = 0.7
    weight.grad = torch.zeros_like(weight)

    optimizer.step()

    assert weight.tolist() == [1.0, 1.0]
    assert optimizer.param_groups[0]["weight_decay"] == 0.7


def test_a_number_without_a_declared_effect_is_measured_again(tmp_path: Path) -> None:
    """Its sensitivity is the difference to a run of the same arm without weight decay. Other numbers are unchanged."""
    loaded, run_session = load(write(tmp_path))["row"], session(tmp_path)
    recorded = entries(loaded, run(loaded, run_session))
    assert isinstance(recorded["adamw.seen_ratio"], Exact)
    assert recorded["adamw.seen_ratio"].signal is None

    known = with_measured_sensitivity(recorded, loaded, run_session)

    changed = {name for name in recorded if known[name] != recorded[name]}
    assert changed == {f"{arm}.{measure}" for arm in ("adamw", "sgd_l2") for measure in ("seen_ratio", "unseen_in_steps")}
    signals = [gate.signal for gate in known.values() if not isinstance(gate, Information)]
    assert all(signal is not None and signal > 1e4 for signal in signals)


def test_a_probe_that_fails_without_decay_has_no_sensitivity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No exception is raised. Recording refuses the numbers by name, because their sensitivity is unknown."""
    loaded, run_session = load(write(tmp_path, row=replaced_once(PROBE, "steps: 300", "steps: 30")))["row"], session(tmp_path)
    unknown: dict[str, GoldenValue] = {"adamw.seen_ratio": Exact(1.0, 1e-9, 0.0)}
    monkeypatch.setattr("harness.goldens.sensitivity.undecayed", lambda make: lambda *args, **options: 1 / 0)

    assert with_measured_sensitivity(unknown, loaded, run_session) == unknown
