"""Tests of the table of relations: regions, keys and words. verdicts/test_judge.py tests the verdicts."""

from __future__ import annotations

import pytest

from harness.measurement import Measurement
from harness.spec.relations import ABOVE, AWAY, BELOW, LOST_IN_NOISE, LOST_IN_TOLERANCE, NEAR, RELATIONS, Region, key_problem
from harness.spec.scenario import Expectation, Other

KEYS = {"value": 1.0, "than": Other("b", "m"), "tolerance": 0.1, "fraction": 0.1}


@pytest.mark.parametrize(
    ("region", "inside", "edge", "outside"),
    [(ABOVE, 3.0, 2.0, 1.0), (BELOW, 1.0, 2.0, 3.0), (NEAR, 2.25, 2.5, 3.0), (AWAY, 3.0, 2.5, 2.25)],
)
def test_a_margin_changes_its_sign_at_the_edge(region: Region, inside: float, edge: float, outside: float) -> None:
    """The target is 2 and the tolerance 0.5."""
    assert region.margin(inside, 2.0, 0.5) > region.margin(edge, 2.0, 0.5) == 0.0 > region.margin(outside, 2.0, 0.5)


@pytest.mark.parametrize("region", [ABOVE, BELOW, NEAR, AWAY])
@pytest.mark.parametrize("value", [0.5, 1.5, 1.75, 2.0, 2.25, 2.5, 4.0])
def test_an_interval_of_one_point_has_the_margin_of_the_point(region: Region, value: float) -> None:
    """The verdict on an ensemble thus agrees with the exact verdict where the spread is small."""
    assert region.interval_margin(value, value, 2.0, 0.5) == region.margin(value, 2.0, 0.5)


@pytest.mark.parametrize("region", [ABOVE, BELOW, NEAR])
def test_an_interval_has_the_margin_of_its_worse_end(region: Region) -> None:
    """The whole interval must lie in the region."""
    low, high = 1.75, 2.125

    margin = region.interval_margin(low, high, 2.0, 0.5)

    assert margin == min(region.margin(low, 2.0, 0.5), region.margin(high, 2.0, 0.5))


def test_an_interval_around_the_target_is_not_away_from_it() -> None:
    """Both ends are far from the target, but on different sides."""
    assert AWAY.interval_margin(1.0, 3.0, 2.0, 0.5) < 0.0 < AWAY.interval_margin(3.0, 4.0, 2.0, 0.5)


def test_only_a_region_with_two_edges_has_two_sides() -> None:
    """A true effect can be missed at each edge."""
    assert [region.sides for region in (ABOVE, BELOW, AWAY, NEAR)] == [1, 1, 1, 2]


@pytest.mark.parametrize("name", RELATIONS)
def test_the_words_contain_the_expected_number(name: str) -> None:
    """They also contain the tolerance if the region has one."""
    relation = RELATIONS[name]

    assert "{expected}" in relation.words
    assert ("{tolerance}" in relation.words) == (relation.region in (NEAR, AWAY))


@pytest.mark.parametrize("name", RELATIONS)
def test_a_relation_takes_exactly_the_keys_that_it_reads(name: str) -> None:
    """A missing key is refused, and so is an additional one."""
    relation = RELATIONS[name]
    targets = [] if relation.of_closed_form else ["value"]
    right = {key: KEYS[key] for key in (*targets, *relation.needs)}

    assert key_problem(Expectation("a", "m", name, **right)) == ""
    for key in right:
        less = {other: value for other, value in right.items() if other != key}
        assert key_problem(Expectation("a", "m", name, **less)).startswith(name)
    for key in set(KEYS) - set(right):
        assert key_problem(Expectation("a", "m", name, **right, **{key: KEYS[key]})).startswith(name)


def test_a_measure_that_cannot_show_its_effect_is_insensitive() -> None:
    """A measure that states no effect is a different problem."""
    exact, noisy = RELATIONS["equals_closed_form"].problem, RELATIONS["within_standard_errors"].problem
    unstated = Measurement(1.0, "u", tolerance=1e-6, standard_error=0.1)

    assert exact(Measurement(1.0, "u", tolerance=1e-6, effect=1e-3)) == LOST_IN_TOLERANCE
    assert noisy(Measurement(1.0, "u", standard_error=0.1, effect=0.5)) == LOST_IN_NOISE
    assert LOST_IN_TOLERANCE.insensitive
    assert LOST_IN_NOISE.insensitive
    for problem in (exact, noisy):
        no_effect = problem(unstated)
        assert no_effect is not None
        assert not no_effect.insensitive
