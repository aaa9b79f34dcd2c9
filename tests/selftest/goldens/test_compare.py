"""Tests of the comparison with a golden: it fails just outside each tolerance, in both directions."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness import stats
from harness.environment.paths import ROOT
from harness.goldens.compare import ComparisonRow, compare
from harness.goldens.file_format import parse
from harness.goldens.values import (
    Ensemble,
    Exact,
    GoldenValue,
    Information,
    insensitive_reason,
    invalid_reason,
    min_sensitivity,
    with_sensitivity,
)

SAMPLES = (1.0, 1.1, 0.9, 1.05, 0.95, 1.02, 0.98, 1.01)
ENSEMBLE = Ensemble.of(SAMPLES, alpha=1e-4)
ENTRIES: dict[str, GoldenValue] = {
    "relative": Exact(-3.0, rtol=1e-9, atol=0.0),
    "absolute": Exact(0.0, rtol=0.0, atol=1e-12),
    "both": Exact(2.0, rtol=1e-3, atol=1e-3),
    "ensemble": ENSEMBLE,
    "negative_ensemble": Ensemble.of([-x for x in SAMPLES], alpha=1e-2),
}
TOLERANCES = {"relative": 3e-9, "absolute": 1e-12, "both": 3e-3, "ensemble": ENSEMBLE.tolerance}


def moved(entry: GoldenValue, delta: float) -> GoldenValue:
    """Return the entry with its number moved by `delta`, and with the same rule."""
    if isinstance(entry, Exact):
        return replace(entry, value=entry.value + delta)
    return replace(entry, mean=entry.mean + delta)


def only(obtained: GoldenValue | None, golden: GoldenValue | None) -> ComparisonRow:
    """Return the comparison of one measure; None stands for a missing value."""
    (row,) = compare({"m": obtained} if obtained else {}, {"m": golden} if golden else {})
    return row


SHIPPED = {path.stem: path for path in sorted((ROOT / "golden" / "default" / "test_claims").glob("*.json"))}


@pytest.mark.parametrize("scenario", SHIPPED)
def test_shipped_numbers_fail_just_outside_their_tolerances(scenario: str) -> None:
    """Each gate of each shipped golden is moved by 0.99 and by 1.01 tolerances, in both directions.

    A tolerance smaller than the rounding of the number itself would fail here.
    """
    entries = parse(SHIPPED[scenario].read_text(encoding="utf-8")).entries
    gates = {name: entry for name, entry in entries.items() if not isinstance(entry, Information)}
    failures = []
    for name, golden in gates.items():
        assert golden.signal is not None, name
        assert insensitive_reason(golden) == "", name
        tolerance = golden.tolerance or 1e-300  # a tolerance of zero allows no change at all
        factors = ((0.99, "same"), (1.01, "moved")) if golden.tolerance else ((0.0, "same"), (1.0, "moved"))
        for sign in (1, -1):
            statuses = [only(moved(golden, sign * factor * tolerance), golden).status for factor, _ in factors]
            failures += [(name, sign, statuses)] if statuses != [status for _, status in factors] else []

    assert gates
    assert failures == []


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", ENTRIES)
def test_a_number_fails_just_outside_its_tolerance(name: str, sign: int) -> None:
    """It passes at 0.99 tolerances and fails at 1.01, for exact numbers and ensembles, positive, negative and zero."""
    golden = ENTRIES[name]
    tolerance = only(golden, golden).tolerance
    assert tolerance is not None
    assert tolerance == pytest.approx(TOLERANCES.get(name, tolerance), rel=1e-12)
    inside, outside = (only(moved(golden, sign * factor * tolerance), golden) for factor in (0.99, 1.01))
    assert (inside.status, inside.ok) == ("same", True)
    assert (outside.status, outside.ok) == ("moved", False)
    assert outside.delta == pytest.approx(sign * 1.01 * tolerance, rel=1e-6)


def test_the_tolerance_is_relative_to_the_recorded_number() -> None:
    """A large new number does not get a wider tolerance."""
    golden = Exact(1.0, rtol=0.5, atol=0.0)
    assert only(Exact(1.49, rtol=0.5, atol=0.0), golden).ok
    assert only(Exact(1.9, rtol=0.5, atol=0.0), golden).status == "moved"


def test_an_ensembles_tolerance_follows_from_the_recorded_spread() -> None:
    """The tolerance and the detectable change are stored with it. The larger spread of a new run does not change them."""
    predicted = stats.prediction_tolerance(sd=ENSEMBLE.sd, n=8, n_new=8, alpha=1e-4)
    assert ENSEMBLE.tolerance == predicted < ENSEMBLE.detects
    wild = Ensemble.of([100 * x - 98.0 for x in SAMPLES], alpha=1e-4)
    row = only(wild, ENSEMBLE)
    assert row.status == "moved"
    assert row.tolerance == predicted
    assert row.sigmas == pytest.approx((wild.mean - ENSEMBLE.mean) / (ENSEMBLE.sd / 2))


def test_a_golden_of_many_seeds_judges_a_run_of_few() -> None:
    """Its sd and its mean are known better: at alpha 3e-5, a mean of 8 seeds may differ by 1.7 sd from one of 64 seeds.

    From a mean of 8 seeds it may differ by 4.75 sd.
    """
    few, many = Ensemble.of(SAMPLES, alpha=3e-5), Ensemble.of(SAMPLES * 8, alpha=3e-5, runs=8)

    assert only(few, many).status == "same"
    assert many.tolerance == stats.prediction_tolerance(sd=many.sd, n=64, n_new=8, alpha=3e-5)
    assert few.tolerance / few.sd == pytest.approx(4.75, abs=0.05)
    assert many.tolerance / many.sd == pytest.approx(1.69, abs=0.02)
    assert only(replace(few, mean=many.mean + 1.7 * many.sd), many).status == "moved"
    assert only(replace(few, mean=many.mean + 1.7 * many.sd), many).sigmas == pytest.approx(1.7 / math.sqrt(1 / 64 + 1 / 8))


def test_a_changed_number_of_seeds_per_run_fails() -> None:
    """The number of seeds of the golden itself does not matter."""
    many = Ensemble.of(SAMPLES * 8, alpha=3e-5, runs=8)

    assert only(Ensemble.of(SAMPLES * 2, alpha=3e-5), many).status == "tolerance changed"
    assert only(Ensemble.of(SAMPLES, alpha=3e-5), replace(many, runs=7)).status == "tolerance changed"


def test_a_sensitivity_has_two_digits_and_is_not_compared() -> None:
    """With a tolerance of zero it is 1e16, the largest value. Without any effect it is zero."""
    assert with_sensitivity(Exact(2.0, 1e-9, 0.0), -0.00123456).signal == 6.2e5
    assert with_sensitivity(Exact(0.0, 1e-9, 0.0), 1e-3).signal == 1e16
    assert with_sensitivity(Exact(0.0, 1e-9, 0.0), 0.0).signal == 0.0
    assert with_sensitivity(ENSEMBLE, 2 * ENSEMBLE.detects).signal == 2.0
    assert only(Exact(2.0, 1e-9, 0.0, signal=2e5), Exact(2.0, 1e-9, 0.0, signal=6.2e5)).status == "same"
    assert only(Exact(2.0, 1e-9, 0.0), Exact(2.0, 1e-9, 0.0, signal=6.2e5)).status == "same"


def test_a_gate_that_hides_the_effect_of_decay_always_fails() -> None:
    """It fails if the recorded sensitivity is too small, or if the effect that a probe declares is.

    The sensitivity of an ensemble in a new run is not checked, because a run has few seeds.
    """
    golden = Exact(2.0, 1e-9, 0.0, signal=9.9e3)
    assert "vacuous" in only(Exact(2.0, 1e-9, 0.0), golden).why
    assert "in the golden" in only(Exact(2.0, 1e-9, 0.0), golden).why
    assert only(Exact(2.0, 1e-9, 0.0, signal=9.9e3), replace(golden, signal=2e4)).status == "unusable"
    assert only(ENSEMBLE, replace(ENSEMBLE, signal=0.99)).status == "unusable"
    assert only(replace(ENSEMBLE, signal=0.5), replace(ENSEMBLE, signal=1.5)).status == "same"


def test_a_float32_number_needs_less_sensitivity() -> None:
    """Its tolerance is a thousand roundings of float32."""
    assert [min_sensitivity(entry) for entry in (Exact(1.0, 1e-9, 0.0), Exact(1.0, 1e-4, 0.0), ENSEMBLE)] == [1e4, 30.0, 1.0]


def test_a_new_spread_alone_is_not_gated() -> None:
    """Only the mean of a new run is compared."""
    wide = replace(ENSEMBLE, sd=10 * ENSEMBLE.sd)
    assert only(wide, ENSEMBLE).ok


@pytest.mark.parametrize(
    ("golden", "obtained"),
    [
        (Exact(1.0, 1e-9, 0.0), Exact(1.0, 1e-6, 0.0)),
        (Exact(1.0, 1e-9, 0.0), Exact(1.0, 1e-9, 1e-12)),
        (Exact(1.0, 1e-9, 1e-12), Exact(1.0, 1e-9, 1.01e-12)),
        (Exact(1.0, 1e-9, 1e-12), Exact(1.0, 1.0001e-9, 1e-12)),
        (Exact(1.0, 1e-9, 0.0), Information(1.0, 0.0, 1)),
        (ENSEMBLE, Ensemble.of(SAMPLES, alpha=1e-3)),
        (ENSEMBLE, Ensemble.of(SAMPLES[:7], alpha=1e-4)),
        (replace(ENSEMBLE, sd=1.5 * ENSEMBLE.sd), ENSEMBLE),
        (ENSEMBLE, Information.of(SAMPLES)),
        (Information.of(SAMPLES), ENSEMBLE),
        (Information.of(SAMPLES), Information.of(SAMPLES[:7])),
        (replace(ENSEMBLE, tolerance=2 * ENSEMBLE.tolerance), ENSEMBLE),
        (replace(ENSEMBLE, detects=0.0), ENSEMBLE),
    ],
)
def test_a_changed_rule_fails_although_the_number_agrees(golden: GoldenValue, obtained: GoldenValue) -> None:
    """The rule is the tolerance, the false-alarm rate, the number of seeds and the lane. An edited tolerance counts too."""
    row = only(obtained, golden)
    assert (row.status, row.ok) == ("tolerance changed", False)


def test_an_absolute_tolerance_may_differ_by_rounding() -> None:
    """A probe computes it from its numbers, which another platform rounds differently. The recorded tolerance decides."""
    golden = Exact(1.0, 0.0, 1e-12)
    assert only(Exact(1.0, 0.0, 1e-12 * (1 + 1e-6)), golden).status == "same"
    assert only(Exact(1.0, 0.0, 1e-12 * (1 + 1e-6)), golden).tolerance == 1e-12


def test_information_is_never_compared() -> None:
    """It fails only if it is missing."""
    recorded = Information.of(SAMPLES)
    assert only(replace(recorded, mean=1e9), recorded).status == "information"
    assert only(replace(recorded, mean=1e9), recorded).ok
    assert only(None, recorded).status == "missing"
    assert Information.of([2.5]) == Information(2.5, 0.0, 1)


def test_a_missing_measure_and_an_extra_measure_fail() -> None:
    """The rows are in the order of the names."""
    rows = compare({"b": ENSEMBLE, "c": ENSEMBLE}, {"a": ENSEMBLE, "b": ENSEMBLE})
    assert [(row.measure, row.status, row.ok) for row in rows] == [
        ("a", "missing", False),
        ("b", "same", True),
        ("c", "extra", False),
    ]


@pytest.mark.parametrize(
    ("refused", "why"),
    [
        (Exact(math.nan, 1e-9, 0.0), "not finite"),
        (Exact(-math.inf, 1e-9, 0.0), "not finite"),
        (Exact(1.0, math.nan, 0.0), "not finite"),
        (Exact(1.0, 1.0, 0.0), "checks nothing"),
        (Exact(1.0, -1e-9, 0.0), "checks nothing"),
        (Exact(1.0, 1e-9, -1.0), "checks nothing"),
        (Ensemble.of([*SAMPLES, math.nan], alpha=1e-4), "not finite"),
        (Ensemble.of([*SAMPLES, math.inf, -math.inf], alpha=1e-4), "not finite"),
        (Ensemble.of([1e200, -1e200], alpha=1e-4), "not finite"),
        (Ensemble.of([0.1] * 8, alpha=1e-4), "zero variance"),
        (Ensemble.of([0.0] * 8, alpha=1e-4), "zero variance"),
        (Ensemble.of([1.0], alpha=1e-4), "an ensemble of 1"),
        (Ensemble.of([], alpha=1e-4), "an ensemble of 0"),
        (Ensemble.of(SAMPLES, alpha=0.0), "not finite"),
        (Information.of([math.nan, 1.0]), "not finite"),
        (Information.of([]), "not finite"),
    ],
)
def test_a_value_that_cannot_be_compared_fails_on_either_side(refused: GoldenValue, why: str) -> None:
    """NaN equals nothing, not even itself. Values without spread, or with a tolerance that checks nothing, do not agree."""
    assert why in invalid_reason(refused)
    for row in (only(refused, refused), only(refused, ENSEMBLE), only(refused, None), only(ENSEMBLE, refused)):
        assert (row.status, row.ok) == ("unusable", False)
        assert why in row.why
