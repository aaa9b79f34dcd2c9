"""The check of a scenario's golden: from what the scenario gave to what came of its golden."""

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
    """Compare what a scenario gave with its golden, and record it when pytest was asked to and nothing is in the way.

    `at_stake` are the outcomes of its claims that decide about the optimizer under test. Numbers are recorded only if all of
    these claims are true.
    """
    snapshot = snapshot.use_extension(GoldenExtension)
    path, reference = store.location(snapshot), session.subjects.reference
    broken = [result.failures[arm] for one in at_stake for arm in one.claim.arms if arm in result.failures]
    if broken:
        return GoldenOutcome("error", f"golden {loaded.id}: nothing to compare; {broken[0]}", (), path)
    if not result.readings and (reference or not path.exists()):
        # Nothing to compare and nothing to hold against the optimizer: what its author expects to fail failed in every arm.
        return GoldenOutcome("not_applicable", "no arm ran, and its claims are expected to fail or do not apply", (), path)
    blockers = [f"claim {one.claim.id} fails" for one in at_stake if one.status == "failed"]
    blockers += [f"these are the goldens of {reference}, to which the contract is equivalent_to"] if reference else []
    numbers = entries(loaded, result)
    if store.is_recording(snapshot):
        numbers = sensitivity.measured(numbers, loaded, session)
        blockers += sensitivity.unknown(numbers)
    return store.check(snapshot, numbers, origin=origin_of(loaded.scenario, session.subjects, session.device), blockers=blockers)
