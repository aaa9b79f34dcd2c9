"""Have a scenario's numbers moved since they were recorded, and by how much more than they may?

An exact number has a tolerance of its own; an ensemble is compared with what its recorded spread predicts for a new mean;
information is recorded beside them and never judged. A change of the rule itself (tolerance, seeds of a run, lane) is a
failure of its own kind, so that loosening a tolerance shows in the recorded file. So is a number whose recorded tolerance
hides what weight decay is worth in it. Nothing here formats or reads files.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from harness import statistics
from harness.verdict import SIGNAL, SINGLE_SIGNAL

SAME_TOLERANCE = 1e-9  # relative: what the same formula may give on another platform
DERIVED = 1e-3  # relative: an absolute tolerance that follows from a run's magnitudes may follow their drift so far
FULL_SIZE = 1.0  # a relative tolerance from here on accepts zero, and so anything
EXACT_FLOOR = SIGNAL  # of the signal of an exact number, in its tolerances: as of a verdict
SINGLE_RTOL = 1e-4  # an optimizer that computes in float32: a thousand roundings, as other machines order them
ENSEMBLE_FLOOR = 1.0  # of the signal of an ensemble, in the changes that it detects
MOST_SIGNAL = 1e16  # a tolerance of zero: no ratio of two float64 numbers near 1 says more

Status = Literal["same", "information", "moved", "tolerance changed", "missing", "extra", "unusable"]


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
        mean, sd = statistics.moments(samples)
        return cls.summary(mean=mean, sd=sd, n=len(samples), runs=len(samples) if runs is None else runs, alpha=alpha)

    @classmethod
    def summary(cls, *, mean: float, sd: float, n: int, runs: int, alpha: float) -> Ensemble:
        """Add to a mean and its spread the tolerance that they give."""
        try:
            tolerance = statistics.prediction_tolerance(sd=sd, n=n, n_new=runs, alpha=alpha)
            detects = statistics.detectable_change(sd=sd, n=n, n_new=runs, alpha=alpha)
        except (ValueError, ZeroDivisionError):  # no tolerance: `unusable` says why
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
        mean, sd = statistics.moments(samples)
        return cls(mean, 0.0 if len(samples) == 1 else sd, len(samples))


Entry = Exact | Ensemble | Information
Gate = TypeVar("Gate", bound=Exact | Ensemble)


@dataclass(frozen=True)
class Row:
    """One measure, recorded and obtained. `tolerance` is the recorded rule's; `sigmas` are those of the predicted difference."""

    measure: str
    status: Status
    golden: Entry | None
    obtained: Entry | None
    delta: float | None = None
    tolerance: float | None = None
    sigmas: float | None = None
    why: str = ""

    @property
    def ok(self) -> bool:
        return self.status in ("same", "information")


def compare(received: Mapping[str, Entry], golden: Mapping[str, Entry]) -> list[Row]:
    """Return one row for every measure that is in either, in order of their names."""
    return [_row(name, received.get(name), golden.get(name)) for name in sorted({*received, *golden})]


def unusable(entry: Entry) -> str:
    """Return why an entry can be neither recorded nor compared, or nothing."""
    if isinstance(entry, Ensemble) and (entry.n < 2 or entry.runs < 1):
        return f"an ensemble of {entry.n}" + (f" for runs of {entry.runs}" if entry.runs != entry.n else "")
    if isinstance(entry, Ensemble) and entry.sd <= statistics.NO_VARIANCE * abs(entry.mean):
        return "zero variance"
    if not all(math.isfinite(number) for number in vars(entry).values() if number is not None):
        return "not finite"
    if isinstance(entry, Exact) and not (0 <= entry.rtol < FULL_SIZE and entry.atol >= 0):
        return f"a tolerance that checks nothing (rtol {entry.rtol:g}, atol {entry.atol:g})"
    return ""


def floor(entry: Exact | Ensemble) -> float:
    """Return the least signal that a gate needs: in tolerances of an exact number, in detectable changes of an ensemble."""
    if isinstance(entry, Ensemble):
        return ENSEMBLE_FLOOR
    return SINGLE_SIGNAL if entry.rtol >= SINGLE_RTOL else EXACT_FLOOR


def smallest_change(entry: Exact | Ensemble) -> float:
    """Return the smallest change of the number that a gate sees: an exact one surely, an ensemble nine times in ten."""
    return entry.detects if isinstance(entry, Ensemble) else entry.tolerance


def worth(entry: Gate, distance: float) -> Gate:
    """Return the gate with its signal, of two digits: `distance` is what weight decay changes in its number."""
    unit = smallest_change(entry)
    ratio = min(abs(distance) / unit, MOST_SIGNAL) if unit else MOST_SIGNAL if distance else 0.0
    return replace(entry, signal=float(f"{ratio:.2g}"))


def vacuous(entry: Entry) -> str:
    """Return why a gate would not see weight decay come or go, or nothing; a signal that is not known is no reason."""
    if isinstance(entry, Information) or entry.signal is None or entry.signal >= floor(entry):
        return ""
    unit, name = smallest_change(entry), "detectable change" if isinstance(entry, Ensemble) else "tolerance"
    return (
        f"vacuous: weight decay is worth {entry.signal * unit:.2g} here, {entry.signal:.2g} times the {name} {unit:.2g} "
        f"(floor {floor(entry):g})"
    )


def center(entry: Entry) -> float:
    """Return the number that is compared."""
    return entry.value if isinstance(entry, Exact) else entry.mean


def rule(entry: Entry) -> dict[str, float | str]:
    """Return what decides how an entry is compared, beside the recorded numbers themselves."""
    match entry:
        case Exact():
            return {"lane": "exact", "rtol": entry.rtol, "atol": entry.atol}
        case Ensemble():
            return {"lane": "ensemble", "runs": entry.runs, "alpha": entry.alpha}
        case Information():
            return {"lane": "information", "n": entry.n}


def _row(name: str, obtained: Entry | None, golden: Entry | None) -> Row:
    if obtained is None:
        return Row(name, "missing", golden, None)
    if why := unusable(obtained):
        return Row(name, "unusable", golden, obtained, why=why)
    if isinstance(obtained, Exact) and (why := vacuous(obtained)):  # a probe that declares less than its tolerance hides
        return Row(name, "unusable", golden, obtained, why=why)
    if golden is None:
        return Row(name, "extra", None, obtained)
    if why := unusable(golden) or vacuous(golden):
        return Row(name, "unusable", golden, obtained, why=f"in the golden: {why}")
    delta = center(obtained) - center(golden)
    tolerance = _tolerance(golden)
    status = _status(obtained, golden, moved=tolerance is not None and abs(delta) > tolerance)
    return Row(name, status, golden, obtained, delta, tolerance, _sigmas(delta, golden))


def _status(obtained: Entry, golden: Entry, *, moved: bool) -> Status:
    if not _same_rule(obtained, golden) or not _stored_as_computed(golden):
        return "tolerance changed"
    if moved:
        return "moved"
    return "information" if isinstance(golden, Information) else "same"


def _same_rule(obtained: Entry, golden: Entry) -> bool:
    if isinstance(obtained, Exact) and isinstance(golden, Exact):
        return obtained.rtol == golden.rtol and math.isclose(obtained.atol, golden.atol, rel_tol=DERIVED)
    return rule(obtained) == rule(golden)


def _tolerance(golden: Entry) -> float | None:
    match golden:
        case Exact():
            return golden.tolerance
        case Ensemble():
            return statistics.prediction_tolerance(sd=golden.sd, n=golden.n, n_new=golden.runs, alpha=golden.alpha)
        case Information():
            return None


def _sigmas(delta: float, golden: Entry) -> float | None:
    if isinstance(golden, Exact) or golden.sd == 0:
        return None
    runs = golden.runs if isinstance(golden, Ensemble) else golden.n
    return delta / (golden.sd * math.sqrt(1.0 / golden.n + 1.0 / runs))


def _stored_as_computed(golden: Entry) -> bool:
    """Say whether a recorded tolerance is the one that its own numbers give: nobody has edited it."""
    if not isinstance(golden, Ensemble):
        return True
    computed = Ensemble.summary(mean=golden.mean, sd=golden.sd, n=golden.n, runs=golden.runs, alpha=golden.alpha)
    return all(
        math.isclose(stored, again, rel_tol=SAME_TOLERANCE)
        for stored, again in ((golden.tolerance, computed.tolerance), (golden.detects, computed.detects))
    )
