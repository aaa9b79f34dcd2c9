"""What is a probe? An experiment on an optimizer without training, the settings it takes and the measures it reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.measurement import Reading


@dataclass(frozen=True)
class Probe:
    """Bind an experiment to its settings and to what it reports.

    `run(make, settings)` builds its optimizers with `make(params, lr=..., weight_decay=...)` and drives them through torch's
    public interface only; `settings` is the frozen dataclass that a scenario's settings are bound to; `measures` describes
    every key of the readings in one line, with its unit.
    """

    run: Callable[[Any, Any], dict[str, Reading]]
    settings: type
    measures: Mapping[str, str]
