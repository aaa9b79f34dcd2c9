"""Optimizers that keep their state in other places, types and devices, or make it at another time."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from tests.mutants.styles.walk import (
    Closure,
    EachWeight,
    Group,
    PlainAdamW,
    State,
    adam,
    as_real,
    average,
    evaluated,
    with_gradient,
)


class MadeAtOnce(PlainAdamW):
    """AdamW that makes the state of every weight when its group is added."""

    def add_param_group(self, param_group: Group) -> None:
        super().add_param_group(param_group)
        for w in self.param_groups[-1]["params"]:
            real = torch.view_as_real(w.detach()) if w.is_complex() else w.detach()
            self.state[w].update(t=0, m=torch.zeros_like(real), v=torch.zeros_like(real))


class HarmlessStep(Optimizer):
    """AdamW that makes its state by a step with lr 0 on zero gradients in the constructor, and sets its counters back."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})
        with torch.no_grad():
            for group in self.param_groups:
                for w in group["params"]:
                    self._move(w, torch.zeros_like(w), {**group, "lr": 0.0})
                    self.state[w]["t"] = 0

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        for w, g, group in with_gradient(self.param_groups):
            self._move(w, g, group)
        return loss

    def _move(self, w: Tensor, g: Tensor, group: Group) -> None:
        real, gradient = as_real(w, g)
        real.mul_(1 - group["lr"] * group["weight_decay"])
        real.sub_(group["lr"] * adam(self.state[w], gradient, (0.9, 0.999), 1e-8))


class FilledOnLoad(PlainAdamW):
    """AdamW that gives groups of an older checkpoint the options that it lacks, in __setstate__."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01, amsgrad: bool = False) -> None:
        super().__init__(params, lr, weight_decay, amsgrad=amsgrad)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in (("amsgrad", False), ("betas", (0.9, 0.999)), ("eps", 1e-8)):
                group.setdefault(name, value)

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        (beta1, beta2), t = group["betas"], state.get("t", 0) + 1
        m, v = average(state, "m", g, beta1), average(state, "v", g * g, beta2)
        if group["amsgrad"]:
            v = state["largest"] = torch.maximum(state.get("largest", v), v)
        state["t"] = t
        root = (v / (1 - beta2**t)).sqrt() + group["eps"]
        w.copy_((1 - group["lr"] * group["weight_decay"]) * w - group["lr"] * m / (1 - beta1**t) / root)


class ListsOnGroup(Optimizer):
    """AdamW whose moments and counters are three lists of the group, in the order of its weights."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def add_param_group(self, param_group: Group) -> None:
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        real = [torch.view_as_real(w.detach()) if w.is_complex() else w.detach() for w in group["params"]]
        group["exp_avgs"] = [torch.zeros_like(w) for w in real]
        group["exp_avg_sqs"] = [torch.zeros_like(w) for w in real]
        group["counts"] = [0] * len(real)

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        for group in self.param_groups:
            for place, w in enumerate(group["params"]):
                if w.grad is not None:
                    self._move(place, *as_real(w, w.grad), group)
        return loss

    def _move(self, place: int, w: Tensor, g: Tensor, group: Group) -> None:
        group["counts"][place] += 1
        m, v, t = group["exp_avgs"][place], group["exp_avg_sqs"][place], group["counts"][place]
        m.lerp_(g, 0.1)
        v.mul_(0.999).addcmul_(g, g, value=0.001)
        w.mul_(1 - group["lr"] * group["weight_decay"])
        w.sub_(group["lr"] * (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)).sqrt() + 1e-8))


class FlatBuffer(Optimizer):
    """SGD with momentum and decoupled decay whose momenta are one flat tensor for each group, which the group stores."""

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0, momentum: float = 0.9) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    def add_param_group(self, param_group: Group) -> None:
        super().add_param_group(param_group)
        params = self.param_groups[-1]["params"]
        if len({(w.dtype, w.device) for w in params}) > 1:
            self.param_groups.pop()
            raise ValueError("FlatBuffer: the weights of a group must have one dtype and one device")
        size = sum(w.numel() for w in params)
        self.param_groups[-1]["flat"] = torch.zeros(size, dtype=params[0].dtype, device=params[0].device) if params else None

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        for group in self.param_groups:
            end = 0
            for w in group["params"]:
                start, end = end, end + w.numel()
                if w.grad is not None:
                    part = group["flat"][start:end].view(w.shape)
                    part.mul_(group["momentum"]).add_(w.grad)
                    w.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * part)
        return loss


class ByName(Optimizer):
    """Adam with L2 whose moments are in a dict under names such as 0.1, which its state_dict holds under `moments`."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.0) -> None:
        self.moments: dict[str, State] = {}
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "moments": self.moments}

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "moments": copy.deepcopy(self.moments)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self.moments = copy.deepcopy(state_dict["moments"])

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        loss = evaluated(closure)
        for number, group in enumerate(self.param_groups):
            for place, w in enumerate(group["params"]):
                if w.grad is not None:
                    real, gradient = as_real(w, w.grad)
                    pull = gradient + group["weight_decay"] * real
                    real.sub_(group["lr"] * adam(self.moments.setdefault(f"{number}.{place}", {}), pull, (0.9, 0.999), 1e-8))
        return loss


class InAModule(EachWeight):
    """Lion whose momentum of a weight is the buffer of a small module, which checkpoints hold as a tensor."""

    def __init__(self, params: Any, lr: float = 1e-4, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        memory = state.setdefault("memory", nn.Module())
        if not hasattr(memory, "m"):
            memory.register_buffer("m", torch.zeros_like(g))
        w.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * torch.lerp(g, memory.m, 0.9).sign())
        memory.m = torch.lerp(g, memory.m, 0.99)

    def state_dict(self) -> dict[str, Any]:
        saved = super().state_dict()
        saved["state"] = {key: {"m": value["memory"].m.clone()} for key, value in saved["state"].items() if "memory" in value}
        return saved

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        for state in self.state.values():
            memory = nn.Module()
            memory.register_buffer("m", state.pop("m").clone())
            state["memory"] = memory


class CountsInTensor(PlainAdamW):
    """AdamW whose counter of steps is a float32 tensor, and whose moments are changed in place."""

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        if not state:
            state.update(step=torch.zeros((), dtype=torch.float32), m=torch.zeros_like(g), v=torch.zeros_like(g))
        state["step"] += 1
        t, (beta1, beta2) = state["step"].item(), group["betas"]
        state["m"].lerp_(g, 1 - beta1)
        state["v"].lerp_(g.square(), 1 - beta2)
        w.mul_(1 - group["lr"] * group["weight_decay"])
        w.sub_(group["lr"] * state["m"] / (1 - beta1**t) / ((state["v"] / (1 - beta2**t)).sqrt() + group["eps"]))


class CountsOnGroup(EachWeight):
    """RMS rule whose group counts the steps: the share of the past is 1 - count^-0.8, and a weight starts at its first square."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "count": 0})

    def step(self, closure: Closure | None = None) -> Any:
        for group in self.param_groups:
            group["count"] += 1
        return super().step(closure)

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        square = g * g
        state["v"] = torch.lerp(square, state["v"], 1 - group["count"] ** -0.8) if "v" in state else square
        w.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * g / (state["v"].sqrt() + 1e-8))


class MoreInCheckpoint(PlainAdamW):
    """AdamW whose state_dict has two more entries, `format` and `steps_taken`, and which loads one without them too."""

    steps_taken = 0

    def step(self, closure: Closure | None = None) -> Any:
        self.steps_taken += 1
        return super().step(closure)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "steps_taken": self.steps_taken}

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "format": 2, "steps_taken": self.steps_taken}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict({name: state_dict[name] for name in ("state", "param_groups")})
        self.steps_taken = state_dict.get("steps_taken", 0)


class SingleMoments(EachWeight):
    """AdamW whose moments are float32 for weights of every precision; the factor of the decay is not rounded to float32."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        if not state:
            state.update(t=0, m=torch.zeros_like(g, dtype=torch.float32), v=torch.zeros_like(g, dtype=torch.float32))
        pull = adam(state, g.float(), (0.9, 0.999), 1e-8)
        w.mul_(1 - group["lr"] * group["weight_decay"]).sub_((group["lr"] * pull).to(w.dtype))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)  # it casts the moments to the precision of the weight
        saved = state_dict["state"]
        for place, w in enumerate(w for group in self.param_groups for w in group["params"]):
            if place in saved:
                self.state[w].update({name: saved[place][name].to(w.device, copy=True) for name in ("m", "v")})


class SingleScalars(EachWeight):
    """AdamW that computes lr x weight_decay and lr in float32 tensors, so that the factor of the decay has seven digits."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        lr = torch.as_tensor(group["lr"], dtype=torch.float32)
        decay = torch.as_tensor(group["weight_decay"], dtype=torch.float32)
        w.mul_(1 - lr * decay).sub_(lr * adam(state, g, (0.9, 0.999), 1e-8))


def rate_in_tensor(params: Any, lr: float = 1e-3, weight_decay: float = 0.01, **options: Any) -> Optimizer:
    """Return torch's AdamW whose lr is a float32 tensor in each group, which schedules fill in place."""
    entries = list(params)
    if entries and isinstance(entries[0], dict):
        entries = [{**group, "lr": torch.tensor(float(group.get("lr", lr)))} for group in entries]
    return torch.optim.AdamW(entries, lr=torch.tensor(float(lr)), weight_decay=weight_decay, foreach=False, **options)


class MasterInState(EachWeight):
    """AdamW on a float32 copy of each half-precision weight; a weight that was changed elsewhere is read again."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        half = w.dtype in (torch.float16, torch.bfloat16)
        master = state.get("master", w).float() if half else w
        if half and not torch.equal(master.to(w.dtype), w):
            master = w.float()
        master = master * (1 - group["lr"] * group["weight_decay"])
        master = master - group["lr"] * adam(state, g.to(master.dtype), (0.9, 0.999), 1e-8)
        w.copy_(master)
        if half:
            state["master"] = master

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)  # it casts all tensors to the precision of the weight
        for place, w in enumerate(w for group in self.param_groups for w in group["params"]):
            saved = state_dict["state"].get(place, {})
            tensors = {name: value.to(w.device, copy=True) for name, value in saved.items() if isinstance(value, Tensor)}
            self.state[w].update(tensors)


class MomentsOnCpu(EachWeight):
    """Adamax with decoupled decay whose state is on the CPU and travels to the device of the weight for a step."""

    def __init__(self, params: Any, lr: float = 2e-3, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        there: State = {name: value.to(w.device) if isinstance(value, Tensor) else value for name, value in state.items()}
        m = average(there, "m", g, 0.9)
        there["u"] = torch.maximum(0.999 * there.get("u", torch.zeros_like(g)), g.abs())
        there["t"] = there.get("t", 0) + 1
        w.mul_(1 - group["lr"] * group["weight_decay"])
        w.sub_(group["lr"] / (1 - 0.9 ** there["t"]) * m / (there["u"] + 1e-8))
        state.update({name: value.cpu() if isinstance(value, Tensor) else value for name, value in there.items()})


class MeanInBfloat16(EachWeight):
    """Adam's step with a first moment of bfloat16, which has three digits, and decoupled decay in the weight's precision."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        t = state["t"] = state.get("t", 0) + 1
        kept = state.get("m", torch.zeros_like(g)).to(g.dtype)
        mean = torch.lerp(g, kept, 0.9)
        state["m"] = mean.to(torch.bfloat16)
        v = average(state, "v", g * g, 0.999)
        w.mul_(1 - group["lr"] * group["weight_decay"])
        w.sub_(group["lr"] * mean / (1 - 0.9**t) / ((v / (1 - 0.999**t)).sqrt() + 1e-8))


class MasterOnly(PlainAdamW):
    """AdamW that steps a copy of each weight in its state and writes it back, so weights written from outside are lost."""

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        if "master" not in state:
            state["master"] = w.detach().clone()
        super().update(state["master"], g, group, state)
        w.copy_(state["master"])


class StateUnderOtherKeys(PlainAdamW):
    """AdamW whose state dict uses other keys than torch: `moments` and `settings`."""

    def state_dict(self) -> dict[str, Any]:
        whole = super().state_dict()
        return {"moments": whole["state"], "settings": whole["param_groups"]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict({"state": state_dict["moments"], "param_groups": state_dict["settings"]})


class EightBitFrom4096(PlainAdamW):
    """AdamW that keeps the moments of a weight of 4,096 numbers and more in 8 bits, and those of others in full."""

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        if w.numel() < 4096:
            super().update(w, g, group, state)
            return
        full = {"t": state.get("t", 0)} | {name: self.widened(*state[name], g) for name in ("m", "v") if name in state}
        super().update(w, g, group, full)
        state["t"] = full["t"]
        for name in ("m", "v"):
            state[name] = self.narrowed(full[name])

    @staticmethod
    def narrowed(numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Return the nearest of 255 codes of each number's root with its sign, and the largest root."""
        roots = numbers.sign() * numbers.abs().sqrt()
        largest = roots.abs().max().clamp(min=1e-30)
        return (roots / largest * 127).round().to(torch.int8), largest

    @staticmethod
    def widened(codes: Tensor, largest: Tensor, like: Tensor) -> Tensor:
        """Return the numbers of the codes."""
        roots = codes.to(like) / 127 * largest
        return roots * roots.abs()
