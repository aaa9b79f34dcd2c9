"""Loaded scenarios, and their settings in the types of the probe, study or formula that they name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeGuard, TypeVar

from harness.catalog.formulas import FORMULAS
from harness.probes import PROBES
from harness.spec.scenario import FIXED, ArithmeticArm, ArithmeticScenario, ProbeScenario, Role, Scenario, StudyScenario
from harness.spec.yaml_binding import Plain, Raw, bind, bind_fields, entries, plain
from harness.training.measures import MEASURES
from harness.training.recipe import Recipe

Kind = TypeVar("Kind", bound=Scenario, covariant=True)
SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@dataclass(frozen=True)
class Source:
    """A document that makes claims: its title, its author, and where to find it."""

    title: str
    author: str
    where: str


NoticedBy = Literal["claims", "fingerprint", "nothing"]


@dataclass(frozen=True)
class KnownMutant:
    """An optimizer of tests/mutants: what it does, what notices it, and the thread of the real bug if there is one.

    An optimizer that `nothing` notices is right under its own contract. It may still be a counterexample of a claim about
    another optimizer. `role` is the role of the arms in which it can replace the optimizer: `fixed` if only an arm that names
    its optimizer itself can have it, `any` if every arm can.
    """

    does: str
    noticed_by: NoticedBy
    thread: str = ""
    role: Role = "any"

    def can_replace(self, role: Role) -> bool:
        """Return True if it can replace the optimizer of an arm of `role`. An arm of role `fixed` accepts every mutant."""
        return role == FIXED or self.role in (role, "any") or (role == "any" and self.role != FIXED)


@dataclass(frozen=True)
class Loaded(Generic[Kind]):
    """A scenario with its id (the name of its file without the ending) and the parsed file that it came from."""

    id: str
    scenario: Kind
    raw: Raw


LoadedScenario = Loaded[Scenario]
LoadedStudy = Loaded[StudyScenario]


def is_study(loaded: LoadedScenario) -> TypeGuard[LoadedStudy]:
    """Return True if the scenario is a study."""
    return isinstance(loaded.scenario, StudyScenario)


@dataclass(frozen=True)
class Sources:
    """The file sources.yaml: every source by its key."""

    sources: Mapping[str, Source]


@dataclass(frozen=True)
class Mutants:
    """The file mutants.yaml: every class of tests/mutants by its name."""

    mutants: Mapping[str, KnownMutant]


def settings_of(scenario: ProbeScenario, arm: str) -> Any:
    """Return the settings of the probe in one arm: those of the arm, and those of the scenario for the rest."""
    arm_settings = scenario.arms[arm].settings
    merged = {**entries(scenario.settings), **(entries(arm_settings) if arm_settings else {})}
    return bind_fields(PROBES[scenario.probe].settings, merged, arm_settings or scenario.settings)


def formula_arguments(arm: ArithmeticArm) -> dict[str, Plain]:
    """Return the arguments of the formula in one arm of an arithmetic scenario."""
    return {key: plain(part) for key, part in entries(arm.settings).items()}


def recipe_of(scenario: StudyScenario) -> Recipe:
    """Return the training settings that all arms of a study share."""
    recipe: Recipe = bind(Recipe, scenario.recipe)
    return recipe


def measures_of(scenario: Scenario) -> list[str]:
    """Return the measures that a scenario's expectations may name; none for a probe or formula that is unknown."""
    match scenario:
        case ProbeScenario():
            return list(PROBES[scenario.probe].measures) if scenario.probe in PROBES else []
        case StudyScenario():
            return list(MEASURES)
        case ArithmeticScenario():
            return [FORMULAS[scenario.formula].measure] if scenario.formula in FORMULAS else []
