"""Tests of the decay that a state keeps: averages of weights and momentum that holds the decay."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from harness.fingerprint.ask import ask
from tests.mutants.collection import path
from tests.mutants.decay_rule import AdamWTwin, Group, State

STYLES = "tests.mutants.styles."


class LookaheadWrapper:
    """Wrap AdamW: every four steps the weights return to 0.3 of the way from the slow weights, which are kept by id."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 1e-2) -> None:
        self.base = torch.optim.AdamW(params, lr=lr, weight_decay=weight_decay)
        self.slow = dict[int, Tensor]()
        self.count = 0

    @property
    def param_groups(self) -> list[Group]:
        return self.base.param_groups

    @torch.no_grad()
    def step(self) -> None:
        for w in (w for group in self.param_groups for w in group["params"]):
            self.slow.setdefault(id(w), w.detach().clone())
        self.base.step()
        self.count += 1
        if self.count % 4 == 0:
            for w in (w for group in self.param_groups for w in group["params"]):
                self.slow[id(w)].lerp_(w, 0.3)
                w.copy_(self.slow[id(w)])

    def zero_grad(self) -> None:
        self.base.zero_grad()


class EverySixthStep(AdamWTwin):
    """Return half of the way to the slow weights in each sixth step: once in the shorter of two runs."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        slow = state.setdefault("slow", w.clone())
        super().update(w, grad, group, state)
        if state["t"] % 6 == 0:
            w.copy_(slow.lerp_(w, 0.5))


class HalfTheDecayLater(AdamWTwin):
    """Average, and decay the point by half of lr x weight_decay."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        z = state.setdefault("point", w.clone())
        z.sub_(0.5 * group["lr"] * group["weight_decay"] * w)
        super().update(z, grad, {**group, "weight_decay": 0.0}, state)
        w.lerp_(z, 0.4)


class PulledBack(AdamWTwin):
    """Decay the weight, and move it a tenth of the way to a sum of steps from its start, as dual averaging with momentum does."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        z = state.setdefault("sum", w.clone())
        w.mul_(1 - group["lr"] * group["weight_decay"])
        super().update(z, grad, {**group, "weight_decay": 0.0}, state)
        w.lerp_(z, 0.1)


class BufferOfAll(torch.optim.Optimizer):
    """Add the decay to a momentum that lies in one flat buffer, in which no tensor has the shape of a weight."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 1e-2) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            held = [w for w in group["params"] if w.grad is not None]
            pull = torch.cat([(w.grad / w.grad.norm() + group["weight_decay"] * w).flatten() for w in held])
            group["buffer"] = 0.9 * group["buffer"] + pull if "buffer" in group else pull
            for w, part in zip(held, group["buffer"].split([w.numel() for w in held]), strict=True):
                w.sub_(group["lr"] * part.view_as(w))


ANSWERS: list[tuple[str, dict[str, str]]] = [
    (f"{STYLES}averaging:ScheduleFreeAdamW", {"coupling": "averaged", "scale": "lr", "strength": "1", "order": ""}),
    (f"{STYLES}averaging:ScheduleFreeDecaysZ", {"coupling": "averaged", "scale": "lr", "strength": "1", "order": ""}),
    (f"{STYLES}averaging:LookaheadInside", {"coupling": "averaged", "scale": "lr", "strength": "1", "mask": "none"}),
    (f"{__name__}:LookaheadWrapper", {"coupling": "averaged", "scale": "lr", "strength": "1"}),
    (f"{__name__}:EverySixthStep", {"coupling": "averaged", "scale": "lr", "strength": "1"}),
    (f"{__name__}:HalfTheDecayLater", {"coupling": "averaged", "scale": "lr", "strength": "0.5"}),
    (
        f"{STYLES}signs_and_ratios:NovoGradInside",
        {"coupling": "inside_momentum", "scale": "lr", "strength": "1", "order": "inside"},
    ),
    (path("SgdDecayBuffer"), {"coupling": "inside_momentum", "scale": "constant", "strength": "0.1"}),
    (f"{__name__}:BufferOfAll", {"coupling": ""}),
    (f"{__name__}:PulledBack", {"coupling": "", "scale": ""}),
    ("torch.optim:AdamW", {"coupling": "decoupled"}),
    (f"{STYLES}averaging:FadingAverage", {"coupling": "decoupled"}),
    (f"{STYLES}averaging:AverageOfEveryFew", {"coupling": "coupled_l2"}),
]


@pytest.mark.parametrize(("path", "expected"), ANSWERS, ids=[path.rpartition(":")[2] for path, _ in ANSWERS])
def test_the_state_shows_where_the_decay_acts(path: str, expected: dict[str, str]) -> None:
    answers = {question.name: " ".join(finding.values) for question, finding in ask(path, {}, [*expected])}
    assert answers == expected


def test_a_point_that_never_decays_is_named() -> None:
    (answer,) = (finding for _, finding in ask(f"{__name__}:PulledBack", {}, ["coupling"]))
    assert answer.text == "unknown: weight decay takes a share of w, and the update pulls w back to a point that never decays"


def test_a_momentum_that_no_tensor_shows_is_described() -> None:
    (answer,) = (finding for _, finding in ask(f"{__name__}:BufferOfAll", {}, ["coupling"]))
    assert "the update contains the decay of earlier steps" in answer.text
