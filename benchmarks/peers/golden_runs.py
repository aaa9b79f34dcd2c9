"""What do comparisons of a training run with a recorded one notice? Their rates, steps and tolerances, on a small net.

The runs are a 16-32-4 net in float32 (a language model has millions of times its weights): what counts is how the whole
of the decay compares with the tolerance, which does not hang on the model. The recorded run is the twin's, on the same
machine: the best case for the rule. A golden that was recorded while the bug was in would catch nothing.
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
    """How a run is trained: the optimizer is built with `lr`, and takes `lr * factor(step)` at a step, counted from 0."""

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
    """What was written down of a run: each step's loss and gradient norm."""

    losses: tuple[float, ...]
    norms: tuple[float, ...]


def warmed(step: int) -> float:
    """Rise from 0 over 1 % of 320,000 steps: 100 steps see 3 % of the rise."""
    return step / 3200


def settled(step: int) -> float:
    """Rise in 2 steps, stay for 19 and fall over 80."""
    return min((step + 1) / 2, 1.0, 1 - (step - 20) / 80)


MEGATRON = Recipe(100, 1.5e-4, 1e-2, warmed, clip=1.0, exempt_biases=True)
GRPO = Recipe(3, 1e-6, 1e-2, clip=1.0, exempt_biases=True)
TORCHTUNE = Recipe(4, 2e-5, 1e-2)
ALGOPERF = Recipe(10, 1e-3, 0.0)
TORCHTITAN = Recipe(100, 8e-4, 0.1, settled, betas=(0.9, 0.95), clip=1.0)


def megatron(make: Maker, twin: Maker) -> bool:
    """`tests/functional_tests/python_test_utils`, approximate: 99 of 100 losses within 5 %.

    Rate, warm-up (100 of 3,200 steps), weight decay 1e-2, clipping and exempt biases of the gpt3 cases. The sum of
    rate times weight decay is 2.3e-6; the tolerance is 5e-2. In the first 64 steps 1 - rate * decay is 1 in float32.
    """
    near = [abs(a - b) <= 0.05 * abs(b) for a, b in _pairs(MEGATRON, make, twin)]
    return near.count(False) > 1


def megatron_exact(make: Maker, twin: Maker) -> bool:
    """The same run, the deterministic test: losses rounded to 5 decimals are equal.

    It notices any change that reaches the fifth decimal, wrong or not, and is turned off where runs are not
    deterministic. Which of the small changes reach it is partly luck.
    """
    return any(round(a, 5) != round(b, 5) for a, b in _pairs(MEGATRON, make, twin))


def grpo(make: Maker, twin: Maker) -> bool:
    """`test_grpo_training_loop.py`: each loss within 1 %, over the 3 steps at 1e-6 of its basic case."""
    return not all(abs(a - b) <= 0.01 * abs(b) for a, b in _pairs(GRPO, make, twin))


def torchtune(make: Maker, twin: Maker) -> bool:
    """`test_full_finetune_single_device.py`: 4 steps at 2e-5, losses within 1e-4 (relative and absolute).

    Its strength is elsewhere: one golden holds over compiled, accumulated and in-backward configurations.
    """
    return not all(abs(a - b) <= 1e-4 + 1e-4 * abs(b) for a, b in _pairs(TORCHTUNE, make, twin))


def algoperf(make: Maker, twin: Maker) -> bool:
    """`tests/test_traindiffs.py`: the last of 10 steps at 1e-3, loss and gradient norm within 100 %.

    The project runs SGD without weight decay through it, to compare two frameworks: no decay is ever on.
    """
    got, wanted = _trace(make, ALGOPERF), _trace(twin, ALGOPERF)
    last = ((got.losses[-1], wanted.losses[-1]), (got.norms[-1], wanted.norms[-1]))
    return not all(abs(a - b) <= 1e-8 + abs(b) for a, b in last)


def torchtitan(make: Maker, twin: Maker) -> bool:
    """`scripts/loss_compare.py --assert-equal --steps=100`: every loss equal, bit for bit.

    Rate, schedule, betas, weight decay 0.1 and clipping of the debug model. It notices every change of this run, wrong or
    not: its files are recorded anew when a library moves.
    """
    return not all(a == b for a, b in _pairs(TORCHTITAN, make, twin))


def megatron_moves(make: Maker, twin: Maker) -> bool:
    """The losses of Megatron's run, in float64."""
    return _moves(MEGATRON, make, twin)


def torchtitan_moves(make: Maker, twin: Maker) -> bool:
    """The losses of torchtitan's run, in float64."""
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
    """Compare at 1e-10: far above what 100 steps round in float64, far below what a float32 loss can show."""
    return any(abs(a - b) > 1e-10 * abs(b) for a, b in _pairs(replace(recipe, dtype=torch.float64), make, twin))


def _pairs(recipe: Recipe, make: Maker, twin: Maker) -> list[tuple[float, float]]:
    return list(zip(_trace(make, recipe).losses, _trace(twin, recipe).losses, strict=True))


@functools.cache
def _trace(make: Maker, recipe: Recipe) -> Trace:
    """Train the net by a recipe, on a fresh batch of 64 in every step; the learning rate is set as torch's schedulers do."""
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
    matrices = [one for one in net.parameters() if one.ndim > 1]
    biases = [one for one in net.parameters() if one.ndim == 1]
    return [{"params": matrices}, {"params": biases, "weight_decay": 0.0}]
