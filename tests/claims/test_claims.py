"""Tests of the optimizer under test: every claim about weight decay, and the golden of every scenario."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from syrupy.assertion import SnapshotAssertion

from harness.goldens.check import check_golden
from harness.goldens.store import is_recording
from harness.reporting.failure import failure_message, golden_failure_message
from harness.run import Result, Session
from harness.verdicts.messages import swap_not_noticed, swap_not_tested
from harness.verdicts.outcome import decide, swapped
from tests.claims import cases
from tests.claims.cases import ClaimCase, LoadedScenario, outcome_of
from tests.plugin.completeness import skip_with_reason
from tests.plugin.run_setup import Setup


@pytest.mark.parametrize("case", cases.claims())
def test_claim(
    case: ClaimCase, result_of: Callable[[LoadedScenario], Result], setup: Setup, session: Session, record_property
) -> None:
    """Every expectation of the claim holds. Those of a refuted claim contradict the documented statement."""
    outcome = outcome_of(case, result_of(case.loaded), setup)
    message, line = failure_message(outcome, case.loaded, session)
    record_property("decaygate", line)

    if outcome.status == "failed":
        pytest.fail(message, pytrace=False)
    if outcome.status == "not_applicable":
        # Known only after the run: the effect is smaller than the rounding of float32.
        skip_with_reason(record_property, outcome.reason)


@pytest.mark.parametrize("case", cases.swaps())
def test_swapped_arms_fail_the_claim(case: ClaimCase, result_of: Callable[[LoadedScenario], Result], record_property) -> None:
    """A claim about training fails on the same runs if the two arms that it names are exchanged."""
    result = result_of(case.loaded)
    if result.failures:
        pytest.fail(swap_not_tested(case.claim, next(iter(result.failures.values()))), pytrace=False)

    outcome = decide(case.claim, swapped(result, *case.claim.counterexample.swap))
    record_property("decaygate-swap", {"claim": case.claim.id, "status": outcome.status})

    if outcome.status != "failed":
        pytest.fail(swap_not_noticed(case.claim), pytrace=False)


@pytest.mark.parametrize("loaded", cases.goldens())
def test_golden(
    loaded: LoadedScenario,
    result_of: Callable[[LoadedScenario], Result],
    setup: Setup,
    session: Session,
    snapshot: SnapshotAssertion,
    record_property,
) -> None:
    """The scenario's numbers agree with the recorded ones, within their tolerances."""
    result = result_of(loaded)
    golden = check_golden(loaded, result, session, cases.deciding_outcomes(loaded, result, setup), snapshot)
    message, record = golden_failure_message(golden, loaded, session, recording=is_recording(snapshot))
    record_property("decaygate-golden", record)

    if golden.status == "not_applicable":
        skip_with_reason(record_property, message)
    if not golden.ok:
        pytest.fail(message, pytrace=False)
