"""Which tests are left out of a run, and why? Each reason is counted and said at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from harness.catalog import applicability
from harness.catalog.load import load
from harness.catalog.loaded_scenario import LoadedScenario
from harness.spec.scenario import Claim
from harness.subject.roles import ANY
from tests.plugin.run_setup import Setup


class Selection:
    """Sort the collected tests: what runs, and what is left out for which reason."""

    def __init__(self, config: pytest.Config, setup: Setup) -> None:
        self.config, self.setup = config, setup

    def split(self, items: Sequence[pytest.Item]) -> dict[str, list[pytest.Item]]:
        """Return the tests that are left out, by reason; each under the first that applies."""
        reasons = {
            "strangers": lambda item: self._stranger(item) or self._of_the_shipped_subject(item),
            "not_applicable": self._inapplicable,
            "unrecorded": self._unrecorded,
            "long": self._too_long,
        }
        found: dict[str, list[pytest.Item]] = {reason: [] for reason in reasons}
        for item in items:
            reason = next((name for name, says in reasons.items() if says(item)), None)
            if reason:
                found[reason].append(item)
        return found

    def obstacles(self) -> dict[str, str]:
        """Return why a claim does not apply to the subject under test, for each that does not."""
        subjects = self.setup.subjects
        pairs = [(loaded, claim) for loaded in load().values() for claim in loaded.scenario.claims]
        found = {claim.id: applicability.not_applicable_reason(loaded, claim, subjects) for loaded, claim in pairs}
        return {claim: why for claim, why in found.items() if why}

    def _stranger(self, item: pytest.Item) -> bool:
        """Return True if neither the item's claim nor its golden involves the subject under test."""
        claims = _claims(item)
        return bool(claims) and not any(applicability.involved(*one, self.setup.subjects) for one in claims)

    def _of_the_shipped_subject(self, item: pytest.Item) -> bool:
        """Return True if the item tries a claim on the shipped subject's records, and another subject is under test."""
        return bool(self.setup.subjects.under_test) and parameter(item, "test_swapped_arms_fail_the_claim", "case") is not None

    def _inapplicable(self, item: pytest.Item) -> bool:
        """Return True if no claim of the item rests on what the contract declares, or its golden is of another kind of run."""
        subjects = self.setup.subjects
        claims = [one for one in _claims(item) if applicability.involved(*one, subjects)]
        return bool(claims) and (
            self._of_another(item) or all(applicability.not_applicable_reason(*one, subjects) for one in claims)
        )

    def _of_another(self, item: pytest.Item) -> bool:
        """Return True if the item's golden is a shipped one of claims about any optimizer: those are of the decoupled one."""
        subjects, loaded = self.setup.subjects, golden_of(item)
        any_of = loaded is not None and any(arm.role == ANY for arm in loaded.scenario.arms.values())
        return any_of and subjects.shares_shipped_goldens and "decoupled" not in subjects.under_test

    def _unrecorded(self, item: pytest.Item) -> bool:
        """Return True if the item is a golden test of a user's subject that has no goldens yet, nor a folder named for them."""
        recording = self.config.getoption("--snapshot-update", default=False)
        known = not self.setup.subjects.under_test or (self.setup.golden / self.setup.subjects.folder).exists()
        known = known or self.setup.golden_asked
        return bool(golden_of(item)) and not recording and not known

    def _too_long(self, item: pytest.Item) -> bool:
        asked = self.config.getoption("--long") or "long" in self.config.option.markexpr
        return not asked and item.get_closest_marker("long") is not None


def golden_of(item: pytest.Item) -> LoadedScenario | None:
    """Return the scenario whose golden an item tests, or None."""
    loaded: LoadedScenario | None = parameter(item, "test_golden", "loaded")
    return loaded


def case_of(item: pytest.Item) -> Any:
    """Return the claim that an item tests, with its scenario, or None."""
    return parameter(item, "test_claim", "case")


def parameter(item: pytest.Item, test: str, name: str) -> Any:
    """Return what a test of tests/claims/test_claims.py is called with, or None for another test."""
    if not isinstance(item, pytest.Function) or item.originalname != test or item.path.stem != "test_claims":
        return None
    return item.callspec.params[name]


def _claims(item: pytest.Item) -> list[tuple[LoadedScenario, Claim]]:
    case, loaded = case_of(item), golden_of(item)
    if case:
        return [(case.loaded, case.claim)]
    return [(loaded, claim) for claim in loaded.scenario.claims] if loaded else []
