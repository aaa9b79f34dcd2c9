"""Every scenario and claim, loaded from the YAML files and checked."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from harness.catalog.checks import KEYS, check_arithmetic, check_arm, check_claim, check_probe, check_study
from harness.catalog.entry import SNAKE_CASE, Entry, KnownMutant, Mutants, Source, Sources
from harness.environment.paths import ROOT
from harness.errors import ScenarioError
from harness.policy import MOST_GOLDEN_RTOL
from harness.spec.scenario import Scenario
from harness.spec.yaml_binding import Raw, bind, entries, read

FOLDERS = ("arithmetic", "probes", "studies")


@cache
def load(folder: Path = ROOT / "scenarios") -> Mapping[str, Entry]:
    """Return every scenario below `folder` by id, checked. Raises ScenarioError at the first thing wrong."""
    sources, mutants = load_sources(folder), load_mutants(folder)
    found: dict[str, Entry] = {}
    homes: dict[str, str] = {}
    for path in _files(folder):
        entry = _entry(path, folder.parent)
        if entry.id in found:
            raise entry.raw.fail(f"the scenario id {entry.id!r} is taken by {found[entry.id].raw.file}")
        for index, claim in enumerate(entry.scenario.claims):
            where = entry.raw.child(f"claims[{index}]", _claims_node(entry.raw).value[index])
            if claim.id in homes:
                raise where.fail(f"the claim id {claim.id!r} is taken by {homes[claim.id]}")
            homes[claim.id] = entry.raw.file
            check_claim(claim, entry.scenario, sources, mutants, where)
        found[entry.id] = entry
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


def _entry(path: Path, root: Path) -> Entry:
    raw = read(path, root=root)
    if not SNAKE_CASE.fullmatch(path.stem):
        raise raw.fail(f"a scenario's file name is its id: expected snake_case, got {path.stem!r}")
    scenario: Scenario = bind(Scenario, raw)
    if not scenario.claims or not scenario.arms:
        raise raw.fail("a scenario carries at least one claim and one arm")
    for name, arm in scenario.arms.items():
        check_arm(name, arm, scenario, raw.child(f"arms.{name}", _part(raw, "arms", name)))
    for key, part in entries(raw).items():
        homes = [kind for kind, keys in KEYS.items() if key in keys]
        if homes and scenario.kind not in homes:
            raise part.fail(f"belongs to kind: {homes[0]}, got kind: {scenario.kind}")
    if scenario.golden_rtol is not None and not 0.0 < scenario.golden_rtol <= MOST_GOLDEN_RTOL:
        raise raw.fail(f"golden_rtol: expected more than 0 and at most {MOST_GOLDEN_RTOL}, got {scenario.golden_rtol}")
    {"probe": check_probe, "study": check_study, "arithmetic": check_arithmetic}[scenario.kind](scenario, raw)
    return Entry(path.stem, scenario, raw)


def _claims_node(raw: Raw) -> Any:
    return entries(raw)["claims"].node


def _part(raw: Raw, key: str, name: str) -> Any:
    return entries(entries(raw)[key])[name].node
