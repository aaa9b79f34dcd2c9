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
class Value:
    """One value of a field: what it means, an example as a formula, and when an author declares it (a fault: never)."""

    means: str
    example: str
    declare_if: str = ""


@dataclass(frozen=True)
class Field:
    """One field of a contract: its question (`asks`), its usual value, the values that can be declared, and the faults.

    `usual` is the promise of the role `decoupled`. `faults` are values that are measured of some optimizers and cannot be
    declared. `met_by` are measured values of optimizers that cannot break the usual promise, for example because they lack the
    flag; they meet it. A field without `values` holds a number or an import path; `takes` explains it.
    """

    asks: str
    usual: Declared
    values: Mapping[str, Value] = field(default_factory=dict)
    faults: Mapping[str, Value] = field(default_factory=dict)
    met_by: tuple[str, ...] = ()
    takes: str = ""


_NOT_DECOUPLED = "`coupling` is `coupled_l2`, `inside_sign` or `through_norm`"
# In the formulas, w is the weight, g the gradient, lr the learning rate of the step, wd the
# weight_decay, and u the update that the same step would subtract without weight decay.
FIELDS: Mapping[str, Field] = {
    "coupling": Field(
        "Where is weight decay applied: to the weight, to the gradient or to the update?",
        "decoupled",
        {
            "decoupled": Value(
                "weight decay changes the weight directly; the gradient and the update do not contain it",
                "w = w - lr * wd * w - u",
                "your optimizer decays as torch's AdamW does",
            ),
            "coupled_l2": Value(
                "weight decay is added to the gradient; the update rule uses the sum as its gradient",
                "g = g + wd * w; u = update(g); w = w - u",
                "your optimizer decays as torch's Adam or SGD does",
            ),
            "inside_sign": Value(
                "weight decay is added before the sign is taken; it can change the direction of a step, and not its length",
                "w = w - lr * sign(g + wd * w)",
                "your optimizer takes the sign of a sum that contains weight decay",
            ),
            "through_norm": Value(
                "weight decay is added to the update, and a norm (a trust ratio) then rescales the sum",
                "d = m / (sqrt(v) + eps) + wd * w; w = w - lr * norm(w) / norm(d) * d",
                "your optimizer decays as LAMB does",
            ),
            "none": Value(
                "weight_decay has no effect",
                "w = w - u",
                "your optimizer has no weight decay",
            ),
        },
    ),
    "scale": Field(
        "What is weight_decay multiplied by at each step?",
        "lr",
        {
            "lr": Value(
                "the learning rate of this step",
                "w = w - lr * wd * w - u",
                "your optimizer decays as torch's AdamW does",
            ),
            "schedule": Value(
                "the learning rate of this step divided by the learning rate at the start",
                "w = w - (lr / lr_start) * wd * w - u",
                "the decay must follow the schedule, and must not depend on the initial learning rate",
            ),
            "constant": Value(
                "nothing: the decay does not depend on the learning rate",
                "w = w - wd * w - u",
                "the decay must stay the same when the learning rate changes",
            ),
            "lr_squared_over_max": Value(
                "the square of the learning rate, divided by the largest learning rate so far",
                "w = w - (lr * lr / lr_max) * wd * w - u",
                "your optimizer decays as AdamC does",
            ),
            "gradient": Value(
                "the same factor by which the update rule multiplies the gradient",
                "SGD: w = w - lr * (g + wd * w)",
                _NOT_DECOUPLED,
            ),
        },
        {
            "initial_lr": Value(
                "the learning rate at the start, even after the schedule has changed it", "w = w - lr_start * wd * w - u"
            ),
            "previous_lr": Value("the learning rate of the previous step", "w = w - lr_previous * wd * w - u"),
            "bias_corrected_lr": Value(
                "Adam's step size with bias correction, which changes during the first steps",
                "w = w - lr * sqrt(1 - beta2^t) / (1 - beta1^t) * wd * w - u",
            ),
            "lr_squared": Value(
                "the square of the learning rate: the decay is multiplied by lr two times", "w = w - lr * lr * wd * w - u"
            ),
        },
    ),
    "order": Field(
        "Is weight decay applied before or after the update?",
        "before",
        {
            "before": Value(
                "before: the decay is computed from the old weight",
                "w = w - lr * wd * w; w = w - u",
                "your optimizer decays as torch's AdamW does",
            ),
            "after": Value(
                "after: the decay is computed from the updated weight",
                "w = w - u; w = w - lr * wd * w",
                "your optimizer first updates the weight, and then decays it",
            ),
            "proximal": Value(
                "after, as a division instead of a subtraction",
                "w = (w - u) / (1 + lr * wd)",
                "your optimizer decays by a proximal (implicit) step",
            ),
            "inside": Value(
                "neither: it is part of the update",
                "SGD: w = w - lr * (g + wd * w)",
                _NOT_DECOUPLED,
            ),
        },
    ),
    "step_rule": Field(
        "What is the update rule, without weight decay?",
        "adam",
        {
            "adam": Value(
                "Adam with bias correction (Kingma and Ba): the first moment over the root of the second moment",
                "u = lr * m_hat / (sqrt(v_hat) + eps)",
                "your optimizer updates as torch's Adam and AdamW do, without amsgrad",
            ),
            "sgd": Value("the learning rate times the gradient", "u = lr * g", "your optimizer is SGD without momentum"),
            "momentum": Value(
                "the learning rate times a running sum of gradients",
                "b = mu * b + g; u = lr * b",
                "your optimizer is SGD with momentum",
            ),
            "sign": Value(
                "the learning rate times a sign: each coordinate changes by lr or not at all",
                "u = lr * sign(m)",
                "your optimizer is Lion or signSGD",
            ),
            "orthogonal": Value(
                "a matrix whose singular values are all equal, or nearly equal",
                "u = lr * orthogonalize(m)",
                "your optimizer is Muon",
            ),
            "other": Value(
                "any other rule",
                "RMSprop: u = lr * g / (sqrt(v) + eps)",
                "no other value fits, for example for AMSGrad, RMSprop or Adafactor",
            ),
        },
    ),
    "mask": Field(
        "Do all coordinates of a weight decay, or does a mask select some of them?",
        "none",
        {
            "none": Value(
                "there is no mask: all coordinates decay",
                "w = w - lr * wd * w - u",
                "your optimizer decays as torch's AdamW does",
            ),
            "cautious": Value(
                "a coordinate decays only where the update also moves it toward zero",
                "w = w - lr * wd * w * (u * w >= 0) - u",
                "your optimizer has cautious weight decay",
            ),
        },
    ),
    "strength": Field(
        "Which constant number multiplies the decay, in addition to `scale` and weight_decay?",
        1.0,
        takes="A number above 0. Each step subtracts `strength * scale * wd * w`. With `scale: lr`, the number `1` gives torch's "
        "AdamW: `w = w - lr * wd * w - u`. Declare `0.5` if your optimizer subtracts half as much. Declare `2` if it subtracts "
        "twice as much, for example because its penalty is `wd * w^2`, whose gradient is `2 * wd * w`. A number below 0 is a "
        "fault: weights grow.",
    ),
    "groups": Field(
        "Which weight_decay does a parameter use: that of its group, or that of the constructor?",
        "own",
        {
            "own": Value(
                "that of its parameter group, which is read at each step",
                'w = w - lr * group["weight_decay"] * w - u',
                "your optimizer reads its groups as torch's optimizers do",
            ),
            "constructor": Value(
                "that of the constructor; a value in a group has no effect",
                "w = w - lr * self.weight_decay * w - u",
                "your optimizer has one weight_decay for all parameters",
            ),
        },
        {
            "captured": Value(
                "that of its group at the start; a later change in the group has no effect",
                "w = w - lr * weight_decay_at_start * w - u",
            )
        },
    ),
    "none_gradient": Field(
        "What happens to a parameter whose gradient is None?",
        "untouched",
        {
            "untouched": Value("nothing: the step skips it", "w = w", "your optimizer skips it as torch's optimizers do"),
            "decays": Value(
                "weight decay is applied to it", "w = w - lr * wd * w", "your optimizer decays all parameters at each step"
            ),
        },
    ),
    "zero_gradient": Field(
        "What happens to a weight whose gradient is exactly zero?",
        "decays",
        {
            "decays": Value(
                "it decays as every other weight does", "w = w - lr * wd * w - u", "your optimizer decays as torch's AdamW does"
            ),
            "untouched": Value(
                "it does not decay",
                "w = w - lr * wd * w * (g != 0) - u",
                "your optimizer skips such weights, for example the rows of an embedding that a batch does not use",
            ),
        },
    ),
    "paths": Field(
        "Do the options foreach, fused, capturable and differentiable give the same weights as the for-loop?",
        "agree",
        {
            "agree": Value(
                "yes, up to rounding; also if the constructor has none of these options",
                "foreach=True and foreach=False: w = w - lr * wd * w - u",
                "these options change the speed of your optimizer, and not its result",
            )
        },
        {
            "differs": Value(
                "no: with one of these options the weights are different", "only foreach=True: w = w - 2 * lr * wd * w - u"
            )
        },
        ("agree_in_single", "absent", "refused"),
    ),
    "maximize": Field(
        "Does maximize=True with the negative gradient give the same weights as maximize=False with the gradient?",
        "as_minimize_of_minus_g",
        {
            "as_minimize_of_minus_g": Value(
                "yes, and weights still shrink by weight decay; also if the constructor has no option maximize",
                "maximize=True: w = w - lr * wd * w + u",
                "maximize=True reverses the update of your optimizer, and not its decay",
            )
        },
        {
            "decay_flipped": Value(
                "no: weights grow by the amount by which they should shrink", "maximize=True: w = w + lr * wd * w + u"
            ),
            "decay_lost": Value("no: weights do not decay", "maximize=True: w = w + u"),
            "ignored": Value("no: maximize=True has no effect", "maximize=True: w = w - lr * wd * w - u"),
        },
        ("absent", "refused"),
    ),
    "precision": Field(
        "In which precision are float64 weights updated?",
        "float64",
        {
            "float64": Value(
                "in float64 (double precision)", "w = 1 - 1e-10 stays as it is", "your optimizer computes in the dtype of w"
            ),
            "float32": Value(
                "in float32 (single precision), or the optimizer refuses float64 weights",
                "w = 1 - 1e-10 is rounded to 1",
                "your optimizer computes in float32; the tests then use wider tolerances",
            ),
        },
    ),
    "equivalent_to": Field(
        "Which other optimizer gives the same weights, up to rounding?",
        "",
        takes="An import path, `module:attribute`. Write no line if there is no such optimizer. Declare `torch.optim:AdamW` if "
        "your optimizer is a faster AdamW. Both optimizers then take 40 steps on the same gradients, and their weights must "
        "agree. The tests also compare your optimizer with the recorded numbers (goldens) of that optimizer.",
    ),
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
FOLLOWERS: Mapping[str, Contract] = {
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
    return {**PROMISES[role], **FOLLOWERS.get(str(declared.get("coupling")), {}), **declared}


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
        return f"{value!r} is a fault ({fault.means}); a contract cannot declare it (known: {', '.join(known)})"
    return unknown(value, [*known, UNSPECIFIED], what="value")


def can_declare(name: str, measured: str) -> bool:
    """Return True if a contract can declare a measured value of a field."""
    known = FIELDS[name]
    return float(measured) > 0.0 if isinstance(known.usual, float) else measured in known.values


def unmet_need(needs: Needs, declared: Contract) -> str:
    """Return the reason why a claim with these needs does not apply under a contract; empty if it applies."""
    for name, needed in needs.items():
        allowed = needed if isinstance(needed, tuple) else (needed,)
        if needed != ANY and declared[name] not in allowed:
            return f"needs {name}: {' or '.join(map(_shown, allowed))}, but the contract has {name}: {_shown(declared[name])}"
    return ""


def _value(name: str, raw: Raw) -> Declared:
    if name not in FIELDS:
        raise raw.fail(unknown(name, tuple(FIELDS), what="contract field"))
    if isinstance(FIELDS[name].usual, float) and getattr(raw.node, "value", "") != UNSPECIFIED:
        number: float = bind(float, raw)
        if not number > 0.0:
            raise raw.fail(
                f"expected a number above 0, got {number:g} (below 0 weights grow, which is a fault; "
                "an optimizer without weight decay declares coupling: none)"
            )
        return number
    text: str = bind(str, raw)
    problem = check(name, text)
    if problem:
        raise raw.fail(problem)
    return text


def _shown(value: Declared) -> str:
    return f"{value:g}" if isinstance(value, float) else value
