"""Closed forms of weight decay, and the tolerances to which they hold."""

from __future__ import annotations

from typing import Literal

# The names of the laws; their formulas stand in closed_forms.py, which imports torch.
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
