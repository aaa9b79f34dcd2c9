"""Scores of the network on a whole split: mean loss, and the share of verb forms that are right."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harness.training.model import ModelShape, Weights, cross_entropy, logits
from harness.training.task import Sentences

SENTENCES_PER_PASS = 48  # sentences in one forward pass, over all runs: few enough for the processor's cache


@dataclass(frozen=True, eq=False)
class Encoded:
    """n sentences as the network takes them.

    `real` and `lengths` both hold the number of targets of each sentence that are not padding.
    """

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
    """The scores of each run, (runs,): the loss, in nats per character, and two shares of sentences.

    A share counts the sentences in which every character of the verb form is right, given the true characters before it.
    """

    loss: Tensor
    regular: Tensor
    irregular: Tensor


@torch.inference_mode()
def evaluate(weights: Weights, split: Encoded, shape: ModelShape) -> Scores:
    """Return the scores of every run on all sentences of a split."""
    losses: list[Tensor] = []
    matches: list[Tensor] = []
    size = max(1, SENTENCES_PER_PASS // len(weights["embedding"]))
    for start in range(0, len(split.inputs), size):
        loss, match = _evaluate_rows(weights, split, slice(start, start + size), shape)
        losses.append(loss)
        matches.append(match)
    matched = torch.cat(matches, dim=1).to(losses[0].dtype)
    return Scores(
        loss=torch.stack(losses).sum(dim=0) / split.real.sum(),
        regular=matched[:, split.regular].mean(dim=1),
        irregular=matched[:, ~split.regular].mean(dim=1),
    )


def _evaluate_rows(weights: Weights, split: Encoded, rows: slice, shape: ModelShape) -> tuple[Tensor, Tensor]:
    """Return, for some sentences, the summed loss (runs,) and whether the verb form is right (runs, sentences)."""
    # Positions that are padding in all of these sentences are not evaluated.
    runs, length = len(weights["embedding"]), max(split.lengths[rows])
    inputs, targets = split.inputs[rows, :length], split.targets[rows, :length]
    scores = logits(weights, inputs.expand(runs, *inputs.shape), shape)
    loss = cross_entropy(scores, targets.flatten(0, 1))
    right = scores.argmax(dim=-1).view(runs, *inputs.shape[:2]) == split.answers[rows, :length]
    return loss, (right | ~split.form[rows, :length]).all(dim=-1)
