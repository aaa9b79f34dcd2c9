"""Which claims of a probe's scenario fail, for other draws of its noise or for another optimizer in one arm?"""

from __future__ import annotations

from dataclasses import replace

from harness import subject
from harness.catalogue import load, settings_of
from harness.outcome import decide
from harness.probes import PROBES
from harness.reading import Reading
from harness.run import Result
from harness.scenario import Scenario
from tests.selftest.mutants import formula


def scenario(name: str) -> Scenario:
    """Return a shipped scenario."""
    return load()[name].scenario


def readings(name: str, arm: str, *, seed: int | None = None, path: str = "") -> dict[str, Reading]:
    """Return what an arm reads, with another seed or with the optimizer at `path` in place of its own."""
    found = scenario(name)
    chosen, settings = found.arms[arm], settings_of(found, arm)
    make = subject.factory(path or chosen.subject or subject.DEFAULTS[chosen.role], chosen.options, training=False)
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
        for twin in sorted({formula.twin_of(formula.MUTANTS[mutant]).__name__ for mutant in claim.counterexample.mutants}):
            result = Result({**right, arm: readings(name, arm, path=f"{formula.__name__}:{twin}")}, {}, {})
            failed += [f"{claim.id}: {twin}"] if decide(claim, result).status == "failed" else []
    return failed
