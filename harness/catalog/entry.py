"""A scenario under its id, and what its file says in the terms of the probe, study or formula that it names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from harness.catalog.formulas import FORMULAS
from harness.probes import PROBES
from harness.spec.scenario import Scenario
from harness.spec.yaml_binding import Plain, Raw, bind, bind_fields, entries, plain
from harness.training.measures import MEASURES
from harness.training.recipe import Recipe

SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@dataclass(frozen=True)
class Source:
    """A document that makes claims: title, author, and where to find it."""

    title: str
    author: str
    where: str


NoticedBy = Literal["claims", "fingerprint", "nothing"]


@dataclass(frozen=True)
class KnownMutant:
    """A wrong or right optimizer of tests/mutants: what it does, what notices it, and the thread of the real bug.

    `nothing` is right under its own contract; a claim about another optimizer may still name it.
    """

    does: str
    noticed_by: NoticedBy
    thread: str = ""


@dataclass(frozen=True)
class Entry:
    """A scenario under its id (the file's stem), with the file that it came from."""

    id: str
    scenario: Scenario
    raw: Raw


@dataclass(frozen=True)
class Sources:
    """The file sources.yaml: every source by its key."""

    sources: Mapping[str, Source]


@dataclass(frozen=True)
class Mutants:
    """The file mutants.yaml: every class of tests/mutants by its name."""

    mutants: Mapping[str, KnownMutant]


def settings_of(scenario: Scenario, arm: str) -> Any:
    """Return the probe's (or the formula's) settings of one arm: the scenario's, overridden by the arm's own."""
    merged: dict[str, Raw] = {}
    for raw in (scenario.settings, scenario.arms[arm].settings):
        merged.update(entries(raw) if raw else {})
    home = scenario.arms[arm].settings or scenario.settings
    assert home is not None, "checked when the scenario was loaded"
    return bind_fields(PROBES[scenario.probe].settings, merged, home)


def formula_arguments(scenario: Scenario, arm: str) -> dict[str, Plain]:
    """Return the arguments of one arm of an arithmetic scenario."""
    raw = scenario.arms[arm].settings
    assert raw is not None, "checked when the scenario was loaded"
    return {key: plain(part) for key, part in entries(raw).items()}


def recipe_of(scenario: Scenario) -> Recipe:
    """Return what all arms of a study share."""
    assert scenario.recipe is not None, "checked when the scenario was loaded"
    recipe: Recipe = bind(Recipe, scenario.recipe)
    return recipe


def measures_of(scenario: Scenario) -> list[str]:
    """Return the measures that a scenario's expectations may name."""
    match scenario.kind:
        case "probe":
            return list(PROBES[scenario.probe].measures)
        case "study":
            return list(MEASURES)
        case "arithmetic":
            return [FORMULAS[scenario.formula].measure]
