"""Declaration of a probe: an experiment on an optimizer without training."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.errors import RunError, error_line, one_line
from harness.measurement import Measured, Measurement, Measurements, Unmeasured
from harness.subject.loading import Factory

Experiment = Callable[[], Measurement | Measurements]


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

    def run(self, make: Factory, settings: object) -> Measured:
        """Return what the probe measured of one optimizer; `settings` is an instance of `self.settings`.

        The first call imports the module, and torch with it. The module builds its optimizers with
        `make(params, lr=..., weight_decay=...)` and uses only torch's public interface to step them.
        """
        measured: Measured = importlib.import_module(self.module).run(make, settings)
        return measured


def collect(experiments: Mapping[str | tuple[str, ...], Experiment]) -> dict[str, Measurement | Unmeasured]:
    """Return the measurements of all experiments. The key of an experiment is the measure that it gives, or a tuple of them.

    The measures of an experiment that raises are Unmeasured, and the others are still measured: an optimizer may refuse a case.
    """
    measured = dict[str, Measurement | Unmeasured]()
    for key, experiment in experiments.items():
        names = (key,) if isinstance(key, str) else key
        try:
            result = experiment()
        except Exception as error:
            measured |= dict.fromkeys(names, Unmeasured(one_line(error) if isinstance(error, RunError) else error_line(error)))
        else:
            measured |= {names[0]: result} if isinstance(result, Measurement) else dict(result)
    return measured
