"""The command `calibrate`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from harness.catalog.load import load
from harness.catalog.loaded_scenario import is_study
from harness.environment import determinism
from harness.environment.paths import ROOT
from harness.errors import UsageError
from harness.goldens import calibration
from harness.spec import contract, run_options
from harness.spec.run_options import RunOptions
from harness.spec.yaml_binding import unknown
from harness.subject import roles


def calibrate(given: argparse.Namespace) -> int:
    """Calibrate the goldens of studies; 1 when one was not written. Raises UsageError for what cannot be used."""

    determinism.fix_torch()
    sys.path.append(str(Path.cwd()))
    studies = {name: loaded for name, loaded in load().items() if is_study(loaded)}
    for name in given.only:
        if name not in studies:
            raise UsageError(unknown(name, list(studies), what="study"))
    told = RunOptions(tuple(given.optimizer), given.contract, None, given.golden_dir)
    asked = run_options.resolve_options(told, os.environ, Path.cwd())
    declared = contract.load(asked.contract, root=Path.cwd()) if asked.contract else None
    subjects = roles.choose(asked.optimizers, [], declared)
    if subjects.reference:
        raise UsageError(f"the contract is equivalent_to {subjects.reference}, to whose goldens it is held: calibrate that one")
    job = calibration.Job(subjects, given.seeds, given.device, asked.golden_dir or ROOT / "golden", given.runs)
    chosen = [loaded for name, loaded in studies.items() if name in (given.only or studies)]
    return 0 if calibration.calibrate(chosen, job, lambda line: print(line, flush=True)) else 1
