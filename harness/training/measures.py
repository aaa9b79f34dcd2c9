"""Which numbers does a study report? A closed vocabulary; each measure is a pure function of what one run recorded."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.measurement import Measurement
from harness.stats import moments
from harness.training.recipe import Recipe
from harness.training.records import Array, RunRecord

LAST_CHECKPOINTS = 5
AT_END = f"mean of the last {LAST_CHECKPOINTS} checkpoints"
EARLY_DIP = 200  # the embedding norm falls before it rises: "non-decreasing" is claimed from this step on


@dataclass(frozen=True)
class Measure:
    """A named number: its unit, what it says, how it is read off a run, and its closed form where there is one."""

    unit: str
    says: str
    of: Callable[[RunRecord], float]
    closed_form: Callable[[RunRecord, Recipe, float], float] | None = None


def read_ensemble(runs: Sequence[RunRecord], recipe: Recipe, *, momentum: float) -> dict[str, Measurement]:
    """Return every measure's reading over the seeds of one arm.

    `runs` holds one run a seed, in the order of the seeds; `momentum` is the beta1 that the arm gives its optimizer.
    """
    readings = {}
    for name, measure in MEASURES.items():
        samples = tuple(measure.of(run) for run in runs)
        expected = float(np.mean([measure.closed_form(run, recipe, momentum) for run in runs])) if measure.closed_form else None
        readings[name] = Measurement(moments(samples)[0], measure.unit, expected=expected, samples=samples)
    return readings


def undisturbed_fraction(run: RunRecord) -> float:
    """Return prod(1 - lr_t x weight_decay): what decay leaves of a weight that gets no gradient."""
    return float(np.prod(1.0 - run.learning_rates * run.weight_decay))


def random_walk_growth(run: RunRecord, recipe: Recipe, momentum: float) -> float:
    """Return the embedding norm, relative to its start, of a random walk under decay in Adam's normalised steps.

    Gradients are taken as independent noise that Adam scales to unit size and averages with `momentum` (its beta1):
    w_T = P_0 w_0 - sum_s c_s xi_s, c_s = sum_{t>=s} lr_t P_t (1 - beta1) beta1^(t-s), P_t = prod_{j>t} (1 - lr_j wd), so
    growth^2 = P_0^2 + sum_s c_s^2 / std^2. To first order in lr x wd and at a constant rate that is
    e^(-2x) + lr / (2 wd) (1 - e^(-2x)) / std^2 with x = sum of lr x wd (Kosson et al. 2024, AdamW's equilibrium).
    """
    factors = 1.0 - run.learning_rates * run.weight_decay
    after = np.append(np.cumprod(factors[::-1])[::-1][1:], 1.0)
    share, walked = 0.0, 0.0
    for moved in (run.learning_rates * after)[::-1]:
        share = (1.0 - momentum) * float(moved) + momentum * share
        walked += share**2
    return math.sqrt(undisturbed_fraction(run) ** 2 + walked / recipe.embedding_std**2)


def _least_rise(run: RunRecord) -> float:
    late = run.embedding_norm[run.checkpoints >= EARLY_DIP]
    return float(np.min(np.diff(late)))


def _early_dip(run: RunRecord) -> float:
    norms = run.matrix_norms["embedding"]
    return float(np.min(norms[:EARLY_DIP]) / norms[0])


def _matrix_growth(run: RunRecord) -> float:
    ends, starts = (sum(float(norms[step]) ** 2 for norms in run.matrix_norms.values()) for step in (-1, 0))
    return math.sqrt(ends / starts)


def _update_to_weight(run: RunRecord) -> float:
    weight = math.sqrt(sum(float(norms[-1]) ** 2 for norms in run.matrix_norms.values()))
    return float(run.update_norm[-1]) / weight


def _at_end(series: Array) -> float:
    """Return the mean of the last checkpoints: at a constant rate a single one is a noisy draw."""
    return float(np.mean(series[-LAST_CHECKPOINTS:]))


def _gap(run: RunRecord) -> float:
    return _at_end(run.held_out_loss - run.train_loss)


def _right(part: str) -> Callable[[RunRecord], float]:
    return lambda run: _at_end(run.accuracy[part])


def _parting(run: RunRecord) -> float:
    """The first checkpoint from which held-out loss stays 0.25 nats above train loss; the end when it never does."""
    apart = run.held_out_loss - run.train_loss > 0.25
    together = np.flatnonzero(~apart)
    first = int(together[-1]) + 1 if together.size else 0
    return float(run.checkpoints[min(first, len(run.checkpoints) - 1)])


MEASURES: Mapping[str, Measure] = {
    "train_loss": Measure("nats", f"loss on all training sentences, {AT_END}", lambda run: _at_end(run.train_loss)),
    "held_out_loss": Measure("nats", f"loss on all held-out sentences, {AT_END}", lambda run: _at_end(run.held_out_loss)),
    "gap": Measure("nats", f"held-out loss minus train loss, {AT_END}", _gap),
    "parting_step": Measure("step", "first checkpoint from which the gap stays above 0.25 nats", _parting),
    "embedding_growth": Measure(
        "x start", "norm of the embedding table at the last step", lambda run: float(run.embedding_norm[-1]), random_walk_growth
    ),
    "embedding_least_rise": Measure("x start", f"smallest rise between checkpoints from step {EARLY_DIP} on", _least_rise),
    "embedding_dip": Measure(
        "x first", f"smallest norm of the embedding table up to step {EARLY_DIP}, relative to that after step 1", _early_dip
    ),
    "matrix_growth": Measure("x first", "norm of all matrices at the last step, relative to that after step 1", _matrix_growth),
    "update_to_weight": Measure("fraction", "norm of the last update over the norm of the matrices", _update_to_weight),
    "unseen_row": Measure(
        "x start",
        "norm of the row of the symbol that never occurs, at the last step",
        lambda run: float(run.unseen_row[-1]),
        lambda run, recipe, momentum: undisturbed_fraction(run),
    ),
    "train_regular": Measure("fraction", f"regular verb forms right, training, {AT_END}", _right("train_regular")),
    "train_irregular": Measure("fraction", f"irregular verb forms right, training, {AT_END}", _right("train_irregular")),
    "held_out_regular": Measure("fraction", f"regular verb forms right, held out, {AT_END}", _right("held_out_regular")),
    "held_out_irregular": Measure("fraction", f"irregular verb forms right, held out, {AT_END}", _right("held_out_irregular")),
}
