"""Tests of the numpy reference: its AdamW, Adam and SGD are right, and torch computes nothing in their steps."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from harness.decay_laws.tolerances import EPS
from harness.optimizers import numpy_reference
from harness.subject.loading import resolve
from harness.subject.roles import DEFAULTS

OPTIONS: dict[str, dict[str, Any]] = {
    "AdamW": {"betas": (0.8, 0.95), "eps": 1e-6},
    "Adam": {"betas": (0.8, 0.95), "eps": 1e-6},
    "SGD": {"momentum": 0.9},
}


def run_steps(optimizer: Any, weights: list[Tensor], *, steps: int, seed: int = 7) -> list[Tensor]:
    """Return the last weights of a run on seeded noise, with lr halved midway.

    Every third gradient of the first weight is None and every fourth exactly zero.
    """
    generator = torch.Generator().manual_seed(seed)
    for step in range(steps):
        for weight in weights:
            weight.grad = torch.randn(weight.shape, generator=generator, dtype=torch.float64).to(weight.dtype)
        weights[0].grad = None if step % 3 == 0 else torch.zeros_like(weights[0]) if step % 4 == 0 else weights[0].grad
        for group in optimizer.param_groups:
            group["lr"] *= 0.5 if step == steps // 2 else 1.0
        optimizer.step()
    return [weight.detach().clone() for weight in weights]


def weights_of(dtype: torch.dtype) -> list[Tensor]:
    """Return five seeded weights: a matrix, a vector, a scalar, a transposed and a strided matrix."""
    generator = torch.Generator().manual_seed(3)
    shapes = ((3, 4), (5,), (), (4, 3), (3, 8))
    drawn = [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for shape in shapes]
    drawn[3], drawn[4] = drawn[3].T, drawn[4][:, ::2]
    return [torch.nn.Parameter(values) for values in drawn]


def built(make: Callable[..., Any], weights: list[Tensor], **options: Any) -> Any:
    """Return an optimizer of two groups with their own lr and weight decay."""
    groups = [{"params": weights[:2]}, {"params": weights[2:], "lr": 0.02, "weight_decay": 0.0}]
    return make(groups, lr=0.03, weight_decay=1.5, **options)


def test_three_steps_of_adamw_follow_the_paper() -> None:
    """The formula is computed here in Python's floats."""
    lr, decay, beta1, beta2, eps, w, m, v = 0.1, 0.4, 0.9, 0.99, 1e-3, 2.0, 0.0, 0.0
    weight = torch.nn.Parameter(torch.tensor([w], dtype=torch.float64))
    optimizer = numpy_reference.AdamW([weight], lr=lr, betas=(beta1, beta2), eps=eps, weight_decay=decay)

    for t, g in enumerate((1.0, -3.0, 0.0), start=1):
        weight.grad = torch.tensor([g], dtype=torch.float64)
        optimizer.step()
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
        w = (1 - lr * decay) * w - lr * (m / (1 - beta1**t)) / (math.sqrt(v / (1 - beta2**t)) + eps)

        assert float(weight.detach()) == pytest.approx(w, rel=4 * EPS)


def test_three_steps_of_adam_add_the_decay_to_the_gradient() -> None:
    """At a gradient of zero the first step therefore has about the length lr."""
    weight = torch.nn.Parameter(torch.tensor([2.0], dtype=torch.float64))
    optimizer = numpy_reference.Adam([weight], lr=0.1, betas=(0.9, 0.99), eps=1e-3, weight_decay=0.4)
    w, m, v = 2.0, 0.0, 0.0

    for t, g in enumerate((0.0, 1.0, -3.0), start=1):
        weight.grad = torch.tensor([g], dtype=torch.float64)
        optimizer.step()
        pull = g + 0.4 * w
        m, v = 0.9 * m + 0.1 * pull, 0.99 * v + 0.01 * pull * pull
        w -= 0.1 * (m / (1 - 0.9**t)) / (math.sqrt(v / (1 - 0.99**t)) + 1e-3)

        assert float(weight.detach()) == pytest.approx(w, rel=8 * EPS)


def test_three_steps_of_sgd_move_along_the_running_sum() -> None:
    """The running sum contains gradient and decay: the weight is 2, then 2 - 0.1 (1 + 0.8), ... in closed form."""
    weight = torch.nn.Parameter(torch.tensor([2.0], dtype=torch.float64))
    optimizer = numpy_reference.SGD([weight], lr=0.1, momentum=0.5, weight_decay=0.4)
    path = []

    for g in (1.0, 0.0, -1.0):
        weight.grad = torch.tensor([g], dtype=torch.float64)
        optimizer.step()
        path.append(float(weight.detach()))

    first = 1.0 + 0.4 * 2.0
    second = 0.5 * first + 0.4 * (2.0 - 0.1 * first)
    third = 0.5 * second - 1.0 + 0.4 * (2.0 - 0.1 * first - 0.1 * second)
    assert path == pytest.approx(
        [2.0 - 0.1 * first, 2.0 - 0.1 * (first + second), 2.0 - 0.1 * (first + second + third)], rel=4 * EPS
    )


@pytest.mark.parametrize("path", DEFAULTS.values())
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_the_reference_agrees_with_torch_to_rounding(path: str, dtype: torch.dtype) -> None:
    """They agree in every precision and layout, with groups, missing gradients and a changing lr."""
    ours, theirs = weights_of(dtype), weights_of(dtype)
    options = OPTIONS[path.rpartition(":")[2]]
    steps = 24

    measured = run_steps(built(resolve(numpy_reference.PATHS[path]), ours, **options), ours, steps=steps)
    expected = run_steps(built(resolve(path), theirs, foreach=False, **options), theirs, steps=steps)

    for our_end, their_end in zip(measured, expected, strict=True):
        # A step has ten roundings, of numbers of the weights' size or (updates) much smaller.
        tolerance = 10 * steps * torch.finfo(dtype).eps * max(1.0, float(their_end.abs().max()))
        assert float((our_end.double() - their_end.double()).abs().max()) <= tolerance


@pytest.mark.parametrize("path", DEFAULTS.values())
def test_torch_computes_nothing_in_a_step(path: str) -> None:
    """A wrong or changed kernel of torch can therefore not move the step."""
    called: list[str] = []

    class RecordingMode(TorchDispatchMode):
        def __torch_dispatch__(self, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            called.append(str(operator))
            return operator(*args, **(kwargs or {}))

    weight = torch.nn.Parameter(torch.ones(3, 2, dtype=torch.float64))
    optimizer = built(resolve(numpy_reference.PATHS[path]), [weight], **OPTIONS[path.rpartition(":")[2]])
    weight.grad = torch.full_like(weight, 0.5)
    before = weight.detach().clone()

    with RecordingMode():
        optimizer.step()
        optimizer.step()

    assert not torch.equal(before, weight.detach())
    computed = {name for name in called if not name.startswith("profiler.")}
    assert computed <= {"aten.detach.default", "aten.lift_fresh.default"}, "a step may only convert tensors to arrays and back"


@pytest.mark.parametrize("path", DEFAULTS.values())
def test_a_resumed_and_a_copied_reference_continue_exactly(path: str) -> None:
    """Their numbers agree with the uninterrupted run bit for bit."""
    make, options = resolve(numpy_reference.PATHS[path]), OPTIONS[path.rpartition(":")[2]]
    weights = weights_of(torch.float64)
    optimizer = built(make, weights, **options)
    run_steps(optimizer, weights, steps=5)
    copied = copy.deepcopy(optimizer)
    loaded = [torch.nn.Parameter(weight.detach().clone()) for weight in weights]
    resumed = built(make, loaded, **options)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))

    ends = [
        run_steps(optimizer, weights, steps=4, seed=8),
        run_steps(resumed, loaded, steps=4, seed=8),
        run_steps(copied, [weight for group in copied.param_groups for weight in group["params"]], steps=4, seed=8),
    ]

    assert all(torch.equal(ours, theirs) for end in ends[1:] for ours, theirs in zip(ends[0], end, strict=True))


@pytest.mark.parametrize("decay", [-0.1, math.nan])
def test_a_negative_or_nan_decay_is_refused(decay: float) -> None:
    """The constructor raises, as torch's own does."""
    with pytest.raises(ValueError, match="at least 0"):
        numpy_reference.AdamW([torch.nn.Parameter(torch.ones(1))], weight_decay=decay)


def test_input_outside_the_formula_is_refused() -> None:
    """Refused are torch's flags, complex and sparse tensors, and expanded tensors."""
    with pytest.raises(TypeError, match="foreach"):
        resolve("harness.optimizers.numpy_reference:AdamW")([torch.nn.Parameter(torch.ones(1))], foreach=True)
    for weight, gradient in (
        (torch.ones(2, dtype=torch.complex128), torch.ones(2, dtype=torch.complex128)),
        (torch.ones(2), torch.ones(2).to_sparse()),
    ):
        parameter = torch.nn.Parameter(weight)
        parameter.grad = gradient
        with pytest.raises(TypeError, match="real, dense"):
            numpy_reference.SGD([parameter], lr=0.1).step()
    expanded = torch.nn.Parameter(torch.ones(1).expand(3))
    expanded.grad = torch.ones(3)
    with pytest.raises(ValueError, match="several places"):
        numpy_reference.SGD([expanded], lr=0.1).step()


def test_a_closure_is_called_and_its_loss_returned() -> None:
    """step(closure) of every torch optimizer does so."""
    weight = torch.nn.Parameter(torch.tensor([2.0], dtype=torch.float64))
    optimizer = numpy_reference.SGD([weight], lr=0.5)

    def closure() -> Tensor:
        loss = (weight**2).sum()
        loss.backward()
        return loss

    assert float(optimizer.step(closure).detach()) == 4.0
    assert weight.tolist() == [0.0]
