"""Options of the suite, and how they become the setup of one run: subject, contract, device, folders, workers."""

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
from harness.environment import determinism, gpu_slots
from harness.environment.paths import ROOT
from harness.errors import UsageError
from harness.goldens.store import GoldenExtension
from harness.spec import contract, expected_failures, run_options
from harness.spec.run_options import RunOptions
from harness.subject import roles
from harness.subject.roles import Subjects
from harness.verdicts.contract_check import declared_fields
from tests.plugin.reporter import Reporter
from tests.plugin.run_setup import SETUP, Setup

FOLDER = "DECAYGATE_SESSION"  # where this session keeps its runs; made by the controller, inherited by the workers


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
    group.addoption("--report", metavar="DIR", help="write results.json there")
    group.addoption("--golden-dir", metavar="DIR", help="where the goldens are (default: the suite's golden/)")
    group.addoption(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="where studies train (default: a GPU if any)"
    )
    group.addoption("--long", action="store_true", help="also run the claims marked long")


def pytest_configure(config: pytest.Config) -> None:
    worker = hasattr(config, "workerinput")
    here = str(config.invocation_params.dir)
    if here not in sys.path:
        sys.path.append(here)  # appended: an uninstalled optimizer resolves and hides nothing of ours
    sys.dont_write_bytecode = True  # a user's folder is read and never written to
    determinism.fix_torch()
    subject_output: list[str] = []
    try:
        asked = run_options.resolve_options(_given(config), os.environ, Path(here))
        _check_places(config)
        declared = contract.load(asked.contract, root=Path(here)) if asked.contract else None
        subjects = replace(roles.choose(asked.optimizers, subject_output, declared), contract_file=str(asked.contract or ""))
        expected = _expected(asked, subjects, Path(here))
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    if not worker:
        os.environ[FOLDER] = tempfile.mkdtemp(prefix="decaygate-")
        os.environ[run_options.VARIABLE] = " ".join(asked.optimizers)
    own = None if subjects.shares_shipped_goldens else asked.golden_dir
    golden = (own or ROOT / "golden").resolve()
    config.stash[SETUP] = Setup(subjects, Path(os.environ[FOLDER]), golden, subject_output, expected, bool(asked.golden_dir))
    GoldenExtension.place(golden, subjects.folder)
    config.pluginmanager.register(Reporter(config), "decaygate-reporter")


def _given(config: pytest.Config) -> RunOptions:
    """Return what the options of this run name."""
    named = {name: config.getoption(f"--{name.replace('_', '-')}") for name in run_options.PATHS}
    places = {name: Path(value) for name, value in named.items() if value}
    return RunOptions(tuple(config.getoption("--optimizer")), **places)


def _expected(asked: RunOptions, subjects: Subjects, here: Path) -> Mapping[str, str]:
    """Return the claims that may fail; the scenarios are loaded, and so checked, in any case."""
    claims: dict[str, str] = {f"contract.{name}": "" for _, name in declared_fields(subjects)}
    for loaded in load().values():
        for claim in loaded.scenario.claims:
            outside = "" if applicability.involved(loaded, claim, subjects) else "it does not involve the optimizer under test"
            claims[claim.id] = outside or applicability.not_applicable_reason(loaded, claim, subjects)
    return expected_failures.load(asked.expected_failures, root=here, claims=claims) if asked.expected_failures else {}


def _check_places(config: pytest.Config) -> None:
    """Refuse now what would end a run of minutes in a traceback. Raises UsageError."""
    folder = config.getoption("--report")
    try:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--report {folder}: no folder can be made there ({error.strerror})") from None
    if folder and not os.access(folder, os.W_OK):
        raise UsageError(f"--report {folder}: cannot be written to")
    if config.getoption("--device") == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: torch sees no GPU here; leave the option out, or say --device cpu")


def pytest_unconfigure(config: pytest.Config) -> None:
    if SETUP in config.stash and not hasattr(config, "workerinput"):
        shutil.rmtree(config.stash[SETUP].folder, ignore_errors=True)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Count GPU slots on a GPU box; leave CPUs to xdist."""
    if config.getoption("--device") == "cpu":
        return None
    told = os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS")  # a hook outranks the variable, so honour it here
    if told:
        return int(told)
    chosen = gpu_slots.choose_slots(os.environ, cpus=gpu_slots.cpu_count())
    os.environ[gpu_slots.VARIABLE] = ",".join(chosen)
    return len(chosen) or None
