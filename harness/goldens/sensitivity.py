"""Sensitivity of recorded numbers: how much of a number weight decay causes.

A gate whose tolerance is larger than that would not notice if weight decay were missing. The effect of weight decay is

    probe   the effect that its measurement declares; if it declares none, the difference to the same probe without weight decay
    study   the distance between two arms that differ only in weight decay
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from harness.catalog.loaded_scenario import LoadedScenario, settings_of
from harness.goldens.values import Exact, GoldenValue, Information, with_sensitivity
from harness.measurement import Measurement
from harness.probes import PROBES
from harness.run import Session, options_of, path_of
from harness.spec.scenario import ProbeScenario, StudyArm, StudyScenario
from harness.subject import loading
from harness.subject.loading import Factory
from harness.subject.output import capture_output


def decay_pairs(scenario: StudyScenario, arm: str) -> list[tuple[str, str]]:
    """Return the pairs of a study's arms whose distance is the effect of this arm's weight decay.

    The first arm of a pair equals `arm`, except perhaps for its batches. The second equals the first, except for its weight
    decay. A null arm (the control with other batches) therefore gets the pairs of the control.
    """
    settings = _without_batches(scenario.arms[arm])
    pairs = []
    for (first_name, first), (second_name, second) in product(scenario.arms.items(), repeat=2):
        repeats = _without_batches(first) == settings
        if repeats and second.weight_decay != first.weight_decay and _without_decay_of(second) == _without_decay_of(first):
            pairs.append((first_name, second_name))
    return pairs


def distance(scenario: StudyScenario, values: Mapping[str, float], arm: str) -> float | None:
    """Return the largest distance between the two values of a pair, given one measure by arm; None if there is no pair."""
    known = [pair for pair in decay_pairs(scenario, arm) if set(pair) <= set(values)]
    return max((abs(values[first] - values[second]) for first, second in known), default=None)


def with_measured_sensitivity(
    values: Mapping[str, GoldenValue], loaded: LoadedScenario, session: Session
) -> dict[str, GoldenValue]:
    """Return the golden values, with the unknown sensitivities of a probe measured by a second run without weight decay.

    If the probe fails without weight decay, they stay unknown.
    """
    unknown_values = {name: value for name, value in values.items() if isinstance(value, Exact) and value.signal is None}
    if not isinstance(loaded.scenario, ProbeScenario) or not unknown_values:
        return dict(values)
    measured_values: dict[str, GoldenValue] = {}
    for arm in sorted({name.partition(".")[0] for name in unknown_values}):
        undecayed_numbers = _without_decay(loaded.scenario, arm, session)
        for name, value in unknown_values.items():
            value_arm, _, measure = name.partition(".")
            if value_arm == arm and measure in undecayed_numbers:
                measured_values[name] = with_sensitivity(value, value.value - undecayed_numbers[measure])
    return {**values, **measured_values}


def unknown_sensitivity(values: Mapping[str, GoldenValue]) -> list[str]:
    """Return the gates of unknown sensitivity, one a line. They cannot be recorded."""
    gates = [name for name, value in sorted(values.items()) if not isinstance(value, Information) and value.signal is None]
    return [f"{name}: its sensitivity to weight decay is unknown, and its probe declares no effect" for name in gates]


def _without_decay(scenario: ProbeScenario, arm: str, session: Session) -> Mapping[str, float]:
    """Return the numbers of one arm of a probe without weight decay, by measure; empty if the probe fails."""
    settings, path = scenario.arms[arm], path_of(scenario, arm, session.subjects)
    try:
        with capture_output(session.subject_output):
            make = undecayed(loading.make_factory(path, options_of(settings, session.subjects), training=False))
            measurements = PROBES[scenario.probe].run(make, settings_of(scenario, arm))
    except Exception:  # for example a division by a weight decay of zero
        return {}
    return {measure: measured.value for measure, measured in measurements.items() if isinstance(measured, Measurement)}


def undecayed(make: Factory) -> Factory:
    """Return a factory of the same optimizers, which step without weight decay even if a group sets one."""

    def made(params: Any, *, lr: float, weight_decay: float) -> Undecayed:
        del weight_decay
        undecayed_params = [{**group, "weight_decay": 0.0} if isinstance(group, dict) else group for group in params]
        return Undecayed(make(undecayed_params, lr=lr, weight_decay=0.0))

    return made


class Undecayed:
    """An optimizer whose groups have a weight decay of zero during a step."""

    def __init__(self, optimizer: Any) -> None:
        self._optimizer = optimizer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._optimizer, name)

    def step(self, *args: Any, **options: Any) -> Any:
        """Step without weight decay, and restore the weight decay of the groups afterwards."""
        groups: Sequence[dict[str, Any]] = [group for group in self._optimizer.param_groups if "weight_decay" in group]
        decays = [group["weight_decay"] for group in groups]
        for group in groups:
            group["weight_decay"] = 0.0
        try:
            return self._optimizer.step(*args, **options)
        finally:
            for group, decay in zip(groups, decays, strict=True):
                group["weight_decay"] = decay


def _without_decay_of(arm: StudyArm) -> StudyArm:
    """Return the arm with weight decay 0, so that its other settings can be compared."""
    return replace(arm, weight_decay=0.0)


def _without_batches(arm: StudyArm) -> StudyArm:
    """Return the arm with the study's own batches, so that its other settings can be compared."""
    return replace(arm, batch_seed_offset=0)
