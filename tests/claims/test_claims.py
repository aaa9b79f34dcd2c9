"""The product: every claim about weight decay, held against the optimizer under test."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from syrupy.assertion import SnapshotAssertion

from harness.goldens.check import check_golden
from harness.goldens.store import is_recording
from harness.reporting.failure import explain, explain_golden
from harness.run import Result, Session
from harness.verdicts.outcome import decide, swapped
from tests.claims import cases
from tests.claims.cases import ClaimCase, Entry, outcome_of
from tests.plugin.completeness import skip_with_reason
from tests.plugin.run_setup import Setup


@pytest.mark.parametrize("place", cases.claims())
def test_claim(place: ClaimCase, result_of: Callable[[Entry], Result], setup: Setup, session: Session, record_property) -> None:
    """The claim is true here, or refuted as it is known to be."""
    outcome = outcome_of(place, result_of(place.entry), setup)
    message, line = explain(outcome, place.entry, session)
    record_property("decaygate", line)

    if outcome.status == "failed":
        pytest.fail(message, pytrace=False)
    if outcome.status == "not_applicable":
        skip_with_reason(record_property, outcome.reason)  # only running it shows that float32 cannot


@pytest.mark.parametrize("place", cases.swaps())
def test_swapped_arms_fail_the_claim(place: ClaimCase, result_of: Callable[[Entry], Result], record_property) -> None:
    """A claim about training is false of the same records with the two arms exchanged that it names."""
    result = result_of(place.entry)
    if result.failures:
        pytest.fail(f"{place.claim.id}: nothing to exchange; {next(iter(result.failures.values()))}", pytrace=False)

    outcome = decide(place.claim, swapped(result, *place.claim.counterexample.swap))
    record_property("decaygate-swap", {"claim": place.claim.id, "status": outcome.status})

    if outcome.status != "failed":
        pytest.fail(f"{place.claim.id}: holds with its arms exchanged too, so it says nothing about them", pytrace=False)


@pytest.mark.parametrize("entry", cases.goldens())
def test_golden(
    entry: Entry,
    result_of: Callable[[Entry], Result],
    setup: Setup,
    session: Session,
    snapshot: SnapshotAssertion,
    record_property,
) -> None:
    """The scenario's numbers are those that were recorded."""
    result = result_of(entry)
    golden = check_golden(entry, result, session, cases.outcomes_at_stake(entry, result, setup), snapshot)
    message, record = explain_golden(golden, entry, session, recording=is_recording(snapshot))
    record_property("decaygate-golden", record)

    if golden.status == "not_applicable":
        skip_with_reason(record_property, message)
    if not golden.ok:
        pytest.fail(message, pytrace=False)
