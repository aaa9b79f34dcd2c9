"""Failure messages of red claims and goldens: the numbers, the optimizer's behaviour, and what moved the recorded numbers."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import cache
from typing import Any

from harness.attribution.explain import explain as attribute
from harness.catalog.loaded_scenario import LoadedScenario
from harness.environment import commands
from harness.environment.paths import ROOT
from harness.fingerprint.diagnosis import Diagnosis, diagnose
from harness.goldens.store import GoldenOutcome
from harness.reporting import ledger
from harness.run import Session, path_of
from harness.subject.output import capture_output
from harness.verdicts import messages
from harness.verdicts.outcome import ClaimOutcome


def failure_message(outcome: ClaimOutcome, loaded: LoadedScenario, session: Session) -> tuple[str, dict[str, Any]]:
    """Return the message of a red claim (empty for any other claim), and the claim's line of the ledger."""
    # Without a verdict the failure may not come from weight decay, so it is not diagnosed.
    unjudged = outcome.failure or (outcome.deciding and outcome.deciding.problem)
    diagnoses = _diagnoses(outcome, loaded, session) if outcome.status == "failed" and not unjudged else []
    behaviours = [diagnosis.sentence for diagnosis in diagnoses]
    headline = messages.headline(outcome, behaviours) if outcome.status == "failed" else ""
    expected = messages.expected(outcome.deciding) if outcome.deciding and not outcome.deciding.problem else ""
    record = ledger.claim_record(outcome, loaded.id, expected=expected, message=headline or outcome.reason)
    if diagnoses and diagnoses[0].fields:
        record = replace(record, cause=diagnoses[0].sentence, cause_fields=diagnoses[0].fields)
    line = asdict(record)
    if outcome.status != "failed":
        return "", line
    subjects = session.subjects
    options = "".join(f" --optimizer={role}={subjects.by_role[role]}" for role in subjects.under_test)
    options += f" --contract={subjects.contract_file}" if subjects.contract_file else ""
    rerun = commands.pytest_command(f"--claim={outcome.claim.id}{options}")
    body = messages.details(outcome, file=loaded.raw.file, behaviours=behaviours, rerun=rerun)
    return f"{headline}\n{body}", line


def golden_failure_message(
    golden: GoldenOutcome, loaded: LoadedScenario, session: Session, *, recording: bool
) -> tuple[str, dict[str, Any]]:
    """Return the message of a golden, and its record in the ledger.

    The second line of a red golden's message names what moved: the optimizer, or its environment. It is left out in a session
    that records goldens (`recording`).
    """
    moved = "" if recording else _moved(golden, loaded, session)
    facts = dict(golden.origin.facts) if golden.origin else {}
    record = ledger.GoldenRecord(loaded.id, golden.status, facts, golden.first_line, moved, golden.widened)
    return "\n".join([golden.first_line, *([moved] if moved else []), *golden.details]), asdict(record)


def fingerprint_message(golden: GoldenOutcome, role: str) -> tuple[str, dict[str, Any]]:
    """Return the message of the golden of a fingerprint, and its record in the ledger."""
    facts = dict(golden.origin.facts) if golden.origin else {}
    record = ledger.GoldenRecord(f"{ledger.FINGERPRINT}{role}", golden.status, facts, golden.first_line)
    return "\n".join([golden.first_line, *golden.details]), asdict(record)


def _moved(golden: GoldenOutcome, loaded: LoadedScenario, session: Session) -> str:
    """Return a sentence on what moved the numbers of a red golden; empty if no numbers were compared."""
    if golden.ok or not golden.rows:
        return ""
    shipped = golden.path
    if session.subjects.golden_subfolder != "default":
        shipped = ROOT / "golden" / "default" / golden.path.parent.name / golden.path.name
    return attribute(loaded, golden.rows, session, shipped=shipped).sentence


def _diagnoses(outcome: ClaimOutcome, loaded: LoadedScenario, session: Session) -> list[Diagnosis]:
    """Return the diagnosis of each subject whose arm the failed verdict reads. Fixed arms have none."""
    verdict, found = outcome.deciding, []
    arms = [verdict.expectation.arm] if verdict else []
    arms += [verdict.expectation.than.arm] if verdict and verdict.expectation.than else []
    for arm in arms:
        settings = loaded.scenario.arms[arm]
        if loaded.scenario.kind != "arithmetic" and settings.role != "fixed":
            path = path_of(loaded.scenario, arm, session.subjects)
            declared = tuple(session.subjects.contract(settings.role).items())
            found.append(_diagnosis(path, tuple(sorted(settings.options.items())), declared))
    return list(dict.fromkeys(found))


@cache
def _diagnosis(path: str, options: tuple[tuple[str, Any], ...], declared: tuple[tuple[str, Any], ...]) -> Diagnosis:
    try:
        with capture_output([]):
            return diagnose(path, dict(options), dict(declared))
    except Exception as error:  # a failed diagnosis must not hide the failure of the claim
        return Diagnosis(f"{path} cannot be diagnosed ({type(error).__name__}: {error})")
