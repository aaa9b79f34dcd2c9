"""The numbers of a golden: exact ones, means over seeds, and information that is not compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from harness import stats
from harness.policy import ENSEMBLE_FLOOR, EXACT_FLOOR, FULL_SIZE, NO_VARIANCE, SINGLE_RTOL, SINGLE_SIGNAL

MOST_SIGNAL = 1e16  # a tolerance of zero: no ratio of two float64 numbers near 1 says more


@dataclass(frozen=True)
class Exact:
    """A number that a new run must meet within atol + rtol * |recorded value|.

    `signal` is what weight decay is worth in the number, in tolerances; None where it was not measured.
    """

    value: float
    rtol: float
    atol: float
    signal: float | None = None

    @property
    def tolerance(self) -> float:
        """How far a new number may lie from this one: also the smallest change that is seen."""
        return self.atol + self.rtol * abs(self.value)


@dataclass(frozen=True)
class Ensemble:
    """A mean over n seeds, to which later runs of `runs` seeds are held at the false-alarm rate alpha.

    `tolerance` is how far the mean of such a run may lie from this one; `detects` the change that it finds nine times in ten;
    `signal` what weight decay is worth in the mean, in units of `detects`.
    """

    mean: float
    sd: float
    n: int
    runs: int
    alpha: float
    tolerance: float
    detects: float
    signal: float | None = None

    @classmethod
    def of(cls, samples: Sequence[float], *, alpha: float, runs: int | None = None) -> Ensemble:
        """Summarise one value per seed; samples that cannot be gated give an entry that is refused."""
        mean, sd = stats.moments(samples)
        return cls.summary(mean=mean, sd=sd, n=len(samples), runs=len(samples) if runs is None else runs, alpha=alpha)

    @classmethod
    def summary(cls, *, mean: float, sd: float, n: int, runs: int, alpha: float) -> Ensemble:
        """Add to a mean and its spread the tolerance that they give."""
        try:
            tolerance = stats.prediction_tolerance(sd=sd, n=n, n_new=runs, alpha=alpha)
            detects = stats.detectable_change(sd=sd, n=n, n_new=runs, alpha=alpha)
        except (ValueError, ZeroDivisionError):  # no tolerance: `invalid_reason` says why
            tolerance = detects = math.nan
        return cls(mean, sd, n, runs, alpha, tolerance, detects)


@dataclass(frozen=True)
class Information:
    """A mean that is recorded and not compared; a single number has n = 1 and sd = 0."""

    mean: float
    sd: float
    n: int

    @classmethod
    def of(cls, samples: Sequence[float]) -> Information:
        """Summarise one value per seed, or a single number."""
        mean, sd = stats.moments(samples)
        return cls(mean, 0.0 if len(samples) == 1 else sd, len(samples))


GoldenValue = Exact | Ensemble | Information
Gated = TypeVar("Gated", bound=Exact | Ensemble)


def invalid_reason(entry: GoldenValue) -> str:
    """Return why an entry can be neither recorded nor compared, or nothing."""
    if isinstance(entry, Ensemble) and (entry.n < 2 or entry.runs < 1):
        return f"an ensemble of {entry.n}" + (f" for runs of {entry.runs}" if entry.runs != entry.n else "")
    if isinstance(entry, Ensemble) and entry.sd <= NO_VARIANCE * abs(entry.mean):
        return "zero variance"
    if not all(math.isfinite(number) for number in vars(entry).values() if number is not None):
        return "not finite"
    if isinstance(entry, Exact) and not (0 <= entry.rtol < FULL_SIZE and entry.atol >= 0):
        return f"a tolerance that checks nothing (rtol {entry.rtol:g}, atol {entry.atol:g})"
    return ""


def min_sensitivity(entry: Exact | Ensemble) -> float:
    """Return the least signal that a gate needs: in tolerances of an exact number, in detectable changes of an ensemble."""
    if isinstance(entry, Ensemble):
        return ENSEMBLE_FLOOR
    return SINGLE_SIGNAL if entry.rtol >= SINGLE_RTOL else EXACT_FLOOR


def smallest_change(entry: Exact | Ensemble) -> float:
    """Return the smallest change of the number that a gate sees: an exact one surely, an ensemble nine times in ten."""
    return entry.detects if isinstance(entry, Ensemble) else entry.tolerance


def with_sensitivity(entry: Gated, distance: float) -> Gated:
    """Return the gate with its signal, of two digits: `distance` is what weight decay changes in its number."""
    unit = smallest_change(entry)
    ratio = min(abs(distance) / unit, MOST_SIGNAL) if unit else MOST_SIGNAL if distance else 0.0
    return replace(entry, signal=float(f"{ratio:.2g}"))


def insensitive_reason(entry: GoldenValue) -> str:
    """Return why a gate would not see weight decay come or go, or nothing; a signal that is not known is no reason."""
    if isinstance(entry, Information) or entry.signal is None or entry.signal >= min_sensitivity(entry):
        return ""
    unit, name = smallest_change(entry), "detectable change" if isinstance(entry, Ensemble) else "tolerance"
    return (
        f"vacuous: weight decay is worth {entry.signal * unit:.2g} here, {entry.signal:.2g} times the {name} {unit:.2g} "
        f"(floor {min_sensitivity(entry):g})"
    )


def compared_value(entry: GoldenValue) -> float:
    """Return the number that is compared."""
    return entry.value if isinstance(entry, Exact) else entry.mean


def rule(entry: GoldenValue) -> dict[str, float | str]:
    """Return what decides how an entry is compared, beside the recorded numbers themselves."""
    match entry:
        case Exact():
            return {"lane": "exact", "rtol": entry.rtol, "atol": entry.atol}
        case Ensemble():
            return {"lane": "ensemble", "runs": entry.runs, "alpha": entry.alpha}
        case Information():
            return {"lane": "information", "n": entry.n}
