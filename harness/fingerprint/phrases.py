"""How is a measured weight decay said in words? One table of phrases for sentences of every kind."""

from __future__ import annotations

from collections.abc import Mapping

Values = Mapping[str, tuple[str, ...]]  # question -> the values found; a question that was not asked is missing
Says = Mapping[str, str]  # question -> its line

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
    "coupled_l2": "coupled L2 (weight_decay x w is added to the gradient, so the update rule rescales it)",
    "inside_sign": "coupled L2 under a sign (decay turns steps and never lengthens them)",
    "through_norm": "weight decay through a norm (it joins the update before a trust ratio rescales both)",
    "none": "no weight decay at all: weight_decay changes nothing",
}
_SCALE = {
    "lr": "times the current learning rate",
    "schedule": "times the learning rate's share of the initial one",
    "constant": "not multiplied by the learning rate",
    "lr_squared_over_max": "times the squared learning rate over its maximum",
    "initial_lr": "times the initial learning rate instead of the current one",
    "previous_lr": "times the learning rate of the step before",
    "bias_corrected_lr": "times Adam's bias-corrected step size",
    "lr_squared": "times the squared learning rate",
}
_ORDER = {"before": "before the update", "after": "after the update", "proximal": "as a proximal step, divided by 1 + the decay"}
_STRENGTH = {"2": "of twice the strength", "0.5": "of half the strength", "-1": "with the wrong sign, so that weights grow"}
_EXCEPTIONS = {
    ("groups", "constructor"): "but with the constructor's weight_decay in every group",
    ("groups", "captured"): "but with the weight_decay of its first step, whatever its group says later",
    ("zero_gradient", "untouched"): "but not where the gradient is exactly zero",
    ("hidden_decay", "yes"): "and weight decay of its own even at weight_decay 0",
    ("weight_at_zero", "moves"): "but a weight of zero moves too",
}


def step(values: Values) -> str:
    """Return what the update rule takes: 'Adam's step'."""
    if "step_rule" not in values:
        return "steps"
    return _one(values["step_rule"], STEP, "steps of an unknown rule")


def decay(values: Values, says: Says) -> str:
    """Return what the weight decay is, with its exceptions: 'decoupled weight decay, times the current learning rate, ...'."""
    exceptions = [text for (question, value), text in _EXCEPTIONS.items() if value in values.get(question, ())]
    if values.get("groups") == () and values.get("coupling") and values["coupling"] != ("none",):
        exceptions.append(f"but not by each group's own weight_decay ({says['groups'].removeprefix('unknown: ')})")
    return ", ".join([_form(values, says), *exceptions])


def _form(values: Values, says: Says) -> str:
    if "coupling" not in values:
        return "weight decay that was not measured"
    coupling = values["coupling"]
    if not coupling:
        return f"weight decay of no known form ({says['coupling'].removeprefix('unknown: ')})"
    if {"decoupled", "coupled_l2"} <= set(coupling):
        return f"weight decay that is coupled L2 and decoupled at once, without momentum to tell them{_strength(values, says)}"
    if coupling != ("decoupled",):
        return _one(coupling, _COUPLING, "") + _strength(values, says)
    parts = [_COUPLING["decoupled"] + _strength(values, says)]
    for question, words, unknown in (("scale", _SCALE, "of an unknown scale"), ("order", _ORDER, "in an unknown order")):
        parts += [_one(values[question], words, unknown)] if question in values else []
    parts += ["only where the update shrinks the weight too"] if values.get("mask") == ("cautious",) else []
    return ", ".join(parts)


def _strength(values: Values, says: Says) -> str:
    """Return how strong the decay is where that is not as asked; a decay without any, or one that a norm hides, has none."""
    found, coupling = values.get("strength", ("1",)), values.get("coupling", ())
    if found:
        return "" if found[0] == "1" else " " + _STRENGTH.get(found[0], f"of {found[0]} times the strength")
    return f" ({says['strength']})" if coupling == ("decoupled",) and not says["strength"].startswith("unknown") else ""


def _one(found: tuple[str, ...], words: Mapping[str, str], unknown: str) -> str:
    return " or ".join(dict.fromkeys(words.get(value, value) for value in found)) or unknown
