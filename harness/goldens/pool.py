"""Which numbers, seed by seed, is a study's golden calibrated from? The text of a pool, read strictly.

A pool holds the samples of every measure that a gate of the golden or an expectation of a claim reads, one `arm.measure` a
line, over many more seeds than a run has. What the golden says of a mean and its spread follows from it, and can be checked.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, cast

from harness.errors import UsageError
from harness.goldens.extract import ensemble, gates
from harness.goldens.origin import Origin, origin_problem
from harness.goldens.values import Ensemble
from harness.measurement import Measurement, Measurements
from harness.spec.scenario import StudyScenario
from harness.stats import moments
from harness.training.measures import MEASURES

FOLDER = "pools"
DIGITS = 9  # float32 has seven
ArmMeasure = tuple[str, str]  # arm, measure


class PoolError(UsageError):
    """A pool's file cannot be read, or its samples cannot be written."""


@dataclass(frozen=True)
class Pool:
    """One study's samples by (arm, measure), in the order of `seeds`, with their closed forms where there are any."""

    study: str
    seeds: tuple[int, ...]
    origin: Origin
    samples: Mapping[ArmMeasure, tuple[float, ...]]
    expected: Mapping[ArmMeasure, float]

    def readings(self, rows: Sequence[int] | None = None) -> Mapping[str, Measurements]:
        """Return readings by arm over all seeds, or over those at `rows`: what a verdict takes."""
        found: dict[str, dict[str, Measurement]] = {}
        for (arm, measure), every in self.samples.items():
            some = every if rows is None else tuple(every[row] for row in rows)
            reading = Measurement(
                moments(some)[0], MEASURES[measure].unit, expected=self.expected.get((arm, measure)), samples=some
            )
            found.setdefault(arm, {})[measure] = reading
        return found


def wanted(scenario: StudyScenario) -> list[ArmMeasure]:
    """Return the (arm, measure) that a study's gates and expectations read, and each gate's measure in every other arm."""
    places = {(arm, measure) for _, measure in gates(scenario) for arm in scenario.arms}
    for claim in scenario.claims:
        for item in claim.expect:
            places.add((item.arm, item.measure))
            places |= {(item.than.arm, item.than.measure)} if item.than else set()
    return sorted(places)


def draw(study: str, scenario: StudyScenario, readings: Mapping[str, Measurements], origin: Origin) -> Pool:
    """Return the pool of a study that was run over `scenario.seeds`."""
    samples: dict[ArmMeasure, tuple[float, ...]] = {}
    expected: dict[ArmMeasure, float] = {}
    for arm, measure in wanted(scenario):
        reading = readings[arm][measure]
        samples[arm, measure] = tuple(float(f"{one:.{DIGITS}g}") for one in reading.samples)
        if reading.expected is not None:
            expected[arm, measure] = reading.expected
    return Pool(study, tuple(sorted(scenario.seeds)), origin, samples, expected)


def calibrated(pool: Pool, scenario: StudyScenario) -> dict[str, Ensemble]:
    """Return the ensemble lines that a study's golden holds if it is calibrated from this pool, by name."""
    found: dict[str, Ensemble] = {}
    for arm, measure in gates(scenario):
        own = {place: samples for (place, name), samples in pool.samples.items() if name == measure}
        found[f"ensemble.{arm}.{measure}"] = ensemble(scenario, own, arm)
    return found


def path_of(folder: Path, study: str) -> Path:
    """Return where a study's pool lies in the golden folder of a subject."""
    return folder / FOLDER / f"{study}.json"


def dump(pool: Pool) -> str:
    """Write a pool as text; raises PoolError for a number that is not finite."""
    broken = [_name(place) for place, samples in pool.samples.items() if not all(map(math.isfinite, samples))]
    if broken:
        raise PoolError(f"{pool.study}: not finite: {', '.join(broken)}")
    facts = [f"  {json.dumps(key)}: {json.dumps(said)}" for key, said in pool.origin.facts.items()]
    forms = [f"  {json.dumps(_name(place))}: {json.dumps(one)}" for place, one in sorted(pool.expected.items())]
    lines = [f"  {json.dumps(_name(place))}: {json.dumps(samples)}" for place, samples in sorted(pool.samples.items())]
    parts = [f' "study": {json.dumps(pool.study)}', f' "seeds": {json.dumps(pool.seeds)}']
    for key, inside in (("origin", facts), ("expected", forms), ("samples", lines)):
        parts.append(f' "{key}": {{\n' + ",\n".join(inside) + "\n }")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def parse(text: str) -> Pool:
    """Read what `dump` wrote; raises PoolError naming the place for anything else."""
    try:
        node = json.loads(text, parse_constant=_not_a_number)
    except json.JSONDecodeError as error:
        raise PoolError(f"not JSON: {error}") from None
    known = {"study", "seeds", "origin", "expected", "samples"}
    if not isinstance(node, dict) or set(cast(dict[str, Any], node)) != known:
        raise PoolError(f"expected an object with the keys {', '.join(sorted(known))}")
    if problem := origin_problem(node["origin"]):
        raise PoolError(problem)
    seeds = _numbers("seeds", node["seeds"], count=None)
    samples = {_place(name): _numbers(name, one, count=len(seeds)) for name, one in _object("samples", node["samples"]).items()}
    closed = {_place(name): _numbers(name, [one], count=1)[0] for name, one in _object("expected", node["expected"]).items()}
    if not isinstance(node["study"], str) or len(set(seeds)) != len(seeds):
        raise PoolError("expected a study's id, and seeds that are all different")
    return Pool(node["study"], tuple(map(int, seeds)), Origin(node["origin"]), samples, closed)


def read(path: Path) -> Pool:
    """Read a pool's file; raises PoolError naming it."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (PoolError, OSError, UnicodeDecodeError) as error:
        raise PoolError(f"{path}: {error}") from None


def _name(place: ArmMeasure) -> str:
    return ".".join(place)


def _place(name: str) -> ArmMeasure:
    arm, _, measure = name.partition(".")
    if measure not in MEASURES:
        raise PoolError(f"{name}: expected <arm>.<measure> with a measure of studies")
    return arm, measure


def _object(key: str, node: Any) -> dict[str, Any]:
    if not isinstance(node, dict):
        raise PoolError(f"{key}: expected an object, got {node!r}")
    return cast(dict[str, Any], node)


def _numbers(where: str, node: Any, *, count: int | None) -> tuple[float, ...]:
    """Return a list of finite numbers, of `count` where it is given."""
    values = node if isinstance(node, list) else []
    if not values or not all(type(one) in (int, float) for one in values) or count not in (None, len(values)):
        raise PoolError(f"{where}: expected {count or 'some'} numbers, got {len(values)}")
    return tuple(values)


def _not_a_number(literal: str) -> NoReturn:
    raise PoolError(f"{literal} is never a recorded value")
