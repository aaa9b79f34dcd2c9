"""What is weight decay worth in a number? A gate whose tolerance hides it would let decay come and go.

In a probe it is the effect that the reading declares; where it declares none, the distance from the same probe run with
its weight decay taken away. In a study it is the distance of two arms that differ in weight decay alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from harness.catalog.loaded_scenario import LoadedScenario, settings_of
from harness.goldens.values import Exact, GoldenValue, Information, with_sensitivity
from harness.probes import PROBES
from harness.run import Session, path_of
from harness.spec.scenario import ProbeScenario, StudyArm, StudyScenario
from harness.subject import loading
from harness.subject.loading import Factory
from harness.subject.output import capture_output


def partners(scenario: StudyScenario, arm: str) -> list[tuple[str, str]]:
    """Return the pairs of a study's arms whose distance is what this arm's weight decay is worth.

    The first of a pair has this arm's weight decay; the second is the first but for its weight decay, batches included: a null
    arm, whose batches are its own, has the pairs of the arm that it doubles.
    """
    mine = _but(scenario.arms[arm], decay=scenario.arms[arm].weight_decay, batches=0)
    pairs = []
    for (one, first), (other, second) in product(scenario.arms.items(), repeat=2):
        doubles = _but(first, decay=first.weight_decay, batches=0) == mine
        if doubles and second.weight_decay != first.weight_decay and _but(second) == _but(first):
            pairs.append((one, other))
    return pairs


def distance(scenario: StudyScenario, values: Mapping[str, float], arm: str) -> float | None:
    """Return how far from `arm` the farthest arm with another weight decay is, given one measure by arm; None without one."""
    known = [pair for pair in partners(scenario, arm) if set(pair) <= set(values)]
    return max((abs(values[one] - values[other]) for one, other in known), default=None)


def measured(found: Mapping[str, GoldenValue], loaded: LoadedScenario, session: Session) -> dict[str, GoldenValue]:
    """Return the entries with the signals that only a second run of a probe shows, without its weight decay.

    A probe that breaks without decay shows nothing, and its signals stay unknown.
    """
    open_ones = {name: one for name, one in found.items() if isinstance(one, Exact) and one.signal is None}
    if not isinstance(loaded.scenario, ProbeScenario) or not open_ones:
        return dict(found)
    signals: dict[str, GoldenValue] = {}
    for arm in sorted({name.partition(".")[0] for name in open_ones}):
        without = _without_decay(loaded.scenario, arm, session)
        for name, one in open_ones.items():
            place, _, measure = name.partition(".")
            if place == arm and measure in without:
                signals[name] = with_sensitivity(one, one.value - without[measure])
    return {**found, **signals}


def unknown(found: Mapping[str, GoldenValue]) -> list[str]:
    """Return which gates are not known to see weight decay, one a line: they cannot be recorded."""
    gates = [name for name, one in sorted(found.items()) if not isinstance(one, Information) and one.signal is None]
    return [f"{name}: what weight decay is worth in it is not known, and its probe declares no effect" for name in gates]


def _without_decay(scenario: ProbeScenario, arm: str, session: Session) -> Mapping[str, float]:
    chosen, path = scenario.arms[arm], path_of(scenario, arm, session.subjects)
    try:
        with capture_output(session.subject_output):
            make = undecayed(loading.factory(path, chosen.options, training=False))
            found = PROBES[scenario.probe].run(make, settings_of(scenario, arm))
    except Exception:  # a division by a decay that is gone, among others
        return {}
    return {measure: reading.value for measure, reading in found.items()}


def undecayed(make: Factory) -> Factory:
    """Return a factory of the same optimizers without weight decay, whatever the groups say when they step."""

    def made(params: Any, *, lr: float, weight_decay: float) -> Undecayed:
        del weight_decay
        given = [{**one, "weight_decay": 0.0} if isinstance(one, dict) else one for one in params]
        return Undecayed(make(given, lr=lr, weight_decay=0.0))

    return made


class Undecayed:
    """An optimizer whose groups have a weight decay of zero while it steps."""

    def __init__(self, optimizer: Any) -> None:
        self._optimizer = optimizer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._optimizer, name)

    def step(self, *args: Any, **options: Any) -> Any:
        """Step without decay, and put back what the groups said."""
        groups: Sequence[dict[str, Any]] = [group for group in self._optimizer.param_groups if "weight_decay" in group]
        said = [group["weight_decay"] for group in groups]
        for group in groups:
            group["weight_decay"] = 0.0
        try:
            return self._optimizer.step(*args, **options)
        finally:
            for group, decay in zip(groups, said, strict=True):
                group["weight_decay"] = decay


def _but(arm: StudyArm, *, decay: float = 0.0, batches: int | None = None) -> StudyArm:
    """Return an arm with its weight decay, and its batches where they are given, replaced: what is left can be compared."""
    return replace(arm, weight_decay=decay, batch_seed_offset=arm.batch_seed_offset if batches is None else batches)
