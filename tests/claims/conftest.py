"""Fixtures of the claims: the setup, the session, and each scenario's result. Workers share the trained chunks of studies."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
import torch

from harness.catalog.loaded_scenario import LoadedScenario
from harness.run import Result, Session, run, study_chunks
from harness.training.chunk_cache import ChunkCache
from harness.training.progress import Progress
from harness.verdicts.contract_check import declared_fields
from tests.plugin.run_setup import SETUP, Setup


@pytest.fixture(scope="session")
def setup(request: pytest.FixtureRequest) -> Setup:
    """The setup of this run: subjects, folders, expected failures."""
    return request.config.stash[SETUP]


@pytest.fixture(scope="session")
def session(request: pytest.FixtureRequest) -> Session:
    """The session: the subjects, the device on which studies train, and the chunk cache."""
    config = request.config
    setup = config.stash[SETUP]
    option = config.getoption("--device")
    device = option if option != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    progress = Progress(setup.folder, _writer(config))
    session = Session(setup.subjects, device, ChunkCache(setup.folder), progress, subject_output=list(setup.subject_output))
    config.pluginmanager.get_plugin("decaygate-reporter").session = session
    return session


@pytest.fixture(scope="session")
def result_of(request: pytest.FixtureRequest, session: Session) -> Callable[[LoadedScenario], Result]:
    """A function that returns a scenario's result.

    Each scenario runs once in a worker. At the first study the worker trains, of all selected studies, the chunks that no other
    worker has taken.
    """
    results: dict[str, Result] = {}

    def of(loaded: LoadedScenario) -> Result:
        if loaded.id not in results:
            if loaded.scenario.kind == "study":
                studies = _selected_studies(request)
                session.chunk_cache.train_unlocked([chunk for study in studies for chunk in study_chunks(study, session).all])
            results[loaded.id] = run(loaded, session)
        return results[loaded.id]

    return of


def _selected_studies(request: pytest.FixtureRequest) -> list[LoadedScenario]:
    """Return the studies that this run selected, so that no worker trains chunks that no test needs."""
    parameters = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    entries = [params["case"].loaded if "case" in params else params.get("loaded") for params in parameters]
    return list({loaded.id: loaded for loaded in entries if loaded and loaded.scenario.kind == "study"}.values())


def _writer(config: pytest.Config) -> Callable[[str], None]:
    """Return a function that writes a line to the terminal, past pytest's capture."""
    capture = config.pluginmanager.get_plugin("capturemanager")

    def write(line: str) -> None:
        with capture.global_and_fixture_disabled():
            os.write(2, f"\n{line}".encode())  # not through sys.stderr, where the output of a subject is captured

    return write


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize the tests of this session's optimizers: the contract by declared field, the fingerprint by role."""
    if "fingerprinted_role" in metafunc.fixturenames:
        metafunc.parametrize("fingerprinted_role", metafunc.config.stash[SETUP].subjects.fingerprinted)
    if "declared_field" in metafunc.fixturenames:
        cases = list(declared_fields(metafunc.config.stash[SETUP].subjects))
        metafunc.parametrize("declared_field", cases, ids=[".".join(case) for case in cases])
