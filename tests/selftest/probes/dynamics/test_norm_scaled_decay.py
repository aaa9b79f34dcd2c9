"""Tests of the probe norm_scaled_decay: updates and decay that depend on the norm of the weights, and others."""

from __future__ import annotations

import pytest

from harness.probes.dynamics import NormScaledDecaySettings
from harness.probes.dynamics.norm_scaled_decay import run
from tests.selftest.probes.judged import measurements_of
from tests.selftest.probes.subjects import meets_closed_form, reference, torch_optim

NAME, FAULTY = "norm_scaled_decay", "tests.mutants.numerics:"
DECAY = ("shrink", "decay_response", "lr_response", "own_part")


@pytest.mark.parametrize("name", ["AdamW", "SGD", "Muon", "Adafactor"])
def test_torchs_decay_does_not_depend_on_the_norm(name: str) -> None:
    """This also holds for Adafactor, whose update depends on the norm."""
    measurements = run(torch_optim(name), NormScaledDecaySettings(law="adamw"))

    assert all(meets_closed_form(measurements[measure]) for measure in DECAY)


def test_adafactors_update_grows_with_the_norm() -> None:
    """Weights three times as large give a step three times as long."""
    measurements = measurements_of(NAME, "adafactor")

    assert meets_closed_form(measurements["update_response"])
    assert measurements["update_response"].value == pytest.approx(3.0, rel=1e-12)


@pytest.mark.parametrize("decay", [0.06, 0.6, 6.0])
def test_lamb_without_a_gradient_takes_lr_at_any_decay(decay: float) -> None:
    """The direction is l w, and the trust ratio scales it to w: |w| / |l w| x l w = w."""
    measurements = run(reference("Lamb"), NormScaledDecaySettings(law="lamb", weight_decay=decay))

    assert measurements["shrink"].value == pytest.approx(0.05, rel=1e-12)
    assert measurements["length_with_decay"].value == pytest.approx(1.0, rel=1e-12)


def test_a_larger_decay_turns_lambs_step_further() -> None:
    """In the limit of a large decay the step points straight at zero."""
    turns = [
        run(reference("Lamb"), NormScaledDecaySettings(law="lamb", weight_decay=decay))["turn"].value for decay in (0.1, 0.6, 6.0)
    ]

    assert 0.001 < turns[0] < turns[1] < turns[2]


def test_decay_outside_lambs_trust_ratio_is_noticed() -> None:
    """It shrinks a weight by lr x weight_decay, and changes the length of the step."""
    measurements = measurements_of(NAME, "lamb", path=FAULTY + "LambDecayBesideRatio")

    assert measurements["shrink"].value == pytest.approx(0.05 * 0.6, rel=1e-12)
    assert abs(measurements["length_with_decay"].value - 1) > 0.01


def test_decay_in_lambs_gradient_acts_as_a_sign() -> None:
    """For l w alone m / sqrt(v) is sign(w): every weight loses the same length, not the same share."""
    measurements = measurements_of(NAME, "lamb", path=FAULTY + "LambDecayInGradient")

    assert abs(measurements["shrink"].value - 0.05) > 0.001
    assert measurements["decay_response"].value == pytest.approx(1.0, abs=1e-4)
