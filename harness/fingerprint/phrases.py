"""Phrases for a measured weight decay, in one table for sentences of every kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from harness.fingerprint.finding import reason


class Answer(Protocol):
    """Answer to a question: a finding, or the line of a fingerprint."""

    @property
    def values(self) -> tuple[str, ...]: ...

    @property
    def text(self) -> str: ...

    @property
    def numbers(self) -> Mapping[str, float]: ...


NEARLY_ADAM = "Adam's closed form"  # begins the finding on a rule that is Adam's but for a constant or its step number
Answers = Mapping[str, Answer]  # by question; a question that was not asked is missing

STEP = {
    "adam": "Adam's step",
    "sgd": "plain gradient steps",
    "momentum": "gradient steps with momentum",
    "sign": "steps of lr along a sign",
    "orthogonal": "orthogonalised steps",
    "other": "steps of a rule of its own",
}
_COUPLING = {
    "decoupled": "decoupled weight decay",
    "coupled_l2": "coupled L2 (weight_decay x w is added to the gradient, so it passes through the update rule)",
    "inside_sign": "coupled L2 under a sign (decay turns steps and never lengthens them)",
    "through_norm": "weight decay through a norm (it joins the update before a trust ratio rescales both)",
    "inside_momentum": "weight decay inside the momentum (it acts in later steps too)",
    "averaged": "decoupled weight decay of a point in the state (the weights are averages of such points)",
    "none": "no weight decay at all: weight_decay changes nothing",
}
_SCALE = {
    "lr": "times the current learning rate",
    "schedule": "times the current learning rate divided by the initial one",
    "constant": "not multiplied by the learning rate",
    "lr_squared_over_max": "times the squared learning rate over its maximum",
    "initial_lr": "times the initial learning rate instead of the current one",
    "previous_lr": "times the learning rate of the step before",
    "bias_corrected_lr": "times Adam's bias-corrected step size",
    "lr_squared": "times the squared learning rate",
}
_ORDER = {
    "before": "before the update",
    "after": "after the update",
    "proximal": "after the update, as a division by 1 + the decay",
}
_STRENGTH = {"2": "of twice the strength", "0.5": "of half the strength", "-1": "with the wrong sign, so that weights grow"}
_EXCEPTIONS = {
    ("groups", "constructor"): "but with the constructor's weight_decay in every group",
    ("groups", "first"): "but with the first group's weight_decay in every group",
    ("groups", "captured"): "but a later change of a group's weight_decay has no effect",
    ("zero_gradient", "untouched"): "but not where the gradient is exactly zero",
    ("hidden_decay", "yes"): "and weight decay of its own even at weight_decay 0",
    ("weight_at_zero", "moves"): "but a weight of zero moves too",
}


def step(answers: Answers) -> str:
    """Return the update rule in words: 'Adam's step'."""
    if "step_rule" not in answers:
        return "steps"
    answer = answers["step_rule"]
    if answer.values == ("other",) and answer.text.startswith(NEARLY_ADAM):
        return f"{STEP['other']} ({answer.text})"
    return _phrase(answer.values, STEP, "steps of an unknown rule")


def decay(answers: Answers) -> str:
    """Return the weight decay in words, with its exceptions: 'decoupled weight decay, times the current learning rate, ...'."""
    exceptions = [text for (question, value), text in _EXCEPTIONS.items() if value in _values(answers, question)]
    if "groups" in answers and not answers["groups"].values and _values(answers, "coupling") not in ((), ("none",)):
        exceptions.append(f"but not by each group's own weight_decay ({reason(answers['groups'].text)})")
    return ", ".join([_form(answers), *exceptions])


def _form(answers: Answers) -> str:
    """Return coupling, strength, scale, order and mask in words."""
    if "coupling" not in answers:
        return "weight decay that was not measured"
    coupling = answers["coupling"].values
    if not coupling:
        return f"weight decay of no known form ({reason(answers['coupling'].text)})"
    if {"decoupled", "coupled_l2"} <= set(coupling):
        return f"weight decay that is both coupled L2 and decoupled (without momentum they are equal){_strength(answers)}"
    if coupling in (("averaged",), ("inside_momentum",)) and "scale" in answers:
        scale = _phrase(answers["scale"].values, _SCALE, "of an unknown scale")
        return f"{_COUPLING[coupling[0]]}{_strength(answers)}, {scale}"
    if coupling != ("decoupled",):
        return _phrase(coupling, _COUPLING, "") + _strength(answers)
    parts = [_COUPLING["decoupled"] + _strength(answers)]
    for question, words, unknown in (("scale", _SCALE, "of an unknown scale"), ("order", _ORDER, "in an unknown order")):
        parts += [_phrase(answers[question].values, words, unknown)] if question in answers else []
    parts += ["only where the update moves the weight toward zero"] if _values(answers, "mask") == ("cautious",) else []
    return ", ".join(parts)


def _strength(answers: Answers) -> str:
    """Return the strength in words, or nothing if it is 1 or unknown: there is no decay, or a norm hides its strength."""
    if "strength" not in answers:
        return ""
    answer = answers["strength"]
    if answer.values:
        strength = answer.values[0]
        return "" if strength == "1" else " " + _STRENGTH.get(strength, f"of {strength} times the strength")
    # A decay such as exp(-x) is a constant factor to first order only. Its finding gives the form.
    acts_otherwise = "first_order" in answer.numbers and _values(answers, "coupling") == ("decoupled",)
    return f" ({reason(answer.text)})" if acts_otherwise else ""


def _values(answers: Answers, question: str) -> tuple[str, ...]:
    return answers[question].values if question in answers else ()


def _phrase(values: tuple[str, ...], words: Mapping[str, str], unknown: str) -> str:
    """Return the phrases of several values, joined by "or", or `unknown` if there are none."""
    return " or ".join(dict.fromkeys(words.get(value, value) for value in values)) or unknown
