"""Record of one right optimizer: where it is, which role it takes, and how it must be called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Style:
    """A right optimizer: its import path, its role, and what a caller must do besides `step()` (empty: nothing).

    It is tested under the contract that the fingerprint drafts for it. `expected` are the claims that may fail, each with the
    reason.

    `role` is decoupled, coupled (the decay is in the gradient of an adaptive rule) or sgd (in the gradient of SGD).
    """

    path: str
    role: str = "decoupled"
    needs: str = ""
    expected: Mapping[str, str] = field(default_factory=dict)
