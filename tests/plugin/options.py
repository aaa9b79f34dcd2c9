"""Options of the suite, and the setup that they give to a run: subject, contract, device, folders, workers."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from harness.catalog import applicability
from harness.catalog.load import load
from harness.environment import determinism, gpu_slots, session_notes
from harness.environment.paths import ROOT
from harness.errors import UsageError
from harness.goldens.store import GoldenExtension
from harness.spec import contract, expected_failures, run_options
from harness.spec.run_options import RunOptions
from harness.spec.yaml_binding import unknown
from harness.subject import roles
from harness.subject.roles import Subjects
from harness.verdicts.contract_check import declared_fields
from tests.plugin.red_tests import RedTests
from tests.plugin.reporter import Reporter
from tests.plugin.run_setup import SETUP, Setup
from tests.plugin.selection import case_of

FOLDER = "DECAYGATE_SESSION"  # this session's chunk cache; the controller makes the folder, the workers inherit the variable

RECORDING_OPTIONS = ("--snapshot-update", "--snapshot-update-new-only")  # syrupy's


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("decaygate", "claims about weight decay")
    group.addoption(
        "--optimizer",
        action="append",
        default=[],
        metavar="[ROLE=]MODULE:ATTRIBUTE",
        help="optimizer under test, in the role decoupled (default), coupled or sgd; repeatable",
    )
    group.addoption("--contract", metavar="FILE", help="what the optimizer under test promises (docs/guide/contract.md)")
    group.addoption("--expected-failures", metavar="FILE", help="claims that are known to fail, each with its reason")
    group.addoption("--write-expected-failures", metavar="FILE", help="write the red tests of this run into this new file")
    group.addoption("--report", metavar="DIR", help="write results.json and summary.md into this folder")
    group.addoption("--golden-dir", metavar="DIR", help="folder of the goldens (default: the suite's golden/)")
    group.addoption(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="device on which studies train (default: a GPU if there is one)",
    )
    group.addoption("--claim", action="append", default=[], metavar="ID", help="only the claim with exactly this id; repeatable")
    group.addoption("--long", action="store_true", help="also run the claims that are marked long")


def pytest_configure(config: pytest.Config) -> None:
    worker = hasattr(config, "workerinput")
    session_notes.begin(config.workerinput["workerid"] if worker else session_notes.CONTROLLER)
    working_dir = str(config.invocation_params.dir)
    if working_dir not in sys.path:
        # An optimizer in the user's folder is found without installation. The folder comes last, so
        # that no file in it hides a module of the suite.
        sys.path.append(working_dir)
    sys.dont_write_bytecode = True  # the suite writes nothing into a user's folder
    determinism.fix_torch()
    subject_output: list[str] = []
    try:
        options = run_options.resolve_options(_command_line_options(config), os.environ, Path(working_dir))
        if any(config.getoption(option, default=False) for option in RECORDING_OPTIONS):
            run_options.check_golden_dir(options)
        _check_report_and_device(config)
        _check_claims(config)
        declared = contract.load(options.contract, root=Path(working_dir)) if options.contract else None
        subjects = replace(
            roles.choose_subjects(options.optimizers, subject_output, declared), contract_file=str(options.contract or "")
        )
        expected = _expected_failures(options, subjects, Path(working_dir))
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    if not worker:
        # In a run of the launcher the folder lies in that of the session, which the launcher deletes.
        os.environ[FOLDER] = tempfile.mkdtemp(prefix="decaygate-", dir=os.environ.get(session_notes.VARIABLE))
        os.environ[run_options.VARIABLE] = " ".join(options.optimizers)
    golden_dir = None if subjects.shares_shipped_goldens else options.golden_dir
    golden = (golden_dir or ROOT / "golden").resolve()
    config.stash[SETUP] = Setup(subjects, Path(os.environ[FOLDER]), golden, subject_output, expected, bool(options.golden_dir))
    GoldenExtension.set_folder(golden, subjects.golden_subfolder)
    red_tests = RedTests(config)
    config.pluginmanager.register(red_tests, "decaygate-red-tests")
    config.pluginmanager.register(Reporter(config, red_tests), "decaygate-reporter")


def _command_line_options(config: pytest.Config) -> RunOptions:
    """Return the options that the command line of this run gives."""
    values = {name: config.getoption(f"--{name.replace('_', '-')}") for name in run_options.PATHS}
    paths = {name: Path(value) for name, value in values.items() if value}
    return RunOptions(tuple(config.getoption("--optimizer")), **paths)


def _expected_failures(options: RunOptions, subjects: Subjects, working_dir: Path) -> Mapping[str, str]:
    """Return the claims that may fail, each with its reason.

    The scenarios are loaded, and so checked, even if no file of expected failures is given.
    """
    claims: dict[str, str] = {f"contract.{name}": "" for _, name in declared_fields(subjects)}
    for loaded in load().values():
        for claim in loaded.scenario.claims:
            involved = applicability.reads_subject(loaded, claim, subjects)
            not_involved = "" if involved else "it does not involve the optimizer under test"
            claims[claim.id] = not_involved or applicability.not_applicable_reason(loaded, claim, subjects)
    return expected_failures.load(options.expected_failures, root=working_dir, claims=claims) if options.expected_failures else {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect every test that `--claim` does not name, if it is given."""
    claims = set(config.getoption("--claim"))
    if claims:
        others = [item for item in items if getattr(getattr(case_of(item), "claim", None), "id", None) not in claims]
        items[:] = [item for item in items if item not in set(others)]
        config.hook.pytest_deselected(items=others)


def _check_claims(config: pytest.Config) -> None:
    """Raise UsageError for an unknown id of a claim."""
    known = [claim.id for loaded in load().values() for claim in loaded.scenario.claims]
    for claim in config.getoption("--claim"):
        if claim not in known:
            raise UsageError(f"--claim {claim}: {unknown(claim, known, what='claim')}")


def _check_report_and_device(config: pytest.Config) -> None:
    """Raise UsageError if the report folder cannot be written or the device is missing.

    Without this check such a mistake would end a run of minutes in a traceback.
    """
    folder = config.getoption("--report")
    drafted = config.getoption("--write-expected-failures")
    if drafted and Path(drafted).exists() and not hasattr(config, "workerinput"):
        raise UsageError(f"--write-expected-failures {drafted}: the file exists; name a new one, or delete it")
    if drafted and not Path(drafted).parent.is_dir():
        raise UsageError(f"--write-expected-failures {drafted}: the folder {Path(drafted).parent} does not exist")
    try:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--report {folder}: the folder cannot be created ({error.strerror})") from None
    if folder and not os.access(folder, os.W_OK):
        raise UsageError(f"--report {folder}: the folder is not writable")
    if config.getoption("--device") == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: torch finds no GPU on this machine; omit the option, or use --device cpu")


def pytest_unconfigure(config: pytest.Config) -> None:
    session_notes.end()
    if SETUP in config.stash and not hasattr(config, "workerinput"):
        shutil.rmtree(config.stash[SETUP].folder, ignore_errors=True)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Return the number of GPU slots as the number of workers; None on a machine without GPUs, where xdist counts CPUs."""
    if config.getoption("--device") == "cpu":
        return None
    requested = os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS")  # xdist's own hook reads it, but runs only if this returns None
    if requested:
        return int(requested)
    slots = gpu_slots.choose_slots(os.environ, cpus=gpu_slots.cpu_count())
    os.environ[gpu_slots.VARIABLE] = ",".join(slots)
    return len(slots) or None
