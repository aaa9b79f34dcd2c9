"""The contract: what an optimizer promises about its weight decay, field by field.

`fields.FIELDS` is one table for the contract, the fingerprint, the docs page and the JSON. An author declares and commits a
contract. A fingerprint is measured, in the same words. A claim needs certain values of some fields (`needs`), and applies to an
optimizer whose contract declares these values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.policy import SAME_STRENGTH
from harness.spec.fields import FIELDS, RULE, UNSPECIFIED, Declared
from harness.spec.yaml_binding import Raw, bind, entries, read, unknown

Contract = Mapping[str, Declared]  # field -> value; a complete contract has every field of FIELDS
Needs = Mapping[str, Declared | tuple[Declared, ...]]  # field -> the value, or any of the values, that a claim needs
USUAL: Contract = {name: entry.usual for name, entry in FIELDS.items()}

_NOT_ADAM: Contract = {"adam_options": UNSPECIFIED, "adam_eps": UNSPECIFIED}  # another rule has no betas and eps
_COUPLED: Contract = {**USUAL, "coupling": "coupled_l2", "scale": "gradient", "order": "inside"}
# What a scenario assumes of the optimizer in each role. It is also the contract of an optimizer
# that has none.
PROMISES: Mapping[str, Contract] = {
    "decoupled": USUAL,
    "coupled": {**_COUPLED, "smallest_decay": "rescaled"},  # Adam divides the decay by its own size
    "sgd": {**_COUPLED, "step_rule": "sgd", "scale_free": "no", **_NOT_ADAM},
}
_INSIDE: Contract = {"scale": "gradient", "order": "inside"}
_HIDDEN: Contract = {"strength": UNSPECIFIED, "mask": UNSPECIFIED}  # neither can be measured behind a norm
_NO_DECAY = (
    "scale",
    "order",
    "groups",
    "zero_gradient",
    "idle_tensor",
    "unseen_rows",
    "smallest_decay",
    "group_options",
    "exempt_first",
)
_NO_DECAY_LATER = ("weight_decay_schedule", "resume_weight_decay", "clip")
_OWN_RULE: Contract = {
    **dict.fromkeys(("element_wise", "scale_free", "update_depends_on_weight", "other_shapes"), UNSPECIFIED),
    **_NOT_ADAM,
}
# Fields that get another usual value if a field has the given value.
FOLLOWERS: Mapping[str, Mapping[str, Contract]] = {
    "coupling": {
        "coupled_l2": _INSIDE,
        "inside_sign": {**_INSIDE, "step_rule": "sign", "smallest_decay": UNSPECIFIED},
        "through_norm": {**_INSIDE, **_HIDDEN, "step_rule": "other", "smallest_decay": UNSPECIFIED},
        "inside_momentum": {"order": "inside", "step_rule": "other"},
        "averaged": {"order": UNSPECIFIED, "step_rule": "other"},
        "none": {**_HIDDEN, **dict.fromkeys(_NO_DECAY, UNSPECIFIED)},
    },
    "step_rule": {
        "sgd": {"scale_free": "no", **_NOT_ADAM},
        "momentum": {"scale_free": "no", **_NOT_ADAM},
        "sign": _NOT_ADAM,
        "orthogonal": _OWN_RULE,
        "other": _OWN_RULE,
    },
    "step_arguments": {"closure": {"grad_scaler": "refused"}},  # torch's GradScaler takes no closure
}
# Every claim needs these fields as its role promises them; its own `needs` can change this.
RULE_NEEDS = (*(name for name in RULE if name != "precision"), "idle_tensor", "first_step", "hidden_decay", "unseen_rows")
IN_FLOAT32 = ("float32", "float32_settings")  # values of `precision` that need the tolerances of float32
DEFAULT_DECAY = "default_weight_decay"
CONTRACT_HAS = "the contract has "  # in the reason of a claim that does not apply, before the contract's line
ANY = "any"  # in a claim's needs: any value of the field will do


def load(path: Path, *, root: Path) -> Contract:
    """Return the fields that a YAML file declares; `complete` adds the others. Raises ScenarioError."""
    parts = entries(read(path, root=root))
    return {name: _value(name, part) for name, part in parts.items()}


def complete(declared: Contract, role: str) -> Contract:
    """Return all fields: the declared ones, those that follow from a declared value, and the others as `role` promises."""
    following = dict[str, Declared]()
    for name, of_value in FOLLOWERS.items():  # `coupling` stands first: it can set `step_rule`, which sets more fields
        following |= of_value.get(str({**following, **declared}.get(name)), {})
    return {**PROMISES[role], **following, **declared}


def role_of(declared: Contract) -> str:
    """Return the role that an optimizer with this contract takes when none is named."""
    if declared.get("coupling") != "coupled_l2":
        return "decoupled"
    return "sgd" if declared.get("step_rule") in ("sgd", "momentum") else "coupled"


def check(name: str, value: str) -> str:
    """Return the problem with `value` as the declared text of the field `name`; empty if there is none."""
    if name not in FIELDS:
        return unknown(name, tuple(FIELDS), what="contract field", command="contract")
    known = FIELDS[name].values
    if not known or value in known or value == UNSPECIFIED:
        return ""
    fault = FIELDS[name].faults.get(value)
    if fault:
        return f"{value!r} is a fault ({fault.means}); a contract cannot declare it (known: {', '.join(known)})"
    return unknown(value, [*known, UNSPECIFIED], what="value")


def meets(name: str, declared: Declared, measured: Sequence[str]) -> bool:
    """Return True if the measured values of a field agree with the declared one."""
    if isinstance(declared, float | int):
        return any(math.isclose(float(value), declared, rel_tol=SAME_STRENGTH) for value in measured)
    met_by = FIELDS[name].met_by if declared == FIELDS[name].usual else ()
    return declared == UNSPECIFIED or bool({declared, *met_by} & set(measured))


def can_declare(name: str, measured: str) -> bool:
    """Return True if a contract can declare a measured value of a field."""
    known = FIELDS[name]
    return float(measured) > 0.0 if isinstance(known.usual, float) else not known.values or measured in known.values


def unmet_need(needs: Needs, declared: Contract) -> str:
    """Return the reason why a claim with these needs does not apply under a contract; empty if it applies."""
    for name, needed in needs.items():
        allowed = needed if isinstance(needed, tuple) else (needed,)
        if needed != ANY and declared[name] not in allowed:
            needed_words = " or ".join(map(_shown, allowed))
            return f"needs {name}: {needed_words}, but {CONTRACT_HAS}{name}: {_shown(declared[name])}"
    return ""


def _value(name: str, raw: Raw) -> Declared:
    if name not in FIELDS:
        raise raw.fail(unknown(name, tuple(FIELDS), what="contract field", command="contract"))
    if getattr(raw.node, "value", "") == UNSPECIFIED:
        return UNSPECIFIED
    if isinstance(FIELDS[name].usual, float):
        number: float = bind(float, raw)
        if not number > 0.0:
            raise raw.fail(
                f"expected a number above 0, got {number:g} (below 0 weights grow, which is a fault; "
                "an optimizer without weight decay declares coupling: none)"
            )
        return number
    if name == DEFAULT_DECAY:
        return f"{bind(float, raw):.6g}"  # in the form of the measured value
    written = getattr(raw.node, "value", "")  # `yes` and `no` are bools to YAML, and values of some fields
    text: str = written if written in FIELDS[name].values else bind(str, raw)
    problem = check(name, text)
    if problem:
        raise raw.fail(problem)
    return text


def _shown(value: Declared) -> str:
    return f"{value:g}" if isinstance(value, float) else value
