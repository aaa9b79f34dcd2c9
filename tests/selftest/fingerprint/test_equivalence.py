"""Tests of equivalence: the same rule agrees to rounding, another rule does not."""

from __future__ import annotations

import pytest

from harness.fingerprint.equivalence import equivalence

ADAMW = "torch.optim:AdamW"


@pytest.mark.parametrize(
    "path", [ADAMW, "tests.mutants.decay_rule:AdamWTwin", "tests.selftest.fingerprint.test_equivalence:single_adamw"]
)
def test_the_same_rule_is_equivalent(path: str) -> None:
    """It may be another implementation, or one in single precision only."""
    found = equivalence(path, ADAMW)

    assert found.values == (ADAMW,)
    assert 0.0 <= found.numbers["difference"] < 1e-4


@pytest.mark.parametrize(
    "name", ["DecayAfterUpdate", "CoupledL2", "DecayForgotten", "StaleLr", "ExponentialDecay", "HiddenDecay"]
)
def test_another_rule_is_not_equivalent(name: str) -> None:
    """The difference is far larger than rounding."""
    found = equivalence(f"tests.mutants.decay_rule:{name}", ADAMW)

    assert found.values == ("another",)
    assert found.numbers["difference"] > 1e-7


def single_adamw(params, **options):
    """Build AdamW that refuses double precision."""
    import torch

    optimizer = torch.optim.AdamW(params, **options)
    if any(weight.dtype != torch.float32 for group in optimizer.param_groups for weight in group["params"]):
        raise TypeError("float32 only")
    return optimizer
