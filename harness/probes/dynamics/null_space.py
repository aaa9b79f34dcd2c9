"""Probe of the null space: weight decay in the directions that the data do not determine.

Over-parametrised least squares, L(w) = |X (w - w*)|^2 / 2 with w* in the row space of X. Gradients X^T r never leave that
space. In the null space, with the projection P, plain SGD gives |P w_t| = (1 - lr wd)^t |P w_0| exactly. With momentum mu, if
the penalty goes through the buffer, it follows the heavy-ball recursion
x_{t+1} = (1 + mu - lr wd) x_t - mu x_{t-1}, x_1 = (1 - lr wd) x_0.

The test error for isotropic inputs is |w - w*|^2. After the training data are fitted, |P w_t|^2 of it remains, and the model
generalises only when (1 - lr wd)^(2t) has removed this part: linear grokking (after Power et al. 2022), with a delay of order
1 / (lr wd). Without decay this part never goes away, unless training starts with a null-space part of zero; then there is no
delay.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from harness.decay_laws.tolerances import EPS
from harness.measurement import Measurement
from harness.probes.dynamics import NullSpaceSettings
from harness.subject.stepping import run_path

_SAMPLES, _WEIGHTS = 6, 20
_SHARE = 0.01  # the data count as fitted below this share of the initial loss, the rule as learnt below it of the error


@dataclass(frozen=True)
class _Problem:
    """Least squares: `features` (samples, weights), `solution` of norm 1 in their row space, `start`."""

    features: Tensor
    solution: Tensor
    start: Tensor

    def null_part(self, weight: Tensor) -> Tensor:
        """Return the part of `weight` in the null space of the features."""
        row_part: Tensor = torch.linalg.pinv(self.features) @ (self.features @ weight)
        return weight - row_part

    def gradient(self, weight: Tensor) -> Tensor:
        """Return the gradient of the training loss."""
        residual: Tensor = self.features @ (weight - self.solution)
        gradient: Tensor = self.features.T @ residual
        return gradient

    def train_loss(self, weight: Tensor) -> float:
        """Return |X (w - w*)|^2 / 2."""
        return float((self.features @ (weight - self.solution)).square().sum()) / 2


def run(make: Any, settings: NullSpaceSettings) -> dict[str, Measurement]:
    """Return the norm of the null-space part, and the steps after which the training loss and the test error are small."""
    problem = _problem(settings)
    path = _train(make, settings, problem=problem)
    factors = _null_factors(settings)
    return {
        **_null(problem, settings, path=path, factors=factors),
        **_learning(problem, settings, path=path, factors=factors),
    }


def _null_factors(settings: NullSpaceSettings) -> list[float]:
    """Return the fraction of the initial null-space part that the law leaves, before every step and after the last."""
    rate, momentum = settings.lr * settings.weight_decay, settings.momentum if settings.law == "heavy_ball" else 0.0
    factors = [1.0, 1 - rate]
    for _ in range(settings.steps - 1):
        factors.append((1 + momentum - rate) * factors[-1] - momentum * factors[-2])
    return factors


def _null(problem: _Problem, settings: NullSpaceSettings, *, path: list[Tensor], factors: list[float]) -> dict[str, Measurement]:
    norms = [float(problem.null_part(weight).norm()) for weight in path]
    size = settings.null_norm
    deviation = max(abs(norm - size * factor) for norm, factor in zip(norms, factors, strict=True))
    lost = float((problem.null_part(path[-1]) - problem.null_part(path[0])).norm())
    # Each of T steps, and the projection, round vectors of size |w0| by eps an entry. The effect
    # is the part that decay removes; without decay the whole null part; 1 if the start has no
    # null part.
    tolerance = 16 * settings.steps * EPS * (1 + size)
    effect = size * (1 - factors[-1]) or size or 1.0
    return {
        "null_norm": Measurement(norms[-1], "of |w*|", size * factors[-1], tolerance, effect),
        "null_deviation": Measurement(deviation, "of |w*|", 0.0, tolerance, effect),
        "null_lost": Measurement(lost, "of |w*|", size * (1 - factors[-1]), tolerance, effect),
    }


def _learning(
    problem: _Problem, settings: NullSpaceSettings, *, path: list[Tensor], factors: list[float]
) -> dict[str, Measurement]:
    train = [problem.train_loss(weight) for weight in path]
    test = [float((weight - problem.solution).square().sum()) for weight in path]
    null = [(settings.null_norm * factor) ** 2 for factor in factors]
    learnt = _first(null, below=_SHARE * test[0])
    expected = float(learnt) if 0 < learnt < settings.steps else None
    no_decay = settings.weight_decay == 0
    # A fitted residual is the rounding of X w, which has the size |X| |w|. Without decay the test
    # error is then only the square of the null part: its tolerance is 2 |P w| times the tolerance
    # of |P w|.
    rounding = (16 * EPS * float(problem.features.norm()) * (1 + settings.null_norm)) ** 2
    tolerance = 32 * settings.steps * EPS * (1 + settings.null_norm) ** 2 if no_decay else None
    return {
        "train_loss": Measurement(train[-1] / train[0], "of the initial loss", tolerance=rounding, information=no_decay),
        "test_error": Measurement(test[-1], "of |w*|^2", null[-1] if no_decay else None, tolerance, max(null[-1], 1.0)),
        "fitted_at": Measurement(float(_first(train, below=_SHARE * train[0])), "steps", information=True),
        "learnt_at": Measurement(float(_first(test, below=_SHARE * test[0])), "steps", expected, information=no_decay),
    }


def _first(values: list[float], *, below: float) -> int:
    """Return the first index whose value is under `below`, or the last index if there is none."""
    return next((index for index, value in enumerate(values) if value < below), len(values) - 1)


def _problem(settings: NullSpaceSettings) -> _Problem:
    generator = torch.Generator().manual_seed(settings.seed)
    basis, _ = torch.linalg.qr(torch.randn(_WEIGHTS, _WEIGHTS, generator=generator, dtype=torch.float64))
    strengths = torch.linspace(2.0, 2.5, _SAMPLES, dtype=torch.float64)  # the features' singular values
    rows, null = basis.T[:_SAMPLES], basis.T[_SAMPLES:]
    solution = rows.sum(0) / math.sqrt(_SAMPLES)
    start = settings.null_norm * null.sum(0) / math.sqrt(_WEIGHTS - _SAMPLES)
    return _Problem(strengths[:, None] * rows, solution, start)


def _train(make: Any, settings: NullSpaceSettings, *, problem: _Problem) -> list[Tensor]:
    """Return the weights before every step and after the last, on the full batch."""
    weight = torch.nn.Parameter(problem.start.clone())
    optimizer = make([weight], lr=settings.lr, weight_decay=settings.weight_decay)
    return run_path(optimizer, weight, lambda step, current: problem.gradient(current), settings.steps)
