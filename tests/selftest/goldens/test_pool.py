"""Tests of the pool: its text is read strictly, and the ensembles of a golden follow from it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.catalog.load import load
from harness.environment.paths import ROOT
from harness.goldens.compare import compare
from harness.goldens.file_format import dump as dump_golden
from harness.goldens.file_format import parse as parse_golden
from harness.goldens.origin import Origin
from harness.goldens.pool import Pool, PoolError, dump, ensembles_of, parse, path_of, pool_from, read, required_measures
from harness.goldens.values import Ensemble
from harness.measurement import Measurement, Measurements
from harness.spec.scenario import Scenario
from tests.selftest.scenario_files import write

SEEDS = tuple(range(24))
HERE = Origin({"torch": "2.13.0", "seeds": "0..23", "n": "24"})
GOLDEN = ROOT / "golden" / "default"
STUDIES = {name: loaded.scenario for name, loaded in load().items() if loaded.scenario.kind == "study"}


def measurements() -> dict[str, Measurements]:
    """Return the measurements of two arms with different means. The values have more than nine digits."""
    return {
        arm: {
            measure: Measurement(0.0, "nats", expected=0.5, samples=tuple(shift + math.sin(seed) / 30 for seed in SEEDS))
            for measure in ("gap", "train_loss", "embedding_growth")
        }
        for arm, shift in (("control", 0.25), ("no_decay", 0.85))
    }


def drawn(folder: Path) -> tuple[Pool, Scenario]:
    """Return a pool of a written study, and the scenario of the study."""
    scenario = load(write(folder))["training"].scenario
    return pool_from("training", replace(scenario, seeds=SEEDS), measurements(), HERE), scenario


def test_a_pool_holds_the_measures_of_gates_and_expectations(tmp_path: Path) -> None:
    """The measure of a gate is held for every arm, because its sensitivity is a distance between arms."""
    pool, scenario = drawn(tmp_path)

    assert required_measures(scenario) == sorted(pool.samples)
    assert set(pool.samples) == {(arm, name) for arm in ("control", "no_decay") for name in ("gap", "train_loss")}


def test_a_pool_is_unchanged_after_writing_and_reading(tmp_path: Path) -> None:
    """Each sample has nine digits, each measure has one line, and the pool that is read has the same text."""
    pool, _ = drawn(tmp_path)

    again = parse(dump(pool))

    assert again == pool
    assert dump(again) == dump(pool)
    assert len([line for line in dump(pool).splitlines() if line.startswith('  "control.gap": [')]) == 1
    assert pool.samples["control", "gap"][1] == float(f"{0.25 + math.sin(1) / 30:.9g}")


def test_the_golden_of_a_study_follows_from_its_pool(tmp_path: Path) -> None:
    """Mean, spread and number of seeds are those of the pool. The tolerance is for runs with the scenario's number of seeds."""
    pool, scenario = drawn(tmp_path)

    line = ensembles_of(pool, scenario)["ensemble.no_decay.gap"]

    assert replace(line, signal=None) == Ensemble.of(pool.samples["no_decay", "gap"], alpha=1e-5, runs=8)
    assert (line.n, line.runs) == (24, 8)
    assert line.signal == pytest.approx(0.6 / line.detects, rel=0.05)


def test_some_seeds_of_a_pool_can_be_read_as_a_run(tmp_path: Path) -> None:
    """Their measurements are in the requested order, with their own mean and the closed form of the pool."""
    pool, _ = drawn(tmp_path)

    measurement = pool.measurements([3, 1])["control"]["gap"]

    assert measurement.samples == (pool.samples["control", "gap"][3], pool.samples["control", "gap"][1])
    assert (measurement.value, measurement.expected) == (pytest.approx(sum(measurement.samples) / 2), 0.5)
    assert pool.measurements()["control"]["gap"].samples == pool.samples["control", "gap"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda text: text.replace('"study"', '"scenario"'), "expected an object with the keys"),
        (lambda text: text.replace('"control.gap": [0.25', '"control.gap": [NaN'), "expected a finite number, got NaN (line 1"),
        (lambda text: text.replace('"control.gap": [0.25', '"control.gap": ["0.25"'), "control.gap: expected 24 numbers"),
        (lambda text: text.replace('"control.gap": [0.25, ', '"control.gap": ['), "control.gap: expected 24 numbers, got 23"),
        (lambda text: text.replace("control.gap", "control.gop"), "control.gop: expected <arm>.<measure>"),
        (lambda text: text.replace('"seeds": [0, 1,', '"seeds": [0, 0,'), "all different"),
        (lambda text: text.replace('"torch"', '"host"'), "unknown key 'host'"),
        (lambda text: text[:-4], "not JSON"),
    ],
)
def test_a_broken_pool_file_is_refused_with_key_and_reason(change: Callable[[str], str], why: str, tmp_path: Path) -> None:
    pool, _ = drawn(tmp_path)
    broken = change(dump(pool))
    assert broken != dump(pool)

    with pytest.raises(PoolError) as caught:
        parse(broken)

    assert why in str(caught.value)


@pytest.mark.parametrize("literal", ["1e999", "-1e999", "Infinity", "-Infinity", "NaN"])
def test_a_number_that_is_not_finite_is_refused_with_its_line(literal: str, tmp_path: Path) -> None:
    """JSON has no infinity, but a reader of JSON gets one from 1e999. A text in quotes is not a number."""
    pool, _ = drawn(tmp_path)
    text = dump(replace(pool, study="1e999 NaN"))
    path = tmp_path / "pool.json"
    path.write_text(text.replace('"no_decay.gap": [0.85', f'"no_decay.gap": [{literal}'), encoding="utf-8")

    with pytest.raises(PoolError) as caught:
        read(path)

    line = text[: text.index('"no_decay.gap": [0.85')].count("\n") + 1
    assert str(caught.value) == f"{path}: expected a finite number, got {literal} (line {line})"
    assert parse(text).study == "1e999 NaN"


def test_a_pool_with_a_sample_that_is_not_finite_is_not_written(tmp_path: Path) -> None:
    """The error names the measure."""
    pool, _ = drawn(tmp_path)
    broken = replace(pool, samples={**pool.samples, ("control", "gap"): (math.nan,) * 24})

    with pytest.raises(PoolError, match=r"not finite: control\.gap"):
        dump(broken)


@pytest.mark.parametrize("study", STUDIES)
def test_the_ensembles_of_shipped_goldens_follow_from_the_pools(study: str) -> None:
    """An edited mean, spread or number of seeds fails here, and so does an ensemble that a run has replaced."""
    pool, scenario = read(path_of(GOLDEN, study)), STUDIES[study]
    recorded = parse_golden((GOLDEN / "test_claims" / f"{study}.json").read_text(encoding="utf-8")).entries

    lines = ensembles_of(pool, scenario)

    assert pool.study == study
    assert len(pool.seeds) >= 64
    assert set(scenario.seeds) <= set(pool.seeds)
    assert sorted(pool.samples) == required_measures(scenario)
    assert {name: entry for name, entry in recorded.items() if isinstance(entry, Ensemble)} == lines


@pytest.mark.parametrize("study", STUDIES)
def test_an_edited_spread_differs_from_the_pool(study: str) -> None:
    """The comparison with a run cannot notice it, because its tolerance follows from the wider spread."""
    golden = parse_golden((GOLDEN / "test_claims" / f"{study}.json").read_text(encoding="utf-8"))
    lines = ensembles_of(read(path_of(GOLDEN, study)), STUDIES[study])
    name, line = next(iter(lines.items()))
    wider = replace(Ensemble.summary(mean=line.mean, sd=1.2 * line.sd, n=line.n, runs=8, alpha=line.alpha), signal=line.signal)

    edited = parse_golden(dump_golden(replace(golden, entries={**golden.entries, name: wider}))).entries

    assert compare({name: line}, {name: edited[name]})[0].status == "same"
    assert edited[name] != lines[name]
