"""Golden values: exact numbers, means over seeds (ensembles), and information that is not compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from harness import stats
from harness.policy import ENSEMBLE_FLOOR, EXACT_FLOOR, FLOAT32_RTOL, FLOAT32_SIGNAL, FULL_SIZE, NO_VARIANCE

MAX_SENSITIVITY = 1e16  # for a tolerance of zero: the ratio of two float64 numbers near 1 cannot show more


@dataclass(frozen=True)
class Exact:
    """A number that a new run must give again within atol + rtol * |recorded value|.

    `signal` is the sensitivity: how much of the number weight decay causes, in tolerances; None if it was not measured.
    """

    value: float
    rtol: float
    atol: float
    signal: float | None = None

    @property
    def tolerance(self) -> float:
        """The largest allowed distance of a new number, and so the smallest change that is noticed."""
        return self.atol + self.rtol * abs(self.value)


@dataclass(frozen=True)
class Ensemble:
    """A mean over n seeds, compared with the means of later runs of `runs` seeds at the false-alarm rate alpha.

    `tolerance` is the largest allowed distance of such a mean. `detects` is the change that such a run finds nine times in ten.
    `signal` is the sensitivity: how much of the mean weight decay causes, in units of `detects`; None if it is unknown.
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
        """Return the ensemble of one value per seed. `invalid_reason` refuses the result if the samples cannot be a gate."""
        mean, sd = stats.mean_and_sd(samples)
        return cls.summary(mean=mean, sd=sd, n=len(samples), runs=len(samples) if runs is None else runs, alpha=alpha)

    @classmethod
    def summary(cls, *, mean: float, sd: float, n: int, runs: int, alpha: float) -> Ensemble:
        """Return the ensemble of a mean and its spread, with the tolerance and the detectable change that follow from them."""
        try:
            tolerance = stats.prediction_tolerance(sd=sd, n=n, n_new=runs, alpha=alpha)
            detects = stats.detectable_change(sd=sd, n=n, n_new=runs, alpha=alpha)
        except (ValueError, ZeroDivisionError):  # without a tolerance, `invalid_reason` gives the reason
            tolerance = detects = math.nan
        return cls(mean, sd, n, runs, alpha, tolerance, detects)


@dataclass(frozen=True)
class Information:
    """A mean that is recorded and never compared. A single number has n = 1 and sd = 0."""

    mean: float
    sd: float
    n: int

    @classmethod
    def of(cls, samples: Sequence[float]) -> Information:
        """Return the information of one value per seed, or of a single number."""
        mean, sd = stats.mean_and_sd(samples)
        return cls(mean, 0.0 if len(samples) == 1 else sd, len(samples))


GoldenValue = Exact | Ensemble | Information
Gated = TypeVar("Gated", bound=Exact | Ensemble)


def invalid_reason(entry: GoldenValue) -> str:
    """Return the reason why an entry can be neither recorded nor compared, or an empty string."""
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
    """Return the smallest sensitivity that a gate needs: in tolerances (exact number), in detectable changes (ensemble)."""
    if isinstance(entry, Ensemble):
        return ENSEMBLE_FLOOR
    return FLOAT32_SIGNAL if entry.rtol >= FLOAT32_RTOL else EXACT_FLOOR


def smallest_change(entry: Exact | Ensemble) -> float:
    """Return the smallest change that a gate notices: an exact number always, an ensemble nine times in ten."""
    return entry.detects if isinstance(entry, Ensemble) else entry.tolerance


def with_sensitivity(entry: Gated, distance: float) -> Gated:
    """Return the gate with its sensitivity, rounded to two digits. `distance` is the change that weight decay causes."""
    unit = smallest_change(entry)
    ratio = min(abs(distance) / unit, MAX_SENSITIVITY) if unit else MAX_SENSITIVITY if distance else 0.0
    return replace(entry, signal=float(f"{ratio:.2g}"))


def insensitive_reason(entry: GoldenValue) -> str:
    """Return the reason why a gate would not notice that weight decay is missing, or an empty string.

    An unknown sensitivity is no reason.
    """
    if isinstance(entry, Information) or entry.signal is None or entry.signal >= min_sensitivity(entry):
        return ""
    unit, name = smallest_change(entry), "detectable change" if isinstance(entry, Ensemble) else "tolerance"
    return (
        f"vacuous: weight decay is worth {entry.signal * unit:.2g} here, {entry.signal:.2g} times the {name} {unit:.2g} "
        f"(floor {min_sensitivity(entry):g})"
    )


def compared_value(entry: GoldenValue) -> float:
    """Return the number of an entry that is compared: its value or its mean."""
    return entry.value if isinstance(entry, Exact) else entry.mean


def rule(entry: GoldenValue) -> dict[str, float | str]:
    """Return the rule by which an entry is compared: its lane and settings, without the recorded numbers."""
    match entry:
        case Exact():
            return {"lane": "exact", "rtol": entry.rtol, "atol": entry.atol}
        case Ensemble():
            return {"lane": "ensemble", "runs": entry.runs, "alpha": entry.alpha}
        case Information():
            return {"lane": "information", "n": entry.n}
