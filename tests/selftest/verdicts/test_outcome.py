"""Does a claim's status follow from its verdicts, and does a swap of arms exchange their records?"""

from __future__ import annotations

import math

import pytest

from harness.measurement import Measurement, Measurements
from harness.run import Result
from harness.spec.scenario import Citation, Claim, Counterexample, Established, Expectation, Other
from harness.verdicts.outcome import decide, swapped

READINGS: dict[str, Measurements] = {
    "a": {"m": Measurement(1.0, "u"), "n": Measurement(math.nan, "u"), "e": Measurement(1.0, "u", samples=(0.9, 1.0, 1.1))},
    "b": {"m": Measurement(2.0, "u")},
}
HOLDS = Expectation("a", "m", "at_most", value=1.5)
FAILS = Expectation("a", "m", "at_least", value=1.5)
REPORTED = Expectation("a", "e", "at_least", value=1.5)


def claim(*expect: Expectation, established: Established = "holds") -> Claim:
    """Return a claim with these expectations."""
    sources = (Citation("a_page", "one"),)
    return Claim("it_is_so", "what", sources, "how", "as claimed", established, expect, Counterexample())


def result(**failures: str) -> Result:
    """Return the readings of both arms, and failures of some."""
    return Result(READINGS, {}, failures)


@pytest.mark.parametrize(
    ("expect", "established", "status"),
    [
        ((HOLDS,), "holds", "held"),
        ((HOLDS,), "holds_when", "held"),
        ((HOLDS,), "refuted", "refuted_as_documented"),
        ((HOLDS, FAILS), "holds", "failed"),
        ((FAILS, HOLDS), "holds", "failed"),
        ((FAILS,), "refuted", "failed"),
        ((HOLDS, REPORTED), "holds", "held"),
        ((FAILS, REPORTED), "holds", "failed"),
    ],
)
def test_every_gated_expectation_must_hold(expect: tuple[Expectation, ...], established: Established, status: str) -> None:
    """Those of a refuted claim too; those that are only reported decide nothing, and are kept."""
    outcome = decide(claim(*expect, established=established), result())

    assert outcome.status == status
    assert [verdict.expectation for verdict in outcome.verdicts] == list(expect)


@pytest.mark.parametrize("broken", ["a", "b"])
def test_an_arm_that_broke_fails_the_claims_that_read_it(broken: str) -> None:
    """With its own words, and without a verdict; on either side of a comparison."""
    compared = Expectation("a", "m", "less_than", than=Other("b", "m"))

    outcome = decide(claim(compared), result(**{broken: "it raised"}))

    assert (outcome.status, outcome.failure, outcome.verdicts) == ("failed", "it raised", ())
    assert outcome.deciding is None


def test_an_arm_that_broke_leaves_other_claims_alone() -> None:
    """A claim about the arm that ran is judged."""
    assert decide(claim(HOLDS), result(b="it raised")).status == "held"


@pytest.mark.parametrize(
    "expect", [Expectation("a", "gone", "at_most", value=1.0), Expectation("b", "m", "less_than", than=Other("a", "gone"))]
)
def test_a_measure_that_an_arm_did_not_give_fails_the_claim_in_words(expect: Expectation) -> None:
    """As where weights are no numbers any more; what the arm did give is said."""
    outcome = decide(claim(expect), result())

    assert (outcome.status, outcome.verdicts) == ("failed", ())
    assert outcome.failure == "arm a: gone could not be measured (m is 1, n is nan, e is 1)"


@pytest.mark.parametrize(
    ("expect", "deciding"),
    [
        ((HOLDS, FAILS), FAILS),
        ((FAILS, HOLDS), FAILS),
        ((Expectation("a", "m", "at_most", value=1.1), HOLDS), Expectation("a", "m", "at_most", value=1.1)),
        ((HOLDS, Expectation("a", "m", "at_most", value=1.1)), Expectation("a", "m", "at_most", value=1.1)),
        ((FAILS, Expectation("a", "m", "at_least", value=9.0)), Expectation("a", "m", "at_least", value=9.0)),
        ((HOLDS, REPORTED), HOLDS),
        ((FAILS, Expectation("a", "n", "at_least", value=0.0)), Expectation("a", "n", "at_least", value=0.0)),
        ((Expectation("a", "n", "at_least", value=0.0), FAILS), Expectation("a", "n", "at_least", value=0.0)),
    ],
)
def test_the_table_shows_what_decided(expect: tuple[Expectation, ...], deciding: Expectation) -> None:
    """What could not be judged, else the worst failure, else the gate with the least room."""
    outcome = decide(claim(*expect), result())

    assert outcome.deciding is not None
    assert outcome.deciding.expectation == deciding


def test_room_is_counted_in_tolerances() -> None:
    """A margin of 0.1 within a tolerance of 10 is less room than one of 0.09 within 0.1."""
    readings = {"a": {"wide": Measurement(9.9, "u"), "tight": Measurement(0.01, "u")}}
    wide = Expectation("a", "wide", "close_to", value=0.0, tolerance=10.0)
    tight = Expectation("a", "tight", "close_to", value=0.0, tolerance=0.1)

    outcome = decide(claim(tight, wide), Result(readings, {}, {}))

    assert outcome.deciding is not None
    assert outcome.deciding.expectation == wide


def test_swapping_two_arms_exchanges_their_readings_and_no_others() -> None:
    """So that a study's claim can be shown to depend on which arm is which."""
    before = Result(
        {arm: {"m": Measurement(value, "u", expected=value)} for arm, value in (("a", 1.0), ("b", 2.0), ("c", 3.0))}, {}, {}
    )
    ordered = claim(Expectation("a", "m", "less_than", than=Other("b", "m")))

    after = swapped(before, "a", "b")

    assert [after.readings[arm]["m"].value for arm in "abc"] == [2.0, 1.0, 3.0]
    assert [after.readings[arm]["m"].expected for arm in "abc"] == [1.0, 2.0, 3.0]  # a closed form belongs to its arm
    assert (decide(ordered, before).status, decide(ordered, after).status) == ("held", "failed")
