"""Do the rates of false alarms that are shown mean what the page says, and do the shipped pools keep to what is declared?"""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.false_alarms.rates import (
    SPLITS,
    Rate,
    Study,
    differs,
    effect_of,
    exact_gates,
    moved,
    picks,
    studies,
    usual,
    verdict_rates,
)
from harness.catalog.load import load
from harness.goldens.extract import gates
from harness.goldens.origin import Origin
from harness.goldens.pool import Pool
from harness.goldens.values import min_sensitivity
from harness.policy import LEVEL
from harness.spec.scenario import Expectation, Other
from harness.stats import chance_not_shown, moments

RNG = np.random.default_rng(11)
NORMAL = RNG.normal(size=64)
TAILED = np.where(RNG.random(64) < 0.05, -8.0, RNG.normal(size=64))  # one seed in twenty fails


@pytest.mark.parametrize("recorded", [8, 56])
def test_the_range_is_that_of_splits_of_normal_pools(recorded: int) -> None:
    """It holds the declared rate, and that of most other normal pools."""
    low, high = usual(64, recorded, 8, 0.05)

    assert low < 0.05 < high
    assert low < np.mean([moved(one, picks(64, 500, 1), recorded, 8, 0.05) for one in RNG.normal(size=(200, 64))]) < high


def test_splits_of_one_pool_are_not_independent() -> None:
    """A null arm's rate spreads over pools more than twice as far as a binomial interval would say."""
    low, high = usual(64, 0, 8, 0.05)

    assert high - low > 2 * 2 * 1.96 * (0.05 * 0.95 / SPLITS) ** 0.5


def test_a_normal_pool_is_inside_and_one_with_a_tail_outside() -> None:
    """Against eight recorded seeds, which seldom hold the tail that the run then has."""
    orders, range_of = picks(64, 2_000, 2), usual(64, 8, 8, 0.01)

    assert Rate(moved(NORMAL, orders, 8, 8, 0.01), 0.01, range_of).inside
    assert not Rate(moved(TAILED, orders, 8, 8, 0.01), 0.01, range_of).inside


def test_a_true_change_is_found_and_none_is_not() -> None:
    """The rate of a null arm is the declared one; a difference of two standard deviations is seen in nearly every draw."""
    orders = picks(64, 2_000, 3)
    centred = NORMAL - NORMAL.mean()

    assert differs(centred, orders, 8, 0.05) < 0.1
    assert differs(centred + 2.0, orders, 8, 0.05) > 0.95


def pool_of(**samples: tuple[float, ...]) -> Pool:
    """Return a pool of one measure in some arms."""
    places = {(arm, "gap"): values for arm, values in samples.items()}
    return Pool("study", tuple(range(4)), Origin({}), places, {("a", "gap"): 2.0})


@pytest.mark.parametrize(
    ("expectation", "distances"),
    [
        (Expectation("a", "gap", "greater_than", value=1.0), (0.1, 0.3, 0.2, 0.4)),
        (Expectation("a", "gap", "at_most", value=2.0), (0.9, 0.7, 0.8, 0.6)),
        (Expectation("a", "gap", "less_than", than=Other("b", "gap", 2.0)), (0.9, 1.3, 0.4, 1.0)),
        (Expectation("a", "gap", "within_fraction_of_closed_form", fraction=0.5), (0.1, 0.3, 0.2, 0.4)),
    ],
)
def test_the_effect_is_the_distance_to_where_the_verdict_flips(expectation: Expectation, distances: tuple[float, ...]) -> None:
    """In standard deviations of the distance, seed by seed."""
    pool = pool_of(a=(1.1, 1.3, 1.2, 1.4), b=(1.0, 1.3, 0.8, 1.2))
    mean, sd = moments(distances)

    assert effect_of(expectation, pool) == pytest.approx(mean / sd)


STUDIES = [name for name, loaded in load().items() if loaded.scenario.kind == "study"]


def shipped() -> dict[str, Study]:
    """Return the studies that have pools."""
    return {study.loaded.id: study for study in studies()}


def test_every_study_has_a_pool() -> None:
    """Or its goldens are as wide as eight seeds make them."""
    assert sorted(shipped()) == sorted(STUDIES)


@pytest.mark.parametrize("name", STUDIES)
def test_no_pilot_is_larger_than_what_its_pool_shows(name: str) -> None:
    """The declared chance of a false red rests on it."""
    study = shipped()[name]
    expected = [item for claim in study.loaded.scenario.claims for item in claim.expect if item.pilot is not None]

    flattered = [(item.arm, item.measure, item.pilot) for item in expected if (item.pilot or 0.0) > effect_of(item, study.pool)]

    assert flattered == []
    assert chance_not_shown(effect=3.0, n=study.runs, level=LEVEL) < 2e-5


@pytest.mark.parametrize("name", STUDIES)
def test_a_gated_mean_leaves_its_prediction_as_often_as_declared(name: str) -> None:
    """Held out from the pool at one in twenty, and at one in a hundred; a long tail is gated by another measure."""
    study = shipped()[name]
    orders = picks(len(study.pool.seeds), 2_000, 20)
    ranges = {alpha: usual(64, 56, 8, alpha) for alpha in (0.05, 0.01)}

    for place in gates(study.loaded.scenario):
        samples = np.array(study.pool.samples[place])
        rates = [moved(samples, orders, 56, 8, alpha) for alpha in ranges]
        assert all(rate <= 1.2 * ranges[alpha][1] for rate, alpha in zip(rates, ranges, strict=True)), (place, rates)


@pytest.mark.parametrize("name", STUDIES)
def test_no_run_drawn_from_a_pool_is_red(name: str) -> None:
    """Of a thousand for each gated expectation; a verdict of few values would show here, as zero variance."""
    red = {gate.name: gate.red for gate in verdict_rates([shipped()[name]])}

    assert red
    assert {gate: rate for gate, rate in red.items() if rate > 0.0} == {}


def test_every_exact_number_of_every_golden_sees_weight_decay() -> None:
    """Under its floor it would be no gate, and recording refuses it."""
    blind = [(name, one.signal) for name, one in exact_gates() if one.signal is None or one.signal < min_sensitivity(one)]

    assert blind == []
    assert len(exact_gates()) > 900
