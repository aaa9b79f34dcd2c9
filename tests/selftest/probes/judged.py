"""Which claims of a probe's scenario fail, for other draws of its noise or for another optimizer in one arm?"""

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
    """Return a shipped scenario."""
    return load()[name].scenario


def readings(name: str, arm: str, *, seed: int | None = None, path: str = "") -> dict[str, Measurement]:
    """Return what an arm reads, with another seed or with the optimizer at `path` in place of its own."""
    found = scenario(name)
    chosen, settings = found.arms[arm], settings_of(found, arm)
    make = loading.factory(path or chosen.subject or roles.DEFAULTS[chosen.role], chosen.options, training=False)
    return PROBES[found.probe].run(make, settings if seed is None else replace(settings, seed=seed))


def failing(name: str, *, seed: int) -> list[str]:
    """Return the claims that torch's optimizers fail when the noise is drawn from another seed."""
    found = scenario(name)
    result = Result({arm: readings(name, arm, seed=seed) for arm in found.arms}, {}, {})
    return [claim.id for claim in found.claims if decide(claim, result).status == "failed"]


def twins_that_fail(name: str) -> list[str]:
    """Return the claims, with the twin, that the twin of one of their mutants fails."""
    found = scenario(name)
    right = {arm: readings(name, arm) for arm in found.arms}
    failed: list[str] = []
    for claim in found.claims:
        arm = str(claim.counterexample.arm)
        for twin in sorted({decay_rule.twin_of(decay_rule.MUTANTS[mutant]).__name__ for mutant in claim.counterexample.mutants}):
            result = Result({**right, arm: readings(name, arm, path=f"{decay_rule.__name__}:{twin}")}, {}, {})
            failed += [f"{claim.id}: {twin}"] if decide(claim, result).status == "failed" else []
    return failed
