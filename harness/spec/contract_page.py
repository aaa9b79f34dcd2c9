"""What does the contract's table look like to people and to programs? One page and one JSON, made from the table itself."""

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
    return _HEAD + "".join(f"\n{_section(name, one)}" for name, one in FIELDS.items())


def as_json() -> str:
    """Return the table as JSON: for each field what it asks, its values and faults, and what each role usually promises."""
    table = {
        name: {
            "asks": one.asks,
            "values": dict(one.values),
            "faults": dict(one.faults),
            "usual": {role: promise[name] for role, promise in PROMISES.items()},
        }
        for name, one in FIELDS.items()
    }
    return json.dumps({"schema": 1, "fields": table}, indent=1) + "\n"


def _section(name: str, one: Field) -> str:
    usual = [f"{promise[name]} ({role})" for role, promise in PROMISES.items()]
    same = len({promise[name] for promise in PROMISES.values()}) == 1
    lines = [f"## {name}", "", f"{one.asks} Usually: {(str(one.usual) or 'nothing') if same else ', '.join(usual)}.", ""]
    if one.values:
        rows = [(f"`{value}`", means) for value, means in one.values.items()]
        rows += [
            (f"({value})", f"measured of some optimizers, cannot be declared: {means}") for value, means in one.faults.items()
        ]
        lines += markdown_table(("value", "means"), rows, "ll")
    else:
        lines += ["A number." if isinstance(one.usual, float) else "An import path, `module:attribute`."]
    return "\n".join(lines) + "\n"
