"""Wrong optimizers that accept or refuse the wrong options and values, and the twins that check them."""

from __future__ import annotations

import math
import warnings
from typing import Any

from torch import Tensor

from tests.mutants import decay_rule
from tests.mutants.decay_rule import Group, State


class CheckingAdamWTwin(decay_rule.AdamWTwin):
    """AdamW that refuses a weight_decay below zero and NaN (as torch does)."""

    def __init__(self, params: Any, weight_decay: float = 1e-2, **options: Any) -> None:
        super().__init__(params, weight_decay=weight_decay, **options)
        if self.wrong(weight_decay):
            raise ValueError(f"weight_decay: {weight_decay}")

    def wrong(self, weight_decay: float) -> bool:
        return not weight_decay >= 0.0


class NegativeDecayAccepted(CheckingAdamWTwin):
    """Accept a negative weight_decay: https://github.com/flagos-ai/FlagGems/issues/4988 ignores it without a word."""

    def wrong(self, weight_decay: float) -> bool:
        return math.isnan(weight_decay)


class NanDecayAccepted(CheckingAdamWTwin):
    """Refuse values below zero, and accept NaN."""

    def wrong(self, weight_decay: float) -> bool:
        return weight_decay < 0.0


class InfiniteDecayRefused(CheckingAdamWTwin):
    """Refuse an infinite weight_decay: torch's AdamW does not, but its users expect it."""

    def wrong(self, weight_decay: float) -> bool:
        return not 0.0 <= weight_decay < math.inf


class LargeDecayWarns(CheckingAdamWTwin):
    """Warn of a decay under which weights grow: torch's AdamW does not, but its users would want it."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        if group["lr"] * group["weight_decay"] > 2:
            warnings.warn("lr x weight_decay is above 2: weights grow", stacklevel=2)
        super().decay(w, grad, group, state)


class DecayCutOff(decay_rule.AdamWTwin):
    """Never let a step take more than the whole weight."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.mul_(max(0.0, 1 - group["lr"] * group["weight_decay"]))


class LambdSgdTwin(decay_rule.SgdTwin):
    """SGD with a decay of its own beside weight_decay, 1e-4 by default (as torch's ASGD has)."""

    lambd = 1e-4

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        pull = self.pull(w, grad, group, state)
        w.mul_(1 - group["lr"] * self.lambd).sub_(group["lr"] * pull)


class LambdIgnored(LambdSgdTwin):
    """Have no decay but weight_decay: torch's ASGD has another, but its users do not expect it."""

    lambd = 0.0


class UndecayedSgdTwin(decay_rule.SgdTwin):
    """SGD that has no weight decay and takes no such argument (as torch's Rprop)."""

    def __init__(self, params: Any, lr: float = 1e-3) -> None:
        super().__init__(params, lr)


class DecaySwallowed(UndecayedSgdTwin):
    """Take any argument and use none of them: https://github.com/kozistr/pytorch_optimizer/issues/517."""

    def __init__(self, params: Any, lr: float = 1e-3, **unused: Any) -> None:
        super().__init__(params, lr)


class ConstantsIgnored(decay_rule.AdamWTwin):
    """Take betas and eps, and step with 0.9, 0.999 and 1e-8 for ever."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().update(w, grad, {**group, "betas": (0.9, 0.999), "eps": 1e-8}, state)
