"""Rates of false alarms and detectable changes, computed from the recorded pools."""

from __future__ import annotations

import statistics as plain
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness import stats
from harness.catalog.load import load
from harness.catalog.loaded_scenario import LoadedScenario
from harness.environment.paths import ROOT
from harness.goldens import file_format
from harness.goldens.extract import gates
from harness.goldens.pool import Pool, path_of, read
from harness.goldens.values import Ensemble, Exact
from harness.policy import LEVEL
from harness.spec.relations import relation_of
from harness.spec.scenario import Expectation
from harness.verdicts.judge import false_red, judge

GOLDEN = ROOT / "golden" / "default"
ALPHAS = (0.05, 0.01)
SPLITS = 2_000  # of a pool
POOLS = 500  # of normal samples, for the range
DRAWS = 1_000  # of a run's seeds from the pool, for the verdicts
SEED = 20
FEW = 3
NULL = ("control", "other_batches")  # the same weight decay and initial weights, another order of batches

Array = NDArray[np.float64]
Range = tuple[float, float]


@dataclass(frozen=True)
class Study:
    """A study with its pool, the lines of its golden, and how many seeds a run has."""

    loaded: LoadedScenario
    pool: Pool
    lines: Mapping[str, Ensemble]

    @property
    def runs(self) -> int:
        return len(self.loaded.scenario.seeds)


@dataclass(frozen=True)
class Rate:
    """How often something was red of random splits or draws, and where 95 of 100 pools of normal samples would put it."""

    measured: float
    declared: float
    usual: Range

    @property
    def inside(self) -> bool:
        return self.usual[0] <= self.measured <= self.usual[1]


def studies() -> list[Study]:
    """Return every study that has a pool, in order of names."""
    found = []
    for name, loaded in sorted(load().items()):
        if loaded.scenario.kind == "study" and path_of(GOLDEN, name).exists():
            text = (GOLDEN / "test_claims" / f"{name}.json").read_text(encoding="utf-8")
            lines = {key: one for key, one in file_format.parse(text).entries.items() if isinstance(one, Ensemble)}
            found.append(Study(loaded, read(path_of(GOLDEN, name)), lines))
    return found


def picks(size: int, count: int, seed: int) -> NDArray[np.int64]:
    """Return `count` random orders of a pool's `size` places."""
    return np.random.default_rng(seed).random((count, size)).argsort(axis=1)


def moved(samples: Array, orders: NDArray[np.int64], recorded: int, run: int, alpha: float) -> float:
    """Return how often a run of the next `run` seeds leaves what the first `recorded` seeds predict, over all orders."""
    golden, new = samples[orders[:, :recorded]], samples[orders[:, recorded : recorded + run]]
    unit = stats.prediction_tolerance(sd=1.0, n=recorded, n_new=run, alpha=alpha)
    apart = np.abs(new.mean(axis=1) - golden.mean(axis=1))
    return float((apart > unit * golden.std(axis=1, ddof=1)).mean())


def differs(samples: Array, orders: NDArray[np.int64], run: int, alpha: float) -> float:
    """Return how often a two-sided t test over `run` random seeds shows that the mean of `samples` is not zero."""
    some = samples[orders[:, :run]]
    t = some.mean(axis=1) / some.std(axis=1, ddof=1) * run**0.5
    return float((np.abs(t) > stats.student_critical(alpha / 2, run - 1)).mean())


def usual(size: int, recorded: int, run: int, alpha: float) -> Range:
    """Return where the rate of `moved` (or of `differs`, for nothing recorded) lies for 95 of 100 normal pools."""
    pools = np.random.default_rng(SEED + 1).normal(size=(POOLS, size))
    orders = picks(size, SPLITS, SEED + 2)
    if recorded:
        rates = [moved(one, orders, recorded, run, alpha) for one in pools]
    else:  # the truth of a null arm is a mean of zero, which a pool of 64 has only nearly
        rates = [differs(one, orders, run, alpha) for one in pools]
    low, high = np.quantile(rates, [0.025, 0.975])
    return float(low), float(high)


def golden_rates(found: Sequence[Study]) -> Iterator[tuple[str, list[Rate]]]:
    """Yield each gated measure with its rates: a run against as many seeds, and against all others, at each alpha."""
    size, run = len(found[0].pool.seeds), found[0].runs
    designs = [(recorded, alpha) for recorded in (run, size - run) for alpha in ALPHAS]
    ranges = {design: usual(size, design[0], run, design[1]) for design in designs}
    orders = picks(size, SPLITS, SEED)
    for study in found:
        assert (len(study.pool.seeds), study.runs) == (size, run), "one range serves all pools"
        for place in gates(study.loaded.scenario):
            samples = np.array(study.pool.samples[place])
            rates = [Rate(moved(samples, orders, n, run, alpha), alpha, ranges[n, alpha]) for n, alpha in designs]
            yield f"{study.loaded.id} {'.'.join(place)}", rates


def null_rates(found: Sequence[Study]) -> Iterator[tuple[str, list[Rate]]]:
    """Yield each measure that a null arm has with how often its paired difference from the control is shown."""
    for study in found:
        own, other = ({name: one for (arm, name), one in study.pool.samples.items() if arm == which} for which in NULL)
        for measure in sorted(set(own) & set(other)):
            difference = np.array(own[measure]) - np.array(other[measure])
            orders = picks(len(difference), SPLITS, SEED)
            rates = [
                Rate(differs(difference, orders, study.runs, alpha), alpha, usual(len(difference), 0, study.runs, alpha))
                for alpha in ALPHAS
            ]
            yield f"{study.loaded.id} {measure}", rates


@dataclass(frozen=True)
class VerdictRate:
    """A gated verdict: how often draws of a run's seeds were red, its chance at the pilot effect and at the pool's."""

    name: str
    red: float
    pilot: float
    effect: float
    declared: float
    at_effect: float


def verdict_rates(found: Sequence[Study]) -> Iterator[VerdictRate]:
    """Yield every gated expectation of the studies."""
    for study in found:
        orders = picks(len(study.pool.seeds), DRAWS, SEED)[:, : study.runs].tolist()
        drawn = [study.pool.readings(rows) for rows in orders]
        for claim in study.loaded.scenario.claims:
            for number, item in enumerate(claim.expect):
                if item.pilot is None:
                    continue
                red = plain.fmean(not judge(item, readings).holds for readings in drawn)
                effect = effect_of(item, study.pool)
                declared = false_red(item, study.runs)
                there = relation_of(item).region.sides * stats.chance_not_shown(effect=effect, n=study.runs, level=LEVEL)
                yield VerdictRate(f"{claim.id}[{number}] {item.arm}.{item.measure}", red, item.pilot, effect, declared, there)


def effect_of(item: Expectation, pool: Pool) -> float:
    """Return the distance of the pool's mean from where a verdict would flip, in standard deviations: its d_z."""
    own, than = pool.samples[item.arm, item.measure], item.than
    if than:
        distances = [a - than.times * b for a, b in zip(own, pool.samples[than.arm, than.measure], strict=True)]
    else:
        target = pool.expected[item.arm, item.measure] if item.fraction is not None else item.value
        assert target is not None, "the catalogue lets no expectation without a target pass"
        distances = [a - target for a in own]
    mean, sd = stats.moments(distances)
    tolerance = item.tolerance or 0.0
    if item.fraction is not None:
        tolerance = item.fraction * abs(pool.expected[item.arm, item.measure])
    return relation_of(item).region.margin(mean, 0.0, tolerance) / sd


def exact_gates() -> list[tuple[str, Exact]]:
    """Return the exact numbers of all goldens, those that see least of weight decay first."""
    found = []
    for path in sorted((GOLDEN / "test_claims").glob("*.json")):
        for name, one in file_format.parse(path.read_text(encoding="utf-8")).entries.items():
            if isinstance(one, Exact):
                found.append((f"{path.stem} {name}", one))
    return sorted(found, key=lambda item: item[1].signal or 0.0)


def ensemble_gates(found: Sequence[Study]) -> list[tuple[str, Ensemble]]:
    """Return the ensemble lines of all goldens, by the smallest relative change that they detect."""
    lines = [(f"{study.loaded.id} {name.removeprefix('ensemble.')}", one) for study in found for name, one in study.lines.items()]
    return sorted(lines, key=lambda item: item[1].detects / abs(item[1].mean))
