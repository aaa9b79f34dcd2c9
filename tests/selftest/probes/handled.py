"""How does a test of how optimizers are handled run a scenario, with any optimizer in one of its arms?"""

from __future__ import annotations

from functools import cache

from harness.catalog.loaded_scenario import settings_of
from harness.measurement import Measurement
from harness.probes import PROBES
from harness.run import Result
from harness.spec.scenario import Claim
from harness.subject import loading
from harness.subject.roles import DEFAULTS, Subjects
from harness.verdicts.outcome import decide
from tests.mutants import collection
from tests.selftest.probes.judged import scenario
from tests.selftest.probes.subjects import exact

SCENARIOS = (
    "accumulation",
    "checkpoint",
    "decay_range",
    "layouts",
    "missing_gradients",
    "parameter_groups",
    "repeated_parameters",
    "schedules",
    "symmetry",
)


def read(name: str, arm: str, path: str = "") -> dict[str, Measurement]:
    """Return what an arm reads, with the optimizer at `path` (or a mutant's name) in place of its own."""
    found = scenario(name)
    chosen = found.arms[arm]
    path = path_of(path) if path else chosen.subject or Subjects(DEFAULTS).path(chosen.role)
    return PROBES[found.probe].run(loading.factory(path, chosen.options, training=False), settings_of(found, arm))


def path_of(name: str) -> str:
    """Return the import path of a mutant or twin, or the path itself."""
    return name if ":" in name else collection.path(name)


def twin_name(mutant: str) -> str:
    """Return the path of the optimizer that a mutant is without its fault."""
    return collection.path_of(collection.CLASSES[mutant].__bases__[0])


@cache
def usual(name: str, arm: str) -> dict[str, Measurement]:
    """Return what an arm reads as shipped, once."""
    return read(name, arm)


def fails(name: str, claim: Claim, path: str) -> bool:
    """Return True if a claim is red with the optimizer at `path` in the arm of its counterexample."""
    arm = str(claim.counterexample.arm)
    readings = {one: read(name, one, path) if one == arm else usual(name, one) for one in claim.arms}
    return decide(claim, Result(readings, {}, {})).status == "failed"


def inexact(name: str) -> list[str]:
    """Return the closed forms that claims rest on and that the shipped optimizers do not meet with room, or cannot see."""
    found = scenario(name)
    places = {(one.arm, one.measure) for claim in found.claims for one in claim.expect if one.relation == "equals_closed_form"}
    return [f"{arm}.{measure}" for arm, measure in sorted(places) if not exact(usual(name, arm)[measure])]
