"""What do well-known optimizers do? Their fingerprints as printed, and torch.optim's classes against their documentation.

python -m benchmarks.fingerprints [--write docs/results/fingerprints.md]
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from harness.fingerprint.process import Fingerprint, measure
from harness.fingerprint.report import text
from harness.tables import markdown_table

PRINTED: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("torch.optim:AdamW", {}),
    ("torch.optim:Adam", {}),
    ("torch.optim:SGD", {"momentum": 0.9}),
    ("torch.optim:Muon", {}),
    ("torch.optim:Adafactor", {}),
    ("torch.optim:ASGD", {}),
    ("harness.optimizers:Lion", {}),
    ("harness.optimizers:Lamb", {}),
)
COUPLED = {"coupling": "coupled_l2", "scale": "gradient", "order": "inside"}
DECOUPLED = {"coupling": "decoupled", "scale": "lr", "order": "before"}
NONE = {"coupling": "none"}
COLUMNS = ("coupling", "scale", "order", "strength", "step_rule", "hidden_decay")
HEAD = """# Fingerprints

Made by `python -m benchmarks.fingerprints --write docs/results/fingerprints.md` with torch {version} on the CPU. In the
fingerprints the first column marks what is unusual (`!`) or not known (`?`).
"""
TABLE = """Each class by the for-loop, and by `foreach` and `fused` where it has them. A cell in bold is not what the class's page
says of `weight_decay`. Two values stand where the update rule makes them the same thing.

ASGD is the only one with such cells. Its `lambd` (1e-4 by default, a "decay term" in its page and not in the description of
`weight_decay`) shrinks every weight by `lambd` times the current step at `weight_decay=0` too, and its step is a gradient step
whose length falls over time: neither plain SGD nor free of decay when told to be.
"""


@dataclass(frozen=True)
class Documented:
    """What torch's documentation says of a class with these options: the formula's weight decay and its step rule."""

    name: str
    says: Mapping[str, str]
    step_rule: str
    options: Mapping[str, Any] = field(default_factory=dict)


DOCUMENTED = (
    Documented("Adadelta", COUPLED, "other"),
    Documented("Adafactor", DECOUPLED, "other"),
    Documented("Adagrad", COUPLED, "other"),
    Documented("Adam", COUPLED, "adam"),
    Documented("Adam", DECOUPLED, "adam", {"decoupled_weight_decay": True}),
    Documented("Adamax", COUPLED, "other"),
    Documented("AdamW", DECOUPLED, "adam"),
    Documented("AdamW", DECOUPLED, "other", {"amsgrad": True}),
    Documented("ASGD", COUPLED, "sgd"),
    Documented("LBFGS", NONE, "other"),
    Documented("Muon", DECOUPLED, "orthogonal"),
    Documented("NAdam", COUPLED, "other"),
    Documented("NAdam", DECOUPLED, "other", {"decoupled_weight_decay": True}),
    Documented("RAdam", COUPLED, "other"),
    Documented("RAdam", DECOUPLED, "other", {"decoupled_weight_decay": True}),
    Documented("RMSprop", COUPLED, "other"),
    Documented("Rprop", NONE, "other"),
    Documented("SGD", COUPLED, "sgd"),
    Documented("SGD", COUPLED, "momentum", {"momentum": 0.9}),
    Documented("SGD", COUPLED, "momentum", {"momentum": 0.9, "nesterov": True}),
    Documented("SparseAdam", NONE, "other"),
)


def main() -> None:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page there")
    given = parser.parse_args()
    page = "\n".join(_page()) + "\n"
    if given.write:
        given.write.write_text(page, encoding="utf-8")
    else:
        print(page, end="")


def _page() -> Iterator[str]:
    yield HEAD.format(version=torch.__version__)
    yield "## torch.optim against its documentation\n"
    yield TABLE
    rows = [_row(documented, path) for documented in DOCUMENTED for path in _paths(documented.name)]
    yield from markdown_table(("optimizer", "path", *COLUMNS), rows, "l" * (len(COLUMNS) + 2))
    for name, options in PRINTED:
        found = measure(name, options, limit=10.0)
        yield f"\n## {name}{_shown(options)}\n\n```"
        yield from text(found)
        yield "```"


def _paths(name: str) -> list[dict[str, bool]]:
    """Return the kernel flags that a class has, for-loop first."""
    flags = inspect.signature(getattr(torch.optim, name)).parameters
    found = [{"foreach": False} if "foreach" in flags else {}]
    return found + [{flag: True} for flag in ("foreach", "fused") if flag in flags]


def _row(documented: Documented, path: Mapping[str, bool]) -> tuple[str, ...]:
    options = {**documented.options, **path}
    found = measure(f"torch.optim:{documented.name}", options, limit=10.0, questions=COLUMNS)
    chosen = next((flag for flag, on in path.items() if on), "for-loop")
    cells = [_cell(found, column, documented) for column in COLUMNS]
    return (f"{documented.name}{_shown(documented.options)}", chosen, *cells)


def _cell(found: Fingerprint, column: str, documented: Documented) -> str:
    line = found.line(column)
    values = line.values if line else ()
    usual = {"strength": "1", "hidden_decay": "none", "step_rule": documented.step_rule} if documented.says != NONE else {}
    says = {**usual, **documented.says}.get(column)
    told = " or ".join(values) or "-"
    return told if says is None or says in values else f"**{told}**"


def _shown(options: Mapping[str, Any]) -> str:
    return "".join(f" {name}={value}" for name, value in options.items())


if __name__ == "__main__":
    main()
