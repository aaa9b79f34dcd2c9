"""The contract's table as a page for people (docs/guide/contract.md) and as JSON for programs."""

from __future__ import annotations

import json

from harness.spec.contract import FIELDS, PROMISES, UNSPECIFIED, Field
from harness.tables import markdown_table

_HEAD = f"""# The contract

What an optimizer promises about its weight decay: a YAML file that its author commits and gives as `--contract FILE`. Every field
is measured. A field that is not met is red, also one that the file leaves out: then the promise is the usual one of the role. A
claim applies if the contract promises everything that the claim depends on; other claims are not applicable, with the reason.

The roles are `decoupled` (promises what torch's AdamW does), `coupled` (Adam) and `sgd` (SGD). `--optimizer ROLE=...` sets the
role. Without it, `coupling: coupled_l2` gives the role `coupled`, or `sgd` if `step_rule` is `sgd` or `momentum`; every other
contract gives `decoupled`. Some values of `coupling` also set fields that the file leaves out: `none` makes the other fields of
decay `{UNSPECIFIED}`, and `inside_sign` and `through_norm` set `scale`, `order` and `step_rule`. Each field takes
`{UNSPECIFIED}`: nothing is promised, and no claim that depends on the field applies.

`python -m harness fingerprint MODULE:ATTRIBUTE --write-contract FILE` drafts a contract from the measurement. This page is
printed by `python -m harness contract`, and as JSON with `--json`.

```yaml
# a contract of a Lion
step_rule: sign
```
"""


def markdown() -> str:
    """Return the page docs/guide/contract.md."""
    return _HEAD + "".join(f"\n{_section(name, field)}" for name, field in FIELDS.items())


def as_json() -> str:
    """Return the table as JSON: for each field its question, its values and faults, and the usual promise of each role."""
    table = {
        name: {
            "asks": field.asks,
            "values": dict(field.values),
            "faults": dict(field.faults),
            "usual": {role: promise[name] for role, promise in PROMISES.items()},
        }
        for name, field in FIELDS.items()
    }
    return json.dumps({"schema": 1, "fields": table}, indent=1) + "\n"


def _section(name: str, field: Field) -> str:
    usual = [f"{promise[name]} ({role})" for role, promise in PROMISES.items()]
    same = len({promise[name] for promise in PROMISES.values()}) == 1
    lines = [f"## {name}", "", f"{field.asks} Usually: {(str(field.usual) or 'nothing') if same else ', '.join(usual)}.", ""]
    if field.values:
        rows = [(f"`{value}`", means) for value, means in field.values.items()]
        rows += [
            (f"({value})", f"measured of some optimizers, cannot be declared: {means}") for value, means in field.faults.items()
        ]
        lines += markdown_table(("value", "means"), rows, "ll")
    else:
        lines += ["A number." if isinstance(field.usual, float) else "An import path, `module:attribute`."]
    return "\n".join(lines) + "\n"
