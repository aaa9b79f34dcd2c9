"""What does an optimizer do instead? One sentence for a red claim, from the optimizer's fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.contract import Contract
from harness.fingerprint import phrases
from harness.fingerprint.ask import ask

ASKED = (
    "precision",
    "coupling",
    "scale",
    "order",
    "strength",
    "mask",
    "groups",
    "zero_gradient",
    "hidden_decay",
    "weight_at_zero",
)
USUAL = {"hidden_decay": "none", "weight_at_zero": "stays"}  # what every contract means without a field for it


def sentence(path: str, options: Mapping[str, Any], declared: Contract) -> str:
    """Return what an optimizer does: the weight decay that is not as declared, or what else may be the reason."""
    found = {question.name: finding for question, finding in ask(path, options, [*ASKED, "step_rule"])}
    values = {name: finding.values for name, finding in found.items()}
    wrong = [name for name in ASKED if not _as_declared(USUAL.get(name) or declared.get(name), values[name])]
    if not wrong:
        return f"{path} has the weight decay that is asked for, so it differs in {_else(values, declared, options)}"
    text = phrases.decay(values, {name: finding.says for name, finding in found.items()})
    single = ", computed in single precision, where the claims need float64" if "precision" in wrong else ""
    return f"{path} behaves like {text}{single}"


def _as_declared(declared: object, found: tuple[str, ...]) -> bool:
    if isinstance(declared, float | int):
        return any(float(value) == declared for value in found)
    return declared in (*found, "unspecified")


def _else(values: phrases.Values, declared: Contract, options: Mapping[str, Any]) -> str:
    """Return where else to look; options (a momentum) are the claim's own, so a rule that follows from them is no reason."""
    if options or _as_declared(declared["step_rule"], values["step_rule"]):
        return "something else: a case that this claim tries"
    return f"its update: it takes {phrases.step(values)}"
