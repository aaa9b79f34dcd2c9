"""Wrong optimizers whose fault lies in precision, implementation paths, masks, averages or norms."""

from __future__ import annotations
