"""Measures of a study: a closed vocabulary. Each measure is a pure function of the record of one run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.measurement import Measurement
from harness.stats import mean_and_sd
from harness.training.recipe import Recipe
from harness.training.records import Array, RunRecord

LAST_CHECKPOINTS = 5
MEAN_AT_END = f"mean of the last {LAST_CHECKPOINTS} checkpoints"
# The embedding norm falls before it rises: the claim that it does not decrease starts at this step.
EARLY_DIP_STEPS = 200


@dataclass(frozen=True)
class Measure:
    """A named number: its unit, a description, the function of a run's record, and the closed form if it has one.

    `closed_form` takes the record, the recipe and the momentum (beta1) of the optimizer. `late_checkpoints` is the number of
    checkpoints from step EARLY_DIP_STEPS on without which the measure does not exist.
    """

    unit: str
    description: str
    function: Callable[[RunRecord], float]
    closed_form: Callable[[RunRecord, Recipe, float], float] | None = None
    late_checkpoints: int = 0

    def recipe_problem(self, recipe: Recipe) -> str:
        """Return the reason why runs of a recipe do not have this measure; empty if they have it."""
        late = [step for step in recipe.checkpoints if step >= EARLY_DIP_STEPS]
        if len(late) >= self.late_checkpoints:
            return ""
        return (
            f"needs at least {self.late_checkpoints} checkpoints from step {EARLY_DIP_STEPS} on, and the recipe has {len(late)} "
            f"(steps: {recipe.steps}, evaluate_every: {recipe.evaluate_every}); choose more steps or a smaller evaluate_every"
        )


def read_ensemble(runs: Sequence[RunRecord], recipe: Recipe, *, momentum: float) -> dict[str, Measurement]:
    """Return the measurement of every measure that runs of the recipe have, over the seeds of one arm.

    `runs` holds one record for each seed, in the order of the seeds; `momentum` is the beta1 that the arm gives its optimizer.
    Each measurement has one sample for each seed. Its value is their mean, and `expected` is the mean of the closed form.
    """
    measurements = {}
    for name, measure in MEASURES.items():
        if measure.recipe_problem(recipe):
            continue
        samples = tuple(measure.function(run) for run in runs)
        expected = float(np.mean([measure.closed_form(run, recipe, momentum) for run in runs])) if measure.closed_form else None
        measurements[name] = Measurement(mean_and_sd(samples)[0], measure.unit, expected=expected, samples=samples)
    return measurements


def undisturbed_fraction(run: RunRecord) -> float:
    """Return prod(1 - lr_t x weight_decay): the fraction that decay leaves of a weight without gradient."""
    return float(np.prod(1.0 - run.learning_rates * run.weight_decay))


def random_walk_growth(run: RunRecord, recipe: Recipe, momentum: float) -> float:
    """Return the embedding norm, relative to its start, of a random walk with Adam's normalised steps and decoupled decay.

    The gradients are modelled as independent noise that Adam scales to unit size and averages with `momentum` (its beta1):
    w_T = P_0 w_0 - sum_s c_s xi_s, c_s = sum_{t>=s} lr_t P_t (1 - beta1) beta1^(t-s), P_t = prod_{j>t} (1 - lr_j wd), so
    growth^2 = P_0^2 + sum_s c_s^2 / std^2. To first order in lr x wd and at a constant rate that is
    e^(-2x) + lr / (2 wd) (1 - e^(-2x)) / std^2 with x = sum of lr x wd (Kosson et al. 2024, AdamW's equilibrium).
    """
    factors = 1.0 - run.learning_rates * run.weight_decay
    later_decay = np.append(np.cumprod(factors[::-1])[::-1][1:], 1.0)  # P_t
    coefficient, variance = 0.0, 0.0  # c_s, and the sum of its squares
    for decayed_rate in (run.learning_rates * later_decay)[::-1]:
        coefficient = (1.0 - momentum) * float(decayed_rate) + momentum * coefficient
        variance += coefficient**2
    return math.sqrt(undisturbed_fraction(run) ** 2 + variance / recipe.embedding_std**2)


def _least_rise(run: RunRecord) -> float:
    late = run.embedding_norm[run.checkpoints >= EARLY_DIP_STEPS]
    return float(np.min(np.diff(late)))


def _early_dip(run: RunRecord) -> float:
    norms = run.matrix_norms["embedding"]
    return float(np.min(norms[:EARLY_DIP_STEPS]) / norms[0])


def _matrix_growth(run: RunRecord) -> float:
    ends, starts = (sum(float(norms[step]) ** 2 for norms in run.matrix_norms.values()) for step in (-1, 0))
    return math.sqrt(ends / starts)


def _update_to_weight(run: RunRecord) -> float:
    weight = math.sqrt(sum(float(norms[-1]) ** 2 for norms in run.matrix_norms.values()))
    return float(run.update_norm[-1]) / weight


def _end_mean(series: Array) -> float:
    """Return the mean of the last checkpoints: at a constant learning rate the last one alone is too noisy."""
    return float(np.mean(series[-LAST_CHECKPOINTS:]))


def _gap(run: RunRecord) -> float:
    return _end_mean(run.held_out_loss - run.train_loss)


def _accuracy(part: str) -> Callable[[RunRecord], float]:
    return lambda run: _end_mean(run.accuracy[part])


def _parting_step(run: RunRecord) -> float:
    """Return the first checkpoint from which the held-out loss stays more than 0.25 nats above the train loss.

    Return the last checkpoint if the gap is not open at the end.
    """
    apart = run.held_out_loss - run.train_loss > 0.25
    together = np.flatnonzero(~apart)
    first = int(together[-1]) + 1 if together.size else 0
    return float(run.checkpoints[min(first, len(run.checkpoints) - 1)])


MEASURES: Mapping[str, Measure] = {
    "train_loss": Measure("nats", f"loss on all training sentences, {MEAN_AT_END}", lambda run: _end_mean(run.train_loss)),
    "held_out_loss": Measure("nats", f"loss on all held-out sentences, {MEAN_AT_END}", lambda run: _end_mean(run.held_out_loss)),
    "gap": Measure("nats", f"held-out loss minus train loss, {MEAN_AT_END}", _gap),
    "parting_step": Measure("step", "first checkpoint from which the gap stays above 0.25 nats", _parting_step),
    "embedding_growth": Measure(
        "x start",
        "norm of the embedding rows of the symbols that occur, at the last step, relative to the start",
        lambda run: float(run.embedding_norm[-1]),
        random_walk_growth,
    ),
    "embedding_least_rise": Measure(
        "x start",
        f"smallest rise of the embedding norm between two checkpoints, from step {EARLY_DIP_STEPS} on",
        _least_rise,
        late_checkpoints=2,
    ),
    "embedding_dip": Measure(
        "x first",
        f"smallest norm of the embedding table up to step {EARLY_DIP_STEPS}, relative to its norm after step 1",
        _early_dip,
    ),
    "matrix_growth": Measure(
        "x first", "norm of all matrices at the last step, relative to their norm after step 1", _matrix_growth
    ),
    "update_to_weight": Measure("fraction", "norm of the last update, divided by the norm of all matrices", _update_to_weight),
    "unseen_row": Measure(
        "x start",
        "norm of the embedding row of the symbol that never occurs, at the last step, relative to the start",
        lambda run: float(run.unseen_row[-1]),
        lambda run, recipe, momentum: undisturbed_fraction(run),
    ),
    "train_regular": Measure(
        "fraction", f"share of regular verb forms that are right, training sentences, {MEAN_AT_END}", _accuracy("train_regular")
    ),
    "train_irregular": Measure(
        "fraction",
        f"share of irregular verb forms that are right, training sentences, {MEAN_AT_END}",
        _accuracy("train_irregular"),
    ),
    "held_out_regular": Measure(
        "fraction",
        f"share of regular verb forms that are right, held-out sentences, {MEAN_AT_END}",
        _accuracy("held_out_regular"),
    ),
    "held_out_irregular": Measure(
        "fraction",
        f"share of irregular verb forms that are right, held-out sentences, {MEAN_AT_END}",
        _accuracy("held_out_irregular"),
    ),
}
