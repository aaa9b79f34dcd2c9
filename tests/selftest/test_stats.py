"""Tests of statistics: distributions far out in their tails, error rates, and refusal of unusable samples."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness import stats as st


def even_student_cdf(t: float, df: int) -> float:
    """Sum Abramowitz & Stegun 26.7.4, which is closed for an even number of degrees of freedom."""
    cosine, term, total = df / (df + t * t), 1.0, 1.0
    for k in range(1, df // 2):
        term *= cosine * (2 * k - 1) / (2 * k)
        total += term
    return 0.5 + 0.5 * t / math.sqrt(df + t * t) * total


@pytest.mark.parametrize(("p", "x"), [(0.975, 1.959963984540054), (1e-9, -5.997807015007687), (0.5, 0.0)])
def test_the_normal_cdf_agrees_with_published_values(p: float, x: float) -> None:
    """The values have all digits of the usual tables."""
    assert st.normal_cdf(x) == pytest.approx(p, rel=1e-11)


@pytest.mark.parametrize(
    ("p", "df", "t"),
    [(0.95, 10, 1.812461), (0.975, 10, 2.228139), (0.99, 7, 2.997952), (0.995, 7, 3.499483), (0.999, 15, 3.732834)],
)
def test_students_quantile_agrees_with_published_tables(p: float, df: int, t: float) -> None:
    """The tables have six decimals."""
    assert st.student_quantile(p, df) == pytest.approx(t, abs=6e-7)
    assert st.student_critical(1 - p, df) == pytest.approx(t, abs=6e-7)


@pytest.mark.parametrize("t", [-0.01, -0.5, -1.2, -1.73, -1.74, -2.5, -6.0])
@pytest.mark.parametrize("df", [2, 4, 6, 10, 30, 100])
def test_students_cdf_agrees_with_the_closed_form_of_even_df(df: int, t: float) -> None:
    """The values of t lie on both sides of the point where the complement is computed instead of the tail."""
    assert st.student_cdf(t, df) == pytest.approx(even_student_cdf(t, df), rel=1e-10, abs=1e-15)
    assert st.student_cdf(-t, df) == pytest.approx(1 - even_student_cdf(t, df), rel=1e-13)


def test_students_tails_agree_with_closed_forms_down_to_1e_9() -> None:
    """One degree of freedom is the Cauchy law; two have an algebraic tail."""
    for t in (0.3, 3.0, 1e3, 1e8):
        assert st.student_cdf(-t, 1) == pytest.approx(math.atan2(1, t) / math.pi, rel=1e-12)
        root = math.sqrt(2 + t * t)
        assert st.student_cdf(-t, 2) == pytest.approx(1 / (root * (root + t)), rel=1e-12)


@pytest.mark.parametrize("df", [1, 2, 3, 7, 15, 99, 1000])
@pytest.mark.parametrize("p", [1e-9, 1e-6, 1e-3, 0.2, 0.49, 0.5, 0.9])
def test_quantiles_invert_the_cdf(p: float, df: int) -> None:
    """The probability is recovered to ten digits, in the tail as well."""
    assert st.student_cdf(st.student_quantile(p, df), df) == pytest.approx(p, rel=1e-10)
    assert st.student_critical(p, df) == -st.student_quantile(p, df)


@pytest.mark.parametrize("df", [1, 3, 7, 31, 300])
def test_the_noncentral_t_without_noncentrality_is_students(df: int) -> None:
    """They agree even for tails below 1e-9."""
    for t in (-40.0, -8.0, -1.0, 0.0, 2.0):
        assert st.noncentral_cdf(t, df, 0.0) == pytest.approx(st.student_cdf(t, df), rel=1e-10)


@pytest.mark.parametrize("noncentrality", [-1.0, 0.5, 3.0, 8.5])
def test_the_noncentral_t_obeys_its_identities(noncentrality: float) -> None:
    """P(T <= 0) is a normal tail. Changing the signs of t and of the noncentrality gives the complement."""
    for df in (2, 7, 31):
        assert st.noncentral_cdf(0.0, df, noncentrality) == pytest.approx(st.normal_cdf(-noncentrality), rel=1e-10)
        for t in (-2.0, 1.0, 6.0):
            mirrored = st.noncentral_cdf(-t, df, -noncentrality)
            assert st.noncentral_cdf(t, df, noncentrality) == pytest.approx(1 - mirrored, rel=1e-10)


def test_the_noncentral_t_agrees_with_a_plain_integral() -> None:
    """The integral is computed by Simpson's rule over the chi density, unlike in the module."""
    for t, df, noncentrality in ((3.0, 7, 8.5), (1.9, 15, 4.0), (6.0, 3, 5.0)):
        s = np.linspace(0.0, 6.0, 6001)
        density = df ** (df / 2) * s ** (df - 1) * np.exp(-df * s * s / 2) / (2 ** (df / 2 - 1) * math.gamma(df / 2))
        values = density * np.array([st.normal_cdf(t * float(x) - noncentrality) for x in s])
        weights = np.ones(6001)
        weights[1:-1:2], weights[2:-1:2] = 4, 2
        integral = float((weights * values).sum()) * (s[1] - s[0]) / 3
        assert st.noncentral_cdf(t, df, noncentrality) == pytest.approx(integral, rel=1e-9)


@pytest.mark.parametrize(("effect", "level", "n"), [(0.5, 0.05, 27), (0.5, 0.025, 34), (0.8, 0.025, 15), (0.2, 0.025, 199)])
def test_sample_sizes_for_80_percent_power_match_tables(effect: float, level: float, n: int) -> None:
    """They are the sizes of the paired t test in every power table (two-sided 0.05 is 0.025 here)."""
    assert st.miss_probability(effect=effect, n=n, level=level) <= 0.2 < st.miss_probability(effect=effect, n=n - 1, level=level)


def test_the_pilot_gate_makes_a_false_red_rare() -> None:
    """An effect of 3 standard deviations with 8 seeds at level 0.01 is missed about once in 80,000 runs, with 12 seeds
    practically never.
    """
    assert st.miss_probability(effect=3.0, n=8, level=0.01) == pytest.approx(1.2117e-5, rel=1e-3)
    assert st.miss_probability(effect=3.0, n=12, level=0.01) < 1e-10
    assert st.miss_probability(effect=0.0, n=8, level=0.01) == pytest.approx(0.99, rel=1e-10)


@pytest.mark.parametrize(
    ("samples", "why"),
    [
        ([0.1] * 8, "zero variance"),
        ([0.0, 0.0], "zero variance"),
        ([1e6 + 1e-9 * k for k in range(8)], "zero variance"),
        ([1.0, math.nan, 2.0], "not finite"),
        ([1.0, math.inf], "not finite"),
        ([1.0], "at least two samples"),
    ],
)
def test_samples_without_a_usable_spread_are_refused(samples: list[float], why: str) -> None:
    """Zero variance, a number that is not finite and a single sample would look like certainty."""
    with pytest.raises(ValueError, match=why):
        st.mean_bounds(samples, level=0.01)


def test_an_interval_agrees_with_the_published_tables() -> None:
    """Calculated by hand: mean 3, standard deviation sqrt(2.5), five samples."""
    low, high = st.mean_bounds([1.0, 2.0, 3.0, 4.0, 5.0], level=0.05)

    assert high - 3.0 == pytest.approx(2.131847 * math.sqrt(0.5), rel=1e-6)
    assert (low + high) / 2 == pytest.approx(3.0)


def test_an_interval_of_no_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two samples"):
        st.mean_bounds([], level=0.01)


@pytest.mark.parametrize(("sd", "n"), [(0.0, 8), (math.nan, 8), (math.inf, 8), (1.0, 1)])
def test_a_tolerance_needs_a_usable_recorded_spread(sd: float, n: int) -> None:
    """A recorded ensemble without variance predicts nothing."""
    with pytest.raises(ValueError, match=r"zero variance|not finite|at least two"):
        st.prediction_tolerance(sd=sd, n=n, n_new=8, alpha=1e-3)
    with pytest.raises(ValueError, match=r"zero variance|not finite|at least two"):
        st.detectable_change(sd=sd, n=n, n_new=8, alpha=1e-3)


@pytest.mark.parametrize("p", [0.0, 1.0, -0.1, math.nan])
def test_a_quantile_needs_a_probability(p: float) -> None:
    """0 and 1 have no finite quantile."""
    with pytest.raises(ValueError, match="between 0 and 1"):
        st.student_quantile(p, 7)


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_the_prediction_tolerance_has_its_false_alarm_rate(alpha: float) -> None:
    """The rate over 40,000 pairs of ensembles of 8 from one law is within four standard errors of alpha."""
    pairs = np.random.default_rng(3).normal(size=(40_000, 2, 8))
    unit = st.prediction_tolerance(sd=1.0, n=8, n_new=8, alpha=alpha)
    recorded, new = pairs.mean(axis=2).T
    exceeded = float((np.abs(new - recorded) > unit * pairs[:, 0].std(axis=1, ddof=1)).mean())
    assert abs(exceeded - alpha) < 4 * math.sqrt(alpha * (1 - alpha) / 40_000)


def test_the_detectable_change_is_detected_nine_times_in_ten() -> None:
    """In each of 40,000 pairs of ensembles, one has moved by the smallest change that should be detectable."""
    pairs = np.random.default_rng(4).normal(size=(40_000, 2, 8))
    unit = st.prediction_tolerance(sd=1.0, n=8, n_new=8, alpha=1e-3)
    recorded, new = pairs.mean(axis=2).T
    moved = new + st.detectable_change(sd=1.0, n=8, n_new=8, alpha=1e-3) - recorded
    detected = float((np.abs(moved) > unit * pairs[:, 0].std(axis=1, ddof=1)).mean())
    assert detected == pytest.approx(0.9, abs=4 * math.sqrt(0.09 / 40_000))


def test_tolerances_scale_with_the_recorded_spread_alone() -> None:
    """Twice the recorded spread doubles the tolerance and the detectable change. More seeds reduce both."""
    for measure in (st.prediction_tolerance, st.detectable_change):
        once = measure(sd=0.3, n=8, n_new=8, alpha=1e-4)
        assert measure(sd=0.6, n=8, n_new=8, alpha=1e-4) == pytest.approx(2 * once, rel=1e-14)
        assert measure(sd=0.3, n=16, n_new=16, alpha=1e-4) < once / 1.5


def test_the_sample_shape_separates_normal_samples_from_others() -> None:
    """One in a hundred normal pools exceeds the limit of Anderson and Darling's statistic. A heavy tail and a skew exceed it."""
    rng = np.random.default_rng(5)
    over = np.mean([st.sample_shape(list(pool)).anderson > st.NOT_NORMAL for pool in rng.normal(size=(4_000, 64))])
    heavy, skewed = st.sample_shape(list(rng.standard_t(2, size=400))), st.sample_shape(list(rng.exponential(size=400)))

    assert over == pytest.approx(0.01, abs=4 * math.sqrt(0.01 * 0.99 / 4_000))
    assert heavy.kurtosis > 2
    assert heavy.anderson > st.NOT_NORMAL < skewed.anderson
    assert skewed.skewness == pytest.approx(2.0, abs=0.7)


def test_the_sample_shape_follows_its_definitions() -> None:
    """Two values, equally often, have no skew and the least possible kurtosis. Scale and location do not matter."""
    shape = st.sample_shape([-1.0, 1.0] * 8)

    assert (shape.skewness, shape.kurtosis) == (0.0, pytest.approx(-2.0))
    assert st.sample_shape([7.0, 9.0] * 8).anderson == pytest.approx(shape.anderson)
    with pytest.raises(ValueError, match="zero variance"):
        st.sample_shape([1.0] * 8)


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_a_golden_with_the_runs_own_seeds_has_fewer_alarms(alpha: float) -> None:
    """The golden's mean of 64 moves with the run's eight. The difference spreads by 1/8 - 1/64, but its tolerance is computed
    from 1/8 + 1/64.
    """
    pool = np.random.default_rng(6).normal(size=(40_000, 64))
    unit = st.prediction_tolerance(sd=1.0, n=64, n_new=8, alpha=alpha) * pool.std(axis=1, ddof=1)
    inside = pool[:, :8].mean(axis=1) - pool.mean(axis=1)
    fresh = np.random.default_rng(7).normal(size=(40_000, 8)).mean(axis=1) - pool.mean(axis=1)

    assert float((np.abs(fresh) > unit).mean()) == pytest.approx(alpha, abs=4 * math.sqrt(alpha * (1 - alpha) / 40_000))
    assert float((np.abs(inside) > unit).mean()) < 0.8 * alpha
