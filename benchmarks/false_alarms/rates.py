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
SPLITS = 2_000  # random splits of a pool
POOLS = 500  # simulated pools of normal samples, for the range of a rate
DRAWS = 1_000  # random draws of a session's seeds from the pool, for the verdicts
SEED = 20
FEW = 3  # examples in a list
NULL = ("control", "other_batches")  # the same weight decay and initial weights, another order of batches

Array = NDArray[np.float64]
Range = tuple[float, float]


@dataclass(frozen=True)
class Study:
    """A study with its pool and the ensemble lines of its golden. `runs` is the number of seeds that a session trains."""

    loaded: LoadedScenario
    pool: Pool
    lines: Mapping[str, Ensemble]

    @property
    def runs(self) -> int:
        return len(self.loaded.scenario.seeds)


@dataclass(frozen=True)
class Rate:
    """Share of random splits or draws that were red.

    `declared` is the chance that the rule promises. `normal_range` holds the share for 95 of 100 pools of normal samples.
    """

    measured: float
    declared: float
    normal_range: Range

    @property
    def inside(self) -> bool:
        return self.normal_range[0] <= self.measured <= self.normal_range[1]


def studies() -> list[Study]:
    """Return every study that has a pool, sorted by name."""
    pooled = []
    for name, loaded in sorted(load().items()):
        if loaded.scenario.kind == "study" and path_of(GOLDEN, name).exists():
            text = (GOLDEN / "test_claims" / f"{name}.json").read_text(encoding="utf-8")
            lines = {key: line for key, line in file_format.parse(text).entries.items() if isinstance(line, Ensemble)}
            pooled.append(Study(loaded, read(path_of(GOLDEN, name)), lines))
    return pooled


def permutations(size: int, count: int, seed: int) -> NDArray[np.int64]:
    """Return `count` random permutations of the indices of a pool of `size` seeds; shape (count, size)."""
    return np.random.default_rng(seed).random((count, size)).argsort(axis=1)


def golden_red_rate(samples: Array, orders: NDArray[np.int64], recorded: int, run: int, alpha: float) -> float:
    """Return the share of `orders` in which a session's mean lies outside the tolerance of the golden.

    The first `recorded` seeds of an order give the golden; the next `run` seeds are the session.
    """
    golden, new = samples[orders[:, :recorded]], samples[orders[:, recorded : recorded + run]]
    unit = stats.prediction_tolerance(sd=1.0, n=recorded, n_new=run, alpha=alpha)
    distance = np.abs(new.mean(axis=1) - golden.mean(axis=1))
    return float((distance > unit * golden.std(axis=1, ddof=1)).mean())


def t_test_red_rate(samples: Array, orders: NDArray[np.int64], run: int, alpha: float) -> float:
    """Return the share of `orders` in which a two-sided t test over the first `run` seeds finds a mean other than zero."""
    drawn = samples[orders[:, :run]]
    t = drawn.mean(axis=1) / drawn.std(axis=1, ddof=1) * run**0.5
    return float((np.abs(t) > stats.student_critical(alpha / 2, run - 1)).mean())


def normal_range(size: int, recorded: int, run: int, alpha: float) -> Range:
    """Return the range that holds the rate of `moved` (of `differs` if `recorded` is 0) for 95 of 100 pools of normal samples."""
    pools = np.random.default_rng(SEED + 1).normal(size=(POOLS, size))
    orders = permutations(size, SPLITS, SEED + 2)
    if recorded:
        rates = [golden_red_rate(pool, orders, recorded, run, alpha) for pool in pools]
    else:  # the true mean of a null arm is zero; the mean of a pool of 64 is only near zero
        rates = [t_test_red_rate(pool, orders, run, alpha) for pool in pools]
    low, high = np.quantile(rates, [0.025, 0.975])
    return float(low), float(high)


def golden_rates(pooled: Sequence[Study]) -> Iterator[tuple[str, list[Rate]]]:
    """Yield each gated measure with the rates at which a session's mean lies outside the tolerance of the golden.

    The golden is computed from as many other seeds as the session has, and from all other seeds; each at every alpha.
    """
    size, run = len(pooled[0].pool.seeds), pooled[0].runs
    designs = [(recorded, alpha) for recorded in (run, size - run) for alpha in ALPHAS]
    ranges = {design: normal_range(size, design[0], run, design[1]) for design in designs}
    orders = permutations(size, SPLITS, SEED)
    for study in pooled:
        assert (len(study.pool.seeds), study.runs) == (size, run), (
            "the range is computed once, for the pool size and number of seeds of the first study"
        )
        for gate in gates(study.loaded.scenario):
            samples = np.array(study.pool.samples[gate])
            rates = [Rate(golden_red_rate(samples, orders, n, run, alpha), alpha, ranges[n, alpha]) for n, alpha in designs]
            yield f"{study.loaded.id} {'.'.join(gate)}", rates


def null_rates(pooled: Sequence[Study]) -> Iterator[tuple[str, list[Rate]]]:
    """Yield each measure of a null arm with the rates at which a t test finds a paired difference from the control."""
    for study in pooled:
        control, null = ({name: values for (arm, name), values in study.pool.samples.items() if arm == which} for which in NULL)
        for measure in sorted(set(control) & set(null)):
            difference = np.array(control[measure]) - np.array(null[measure])
            orders = permutations(len(difference), SPLITS, SEED)
            rates = [
                Rate(
                    t_test_red_rate(difference, orders, study.runs, alpha),
                    alpha,
                    normal_range(len(difference), 0, study.runs, alpha),
                )
                for alpha in ALPHAS
            ]
            yield f"{study.loaded.id} {measure}", rates


@dataclass(frozen=True)
class VerdictRate:
    """False reds of one gated verdict.

    `red` is the share of draws of a session's seeds that were red; `pilot` and `effect` are the effects (d_z) in the pilot and in
    the pool; `declared` and `at_effect` the chances of a false red that follow from them.
    """

    name: str
    red: float
    pilot: float
    effect: float
    declared: float
    at_effect: float


def verdict_rates(pooled: Sequence[Study]) -> Iterator[VerdictRate]:
    """Yield the rates of every gated expectation of the studies."""
    for study in pooled:
        orders = permutations(len(study.pool.seeds), DRAWS, SEED)[:, : study.runs].tolist()
        draws = [study.pool.measurements(rows) for rows in orders]
        for claim in study.loaded.scenario.claims:
            for number, item in enumerate(claim.expect):
                if item.pilot is None:
                    continue
                red = plain.fmean(not judge(item, measurements).holds for measurements in draws)
                effect = effect_of(item, study.pool)
                declared = false_red(item, study.runs)
                chance = relation_of(item).region.sides * stats.miss_probability(effect=effect, n=study.runs, level=LEVEL)
                yield VerdictRate(f"{claim.id}[{number}] {item.arm}.{item.measure}", red, item.pilot, effect, declared, chance)


def effect_of(item: Expectation, pool: Pool) -> float:
    """Return d_z: the distance of the pool's mean from the value at which the verdict flips, in standard deviations."""
    samples, than = pool.samples[item.arm, item.measure], item.than
    if than:
        distances = [a - than.times * b for a, b in zip(samples, pool.samples[than.arm, than.measure], strict=True)]
    else:
        target = pool.expected[item.arm, item.measure] if item.fraction is not None else item.value
        assert target is not None, "the catalog refuses an expectation without a target"
        distances = [a - target for a in samples]
    mean, sd = stats.mean_and_sd(distances)
    tolerance = item.tolerance or 0.0
    if item.fraction is not None:
        tolerance = item.fraction * abs(pool.expected[item.arm, item.measure])
    return relation_of(item).region.margin(mean, 0.0, tolerance) / sd


def exact_gates() -> list[tuple[str, Exact]]:
    """Return the exact numbers of all goldens, the least sensitive to weight decay first."""
    numbers = []
    for path in sorted((GOLDEN / "test_claims").glob("*.json")):
        for name, line in file_format.parse(path.read_text(encoding="utf-8")).entries.items():
            if isinstance(line, Exact):
                numbers.append((f"{path.stem} {name}", line))
    return sorted(numbers, key=lambda item: item[1].signal or 0.0)


def ensemble_gates(pooled: Sequence[Study]) -> list[tuple[str, Ensemble]]:
    """Return the ensemble lines of all goldens, sorted by the smallest relative change that they detect."""
    lines = [
        (f"{study.loaded.id} {name.removeprefix('ensemble.')}", line) for study in pooled for name, line in study.lines.items()
    ]
    return sorted(lines, key=lambda item: item[1].detects / abs(item[1].mean))
