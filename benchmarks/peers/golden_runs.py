"""Rules that compare a training run with a recorded one: their settings and tolerances, on a small net.

The net is 16-32-4 in float32; a language model has millions of times its weights. The ratio of the total decay to the tolerance
decides, and it does not depend on the model. The recorded run is the twin's, on the same machine: this is the best case for the
rule. A golden that was recorded with the bug would catch nothing.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import nn

from benchmarks.peers.planted import Maker
from benchmarks.peers.rule import Rule

ADAMS = ("adamw", "adam")


@dataclass(frozen=True)
class Recipe:
    """Settings of a training run. The optimizer is built with `lr`; step t, counted from 0, has the rate `lr * factor(t)`."""

    steps: int
    lr: float
    weight_decay: float
    factor: Callable[[int], float] = lambda step: 1.0
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float = math.inf
    exempt_biases: bool = False
    dtype: torch.dtype = torch.float32


@dataclass(frozen=True)
class Trace:
    """Record of a run: the loss and the gradient norm of each step."""

    losses: tuple[float, ...]
    norms: tuple[float, ...]


def warmed(step: int) -> float:
    """Return the warm-up factor: it rises from 0 to 1 over 3,200 steps, 1 % of 320,000; 100 steps are 3 % of the rise."""
    return step / 3200


def settled(step: int) -> float:
    """Return the factor of a schedule that rises in 2 steps, is constant for 19 and falls over 80."""
    return min((step + 1) / 2, 1.0, 1 - (step - 20) / 80)


MEGATRON = Recipe(100, 1.5e-4, 1e-2, warmed, clip=1.0, exempt_biases=True)
GRPO = Recipe(3, 1e-6, 1e-2, clip=1.0, exempt_biases=True)
TORCHTUNE = Recipe(4, 2e-5, 1e-2)
ALGOPERF = Recipe(10, 1e-3, 0.0)
TORCHTITAN = Recipe(100, 8e-4, 0.1, settled, betas=(0.9, 0.95), clip=1.0)


def megatron(make: Maker, twin: Maker) -> bool:
    """`tests/functional_tests/python_test_utils`, approximate: 99 of 100 losses within 5 %.

    Learning rate, warm-up (100 of 3,200 steps), weight decay 1e-2, clipping and exempt biases of the gpt3 cases. The sum of
    lr * weight_decay over the run is 2.3e-6; the tolerance is 5e-2. In the first 64 steps 1 - lr * weight_decay is 1 in float32.
    """
    close = [abs(a - b) <= 0.05 * abs(b) for a, b in _pairs(MEGATRON, make, twin)]
    return close.count(False) > 1


def megatron_exact(make: Maker, twin: Maker) -> bool:
    """The same run in the deterministic test: losses rounded to 5 decimals are equal.

    It notices every change that reaches the fifth decimal, whether it is a fault or not. The project turns it off where runs are
    not deterministic. Whether a small change reaches the fifth decimal is partly chance.
    """
    return any(round(a, 5) != round(b, 5) for a, b in _pairs(MEGATRON, make, twin))


def grpo(make: Maker, twin: Maker) -> bool:
    """`test_grpo_training_loop.py`: each loss within 1 %, over 3 steps at a learning rate of 1e-6, as in its basic case."""
    return not all(abs(a - b) <= 0.01 * abs(b) for a, b in _pairs(GRPO, make, twin))


def torchtune(make: Maker, twin: Maker) -> bool:
    """`test_full_finetune_single_device.py`: 4 steps at a learning rate of 2e-5, losses within 1e-4 (relative and absolute).

    In its favour: one golden holds for the compiled, the accumulated and the in-backward configuration.
    """
    return not all(abs(a - b) <= 1e-4 + 1e-4 * abs(b) for a, b in _pairs(TORCHTUNE, make, twin))


def algoperf(make: Maker, twin: Maker) -> bool:
    """`tests/test_traindiffs.py`: after 10 steps at a learning rate of 1e-3, the last loss and gradient norm are within 100 %.

    The project compares two frameworks with it, on SGD without weight decay: the test never has a decay.
    """
    got, wanted = _trace(make, ALGOPERF), _trace(twin, ALGOPERF)
    last = ((got.losses[-1], wanted.losses[-1]), (got.norms[-1], wanted.norms[-1]))
    return not all(abs(a - b) <= 1e-8 + abs(b) for a, b in last)


def torchtitan(make: Maker, twin: Maker) -> bool:
    """`scripts/loss_compare.py --assert-equal --steps=100`: every loss equal, bit for bit.

    Learning rate, schedule, betas, weight decay 0.1 and clipping of the debug model. It notices every change of this run, whether
    it is a fault or not; the project records its files again when a library changes.
    """
    return not all(a == b for a, b in _pairs(TORCHTITAN, make, twin))


def megatron_moves(make: Maker, twin: Maker) -> bool:
    """Return True if the losses of Megatron's run differ in float64 too."""
    return _moves(MEGATRON, make, twin)


def torchtitan_moves(make: Maker, twin: Maker) -> bool:
    """Return True if the losses of torchtitan's run differ in float64 too."""
    return _moves(TORCHTITAN, make, twin)


RULES = (
    Rule("Megatron 5 %", "https://github.com/NVIDIA/Megatron-LM", ADAMS, (megatron,)),
    Rule("Megatron exact", "https://github.com/NVIDIA/Megatron-LM", ADAMS, (megatron_exact,), in_double=megatron_moves),
    Rule("GRPO 1 %", "https://github.com/NVIDIA/Megatron-LM", ADAMS, (grpo,)),
    Rule("torchtune 1e-4", "https://github.com/pytorch/torchtune", ADAMS, (torchtune,)),
    Rule("AlgoPerf", "https://github.com/mlcommons/algorithmic-efficiency", (*ADAMS, "sgd"), (algoperf,)),
    Rule("torchtitan bits", "https://github.com/pytorch/torchtitan", ADAMS, (torchtitan,), in_double=torchtitan_moves),
)


def _moves(recipe: Recipe, make: Maker, twin: Maker) -> bool:
    """Compare the losses in float64 at 1e-10: far above the rounding of 100 steps, far below a change that float32 can show."""
    return any(abs(a - b) > 1e-10 * abs(b) for a, b in _pairs(replace(recipe, dtype=torch.float64), make, twin))


def _pairs(recipe: Recipe, make: Maker, twin: Maker) -> list[tuple[float, float]]:
    return list(zip(_trace(make, recipe).losses, _trace(twin, recipe).losses, strict=True))


@functools.cache
def _trace(make: Maker, recipe: Recipe) -> Trace:
    """Train the net by a recipe, with a new batch of 64 in every step; set the learning rate as torch's schedulers do."""
    torch.manual_seed(42)
    net = nn.Sequential(nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 4)).to(recipe.dtype)
    teacher = torch.randn(16, 4).to(recipe.dtype)
    optimizer = make(_groups(net, recipe), lr=recipe.lr, weight_decay=recipe.weight_decay, betas=recipe.betas)
    losses, norms = [], []
    for step in range(recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.lr * recipe.factor(step)
        x = torch.randn(64, 16).to(recipe.dtype)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), (x @ teacher).argmax(1))
        loss.backward()
        norms.append(float(nn.utils.clip_grad_norm_(net.parameters(), recipe.clip)))
        optimizer.step()
        losses.append(loss.item())
    return Trace(tuple(losses), tuple(norms))


def _groups(net: nn.Module, recipe: Recipe) -> list[object]:
    if not recipe.exempt_biases:
        return list(net.parameters())
    matrices = [parameter for parameter in net.parameters() if parameter.ndim > 1]
    biases = [parameter for parameter in net.parameters() if parameter.ndim == 1]
    return [{"params": matrices}, {"params": biases, "weight_decay": 0.0}]
