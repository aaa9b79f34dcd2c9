"""What is trained? A small decoder-only GPT, written as a pure function of its weights, for many runs at once.

Every weight is stacked over runs, (runs, ...), and every matrix multiply is batched over them, so one forward and
backward serves all runs. Run r reads and differentiates slice r only: its gradient is its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

Weights = dict[str, Tensor]  # name -> (runs, ...)

LINEAR_STD = 0.02


@dataclass(frozen=True)
class ModelShape:
    """The network's sizes. `symbols` counts the last one too, which no text holds (see `unseen row` below)."""

    symbols: int
    context: int
    layers: int = 2
    width: int = 64
    heads: int = 4


def weight_shapes(shape: ModelShape) -> dict[str, tuple[int, ...]]:
    """Return the shape of each weight of one run; matrices are (out, in). Gains have one dimension, the rest two."""
    width = shape.width
    shapes: dict[str, tuple[int, ...]] = {"embedding": (shape.symbols, width), "position": (shape.context, width)}
    for layer in range(shape.layers):
        shapes[f"{layer}.attention_gain"] = (width,)
        shapes[f"{layer}.qkv"] = (3 * width, width)
        shapes[f"{layer}.attention_out"] = (width, width)
        shapes[f"{layer}.mlp_gain"] = (width,)
        shapes[f"{layer}.mlp_in"] = (4 * width, width)
        shapes[f"{layer}.mlp_out"] = (width, 4 * width)
    shapes["final_gain"] = (width,)
    return shapes


def initial_weights(shape: ModelShape, embedding_std: float, seed: int) -> Weights:
    """Draw one run's weights on the CPU in float64, whatever they are cast to later.

    The embeddings of symbols and of positions have standard deviation `embedding_std`, matrices 0.02, and those that
    write to the residual stream 0.02 / sqrt(2 * layers) (Radford et al. 2019, section 2.3). Gains are 1.
    """
    generator = torch.Generator().manual_seed(seed)
    weights: Weights = {}
    for name, size in weight_shapes(shape).items():
        if len(size) == 1:
            weights[name] = torch.ones(size, dtype=torch.float64)
        else:
            std = _initial_std(name, shape, embedding_std)
            weights[name] = std * torch.randn(size, dtype=torch.float64, generator=generator)
    return weights


def _initial_std(name: str, shape: ModelShape, embedding_std: float) -> float:
    if name in ("embedding", "position"):
        return embedding_std
    return LINEAR_STD / math.sqrt(2 * shape.layers) if name.endswith("_out") else LINEAR_STD


def logits(
    weights: Weights,
    inputs: Tensor,  # (runs, sentences, length, symbols), one-hot
    shape: ModelShape,
) -> Tensor:  # (runs, sentences * length, symbols - 1)
    """Score the next symbol at every position.

    The output projection is the embedding table without its last row. That row, the unseen row, belongs to a symbol
    that occurs nowhere, so its gradient is exactly zero and weight decay alone moves it: a decay meter inside training.
    """
    runs, sentences, length, symbols = inputs.shape
    # One-hot inputs make the lookup a matrix multiply: its backward is one too, deterministic on every device.
    embedded = torch.bmm(inputs.reshape(runs, sentences * length, symbols), weights["embedding"])
    x = embedded.view(runs, sentences, length, -1) + weights["position"][:, None, :length]
    x = x.view(runs, sentences * length, -1)
    for layer in range(shape.layers):
        normed = _layer_norm(x, weights[f"{layer}.attention_gain"])
        mixed = _attention(_linear(normed, weights[f"{layer}.qkv"]), (runs, sentences, length), shape.heads)
        x = x + _linear(mixed, weights[f"{layer}.attention_out"])
        normed = _layer_norm(x, weights[f"{layer}.mlp_gain"])
        hidden = functional.gelu(_linear(normed, weights[f"{layer}.mlp_in"]))
        x = x + _linear(hidden, weights[f"{layer}.mlp_out"])
    return _linear(_layer_norm(x, weights["final_gain"]), weights["embedding"][:, :-1])


class _Linear(torch.autograd.Function):
    """x (runs, n, in) times matrix (runs, out, in) transposed: (runs, n, out).

    As torch.bmm, except that the matrix's gradient comes out in the matrix's own layout and is not copied once more.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, matrix: Tensor) -> Tensor:
        ctx.save_for_backward(x, matrix)
        return torch.bmm(x, matrix.transpose(1, 2))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        x, matrix = ctx.saved_tensors
        return torch.bmm(gradients[0], matrix), torch.bmm(gradients[0].transpose(1, 2), x)


def _linear(x: Tensor, matrix: Tensor) -> Tensor:
    return cast(Tensor, _Linear.apply(x, matrix))  # type: ignore[no-untyped-call]  # torch leaves `apply` untyped


def _layer_norm(x: Tensor, gain: Tensor) -> Tensor:
    return functional.layer_norm(x, x.shape[-1:]) * gain[:, None]


def _attention(qkv: Tensor, sizes: tuple[int, int, int], heads: int) -> Tensor:
    # Batched multiplies by hand: on short sentences faster than scaled_dot_product_attention, and deterministic anywhere.
    runs, sentences, length = sizes
    size = qkv.shape[-1] // (3 * heads)
    parts = qkv.view(runs * sentences, length, 3, heads, size).permute(2, 0, 3, 1, 4)
    q, k, v = parts.reshape(3, runs * sentences * heads, length, size).unbind(0)
    future = torch.full((length, length), -math.inf, dtype=qkv.dtype, device=qkv.device).triu(1)
    scores = torch.baddbmm(future, q, k.transpose(1, 2), alpha=1.0 / math.sqrt(size))
    mixed = torch.bmm(scores.softmax(dim=-1), v).view(runs * sentences, heads, length, size)
    return mixed.transpose(1, 2).reshape(runs, sentences * length, heads * size)


def cross_entropy(
    scores: Tensor,  # (runs, n, symbols - 1)
    targets: Tensor,  # (runs, n, symbols - 1), one-hot times the weight of that position; all zero: no target
) -> Tensor:  # (runs,)
    """Sum the weighted negative log-probability of the targets, in nats, run by run."""
    return -(functional.log_softmax(scores, dim=-1) * targets).sum(dim=(1, 2))
