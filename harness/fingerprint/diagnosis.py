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
from harness.fingerprint.ask import QUESTIONS, findings
from harness.fingerprint.finding import Findings
from harness.spec.contract import IN_FLOAT32, Contract, meets

MAX_FINDINGS = 2  # unusual findings in one sentence


def sentence(path: str, options: Mapping[str, Any], declared: Contract) -> str:
    """Return one sentence: the decay that is not as declared, the handling that is unusual, or where else to look.

    `path` is the optimizer's import path, `options` are those of the claim, and `declared` is the full contract.
    """
    measured, unusual = _measured(path, options, declared)
    values = {name: finding.values for name, finding in measured.items()}
    wrong = [
        question.name
        for question in QUESTIONS
        if question.purpose == "rule" and not _as_declared(declared[question.name], values[question.name])
    ]
    handling = "; ".join(unusual[:MAX_FINDINGS])
    if wrong:
        text = phrases.decay(measured)
        single = (
            ", computed in single precision, where the claims need float64"
            if "precision" in wrong and set(values["precision"]) & set(IN_FLOAT32)
            else ""
        )
        unknown_groups = wrong == ["groups"] and not values["groups"]
        return f"{path} behaves like {text}{single}" + (f"; {handling}" if handling and unknown_groups else "")
    # The claim's own options, such as a momentum, can change the update rule: another rule then
    # explains nothing.
    if not options and not _as_declared(declared["step_rule"], values["step_rule"]):
        rule = phrases.step(measured)
        return f"{path} has the weight decay that is asked for, so it differs in its update: it takes {rule}"
    reason = f"but {handling}" if handling else "so it differs in something else: a case that this claim tries"
    return f"{path} has the weight decay that is asked for, {reason}"


def _measured(path: str, options: Mapping[str, Any], declared: Contract) -> tuple[Findings, list[str]]:
    """Return the finding of every question, and the lines about handling that is not as declared."""
    measured, unusual = findings(path, options), []
    for question in QUESTIONS:
        finding = measured[question.name]
        if (
            question.purpose == "handling"
            and finding.values
            and not meets(question.name, declared[question.name], finding.values)
        ):
            unusual.append(finding.text)
    return measured, unusual


def _as_declared(declared: object, measured: tuple[str, ...]) -> bool:
    """Return True if one of the measured values is the declared one, or nothing is declared."""
    if isinstance(declared, float | int):
        return any(float(value) == declared for value in measured)
    return declared in (*measured, "unspecified")
