"""Tests of the mutants of handling, from schedules to options: hidden in an ordinary run, twins pass."""

from __future__ import annotations

import pytest
import torch

from harness.catalog.load import load
from harness.spec.scenario import Claim
from tests.mutants import checkpoints, gradients, options, parameters, schedules, shapes
from tests.mutants.expectations import BY_NAME, FIELD_ONLY
from tests.selftest.probes.handled import fails, twin_name
from tests.selftest.probes.judged import scenario

HANDLING = {module.__name__ for module in (schedules, parameters, checkpoints, gradients, shapes, options)}
MUTANTS = {name: mutant for name, mutant in BY_NAME.items() if mutant.make.__module__ in HANDLING and name not in FIELD_ONLY}
PROBES = {name: loaded.scenario for name, loaded in load().items() if loaded.scenario.kind == "probe"}
CLAIMS = [
    (name, claim) for name, probe in PROBES.items() for claim in probe.claims if {*claim.counterexample.mutants} & {*MUTANTS}
]
TWINS = sorted({(name, claim.id, twin_name(mutant)) for name, claim in CLAIMS for mutant in claim.counterexample.mutants})

# Faults that change an ordinary run: one group, a constant learning rate, one gradient per step.
SHOWN = {
    "AbsoluteDecay",
    "ConstantShift",
    "DecayOfAnotherWeight",
    "DecayPerMicroBatch",  # without a backward pass it never decays
    "LambdIgnored",
    "LrInDenominator",  # by rounding
    "NormOverAllGradients",
    "OnlyFirstRowDecays",
    "SgdDecayClipped",
    "StepCountedPerParameter",
}


def claim_of(name: str, claim: str) -> Claim:
    """Return a claim of a scenario by its id."""
    return next(each for each in scenario(name).claims if each.id == claim)


def ordinary(make: type) -> torch.Tensor:
    """Return two matrices after eight steps in one group."""
    generator = torch.Generator().manual_seed(5)
    weights = [torch.nn.Parameter(torch.randn(3, 4, generator=generator, dtype=torch.float64)) for _ in range(2)]
    decay = {} if "Undecayed" in make.__name__ or "Swallowed" in make.__name__ else {"weight_decay": 0.6}
    optimizer = make(weights, lr=0.1, **decay)
    for _ in range(8):
        for weight in weights:
            weight.grad = torch.randn(3, 4, generator=generator, dtype=torch.float64)
        optimizer.step()
    return torch.stack([weight.detach() for weight in weights])


@pytest.mark.parametrize(("name", "claim", "twin"), TWINS)
def test_the_twin_of_a_mutant_passes_the_claim(name: str, claim: str, twin: str) -> None:
    """The mutant therefore fails because of its fault, and not because of its implementation."""
    assert not fails(name, claim_of(name, claim), twin)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_fault_of_handling_is_hidden_in_an_ordinary_run(mutant: str) -> None:
    """Unless SHOWN names the fault, the weights equal the twin's. Projects ship such bugs for this reason."""
    same = torch.equal(ordinary(MUTANTS[mutant].make), ordinary(MUTANTS[mutant].twin))

    assert same is not (mutant in SHOWN)


def test_every_mutant_is_the_counterexample_of_a_claim() -> None:
    """A scenario names it under `counterexample`; tests/mutants/README.md says where."""
    named = {mutant for _, claim in CLAIMS for mutant in claim.counterexample.mutants}

    assert sorted(set(MUTANTS) - named) == []
