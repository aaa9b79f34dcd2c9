"""Diagnosis of a red claim: one sentence about what the optimizer does, from its fingerprint.

    the fingerprint, compared with the contract          the sentence                         example (role decoupled)
    a `rule` question has an answer not declared         behaves like <its decay in words>    CoupledL2
    ... and the precision is float32                     ..., computed in single precision    a decay that casts to float32
    ... and only `groups` differs, and is unknown        ...; <unusual handling>              FirstGroupForAll
    the decay is as declared, the update rule is not     differs in its update: <its rule>    SecondMomentWithoutRoot
    all rules as declared, some handling is unusual      but <unusual handling>               DecayOncePerBucket
    all as declared                                      differs in something else            torch.optim:AdamW

The examples without a package are classes of `tests.mutants`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.fingerprint import phrases
from harness.fingerprint.ask import QUESTIONS, ask
from harness.fingerprint.finding import Findings
from harness.fingerprint.question import Question
from harness.spec.contract import FIELDS, Contract

MAX_FINDINGS = 2  # unusual findings in one sentence


def sentence(path: str, options: Mapping[str, Any], declared: Contract) -> str:
    """Return one sentence: the decay that is not as declared, the handling that is unusual, or where else to look.

    `path` is the optimizer's import path, `options` are those of the claim, and `declared` is the full contract.
    """
    findings, unusual = _measured(path, options)
    values = {name: finding.values for name, finding in findings.items()}
    wrong = [
        question.name
        for question in QUESTIONS
        if question.purpose == "rule" and not _as_declared(_declared_value(question, declared), values[question.name])
    ]
    handling = "; ".join(unusual[:MAX_FINDINGS])
    if wrong:
        text = phrases.decay(findings)
        single = (
            ", computed in single precision, where the claims need float64"
            if "precision" in wrong and values["precision"] == ("float32",)
            else ""
        )
        unknown_groups = wrong == ["groups"] and not values["groups"]
        return f"{path} behaves like {text}{single}" + (f"; {handling}" if handling and unknown_groups else "")
    # The claim's own options, such as a momentum, can change the update rule: another rule then
    # explains nothing.
    if not options and not _as_declared(declared["step_rule"], values["step_rule"]):
        rule = phrases.step(findings)
        return f"{path} has the weight decay that is asked for, so it differs in its update: it takes {rule}"
    reason = f"but {handling}" if handling else "so it differs in something else: a case that this claim tries"
    return f"{path} has the weight decay that is asked for, {reason}"


def _measured(path: str, options: Mapping[str, Any]) -> tuple[Findings, list[str]]:
    """Return the finding of every question, and the lines of the unusual findings about handling."""
    findings, unusual = {}, []
    for question, finding in ask(path, options):
        findings[question.name] = finding
        known = bool(question.usual and finding.values)
        if question.purpose == "handling" and known and not set(finding.values) & set(question.usual):
            unusual.append(finding.text)
    return findings, unusual


def _declared_value(question: Question, declared: Contract) -> object:
    """Return the declared value, or the usual one for a question that is no field of the contract."""
    return declared.get(question.name) if question.name in FIELDS else question.usual[0]


def _as_declared(declared: object, measured: tuple[str, ...]) -> bool:
    """Return True if one of the measured values is the declared one, or nothing is declared."""
    if isinstance(declared, float | int):
        return any(float(value) == declared for value in measured)
    return declared in (*measured, "unspecified")
