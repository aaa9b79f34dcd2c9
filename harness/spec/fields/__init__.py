"""Fields of the contract, in the order of the fingerprint's sections: one table for contract, fingerprint, page and JSON."""

from collections.abc import Iterable, Mapping

from harness.spec.fields.decay import DECAY
from harness.spec.fields.decay_without_gradient import DECAY_ALONE
from harness.spec.fields.field import UNSPECIFIED, Declared, Field, Fields, Value
from harness.spec.fields.groups import GROUPS
from harness.spec.fields.options import OPTIONS
from harness.spec.fields.parameters import PARAMETERS
from harness.spec.fields.state import STATE
from harness.spec.fields.steps import STEPS
from harness.spec.fields.update import UPDATE

RULE = (*DECAY, "precision")  # the decay itself, the update rule, and their precision
SECTIONS: Mapping[str, Fields] = {
    "Weight decay": {**DECAY, **DECAY_ALONE},
    "The update and its precision": UPDATE,
    "Parameters and their gradients": PARAMETERS,
    "Parameter groups": GROUPS,
    "Steps": STEPS,
    "Saved and copied optimizers": STATE,
    "Options": OPTIONS,
}
FIELDS: Fields = {name: field for fields in SECTIONS.values() for name, field in fields.items()}


def speaks_of_decay(name: str, measured: Iterable[str]) -> bool:
    """Return True if a field is about weight decay, or if one of its measured values means something about it."""
    field = FIELDS.get(name)
    if name in SECTIONS["Weight decay"] or "decay" in name or field is None:
        return True
    meanings = [value.means for word, value in {**field.values, **field.faults}.items() if word in measured]
    return any("decay" in meaning for meaning in meanings)


__all__ = ["FIELDS", "RULE", "SECTIONS", "UNSPECIFIED", "Declared", "Field", "Fields", "Value", "speaks_of_decay"]
