"""Limits that decide between red and green in every experiment, each with its reason.

Limits of a single experiment are in its own module: roundings of a probe in `decay_laws/tolerances.py` and in the probe, of a
question in `fingerprint/`.
"""

from __future__ import annotations

# What an exact measure must show (a verdict, and a golden of an exact number)
SIGNAL = 1e4  # in tolerances: the least effect that an exact measure must look for
FLOAT32_SIGNAL = 30.0  # as SIGNAL, in float32, where tolerances are 5e8 times as wide; a measure with less is not applicable
ROUNDING = 1e-6  # a stated tolerance up to this is one of rounding in float64; it is widened for float32
FLOAT32_ROUNDING = 1e-5  # relative to a value: some eighty roundings of float32

# What a Monte-Carlo measure must show
MONTE_CARLO_GATE = 5.0  # standard errors
MONTE_CARLO_SIGNAL = 10.0  # standard errors

# What an ensemble must show
LEVEL = 0.01  # of each expectation: the chance that an ensemble shows a relation that is not true
MIN_PILOT = 3.0  # paired d_z below which a study's expectation is reported and not gated
MIN_SEEDS = 8  # of a study: with fewer the spread of the paired differences is unknown
MAX_GATES = 5  # gated measures of a study: each takes a share of the chance of a false red
DECLARED_FALSE_RED = 1e-3  # the chance of a false red in any gated verdict or golden of a session is at most this

NO_VARIANCE = 1e-12  # relative to the samples: a smaller standard deviation is rounding, and zero variance never passes
MIN_POOL_SEEDS = 16  # of a calibrated golden: fewer estimate the spread hardly better than one session does

# What a subject must do
STEP_SECONDS = 30.0  # for one step of a few small tensors, or one constructor: thousands of times their usual time
SAME_STRENGTH = 1e-6  # relative: a measured strength is a fit; two strengths in use differ by far more

# What a golden accepts
MAX_GOLDEN_RTOL = 1e-6  # a wider tolerance of an exact number would check nothing
SAME_TOLERANCE = 1e-9  # relative: how far results of the same formula may differ between platforms
DERIVED = 1e-3  # relative: an absolute tolerance that depends on a run's magnitudes may drift with them by this much
FULL_SIZE = 1.0  # a relative tolerance of this size or more accepts zero, and so any number
FLOAT32_RTOL = 1e-4  # for an optimizer that computes in float32: a thousand roundings, which other machines order differently
EXACT_FLOOR = SIGNAL  # the least sensitivity of an exact number, in its tolerances; the same as for a verdict
REFRESH_RATE = 0.01  # false-alarm rate of the prediction: a recording renews information only outside it
ENSEMBLE_FLOOR = 1.0  # the least sensitivity of an ensemble, in the smallest changes that it detects
