"""Loading of all scenarios and claims from the YAML files, with all checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from harness.catalog.checks import Vocabularies, check_claim, check_scenario
from harness.catalog.loaded_scenario import SNAKE_CASE, KnownMutant, LoadedScenario, Mutants, Source, Sources
from harness.environment.paths import ROOT
from harness.errors import MAX_PROBLEMS, Problems, ScenarioError
from harness.spec.scenario import bind_scenario, without_claims
from harness.spec.yaml_binding import Raw, bind, entries, items, read

FOLDERS = ("arithmetic", "probes", "studies")


@cache
def load(folder: Path = ROOT / "scenarios") -> Mapping[str, LoadedScenario]:
    """Return every scenario below `folder` by its id, after all checks. Raises one ScenarioError, with a line a problem."""
    known = Vocabularies(load_sources(folder), load_mutants(folder))
    problems, scenarios, file_of_claim = Problems(), dict[str, LoadedScenario](), dict[str, str]()
    for path in _files(folder):
        with problems.collect():
            loaded = _load_file(path, folder.parent, known)
            if loaded.id in scenarios:
                raise loaded.raw.fail(f"the scenario id {loaded.id!r} is taken by {scenarios[loaded.id].raw.file}")
            scenarios[loaded.id] = loaded
            for claim, raw in zip(loaded.scenario.claims, items(entries(loaded.raw)["claims"]), strict=True):
                if claim.id in file_of_claim:
                    raise raw.fail(f"the claim id {claim.id!r} is taken by {file_of_claim[claim.id]}")
                file_of_claim[claim.id] = loaded.raw.file
    problems.raise_all(MAX_PROBLEMS)
    if not scenarios:
        raise ScenarioError(f"{folder}: no scenarios found (expected probes/*/*.yaml, studies/*.yaml or arithmetic/*.yaml)")
    return scenarios


def load_sources(folder: Path = ROOT / "scenarios") -> Mapping[str, Source]:
    """Return every source by its key. Raises ScenarioError if sources.yaml is missing or wrong."""
    sources: Mapping[str, Source] = bind(Sources, read(folder / "sources.yaml", root=folder.parent)).sources
    return sources


def load_mutants(folder: Path = ROOT / "scenarios") -> Mapping[str, KnownMutant]:
    """Return every mutant of the list for scenarios, by its name. Raises ScenarioError if mutants.yaml is missing or wrong."""
    mutants: Mapping[str, KnownMutant] = bind(Mutants, read(folder / "mutants.yaml", root=folder.parent)).mutants
    return mutants


def _files(folder: Path) -> list[Path]:
    """Return the scenario files below `folder`, sorted by kind and then by id.

    The folders inside a kind are for readers only: they change neither the ids nor the order.
    """
    return [path for kind in FOLDERS for path in sorted((folder / kind).rglob("*.yaml"), key=lambda path: path.stem)]


def _load_file(path: Path, root: Path, known: Vocabularies) -> LoadedScenario:
    """Return the scenario of one file after all checks. Raises one ScenarioError with every problem of the file."""
    raw, problems = read(path, root=root), Problems()
    if not SNAKE_CASE.fullmatch(path.stem):
        problems.add(raw.fail(f"a scenario's file name is its id: expected snake_case, got {path.stem!r}"))
    with problems.collect():
        scenario = bind_scenario(raw)
        if not scenario.claims:
            problems.add(raw.fail("claims: expected at least one claim, got none"))
    for error in _checked(raw, known):
        problems.add(error)
    problems.raise_all()
    return LoadedScenario(path.stem, scenario, raw)


def _checked(raw: Raw, known: Vocabularies) -> Iterator[ScenarioError]:
    """Yield the problems of the names and numbers in a file, of every part that can be bound."""
    head = without_claims(raw)
    if head:
        yield from check_scenario(head, raw)
    with Problems().collect():
        for claim in items(entries(raw)["claims"]) if "claims" in entries(raw) else ():
            yield from check_claim(claim, head if head and head.arms else None, known)
