"""How well does the network do on a whole split? Mean loss, and the share of verb forms that it gets right."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harness.gpt import Shape, Weights, cross_entropy, logits
from harness.task import Sentences

SENTENCES_AT_ONCE = 24  # so that activations stay in the processor's cache


@dataclass(frozen=True, eq=False)
class Encoded:
    """Sentences as the network takes them. `real` is the number of real targets of each sentence."""

    inputs: Tensor  # (n, length, symbols), one-hot
    targets: Tensor  # (n, length, symbols - 1), one-hot, zero where padded
    real: Tensor  # (n,)
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
def evaluate(weights: Weights, split: Encoded, shape: Shape) -> Scores:
    """Score every sentence of a split with every run's weights."""
    losses: list[Tensor] = []
    exact: list[Tensor] = []
    for rows in torch.arange(len(split.inputs)).split(SENTENCES_AT_ONCE):
        loss, right = _evaluate(weights, split, slice(int(rows[0]), int(rows[-1]) + 1), shape)
        losses.append(loss)
        exact.append(right)
    matches = torch.cat(exact, dim=1).to(losses[0].dtype)
    return Scores(
        loss=torch.stack(losses).sum(dim=0) / split.real.sum(),
        regular=matches[:, split.regular].mean(dim=1),
        irregular=matches[:, ~split.regular].mean(dim=1),
    )


def _evaluate(weights: Weights, split: Encoded, rows: slice, shape: Shape) -> tuple[Tensor, Tensor]:
    runs = len(weights["embedding"])
    inputs, targets = split.inputs[rows], split.targets[rows]
    scores = logits(weights, inputs.expand(runs, *inputs.shape), shape)
    loss = cross_entropy(scores, targets.flatten(0, 1))
    right = scores.argmax(dim=-1).view(runs, *inputs.shape[:2]) == split.answers[rows]
    return loss, (right | ~split.form[rows]).all(dim=-1)
