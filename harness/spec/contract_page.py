"""The contract's table as a page for people (docs/guide/contract.md) and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping

from harness.environment.commands import harness_command
from harness.environment.paths import ROOT
from harness.spec.contract import FOLLOWERS, PROMISES, Contract
from harness.spec.fields import FIELDS, SECTIONS, UNSPECIFIED, Declared, Field, Value
from harness.tables import markdown_table


def _lines(contract: Contract) -> str:
    """Return the lines of a contract in one table cell."""
    return ", ".join(f"`{name}: {value}`" for name, value in contract.items())


_FOLLOWERS = "\n".join(
    markdown_table(
        ("declared", "other fields without a line"),
        [(f"`{name}: {value}`", _lines(others)) for name, values in FOLLOWERS.items() for value, others in values.items()],
        "ll",
    )
)
_HEAD = f"""# The contract

A contract declares how an optimizer applies weight decay. The author of the optimizer writes it in a YAML file, with one line for
each field that is not usual, and commits the file. This is a complete contract for Lion, which differs from torch's AdamW in one
field:

```yaml
step_rule: sign
```

The option `--contract FILE` gives the file to the tests. The tests measure every field that is not `{UNSPECIFIED}`. A test is red
if the measured value is neither the declared value nor one that the section of the field also accepts. A claim is tested if the
contract has the values that the claim needs. Any other claim is not applicable, and the report gives the reason.

**Start with a draft.** This command measures your optimizer and writes a draft:

```
{harness_command("fingerprint MODULE:ATTRIBUTE --write-contract FILE", ROOT)}
```

The draft declares what your optimizer does now. Keep the values that you intend, and correct the others.

**A field without a line** has its usual value, and this value is tested too. It passes if another field shows why it cannot be
measured (for example because the optimizer draws random numbers). The usual value depends on the role of the optimizer:

| role | usual values | an optimizer has this role if |
|---|---|---|
| `sgd` | such that torch's SGD passes | its contract declares `coupling: coupled_l2`, and `step_rule: sgd` or `momentum` |
| `coupled` | such that torch's Adam passes | its contract declares `coupling: coupled_l2`, and no such `step_rule` |
| `decoupled` | such that torch's AdamW passes | its contract declares anything else, or it has no contract |

`--optimizer ROLE=MODULE:ATTRIBUTE` sets the role directly. Some values change the usual values of other fields:

{_FOLLOWERS}

**`{UNSPECIFIED}`** is allowed in every field. It promises nothing: the field is not tested, and no claim that needs the field is
tested.

**The formulas** on this page use these names: `w` is the weight, `g` is the gradient, `lr` is the learning rate of the step, `wd`
is weight_decay, and `u` is the update that the same step subtracts without weight decay (for SGD, `u = lr * g`). `m` and `v` are
the running means of `g` and `g^2` (`m_hat`, `v_hat`: with bias correction), `t` is the number of the step, and `lr_start`,
`lr_previous` and `lr_max` are the first, the previous and the largest learning rate. A coordinate is one number of a weight
tensor. The path of a weight is the sequence of its values over the steps.

`{harness_command("contract", ROOT)}` prints this page, and prints it as JSON with `--json`.
"""


def markdown() -> str:
    """Return the page docs/guide/contract.md."""
    parts = [
        f"\n## {title}\n\n" + "\n".join(_field(name, field) for name, field in fields.items())
        for title, fields in SECTIONS.items()
    ]
    return _HEAD + "".join(parts)


def as_json() -> str:
    """Return the table as JSON: for each field its question, its values and faults, and the usual promise of each role."""
    table = {
        name: {
            "asks": field.asks,
            "values": {value: entry.means for value, entry in field.values.items()},
            "faults": {value: entry.means for value, entry in field.faults.items()},
            "usual": {role: promise[name] for role, promise in PROMISES.items()},
        }
        for name, field in FIELDS.items()
    }
    return json.dumps({"schema": 1, "fields": table}, indent=1) + "\n"


def _field(name: str, field: Field) -> str:
    lines = [f"### {name}", "", f"{field.asks} Usual value: {_usual(name)}.", ""]
    if field.takes:
        lines.append(field.takes)
    if field.values:
        lines += _value_table("value", field.values)
    if field.met_by:
        lines += [
            "",
            f"If the usual value is declared, the test also accepts: {', '.join(map(_accepted, field.met_by))}.",
        ]
    if field.faults:
        lines += ["", "Faults, which the measurement can find and a contract cannot declare:", ""]
        lines += _value_table("fault", field.faults)
    return "\n".join(lines) + "\n"


def _accepted(value: str) -> str:
    """Return a measured value that the test accepts beside the usual one, with its meaning if no table gives it."""
    means = {
        "absent": "the constructor has no such option",
        "refused": "it raises",
        "agree_in_single": "yes, to the rounding of float32",
    }
    return f"`{value}`" + (f" ({means[value]})" if value in means else "")


def _value_table(title: str, values: Mapping[str, Value]) -> list[str]:
    """Return the table of values; it leaves out a column that is empty for all of them."""
    columns = {
        title: [f"`{value}`" for value in values],
        "meaning": [entry.means for entry in values.values()],
        "example": [f"`{entry.example}`" if "=" in entry.example else entry.example for entry in values.values()],
        "declare it if": [entry.declare_if for entry in values.values()],
    }
    shown = {name: cells for name, cells in columns.items() if any(cells)}
    return markdown_table(tuple(shown), list(zip(*shown.values(), strict=True)), "l" * len(shown))


def _usual(name: str) -> str:
    """Return the usual value of a field: one for all roles, or one for each role."""
    roles: dict[str, list[str]] = {}
    for role, promise in PROMISES.items():
        roles.setdefault(_shown(promise[name]), []).append(f"`{role}`")
    if len(roles) == 1:
        return next(iter(roles))
    return ", ".join(f"{value} for the role{'s' * (len(names) > 1)} {' and '.join(names)}" for value, names in roles.items())


def _shown(value: Declared) -> str:
    number_or_text = f"{value:g}" if isinstance(value, float) else value
    return f"`{number_or_text}`" if number_or_text else "nothing"
