"""The contract's table as a page for people (docs/guide/contract.md) and as JSON for programs."""

from __future__ import annotations

import json

from harness.spec.contract import FIELDS, PROMISES, UNSPECIFIED, Field
from harness.tables import markdown_table

_HEAD = f"""# The contract

What an optimizer promises about its weight decay: a YAML file that its author commits and gives as `--contract FILE`. Every field
is measured; one that is declared and not met is red. A claim applies to an optimizer whose contract declares what the claim rests
on; the others are not applicable, with the reason.

A field that is left out is what the optimizer's role usually promises: `decoupled` (torch's AdamW), `coupled` (Adam) or `sgd`
(SGD). The role follows from the contract unless `--optimizer ROLE=...` names it: `coupling: coupled_l2` makes it `coupled`, with
`step_rule: sgd` or `momentum` `sgd`, everything else `decoupled`. Each field also takes `{UNSPECIFIED}`: nothing is promised, and
no claim that rests on the field applies.

`python -m harness fingerprint MODULE:ATTRIBUTE --write-contract FILE` drafts one from what it measures. This page is printed by
`python -m harness contract`, and as JSON with `--json`.

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
