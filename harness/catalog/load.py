"""Every scenario and claim, loaded from the YAML files and checked."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from harness.catalog.checks import check_claim, check_scenario
from harness.catalog.loaded_scenario import SNAKE_CASE, KnownMutant, LoadedScenario, Mutants, Source, Sources
from harness.environment.paths import ROOT
from harness.errors import ScenarioError
from harness.spec.scenario import bind_scenario
from harness.spec.yaml_binding import Raw, bind, entries, read

FOLDERS = ("arithmetic", "probes", "studies")


@cache
def load(folder: Path = ROOT / "scenarios") -> Mapping[str, LoadedScenario]:
    """Return every scenario below `folder` by id, checked. Raises ScenarioError at the first thing wrong."""
    sources, mutants = load_sources(folder), load_mutants(folder)
    found: dict[str, LoadedScenario] = {}
    homes: dict[str, str] = {}
    for path in _files(folder):
        loaded = _entry(path, folder.parent)
        if loaded.id in found:
            raise loaded.raw.fail(f"the scenario id {loaded.id!r} is taken by {found[loaded.id].raw.file}")
        for index, claim in enumerate(loaded.scenario.claims):
            where = loaded.raw.child(f"claims[{index}]", _claims_node(loaded.raw).value[index])
            if claim.id in homes:
                raise where.fail(f"the claim id {claim.id!r} is taken by {homes[claim.id]}")
            homes[claim.id] = loaded.raw.file
            check_claim(claim, loaded.scenario, sources, mutants, where)
        found[loaded.id] = loaded
    if not found:
        raise ScenarioError(f"{folder}: no scenarios found (expected probes/*/*.yaml, studies/*.yaml or arithmetic/*.yaml)")
    return found


def load_sources(folder: Path = ROOT / "scenarios") -> Mapping[str, Source]:
    """Return every source by its key. Raises ScenarioError when the file is not as it should be."""
    sources: Mapping[str, Source] = bind(Sources, read(folder / "sources.yaml", root=folder.parent)).sources
    return sources


def load_mutants(folder: Path = ROOT / "scenarios") -> Mapping[str, KnownMutant]:
    """Return every mutant that a scenario may know, by its name. Raises ScenarioError when the file is not as it should be."""
    mutants: Mapping[str, KnownMutant] = bind(Mutants, read(folder / "mutants.yaml", root=folder.parent)).mutants
    return mutants


def _files(folder: Path) -> list[Path]:
    """Return the scenario files below `folder`, by kind and then by id; the folders inside a kind only sort them for readers."""
    return [path for kind in FOLDERS for path in sorted((folder / kind).rglob("*.yaml"), key=lambda path: path.stem)]


def _entry(path: Path, root: Path) -> LoadedScenario:
    raw = read(path, root=root)
    if not SNAKE_CASE.fullmatch(path.stem):
        raise raw.fail(f"a scenario's file name is its id: expected snake_case, got {path.stem!r}")
    scenario = bind_scenario(raw)
    if not scenario.claims or not scenario.arms:
        raise raw.fail("a scenario carries at least one claim and one arm")
    check_scenario(scenario, raw)
    return LoadedScenario(path.stem, scenario, raw)


def _claims_node(raw: Raw) -> Any:
    return entries(raw)["claims"].node
