"""Tests of the rates of false alarms: their computation, and the shipped pools' declared chances."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.false_alarms.rates import (
    SPLITS,
    Rate,
    Study,
    effect_of,
    exact_gates,
    golden_red_rate,
    normal_range,
    permutations,
    studies,
    t_test_red_rate,
    verdict_rates,
)
from harness.catalog.load import load
from harness.goldens.extract import gates
from harness.goldens.origin import Origin
from harness.goldens.pool import Pool
from harness.goldens.values import min_sensitivity
from harness.policy import LEVEL
from harness.spec.scenario import Expectation, Other
from harness.stats import mean_and_sd, miss_probability

RNG = np.random.default_rng(11)
NORMAL = RNG.normal(size=64)
TAILED = np.where(RNG.random(64) < 0.05, -8.0, RNG.normal(size=64))  # one seed in twenty fails


@pytest.mark.parametrize("recorded", [8, 56])
def test_the_range_is_that_of_splits_of_normal_pools(recorded: int) -> None:
    """The range contains the declared rate, and the mean rate of 200 other normal pools."""
    low, high = normal_range(64, recorded, 8, 0.05)

    assert low < 0.05 < high
    assert (
        low
        < np.mean([golden_red_rate(pool, permutations(64, 500, 1), recorded, 8, 0.05) for pool in RNG.normal(size=(200, 64))])
        < high
    )


def test_splits_of_one_pool_are_not_independent() -> None:
    """The rates of null arms spread over more than twice a binomial interval."""
    low, high = normal_range(64, 0, 8, 0.05)

    assert high - low > 2 * 2 * 1.96 * (0.05 * 0.95 / SPLITS) ** 0.5


def test_a_heavy_tail_puts_a_pool_outside_the_range() -> None:
    """The golden has eight seeds: they seldom contain the tail that the eight seeds of the session contain."""
    orders, range_of = permutations(64, 2_000, 2), normal_range(64, 8, 8, 0.01)

    assert Rate(golden_red_rate(NORMAL, orders, 8, 8, 0.01), 0.01, range_of).inside
    assert not Rate(golden_red_rate(TAILED, orders, 8, 8, 0.01), 0.01, range_of).inside


def test_a_change_is_found_and_no_change_is_not() -> None:
    """A null arm is red at the declared rate; a difference of two standard deviations is found in nearly every draw."""
    orders = permutations(64, 2_000, 3)
    centred = NORMAL - NORMAL.mean()

    assert t_test_red_rate(centred, orders, 8, 0.05) < 0.1
    assert t_test_red_rate(centred + 2.0, orders, 8, 0.05) > 0.95


def pool_of(**samples: tuple[float, ...]) -> Pool:
    """Return a pool of one measure in some arms."""
    by_arm = {(arm, "gap"): values for arm, values in samples.items()}
    return Pool("study", tuple(range(4)), Origin({}), by_arm, {("a", "gap"): 2.0})


@pytest.mark.parametrize(
    ("expectation", "distances"),
    [
        (Expectation("a", "gap", "greater_than", value=1.0), (0.1, 0.3, 0.2, 0.4)),
        (Expectation("a", "gap", "at_most", value=2.0), (0.9, 0.7, 0.8, 0.6)),
        (Expectation("a", "gap", "less_than", than=Other("b", "gap", 2.0)), (0.9, 1.3, 0.4, 1.0)),
        (Expectation("a", "gap", "within_fraction_of_closed_form", fraction=0.5), (0.1, 0.3, 0.2, 0.4)),
    ],
)
def test_the_effect_is_the_distance_to_the_flip_of_a_verdict(expectation: Expectation, distances: tuple[float, ...]) -> None:
    """The distance is taken seed by seed, and divided by its standard deviation."""
    pool = pool_of(a=(1.1, 1.3, 1.2, 1.4), b=(1.0, 1.3, 0.8, 1.2))
    mean, sd = mean_and_sd(distances)

    assert effect_of(expectation, pool) == pytest.approx(mean / sd)


STUDIES = [name for name, loaded in load().items() if loaded.scenario.kind == "study"]


def shipped() -> dict[str, Study]:
    """Return the studies that have pools."""
    return {study.loaded.id: study for study in studies()}


def test_every_study_has_a_pool() -> None:
    """Without a pool, the tolerances of its golden are as wide as eight seeds make them."""
    assert sorted(shipped()) == sorted(STUDIES)


@pytest.mark.parametrize("name", STUDIES)
def test_no_pilot_effect_exceeds_the_effect_in_the_pool(name: str) -> None:
    """The declared chance of a false alarm is computed from the pilot effect."""
    study = shipped()[name]
    expected = [item for claim in study.loaded.scenario.claims for item in claim.expect if item.pilot is not None]

    too_large = [(item.arm, item.measure, item.pilot) for item in expected if (item.pilot or 0.0) > effect_of(item, study.pool)]

    assert too_large == []
    assert miss_probability(effect=3.0, n=study.runs, level=LEVEL) < 2e-5


@pytest.mark.parametrize("name", STUDIES)
def test_a_gated_mean_is_red_as_often_as_declared(name: str) -> None:
    """Seeds that are held out of the golden leave its tolerance at 0.05 and at 0.01 about as often as these levels."""
    study = shipped()[name]
    orders = permutations(len(study.pool.seeds), 2_000, 20)
    ranges = {alpha: normal_range(64, 56, 8, alpha) for alpha in (0.05, 0.01)}

    for gate in gates(study.loaded.scenario):
        samples = np.array(study.pool.samples[gate])
        rates = [golden_red_rate(samples, orders, 56, 8, alpha) for alpha in ranges]
        assert all(rate <= 1.2 * ranges[alpha][1] for rate, alpha in zip(rates, ranges, strict=True)), (gate, rates)


@pytest.mark.parametrize("name", STUDIES)
def test_no_run_drawn_from_a_pool_is_red(name: str) -> None:
    """A thousand draws for each gated expectation; a measure with few distinct values would be red here, by zero variance."""
    red = {gate.name: gate.red for gate in verdict_rates([shipped()[name]])}

    assert red
    assert {gate: rate for gate, rate in red.items() if rate > 0.0} == {}


def test_every_exact_golden_value_is_sensitive_to_weight_decay() -> None:
    """A less sensitive number would check nothing; recording refuses it."""
    insensitive = [
        (name, line.signal) for name, line in exact_gates() if line.signal is None or line.signal < min_sensitivity(line)
    ]

    assert insensitive == []
    assert len(exact_gates()) > 900
