"""Record of one run, with the numbers of every step and every checkpoint, and the file that keeps records.

Steps count from 1: entry i of a per-step array belongs to step i + 1. The loss and the gradient norm of a step are computed
before its update, the other norms after it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SLICES = ("train_regular", "train_irregular", "held_out_regular", "held_out_irregular")


@dataclass(frozen=True, eq=False)
class RunRecord:
    """One run of one arm: its settings, then the numbers that were recorded. Losses are in nats per character.

    At every step, (steps,): loss, learning_rates, gradient_norm (of all weights, before clipping), update_norm (of all
    weights, as applied), matrix_norms by matrix, unseen_row (norm of the unseen row, as a multiple of its initial one).
    At checkpoints, (n,): checkpoints (step 0 is before the first update), train_loss and held_out_loss over all sentences,
    accuracy by slice (every character of the verb form right, given the true characters before it), embedding_norm
    (rows of the symbols that occur, as a multiple of the initial one).
    """

    arm: str
    seed: int
    lr: float
    weight_decay: float
    loss: Array
    learning_rates: Array
    gradient_norm: Array
    update_norm: Array
    matrix_norms: Mapping[str, Array]
    unseen_row: Array
    checkpoints: NDArray[np.int64]
    train_loss: Array
    held_out_loss: Array
    accuracy: Mapping[str, Array]
    embedding_norm: Array


def save_runs(path: Path, runs: Sequence[RunRecord]) -> None:
    """Write the records of runs to one npz file, exactly and without pickle."""
    arrays: dict[str, NDArray[Any]] = {}
    settings: list[dict[str, Any]] = []
    for index, run in enumerate(runs):
        settings.append({"arm": run.arm, "seed": run.seed, "lr": run.lr, "weight_decay": run.weight_decay})
        for field in fields(run):
            value = getattr(run, field.name)
            if isinstance(value, np.ndarray):
                arrays[f"{index}/{field.name}"] = value
            elif isinstance(value, Mapping):
                arrays |= {f"{index}/{field.name}/{key}": part for key, part in value.items()}
    with path.open("wb") as file:  # given a path, numpy would append .npz to it
        np.savez(file, allow_pickle=False, settings=np.array(json.dumps(settings)), **arrays)


def load_runs(path: Path) -> list[RunRecord]:
    """Return the records in a file that `save_runs` wrote."""
    with np.load(path, allow_pickle=False) as file:
        settings = json.loads(str(file["settings"]))
        records: list[dict[str, Any]] = [dict(entry) for entry in settings]
        for key in file.files:
            if key != "settings":
                _set_array(records, key.split("/", 2), file[key])
    return [RunRecord(**record) for record in records]


def _set_array(records: list[dict[str, Any]], key: list[str], value: NDArray[Any]) -> None:
    """Put an array into its record. `key` is (index of the run, field), or (index of the run, field, key in the field)."""
    record, name = records[int(key[0])], key[1]
    if len(key) == 3:
        record.setdefault(name, {})[key[2]] = value
    else:
        record[name] = value
