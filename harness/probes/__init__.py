"""Which probes are there? The closed vocabulary that scenarios choose from."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path

from harness.probes.probe import Probe

PROBES: Mapping[str, Probe] = {
    path.stem: module.PROBE
    for path in sorted(Path(__file__).parent.glob("*.py"))
    if path.stem != "__init__" and hasattr(module := importlib.import_module(f"harness.probes.{path.stem}"), "PROBE")
}
