"""The declaration of a probe: an experiment on an optimizer without training."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass

from harness.measurement import Measurements
from harness.subject.loading import Factory


@dataclass(frozen=True)
class Probe:
    """A probe by the module that holds its experiment, `run(make, settings)`.

    `says` is one line about what is returned; `settings` the frozen dataclass that a scenario's settings are bound to;
    `measures` describes every key of the readings in one line, with its unit.
    """

    module: str
    says: str
    settings: type
    measures: Mapping[str, str]

    @property
    def name(self) -> str:
        """The word that a scenario uses."""
        return self.module.rpartition(".")[2]

    def run(self, make: Factory, settings: object) -> Measurements:
        """Return the probe's readings of one optimizer; `settings` is an instance of `self.settings`.

        The module, and torch with it, is imported on the first call. It builds its optimizers with
        `make(params, lr=..., weight_decay=...)` and drives them through torch's public interface only.
        """
        readings: Measurements = importlib.import_module(self.module).run(make, settings)
        return readings
