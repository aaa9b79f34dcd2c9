"""Diagnosis of a red claim: one sentence about what the optimizer does, from its fingerprint.

    the fingerprint, compared with the contract          the sentence                         example (role decoupled)
    a `rule` question has an answer not declared         behaves like <its decay in words>    CoupledL2
    ... and has no value                                 ...; <why no value fits>             a factor for each tensor
    ... and the precision is float32                     ..., computed in single precision    a decay that casts to float32
    ... and only `groups` differs, and is unknown        ...; <unusual handling>              FirstGroupForAll
    the decay is as declared, the update rule is not     differs in its update: <its rule>    SecondMomentWithoutRoot
    all rules as declared, some handling is unusual      decays as declared, but <handling>   DecayOncePerBucket
    all as declared                                      shows only in what the claim tries   torch.optim:AdamW

The examples without a package are classes of `tests.mutants`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.fingerprint import phrases
from harness.fingerprint.ask import QUESTIONS, findings
from harness.fingerprint.finding import Findings, reason
from harness.spec.contract import IN_FLOAT32, Contract, meets
from harness.spec.fields import speaks_of_decay


@dataclass(frozen=True)
class Diagnosis:
    """One sentence about what an optimizer does, and the questions whose answers are not as declared (`fields`)."""

    sentence: str
    fields: tuple[str, ...] = ()


def diagnose(path: str, options: Mapping[str, Any], declared: Contract) -> Diagnosis:
    """Return the diagnosis: the decay that is not as declared, the handling that is unusual, or where else to look.

    `path` is the optimizer's import path, `options` are those of the claim, and `declared` is the full contract.
    """
    measured = findings(path, options)
    unusual = _unusual_handling(measured, declared)
    values = {name: finding.values for name, finding in measured.items()}
    wrong = [
        question.name
        for question in QUESTIONS
        if question.purpose == "rule" and not _as_declared(declared[question.name], values[question.name])
    ]
    handling = _handling(measured, unusual)
    if wrong:
        text = phrases.decay(measured)
        single = (
            ", computed in single precision, where the claims need float64"
            if "precision" in wrong and set(values["precision"]) & set(IN_FLOAT32)
            else ""
        )
        unknown = [reason(measured[name].text) for name in ("scale", "strength", "mask") if name in wrong and not values[name]]
        # The phrase of the decay gives the reason of an unknown coupling, and of another form than 1 - x.
        if values["coupling"] in ((), ("none",)) or "first_order" in measured["strength"].numbers:
            unknown = []
        unknown_groups = wrong == ["groups"] and not values["groups"]
        more = "; ".join([*unknown[:1], *([handling] if handling and unknown_groups else [])])
        return Diagnosis(f"{path} behaves like {text}{single}" + (f"; {more}" if more else ""), (*wrong, *unusual))
    # The claim's own options, such as a momentum, can change the update rule: another rule then
    # explains nothing.
    if not options and not _as_declared(declared["step_rule"], values["step_rule"]):
        rule = phrases.step(measured)
        return Diagnosis(f"{path} decays as declared, and differs in its update: it takes {rule}", ("step_rule",))
    if handling:
        return Diagnosis(f"{path} decays as declared, but {handling}", tuple(unusual))
    return Diagnosis(f"the fingerprint finds the decay of {path} as declared: the fault shows only in what this claim tries")


def _handling(measured: Findings, unusual: list[str]) -> str:
    """Return the text of the first unusual finding, and the names of the others."""
    if not unusual:
        return ""
    first, *others = unusual
    return measured[first].text + (f" (also not as declared: {', '.join(others)})" if others else "")


def _unusual_handling(measured: Findings, declared: Contract) -> list[str]:
    """Return the questions about handling whose answer is not as declared, those with a word about weight decay first."""
    handling = [question.name for question in QUESTIONS if question.purpose == "handling" and measured[question.name].values]
    unusual = [name for name in handling if not meets(name, declared[name], measured[name].values)]
    return sorted(unusual, key=lambda name: not speaks_of_decay(name, measured[name].values))


def _as_declared(declared: object, measured: tuple[str, ...]) -> bool:
    """Return True if one of the measured values is the declared one, or nothing is declared."""
    if isinstance(declared, float | int):
        return any(float(value) == declared for value in measured)
    return declared in (*measured, "unspecified")
