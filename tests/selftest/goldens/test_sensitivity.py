"""Is it found out what weight decay is worth in a number, where its probe does not say so?"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from harness.catalog.load import load
from harness.goldens.extract import entries
from harness.goldens.sensitivity import distance, measured, partners, undecayed
from harness.goldens.values import Exact, GoldenValue, Information
from harness.run import Session, run
from harness.subject.roles import DEFAULTS, Subjects
from harness.training.chunk_cache import ChunkCache
from harness.training.progress import Progress
from tests.selftest.scenario_files import PROBE, STUDY, edited, write

NULL = "  no_decay: {role: decoupled, lr: 3.0e-3, weight_decay: 0.0}\n"
NULL_ARM = NULL + "  again: {role: decoupled, lr: 3.0e-3, weight_decay: 1.0, batch_seed_offset: 1}\n"
FASTER_ARM = NULL + "  faster: {role: decoupled, lr: 6.0e-3, weight_decay: 0.5}\n"


def session(folder: Path) -> Session:
    """Return a session of the usual optimizers."""
    return Session(Subjects(DEFAULTS), "cpu", ChunkCache(folder), Progress(folder, print), [])


def test_arms_that_differ_in_weight_decay_alone_are_partners(tmp_path: Path) -> None:
    """Not one with another learning rate; a null arm has the partners of the arm that it doubles."""
    faster = load(write(tmp_path / "a", training=edited(STUDY, NULL, FASTER_ARM)))["training"].scenario
    null = load(write(tmp_path / "b", training=edited(STUDY, NULL, NULL_ARM)))["training"].scenario

    assert partners(faster, "control") == [("control", "no_decay")]
    assert partners(faster, "faster") == []
    assert partners(null, "again") == [("control", "no_decay")]
    assert partners(null, "no_decay") == [("no_decay", "control")]


def test_the_distance_is_that_of_the_farthest_arm_and_none_without_one(tmp_path: Path) -> None:
    """An arm that gave no value is left out."""
    third = NULL + "  more: {role: decoupled, lr: 3.0e-3, weight_decay: 2.0}\n"
    scenario = load(write(tmp_path, training=edited(STUDY, NULL, third)))["training"].scenario

    assert distance(scenario, {"control": 1.0, "no_decay": 1.5, "more": -2.0}, "control") == 3.0
    assert distance(scenario, {"control": 1.0, "no_decay": 1.5}, "control") == 0.5
    assert distance(scenario, {"control": 1.0}, "control") is None


@pytest.mark.parametrize("grouped", [False, True])
def test_an_optimizer_without_its_decay_does_not_decay_whatever_its_groups_say(grouped: bool) -> None:
    """Nor when weight_decay is written into a group later; reading it back gives what was written."""
    weight = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
    params = [{"params": [weight], "weight_decay": 0.5}] if grouped else [weight]
    optimizer = undecayed(torch.optim.SGD)(params, lr=0.1, weight_decay=0.5)
    optimizer.param_groups[0]["weight_decay"] = 0.7
    weight.grad = torch.zeros_like(weight)

    optimizer.step()

    assert weight.tolist() == [1.0, 1.0]
    assert optimizer.param_groups[0]["weight_decay"] == 0.7


def test_a_number_whose_probe_declares_nothing_gets_the_distance_that_decay_makes(tmp_path: Path) -> None:
    """In the arm that it belongs to; what is declared and what is information stay as they are."""
    loaded, here = load(write(tmp_path))["row"], session(tmp_path)
    found = entries(loaded, run(loaded, here))
    assert isinstance(found["adamw.seen_ratio"], Exact)
    assert found["adamw.seen_ratio"].signal is None

    known = measured(found, loaded, here)

    changed = {name for name in found if known[name] != found[name]}
    assert changed == {f"{arm}.{measure}" for arm in ("adamw", "sgd_l2") for measure in ("seen_ratio", "unseen_in_steps")}
    signals = [gate.signal for gate in known.values() if not isinstance(gate, Information)]
    assert all(signal is not None and signal > 1e4 for signal in signals)


def test_a_probe_that_breaks_without_decay_leaves_its_signals_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recording then refuses them by name, and no exception hides why."""
    loaded, here = load(write(tmp_path, row=edited(PROBE, "steps: 300", "steps: 30")))["row"], session(tmp_path)
    unknown: dict[str, GoldenValue] = {"adamw.seen_ratio": Exact(1.0, 1e-9, 0.0)}
    monkeypatch.setattr("harness.goldens.sensitivity.undecayed", lambda make: lambda *args, **options: 1 / 0)

    assert measured(unknown, loaded, here) == unknown
