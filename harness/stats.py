"""Statistics of a mean over a few seeds: Student's t (central and noncentral), intervals, detectable changes.

Also the chance that a true effect is not shown, and how far a new mean may lie from a recorded one. Samples are assumed to be
independent and normal. A pool of seeds cannot check this far out in the tails. Too few samples, a number that is not finite and
zero variance are errors, because each would look like certainty.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from harness.policy import NO_VARIANCE

NODES = 4001  # points of the noncentral t's integral; twice as many change it by less than 1e-13


def normal_cdf(x: float) -> float:
    """Return P(Z <= x), accurate in both tails."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def student_cdf(t: float, df: float) -> float:
    """Return P(T <= t) of Student's t, accurate in the lower tail; for the upper tail, pass -t."""
    # Abramowitz & Stegun 26.5.27: 2 P(T > |t|) = I_x(df/2, 1/2) with x = df / (df + t^2).
    # The continued fraction needs x < (a + 1) / (a + b + 2). For a larger x the tail is over 0.04,
    # and the complement loses no digits.
    square = t * t
    if square * (0.5 * df + 1.0) < 1.5 * df:
        inside = 0.5 * _incomplete_beta(square / (df + square), 0.5, df / 2)
        return 0.5 - inside if t < 0 else 0.5 + inside
    tail = 0.5 * _incomplete_beta(df / (df + square), df / 2, 0.5)
    return tail if t < 0 else 1.0 - tail


def student_quantile(p: float, df: float) -> float:
    """Return the t with P(T <= t) = p. Raises ValueError unless 0 < p < 1."""
    if _probability(p) > 0.5:
        return -_lower_quantile(1.0 - p, df)
    return _lower_quantile(p, df)


@cache
def student_critical(level: float, df: float) -> float:
    """Return the t with P(T > t) = level; unlike `student_quantile(1 - level)` it loses no digits."""
    return -student_quantile(level, df)


def noncentral_cdf(t: float, df: float, noncentrality: float) -> float:
    """Return P(T <= t) of the noncentral t, accurate in the lower tail."""
    # T = (Z + noncentrality) / S with S^2 = chi^2 / df, so P(T <= t) is the mean over S of
    # P(Z <= t S - noncentrality). As a function of log S the integrand falls off on both sides, so
    # that the trapezoidal rule converges exponentially.
    left, right = 45.0 / df + 10.0 / math.sqrt(df), min(3.0, 10.0 / math.sqrt(df))
    u = np.linspace(-left, right, NODES)
    log_density = math.log(2.0) + 0.5 * df * math.log(0.5 * df) - math.lgamma(0.5 * df) + df * (u - 0.5 * np.exp(2 * u))
    below = [normal_cdf(float(x)) for x in t * np.exp(u) - noncentrality]
    return float(np.sum(np.exp(log_density) * np.array(below)) * (left + right) / (NODES - 1))


def mean_bounds(samples: Sequence[float], *, level: float) -> tuple[float, float]:
    """Return the lower and the upper one-sided bound of the mean, each wrong with chance `level`.

    Raises ValueError for less than two samples, a sample that is not finite, and zero variance.
    """
    mean, sd = mean_and_sd(samples)
    _refuse(sd, len(samples), size=max(map(abs, samples), default=0.0))
    half = student_critical(level, len(samples) - 1) * sd / math.sqrt(len(samples))
    return mean - half, mean + half


def miss_probability(*, effect: float, n: int, level: float) -> float:
    """Return the chance that a one-sided t test over `n` samples misses a true `effect` in standard deviations."""
    return noncentral_cdf(student_critical(level, n - 1), n - 1, effect * math.sqrt(n))


def prediction_tolerance(*, sd: float, n: int, n_new: int, alpha: float) -> float:
    """Return how far the mean of `n_new` samples may lie from a recorded mean: wrong with chance `alpha` if nothing changed.

    `sd` and `n` come from the recorded samples alone, so that a large new spread cannot widen its own tolerance.
    Raises ValueError for n under 2, an sd that is not finite, and zero variance.
    """
    _refuse(sd, n)
    return student_critical(alpha / 2, n - 1) * sd * math.sqrt(1.0 / n + 1.0 / n_new)


def detectable_change(*, sd: float, n: int, n_new: int, alpha: float, power: float = 0.9) -> float:
    """Return the smallest change of the mean that exceeds `prediction_tolerance` with chance `power`, if `sd` is the true one."""
    _refuse(sd, n)
    return _detectable_noncentrality(n - 1, alpha, power) * sd * math.sqrt(1.0 / n + 1.0 / n_new)


def mean_and_sd(samples: Sequence[float]) -> tuple[float, float]:
    """Return the mean and the standard deviation with n - 1 in the denominator (nan for one sample)."""
    n = len(samples)
    mean = sum(samples) / n if n else math.nan
    squares = sum((x - mean) * (x - mean) for x in samples)  # fsum and ** would raise where this overflows to inf
    return mean, math.sqrt(squares / (n - 1)) if n > 1 else math.nan


@dataclass(frozen=True)
class SampleShape:
    """How far samples are from normal: skewness and excess kurtosis (0 for a normal law), and Anderson and Darling's statistic.

    `anderson` is A^2 (1 + 0.75 / n + 2.25 / n^2), for a mean and a spread that are estimated from the samples. For one in a
    hundred sets of normal samples it exceeds NOT_NORMAL (Stephens 1986, table 4.7).
    """

    skewness: float
    kurtosis: float
    anderson: float


NOT_NORMAL = 1.035


def sample_shape(samples: Sequence[float]) -> SampleShape:
    """Return the shape of at least eight samples. Raises ValueError in the same cases as `interval`."""
    mean, sd = mean_and_sd(samples)
    n = len(samples)
    _refuse(sd, n, size=max(map(abs, samples), default=0.0))
    unit = sd * math.sqrt((n - 1) / n)  # moments about the mean have n in the denominator
    third, fourth = (sum(((x - mean) / unit) ** power for x in samples) / n for power in (3, 4))
    ordered = [(x - mean) / sd for x in sorted(samples)]
    total = sum(
        (2 * rank + 1) * (math.log(normal_cdf(low)) + math.log(normal_cdf(-high)))
        for rank, (low, high) in enumerate(zip(ordered, reversed(ordered), strict=True))
    )
    return SampleShape(third, fourth - 3.0, (-n - total / n) * (1 + 0.75 / n + 2.25 / n**2))


def _refuse(sd: float, n: int, *, size: float = 0.0) -> None:
    if n < 2:
        raise ValueError(f"expected at least two samples, got {n}")
    if not math.isfinite(sd):
        raise ValueError(f"not finite: the standard deviation of {n} samples is {sd}")
    if sd <= NO_VARIANCE * size:
        raise ValueError(f"zero variance: the standard deviation of {n} samples is {sd:.3g}")


def _probability(p: float) -> float:
    if not 0.0 < p < 1.0:
        raise ValueError(f"expected a probability between 0 and 1, got {p}")
    return p


def _lower_quantile(p: float, df: float) -> float:
    low = -1.0
    while student_cdf(low, df) > p:
        low *= 2.0
    return _solve(lambda t: student_cdf(t, df) - p, low, 0.0)


@cache
def _detectable_noncentrality(df: int, alpha: float, power: float) -> float:
    critical = student_critical(alpha / 2, df)
    high = 1.0
    while noncentral_cdf(critical, df, high) > 1.0 - power:
        high *= 2.0
    return _solve(lambda d: 1.0 - power - noncentral_cdf(critical, df, d), 0.0, high)


def _solve(rising: Callable[[float], float], low: float, high: float) -> float:
    """Return the root of a rising function by bisection, to the last digit."""
    while low < (middle := 0.5 * (low + high)) < high:
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return middle


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """Return I_x(a, b) by its continued fraction (Abramowitz & Stegun 26.5.8), best for x < (a + 1) / (a + b + 2)."""
    if x <= 0.0:
        return 0.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    # The fraction is evaluated from its start by the ratios of successive numerators and denominators
    # (Lentz's recurrence).
    value, numerator, denominator = 1.0, 1.0, 0.0
    for k in range(1, 1000):
        m = k // 2
        term = m * (b - m) if k % 2 == 0 else -(a + m) * (a + b + m)
        term *= x / ((a + k - 1) * (a + k))
        denominator = 1.0 / (1.0 + term * denominator)
        numerator = 1.0 + term / numerator
        value *= numerator * denominator
        if abs(numerator * denominator - 1.0) < 1e-16:
            return front / value
    raise ValueError(f"the continued fraction of I_{x}({a}, {b}) did not converge")
