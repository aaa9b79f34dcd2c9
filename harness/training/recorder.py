"""Recorder of a chunk's numbers during training: tensors on the device, so that recording does not wait for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.errors import RunError
from harness.training.evaluation import Scores
from harness.training.records import SLICES, Array
from harness.training.stacked_weights import StackedWeights

STEP_MEASURES = ("loss", "gradient_norm", "update_norm", "unseen_row")


class Recorder:
    """The numbers of all runs of a chunk, for every step and every checkpoint."""

    def __init__(self, stack: StackedWeights, steps: int) -> None:
        self.matrices = [name for name, part in stack.parts.items() if part.dim() == 3]
        self._labels = stack.labels
        self._before = torch.empty_like(stack.flat)
        self._start = _embedding_norms(stack)
        runs = len(stack.leaves)
        self.by_step = {name: stack.flat.new_zeros(steps, runs) for name in STEP_MEASURES}
        self.norms = stack.flat.new_zeros(steps, len(self.matrices), runs)
        self.checkpoints: list[int] = []
        self.by_checkpoint: dict[str, list[Tensor]] = {}

    def snapshot_weights(self, stack: StackedWeights) -> None:
        """Copy the weights before an update. The norm of the update is computed from the copy."""
        self._before.copy_(stack.flat)

    def write_step(self, step: int, stack: StackedWeights, **measures: Tensor) -> None:
        """Record the numbers of one step, after its update. `measures` are those that the loop has computed, (runs,)."""
        norms = [_norm(stack.parts[name]) for name in self.matrices]
        torch.stack(norms, out=self.norms[step - 1])
        measures["update_norm"] = _norm(self._before.sub_(stack.flat))
        measures["unseen_row"] = _norm(stack.parts["embedding"][:, -1]) / self._start[1]
        for name, value in measures.items():
            self.by_step[name][step - 1] = value

    def write_checkpoint(self, step: int, stack: StackedWeights, train: Scores, held_out: Scores) -> None:
        """Record the numbers of one checkpoint: the scores on both splits, and the norm of the embedding table."""
        self.checkpoints.append(step)
        measures = {
            "train_loss": train.loss,
            "held_out_loss": held_out.loss,
            "embedding_norm": _embedding_norms(stack)[0] / self._start[0],
            "train_regular": train.regular,
            "train_irregular": train.irregular,
            "held_out_regular": held_out.regular,
            "held_out_irregular": held_out.irregular,
        }
        for name, value in measures.items():
            self.by_checkpoint.setdefault(name, []).append(value)

    def raise_if_not_finite(self, step: int) -> None:
        """Raise RunError for the first training loss up to `step` that is not finite, or for the last held-out loss."""
        losses = self.by_step["loss"][:step]
        if not bool(losses.isfinite().all()):
            index, run = (int(number) for number in (~losses.isfinite()).nonzero()[0])
            raise RunError(f"{self._labels[run]}: training loss is {losses[index, run].item()} at step {index + 1}")
        # A training loss belongs to the weights before its step. Only this loss shows the weights
        # after the last step.
        held_out = self.by_checkpoint["held_out_loss"][-1]
        if not bool(held_out.isfinite().all()):
            run = int((~held_out.isfinite()).nonzero()[0])
            raise RunError(f"{self._labels[run]}: held-out loss is {held_out[run].item()} at step {self.checkpoints[-1]}")

    def read(self, run: int) -> dict[str, Any]:
        """Return the numbers of the run with index `run`, under the names of `RunRecord`, as float64 arrays on the CPU."""
        at_checkpoints = {name: _array(torch.stack(values)[:, run]) for name, values in self.by_checkpoint.items()}
        return {
            **{name: _array(values[:, run]) for name, values in self.by_step.items()},
            "matrix_norms": {name: _array(self.norms[:, index, run]) for index, name in enumerate(self.matrices)},
            "checkpoints": np.array(self.checkpoints, dtype=np.int64),
            "accuracy": {name: at_checkpoints.pop(name) for name in SLICES},
            **at_checkpoints,
        }


def _array(values: Tensor) -> Array:
    return values.cpu().double().numpy()


def _embedding_norms(stack: StackedWeights) -> tuple[Tensor, Tensor]:
    """Return two embedding norms of each run, (runs,): of the symbols that occur together, and of the unseen row."""
    table = stack.parts["embedding"]
    return _norm(table[:, :-1]), _norm(table[:, -1])


def _norm(stacked: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(stacked.flatten(1), dim=1)
    return norm  # (runs,)
