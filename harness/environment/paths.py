"""The suite's own folder, which holds harness/, scenarios/, tests/ and golden/, and the folder of its state."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATE_VARIABLE = "DECAYGATE_STATE"  # set by the launcher


def state_folder() -> Path:
    """Return the folder of what a run keeps for later runs: the launcher's, or .decaygate/ in the suite's folder."""
    return Path(os.environ.get(STATE_VARIABLE) or ROOT / ".decaygate")
