"""AdamW, Adam with L2 and SGD in numpy: a float64 reference on the CPU in which torch computes nothing.

It is a witness. A wrong or changed kernel of torch cannot move these steps, so they show whether a moved number was
moved by an optimizer or by the kernels and hardware that it ran on. torch holds the weights, the gradients and the
groups; the rules never call it. Every tensor is read as float64 and written back once, whatever its own precision.
Complex and sparse tensors are refused, and so is every option that is not in the formula (foreach, fused, maximize,
...).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.optimizers.per_tensor import Params, PerTensor

Array = NDArray[np.float64]
State = dict[str, Array]  # state of one weight's rule, from step to step
Group = dict[str, Any]  # one entry of param_groups
# The optimizers of torch, and the classes here that give their numbers.
PATHS = {
    "torch.optim:AdamW": "harness.optimizers.numpy_reference:AdamW",
    "torch.optim:Adam": "harness.optimizers.numpy_reference:Adam",
    "torch.optim:SGD": "harness.optimizers.numpy_reference:SGD",
}


class Reference(PerTensor):
    """Pass a weight and its gradient to `rule` as float64 arrays, and write the returned weight back.

    Raises ValueError for a weight decay that is negative or NaN, as torch's own optimizers do.
    """

    def add_param_group(self, param_group: Group) -> None:
        """Add a group. Raises ValueError if its weight decay is negative or NaN."""
        super().add_param_group(param_group)
        decay = self.param_groups[-1]["weight_decay"]
        if not decay >= 0.0:
            raise ValueError(f"expected a weight_decay of at least 0, got {decay}")

    def update(self, weight: Tensor, gradient: Tensor, group: Group) -> None:
        state = {name: _read(value) for name, value in self.state[weight].items()}
        with np.errstate(all="ignore"):  # the experiment, not numpy, reports weights that are not finite
            stepped = self.rule(_read(weight), _read(gradient), state, {**group, "lr": float(group["lr"])})
        _write(weight, stepped)
        # The state is stored as tensors, because torch's load_state_dict copies tensors and not
        # arrays.
        self.state[weight] = {name: torch.from_numpy(np.asarray(value)) for name, value in state.items()}

    def rule(self, w: Array, g: Array, state: State, group: Group) -> Array:
        """Return the new weight and update `state` for the next step; every subclass has its own formula."""
        raise NotImplementedError  # abstract: torch's Optimizer is no ABC


class AdamW(Reference):
    """Shrink by 1 - lr * weight_decay, then take Adam's step (Loshchilov and Hutter 2019, with lr for their alpha and eta)."""

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def rule(self, w: Array, g: Array, state: State, group: Group) -> Array:
        lr: float = group["lr"]
        decay: float = group["weight_decay"]
        return w * (1 - lr * decay) - lr * _adam(g, state, group)


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

    def rule(self, w: Array, g: Array, state: State, group: Group) -> Array:
        lr: float = group["lr"]
        decay: float = group["weight_decay"]
        return w - lr * _adam(g + decay * w, state, group)


class SGD(Reference):
    """Add weight_decay * w to the gradient, and move along the running sum of both (Polyak 1964, as torch documents SGD)."""

    def __init__(self, params: Params, lr: float = 1e-3, momentum: float = 0.0, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    def rule(self, w: Array, g: Array, state: State, group: Group) -> Array:
        lr: float = group["lr"]
        decay: float = group["weight_decay"]
        state["sum"] = group["momentum"] * state.get("sum", np.zeros_like(w)) + g + decay * w
        return w - lr * state["sum"]


def _adam(g: Array, state: State, group: Group) -> Array:
    """Return m / (1 - beta1^t) over sqrt(v / (1 - beta2^t)) + eps, and store t, m and v in `state`."""
    (beta1, beta2), eps, start = group["betas"], group["eps"], np.zeros_like(g)
    t = state["t"] = state.get("t", np.zeros(())) + 1
    m = state["m"] = beta1 * state.get("m", start) + (1 - beta1) * g
    v = state["v"] = beta2 * state.get("v", start) + (1 - beta2) * g**2
    direction: Array = m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps)
    return direction


def _read(tensor: Tensor) -> Array:
    """Return a float64 copy of the tensor's numbers, in new memory. Raises TypeError for complex and sparse tensors."""
    if tensor.is_complex() or tensor.is_sparse:
        raise TypeError("the float64 reference takes real, dense tensors, got a complex or sparse one")
    source = tensor.detach()
    if source.device.type != "cpu" or source.dtype == torch.bfloat16:  # numpy supports neither
        source = source.to("cpu", torch.float64)
    return np.array(source.numpy(), dtype=np.float64)


def _write(tensor: Tensor, values: Array) -> None:
    """Write the values into the tensor's memory, rounded to its precision, whatever its layout. Raises ValueError if expanded."""
    if tensor.device.type != "cpu" or tensor.dtype == torch.bfloat16:
        tensor.copy_(torch.from_numpy(np.asarray(values)))
        return
    target = tensor.detach().numpy()
    if 0 in target.strides and target.size > 1:
        raise ValueError("cannot write into an expanded tensor: it holds one number in several places")  # torch refuses it too
    target[...] = values
