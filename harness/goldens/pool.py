"""Pool of a study: the recorded samples of many seeds, from which the ensembles of its golden are calibrated.

A pool holds the samples of every measure that a gate of the golden or an expectation of a claim reads, one `arm.measure` a
line, for many more seeds than a run has. The means and spreads in the golden follow from the pool, so they can be checked.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from harness.errors import UsageError
from harness.goldens.extract import ensemble, gates
from harness.goldens.origin import Origin, origin_problem
from harness.goldens.values import Ensemble
from harness.measurement import Measurement, Measurements
from harness.spec.scenario import StudyScenario
from harness.stats import mean_and_sd
from harness.training.measures import MEASURES

FOLDER = "pools"
DIGITS = 9  # float32 has seven
ArmMeasure = tuple[str, str]  # arm, measure
_STRING_OR_NUMBER = re.compile(r'"(?:[^"\\]|\\.)*"|(?P<number>-?(?:NaN|Infinity|\d[\d.eE+-]*))')


class PoolError(UsageError):
    """A pool's file cannot be read, or its samples cannot be written."""


@dataclass(frozen=True)
class Pool:
    """The samples of one study by (arm, measure), in the order of `seeds`.

    `expected` holds the closed forms of those measures that have one.
    """

    study: str
    seeds: tuple[int, ...]
    origin: Origin
    samples: Mapping[ArmMeasure, tuple[float, ...]]
    expected: Mapping[ArmMeasure, float]

    def measurements(self, rows: Sequence[int] | None = None) -> Mapping[str, Measurements]:
        """Return the measurements by arm, as a verdict reads them, over all seeds or over those at the positions `rows`."""
        readings_by_arm: dict[str, dict[str, Measurement]] = {}
        for (arm, measure), all_samples in self.samples.items():
            samples = all_samples if rows is None else tuple(all_samples[row] for row in rows)
            measurement = Measurement(
                mean_and_sd(samples)[0], MEASURES[measure].unit, expected=self.expected.get((arm, measure)), samples=samples
            )
            readings_by_arm.setdefault(arm, {})[measure] = measurement
        return readings_by_arm


def required_measures(scenario: StudyScenario) -> list[ArmMeasure]:
    """Return the pairs (arm, measure) that a study's gates and expectations read.

    The measure of a gate is read in every arm, because its sensitivity is a distance between arms.
    """
    pairs = {(arm, measure) for _, measure in gates(scenario) for arm in scenario.arms}
    for claim in scenario.claims:
        for item in claim.expect:
            pairs.add((item.arm, item.measure))
            pairs |= {(item.than.arm, item.than.measure)} if item.than else set()
    return sorted(pairs)


def pool_from(study: str, scenario: StudyScenario, measurements: Mapping[str, Measurements], origin: Origin) -> Pool:
    """Return the pool of a study, given the measurements of a run with the seeds `scenario.seeds`."""
    samples: dict[ArmMeasure, tuple[float, ...]] = {}
    expected: dict[ArmMeasure, float] = {}
    for arm, measure in required_measures(scenario):
        measurement = measurements[arm][measure]
        samples[arm, measure] = tuple(float(f"{sample:.{DIGITS}g}") for sample in measurement.samples)
        if measurement.expected is not None:
            expected[arm, measure] = measurement.expected
    return Pool(study, tuple(sorted(scenario.seeds)), origin, samples, expected)


def ensembles_of(pool: Pool, scenario: StudyScenario) -> dict[str, Ensemble]:
    """Return the ensembles of a golden that is calibrated from this pool, by their name in the golden."""
    lines: dict[str, Ensemble] = {}
    for arm, measure in gates(scenario):
        samples_by_arm = {other: samples for (other, name), samples in pool.samples.items() if name == measure}
        lines[f"ensemble.{arm}.{measure}"] = ensemble(scenario, samples_by_arm, arm)
    return lines


def path_of(folder: Path, study: str) -> Path:
    """Return the path of a study's pool; `folder` is the folder of the subjects in the golden folder."""
    return folder / FOLDER / f"{study}.json"


def dump(pool: Pool) -> str:
    """Return the text of a pool. Raises PoolError if a sample is not finite."""
    not_finite = [_key(pair) for pair, samples in pool.samples.items() if not all(map(math.isfinite, samples))]
    if not_finite:
        raise PoolError(f"{pool.study}: not finite: {', '.join(not_finite)}")
    facts = [f"  {json.dumps(key)}: {json.dumps(fact)}" for key, fact in pool.origin.facts.items()]
    forms = [f"  {json.dumps(_key(pair))}: {json.dumps(value)}" for pair, value in sorted(pool.expected.items())]
    lines = [f"  {json.dumps(_key(pair))}: {json.dumps(samples)}" for pair, samples in sorted(pool.samples.items())]
    parts = [f' "study": {json.dumps(pool.study)}', f' "seeds": {json.dumps(pool.seeds)}']
    for key, content in (("origin", facts), ("expected", forms), ("samples", lines)):
        parts.append(f' "{key}": {{\n' + ",\n".join(content) + "\n }")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def parse(text: str) -> Pool:
    """Return the pool of a text that `dump` wrote. Raises PoolError, with the key or the line, for any other text."""
    try:
        node = json.loads(text)
    except json.JSONDecodeError as error:
        raise PoolError(f"not JSON: {error}") from None
    _refuse_not_finite(text)
    known = {"study", "seeds", "origin", "expected", "samples"}
    if not isinstance(node, dict) or set(cast(dict[str, Any], node)) != known:
        raise PoolError(f"expected an object with the keys {', '.join(sorted(known))}")
    if problem := origin_problem(node["origin"]):
        raise PoolError(problem)
    seeds = _numbers("seeds", node["seeds"], count=None)
    samples = {
        _arm_measure(name): _numbers(name, values, count=len(seeds))
        for name, values in _object("samples", node["samples"]).items()
    }
    expected = {
        _arm_measure(name): _numbers(name, [value], count=1)[0] for name, value in _object("expected", node["expected"]).items()
    }
    if not isinstance(node["study"], str) or len(set(seeds)) != len(seeds):
        raise PoolError("expected a study's id, and seeds that are all different")
    return Pool(node["study"], tuple(map(int, seeds)), Origin(node["origin"]), samples, expected)


def read(path: Path) -> Pool:
    """Return the pool of a file. Raises PoolError, with the path, if it cannot be read."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (PoolError, OSError, UnicodeDecodeError) as error:
        raise PoolError(f"{path}: {error}") from None


def _key(pair: ArmMeasure) -> str:
    return ".".join(pair)


def _arm_measure(name: str) -> ArmMeasure:
    arm, _, measure = name.partition(".")
    if measure not in MEASURES:
        raise PoolError(f"{name}: expected <arm>.<measure>, where the measure is one of a study")
    return arm, measure


def _object(key: str, node: Any) -> dict[str, Any]:
    if not isinstance(node, dict):
        raise PoolError(f"{key}: expected an object, got {node!r}")
    return cast(dict[str, Any], node)


def _numbers(where: str, node: Any, *, count: int | None) -> tuple[float, ...]:
    """Return the numbers of a list, which must not be empty and must have `count` items if that is given."""
    values = node if isinstance(node, list) else []
    if not values or not all(type(value) in (int, float) for value in values) or count not in (None, len(values)):
        raise PoolError(f"{where}: expected {count or 'some'} numbers, got {len(values)}")
    return tuple(values)


def _refuse_not_finite(text: str) -> None:
    """Raise PoolError, with the line, for the first number of a JSON text that is not finite: NaN, Infinity, 1e999."""
    for token in _STRING_OR_NUMBER.finditer(text):
        number = token["number"]
        if number and not math.isfinite(float(number)):
            line = text.count("\n", 0, token.start()) + 1
            raise PoolError(f"expected a finite number, got {number} (line {line})")
