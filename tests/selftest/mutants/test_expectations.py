"""Tests of tests/mutants/decay_rule.py: each twin is torch's optimizer, each mutant differs from it by its fault."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.mutants import decay_rule
from tests.mutants.decay_rule import MUTANTS, TWINS, twin_of

LR, WD = 0.1, 0.3
BETA1, BETA2, EPS = 0.9, 0.999, 1e-8


def gradients(steps: int) -> list[Tensor]:
    """Return one gradient of four weights per step; that of the third weight is exactly zero in two steps of three."""
    drawn = torch.randn(steps, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(20))
    drawn[torch.arange(steps) % 3 > 0, 2] = 0.0
    return list(drawn)


def trajectory(make: Callable[..., Any], lrs: Sequence[float], decays: tuple[float, float], **options: Any) -> Tensor:
    """Return the four weights after each step: two groups of two weights, one step per learning rate of `lrs`.

    The first group has the decay of the constructor, `decays[0]`; the second has `decays[1]`.
    """
    w = [torch.tensor(pair, dtype=torch.float64) for pair in ([2.0, -0.5], [0.7, -3.0])]
    groups = [{"params": [w[0]]}, {"params": [w[1]], "weight_decay": decays[1]}]
    optimizer = make(groups, lr=lrs[0], weight_decay=decays[0], **options)
    path: list[Tensor] = []
    for lr, grad in zip(lrs, gradients(len(lrs)), strict=True):
        for group, half in zip(optimizer.param_groups, grad.split(2), strict=True):
            group["lr"] = lr
            group["params"][0].grad = half.clone()
        optimizer.step()
        path.append(torch.cat(w).clone())
    return torch.stack(path)


CHANGING_LRS = [LR] * 20 + [LR / 2] * 20 + [LR / 10] * 10


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("twin", TWINS)
def test_a_twin_is_torchs_optimizer(twin: type, momentum: float) -> None:
    """The trajectories agree over 50 float64 steps with two groups and a changing learning rate."""
    torchs = {"AdamWTwin": torch.optim.AdamW, "AdamTwin": torch.optim.Adam, "SgdTwin": torch.optim.SGD}[twin.__name__]
    options = {"momentum": momentum} if twin is decay_rule.SgdTwin else {"betas": (momentum, BETA2)}
    ours = trajectory(twin, CHANGING_LRS, (WD, 0.05), **options)
    theirs = trajectory(torchs, CHANGING_LRS, (WD, 0.05), foreach=False, **options)
    torch.testing.assert_close(ours, theirs, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("optimizer", [*TWINS, *MUTANTS.values()])
def test_a_weight_without_gradient_and_the_dtype_do_not_change(optimizer: type) -> None:
    """A weight whose gradient is None is equal bit for bit; a stepped float32 weight is still float32."""
    idle, stepped = torch.tensor([2.0]), torch.tensor([2.0])
    stepped.grad = torch.tensor([3.0])
    optimizer([idle, stepped], lr=LR, weight_decay=WD).step()
    assert idle.item() == 2.0
    assert stepped.dtype == torch.float32
    assert stepped.item() != 2.0


@pytest.mark.parametrize("optimizer", [*TWINS, *MUTANTS.values()])
def test_a_closure_is_called_and_its_loss_returned(optimizer: type) -> None:
    """This is the interface of torch's `step(closure)`."""
    w = torch.tensor([2.0], requires_grad=True)

    def closure() -> float:
        w.grad = None
        loss = (w * w).sum()
        loss.backward()
        return loss.item()

    assert optimizer([w], lr=LR).step(closure) == 4.0
    assert w.grad is not None


@pytest.mark.parametrize("mutant", MUTANTS.values())
def test_a_mutant_differs_from_its_twin(mutant: type) -> None:
    """In this run lr changes, the groups differ, some gradients are zero, and SGD has a momentum."""
    if mutant is decay_rule.DecayCaptured:
        return  # it needs a changing weight_decay: test_captured_decay_does_not_follow_its_group
    options = {"momentum": 0.9} if twin_of(mutant) is decay_rule.SgdTwin else {}
    faulty, right = (trajectory(make, CHANGING_LRS, (WD, 0.05), **options) for make in (mutant, twin_of(mutant)))
    assert (faulty - right).abs().max() > (1e-6 if mutant is decay_rule.HiddenDecay else 1e-3)


@pytest.mark.parametrize("mutant", MUTANTS.values())
def test_without_decay_a_mutant_is_its_twin(mutant: type) -> None:
    """Only a fault of the denominator and a hidden decay change the run at weight_decay 0."""
    faulty, right = (trajectory(make, CHANGING_LRS, (0.0, 0.0)) for make in (mutant, twin_of(mutant)))
    shows = mutant in (decay_rule.SecondMomentWithoutRoot, decay_rule.AdamSquaredDenominator, decay_rule.HiddenDecay)
    assert torch.equal(faulty, right) is not shows


AS_A_TWIN_WITH_DECAY: dict[str, tuple[str, Callable[[float], float]]] = {
    "DecayForgotten": ("AdamWTwin", lambda wd: 0.0),
    "CoupledL2": ("AdamTwin", lambda wd: wd),
    "DecayNotTimesLr": ("AdamWTwin", lambda wd: wd / LR),
    "DecayTimesLrSquared": ("AdamWTwin", lambda wd: LR * wd),
    "WrongSign": ("AdamWTwin", lambda wd: -wd),
    "DecayTwice": ("AdamWTwin", lambda wd: 2 * wd - LR * wd**2),
    "HiddenDecay": ("AdamWTwin", lambda wd: wd + 1e-4),
    "DecayHalved": ("AdamWTwin", lambda wd: wd / 2),
    "ExponentialDecay": ("AdamWTwin", lambda wd: -math.expm1(-LR * wd) / LR),
    "StaleLr": ("AdamWTwin", lambda wd: wd),  # equal to the twin while lr is constant
    "CoupledButDecoupled": ("AdamWTwin", lambda wd: wd),
    "AdamDecayForgotten": ("AdamTwin", lambda wd: 0.0),
    "AdamDecayTwice": ("AdamTwin", lambda wd: 2 * wd),
    "SgdDecayForgotten": ("SgdTwin", lambda wd: 0.0),
    "SgdDecayTwice": ("SgdTwin", lambda wd: 2 * wd),
    "SgdDecayNotTimesLr": ("SgdTwin", lambda wd: wd / LR),
    "SgdWrongSign": ("SgdTwin", lambda wd: -wd),
}


@pytest.mark.parametrize("name", AS_A_TWIN_WITH_DECAY)
def test_a_mutant_is_a_twin_under_another_decay(name: str) -> None:
    """At a constant lr the mutant equals a right optimizer with another weight_decay."""
    twin, decay = AS_A_TWIN_WITH_DECAY[name]
    options = {"momentum": 0.9} if twin == "SgdTwin" else {}
    faulty = trajectory(MUTANTS[name], [LR] * 30, (WD, 0.05), **options)
    right = trajectory(getattr(decay_rule, twin), [LR] * 30, (decay(WD), decay(0.05)), **options)
    torch.testing.assert_close(faulty, right, rtol=1e-12, atol=1e-12)


def one_step(name: str, w: float, grad: float, **options: Any) -> float:
    """Return the weight `w` after the first step of the mutant `name`."""
    weight = torch.tensor([w], dtype=torch.float64)
    weight.grad = torch.tensor([grad], dtype=torch.float64)
    MUTANTS[name]([weight], lr=LR, weight_decay=WD, **options).step()
    return weight.item()


def adams_first_step(grad: float) -> float:
    """Return m / (sqrt v + eps) after one gradient: both moments are corrected to that gradient."""
    return grad / (abs(grad) + EPS)


FIRST_STEP: dict[str, Callable[[float, float], float]] = {
    "DecayAfterUpdate": lambda w, g: (w - LR * adams_first_step(g)) * (1 - LR * WD),
    "ProximalDecay": lambda w, g: (w - LR * adams_first_step(g)) / (1 + LR * WD),
    "SignDecay": lambda w, g: w - LR * WD * math.copysign(1, w) - LR * adams_first_step(g),
    "BiasCorrectedLrDecay": lambda w, g: w * (1 - LR * math.sqrt(1 - BETA2) / (1 - BETA1) * WD) - LR * adams_first_step(g),
    "SecondMomentWithoutRoot": lambda w, g: w * (1 - LR * WD) - LR * g / (g * g + EPS),
    "DecayInsideMoments": lambda w, g: w - LR * (g + WD * w) / (abs(g) + EPS),
    "DecayScaledByGradient": lambda w, g: w - LR * (g + WD * w) / (abs(g) + EPS),  # differs from the line above from step 2 on
    "AdamSquaredDenominator": lambda w, g: w - LR * (g + WD * w) / ((g + WD * w) ** 2 + EPS),
    "SgdDecayAfterUpdate": lambda w, g: (w - LR * g) * (1 - LR * WD),
    "SgdDecayOutsideMomentum": lambda w, g: w * (1 - LR * WD) - LR * g,  # differs from SgdTwin from step 2 on
}


@pytest.mark.parametrize("grad", [3.0, -0.2])
@pytest.mark.parametrize("w", [2.0, -0.5])
@pytest.mark.parametrize("name", FIRST_STEP)
def test_a_mutants_first_step_is_the_formula_of_its_fault(name: str, w: float, grad: float) -> None:
    """The step is tried with two magnitudes and both signs of the weight and of the gradient."""
    assert one_step(name, w, grad) == pytest.approx(FIRST_STEP[name](w, grad), rel=1e-13, abs=1e-13)


@pytest.mark.parametrize("name", ["DecayOnlyWhereGradient", "SgdDecayOnlyWhereGradient"])
def test_only_coordinates_with_a_gradient_decay(name: str) -> None:
    """The weight does not change if the gradient is zero; otherwise the step is the twin's."""
    assert one_step(name, 2.0, 0.0) == 2.0
    step = LR * (adams_first_step(3.0) if name.startswith("Decay") else 3.0)
    assert one_step(name, 2.0, 3.0) == pytest.approx(2.0 * (1 - LR * WD) - step, rel=1e-14)


def test_default_decay_for_all_groups_ignores_the_groups_decay() -> None:
    """The second group decays by the constructor's weight_decay."""
    faulty = trajectory(decay_rule.DefaultDecayForAllGroups, [LR] * 30, (WD, 0.05))
    torch.testing.assert_close(faulty, trajectory(decay_rule.AdamWTwin, [LR] * 30, (WD, WD)), rtol=1e-13, atol=1e-13)


def test_stale_lr_keeps_the_first_lr_in_the_decay() -> None:
    """With zero gradients, the factor of the decay does not change when lr is halved."""
    w = torch.tensor([2.0], dtype=torch.float64)
    w.grad = torch.zeros_like(w)
    optimizer = decay_rule.StaleLr([w], lr=LR, weight_decay=WD)
    optimizer.step()
    optimizer.param_groups[0]["lr"] = LR / 2
    optimizer.step()
    assert w.item() == pytest.approx(2.0 * (1 - LR * WD) ** 2, rel=1e-14)


def test_the_second_step_separates_the_preconditioned_decays() -> None:
    """DecayInsideMoments averages the decay over steps; DecayScaledByGradient takes the current weight."""
    inside, scaled = (
        trajectory(make, [LR] * 2, (WD, WD)) for make in (decay_rule.DecayInsideMoments, decay_rule.DecayScaledByGradient)
    )
    w1, g1, g2 = inside[0, 0].item(), gradients(2)[0][0].item(), gradients(2)[1][0].item()
    root = math.sqrt((BETA2 * (1 - BETA2) * g1**2 + (1 - BETA2) * g2**2) / (1 - BETA2**2)) + EPS
    averaged = (BETA1 * 2.0 + w1) / (1 + BETA1)  # average of the weights 2.0 and w1 in the first moment
    assert (inside - scaled)[1, 0].item() == pytest.approx(-LR * WD * (averaged - w1) / root, rel=1e-9)


def test_sgd_decay_outside_momentum_is_not_carried_by_the_buffer() -> None:
    """With zero gradients the weight shrinks by the same factor each step; the twin's shrinks faster and faster."""
    shrink: dict[str, list[float]] = {}
    for make in (decay_rule.SgdTwin, decay_rule.SgdDecayOutsideMomentum):
        w = torch.tensor([2.0], dtype=torch.float64)
        w.grad = torch.zeros_like(w)
        optimizer = make([w], lr=LR, momentum=0.9, weight_decay=WD)
        path = [w.item()]
        for _ in range(2):
            optimizer.step()
            path.append(w.item())
        shrink[make.__name__] = [path[1] / path[0], path[2] / path[1]]
    assert shrink["SgdDecayOutsideMomentum"] == pytest.approx([1 - LR * WD, 1 - LR * WD], rel=1e-14)
    assert shrink["SgdTwin"] == pytest.approx([1 - LR * WD, 1 - LR * WD - 0.9 * LR * WD / (1 - LR * WD)], rel=1e-14)


def test_every_mutant_of_the_decay_rule_has_a_test() -> None:
    """A new mutant needs an entry in a table above, or a separate test."""
    separate = {"DecayOnlyWhereGradient", "SgdDecayOnlyWhereGradient", "DefaultDecayForAllGroups", "StaleLr", "DecayCaptured"}
    assert set(MUTANTS) == {*AS_A_TWIN_WITH_DECAY, *FIRST_STEP, *separate}


def test_captured_decay_does_not_follow_its_group() -> None:
    """When weight_decay is doubled in the group, the twin's decay doubles and the mutant's does not."""
    weights = []
    for optimizer in (decay_rule.DecayCaptured, decay_rule.AdamWTwin):
        weight = torch.tensor([2.0], dtype=torch.float64)
        built = optimizer([weight], lr=LR, weight_decay=WD)
        for decay in (WD, 2 * WD):
            weight.grad = torch.zeros_like(weight)
            built.param_groups[0]["weight_decay"] = decay
            built.step()
        weights.append(weight.item())

    assert weights == pytest.approx([2 * (1 - LR * WD) ** 2, 2 * (1 - LR * WD) * (1 - 2 * LR * WD)], rel=1e-14)
