"""Command `calibrate`: the goldens of studies, calibrated on many seeds."""

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
    """Calibrate the goldens of studies. Return 0, or 1 if one of them was not written. Raises UsageError for a wrong option."""
    determinism.fix_torch()
    sys.path.append(str(Path.cwd()))
    studies = {name: loaded for name, loaded in load().items() if is_study(loaded)}
    for name in given.only:
        if name not in studies:
            raise UsageError(unknown(name, list(studies), what="study"))
    command_line = RunOptions(tuple(given.optimizer), given.contract, None, given.golden_dir)
    options = run_options.resolve_options(command_line, os.environ, Path.cwd())
    run_options.check_golden_dir(options)
    declared = contract.load(options.contract, root=Path.cwd()) if options.contract else None
    subjects = roles.choose_subjects(options.optimizers, [], declared)
    if subjects.equivalent_to:
        raise UsageError(
            f"the contract is equivalent_to {subjects.equivalent_to}, whose goldens are used: calibrate that optimizer"
        )
    job = calibration.Job(subjects, given.seeds, given.device, options.golden_dir or ROOT / "golden", given.runs)
    chosen = [loaded for name, loaded in studies.items() if name in (given.only or studies)]
    return 0 if calibration.calibrate(chosen, job, lambda line: print(line, flush=True)) else 1
