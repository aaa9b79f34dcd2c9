"""The numbers that decide between red and green for every experiment, each with its reason.

What follows from one experiment stands beside it: roundings of a probe in `decay_laws/tolerances.py` and in the probe, of a
question in the fingerprint's room.
"""

from __future__ import annotations

# What an exact measure must show (a verdict, and a golden of an exact number)
SIGNAL = 1e4  # an exact measure must look for an effect of at least this many tolerances
SINGLE_SIGNAL = 30.0  # the same in float32, whose tolerances are 5e8 times as wide; what has less is not applicable there
ROUNDING = 1e-6  # a stated tolerance up to this is one of rounding in float64, and is wider in float32
SINGLE_ROUNDING = 1e-5  # of a value: some eighty roundings of float32

# What a Monte-Carlo measure must show
MONTE_CARLO_GATE = 5.0  # standard errors
MONTE_CARLO_SIGNAL = 10.0  # standard errors

# What an ensemble must show
LEVEL = 0.01  # the chance that an ensemble shows what is not so, for each expectation
MINIMUM_PILOT = 3.0  # paired d_z below which a study's expectation is reported and not gated
MINIMUM_SEEDS = 8  # of a study: fewer leave the spread of the paired differences unknown
MOST_GATES = 5  # gated measures of a study: each takes its part of the chance of a false red
DECLARED_FALSE_RED = 1e-3  # the chance of a false red, of all gated verdicts and goldens of a run, that is not exceeded

NO_VARIANCE = 1e-12  # of the samples' size: a smaller standard deviation is rounding, and zero variance is never a pass
LEAST_POOL_SEEDS = 16  # of a calibrated golden: fewer hardly know the spread better than a run does

# What a subject must do
STEP_SECONDS = 30.0  # for one step of a few small tensors, or one constructor: thousands of times what they take
SAME_STRENGTH = 1e-6  # relative: a measured strength is a fit; the nearest strength that anybody means is far from another

# What a golden accepts
MOST_GOLDEN_RTOL = 1e-6  # an exact number that may move by more is not held to anything
SAME_TOLERANCE = 1e-9  # relative: what the same formula may give on another platform
DERIVED = 1e-3  # relative: an absolute tolerance that follows from a run's magnitudes may follow their drift so far
FULL_SIZE = 1.0  # a relative tolerance from here on accepts zero, and so anything
SINGLE_RTOL = 1e-4  # an optimizer that computes in float32: a thousand roundings, as other machines order them
EXACT_FLOOR = SIGNAL  # of the signal of an exact number, in its tolerances: as of a verdict
REFRESH_RATE = 0.01  # a recording renews information only where it left its own prediction at this rate
ENSEMBLE_FLOOR = 1.0  # of the signal of an ensemble, in the changes that it detects
