"""Wrong AdamWs whose decay does not follow a schedule: of the learning rate or of weight_decay."""

from __future__ import annotations

import torch
from torch import Tensor

from tests.mutants import decay_rule
from tests.mutants.decay_rule import Group, State


class PreviousLrDecay(decay_rule.AdamWTwin):
    """Decay with the learning rate of the step before: a schedule that is stepped between decay and update."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - state.get("lr", group["lr"]) * group["weight_decay"])
        state["lr"] = group["lr"]


class DecayScheduleOneStepLate(decay_rule.AdamWTwin):
    """Decay by the weight_decay that the group had one step ago."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] * state.get("weight_decay", group["weight_decay"]))
        state["weight_decay"] = group["weight_decay"]


class DecayWrittenWithLr(decay_rule.AdamWTwin):
    """Rescale the group's weight_decay with every change of its learning rate, so that the decay follows the rate twice."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        group["weight_decay"] *= group["lr"] / group.setdefault("written_at", group["lr"])
        group["written_at"] = group["lr"]
        super().decay(w, grad, group, state)


class LrInDenominator(decay_rule.AdamWTwin):
    """Fold the learning rate into the denominator, 0 / 0 at a rate of zero: https://github.com/pytorch/pytorch/issues/97004."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["t"] = state.get("t", 0) + 1
        self.decay(w, grad, group, state)
        m, v = self.moments(grad, grad, group, state)
        lr = torch.tensor(group["lr"], dtype=w.dtype)
        w.sub_(m / (v.sqrt() / lr + group["eps"] / lr))


class ZeroLrDividesZero(decay_rule.AdamWTwin):
    """Divide the root of the second moment by the learning rate: 0/0 where there was never a gradient."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        state["t"] = state.get("t", 0) + 1
        self.decay(w, grad, group, state)
        m, v = self.moments(grad, grad, group, state)
        w.sub_(m / (v.sqrt() / group["lr"] + group["eps"]))


class ZeroLrDividesBy(decay_rule.AdamWTwin):
    """Multiply the learning rate by its ratio to the previous one."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        ratio = torch.tensor(group["lr"]) / state.get("last", group["lr"])
        state["last"] = group["lr"]
        super().update(w, grad, {**group, "lr": group["lr"] * float(ratio)}, state)


class ZeroLrIsDefault(decay_rule.AdamWTwin):
    """Treat a learning rate of zero as not given, and use the default."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().update(w, grad, {**group, "lr": group["lr"] or 1e-3}, state)
