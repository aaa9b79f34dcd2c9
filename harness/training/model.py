"""Model that is trained: a small decoder-only GPT, as a pure function of its weights, for many runs at once.

Every weight is stacked over runs, (runs, ...), and every matrix multiplication is batched over them. One forward and backward
pass therefore serves all runs. Run r reads slice r of the weights only, so slice r of the gradient is its own gradient.
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
    """The sizes of the network. `symbols` includes the last symbol, which occurs in no text (see the unseen row in `logits`)."""

    symbols: int
    context: int
    layers: int = 2
    width: int = 64
    heads: int = 4


def weight_shapes(shape: ModelShape) -> dict[str, tuple[int, ...]]:
    """Return the shape of each weight of one run. Gains have one dimension; matrices have two, (out, in)."""
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
    """Draw the initial weights of one run, on the CPU and in float64 for every device and dtype.

    The standard deviation is `embedding_std` for the embeddings of symbols and positions, 0.02 / sqrt(2 * layers) for the
    matrices that write to the residual stream (Radford et al. 2019, section 2.3), and 0.02 for the others. Gains are 1.
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
    """Return the scores of the next symbol at every position.

    The output projection is the embedding table without its last row. That row, the unseen row, belongs to a symbol that
    occurs in no text. Its gradient is exactly zero, and only weight decay moves it: it measures the decay during training.
    """
    runs, sentences, length, symbols = inputs.shape
    # With one-hot inputs the lookup is a matrix multiplication. So is its backward pass, which is
    # therefore deterministic on every device.
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

    It computes the same as torch.bmm, but the gradient of the matrix has the layout of the matrix, which saves one copy.
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
    # Batched multiplications are faster on short sentences than scaled_dot_product_attention, and
    # they are deterministic on every device.
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
    targets: Tensor,  # (runs, n, symbols - 1), one-hot times the weight of that position; all zero without a target
) -> Tensor:  # (runs,)
    """Return each run's sum of the weighted negative log-probabilities of its targets, in nats."""
    return -(functional.log_softmax(scores, dim=-1) * targets).sum(dim=(1, 2))
