"""The trial of one optimizer under a contract: which claims and fields of the contract are red, and what was measured there.

It takes the same parts as a run of the suite (`subject`, `applicability`, `run`, `outcome`, `contract_check`), without pytest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.catalog import applicability
from harness.catalog.load import load
from harness.catalog.loaded_scenario import LoadedScenario
from harness.fingerprint.ask import ask
from harness.run import Session, run
from harness.spec.contract import FIELDS
from harness.spec.scenario import Claim
from harness.subject import roles
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
ASKED = ("hidden_decay", "weight_at_zero", *(name for name in FIELDS if name != "equivalent_to"))


@dataclass(frozen=True)
class Red:
    """What a red test rests on: the words measured of a field, or the one `arm.measure` that decides a claim.

    `failure` is what kept a claim from being judged: then nothing was measured.
    """

    words: tuple[str, ...]
    failure: str = ""

    @property
    def word(self) -> str:
        """The words as one text."""
        return " or ".join(self.words) or UNKNOWN


@dataclass(frozen=True)
class Trial:
    """What came of one optimizer as the subject: the claims that ran, and each test that is red.

    A red field of the contract stands in `red` as `contract.<field>`.
    """

    ran: tuple[str, ...]
    red: Mapping[str, Red]


def trial(path: str, promise: Promise, folder: Path) -> Trial:
    """Hold the optimizer at `path` to every probe's claims that apply to its contract, and to each field of it."""
    subjects = roles.choose([f"{promise.role}={path}"], subject_output := [], promise.contract)
    session = Session(
        replace(subjects, contract_file="contract.yaml"), "cpu", ChunkCache(folder), Progress(folder, print), subject_output
    )
    outcomes = [outcome for loaded, claims in _applying(session.subjects) for outcome in _judged(loaded, claims, session)]
    assert outcomes, f"no claim applies to {path}, so that it would pass whatever it does"
    red = {outcome.claim.id: _evidence(outcome) for outcome in outcomes if outcome.status == "failed"}
    held = [check_field(role, name, session.subjects) for role, name in declared_fields(session.subjects)]
    red |= {f"{CONTRACT}{one.field}": Red(one.measured) for one in held if not one.met}
    return Trial(tuple(outcome.claim.id for outcome in outcomes), red)


@dataclass(frozen=True)
class Kills:
    """What noticed a mutant: tests that are red with it as the subject, and claims that are red with it in an arm of theirs.

    `told` is what a fingerprint answers of it, by question.
    """

    red: Mapping[str, Red]
    in_arm: Mapping[str, Red]
    told: Mapping[str, tuple[str, ...]]

    @property
    def all(self) -> Mapping[str, Red]:
        return {**self.in_arm, **self.red}


def kills(mutant: Mutant, folder: Path) -> Kills:
    """Hold a mutant to all that applies to what its twin promises, and to the claims about other subjects that name it."""
    found = trial(mutant.path, mutant.promise, folder) if mutant.promise else Trial((), {})
    beside = [(loaded, claim) for loaded, claim in _naming(mutant) if claim.id not in found.ran]
    in_arms = {claim.id: in_arm(loaded, claim, mutant.path, folder) for loaded, claim in beside}
    told = {question.name: finding.values for question, finding in ask(mutant.path, {}, [*ASKED, *mutant.truth])}
    return Kills(found.red, {claim: red for claim, red in in_arms.items() if red}, told)


def problems(mutant: Mutant, found: Kills) -> list[str]:
    """Return what is not as expected: which test noticed the fault, by what, and what a fingerprint answers."""
    red = found.all.get(mutant.by)
    wrong = [] if red else [f"{mutant.by} is green; red: {', '.join(found.all) or 'nothing'}"]
    if red and mutant.word not in (red.words or (UNKNOWN,)):
        wrong.append(f"{mutant.by} is red by {red.failure or red.word}, and not by {mutant.word}")
    for question, truth in mutant.truth.items():
        told = found.told[question]
        if question not in mutant.misread and (told if truth is None else truth not in told):
            wrong.append(f"the fingerprint says {question}: {' or '.join(told) or UNKNOWN}, it is {truth or 'not to be told'}")
    return wrong


def mutant_row(mutant: Mutant, folder: Path) -> MatrixRow:
    """Return what a mutant's line of the kill matrix holds, as JSON gives it back.

    `role` is the one that it takes as the subject, empty for one that only an arm of a claim takes.
    """
    found = kills(mutant, folder)
    red = found.all.get(mutant.by)
    return {
        "path": mutant.path,
        "does": collection.does(mutant.make),
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
    """Return what a right optimizer's line of the kill matrix holds."""
    found, promise = trial(right.path, right.promise, folder), right.promise
    told = {question.name: " or ".join(finding.values) for question, finding in ask(right.path, {}, ASKED)}
    return {
        "path": right.path,
        "role": promise.role,
        "contract": dict(promise.contract),
        "red": sorted(set(found.red) - set(promise.expected)),
        "expected": {name: why for name, why in promise.expected.items() if name in found.red},
        "told": told,
    }


def in_arm(loaded: LoadedScenario, claim: Claim, path: str, folder: Path) -> Red | None:
    """Return what a claim is red by when the optimizer at `path` takes its counterexample's arm, or None where it holds."""
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


def _applying(subjects: Subjects) -> Iterator[tuple[LoadedScenario, list[Claim]]]:
    """Yield the probes with their claims that apply, and with the arms only that these read."""
    for loaded in load().values():
        claims = [
            claim for claim in loaded.scenario.claims if loaded.scenario.kind == "probe" and _applies(loaded, claim, subjects)
        ]
        if claims:
            arms = {arm: loaded.scenario.arms[arm] for claim in claims for arm in claim.arms}
            yield LoadedScenario(loaded.id, replace(loaded.scenario, arms=arms), loaded.raw), claims


def _applies(loaded: LoadedScenario, claim: Claim, subjects: Subjects) -> bool:
    return applicability.involved(loaded, claim, subjects) and not applicability.not_applicable_reason(loaded, claim, subjects)


def _judged(loaded: LoadedScenario, claims: list[Claim], session: Session) -> list[ClaimOutcome]:
    result = run(loaded, session)
    return [decide(claim, result) for claim in claims]


def _evidence(outcome: ClaimOutcome) -> Red:
    decided = outcome.deciding
    return Red((f"{decided.expectation.arm}.{decided.expectation.measure}",)) if decided else Red((), outcome.failure)
