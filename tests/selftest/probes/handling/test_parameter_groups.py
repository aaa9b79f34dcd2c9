"""Does the probe parameter_groups see whose weight decay counts?"""

from __future__ import annotations

import pytest

from harness.probes.handling import ParameterGroupsSettings
from harness.probes.handling.parameter_groups import SHARES, run
from tests.selftest.probes.handled import inexact, read, usual
from tests.selftest.probes.subjects import exact, torch_optim

SELF_RELATIVE = ("alone_error", "order_error", "exempt_error", "joined_error", "joined_default_error", "place_error")


def test_torch_meets_every_closed_form_with_room() -> None:
    """And each of them would see the effect that it looks for."""
    assert inexact("parameter_groups") == []


@pytest.mark.parametrize("name", ["Adam", "SGD", "NAdam", "RMSprop", "Adagrad", "Adadelta", "ASGD", "Adafactor", "Muon"])
def test_any_optimizer_of_torch_treats_each_group_by_its_own(name: str) -> None:
    """Coupled or not, the comparison is of the optimizer with itself."""
    readings = run(torch_optim(name), ParameterGroupsSettings(lr=0.1, weight_decay=0.6))

    assert all(exact(readings[measure]) for measure in SELF_RELATIVE)


def test_the_groups_differ_and_one_stands_behind_an_exempt_one() -> None:
    """Where a loop that ends too early shows."""
    assert len(set(SHARES)) == len(SHARES)
    assert [decay for _, decay in SHARES].index(0.0) < len(SHARES) - 1


@pytest.mark.parametrize(
    ("mutant", "measure"),
    [
        ("FirstGroupDecayForAll", "alone_error"),
        ("DecayEndsAtExemptGroup", "order_error"),
        ("ExemptNotTrained", "exempt_error"),
        ("JoinedGroupNotDecayed", "joined_default_error"),
        ("DefaultDecayForAllGroups", "joined_error"),
        ("EmptyGroupDropped", "place_error"),
    ],
)
def test_a_fault_is_as_large_as_the_effect_says(mutant: str, measure: str) -> None:
    """Within a factor of ten."""
    reading = read("parameter_groups", "any", mutant)[measure]

    assert reading.effect is not None
    assert reading.value > reading.effect / 10


def test_a_second_optimizer_takes_the_first_ones_decay() -> None:
    """1 - 0.1 x 0.6, and not 1 - 0.1 x 1.5."""
    assert usual("parameter_groups", "torch_adamw")["reused_factor"].value == pytest.approx(0.94, rel=1e-14)
