"""What does an optimizer do instead? One sentence for a red claim, from the optimizer's fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.fingerprint import phrases
from harness.fingerprint.ask import QUESTIONS, ask
from harness.fingerprint.finding import Findings
from harness.fingerprint.question import Question
from harness.spec.contract import FIELDS, Contract

MOST = 2  # of these, in one sentence


def sentence(path: str, options: Mapping[str, Any], declared: Contract) -> str:
    """Return what an optimizer does: a decay that is not as declared, one that is handled wrongly, or where else to look."""
    found, odd = _measured(path, options)
    values = {name: finding.values for name, finding in found.items()}
    wrong = [one.name for one in QUESTIONS if one.role == "rule" and not _as_declared(_promised(one, declared), values[one.name])]
    besides = "; ".join(odd[:MOST])
    if wrong:
        text = phrases.decay(found)
        single = (
            ", computed in single precision, where the claims need float64"
            if "precision" in wrong and values["precision"] == ("float32",)
            else ""
        )
        unknown_groups = wrong == ["groups"] and not values["groups"]
        return f"{path} behaves like {text}{single}" + (f"; {besides}" if besides and unknown_groups else "")
    if not options and not _as_declared(declared["step_rule"], values["step_rule"]):
        # Options (a momentum) are the claim's own: a rule that follows from them is no reason.
        rule = phrases.step(found)
        return f"{path} has the weight decay that is asked for, so it differs in its update: it takes {rule}"
    reason = f"but {besides}" if besides else "so it differs in something else: a case that this claim tries"
    return f"{path} has the weight decay that is asked for, {reason}"


def _measured(path: str, options: Mapping[str, Any]) -> tuple[Findings, list[str]]:
    """Return the findings about decay and update, and what is unusual about how parameters, groups and state are handled."""
    found, odd = {}, []
    for question, finding in ask(path, options):
        found[question.name] = finding
        known = bool(question.usual and finding.values)
        if question.role == "handling" and known and not set(finding.values) & set(question.usual):
            odd.append(finding.says)
    return found, odd


def _promised(question: Question, declared: Contract) -> object:
    """Return what the contract declares, or what every contract means by a question without a field."""
    return declared.get(question.name) if question.name in FIELDS else question.usual[0]


def _as_declared(declared: object, found: tuple[str, ...]) -> bool:
    if isinstance(declared, float | int):
        return any(float(value) == declared for value in found)
    return declared in (*found, "unspecified")
