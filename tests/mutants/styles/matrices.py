"""Optimizers with rules for matrices: orthogonal steps, preconditioners, factored second moments."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from tests.mutants.styles.walk import EachWeight, Group, State, adam, average


class _Matrices(EachWeight):
    """Decay, then `matrix` for two and more dimensions seen as a matrix of rows, and `vector` for the rest."""

    takes_complex = False

    def __init__(self, params: Any, lr: float = 1e-2, weight_decay: float = 0.0, **options: Any) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, **options})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        w.mul_(1 - group["lr"] * group["weight_decay"])
        if w.ndim < 2 or w.numel() == 0:
            w.sub_(group["lr"] * self.vector(g, group, state))
        else:
            w.sub_(group["lr"] * self.matrix(g.reshape(len(g), -1), group, state).reshape(w.shape))

    def matrix(self, g: Tensor, group: Group, state: State) -> Tensor:
        raise NotImplementedError  # abstract: torch's Optimizer is no ABC

    def vector(self, g: Tensor, group: Group, state: State) -> Tensor:
        return adam(state, g, (0.9, 0.95), 1e-8)


def _wide(x: Tensor) -> Tensor:
    """Return the tensor in float32 if its precision is lower: torch.linalg has no kernels for half precision."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _eigen(symmetric: Tensor) -> tuple[Tensor, Tensor]:
    """Return the eigenvalues and eigenvectors in the precision of the matrix."""
    values, vectors = torch.linalg.eigh(_wide(symmetric))
    return values.to(symmetric.dtype), vectors.to(symmetric.dtype)


def _power(symmetric: Tensor, exponent: float, floor: float = 0.0) -> Tensor:
    """Return a power of a symmetric matrix whose eigenvalues are raised to `floor` at least."""
    values, vectors = _eigen(symmetric)
    raised: Tensor = (vectors * values.clamp(min=floor) ** exponent) @ vectors.mT
    return raised


class MuonNewtonSchulz(_Matrices):
    """Muon: Nesterov momentum made nearly orthogonal by five Newton-Schulz steps; AdamW for vectors."""

    def __init__(self, params: Any, lr: float = 0.02, weight_decay: float = 0.01, momentum: float = 0.95) -> None:
        super().__init__(params, lr, weight_decay, momentum=momentum)

    def matrix(self, g: Tensor, group: Group, state: State) -> Tensor:
        m = average(state, "m", g, group["momentum"])
        x = torch.lerp(g, m, group["momentum"])
        wide = x.mT if x.shape[0] > x.shape[1] else x
        wide = wide / (wide.norm() + 1e-7)
        for _ in range(5):
            square = wide @ wide.mT
            wide = 3.4445 * wide + (-4.7750 * square + 2.0315 * square @ square) @ wide
        straight = wide.mT if x.shape[0] > x.shape[1] else wide
        scaled: Tensor = straight * math.sqrt(max(1.0, x.shape[0] / x.shape[1]))
        return scaled


class MuonExactSvd(_Matrices):
    """Muon by an exact SVD, without directions that the momentum lacks; vectors move along their normalised momentum."""

    def __init__(self, params: Any, lr: float = 0.02, weight_decay: float = 0.0, momentum: float = 0.9) -> None:
        super().__init__(params, lr, weight_decay, momentum=momentum)

    def matrix(self, g: Tensor, group: Group, state: State) -> Tensor:
        state["sum"] = m = group["momentum"] * state.get("sum", torch.zeros_like(g)) + g
        left, sizes, right = torch.linalg.svd(_wide(m), full_matrices=False)
        present = (sizes > 1e-6 * sizes.max()).to(left.dtype)
        straight: Tensor = (left * present) @ right
        return straight.to(m.dtype)

    def vector(self, g: Tensor, group: Group, state: State) -> Tensor:
        state["sum"] = m = group["momentum"] * state.get("sum", torch.zeros_like(g)) + g
        unit: Tensor = m / m.norm().clamp(min=1e-30)
        return unit


class MuonByRoot(_Matrices):
    """Muon that divides the averaged gradient by the root of its Gram matrix, at the root mean square 0.2 of an Adam step."""

    def matrix(self, g: Tensor, group: Group, state: State) -> Tensor:
        m = average(state, "m", g, 0.95)
        tall = m if m.shape[0] >= m.shape[1] else m.mT
        gram = tall.mT @ tall
        floor = 1e-10 * float(gram.trace()) + 1e-30
        straight = tall @ _power(gram, -0.5, floor) * (0.2 * math.sqrt(max(m.shape)))
        return straight if m.shape[0] >= m.shape[1] else straight.mT


class ShampooTwoSides(_Matrices):
    """Shampoo with fourth roots from eigenvalues in each step; sides above 256 keep the identity, vectors use Adagrad."""

    def matrix(self, g: Tensor, group: Group, state: State) -> Tensor:
        pull = g
        for side, rows in (("left", g), ("right", g.mT)):
            if len(rows) > 256:
                continue
            start = 1e-4 * torch.eye(len(rows), dtype=g.dtype, device=g.device)
            state[side] = state.get(side, start) + rows @ rows.mT
            root = _power(state[side], -0.25, 1e-12)
            pull = root @ pull if side == "left" else pull @ root
        return pull

    def vector(self, g: Tensor, group: Group, state: State) -> Tensor:
        state["sum"] = state.get("sum", torch.zeros_like(g)) + g * g
        pull: Tensor = g / (state["sum"].sqrt() + 1e-10)
        return pull


class SoapFillsFirst(EachWeight):
    """SOAP as published: Adam in the eigenbasis of both sides; the first call of a matrix fills statistics and moves nothing."""

    takes_complex = False

    def __init__(self, params: Any, lr: float = 3e-3, weight_decay: float = 0.01, frequency: int = 10) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "frequency": frequency})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        if w.ndim < 2 or w.numel() == 0 or max(len(w), w[0].numel()) > 256:
            pull = adam(state, g, (0.95, 0.95), 1e-8)
        else:
            flat = g.reshape(len(g), -1)
            if "left" not in state:
                self._observe(flat, state)
                self._turn(state)
                return
            left, right = state["left_basis"], state["right_basis"]
            pull = (left @ adam(state, left.mT @ flat @ right, (0.95, 0.95), 1e-8) @ right.mT).reshape(w.shape)
            self._observe(flat, state)
            if state["t"] % group["frequency"] == 0:
                self._turn(state)
        w.sub_(group["lr"] * pull).mul_(1 - group["lr"] * group["weight_decay"])

    def _observe(self, g: Tensor, state: State) -> None:
        average(state, "left", g @ g.mT, 0.95)
        average(state, "right", g.mT @ g, 0.95)

    def _turn(self, state: State) -> None:
        """Take new bases; the first moment turns with them, and the second stays, as an approximation."""
        old = state.get("left_basis"), state.get("right_basis")
        state["left_basis"] = _eigen(state["left"])[1]
        state["right_basis"] = _eigen(state["right"])[1]
        if "m" in state and old[0] is not None and old[1] is not None:
            plain = old[0] @ state["m"] @ old[1].mT
            state["m"] = state["left_basis"].mT @ plain @ state["right_basis"]


class AdafactorPlain(_Matrices):
    """Adafactor without relative steps: the update, factored for matrices, is clipped to an RMS of 1 and takes lr as it is."""

    def matrix(self, g: Tensor, group: Group, state: State) -> Tensor:
        t = state["t"] = state.get("t", 0) + 1
        square, share = g * g + 1e-30, 1 - t**-0.8
        row, column = average(state, "row", square.mean(dim=1), share), average(state, "column", square.mean(dim=0), share)
        return self.clipped(g * (row / row.mean()).rsqrt().unsqueeze(1) * column.rsqrt())

    def vector(self, g: Tensor, group: Group, state: State) -> Tensor:
        t = state["t"] = state.get("t", 0) + 1
        return self.clipped(g * average(state, "square", g * g + 1e-30, 1 - t**-0.8).rsqrt())

    def clipped(self, pull: Tensor) -> Tensor:
        """Return the update with a root mean square of 1 at most."""
        return pull / max(1.0, float(pull.square().mean().sqrt())) if pull.numel() else pull


class AdafactorScaled(AdafactorPlain):
    """Adafactor whose update is multiplied by the RMS of the weight, 0.001 at least; the decay lr x weight_decay is not."""

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        size = max(1e-3, float(w.square().mean().sqrt())) if w.numel() else 1.0
        rule = self.matrix if w.ndim > 1 and w.numel() else self.vector
        flat = g.reshape(len(g), -1) if rule == self.matrix else g
        pull = size * rule(flat, group, state).reshape(w.shape)
        w.sub_(group["lr"] * (pull + group["weight_decay"] * w))


class ConfidenceGuided(AdafactorPlain):
    """CAME: Adafactor's update, averaged, over the factored root of its distance to the average; AdamW for vectors."""

    def matrix(self, g: Tensor, group: Group, state: State) -> Tensor:
        square = g * g + 1e-30
        row, column = average(state, "row", square.mean(dim=1), 0.999), average(state, "column", square.mean(dim=0), 0.999)
        update = self.clipped(g * (row / row.mean()).rsqrt().unsqueeze(1) * column.rsqrt())
        m = average(state, "m", update, 0.9)
        distance = (update - m).square() + 1e-16
        rows = average(state, "far_row", distance.mean(dim=1), 0.9999)
        columns = average(state, "far_column", distance.mean(dim=0), 0.9999)
        return self.clipped(m * (rows / rows.mean()).rsqrt().unsqueeze(1) * columns.rsqrt())

    vector = _Matrices.vector


class LowRankMoments(_Matrices):
    """AdamW whose moments of a matrix live in the two strongest directions of a gradient, chosen anew in each tenth step."""

    def matrix(self, g: Tensor, group: Group, state: State) -> Tensor:
        tall = g if g.shape[0] <= g.shape[1] else g.mT
        if state.get("t", 0) % 10 == 0:
            state["basis"] = torch.linalg.svd(_wide(tall), full_matrices=False)[0][:, :2].to(g.dtype).clone()
        basis: Tensor = state["basis"]
        pull = basis @ adam(state, basis.mT @ tall, (0.9, 0.999), 1e-8)
        return pull if g.shape[0] <= g.shape[1] else pull.mT


class RowsAndColumns(_Matrices):
    """Step without state: rows and columns of the gradient are normalised in turn, five times; vectors as a whole."""

    def matrix(self, g: Tensor, group: Group, state: State) -> Tensor:
        for _ in range(5):
            g = g / g.norm(dim=1, keepdim=True).clamp(min=1e-30) * math.sqrt(g.shape[1])
            g = g / g.norm(dim=0, keepdim=True).clamp(min=1e-30) * math.sqrt(g.shape[0])
        return g

    def vector(self, g: Tensor, group: Group, state: State) -> Tensor:
        unit: Tensor = g / g.norm().clamp(min=1e-30) * math.sqrt(g.numel())
        return unit


class RandomProbe(EachWeight):
    """Preconditioner of the diagonal that is fitted with random numbers, one per weight and step (PSGD); decay beside it."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.0, momentum: float = 0.9) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    def update(self, w: Tensor, g: Tensor, group: Group, state: State) -> None:
        q = state.get("q", torch.ones_like(g))
        mine, probe = (q * g).square(), (torch.randn_like(g) / q).square()
        largest = (mine + probe).max() if g.numel() else torch.ones(())
        q = state["q"] = q * (1 - 0.1 * (mine - probe) / largest)
        pull = q * q * average(state, "m", g, group["momentum"])
        w.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * pull.clamp(-1.0, 1.0))


class OneSided(_Matrices):
    """Step by the averaged gradient over the root of its summed left Gram matrices; above 256 rows, by the average."""

    def matrix(self, g: Tensor, group: Group, state: State) -> Tensor:
        m = average(state, "m", g, 0.9)
        if len(g) > 256:
            return m
        start = 1e-6 * torch.eye(len(g), dtype=g.dtype, device=g.device)
        state["gram"] = state.get("gram", start) + g @ g.mT
        return _power(state["gram"], -0.5, 1e-12) @ m
