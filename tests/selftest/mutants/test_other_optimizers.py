"""Tests of the mutants in other_optimizers, groups and timing: each differs from its twin only by its fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from harness.catalog.load import load
from tests.mutants import expectations, gradients, groups, other_optimizers, timing
from tests.mutants.collection import path_of
from tests.mutants.correct import CORRECT, ReorderingAdamW
from tests.mutants.expectations import BY_NAME, FIELD_ONLY, MUTANTS
from tests.mutants.trial import in_arm

HOMES = (other_optimizers, groups, timing)
DEFINED = {
    name: value for home in HOMES for name, value in vars(home).items() if getattr(value, "__module__", "") == home.__name__
}
CLASSES = {name: value for name, value in DEFINED.items() if isinstance(value, type)}
FAULTY = {name: mutant for name, mutant in BY_NAME.items() if name in CLASSES and name not in FIELD_ONLY}

# Faults that change a run of two matrices in one group over eight steps. The others need the
# settings of an Occasion.
SHOWN = {
    *(name for name in FAULTY if FAULTY[name].make.__module__ == other_optimizers.__name__),
    *("LastOfGroupNotDecayed", "OthersOfGroupDecayAgain", "OtherKeyword", "ConstructorDecayLost", "RuleOnFlatShapes"),
    *("DecayIgnoresInnerWarmup", "DecayInEveryMicroStep", "FirstCallRepeated", "DecayBeginsLate", "DecayFadesOut"),
    "InnerSeesNoWeights",
} - {
    *("EpsBiasCorrected", "EpsInsideRoot", "LarsRatioNeedsDecay", "LambRatioNeedsDecay", "LrInBuffer"),
    *("DecayByMeanRate", "PenaltyAtLookahead", "MuonMissingGradientMadeZero"),
}
# The largest distance of these in such a run: eps is 1e-8, and the last two differ by rounding.
BARELY = {"EpsBiasCorrected": 1e-5, "EpsInsideRoot": 1e-5, "LrInBuffer": 1e-14, "DecayByMeanRate": 1e-14}


@dataclass(frozen=True)
class Occasion:
    """Settings of a run with two tensors.

    - `decays`: one weight decay for one group of both tensors, or two for a group each.
    - `lrs`: the learning rates; each is used for an equal share of the steps.
    - `size`: the standard deviation of the initial weights.
    - `idle`: all gradients are zero.
    - `missing`: the second tensor has no gradient.
    """

    decays: tuple[float, ...] = (0.6,)
    lrs: tuple[float, ...] = (0.1,)
    shape: tuple[int, ...] = (3, 4)
    steps: int = 8
    size: float = 1.0
    idle: bool = False
    missing: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


USUAL = Occasion()
# The settings with which each fault changes the run.
OCCASIONS: Mapping[str, Occasion] = {
    "LarsRatioNeedsDecay": Occasion(decays=(0.0,)),
    "LambRatioNeedsDecay": Occasion(decays=(0.0,)),
    "LrInBuffer": Occasion(lrs=(0.1, 0.05)),
    "DecayByMeanRate": Occasion(lrs=(0.1, 0.05)),
    "PenaltyAtLookahead": Occasion(options={"momentum": 0.9}),
    "MuonMissingGradientMadeZero": Occasion(missing=True),
    "GroupsFlattened": Occasion(decays=(0.6, 0.2)),
    "GroupsConcatenated": Occasion(decays=(0.6, 0.2)),
    "ZeroTakenForMissing": Occasion(decays=(0.6, 0.0)),
    "OwnSchedulerOnly": Occasion(decays=(0.6, 0.2)),
    "CallersDictsAdopted": Occasion(decays=(0.6, 0.2)),
    "VectorsDecayDespiteTheirGroup": Occasion(decays=(0.6, 0.0), shape=(12,)),
    "PaddingReachesNeighbour": Occasion(decays=(0.6, 0.2)),
    "OnlyFirstBlockDecays": Occasion(shape=(40, 40)),
    "DecayEndsWithWarmup": Occasion(steps=104),
    "EveryHundredthDecaySkipped": Occasion(steps=104),
    "SmallWeightsFlushed": Occasion(size=1e-6, idle=True),
    "ForeachDecaysAfter": Occasion(options={"foreach": True}),
    "ForeachHasAnotherEps": Occasion(options={"foreach": True}),
}
# Faults that need another experiment than `drive`: their claim or field runs it in the kill
# matrix.
ELSEWHERE = {
    "EmptyGroupDropped",
    "InfinityNotPassedOn",
    "ScaleKept",
    "SkippedStepCounted",
    "RowsNotNamedStay",
    "DifferentiableTakesAnotherTensor",
}


def drive(make: Callable[..., Any], on: Occasion = USUAL) -> Tensor:
    """Return the two tensors after the run of an occasion."""
    generator = torch.Generator().manual_seed(5)
    weights = [torch.nn.Parameter(on.size * torch.randn(*on.shape, generator=generator, dtype=torch.float64)) for _ in range(2)]
    groups = [{"params": [weight], "weight_decay": decay} for weight, decay in zip(weights, on.decays, strict=False)]
    optimizer = make(groups if on.decays[1:] else weights, lr=on.lrs[0], weight_decay=on.decays[0], **on.options)
    for step in range(on.steps):
        for group in optimizer.param_groups:
            group["lr"] = on.lrs[step * len(on.lrs) // on.steps]
        for weight in weights:
            weight.grad = (0.0 if on.idle else 1.0) * torch.randn(*on.shape, generator=generator, dtype=torch.float64)
        if on.missing:
            weights[1].grad = None
        optimizer.step()
    return torch.stack([weight.detach() for weight in weights])


def differs(name: str, on: Occasion = USUAL) -> float:
    """Return the largest distance between the weights of a mutant and of its twin."""
    mutant = FAULTY[name]
    return float((drive(mutant.make, on) - drive(mutant.twin, on)).abs().max())


@pytest.mark.parametrize("name", sorted(FAULTY))
def test_an_ordinary_run_shows_only_the_faults_in_shown(name: str) -> None:
    """Each other fault is listed in OCCASIONS or ELSEWHERE."""
    distance = differs(name)

    if name in SHOWN:
        assert distance > 1e-3
    else:
        assert distance <= BARELY.get(name, 0.0)
        assert name in OCCASIONS or name in ELSEWHERE or distance > 0.0


def test_decay_needs_momentum_is_right_with_momentum() -> None:
    """Only a run without momentum shows the fault."""
    assert differs("DecayNeedsMomentum") > 1e-3
    assert differs("DecayNeedsMomentum", Occasion(options={"momentum": 0.9})) == 0.0


@pytest.mark.parametrize("name", sorted(OCCASIONS))
def test_a_fault_shows_in_the_run_of_its_occasion(name: str) -> None:
    """Examples: different groups, a weight decay of 0, many steps, a large tensor, a flag."""
    assert differs(name, OCCASIONS[name]) > (1e-8 if name == "SmallWeightsFlushed" else 1e-5)


def test_faults_in_elsewhere_are_in_the_kill_matrix() -> None:
    """Each has a claim or a field that must be red, and the expected measurement."""
    assert {mutant.name for mutant in MUTANTS if mutant.name in ELSEWHERE and mutant.by and mutant.word} == ELSEWHERE


def test_a_step_that_raises_fails_the_claim_that_needs_it(tmp_path: Path) -> None:
    """foreach gets a complex weight and its real view: the claim is red, and the message names the exception and the step."""
    loaded = load()["implementation_paths"]
    (claim,) = [each for each in loaded.scenario.claims if each.id == "a_complex_weight_decays_as_its_two_parts"]
    mutant, twin = (
        in_arm(loaded, claim, path_of(make), tmp_path) for make in (timing.ForeachDecaysUnviewed, timing.SwitchedPathsTwin)
    )

    assert mutant is not None
    assert "ForeachDecaysUnviewed raised RuntimeError at step 1" in mutant.failure
    assert twin is None


def test_every_mutant_number_of_our_catalogue_is_planted() -> None:
    """The numbers are M01 to M28; each has at least one mutant."""
    assert {mutant.id for mutant in expectations.MUTANTS if mutant.id} == {f"M{number:02}" for number in range(1, 29)}


def test_some_mutants_are_right_under_another_contract() -> None:
    """A declared convention is no fault, so CORRECT contains classes that are also mutants."""
    wrong = {mutant.path: name for name, mutant in BY_NAME.items()}

    assert {wrong[right.path] for right in CORRECT.values() if right.path in wrong} >= {
        "DecayAfterUpdate",
        "DecayNotTimesLr",
        "CoupledL2",
    }
    assert all(right.promise.contract or right.promise.role != "decoupled" for right in CORRECT.values() if right.path in wrong)


def test_reordering_adamw_keeps_its_groups() -> None:
    """It reorders the tensors during the step only; the weights equal those of torch."""
    torchs = drive(torch.optim.AdamW, Occasion(decays=(0.6, 0.2), options={"foreach": False}))
    reordered = drive(ReorderingAdamW, Occasion(decays=(0.6, 0.2)))

    assert torch.equal(torchs, reordered)


def test_without_a_scaler_the_scaler_mutants_are_their_twin() -> None:
    """The weights are equal bit for bit."""
    plain = drive(gradients.UnscalingAdamWTwin)

    assert all(torch.equal(drive(CLASSES[name]), plain) for name in ("InfinityNotPassedOn", "ScaleKept", "SkippedStepCounted"))
