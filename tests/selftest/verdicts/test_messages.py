"""Tests of the messages of claims: the headline names claim, behaviour and numbers; the details follow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.measurement import Measurement
from harness.run import Result
from harness.spec.scenario import Citation, Claim, Counterexample, Expectation, Other
from harness.verdicts.messages import details, expected, headline, number, sentence, swap_not_noticed, swap_not_tested
from harness.verdicts.outcome import ClaimOutcome, decide

SAMPLES = (0.9, 1.0, 1.1, 1.2)
READINGS = {
    "a": {
        "m": Measurement(1.25, "steps", expected=1.0, tolerance=1e-9, effect=1.0, standard_error=0.01),
        "e": Measurement(1.05, "nats", samples=SAMPLES),
        "p": Measurement(0.5, "1", expected=0.25, tolerance=1e-9, effect=1.0),
    },
    "b": {"m": Measurement(2.0, "steps")},
}


def outcome(*expect: Expectation, failure: str = "") -> ClaimOutcome:
    """Return the outcome of a claim with these expectations."""
    sources = (Citation("a_page", "one", "S0-01"), Citation("b_page", "two"))
    claim = Claim("it_is_so", "the statement", sources, "the convention", "the source", "holds", expect, Counterexample())
    return decide(claim, Result(READINGS, {}, {"a": failure} if failure else {}))


def sentence_of(expectation: Expectation) -> str:
    """Return the verdict on one expectation as a sentence."""
    return sentence(outcome(expectation).verdicts[0])


@pytest.mark.parametrize(
    ("expectation", "text"),
    [
        (Expectation("a", "m", "equals_closed_form"), "1 (closed form), tolerance 1e-09"),
        (Expectation("a", "m", "within_standard_errors"), "1 (closed form), tolerance 0.05"),
        (Expectation("a", "m", "within_fraction_of_closed_form", fraction=0.1), "1 (closed form), tolerance 0.1"),
        (Expectation("a", "m", "close_to", value=1.5, tolerance=0.1), "1.5, tolerance 0.1"),
        (Expectation("a", "m", "differs_from", value=1.0, tolerance=0.5), "more than 0.5 away from 1"),
        (Expectation("a", "m", "at_least", value=3.0), "at least 3"),
        (Expectation("a", "m", "at_most", value=1.0), "at most 1"),
        (Expectation("a", "m", "greater_than", value=3.0), "more than 3"),
        (Expectation("a", "m", "less_than", value=1.0), "less than 1"),
        (Expectation("a", "m", "greater_than", than=Other("b", "m")), "more than 2 (m of b)"),
        (Expectation("a", "m", "at_most", than=Other("b", "m", 0.5)), "at most 1 (0.5 x m of b)"),
    ],
)
def test_every_relation_has_its_words(expectation: Expectation, text: str) -> None:
    """The sentence names the measure, the arm, the measured number with its unit, and the expected number."""
    assert sentence_of(expectation) == f"m of a is 1.25 (steps); should be {text}"
    assert expected(outcome(expectation).verdicts[0]) == text


def test_messages_of_exchanged_arms_name_claim_and_arms() -> None:
    """One says that the study failed, and why. The other says what was expected and what to write."""
    claim = replace(outcome().claim, counterexample=Counterexample(swap=("control", "no_decay")))

    assert swap_not_tested(claim, "arm control, seed 3: training loss is nan at step 7") == (
        "it_is_so: the counterexample, which exchanges the arms control and no_decay, could not be tested, because the study "
        "failed: arm control, seed 3: training loss is nan at step 7"
    )
    assert swap_not_noticed(claim) == (
        "it_is_so: the claim holds although the records of the arms control and no_decay are exchanged; expected: it fails. "
        "Write expectations that tell these arms apart, or other arms in counterexample.swap"
    )


def test_a_pure_number_has_no_unit() -> None:
    """Its unit in the probe is "1", which is not printed."""
    assert sentence_of(Expectation("a", "p", "at_least", value=1.0)) == "p of a is 0.5; should be at least 1"


def test_a_verdict_that_cannot_be_given_names_the_reason() -> None:
    """The reason takes the place of the expected number."""
    assert sentence_of(Expectation("b", "m", "equals_closed_form")) == "m of b is 2 (steps); cannot be judged: no closed form"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.0, "1"),
        (0.123456789, "0.123457"),
        (-1234567.0, "-1.23457e+06"),
        (1e-3, "0.001"),
        (-1.23456e-5, "-1.23e-05"),
        (float("nan"), "nan"),
    ],
)
def test_a_number_has_six_digits_or_three_if_it_is_small(value: float, text: str) -> None:
    assert number(value) == text


def test_a_headline_names_claim_behaviour_and_numbers_in_order() -> None:
    """It is one line, with the first behaviour only."""
    failed = outcome(Expectation("a", "m", "at_least", value=3.0))

    line = headline(failed, ["x:Adam behaves like coupled L2", "another"])

    assert line == "it_is_so: x:Adam behaves like coupled L2; m is 1.25 (steps); should be at least 3"


def test_a_headline_without_a_behaviour_names_only_the_numbers() -> None:
    """A claim of a calculation has none, because it has no optimizer."""
    failed = outcome(Expectation("a", "m", "at_least", value=3.0))

    assert headline(failed) == "it_is_so: m is 1.25 (steps); should be at least 3"


def test_a_subject_that_raised_is_the_headline() -> None:
    """There are no numbers in this case."""
    broken = outcome(Expectation("a", "m", "at_least", value=3.0), failure="arm a: x:Mine raised ValueError at step 3: no")

    assert headline(broken, ["ignored"]) == "it_is_so: arm a: x:Mine raised ValueError at step 3: no"


def test_the_details_hold_verdicts_sources_and_next_command() -> None:
    """They also hold the statement, its convention, and the file of the scenario."""
    mixed = outcome(
        Expectation("a", "m", "at_least", value=3.0),
        Expectation("a", "m", "at_most", value=3.0),
        Expectation("a", "e", "at_least", value=3.0),
    )

    text = details(mixed, file="scenarios/x.yaml", behaviours=["x:Adam behaves like coupled L2"], rerun="pytest -k it_is_so")

    assert text.splitlines() == [
        "  claim        the statement",
        "  convention   the convention",
        "  documented   the source",
        "  established  holds",
        "  measured     NO  m is 1.25 (steps); should be at least 3",
        "  measured     ok  m is 1.25 (steps); should be at most 3",
        "  measured     NO  e is 1.05 (nats); should be at least 3 [0.756899, 1.3431] at 98% (reported, not gated)",
        "  optimizer    x:Adam behaves like coupled L2",
        "  source       a_page, one S0-01",
        "  source       b_page, two",
        "  scenario     scenarios/x.yaml",
        "  run again    pytest -k it_is_so",
    ]


@pytest.mark.parametrize(("when", "instead", "text"), [("if so", "", "holds: if so"), ("", "not so", "holds: not so")])
def test_established_is_followed_by_the_condition_or_correction(when: str, instead: str, text: str) -> None:
    """The reader of a refuted claim learns the true statement."""
    plain = outcome(Expectation("a", "m", "at_least", value=3.0))
    changed = replace(plain, claim=replace(plain.claim, when=when, instead=instead))

    assert f"  established  {text}" in details(changed, file="", behaviours=[], rerun="").splitlines()
