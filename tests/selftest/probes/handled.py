"""Runs of shipped scenarios for tests of probes, with any optimizer in one of the arms."""

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
from tests.selftest.probes.subjects import meets_closed_form


def measurements_of(name: str, arm: str, path: str = "") -> dict[str, Measurement]:
    """Return the measurements of an arm.

    `path`, an import path or the name of a mutant, replaces the arm's own optimizer.
    """
    shipped = scenario(name)
    chosen = shipped.arms[arm]
    path = path_of(path) if path else chosen.subject or Subjects(DEFAULTS).path(chosen.role)
    return PROBES[shipped.probe].run(loading.make_factory(path, chosen.options, training=False), settings_of(shipped, arm))


def path_of(name: str) -> str:
    """Return the import path of a mutant or twin; a name that is already an import path is returned unchanged."""
    return name if ":" in name else collection.path(name)


def twin_name(mutant: str) -> str:
    """Return the import path of a mutant's twin: the same optimizer without the bug."""
    return collection.path_of(collection.CLASSES[mutant].__bases__[0])


@cache
def measure_as_shipped(name: str, arm: str) -> dict[str, Measurement]:
    """Return the measurements of an arm as shipped; each arm runs once."""
    return measurements_of(name, arm)


def fails(name: str, claim: Claim, path: str) -> bool:
    """Return True if a claim fails with the optimizer at `path` in the arm of its counterexample."""
    arm = str(claim.counterexample.arm)
    measurements = {
        other: measurements_of(name, other, path) if other == arm else measure_as_shipped(name, other) for other in claim.arms
    }
    return decide(claim, Result(measurements, {}, {})).status == "failed"


def missed_closed_forms(name: str) -> list[str]:
    """Return the closed forms of a scenario's claims that the shipped optimizers do not meet, as `arm.measure`.

    Raise AssertionError if a tolerance is too large to show the effect (see `meets_closed_form`).
    """
    expected = [item for claim in scenario(name).claims for item in claim.expect if item.relation == "equals_closed_form"]
    keys = sorted({(item.arm, item.measure) for item in expected})
    return [f"{arm}.{measure}" for arm, measure in keys if not meets_closed_form(measure_as_shipped(name, arm)[measure])]
