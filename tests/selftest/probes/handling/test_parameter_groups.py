"""Tests of the probe parameter_groups: each parameter decays by its own group's weight decay."""

from __future__ import annotations

import pytest

from harness.probes.handling import ParameterGroupsSettings
from harness.probes.handling.parameter_groups import SHARES, run
from tests.selftest.probes.handled import measure_as_shipped, measurements_of, missed_closed_forms
from tests.selftest.probes.subjects import meets_closed_form, torch_optim

SELF_RELATIVE = ("alone_error", "order_error", "exempt_error", "joined_error", "joined_default_error", "place_error")


def test_torch_meets_every_closed_form_with_margin() -> None:
    """Each reading is also sensitive: its effect is at least 1e4 tolerances."""
    assert missed_closed_forms("parameter_groups") == []


@pytest.mark.parametrize("name", ["Adam", "SGD", "NAdam", "RMSprop", "Adagrad", "Adadelta", "ASGD", "Adafactor", "Muon"])
def test_torch_uses_each_groups_own_options(name: str) -> None:
    """The optimizer is compared with itself, so coupled optimizers pass too."""
    measurements = run(torch_optim(name), ParameterGroupsSettings(lr=0.1, weight_decay=0.6))

    assert all(meets_closed_form(measurements[measure]) for measure in SELF_RELATIVE)


def test_groups_differ_and_some_follow_the_exempt_group() -> None:
    """A loop that ends at the exempt group is noticed in the groups after it."""
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
def test_a_fault_has_the_order_of_the_declared_effect(mutant: str, measure: str) -> None:
    """The error is more than a tenth of the effect that the reading declares."""
    measurement = measurements_of("parameter_groups", "any", mutant)[measure]

    assert measurement.effect is not None
    assert measurement.value > measurement.effect / 10


def test_a_second_optimizer_uses_the_first_ones_decay() -> None:
    """Its factor is 1 - 0.1 x 0.6 and not 1 - 0.1 x 1.5, because the first wrote its decay into the dicts."""
    assert measure_as_shipped("parameter_groups", "torch_adamw")["reused_factor"].value == pytest.approx(0.94, rel=1e-14)
