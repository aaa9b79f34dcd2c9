"""Selection of the collected tests: which are left out of a run, and for which reason.

| reason           | example                                                                              |
|------------------|--------------------------------------------------------------------------------------|
| `not_involved`   | a claim about coupled decay, and the optimizer under test has the role `decoupled`   |
| `not_applicable` | the contract declares `order: after`, and the claim rests on decay before the update |
| `unrecorded`     | a golden test of a user's optimizer of which no golden was ever recorded             |
| `long`           | a claim that is marked `long`, and `--long` is not given                             |

The report at the end of the run counts or lists the claims and goldens of each reason.
"""

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
    """Sorts the collected tests into those that run and those that are left out, by reason."""

    def __init__(self, config: pytest.Config, setup: Setup) -> None:
        self.config, self.setup = config, setup

    def split(self, items: Sequence[pytest.Item]) -> dict[str, list[pytest.Item]]:
        """Return the tests that are left out, by reason; each under the first reason that applies to it."""
        reasons = {
            "not_involved": lambda item: self._is_not_involved(item) or self._is_swap_of_shipped_runs(item),
            "not_applicable": self._is_not_applicable,
            "unrecorded": self._is_unrecorded,
            "long": self._is_too_long,
        }
        left_out: dict[str, list[pytest.Item]] = {reason: [] for reason in reasons}
        for item in items:
            reason = next((name for name, applies in reasons.items() if applies(item)), None)
            if reason:
                left_out[reason].append(item)
        return left_out

    def not_applicable_reasons(self) -> dict[str, str]:
        """Return, for each claim that does not apply to the subject under test, the reason."""
        subjects = self.setup.subjects
        pairs = [(loaded, claim) for loaded in load().values() for claim in loaded.scenario.claims]
        reasons = {claim.id: applicability.not_applicable_reason(loaded, claim, subjects) for loaded, claim in pairs}
        return {claim: reason for claim, reason in reasons.items() if reason}

    def _is_not_involved(self, item: pytest.Item) -> bool:
        """Return True if no claim of the item, or of its golden's scenario, involves the subject under test."""
        pairs = _claims(item)
        return bool(pairs) and not any(applicability.reads_subject(*pair, self.setup.subjects) for pair in pairs)

    def _is_swap_of_shipped_runs(self, item: pytest.Item) -> bool:
        """Return True if the item exchanges two arms of a study and a user's subject is under test.

        That test checks the claim, on runs of the shipped subjects.
        """
        return bool(self.setup.subjects.under_test) and parameter(item, "test_swapped_arms_fail_the_claim", "case") is not None

    def _is_not_applicable(self, item: pytest.Item) -> bool:
        """Return True if no claim of the item applies under the contract, or if its golden was recorded in another role."""
        subjects = self.setup.subjects
        pairs = [pair for pair in _claims(item) if applicability.reads_subject(*pair, subjects)]
        return bool(pairs) and (
            self._is_golden_of_another_role(item) or all(applicability.not_applicable_reason(*pair, subjects) for pair in pairs)
        )

    def _is_golden_of_another_role(self, item: pytest.Item) -> bool:
        """Return True if the item compares with a shipped golden of role `any`, and the subject is not the decoupled one.

        The shipped goldens of role `any` hold numbers of the decoupled subject.
        """
        subjects, loaded = self.setup.subjects, golden_of(item)
        has_role_any = loaded is not None and any(arm.role == ANY for arm in loaded.scenario.arms.values())
        return has_role_any and subjects.shares_shipped_goldens and "decoupled" not in subjects.under_test

    def _is_unrecorded(self, item: pytest.Item) -> bool:
        """Return True if the item is a golden test of a user's subject that has no goldens and no named folder for them."""
        recording = self.config.getoption("--snapshot-update", default=False)
        expects_goldens = (
            not self.setup.subjects.under_test or (self.setup.golden / self.setup.subjects.golden_subfolder).exists()
        )
        expects_goldens = expects_goldens or self.setup.golden_dir_named
        has_golden = golden_of(item) or getattr(item, "originalname", "") == "test_fingerprint"
        return bool(has_golden) and not recording and not expects_goldens

    def _is_too_long(self, item: pytest.Item) -> bool:
        """Return True if the item is marked `long` and neither `--long` nor `-m` selects such tests."""
        long_selected = self.config.getoption("--long") or "long" in self.config.option.markexpr
        return not long_selected and item.get_closest_marker("long") is not None


def golden_of(item: pytest.Item) -> LoadedScenario | None:
    """Return the scenario whose golden the item tests, or None."""
    loaded: LoadedScenario | None = parameter(item, "test_golden", "loaded")
    return loaded


def case_of(item: pytest.Item) -> Any:
    """Return the `ClaimCase` (a claim with its scenario) that the item tests, or None."""
    return parameter(item, "test_claim", "case")


def parameter(item: pytest.Item, test: str, name: str) -> Any:
    """Return the parameter `name` of the item if it is the test function `test` of tests/claims/test_claims.py, or None."""
    if not isinstance(item, pytest.Function) or item.originalname != test or item.path.stem != "test_claims":
        return None
    return item.callspec.params[name]


def _claims(item: pytest.Item) -> list[tuple[LoadedScenario, Claim]]:
    """Return the claim that the item tests, or the claims of the scenario whose golden it tests, each with its scenario."""
    case, loaded = case_of(item), golden_of(item)
    if case:
        return [(case.loaded, case.claim)]
    return [(loaded, claim) for claim in loaded.scenario.claims] if loaded else []
