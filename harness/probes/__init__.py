"""The closed list of probes: the experiments on an optimizer alone that a scenario can name."""

from __future__ import annotations

from collections.abc import Mapping

from harness.probes import dynamics, handling, numerics, rule, variants
from harness.probes.probe import Probe

FOLDERS = (dynamics, handling, numerics, rule, variants)
PROBES: Mapping[str, Probe] = {
    probe.name: probe for probe in sorted((probe for folder in FOLDERS for probe in folder.PROBES), key=lambda probe: probe.name)
}
