"""Wrong optimizers that change weights outside of step()."""

from __future__ import annotations

from typing import Any

import torch

from tests.mutants.decay_rule import AdamWTwin


class DecayAtConstruction(AdamWTwin):
    """Shrink every weight once when its group is added: https://github.com/NVIDIA/Megatron-LM/issues/5976."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group(param_group)
        self._shrink(self.param_groups[-1])

    @torch.no_grad()
    def _shrink(self, group: dict[str, Any]) -> None:
        for weight in group["params"]:
            weight.mul_(1 - group["lr"] * group["weight_decay"])


class StateDictTakesAStep(AdamWTwin):
    """Take a step to make the state when the state dict is read: https://github.com/pytorch/pytorch/issues/121186."""

    def state_dict(self) -> dict[str, Any]:
        if not self.state:
            self.step()
        return super().state_dict()


class ZeroGradDecays(DecayAtConstruction):
    """Leave the decay of a step to the next zero_grad()."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super(DecayAtConstruction, self).add_param_group(param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        for group in self.param_groups:
            self._shrink(group)
        super().zero_grad(set_to_none)


class SwitchToEvalDecays(ZeroGradDecays):
    """Shrink the weights at each switch to evaluation."""

    def zero_grad(self, set_to_none: bool = True) -> None:
        super(DecayAtConstruction, self).zero_grad(set_to_none)

    def train(self) -> None:
        """Do nothing."""

    def eval(self) -> None:
        """Shrink the weights of all groups."""
        for group in self.param_groups:
            self._shrink(group)
