"""Wrong optimizers whose fault lies in groups, state, gradients or parameters rather than in the decay's formula."""

from __future__ import annotations
