"""The contract: what an optimizer promises about its weight decay, field by field.

FIELDS is one table for the contract, the fingerprint, the docs page and the JSON. An author declares and commits a contract. A
fingerprint is measured, in the same words. A claim needs certain values of some fields (`needs`), and applies to an optimizer
whose contract declares these values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.spec.yaml_binding import Raw, bind, entries, read, unknown

Declared = str | float
Contract = Mapping[str, Declared]  # field -> value; a complete contract has every field of FIELDS
Needs = Mapping[str, Declared | tuple[Declared, ...]]  # field -> the value, or any of the values, that a claim needs
UNSPECIFIED = "unspecified"  # a value of every field: nothing is promised, and no claim that needs the field applies


@dataclass(frozen=True)
class Field:
    """One field of a contract: its question (`asks`), its usual value, the values that can be declared, and the faults.

    `usual` is the promise of the role `decoupled`. `faults` are values that are measured of some optimizers and cannot be
    declared. `met_by` are measured values of optimizers that cannot break the usual promise, for example because they lack the
    flag; they meet it. A field without `values` holds a number or an import path.
    """

    asks: str
    usual: Declared
    values: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    met_by: tuple[str, ...] = ()


FIELDS: Mapping[str, Field] = {
    "coupling": Field(
        "How does the decay reach the weight?",
        "decoupled",
        {
            "decoupled": "the weight shrinks beside the update, which never sees the decay",
            "coupled_l2": "weight_decay x w is added to the gradient, and the update rule treats it as gradient",
            "inside_sign": "the same under a rule that keeps signs only: decay can turn a step and never lengthens it",
            "through_norm": "weight_decay x w joins the update before a norm (a trust ratio) rescales both",
            "none": "weight_decay changes nothing",
        },
    ),
    "scale": Field(
        "What is weight_decay multiplied by?",
        "lr",
        {
            "lr": "the learning rate of the step",
            "schedule": "the learning rate of the step over the one at the start",
            "constant": "nothing: every step takes weight_decay itself",
            "lr_squared_over_max": "the learning rate squared over the largest one so far",
            "gradient": "whatever the update rule multiplies a gradient by (coupled forms)",
        },
        {
            "initial_lr": "the learning rate at the start, whatever it is now",
            "previous_lr": "the learning rate of the step before",
            "bias_corrected_lr": "Adam's step size, which bias correction changes over the first steps",
            "lr_squared": "the learning rate twice",
        },
    ),
    "order": Field(
        "Where does the decay stand to the update?",
        "before",
        {
            "before": "the weight of before the update is decayed",
            "after": "the updated weight is decayed",
            "proximal": "the updated weight is divided by 1 + the decay",
            "inside": "in the update itself (coupled forms)",
        },
    ),
    "step_rule": Field(
        "What is the update without weight decay?",
        "adam",
        {
            "adam": "first moment over the root of the second, bias-corrected (Kingma and Ba)",
            "sgd": "learning rate x gradient",
            "momentum": "learning rate x a running sum of gradients",
            "sign": "learning rate x sign of something",
            "orthogonal": "a matrix with singular values (nearly) alike",
            "other": "another rule",
        },
    ),
    "mask": Field(
        "Which coordinates decay?",
        "none",
        {
            "none": "all of them",
            "cautious": "those that the update shrinks as well",
        },
    ),
    "strength": Field("What is the decay, as a multiple of scale x weight_decay x w?", 1.0),
    "groups": Field(
        "Whose weight_decay counts?",
        "own",
        {
            "own": "each parameter group's own, as it is at the step",
            "constructor": "the constructor's, for all groups",
        },
        {"captured": "each group's own as it was at the start: a change does nothing"},
    ),
    "none_gradient": Field(
        "What happens to a parameter whose gradient is None?",
        "untouched",
        {"untouched": "nothing", "decays": "it decays"},
    ),
    "zero_gradient": Field(
        "What happens to a weight whose gradient is exactly zero?",
        "decays",
        {"decays": "it decays like all others", "untouched": "it does not decay"},
    ),
    "paths": Field(
        "Do foreach, fused and differentiable take the same steps, where the constructor has these flags?",
        "agree",
        {"agree": "to rounding"},
        {"differs": "another flag is another optimizer"},
        ("agree_in_single", "absent", "refused"),
    ),
    "maximize": Field(
        "Is maximize minimize of the negative gradient, where the constructor has the flag?",
        "as_minimize_of_minus_g",
        {"as_minimize_of_minus_g": "yes, and weights still shrink"},
        {
            "decay_flipped": "weights grow by what they should decay",
            "decay_lost": "weights do not decay",
            "ignored": "it does nothing",
        },
        ("absent", "refused"),
    ),
    "precision": Field(
        "In which precision are float64 weights updated?",
        "float64",
        {"float64": "double", "float32": "single, or float64 is refused"},
    ),
    "equivalent_to": Field("Which optimizer's numbers are these, to rounding? An import path, or nothing.", ""),
}
USUAL: Contract = {name: entry.usual for name, entry in FIELDS.items()}

_COUPLED: Contract = {**USUAL, "coupling": "coupled_l2", "scale": "gradient", "order": "inside"}
# What a scenario assumes of the optimizer in each role. It is also the contract of an optimizer
# that has none.
PROMISES: Mapping[str, Contract] = {
    "decoupled": USUAL,
    "coupled": _COUPLED,
    "sgd": {**_COUPLED, "step_rule": "sgd"},
}
_INSIDE: Contract = {"scale": "gradient", "order": "inside"}
_HIDDEN: Contract = {"strength": UNSPECIFIED, "mask": UNSPECIFIED}  # neither can be measured behind a norm
# What an author who declares only the coupling has thereby declared about the other fields.
_FOLLOWS: Mapping[str, Contract] = {
    "coupled_l2": _INSIDE,
    "inside_sign": {**_INSIDE, "step_rule": "sign"},
    "through_norm": {**_INSIDE, **_HIDDEN, "step_rule": "other"},
    "none": {**_HIDDEN, "scale": UNSPECIFIED, "order": UNSPECIFIED, "groups": UNSPECIFIED, "zero_gradient": UNSPECIFIED},
}
# Fields that a claim needs only if its own `needs` name them.
OPTIONAL_NEEDS = (
    "none_gradient",
    "paths",
    "maximize",
    "precision",
    "equivalent_to",
)
ANY = "any"  # in a claim's needs: any value of the field will do


def load(path: Path, *, root: Path) -> Contract:
    """Return the fields that a YAML file declares; `complete` adds the others. Raises ScenarioError."""
    parts = entries(read(path, root=root))
    return {name: _value(name, part) for name, part in parts.items()}


def complete(declared: Contract, role: str) -> Contract:
    """Return all fields: the declared ones, those that follow from the declared coupling, and the others as `role` promises."""
    return {**PROMISES[role], **_FOLLOWS.get(str(declared.get("coupling")), {}), **declared}


def role_of(declared: Contract) -> str:
    """Return the role that an optimizer with this contract takes when none is named."""
    if declared.get("coupling") != "coupled_l2":
        return "decoupled"
    return "sgd" if declared.get("step_rule") in ("sgd", "momentum") else "coupled"


def check(name: str, value: str) -> str:
    """Return the problem with `value` as the declared text of the field `name`; empty if there is none."""
    if name not in FIELDS:
        return unknown(name, tuple(FIELDS), what="contract field")
    known = FIELDS[name].values
    if not known or value in known or value == UNSPECIFIED:
        return ""
    fault = FIELDS[name].faults.get(value)
    if fault:
        return f"{value!r} is a fault ({fault}), which a contract cannot declare (known: {', '.join(known)})"
    return unknown(value, [*known, UNSPECIFIED], what="value")


def unmet_need(needs: Needs, declared: Contract) -> str:
    """Return the reason why a claim with these needs does not apply under a contract; empty if it applies."""
    for name, needed in needs.items():
        allowed = needed if isinstance(needed, tuple) else (needed,)
        if needed != ANY and declared[name] not in allowed:
            return f"needs {name}: {' or '.join(map(_shown, allowed))}, the contract says {_shown(declared[name])}"
    return ""


def _value(name: str, raw: Raw) -> Declared:
    if name not in FIELDS:
        raise raw.fail(unknown(name, tuple(FIELDS), what="contract field"))
    if isinstance(FIELDS[name].usual, float) and getattr(raw.node, "value", "") != UNSPECIFIED:
        number: float = bind(float, raw)
        if not number > 0.0:
            raise raw.fail(f"expected a number above 0, got {number:g}: a decay that grows weights is a fault")
        return number
    text: str = bind(str, raw)
    problem = check(name, text)
    if problem:
        raise raw.fail(problem)
    return text


def _shown(value: Declared) -> str:
    return f"{value:g}" if isinstance(value, float) else value
