"""Does the probe norm_scaled_decay see a norm where there is one?"""

from __future__ import annotations

import pytest

from harness.probes.dynamics import NormScaledDecaySettings
from harness.probes.dynamics.norm_scaled_decay import run
from tests.selftest.probes.judged import readings
from tests.selftest.probes.subjects import exact, reference, torch_optim

NAME, FAULTY = "norm_scaled_decay", "tests.mutants.numerics:"
DECAY = ("shrink", "decay_response", "lr_response", "own_part")


@pytest.mark.parametrize("name", ["AdamW", "SGD", "Muon", "Adafactor"])
def test_torchs_decay_knows_no_norm(name: str) -> None:
    """Also where the update does."""
    found = run(torch_optim(name), NormScaledDecaySettings(law="adamw"))

    assert all(exact(found[measure]) for measure in DECAY)


def test_adafactors_update_does() -> None:
    """Three times the weights, three times the step."""
    found = readings(NAME, "adafactor")

    assert exact(found["update_response"])
    assert found["update_response"].value == pytest.approx(3.0, rel=1e-12)


@pytest.mark.parametrize("decay", [0.06, 0.6, 6.0])
def test_lamb_without_a_gradient_takes_lr_at_any_decay(decay: float) -> None:
    """|w| / |l w| x l w = w."""
    found = run(reference("Lamb"), NormScaledDecaySettings(law="lamb", weight_decay=decay))

    assert found["shrink"].value == pytest.approx(0.05, rel=1e-12)
    assert found["length_with_decay"].value == pytest.approx(1.0, rel=1e-12)


def test_a_larger_decay_turns_lambs_step_further() -> None:
    """Until it points straight at zero."""
    turns = [
        run(reference("Lamb"), NormScaledDecaySettings(law="lamb", weight_decay=one))["turn"].value for one in (0.1, 0.6, 6.0)
    ]

    assert 0.001 < turns[0] < turns[1] < turns[2]


def test_a_decay_beside_the_ratio_is_not_lambs() -> None:
    """It shrinks by lr x weight_decay, and lengthens the step."""
    found = readings(NAME, "lamb", path=FAULTY + "LambDecayBesideRatio")

    assert found["shrink"].value == pytest.approx(0.05 * 0.6, rel=1e-12)
    assert abs(found["length_with_decay"].value - 1) > 0.01


def test_a_decay_in_lambs_gradient_is_a_sign() -> None:
    """m / sqrt(v) of l w alone is sign(w): every weight loses the same length, not the same share."""
    found = readings(NAME, "lamb", path=FAULTY + "LambDecayInGradient")

    assert abs(found["shrink"].value - 0.05) > 0.001
    assert found["decay_response"].value == pytest.approx(1.0, abs=1e-4)
