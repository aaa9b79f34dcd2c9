"""The check of a scenario's golden: compare the numbers of a run with it, or record them."""

from __future__ import annotations

from collections.abc import Sequence

from harness.catalog.loaded_scenario import LoadedScenario
from harness.goldens import sensitivity, store
from harness.goldens.extract import entries
from harness.goldens.origin import origin_of
from harness.goldens.store import GoldenExtension, GoldenOutcome, Snapshot
from harness.run import Result, Session
from harness.verdicts.outcome import ClaimOutcome


def check_golden(
    loaded: LoadedScenario, result: Result, session: Session, at_stake: Sequence[ClaimOutcome], snapshot: Snapshot
) -> GoldenOutcome:
    """Compare the numbers of a scenario with its golden, and record them if pytest was asked to and nothing forbids it.

    `at_stake` are the outcomes of the scenario's claims that decide about the optimizer under test. Numbers are recorded only
    if none of these claims fails.
    """
    snapshot = snapshot.use_extension(GoldenExtension)
    golden_file, equivalent_to = store.location(snapshot), session.subjects.equivalent_to
    failures = [result.failures[arm] for outcome in at_stake for arm in outcome.claim.arms if arm in result.failures]
    if failures:
        return GoldenOutcome("error", f"golden {loaded.id}: nothing to compare; {failures[0]}", (), golden_file)
    if not result.measurements and (equivalent_to or not golden_file.exists()):
        # No arm ran, and no claim is at stake: the author of the optimizer expects every claim to
        # fail, or none applies.
        return GoldenOutcome("not_applicable", "no arm ran, and its claims are expected to fail or do not apply", (), golden_file)
    blockers = [f"claim {outcome.claim.id} fails" for outcome in at_stake if outcome.status == "failed"]
    blockers += [f"these are the goldens of {equivalent_to}, to which the contract is equivalent_to"] if equivalent_to else []
    numbers = entries(loaded, result)
    if store.is_recording(snapshot):
        numbers = sensitivity.with_measured_sensitivity(numbers, loaded, session)
        blockers += sensitivity.unknown_sensitivity(numbers)
    return store.check(snapshot, numbers, origin=origin_of(loaded.scenario, session.subjects, session.device), blockers=blockers)
