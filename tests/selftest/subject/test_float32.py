"""Is an optimizer that knows float32 only measured as itself, with the tolerances of float32 and no wider?"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from harness.measurement import Measurement
from harness.run import Result
from harness.spec.scenario import Claim, Counterexample, Expectation
from harness.subject.float32 import COARSER, in_float32, widen_tolerances
from harness.verdicts.outcome import decide


class SingleOnly(torch.optim.AdamW):
    """Refuse everything but float32."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group(param_group)
        assert all(one.dtype == torch.float32 for one in self.param_groups[-1]["params"])


def path(make: Any, dtype: torch.dtype) -> torch.Tensor:
    """Return where ten steps take two groups, one of them added on the way, one weight without gradient."""
    weights = [torch.nn.Parameter(torch.linspace(-2, 3, 6, dtype=dtype).reshape(2, 3)) for _ in range(3)]
    optimizer = make([{"params": [weights[0]], "weight_decay": 0.5}, {"params": weights[1]}], lr=0.1, weight_decay=0.3)
    for step in range(10):
        if step == 5:
            optimizer.add_param_group({"params": [weights[2]]})
        weights[0].grad = torch.full_like(weights[0], 0.1 * (step - 4))
        weights[2].grad = torch.ones_like(weights[2])
        optimizer.step()
    return torch.stack([weight.detach().double() for weight in weights])


def test_the_weights_take_the_path_of_the_copies() -> None:
    """That of float32 weights, to the bit where float32 has the start."""
    mine = path(in_float32(SingleOnly), torch.float64)

    assert torch.allclose(mine, path(SingleOnly, torch.float32), rtol=1e-6, atol=1e-6)
    assert torch.equal(mine[1], torch.linspace(-2, 3, 6, dtype=torch.float64).reshape(2, 3)), "no gradient, so no bit changes"


def test_one_weight_has_one_copy() -> None:
    """A weight that is listed twice is one weight still, so that its optimizer can refuse it."""
    weight = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))

    with pytest.warns(UserWarning, match="duplicate"):
        optimizer = in_float32(SingleOnly)([weight, weight], lr=0.1, weight_decay=0.1)

    first, second = optimizer.param_groups[0]["params"]
    assert first is second


def outcome(reading: Measurement, expectation: Expectation) -> Any:
    """Return what becomes of a claim about one number, read in float32."""
    claim = Claim("one", "", (), "", "", "holds", (expectation,), Counterexample())
    return decide(claim, Result({"a": widen_tolerances({"m": reading})}, {}, {}))


READING = Measurement(0.95, "1", expected=0.95, tolerance=1e-15, effect=0.05)


@pytest.mark.parametrize(
    ("reading", "expectation", "status"),
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
def test_a_claim_holds_fails_or_is_lost_in_rounding(reading: Measurement, expectation: Expectation, status: str) -> None:
    """What float32 can show is judged; what it cannot is not applicable, and says so."""
    found = outcome(reading, expectation)

    assert found.status == status
    assert (found.reason == "precision: float32: m of a is lost in rounding") == (status == "not_applicable")


def test_tolerances_grow_by_the_ratio_of_the_rounding_units() -> None:
    """And by nothing else."""
    assert widen_tolerances({"m": READING})["m"].tolerance == pytest.approx(1e-15 * 2.0**29)
    assert COARSER == 2.0**29
    assert widen_tolerances({"m": Measurement(1.0, "1")})["m"].tolerance is None
