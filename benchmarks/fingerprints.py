"""Fingerprints of well-known optimizers, and a comparison of torch.optim's classes with their documentation.

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
printed fingerprints below the table, the first column marks unusual findings (`!`) and unknown ones (`?`).
"""
TABLE = """Each class is measured with its for-loop, and with `foreach` and `fused` if it has them. A bold cell differs from the
description of `weight_decay` on the class's page. A cell has two values if they are the same thing under the update rule.

ASGD is the only class with bold cells. Its `lambd` (1e-4 by default) shrinks every weight by `lambd` times the current step size,
also at `weight_decay=0`; its page calls it a "decay term", and does not mention it under `weight_decay`. Its step is a gradient
step whose length falls over time. So ASGD is not plain SGD, and it decays at `weight_decay=0`.
"""


@dataclass(frozen=True)
class Documented:
    """The weight decay and the step rule that torch's documentation gives for a class with these options."""

    name: str
    decay: Mapping[str, str]
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
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page to FILE instead of printing it")
    arguments = parser.parse_args()
    page = "\n".join(_page()) + "\n"
    if arguments.write:
        arguments.write.write_text(page, encoding="utf-8")
    else:
        print(page, end="")


def _page() -> Iterator[str]:
    yield HEAD.format(version=torch.__version__)
    yield "## torch.optim compared with its documentation\n"
    yield TABLE
    rows = [_row(documented, path) for documented in DOCUMENTED for path in _paths(documented.name)]
    yield from markdown_table(("optimizer", "path", *COLUMNS), rows, "l" * (len(COLUMNS) + 2))
    for name, options in PRINTED:
        fingerprint = measure(name, options, limit=10.0)
        yield f"\n## {name}{_shown(options)}\n\n```"
        yield from text(fingerprint)
        yield "```"


def _paths(name: str) -> list[dict[str, bool]]:
    """Return the options that select each implementation path of a class, the for-loop first."""
    flags = inspect.signature(getattr(torch.optim, name)).parameters
    for_loop = [{"foreach": False} if "foreach" in flags else {}]
    return for_loop + [{flag: True} for flag in ("foreach", "fused") if flag in flags]


def _row(documented: Documented, path: Mapping[str, bool]) -> tuple[str, ...]:
    options = {**documented.options, **path}
    fingerprint = measure(f"torch.optim:{documented.name}", options, limit=10.0, questions=COLUMNS)
    chosen = next((flag for flag, on in path.items() if on), "for-loop")
    cells = [_cell(fingerprint, column, documented) for column in COLUMNS]
    return (f"{documented.name}{_shown(documented.options)}", chosen, *cells)


def _cell(fingerprint: Fingerprint, column: str, documented: Documented) -> str:
    line = fingerprint.line(column)
    values = line.values if line else ()
    usual = {"strength": "1", "hidden_decay": "none", "step_rule": documented.step_rule} if documented.decay != NONE else {}
    expected = {**usual, **documented.decay}.get(column)
    measured = " or ".join(values) or "-"
    return measured if expected is None or expected in values else f"**{measured}**"


def _shown(options: Mapping[str, Any]) -> str:
    return "".join(f" {name}={value}" for name, value in options.items())


if __name__ == "__main__":
    main()
