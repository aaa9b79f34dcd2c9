"""Rules of optimizer libraries: optax, kozistr's pytorch_optimizer, keras and bitsandbytes."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.peers.planted import Maker, step_of
from benchmarks.peers.rule import Rule

KNOWN = ("adamw", "adam", "sgd")
OPTAX: dict[str, dict[str, Any]] = {
    "adamw": {"lr": 0.1, "weight_decay": 1e-4},
    "adam": {"lr": 0.1},
    "sgd": {"lr": 1e-3, "momentum": 0.9},
}


@dataclass(frozen=True)
class Valley:
    """A function with one minimum: the start of the run, the minimum, and the gradient (`slope`)."""

    start: tuple[float, ...]
    minimum: tuple[float, ...]
    slope: Callable[[list[float]], list[float]]


PARABOLA = Valley((-1.0, 10.0, 1.0), (1.0, -1.0, 1.0), lambda w: [2 * (w[0] - 1), 2 * (w[1] + 1), 2 * (w[2] - 1)])
ROSENBROCK = Valley(
    (0.0, 0.0), (1.0, 1.0), lambda w: [2 * (w[0] - 1) - 400 * w[0] * (w[1] - w[0] * w[0]), 200 * (w[1] - w[0] * w[0])]
)


def parabola(make: Maker, twin: Maker) -> bool:
    """`alias_test.py`, `test_optimization`: 10,000 steps on a parabola end within 3e-2 of its minimum.

    The minimum is that of the function without decay, and the decay is optax's default of 1e-4: an AdamW without decay is meant
    to pass. optax also tests its decay as a separate transform, exactly and with a mask; that test is not in the table.
    """
    return not _arrives(make, twin, PARABOLA)


def rosenbrock(make: Maker, twin: Maker) -> bool:
    """The same test on Rosenbrock's function, from (0, 0). The complex variants of both functions are left out."""
    return not _arrives(make, twin, ROSENBROCK)


def halved(make: Maker, twin: Maker) -> bool:
    """`test_optimizers.py`: 10 steps at a learning rate of 0.5 with weight_decay 1e-3; the loss falls to 1/1.5 or less.

    100 points in two blobs, a 2-2-1 net, float32 and bfloat16; SGD with momentum 0.9. The project uses it to check that each of
    a hundred optimizers trains at all.
    """
    return any(not _falls(make, kind) for kind in (torch.float32, torch.bfloat16))


def negative(make: Maker, twin: Maker) -> bool:
    """`test_general_optimizer_parameters.py`: a weight_decay of -1e-3 is refused."""
    try:
        make([nn.Parameter(torch.ones(1, 1))], weight_decay=-1e-3)
    except ValueError:
        return False
    return True


def keras_decay(make: Maker, twin: Maker) -> bool:
    """`adamw_test.py`, `test_weight_decay`: gradients of zero, learning rate 1, decay 0.004; the weights to six decimals.

    Three optimizers decay one weight; two other weights are excluded, which is a group without decay here. In its favour: apart
    from our claims, it is the only test here of the amount of decay. At a learning rate of 1, it cannot tell a decay times the
    rate from a decay times its square or without it.
    """
    shared, exempt, other = (nn.Parameter(torch.tensor(2.0)) for _ in range(3))
    for excluded in ((), (exempt,), (other,)):
        _zero_step(make, shared, excluded)
    wanted = ((shared, 2.0 * (1 - 0.004) ** 3), (exempt, 2.0), (other, 2.0))
    return not all(abs(weight.item() - value) < 1.5e-6 for weight, value in wanted)


def keras_step(make: Maker, twin: Maker) -> bool:
    """`adamw_test.py`, `test_single_step`: one step at a learning rate of 0.5 with the default decay of 0.004, to 1e-4."""
    weight = nn.Parameter(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    optimizer = make([weight], lr=0.5, weight_decay=0.004)
    weight.grad = torch.tensor([1.0, 6.0, 7.0, 2.0])
    optimizer.step()
    return not torch.allclose(weight, torch.tensor([0.4980, 1.4960, 2.4940, 3.4920]), rtol=1e-4, atol=1e-4)


def keras_golden(make: Maker, twin: Maker) -> bool:
    """`adamw_test.py`, `test_correctness_with_golden`: five steps at a learning rate of 1 with weight_decay 0.5, to 5e-4.

    The golden is the twin's. Those of keras cannot be used: they are for an epsilon of 2, and its formula adds epsilon at another
    place than torch's.
    """
    return not all(torch.allclose(a, b, rtol=5e-4, atol=5e-4) for a, b in zip(_ramp(make), _ramp(twin), strict=True))


def bnb_zero(make: Maker, twin: Maker) -> bool:
    """`test_optim.py`, `test_optimizer32bit`: 20 steps agree with a reference to 1e-5 and 1e-6; 15 numbers may differ.

    The weight decay is 0, the default of its Adam, SGD and Lion. The state is saved and loaded every fourth step. The reference
    is the twin. The project also has a test with decay, for Lion.
    """
    return _departs(make, twin, 0.0)


def bnb_adamw(make: Maker, twin: Maker) -> bool:
    """`test_optim.py`, `test_optimizer32bit` for AdamW: the default weight decay is 1e-2."""
    return _departs(make, twin, 1e-2)


RULES = (
    Rule("optax", "https://github.com/google-deepmind/optax", KNOWN, (parabola, rosenbrock)),
    Rule("kozistr", "https://github.com/kozistr/pytorch_optimizer", KNOWN, (halved,), (negative,)),
    Rule("keras", "https://github.com/keras-team/keras", ("adamw",), (keras_decay, keras_step, keras_golden)),
    Rule("bnb wd 0", "https://github.com/bitsandbytes-foundation/bitsandbytes", KNOWN, (bnb_zero,)),
    Rule("bnb AdamW", "https://github.com/bitsandbytes-foundation/bitsandbytes", ("adamw",), (bnb_adamw,)),
)


def _arrives(make: Maker, twin: Maker, valley: Valley) -> bool:
    """Return True if 10,000 steps end near the minimum.

    A mutant whose weights equal its twin's after 500 steps, bit for bit, is assumed to end at the same weights, which are cached.
    """
    step = step_of(twin)
    same = torch.equal(_end(make, step, valley, 500), _end(twin, step, valley, 500))
    end = _end(twin if same else make, step, valley, 10_000)
    return torch.allclose(end, torch.tensor(valley.minimum), rtol=3e-2, atol=3e-2)


@functools.cache
def _end(make: Maker, step: str, valley: Valley, steps: int) -> Tensor:
    weight = nn.Parameter(torch.tensor(valley.start))
    optimizer = make([weight], **OPTAX[step])
    for _ in range(steps):
        weight.grad = torch.tensor(valley.slope(weight.tolist()))
        optimizer.step()
    return weight.detach()


def _falls(make: Maker, kind: torch.dtype) -> bool:
    torch.manual_seed(42)
    x = 2 * torch.randn(100, 2) + torch.tensor([-2.0, 2.0]).repeat_interleave(50)[:, None]
    y = torch.tensor([0.0, 1.0]).repeat_interleave(50)[:, None]
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)).to(kind)
    optimizer = make(list(net.parameters()), lr=0.5, weight_decay=1e-3, momentum=0.9)
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(net(x.to(kind)), y.to(kind))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses[0] > 1.5 * losses[-1]


def _zero_step(make: Maker, shared: nn.Parameter, excluded: tuple[nn.Parameter, ...]) -> None:
    groups = [{"params": [shared]}, *({"params": [weight], "weight_decay": 0.0} for weight in excluded)]
    optimizer = make(groups, lr=1.0, weight_decay=0.004)
    for weight in (shared, *excluded):
        weight.grad = torch.zeros_like(weight)
    optimizer.step()


def _ramp(make: Maker) -> list[Tensor]:
    weight = nn.Parameter(torch.ones(10))
    optimizer = make([weight], lr=1.0, weight_decay=0.5, eps=2.0)
    path = []
    for step in range(5):
        weight.grad = torch.arange(1, 11) / 10 if step else torch.full((10,), 0.01)
        optimizer.step()
        path.append(weight.detach().clone())
    return path


def _departs(make: Maker, twin: Maker, weight_decay: float) -> bool:
    weights = [nn.Parameter(0.1 * torch.randn(1024, 32))]
    weights.append(nn.Parameter(weights[0].detach().clone()))
    optimizer, reference = (
        build([weight], lr=1e-3, weight_decay=weight_decay) for build, weight in zip((make, twin), weights, strict=True)
    )
    for step in range(20):
        gradient = 0.01 * torch.randn(1024, 32)
        for weight in weights:
            weight.grad = gradient.clone()
        optimizer.step()
        reference.step()
        if int((~torch.isclose(weights[0], weights[1], rtol=1e-5, atol=1e-6)).sum()) > 15:
            return True
        if step % 4 == 0 and step > 0:
            saved = copy.deepcopy(optimizer.state_dict())
            optimizer = make([weights[0]], lr=1e-3, weight_decay=weight_decay)
            optimizer.load_state_dict(saved)
    return False
