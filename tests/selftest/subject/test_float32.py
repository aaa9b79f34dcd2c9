"""Tests of float32 copies: the path of the weights, one copy per weight, the width of tolerances, verdicts."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from harness.measurement import Measurement
from harness.run import Result
from harness.spec.scenario import Claim, Counterexample, Expectation
from harness.subject.float32 import FLOAT32_FACTOR, in_float32, widen_tolerances
from harness.verdicts.outcome import decide


class SingleOnly(torch.optim.AdamW):
    """AdamW that refuses all weights but float32."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group(param_group)
        assert all(weight.dtype == torch.float32 for weight in self.param_groups[-1]["params"])


def path(make: Any, dtype: torch.dtype) -> torch.Tensor:
    """Return three weights after ten steps.

    The second weight never has a gradient. The third is in a group that is added before step 5.
    """
    weights = [torch.nn.Parameter(torch.linspace(-2, 3, 6, dtype=dtype).reshape(2, 3)) for _ in range(3)]
    optimizer = make([{"params": [weights[0]], "weight_decay": 0.5}, {"params": weights[1]}], lr=0.1, weight_decay=0.3)
    for step in range(10):
        if step == 5:
            optimizer.add_param_group({"params": [weights[2]]})
        weights[0].grad = torch.full_like(weights[0], 0.1 * (step - 4))
        weights[2].grad = torch.ones_like(weights[2])
        optimizer.step()
    return torch.stack([weight.detach().double() for weight in weights])


def test_the_weights_follow_the_float32_copies() -> None:
    """A float32 optimizer on float32 weights takes the same path."""
    copied = path(in_float32(SingleOnly), torch.float64)

    assert torch.allclose(copied, path(SingleOnly, torch.float32), rtol=1e-6, atol=1e-6)
    assert torch.equal(copied[1], torch.linspace(-2, 3, 6, dtype=torch.float64).reshape(2, 3)), "no gradient, so no bit changes"


def test_a_weight_that_is_listed_twice_has_one_copy() -> None:
    """The optimizer can therefore refuse or report the duplicate."""
    weight = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))

    with pytest.warns(UserWarning, match="duplicate"):
        optimizer = in_float32(SingleOnly)([weight, weight], lr=0.1, weight_decay=0.1)

    first, second = optimizer.param_groups[0]["params"]
    assert first is second


def outcome(measurement: Measurement, expectation: Expectation) -> Any:
    """Return the outcome of a claim about one number, measured in float32."""
    claim = Claim("one", "", (), "", "", "holds", (expectation,), Counterexample())
    return decide(claim, Result({"a": widen_tolerances({"m": measurement})}, {}, {}))


READING = Measurement(0.95, "1", expected=0.95, tolerance=1e-15, effect=0.05)


@pytest.mark.parametrize(
    ("measurement", "expectation", "status"),
    [
        (READING, Expectation("a", "m", "equals_closed_form"), "held"),
        (
            Measurement(0.9501, "1", expected=0.95, tolerance=1e-15, effect=0.05),
            Expectation("a", "m", "equals_closed_form"),
            "failed",
        ),
        (
            Measurement(0.95, "1", expected=0.95, tolerance=1e-11, effect=0.05),
            Expectation("a", "m", "equals_closed_form"),
            "not_applicable",
        ),
        (READING, Expectation("a", "m", "close_to", value=0.95, tolerance=1e-12), "held"),
        (READING, Expectation("a", "m", "close_to", value=0.951, tolerance=1e-12), "failed"),
        (Measurement(1e-10, "1", tolerance=0.0), Expectation("a", "m", "at_most", value=1e-9), "not_applicable"),
        (Measurement(0.4, "1", tolerance=1e-15), Expectation("a", "m", "at_least", value=0.5), "failed"),
    ],
)
def test_a_claim_holds_fails_or_is_lost_in_rounding(measurement: Measurement, expectation: Expectation, status: str) -> None:
    """Where float32 is too coarse to judge the claim, it is not applicable, with this reason."""
    result = outcome(measurement, expectation)

    assert result.status == status
    assert (result.reason == "precision: float32: rounding to float32 hides the effect on m of a") == (status == "not_applicable")


def test_tolerances_grow_by_the_ratio_of_the_rounding_units() -> None:
    """The ratio is 2^29. A measurement without a tolerance gets none."""
    assert widen_tolerances({"m": READING})["m"].tolerance == pytest.approx(1e-15 * 2.0**29)
    assert FLOAT32_FACTOR == 2.0**29
    assert widen_tolerances({"m": Measurement(1.0, "1")})["m"].tolerance is None
