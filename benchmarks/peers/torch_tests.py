"""Rules of torch's own optimizer tests, on the CPU, with the options of `common_optimizers.py`."""

from __future__ import annotations

import copy
import itertools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.peers.planted import OTHER, Maker, step_of
from benchmarks.peers.rule import Rule

Options = dict[str, Any]
FLAGS = ("foreach", "fused")
EVERY = ("adamw", "adam", "sgd", OTHER)


def close(got: Tensor, wanted: Tensor) -> bool:
    """Return True if two tensors agree to torch's test tolerances (relative, absolute): 1.3e-6, 1e-5; in double 1e-7, 1e-7."""
    wide = got.dtype in (torch.float64, torch.complex128)
    return torch.allclose(got, wanted, rtol=1e-7 if wide else 1.3e-6, atol=1e-7 if wide else 1e-5)


def settings(make: Maker, twin: Maker) -> list[Options]:
    """Return the sets of options that torch tests: none, another learning rate, a decay.

    Momentum and maximize are added if the constructor accepts them.
    """
    chosen: list[Options] = [{}, {"lr": 0.01}, {"weight_decay": 0.5 if step_of(twin) == "sgd" else 0.1}]
    if step_of(twin) == "sgd" and make.takes("momentum"):
        chosen.append({"momentum": 0.9, "weight_decay": 0.1})
    return [*chosen, {"weight_decay": 0.1, "maximize": True}] if make.takes("maximize") else chosen


def on_every_path(make: Maker, twin: Maker) -> list[Options]:
    """Return these sets of options for each implementation path that the constructor offers."""
    flags: list[Options] = [{}, *({flag: True} for flag in FLAGS if make.takes(flag))]
    return [{**options, **flag} for options, flag in itertools.product(settings(make, twin), flags)]


def direction(make: Maker, twin: Maker) -> bool:
    """`test_optim.py`, `test_forloop_goes_right_direction`: 20 steps of |Wx + b|^2, contiguous and not; the loss is lower.

    The test checks that the optimizer descends; it was not written to check the decay.
    """
    return any(
        not _descends(options, lambda w, b, options=options: make([w, b], **options), contiguous)
        for options, contiguous in itertools.product(settings(make, twin), (True, False))
    )


def group_decay(make: Maker, twin: Maker) -> bool:
    """`test_optim.py`, `test_param_groups_weight_decay`: weight decay for W and none for b, 20 steps; the loss is lower."""

    def build(w: Tensor, b: Tensor, options: Options) -> Any:
        return make([{"params": [w], **options}, {"params": [b], **options, "weight_decay": 0.0}], **_flags(options))

    return any(
        not _descends(options, lambda w, b, options=options: build(w, b, options)) for options in on_every_path(make, twin)
    )


def group_rates(make: Maker, twin: Maker) -> bool:
    """`test_optim.py`, `test_param_groups_lr`: as above, and a third parameter with a learning rate of 1e-28 does not move.

    In its favour: the test notices a decay that is not multiplied by the learning rate.
    """
    return any(_idle_moves(make, {"lr": 1e-3, **options}) for options in on_every_path(make, twin))


def one_path(make: Maker, twin: Maker) -> bool:
    """`test_optim.py`, `test_foreach_matches_forloop` and its like for fused: 7 steps of a 2-3-1 net in float64, to 1e-7.

    The fourth step has no gradients. We favour the test: the mutant stands for one implementation path and its twin for the
    other, as if the bug were in one path only, and every path of the mutant is tried. In use, the test passes a bug that is in
    both paths, or in an optimizer with one path.
    """
    return any(
        not all(map(close, _net_after(make, options), _net_after(twin, _without(FLAGS, options))))
        for options in on_every_path(make, twin)
    )


def resumed(make: Maker, twin: Maker) -> bool:
    """`test_optim.py`, `test_state_dict_deterministic`: 10 steps, load into a second optimizer, 10 steps of both; equal weights.

    Both are built with the same options. The comparison of the two state dicts is left out.
    """
    return any(not _resumes(make, options) for options in on_every_path(make, twin))


def no_gradient(make: Maker, twin: Maker) -> bool:
    """`test_optim.py`, `test_step_is_noop_when_params_have_no_grad`: weights without gradient do not change."""
    for options in on_every_path(make, twin):
        weights = [torch.randn(2, 3) for _ in range(2)]
        before = [weight.clone() for weight in weights]
        make(weights, **options).step(lambda: torch.tensor([1.0]))
        if not all(map(close, weights, before)):
            return True
    return False


def zero_gradient(make: Maker, twin: Maker) -> bool:
    """`test_optim.py`, `test_step_is_noop_for_zero_grads`: weights do not change; options with a weight decay are left out.

    AdamW's default decay stays on; torch lowers its learning rate to 1e-4, so that the decay is smaller than the tolerance.
    """
    weight = nn.Parameter(torch.randn(5, 1))
    before = weight.detach().clone()
    optimizer = make([weight], lr=1e-4)
    weight.grad = torch.zeros_like(weight)
    optimizer.step(lambda: torch.tensor([1.0]))
    return not close(weight, before)


def complex_weights(make: Maker, twin: Maker) -> bool:
    """`test_optim.py`, `test_complex`: 3 steps of complex weights and of their real and imaginary parts; equal numbers."""
    return any(_parts_differ(make, options) for options in on_every_path(make, twin))


def differentiable(make: Maker, twin: Maker) -> bool:
    """`test_optim.py`, `TestDifferentiableOptimizer`: a step that is recorded in the graph passes the gradient check.

    The derivatives are by weights, gradients and weight decay; torch tests the last for SGD.
    """

    def stepped(weight: Tensor, gradient: Tensor, decay: Tensor) -> Tensor:
        moved = weight.clone()
        moved.grad = gradient.clone()
        make([moved], lr=0.01, weight_decay=decay, differentiable=True).step()
        return moved

    given = [torch.rand(size, dtype=torch.float64, requires_grad=True) for size in ((10,), (10,), ())]
    return not make.takes("differentiable") or not torch.autograd.gradcheck(stepped, given)


def refused(make: Maker, twin: Maker) -> bool:
    """`common_optimizers.py`, error inputs: a weight_decay of -1 is refused."""
    return not _raises(ValueError, lambda: make([nn.Parameter(torch.randn(1, 1))], lr=0.01, weight_decay=-1))


def repeated(make: Maker, twin: Maker) -> bool:
    """`common_optimizers.py`, error inputs: a parameter twice in a group gives a warning, one in two groups is refused."""
    weight = nn.Parameter(torch.randn(1, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warned = _raises(UserWarning, lambda: make([weight, weight]))
    return not (warned and _raises(ValueError, lambda: make([{"params": [weight]}, {"params": [weight]}])))


HOME = "https://github.com/pytorch/pytorch"
RULES = (
    Rule("torch direction", HOME, EVERY, (direction,)),
    Rule("torch groups", HOME, EVERY, (group_decay, group_rates)),
    Rule("torch paths", HOME, EVERY, (one_path,)),
    Rule(
        "torch others", HOME, EVERY, (resumed, no_gradient, zero_gradient), (complex_weights, differentiable, refused, repeated)
    ),
)


def _flags(options: Options) -> Options:
    """Return the options that torch passes only to the constructor; here the constructor gets them, and the groups too."""
    return {name: value for name, value in options.items() if name in ("maximize", *FLAGS)}


def _without(names: tuple[str, ...], options: Options) -> Options:
    return {name: value for name, value in options.items() if name not in names}


def _bowl(contiguous: bool = True) -> tuple[nn.Parameter, nn.Parameter, Tensor]:
    if contiguous:
        return nn.Parameter(torch.randn(10, 5)), nn.Parameter(torch.randn(10)), torch.randn(5)
    return nn.Parameter(torch.randn(10, 5, 2)[..., 0]), nn.Parameter(torch.randn(10, 2)[..., 0]), torch.randn(5)


def _loss(w: Tensor, b: Tensor, x: Tensor) -> Tensor:
    return (w.mv(x) + b).pow(2).sum()


def _descends(options: Options, build: Callable[[Tensor, Tensor], Any], contiguous: bool = True) -> bool:
    w, b, x = _bowl(contiguous)
    optimizer = build(w, b)
    losses = list(_losses(optimizer, w, b, x, 20))
    return losses[-1] > losses[0] if options.get("maximize") else losses[-1] < losses[0]


def _losses(optimizer: Any, w: Tensor, b: Tensor, x: Tensor, steps: int) -> Iterator[float]:
    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = _loss(w, b, x)
        loss.backward()
        return loss

    yield closure().item()
    for _ in range(steps):
        optimizer.step(closure)
    yield closure().item()


def _idle_moves(make: Maker, options: Options) -> bool:
    w, b, x = _bowl()
    idle = nn.Parameter(torch.randn(2))
    before = idle.detach().clone()
    optimizer = make([{"params": [w, b], **options}, {"params": [idle]}], lr=1e-28, **_flags(options))
    first = _loss(w, b, x).item()
    for _ in range(20):
        optimizer.zero_grad()
        loss = _loss(w, b, x)
        loss.backward()
        idle.grad = torch.rand_like(idle)
        optimizer.step()
    right_way = loss.item() > first if options.get("maximize") else loss.item() < first
    return not (right_way and close(idle, before))


def _net_after(make: Maker, options: Options) -> list[Tensor]:
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 1), nn.Sigmoid()).double()
    x = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], dtype=torch.float64).reshape(3, 2)
    weights = [*net.parameters(), torch.empty((), dtype=torch.float64, requires_grad=True)]
    optimizer = make(weights, **options)
    for step in range(7):
        optimizer.zero_grad()
        if step != 3:
            net(x).sum().backward()
        optimizer.step()
    return [weight.detach() for weight in net.parameters()]


def _resumes(make: Maker, options: Options) -> bool:
    w, b, x = nn.Parameter(torch.randn(2, 3)), nn.Parameter(torch.randn(2)), torch.randn(3)
    optimizer = make([w, b], **options)
    list(_losses(optimizer, w, b, x, 10))
    w2, b2 = (nn.Parameter(weight.detach().clone()) for weight in (w, b))
    second = make([w2, b2], **options)
    second.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for _ in range(10):
        list(_losses(optimizer, w, b, x, 1))
        list(_losses(second, w2, b2, x, 1))
        if not (close(w, w2) and close(b, b2)):
            return False
    return True


def _parts_differ(make: Maker, options: Options) -> bool:
    whole = [
        torch.randn(shape, dtype=kind) for shape, kind in (((10, 5), torch.complex64), ((10,), torch.complex64), ((10, 5), None))
    ]
    parts = [torch.view_as_real(weight).clone() if weight.is_complex() else weight.clone() for weight in whole]
    for weight in (*whole, *parts):
        weight.requires_grad_()
    optimizers = make(whole, **options), make(parts, **options)
    for _ in range(3):
        for weight, part in zip(whole, parts, strict=True):
            part.grad = torch.randn_like(part)
            weight.grad = torch.view_as_complex(part.grad.clone()) if weight.is_complex() else part.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    reals = [torch.view_as_real(weight.detach()) if weight.is_complex() else weight.detach() for weight in whole]
    return not all(map(close, reals, (part.detach() for part in parts)))


def _raises(kind: type[Exception], build: Callable[[], Any]) -> bool:
    try:
        build()
    except kind:
        return True
    return False
