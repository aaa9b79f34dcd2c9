"""How well does the network do on a whole split? Mean loss, and the share of verb forms that it gets right."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harness.training.model import ModelShape, Weights, cross_entropy, logits
from harness.training.task import Sentences

AT_ONCE = 48  # sentences, of all runs together: few enough for the processor's cache


@dataclass(frozen=True, eq=False)
class Encoded:
    """Sentences as the network takes them. `real` and `lengths` are the number of real targets of each sentence."""

    inputs: Tensor  # (n, length, symbols), one-hot
    targets: Tensor  # (n, length, symbols - 1), one-hot, zero where padded
    real: Tensor  # (n,)
    lengths: tuple[int, ...]
    answers: Tensor  # (n, length) int64
    form: Tensor  # (n, length) bool
    regular: Tensor  # (n,) bool


def encode(sentences: Sentences, symbols: int, device: torch.device, dtype: torch.dtype) -> Encoded:
    """Turn symbol indices into one-hot inputs and masked one-hot targets."""
    one_hot = torch.nn.functional.one_hot(sentences.tokens, symbols).to(device, dtype)
    mask = sentences.targets.to(device, dtype)
    return Encoded(
        inputs=one_hot[:, :-1].contiguous(),
        targets=one_hot[:, 1:, :-1] * mask[:, :, None],
        real=mask.sum(dim=1),
        lengths=tuple(sentences.targets.sum(dim=1).tolist()),
        answers=sentences.tokens[:, 1:].to(device),
        form=sentences.form.to(device),
        regular=sentences.regular.to(device),
    )


@dataclass(frozen=True, eq=False)
class Scores:
    """Of each run, (runs,): loss in nats a character, and exact matches of the verb form under teacher forcing."""

    loss: Tensor
    regular: Tensor
    irregular: Tensor


@torch.inference_mode()
def evaluate(weights: Weights, split: Encoded, shape: ModelShape) -> Scores:
    """Score every sentence of a split with every run's weights."""
    losses: list[Tensor] = []
    exact: list[Tensor] = []
    size = max(1, AT_ONCE // len(weights["embedding"]))
    for start in range(0, len(split.inputs), size):
        loss, right = _evaluate(weights, split, slice(start, start + size), shape)
        losses.append(loss)
        exact.append(right)
    matches = torch.cat(exact, dim=1).to(losses[0].dtype)
    return Scores(
        loss=torch.stack(losses).sum(dim=0) / split.real.sum(),
        regular=matches[:, split.regular].mean(dim=1),
        irregular=matches[:, ~split.regular].mean(dim=1),
    )


def _evaluate(weights: Weights, split: Encoded, rows: slice, shape: ModelShape) -> tuple[Tensor, Tensor]:
    runs, length = len(weights["embedding"]), max(split.lengths[rows])  # what is padding in all of them is left out
    inputs, targets = split.inputs[rows, :length], split.targets[rows, :length]
    scores = logits(weights, inputs.expand(runs, *inputs.shape), shape)
    loss = cross_entropy(scores, targets.flatten(0, 1))
    right = scores.argmax(dim=-1).view(runs, *inputs.shape[:2]) == split.answers[rows, :length]
    return loss, (right | ~split.form[rows, :length]).all(dim=-1)
