"""Trial of one optimizer under a contract: the red claims and contract fields, with the measured values.

It uses the modules of a session (`subject`, `applicability`, `run`, `outcome`, `contract_check`), without pytest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.catalog import applicability
from harness.catalog.load import load
from harness.catalog.loaded_scenario import LoadedScenario
from harness.fingerprint import report
from harness.fingerprint.ask import QUESTIONS, findings
from harness.fingerprint.finding import FAILED
from harness.fingerprint.process import Fingerprint, FingerprintLine
from harness.run import Session, run
from harness.spec import contract
from harness.spec.fields import RULE
from harness.spec.scenario import Claim
from harness.subject import roles
from harness.subject.loading import resolve
from harness.subject.roles import DEFAULTS, Subjects
from harness.training.chunk_cache import ChunkCache
from harness.training.progress import Progress
from harness.verdicts.contract_check import check_field, declared_fields
from harness.verdicts.outcome import ClaimOutcome, decide
from tests.mutants import collection
from tests.mutants.correct import Promise, Right
from tests.mutants.expectations import UNKNOWN, Mutant

MatrixRow = dict[str, Any]
CONTRACT = "contract."
ASKED = ("hidden_decay", "weight_at_zero", *RULE, "none_gradient", "paths", "maximize")  # the columns of the matrix


@dataclass(frozen=True)
class Evidence:
    """Evidence of a red test.

    `words` are the measured values of a contract field, or the one `arm.measure` that decides a claim. `failure` is the reason
    for which a claim could not be judged; then nothing was measured, and `words` is empty.
    """

    words: tuple[str, ...]
    failure: str = ""

    @property
    def word(self) -> str:
        """The words as one text; `unknown` if there is none."""
        return " or ".join(self.words) or UNKNOWN


@dataclass(frozen=True)
class Trial:
    """Result of one optimizer as the subject: the ids of the claims that ran, and the red tests by name.

    The name of a red contract field in `red` is `contract.<field>`.
    """

    ran: tuple[str, ...]
    red: Mapping[str, Evidence]


def trial(path: str, promise: Promise, folder: Path) -> Trial:
    """Run every claim of a probe that applies to the optimizer at `path`, and check each field of its contract."""
    subjects = roles.choose_subjects([f"{promise.role}={path}"], subject_output := [], promise.contract)
    session = Session(
        replace(subjects, contract_file="contract.yaml"), "cpu", ChunkCache(folder), Progress(folder, print), subject_output
    )
    outcomes = [outcome for loaded, claims in _applicable(session.subjects) for outcome in _judged(loaded, claims, session)]
    assert outcomes, f"no claim applies to {path}: it would pass whatever it does"
    red = {outcome.claim.id: _evidence(outcome) for outcome in outcomes if outcome.status == "failed"}
    checks = [check_field(role, name, session.subjects) for role, name in declared_fields(session.subjects)]
    red |= {f"{CONTRACT}{check.field}": Evidence(check.measured) for check in checks if not check.met}
    return Trial(tuple(outcome.claim.id for outcome in outcomes), red)


@dataclass(frozen=True)
class Kills:
    """Tests that notice a mutant.

    - `red`: the tests that are red with the mutant as the subject.
    - `in_arm`: the claims about another subject that are red with the mutant in one of their arms.
    - `told`: question -> the answer of the fingerprint.
    """

    red: Mapping[str, Evidence]
    in_arm: Mapping[str, Evidence]
    told: Mapping[str, tuple[str, ...]]

    @property
    def all(self) -> Mapping[str, Evidence]:
        return {**self.in_arm, **self.red}


def kills(mutant: Mutant, folder: Path) -> Kills:
    """Run each test that applies to the contract of a mutant's twin, and the claims about other subjects that name it."""
    as_subject = trial(mutant.path, mutant.promise, folder) if mutant.promise else Trial((), {})
    others = [(loaded, claim) for loaded, claim in _naming(mutant) if claim.id not in as_subject.ran]
    in_arms = {claim.id: in_arm(loaded, claim, mutant.path, folder) for loaded, claim in others}
    measured = findings(mutant.path, {})
    answers = {question: measured[question].values for question in dict.fromkeys([*ASKED, *mutant.truth])}
    return Kills(as_subject.red, {claim: red for claim, red in in_arms.items() if red}, answers)


def problems(mutant: Mutant, found: Kills) -> list[str]:
    """Return each difference from the expectation: the red test, its measurement, and the answers of the fingerprint."""
    red = found.all.get(mutant.by)
    wrong = [] if red else [f"{mutant.by} is green, expected red; red tests: {', '.join(found.all) or 'none'}"]
    if red and mutant.word not in (red.words or (UNKNOWN,)):
        wrong.append(f"{mutant.by} is red because of {red.failure or red.word}, expected {mutant.word}")
    for question, truth in mutant.truth.items():
        answers = found.told[question]
        if question not in mutant.misread and (answers if truth is None else truth not in answers):
            wrong.append(f"fingerprint, {question}: {' or '.join(answers) or UNKNOWN}, expected {truth or 'no answer'}")
    return wrong + failed_experiments(mutant.path)


def failed_experiments(path: str) -> list[str]:
    """Return the experiments of the fingerprint that failed: an optimizer may refuse a case, and makes no experiment fail."""
    measured = findings(path, {})
    return [f"fingerprint, {name}: {found.text}" for name, found in measured.items() if FAILED in found.text]


def mutant_row(mutant: Mutant, folder: Path) -> MatrixRow:
    """Return a mutant's row of the kill matrix, equal to the row that is read back from JSON.

    `role` is the role of the mutant as the subject; it is empty if the mutant only runs in an arm of a claim.
    """
    found = kills(mutant, folder)
    red = found.all.get(mutant.by)
    return {
        "path": mutant.path,
        "does": collection.does(mutant.make),
        "source": collection.source_hash(mutant.make),
        "bug": mutant.bug,
        "id": mutant.id,
        "role": mutant.promise.role if mutant.promise else "",
        "claims": sorted(name for name in found.red if not name.startswith(CONTRACT)),
        "fields": sorted(name.removeprefix(CONTRACT) for name in found.red if name.startswith(CONTRACT)),
        "in_arm": sorted(found.in_arm),
        "by": mutant.by,
        "word": red.word if red else "",
        "truth": {name: value or "" for name, value in mutant.truth.items()},
        "misread": dict(mutant.misread),
        "told": {name: " or ".join(values) for name, values in found.told.items()},
        "problems": problems(mutant, found),
    }


def right_row(right: Right, folder: Path) -> MatrixRow:
    """Return a right optimizer's row of the kill matrix."""
    found, promise = trial(right.path, right.promise, folder), right.promise
    measured = findings(right.path, {})
    answers = {question: " or ".join(measured[question].values) for question in ASKED}
    return {
        "path": right.path,
        "role": promise.role,
        "contract": dict(promise.contract),
        "red": sorted(set(found.red) - set(promise.expected)),
        "expected": {name: why for name, why in promise.expected.items() if name in found.red},
        "told": answers,
        "problems": failed_experiments(right.path),
    }


def drafted(path: str) -> Promise:
    """Return the role and the contract that are drafted for an optimizer from its fingerprint."""
    measured = findings(path, {})
    lines = [
        FingerprintLine(question.name, question.section, question.asks, found.values, found.text, question.usual)
        for question in QUESTIONS
        if (found := measured[question.name])
    ]
    with TemporaryDirectory() as folder:
        file = Path(folder) / "contract.yaml"
        file.write_text(report.draft(Fingerprint(path, {}, tuple(lines))), encoding="utf-8")
        declared = contract.load(file, root=Path(folder))
    role = contract.role_of(declared)
    assumed = contract.complete({}, role)
    return Promise(role, {name: value for name, value in declared.items() if value != assumed[name]})


def style_row(path: str, folder: Path) -> MatrixRow:
    """Return the row of a right optimizer that is tested under its drafted contract.

    `ran` is the number of claims of probes that apply; `of` is the number that apply to the usual optimizer of its role.
    `excluded` has, for the two lines of the contract that exclude most claims, the number of these claims.
    """
    promise = drafted(path)
    found = trial(path, promise, folder)
    return {
        "path": path,
        "does": " ".join((resolve(path).__doc__ or "").split()),
        "role": promise.role,
        "contract": dict(promise.contract),
        "red": sorted(found.red),
        "ran": len(found.ran),
        "of": claims_of_role(promise.role),
        "excluded": _exclusions(path, promise),
        "problems": failed_experiments(path),
    }


def _exclusions(path: str, promise: Promise) -> dict[str, int]:
    """Return the two lines of a contract that exclude most claims of probes, with the numbers of these claims."""
    subjects = replace(roles.choose_subjects([f"{promise.role}={path}"], [], promise.contract), contract_file="contract.yaml")
    reasons = (
        applicability.not_applicable_reason(loaded, claim, subjects)
        for loaded in load().values()
        if loaded.scenario.kind == "probe"
        for claim in loaded.scenario.claims
        if applicability.reads_subject(loaded, claim, subjects)
    )
    return dict(Counter(reason.rpartition(contract.CONTRACT_HAS)[2] for reason in reasons if reason).most_common(2))


@cache
def claims_of_role(role: str) -> int:
    """Return the number of claims of probes that apply to the usual optimizer of a role."""
    subjects = replace(roles.choose_subjects([f"{role}={DEFAULTS[role]}"], []), contract_file="contract.yaml")
    return sum(len(claims) for _, claims in _applicable(subjects))


def in_arm(loaded: LoadedScenario, claim: Claim, path: str, folder: Path) -> Evidence | None:
    """Return the evidence if a claim is red with the optimizer at `path` in its counterexample's arm, None if it holds."""
    name = str(claim.counterexample.arm)
    arms = {arm: loaded.scenario.arms[arm] for arm in claim.arms}
    arms[name] = replace(arms[name], role="fixed", subject=path)
    changed = LoadedScenario(loaded.id, replace(loaded.scenario, arms=arms), loaded.raw)
    session = Session(Subjects(DEFAULTS), "cpu", ChunkCache(folder), Progress(folder, print), subject_output=[])
    outcome = decide(claim, run(changed, session))
    return _evidence(outcome) if outcome.status == "failed" else None


def _naming(mutant: Mutant) -> Iterator[tuple[LoadedScenario, Claim]]:
    for loaded in load().values():
        for claim in loaded.scenario.claims if loaded.scenario.kind == "probe" else ():
            if mutant.name in claim.counterexample.mutants:
                yield loaded, claim


def _applicable(subjects: Subjects) -> Iterator[tuple[LoadedScenario, list[Claim]]]:
    """Yield each probe with the claims that apply to the subjects, reduced to the arms that these claims read."""
    for loaded in load().values():
        claims = [
            claim for claim in loaded.scenario.claims if loaded.scenario.kind == "probe" and _applies(loaded, claim, subjects)
        ]
        if claims:
            arms = {arm: loaded.scenario.arms[arm] for claim in claims for arm in claim.arms}
            yield LoadedScenario(loaded.id, replace(loaded.scenario, arms=arms), loaded.raw), claims


def _applies(loaded: LoadedScenario, claim: Claim, subjects: Subjects) -> bool:
    return applicability.reads_subject(loaded, claim, subjects) and not applicability.not_applicable_reason(
        loaded, claim, subjects
    )


def _judged(loaded: LoadedScenario, claims: list[Claim], session: Session) -> list[ClaimOutcome]:
    result = run(loaded, session)
    return [decide(claim, result) for claim in claims]


def _evidence(outcome: ClaimOutcome) -> Evidence:
    decided = outcome.deciding
    return Evidence((f"{decided.expectation.arm}.{decided.expectation.measure}",)) if decided else Evidence((), outcome.failure)
