"""Checks of scenarios and claims: known names, numbers within their limits, no missing keys.

The vocabularies are probes, formulas, tasks, models, roles, arms, measures, relations, sources, contract fields and mutants.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args

from harness.catalog.formulas import FORMULAS
from harness.catalog.loaded_scenario import SNAKE_CASE, KnownMutant, Source, measures_of, recipe_of, settings_of
from harness.errors import Problems, ScenarioError
from harness.policy import MINIMUM_PILOT, MINIMUM_SEEDS, MOST_GATES, MOST_GOLDEN_RTOL
from harness.probes import PROBES
from harness.spec.contract import ANY, FIELDS
from harness.spec.contract import check as contract_problem
from harness.spec.relations import RELATIONS, key_problem, relation_of
from harness.spec.scenario import (
    FIXED,
    ArithmeticScenario,
    Arm,
    Claim,
    Counterexample,
    Expectation,
    ProbeScenario,
    Role,
    Scenario,
    StudyScenario,
)
from harness.spec.yaml_binding import Raw, bind_known, entries, items, near_entries, readable, unknown
from harness.training.recipe import MODELS, TASKS, TRAJECTORY_STEPS, Recipe


@dataclass(frozen=True)
class Vocabularies:
    """The names that files, and not code, give: sources and mutants."""

    sources: Mapping[str, Source]
    mutants: Mapping[str, KnownMutant]


def check_scenario(scenario: Scenario, raw: Raw) -> Iterator[ScenarioError]:
    """Yield each problem of a scenario, its claims left out: an unknown name, or a number outside its limits."""
    if not scenario.arms:
        yield raw.fail("a scenario has at least one arm")
    if not 0.0 < scenario.golden_rtol <= MOST_GOLDEN_RTOL:
        yield raw.fail(f"golden_rtol: expected more than 0 and at most {MOST_GOLDEN_RTOL}, got {scenario.golden_rtol}")
    match scenario:
        case ProbeScenario():
            yield from _check_subjects(scenario.arms, raw)
            yield from _check_probe(scenario, raw)
        case StudyScenario():
            yield from _check_subjects(scenario.arms, raw)
            yield from _check_study(scenario, raw)
        case ArithmeticScenario():
            yield from _check_arithmetic(scenario, raw)


def _check_subjects(arms: Mapping[str, Arm], raw: Raw) -> Iterator[ScenarioError]:
    known = ", ".join(role for role in get_args(Role) if role != FIXED)
    for name, part in entries(entries(raw)["arms"]).items():
        if (arms[name].role == FIXED) != bool(arms[name].subject):
            yield part.fail(f"an arm has either a role ({known}) or role: {FIXED} and subject: module:attribute")


def _check_probe(scenario: ProbeScenario, raw: Raw) -> Iterator[ScenarioError]:
    if scenario.probe not in PROBES:
        yield _unknown_name(raw, "probe", scenario.probe, PROBES)
        return
    seen: set[str] = set()  # a mistake in the scenario's settings comes back in every arm
    for name in scenario.arms:
        for error in _error_of(partial(settings_of, scenario, name)):
            problem = str(error).split(": ", 2)[-1].partition(" (line ")[0]
            if problem not in seen:
                yield error
            seen.add(problem)


def _check_study(scenario: StudyScenario, raw: Raw) -> Iterator[ScenarioError]:
    if scenario.task not in TASKS:
        yield _unknown_name(raw, "task", scenario.task, TASKS)
    if scenario.model not in MODELS:
        yield _unknown_name(raw, "model", scenario.model, MODELS)
    yield from _error_of(partial(recipe_of, scenario)) or _check_recipe(recipe_of(scenario), raw)
    if len(set(scenario.seeds)) < MINIMUM_SEEDS:
        yield raw.fail(f"seeds: expected at least {MINIMUM_SEEDS} different seeds, got {len(set(scenario.seeds))}")
    if not 1 <= len(scenario.golden.gates) <= MOST_GATES:
        yield raw.fail(f"golden.gates: expected 1 to {MOST_GATES} gated measures, got {len(scenario.golden.gates)}")
    for gate in scenario.golden.gates:
        yield from _check_arm_and_measure(
            gate.arm, gate.measure, scenario, raw.child("golden.gates", entries(raw)["golden"].node)
        )


def _check_recipe(recipe: Recipe, raw: Raw) -> Iterator[ScenarioError]:
    if recipe.schedule == "cosine" and recipe.warmup_steps < TRAJECTORY_STEPS:
        # The trajectory lane trains only the first steps of the study. In the cosine, the learning
        # rates depend on the number of steps, so the lane would not follow the study.
        yield raw.fail(f"recipe.warmup_steps: a cosine needs at least {TRAJECTORY_STEPS}, got {recipe.warmup_steps}")


def _check_arithmetic(scenario: ArithmeticScenario, raw: Raw) -> Iterator[ScenarioError]:
    if scenario.formula not in FORMULAS:
        yield _unknown_name(raw, "formula", scenario.formula, FORMULAS)
        return
    expected = set(inspect.signature(FORMULAS[scenario.formula].of).parameters)
    for arm in scenario.arms.values():
        given = set(entries(arm.settings))
        if given != expected:
            yield arm.settings.fail(f"expected {', '.join(sorted(expected))}, got {', '.join(sorted(given)) or 'nothing'}")


def check_claim(raw: Raw, scenario: Scenario | None, known: Vocabularies) -> Iterator[ScenarioError]:
    """Yield each problem of a claim: an unknown name, a missing key or text, a number outside its limits.

    Parts that cannot be bound are left out here: `bind` reports them. `scenario` is None if its own keys cannot be bound; then
    the names of arms and measures are not checked.
    """
    parts, raws = readable(Claim, raw), near_entries(Claim, raw)
    if not SNAKE_CASE.fullmatch(parts.get("id", "a")):
        yield raw.fail(f"id: expected snake_case, got {parts['id']!r}")
    for citation, part in zip(parts.get("sources", ()), items(raws["sources"]) if "sources" in parts else (), strict=True):
        if citation.source not in known.sources:
            yield part.fail(unknown(citation.source, list(known.sources), what="source"))
    if parts.get("sources") == () or parts.get("expect") == ():
        yield raw.fail("a claim has at least one source and one expectation")
    yield from _check_texts(parts, raw)
    yield from _check_needs(parts.get("needs", {}), raw)
    if scenario:
        yield from _check_expectations(scenario, raws, raw)
    if "counterexample" in parts:
        yield from _check_counterexample(parts["counterexample"], scenario, raws["counterexample"])
        yield from _check_mutants(parts["counterexample"], known.mutants, raws["counterexample"])


def _check_texts(parts: Mapping[str, Any], where: Raw) -> Iterator[ScenarioError]:
    for key in ("statement", "convention", "documented"):
        if not parts.get(key, "not given").strip():
            yield where.fail(f"{key}: expected a sentence, got an empty text")
    if parts.get("established") == "holds_when" and not parts.get("when"):
        yield where.fail("established: holds_when needs the key 'when'")
    if parts.get("established") == "refuted" and not parts.get("instead"):
        yield where.fail("established: refuted needs the key 'instead', which says what is true")


def _check_needs(needs: Mapping[str, Any], where: Raw) -> Iterator[ScenarioError]:
    for name, needed in needs.items():
        if name not in FIELDS:
            yield where.fail(f"needs: {unknown(name, tuple(FIELDS), what='contract field')}")
            continue
        for value in needed if isinstance(needed, tuple) else (needed,):
            problem = "" if value == ANY or not isinstance(value, str) else contract_problem(name, value)
            if problem:
                yield where.fail(f"needs.{name}: {problem}")


def _check_expectations(scenario: Scenario, parts: Mapping[str, Raw], where: Raw) -> Iterator[ScenarioError]:
    """Yield each problem of those expectations of a claim that can be bound."""
    gated = True
    with Problems().collect():
        listed = items(parts["expect"]) if "expect" in parts else []
        gated = not listed or any("pilot" in entries(part) for part in listed)
        for part in listed:
            with Problems().collect():
                expectation = bind_known(Expectation, near_entries(Expectation, part), part)
                yield from _check_expectation(expectation, scenario, part)
    if scenario.kind == "study" and not gated:
        yield where.fail(f"a claim of a study has at least one expectation with the key 'pilot' ({MINIMUM_PILOT} or more)")


def _check_expectation(expectation: Expectation, scenario: Scenario, where: Raw) -> Iterator[ScenarioError]:
    yield from _check_arm_and_measure(expectation.arm, expectation.measure, scenario, where)
    if expectation.than:
        yield from _check_arm_and_measure(expectation.than.arm, expectation.than.measure, scenario, where)
    if expectation.relation not in RELATIONS:
        yield _unknown_name(where, "relation", expectation.relation, RELATIONS)
        return
    if problem := key_problem(expectation):
        yield where.fail(problem)
    if scenario.kind == "study" and not relation_of(expectation).ensembles:
        yield where.fail(f"{expectation.relation} is for a single number, and a measure of a study is a mean over seeds")
    if expectation.tolerance is not None and not expectation.tolerance > 0.0:
        yield where.fail(f"tolerance: expected a number above 0, got {expectation.tolerance}")
    if expectation.pilot is not None and expectation.pilot < MINIMUM_PILOT:
        yield where.fail(f"pilot: a gate needs an effect of {MINIMUM_PILOT} or more, got {expectation.pilot}")


def _check_counterexample(example: Counterexample, scenario: Scenario | None, where: Raw) -> Iterator[ScenarioError]:
    given = [bool(example.mutants), bool(example.swap), bool(example.settings)]
    if sum(given) != 1:
        yield where.fail("expected exactly one of the keys mutants, swap and settings")
    if scenario is None:
        return
    if (example.mutants or example.settings) and example.arm not in scenario.arms:
        yield where.fail(f"arm: {unknown(str(example.arm), list(scenario.arms), what='arm')}")
    if example.swap and (len(example.swap) != 2 or not set(example.swap) <= set(scenario.arms)):
        yield where.fail(f"swap: expected two of the arms {', '.join(scenario.arms)}")


def _check_mutants(example: Counterexample, known: Mapping[str, KnownMutant], where: Raw) -> Iterator[ScenarioError]:
    for index, name in enumerate(example.mutants):
        part = where.child(f"mutants[{index}]", entries(where)["mutants"].node.value[index])
        if name not in known:
            yield part.fail(unknown(name, known, what="mutant", command="vocabulary"))
        elif known[name].noticed_by == "fingerprint":
            yield part.fail(
                f"{name!r} is noticed by the fingerprint only, and by no claim; to name it here, give it an expectation"
                " (tests/mutants/README.md)"
            )


def _check_arm_and_measure(arm: str, measure: str, scenario: Scenario, where: Raw) -> Iterator[ScenarioError]:
    if arm not in scenario.arms:
        yield where.fail(f"arm: {unknown(arm, list(scenario.arms), what='arm')}")
    known = measures_of(scenario)
    if known and measure not in known:
        yield where.fail(f"measure: {unknown(measure, known, what='measure')}")


def _error_of(call: Callable[[], object]) -> list[ScenarioError]:
    """Return the ScenarioError that a call raises, if it raises one."""
    try:
        call()
    except ScenarioError as error:
        return [error]
    return []


def _unknown_name(raw: Raw, key: str, name: str, known: Iterable[str]) -> ScenarioError:
    part = entries(raw).get(key)  # None if the key is misspelt
    return raw.child(key, part.node if part else raw.node).fail(unknown(name, list(known), what=key))
