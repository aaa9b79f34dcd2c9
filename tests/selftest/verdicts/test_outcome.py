"""Tests of the outcome of a claim: its status follows from its verdicts, and a swap exchanges two arms."""

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
    """Return a result with the measurements of both arms, and these failures."""
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
    """This is true for a refuted claim too. Expectations that are only reported do not change the status, but are kept."""
    outcome = decide(claim(*expect, established=established), result())

    assert outcome.status == status
    assert [verdict.expectation for verdict in outcome.verdicts] == list(expect)


@pytest.mark.parametrize("failing", ["a", "b"])
def test_an_arm_that_failed_fails_the_claims_that_read_it(failing: str) -> None:
    """The claim has the message of the arm, and no verdict. The arm may be on either side of a comparison."""
    compared = Expectation("a", "m", "less_than", than=Other("b", "m"))

    outcome = decide(claim(compared), result(**{failing: "it raised"}))

    assert (outcome.status, outcome.failure, outcome.verdicts) == ("failed", "it raised", ())
    assert outcome.deciding is None


def test_an_arm_that_failed_does_not_affect_other_claims() -> None:
    """A claim that reads only the other arm is judged."""
    assert decide(claim(HOLDS), result(b="it raised")).status == "held"


@pytest.mark.parametrize(
    "expect", [Expectation("a", "gone", "at_most", value=1.0), Expectation("b", "m", "less_than", than=Other("a", "gone"))]
)
def test_a_missing_measure_fails_the_claim_with_a_message(expect: Expectation) -> None:
    """A measure is missing if the weights have become NaN, for example. The message lists the measures that the arm gave."""
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
def test_the_deciding_verdict_is_the_worst_gate(expect: tuple[Expectation, ...], deciding: Expectation) -> None:
    """It is a gate without a verdict, else the worst failure, else the gate with the smallest relative margin."""
    outcome = decide(claim(*expect), result())

    assert outcome.deciding is not None
    assert outcome.deciding.expectation == deciding


def test_margins_are_compared_relative_to_the_tolerance() -> None:
    """A margin of 0.1 with a tolerance of 10 is smaller than one of 0.09 with a tolerance of 0.1."""
    measurements = {"a": {"wide": Measurement(9.9, "u"), "tight": Measurement(0.01, "u")}}
    wide = Expectation("a", "wide", "close_to", value=0.0, tolerance=10.0)
    tight = Expectation("a", "tight", "close_to", value=0.0, tolerance=0.1)

    outcome = decide(claim(tight, wide), Result(measurements, {}, {}))

    assert outcome.deciding is not None
    assert outcome.deciding.expectation == wide


def test_a_swap_exchanges_two_arms_and_no_others() -> None:
    """It is the counterexample of a study: a claim must depend on which arm is which."""
    before = Result(
        {arm: {"m": Measurement(value, "u", expected=value)} for arm, value in (("a", 1.0), ("b", 2.0), ("c", 3.0))}, {}, {}
    )
    ordered = claim(Expectation("a", "m", "less_than", than=Other("b", "m")))

    after = swapped(before, "a", "b")

    assert [after.measurements[arm]["m"].value for arm in "abc"] == [2.0, 1.0, 3.0]
    assert [after.measurements[arm]["m"].expected for arm in "abc"] == [1.0, 2.0, 3.0]  # a closed form belongs to its arm
    assert (decide(ordered, before).status, decide(ordered, after).status) == ("held", "failed")
