"""Verdicts on a probe's scenario for tests, with other draws of its noise or another optimizer in one arm."""

from __future__ import annotations

from dataclasses import replace

from harness.catalog.load import load
from harness.catalog.loaded_scenario import settings_of
from harness.measurement import Measurement
from harness.probes import PROBES
from harness.run import Result
from harness.spec.scenario import Scenario
from harness.subject import loading, roles
from harness.verdicts.outcome import decide
from tests.mutants import decay_rule


def scenario(name: str) -> Scenario:
    """Return the shipped scenario of this name."""
    return load()[name].scenario


def measurements_of(name: str, arm: str, *, seed: int | None = None, path: str = "") -> dict[str, Measurement]:
    """Return the measurements of an arm; `seed` replaces its seed, `path` its optimizer."""
    shipped = scenario(name)
    chosen, settings = shipped.arms[arm], settings_of(shipped, arm)
    make = loading.make_factory(path or chosen.subject or roles.DEFAULTS[chosen.role], chosen.options, training=False)
    return PROBES[shipped.probe].run(make, settings if seed is None else replace(settings, seed=seed))


def failed_claims(name: str, *, seed: int) -> list[str]:
    """Return the ids of the claims that fail with the shipped optimizers when the noise is drawn from `seed`."""
    shipped = scenario(name)
    result = Result({arm: measurements_of(name, arm, seed=seed) for arm in shipped.arms}, {}, {})
    return [claim.id for claim in shipped.claims if decide(claim, result).status == "failed"]


def twins_that_fail(name: str) -> list[str]:
    """Return `claim: twin` for every claim that fails with the twin of one of its mutants."""
    shipped = scenario(name)
    right = {arm: measurements_of(name, arm) for arm in shipped.arms}
    failed: list[str] = []
    for claim in shipped.claims:
        arm = str(claim.counterexample.arm)
        for twin in sorted({decay_rule.twin_of(decay_rule.MUTANTS[mutant]).__name__ for mutant in claim.counterexample.mutants}):
            result = Result({**right, arm: measurements_of(name, arm, path=f"{decay_rule.__name__}:{twin}")}, {}, {})
            failed += [f"{claim.id}: {twin}"] if decide(claim, result).status == "failed" else []
    return failed
