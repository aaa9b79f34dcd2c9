"""Is each wrong optimizer of other forms, of groups and of occasions its twin but for its fault?"""

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
from tests.mutants.expectations import BY_NAME, MUTANTS
from tests.mutants.trial import in_arm

HOMES = (other_optimizers, groups, timing)
OWN = {name: one for home in HOMES for name, one in vars(home).items() if getattr(one, "__module__", "") == home.__name__}
CLASSES = {name: one for name, one in OWN.items() if isinstance(one, type)}
FAULTY = {name: mutant for name, mutant in BY_NAME.items() if name in CLASSES}

# Faults that show in one group of two matrices, on gradients given in eight steps; the others need their occasion.
SHOWN = {
    *(name for name in FAULTY if FAULTY[name].make.__module__ == other_optimizers.__name__),
    *("LastOfGroupNotDecayed", "OthersOfGroupDecayAgain", "OtherKeyword", "ConstructorDecayLost", "RuleOnFlatShapes"),
    *("DecayIgnoresInnerWarmup", "DecayInEveryMicroStep", "FirstCallRepeated", "DecayBeginsLate", "DecayFadesOut"),
    "InnerSeesNoWeights",
} - {
    *("EpsBiasCorrected", "EpsInsideRoot", "LarsRatioNeedsDecay", "LambRatioNeedsDecay", "LrInBuffer"),
    *("DecayByMeanRate", "PenaltyAtLookahead", "MuonMissingGradientMadeZero"),
}
BARELY = {"EpsBiasCorrected": 1e-5, "EpsInsideRoot": 1e-5, "LrInBuffer": 1e-14, "DecayByMeanRate": 1e-14}  # eps is 1e-8; rounding


@dataclass(frozen=True)
class Occasion:
    """A walk of two tensors: each in a group of its own where two weight decays are given; `lrs` share the steps equally."""

    decays: tuple[float, ...] = (0.6,)
    lrs: tuple[float, ...] = (0.1,)
    shape: tuple[int, ...] = (3, 4)
    steps: int = 8
    size: float = 1.0
    idle: bool = False
    missing: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


USUAL = Occasion()
# What has to be different for a fault to show, and shows it here.
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
# Those whose occasion is an experiment of its own, which their claim or field is tried with in the kill matrix.
ELSEWHERE = {
    "EmptyGroupDropped",
    "InfinityNotPassedOn",
    "ScaleKept",
    "SkippedStepCounted",
    "RowsNotNamedStay",
    "DifferentiableTakesAnotherTensor",
}


def drive(make: Callable[..., Any], on: Occasion = USUAL) -> Tensor:
    """Walk the two tensors of an occasion, and return where they end."""
    generator = torch.Generator().manual_seed(5)
    weights = [torch.nn.Parameter(on.size * torch.randn(*on.shape, generator=generator, dtype=torch.float64)) for _ in range(2)]
    groups = [{"params": [one], "weight_decay": decay} for one, decay in zip(weights, on.decays, strict=False)]
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
    """Return the largest distance of a mutant from its twin."""
    mutant = FAULTY[name]
    return float((drive(mutant.make, on) - drive(mutant.twin, on)).abs().max())


@pytest.mark.parametrize("name", sorted(FAULTY))
def test_a_fault_shows_where_it_should_and_nowhere_else(name: str) -> None:
    """In an ordinary run if it is not named as one that waits for its occasion; on that occasion, there."""
    distance = differs(name)

    if name in SHOWN:
        assert distance > 1e-3
    else:
        assert distance <= BARELY.get(name, 0.0)
        assert name in OCCASIONS or name in ELSEWHERE or distance > 0.0


def test_a_decay_that_needs_momentum_is_right_with_momentum() -> None:
    """So that only a run without it can tell."""
    assert differs("DecayNeedsMomentum") > 1e-3
    assert differs("DecayNeedsMomentum", Occasion(options={"momentum": 0.9})) == 0.0


@pytest.mark.parametrize("name", sorted(OCCASIONS))
def test_a_fault_shows_on_its_occasion(name: str) -> None:
    """Groups that differ, a weight decay of 0, many steps, a large tensor, a flag."""
    assert differs(name, OCCASIONS[name]) > (1e-8 if name == "SmallWeightsFlushed" else 1e-5)


def test_faults_of_their_own_occasion_are_tried_in_the_kill_matrix() -> None:
    """Each with a claim, or a field, and what it measures."""
    assert {one.name for one in MUTANTS if one.name in ELSEWHERE and one.by and one.word} == ELSEWHERE


def test_a_step_that_raises_fails_the_claim_that_needs_it(tmp_path: Path) -> None:
    """The decay of foreach on a complex weight and its real view: red, and told as an exception at a step."""
    loaded = load()["implementation_paths"]
    (claim,) = [one for one in loaded.scenario.claims if one.id == "a_complex_weight_decays_as_its_two_parts"]
    said, twin = (
        in_arm(loaded, claim, path_of(make), tmp_path) for make in (timing.ForeachDecaysUnviewed, timing.SwitchedPathsTwin)
    )

    assert said is not None
    assert "ForeachDecaysUnviewed raised RuntimeError at step 1" in said.failure
    assert twin is None


def test_every_mutant_number_of_the_catalogue_of_claims_is_planted() -> None:
    """M01 to M28, each by at least one mutant."""
    assert {one.id for one in expectations.MUTANTS if one.id} == {f"M{number:02}" for number in range(1, 29)}


def test_right_optimizers_include_those_that_are_wrong_under_another_contract() -> None:
    """A convention that is declared is no fault: the same class stands among the mutants."""
    wrong = {mutant.path: name for name, mutant in BY_NAME.items()}

    assert {wrong[one.path] for one in CORRECT.values() if one.path in wrong} >= {
        "DecayAfterUpdate",
        "DecayNotTimesLr",
        "CoupledL2",
    }
    assert all(one.promise.contract or one.promise.role != "decoupled" for one in CORRECT.values() if one.path in wrong)


def test_an_optimizer_that_steps_in_another_order_keeps_its_groups() -> None:
    """The wrapper reorders for the step alone; the path is torch's."""
    torchs = drive(torch.optim.AdamW, Occasion(decays=(0.6, 0.2), options={"foreach": False}))
    reordered = drive(ReorderingAdamW, Occasion(decays=(0.6, 0.2)))

    assert torch.equal(torchs, reordered)


def test_the_scaler_mutants_take_plain_steps_like_their_twin() -> None:
    """Without a scaler they are it, bit for bit."""
    plain = drive(gradients.UnscalingAdamWTwin)

    assert all(torch.equal(drive(CLASSES[name]), plain) for name in ("InfinityNotPassedOn", "ScaleKept", "SkippedStepCounted"))
