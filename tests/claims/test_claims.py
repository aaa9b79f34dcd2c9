"""The product: every claim about weight decay, held against the optimizer under test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

import pytest
from syrupy.assertion import SnapshotAssertion

from harness.goldens.extract import entries
from harness.goldens.origin import origin_of
from harness.goldens.sensitivity import measured, unknown
from harness.goldens.store import GoldenExtension, check, is_recorded
from harness.reporting.failure import attributed, explain
from harness.reporting.ledger import Golden
from harness.run import Result, Session
from harness.verdicts.outcome import decide, swapped
from tests.claims import cases
from tests.claims.cases import Entry, Place, at_stake, outcome_of
from tests.plugin.completeness import leave_out
from tests.plugin.run_setup import Setup


@pytest.mark.parametrize("place", cases.claims())
def test_claim(place: Place, result_of: Callable[[Entry], Result], setup: Setup, session: Session, record_property) -> None:
    """The claim is true here, or refuted as it is known to be."""
    outcome = outcome_of(place, result_of(place.entry), setup)
    message, line = explain(outcome, place.entry, session)
    record_property("decaygate", line)

    if outcome.status == "failed":
        pytest.fail(message, pytrace=False)
    if outcome.status == "not_applicable":
        leave_out(record_property, outcome.reason)  # only running it shows that float32 cannot


@pytest.mark.parametrize("place", cases.swaps())
def test_swapped_arms_fail_the_claim(place: Place, result_of: Callable[[Entry], Result], record_property) -> None:
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
    stake = [Place(entry, claim) for claim in entry.scenario.claims if at_stake(entry, claim, setup)]
    broken = [result.failures[arm] for place in stake for arm in place.claim.arms if arm in result.failures]
    if broken:
        pytest.fail(f"golden {entry.id}: nothing to compare; {broken[0]}", pytrace=False)
    golden = snapshot.use_extension(GoldenExtension)
    if not result.readings and (setup.subjects.reference or not is_recorded(golden)):
        # Nothing to compare and nothing to hold against the optimizer: what its author expects to fail failed in every arm.
        why = "no arm ran, and its claims are expected to fail or do not apply"
        record_property("decaygate-golden", asdict(Golden(entry.id, "not_applicable", {}, why)))
        leave_out(record_property, why)
    outcomes = [outcome_of(place, result, setup) for place in stake]
    blockers = [f"claim {outcome.claim.id} fails" for outcome in outcomes if outcome.status == "failed"]
    if setup.subjects.reference:
        blockers.append(f"these are the goldens of {setup.subjects.reference}, to which the contract is equivalent_to")

    numbers = entries(entry, result)
    recording = snapshot.update_snapshots or snapshot.update_new_snapshots_only
    if recording:
        numbers = measured(numbers, entry, session)
        blockers += unknown(numbers)
    origin = origin_of(entry.scenario, setup.subjects, session.device)
    outcome = check(golden, numbers, origin=origin, blockers=blockers)
    facts = dict(outcome.origin.facts) if outcome.origin else {}
    message, moved = (outcome.text, "") if recording else attributed(outcome, entry, session)
    golden_record = Golden(entry.id, outcome.status, facts, outcome.first_line, moved, outcome.widened)
    record_property("decaygate-golden", asdict(golden_record))

    if not outcome.ok:
        pytest.fail(message, pytrace=False)
