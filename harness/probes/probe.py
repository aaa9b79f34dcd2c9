"""Declaration of a probe: an experiment on an optimizer without training."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass

from harness.measurement import Measurements
from harness.subject.loading import Factory


@dataclass(frozen=True)
class Probe:
    """Declaration of a probe: the module of its experiment, the settings that a scenario can give, and its measures.

    `module` is the import path of the module whose function `run(make, settings)` is the experiment. `description` is one line
    about the result of `run`. `settings` is the frozen dataclass to which a scenario's settings are bound. `measures` maps the
    name of each measure to a line that describes it, with its unit.
    """

    module: str
    description: str
    settings: type
    measures: Mapping[str, str]

    @property
    def name(self) -> str:
        """The name that a scenario uses: the last part of `module`."""
        return self.module.rpartition(".")[2]

    def run(self, make: Factory, settings: object) -> Measurements:
        """Return the probe's measurements of one optimizer; `settings` is an instance of `self.settings`.

        The first call imports the module, and torch with it. The module builds its optimizers with
        `make(params, lr=..., weight_decay=...)` and uses only torch's public interface to step them.
        """
        measurements: Measurements = importlib.import_module(self.module).run(make, settings)
        return measurements
