"""What does a red claim say, or a red golden? The numbers, what the optimizer does instead, and who moved what was recorded."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from typing import Any

from harness.attribution.explain import explain as attribute
from harness.catalog.loaded_scenario import LoadedScenario
from harness.environment import commands
from harness.environment.paths import ROOT
from harness.fingerprint import diagnosis
from harness.goldens.store import GoldenOutcome
from harness.reporting import ledger
from harness.run import Session, path_of
from harness.subject.output import capture_output
from harness.verdicts import messages
from harness.verdicts.outcome import ClaimOutcome


def failure_message(outcome: ClaimOutcome, loaded: LoadedScenario, session: Session) -> tuple[str, dict[str, Any]]:
    """Return a red claim's message (empty for another) and the claim's line of the ledger."""
    unjudged = outcome.failure or (outcome.deciding and outcome.deciding.problem)  # then it is no fault of the optimizer's
    behaviours = _behaviours(outcome, loaded, session) if outcome.status == "failed" and not unjudged else []
    headline = messages.headline(outcome, behaviours) if outcome.status == "failed" else ""
    expected = messages.expected(outcome.deciding) if outcome.deciding and not outcome.deciding.problem else ""
    line = asdict(ledger.claim_record(outcome, loaded.id, expected=expected, message=headline or outcome.reason))
    if outcome.status != "failed":
        return "", line
    subjects = session.subjects
    options = "".join(f" --optimizer={role}={subjects.by_role[role]}" for role in subjects.under_test)
    options += f" --contract={subjects.contract_file}" if subjects.contract_file else ""
    rerun = commands.pytest_command(f'-k "{outcome.claim.id}"{options}')
    body = messages.details(outcome, place=loaded.raw.file, behaviours=behaviours, rerun=rerun)
    return f"{headline}\n{body}", line


def golden_failure_message(
    golden: GoldenOutcome, loaded: LoadedScenario, session: Session, *, recording: bool
) -> tuple[str, dict[str, Any]]:
    """Return a golden's message and its record in the ledger.

    The message of a red one has a line, under the first, that says what moved: the optimizer or the environment.
    """
    moved = "" if recording else _moved(golden, loaded, session)
    facts = dict(golden.origin.facts) if golden.origin else {}
    record = ledger.GoldenRecord(loaded.id, golden.status, facts, golden.first_line, moved, golden.widened)
    return "\n".join([golden.first_line, *([moved] if moved else []), *golden.details]), asdict(record)


def _moved(golden: GoldenOutcome, loaded: LoadedScenario, session: Session) -> str:
    """Return what moved the numbers of a red golden; nothing where none were compared."""
    if golden.ok or not golden.rows:
        return ""
    shipped = golden.path
    if session.subjects.folder != "default":
        shipped = ROOT / "golden" / "default" / golden.path.parent.name / golden.path.name
    return attribute(loaded, golden.rows, session, shipped=shipped).sentence


def _behaviours(outcome: ClaimOutcome, loaded: LoadedScenario, session: Session) -> list[str]:
    """Return, for each subject in a role that the failed verdict reads, what its weight decay does."""
    verdict, said = outcome.deciding, []
    arms = [verdict.expectation.arm] if verdict else []
    arms += [verdict.expectation.than.arm] if verdict and verdict.expectation.than else []
    for arm in arms:
        chosen = loaded.scenario.arms[arm]
        if loaded.scenario.kind != "arithmetic" and chosen.role != "fixed":
            path = path_of(loaded.scenario, arm, session.subjects)
            declared = tuple(session.subjects.contract(chosen.role).items())
            said.append(_sentence(path, tuple(sorted(chosen.options.items())), declared))
    return list(dict.fromkeys(said))


@cache
def _sentence(path: str, options: tuple[tuple[str, Any], ...], declared: tuple[tuple[str, Any], ...]) -> str:
    try:
        with capture_output([]):
            return diagnosis.sentence(path, dict(options), dict(declared))
    except Exception as error:  # a diagnosis that fails must not hide the claim's own failure
        return f"{path} cannot be diagnosed ({type(error).__name__}: {error})"
