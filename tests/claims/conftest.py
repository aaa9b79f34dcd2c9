"""Fixtures of the claims: the session, and each scenario's result, run once a session and shared by all workers."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
import torch

from harness.catalog.loaded_scenario import LoadedScenario
from harness.run import Result, Session, run, study_work
from harness.training.chunk_cache import ChunkCache
from harness.training.progress import Progress
from harness.verdicts.contract_check import declared_fields
from tests.plugin.run_setup import SETUP, Setup


@pytest.fixture(scope="session")
def setup(request: pytest.FixtureRequest) -> Setup:
    """What this run was asked for."""
    return request.config.stash[SETUP]


@pytest.fixture(scope="session")
def session(request: pytest.FixtureRequest) -> Session:
    """Who is under test, where it trains, and where its runs are kept."""
    config = request.config
    setup = config.stash[SETUP]
    wanted = config.getoption("--device")
    device = wanted if wanted != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    heartbeat = Progress(setup.folder, _writer(config))
    made = Session(setup.subjects, device, ChunkCache(setup.folder), heartbeat, subject_output=list(setup.subject_output))
    config.pluginmanager.get_plugin("decaygate-reporter").session = made
    return made


@pytest.fixture(scope="session")
def result_of(request: pytest.FixtureRequest, session: Session) -> Callable[[LoadedScenario], Result]:
    """Return a scenario's result; the first study makes this worker train all chunks that nobody holds."""
    results: dict[str, Result] = {}

    def of(loaded: LoadedScenario) -> Result:
        if loaded.id not in results:
            if loaded.scenario.kind == "study":
                session.store.train_unclaimed([piece for one in _studies(request) for piece in study_work(one, session).pieces])
            results[loaded.id] = run(loaded, session)
        return results[loaded.id]

    return of


def _studies(request: pytest.FixtureRequest) -> list[LoadedScenario]:
    """Return the studies that this run selected, so that no worker trains what nobody asks for."""
    parameters = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    entries = [params["case"].loaded if "case" in params else params.get("loaded") for params in parameters]
    return list({loaded.id: loaded for loaded in entries if loaded and loaded.scenario.kind == "study"}.values())


def _writer(config: pytest.Config) -> Callable[[str], None]:
    capture = config.pluginmanager.get_plugin("capturemanager")

    def write(line: str) -> None:
        with capture.global_and_fixture_disabled():
            os.write(2, f"\n{line}".encode())  # past sys.stderr: a subject's own output is being collected there

    return write


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test of the contract one case for each promise of this run's optimizers."""
    if "promised" in metafunc.fixturenames:
        cases = list(declared_fields(metafunc.config.stash[SETUP].subjects))
        metafunc.parametrize("promised", cases, ids=[".".join(case) for case in cases])
