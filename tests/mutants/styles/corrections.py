"""Optimizers with other forms of Adam's bias correction."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from tests.mutants.styles.walk import EachWeight, Group, State, average

Betas = tuple[float, float]


class _Moments(EachWeight):
    """Constructor of Adam's options, and the decay that all classes of this module have."""

    def __init__(
        self, params: Any, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 1e-2
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        state["t"] = state.get("t", 0) + 1
        w.mul_(1 - group["lr"] * group["weight_decay"])
        self.move(w, g, group, state)

    def move(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        raise NotImplementedError  # abstract: torch's Optimizer is no ABC


class FoldedInRate(_Moments):
    """AdamW with both corrections folded in the step size, so that eps is added to the root before it is corrected."""

    def move(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        (beta1, beta2), t = group["betas"], state["t"]
        size = group["lr"] * math.sqrt(1 - beta2**t) / (1 - beta1**t)
        m, v = average(state, "m", g, beta1), average(state, "v", g * g, beta2)
        w.sub_(size * m / (v.sqrt() + group["eps"]))


class HatForm(_Moments):
    """AdamW line by line as in the paper, with m_hat and v_hat; the decay stands in the last line."""

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        beta1, beta2 = group["betas"]
        if len(state) == 0:
            state["t"], state["m"], state["v"] = 0, torch.zeros_like(g), torch.zeros_like(g)
        state["t"] = state["t"] + 1
        state["m"] = beta1 * state["m"] + (1 - beta1) * g
        state["v"] = beta2 * state["v"] + (1 - beta2) * g**2
        m_hat = state["m"] / (1 - beta1 ** state["t"])
        v_hat = state["v"] / (1 - beta2 ** state["t"])
        w.copy_(w - group["lr"] * (m_hat / (v_hat.sqrt() + group["eps"]) + group["weight_decay"] * w))


class Uncorrected(_Moments):
    """AdamW without bias correction, as BERT was trained: its first steps are about three times as long."""

    def move(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        m = average(state, "m", g, group["betas"][0])
        w.sub_(group["lr"] * m / (average(state, "v", g * g, group["betas"][1]).sqrt() + group["eps"]))


class RunningProducts(_Moments):
    """AdamW that corrects by the product of all betas so far, which stays right when a schedule changes the betas."""

    def move(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        beta1, beta2 = group["betas"]
        left1 = state["left1"] = state.get("left1", 1.0) * beta1
        left2 = state["left2"] = state.get("left2", 1.0) * beta2
        m, v = average(state, "m", g, beta1), average(state, "v", g * g, beta2)
        w.sub_(group["lr"] * (m / (1 - left1)) / ((v / (1 - left2)).sqrt() + group["eps"]))


class SecondMomentOnly(_Moments):
    """AdamW that corrects the second moment and leaves the first, which warms the first steps up."""

    def move(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        m, v = average(state, "m", g, group["betas"][0]), average(state, "v", g * g, group["betas"][1])
        w.sub_(group["lr"] * m / ((v / (1 - group["betas"][1] ** state["t"])).sqrt() + group["eps"]))


class WarmStart(_Moments):
    """AdamW whose moments start at the first gradient and its square, and which therefore corrects nothing."""

    def move(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        if state["t"] == 1:
            state["m"], state["v"] = g.clone(), g * g
        else:
            state["m"].lerp_(g, 1 - group["betas"][0])
            state["v"].lerp_(g * g, 1 - group["betas"][1])
        w.sub_(group["lr"] * state["m"] / (state["v"].sqrt() + group["eps"]))


class GrowingBeta(_Moments):
    """AdamW whose second beta is the smaller of its option and 1 - t^-0.8, so that the second moment needs no correction."""

    def move(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        beta1, t = group["betas"][0], state["t"]
        m = average(state, "m", g, beta1) / (1 - beta1**t)
        v = average(state, "v", g * g, min(group["betas"][1], 1 - t**-0.8))
        w.sub_(group["lr"] * m / (v.sqrt() + group["eps"]))


class StoredCorrected(_Moments):
    """AdamW whose state holds the corrected moments: the share of a new gradient falls from 1 to 1 - beta."""

    def move(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        for name, new, beta in (("m", g, group["betas"][0]), ("v", g * g, group["betas"][1])):
            share = (1 - beta) / (1 - beta ** state["t"])
            state[name] = torch.lerp(state.get(name, torch.zeros_like(new)), new, share)
        w.sub_(group["lr"] * state["m"] / (state["v"].sqrt() + group["eps"]))
