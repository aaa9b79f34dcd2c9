"""Closed forms of weight decay, and the rounding tolerances with which they are compared."""

from __future__ import annotations

from typing import Literal

# The formulas are in closed_forms.py. The names are here because that module imports torch.
Law = Literal[
    "decoupled",
    "decay_after",
    "independent",
    "independent_after",
    "unscaled",
    "corrected",
    "proximal",
    "exponential",
    "coupled_momentum",
]
