"""The harness's network in plain torch modules, one run at a time: the reference for the stacked network."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.training.model import ModelShape


class Block(nn.Module):
    """Causal self-attention and a multilayer perceptron, each after a layer norm and added to the residual stream."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width, bias=False)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.attention_out = nn.Linear(width, width, bias=False)
        self.mlp_norm = nn.LayerNorm(width, bias=False)
        self.mlp_in = nn.Linear(width, 4 * width, bias=False)
        self.mlp_out = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        parts = self.qkv(self.attention_norm(x)).chunk(3, dim=-1)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
        x = x + self.attention_out(mixed)
        return x + self.mlp_out(functional.gelu(self.mlp_in(self.mlp_norm(x))))


class PlainGpt(nn.Module):
    """Network that begins with given weights: (sentences, length) symbol indices -> (sentences, length, symbols - 1) scores."""

    def __init__(self, shape: ModelShape, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.embedding = nn.Embedding(shape.symbols, shape.width)
        self.position = nn.Embedding(shape.context, shape.width)
        self.blocks = nn.ModuleList(Block(shape.width, shape.heads) for _ in range(shape.layers))
        self.final_norm = nn.LayerNorm(shape.width, bias=False)
        self.to(weights["embedding"].dtype)
        with torch.no_grad():
            for name, parameter in self.by_name().items():
                parameter.copy_(weights[name])

    def by_name(self) -> dict[str, nn.Parameter]:
        """Return the parameters under the harness's names."""
        return {_harness_name(name): parameter for name, parameter in self.named_parameters()}

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens) + self.position.weight[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.final_norm(x) @ self.embedding.weight[:-1].T


def _harness_name(name: str) -> str:
    return name.removeprefix("blocks.").replace("_norm.weight", "_gain").removesuffix(".weight")
