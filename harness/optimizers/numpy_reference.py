"""What do AdamW, Adam with L2 and SGD come to when torch computes nothing? Their formulas in numpy, float64, on the CPU.

A wrong or changed kernel of torch cannot move these steps, so they tell whether a number that moved was moved by an
optimizer or by what it ran on. torch holds the weights, the gradients and the groups; no rule here calls it. Every tensor
is read as float64 and written back once, whatever its own precision. Complex and sparse tensors are refused, and so is
every option that is not in the formula (foreach, fused, maximize, ...).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.optimizers.per_tensor import Params, PerTensor

Array = NDArray[np.float64]
Kept = dict[str, Array]  # what one weight's rule remembers from step to step
Group = dict[str, Any]  # one entry of param_groups
PATHS = {
    "torch.optim:AdamW": "harness.optimizers.numpy_reference:AdamW",
    "torch.optim:Adam": "harness.optimizers.numpy_reference:Adam",
    "torch.optim:SGD": "harness.optimizers.numpy_reference:SGD",
}  # whose numbers each of these gives


class Reference(PerTensor):
    """Hand a weight and its gradient to `rule` as float64 arrays, and write back what it returns.

    Raises ValueError for a weight decay that is negative or no number, as torch's own do.
    """

    def add_param_group(self, param_group: Group) -> None:
        """Add a group whose weight decay can be one."""
        super().add_param_group(param_group)
        decay = self.param_groups[-1]["weight_decay"]
        if not decay >= 0.0:
            raise ValueError(f"expected a weight_decay of at least 0, got {decay}")

    def update(self, weight: Tensor, gradient: Tensor, group: Group) -> None:
        kept = {name: _read(value) for name, value in self.state[weight].items()}
        with np.errstate(all="ignore"):  # a weight that is no number is the experiment's to find
            moved = self.rule(_read(weight), _read(gradient), kept, {**group, "lr": float(group["lr"])})
        _write(weight, moved)
        # Tensors, because torch's load_state_dict knows how to take these over and not arrays.
        self.state[weight] = {name: torch.from_numpy(np.asarray(value)) for name, value in kept.items()}

    def rule(self, w: Array, g: Array, kept: Kept, group: Group) -> Array:
        """Return the new weight and leave in `kept` what the next step needs; every subclass has its own formula."""
        raise NotImplementedError  # abstract: torch's Optimizer is no ABC


class AdamW(Reference):
    """Shrink by 1 - lr * weight_decay, then take Adam's step (Loshchilov and Hutter 2019, lr for their alpha and eta both)."""

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def rule(self, w: Array, g: Array, kept: Kept, group: Group) -> Array:
        lr: float = group["lr"]
        decay: float = group["weight_decay"]
        return w * (1 - lr * decay) - lr * _adam(g, kept, group)


class Adam(AdamW):
    """Add weight_decay * w to the gradient, then take Adam's step (Kingma and Ba 2015, Algorithm 1, with L2)."""

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)

    def rule(self, w: Array, g: Array, kept: Kept, group: Group) -> Array:
        lr: float = group["lr"]
        decay: float = group["weight_decay"]
        return w - lr * _adam(g + decay * w, kept, group)


class SGD(Reference):
    """Add weight_decay * w to the gradient, and move along the running sum of both (Polyak 1964, as torch documents SGD)."""

    def __init__(self, params: Params, lr: float = 1e-3, momentum: float = 0.0, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    def rule(self, w: Array, g: Array, kept: Kept, group: Group) -> Array:
        lr: float = group["lr"]
        decay: float = group["weight_decay"]
        kept["sum"] = group["momentum"] * kept.get("sum", np.zeros_like(w)) + g + decay * w
        return w - lr * kept["sum"]


def _adam(g: Array, kept: Kept, group: Group) -> Array:
    """Return m / (1 - beta1^t) over sqrt(v / (1 - beta2^t)) + eps, and keep t, m and v."""
    (beta1, beta2), eps, start = group["betas"], group["eps"], np.zeros_like(g)
    t = kept["t"] = kept.get("t", np.zeros(())) + 1
    m = kept["m"] = beta1 * kept.get("m", start) + (1 - beta1) * g
    v = kept["v"] = beta2 * kept.get("v", start) + (1 - beta2) * g**2
    direction: Array = m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps)
    return direction


def _read(tensor: Tensor) -> Array:
    """Return a float64 copy, in memory of its own."""
    if tensor.is_complex() or tensor.is_sparse:
        raise TypeError("the float64 reference takes real, dense tensors")
    known = tensor.detach()
    if known.device.type != "cpu" or known.dtype == torch.bfloat16:  # numpy knows neither
        known = known.to("cpu", torch.float64)
    return np.array(known.numpy(), dtype=np.float64)


def _write(tensor: Tensor, values: Array) -> None:
    """Round the values to the tensor's precision, in its own memory, whatever its layout."""
    if tensor.device.type != "cpu" or tensor.dtype == torch.bfloat16:
        tensor.copy_(torch.from_numpy(np.asarray(values)))
        return
    target = tensor.detach().numpy()
    if 0 in target.strides and target.size > 1:
        raise ValueError("the tensor holds one number in several places")  # as torch refuses it
    target[...] = values
