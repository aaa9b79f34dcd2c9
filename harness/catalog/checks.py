"""Checks of scenarios and claims: known names, numbers within their limits, no missing keys.

The vocabularies are probes, formulas, tasks, models, roles, arms, measures, relations, sources, contract fields and mutants.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args

from harness.catalog.formulas import FORMULAS
from harness.catalog.loaded_scenario import SNAKE_CASE, KnownMutant, Source, measures_of, recipe_of, settings_of
from harness.environment import commands
from harness.errors import Problems, ScenarioError
from harness.policy import MAX_GATES, MAX_GOLDEN_RTOL, MIN_PILOT, MIN_SEEDS
from harness.probes import PROBES
from harness.spec.contract import ANY
from harness.spec.contract import check as contract_problem
from harness.spec.fields import FIELDS
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
from harness.training.measures import MEASURES
from harness.training.recipe import MODELS, TASKS, TRAJECTORY_STEPS, Recipe

_COUNTEREXAMPLES = {"probe": "mutants", "study": "swap", "arithmetic": "settings"}  # kind of the scenario -> key
_COUNTS = ("steps", "batch_size", "evaluate_every")  # fields of a recipe that are 1 or more


@dataclass(frozen=True)
class Vocabularies:
    """The names that files, and not code, give: sources and mutants."""

    sources: Mapping[str, Source]
    mutants: Mapping[str, KnownMutant]


def check_scenario(scenario: Scenario, raw: Raw) -> Iterator[ScenarioError]:
    """Yield each problem of a scenario, its claims left out: an unknown name, or a number outside its limits."""
    if not scenario.arms:
        yield raw.fail("arms: expected at least one arm, got none")
    if not 0.0 < scenario.golden_rtol <= MAX_GOLDEN_RTOL:
        yield raw.fail(f"golden_rtol: expected more than 0 and at most {MAX_GOLDEN_RTOL}, got {scenario.golden_rtol}")
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
            got = "both" if arms[name].subject else "neither"
            yield part.fail(f"expected a role ({known}), or role: {FIXED} with subject: module:attribute; got {got}")


def _check_probe(scenario: ProbeScenario, raw: Raw) -> Iterator[ScenarioError]:
    if scenario.probe not in PROBES:
        yield _unknown_name(raw, "probe", scenario.probe, PROBES)
        return
    seen: set[str] = set()  # a mistake in the scenario's settings comes back in every arm
    for name in scenario.arms:
        for line in _problem_lines(partial(settings_of, scenario, name)):
            problem = line.split(": ", 2)[-1].rpartition(" (line ")[0]
            if problem not in seen:
                yield ScenarioError(line)
            seen.add(problem)


def _check_study(scenario: StudyScenario, raw: Raw) -> Iterator[ScenarioError]:
    if scenario.task not in TASKS:
        yield _unknown_name(raw, "task", scenario.task, TASKS)
    if scenario.model not in MODELS:
        yield _unknown_name(raw, "model", scenario.model, MODELS)
    wrong = [ScenarioError(line) for line in _problem_lines(partial(recipe_of, scenario))]
    yield from wrong or _check_recipe(recipe_of(scenario), raw)
    if len(set(scenario.seeds)) < MIN_SEEDS:
        yield raw.fail(f"seeds: expected at least {MIN_SEEDS} different seeds, got {len(set(scenario.seeds))}")
    if not 1 <= len(scenario.golden.gates) <= MAX_GATES:
        yield raw.fail(f"golden.gates: expected 1 to {MAX_GATES} gated measures, got {len(scenario.golden.gates)}")
    for gate in scenario.golden.gates:
        yield from _check_arm_and_measure(
            gate.arm, gate.measure, scenario, raw.child("golden.gates", entries(raw)["golden"].node)
        )


def _check_recipe(recipe: Recipe, raw: Raw) -> Iterator[ScenarioError]:
    for name in _COUNTS:
        if getattr(recipe, name) < 1:
            yield raw.fail(f"recipe.{name}: expected 1 or more, got {getattr(recipe, name)}")
    if recipe.schedule == "cosine" and recipe.warmup_steps < TRAJECTORY_STEPS:
        # The trajectory lane trains only the first steps of the study. In the cosine, the learning
        # rates depend on the number of steps, so the lane would not follow the study.
        yield raw.fail(
            f"recipe.warmup_steps: expected {TRAJECTORY_STEPS} or more with schedule: cosine, got {recipe.warmup_steps}"
        )


def _check_arithmetic(scenario: ArithmeticScenario, raw: Raw) -> Iterator[ScenarioError]:
    if scenario.formula not in FORMULAS:
        yield _unknown_name(raw, "formula", scenario.formula, FORMULAS)
        return
    for arm in scenario.arms.values():
        if problem := _argument_problem(scenario.formula, entries(arm.settings)):
            yield arm.settings.fail(problem)


def _argument_problem(formula: str, given: Iterable[str]) -> str:
    """Return the problem with the names of a formula's arguments; empty if they are right or the formula is unknown."""
    got = sorted(given)
    expected = sorted(inspect.signature(FORMULAS[formula].function).parameters) if formula in FORMULAS else got
    return "" if got == expected else f"expected the keys {', '.join(expected)}, got {', '.join(got) or 'none'}"


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
    for key, item in (("sources", "source"), ("expect", "expectation")):
        if parts.get(key) == ():
            yield raw.fail(f"{key}: expected at least one {item}, got none")
    yield from _check_texts(parts, raw)
    yield from _check_needs(parts.get("needs", {}), raw)
    if scenario:
        yield from _check_expectations(scenario, raws, raw)
    if "counterexample" in parts:
        read = {arm for item in parts.get("expect", ()) for arm in (item.arm, *([item.than.arm] if item.than else []))}
        yield from _check_adam_options(scenario, read, parts.get("needs", {}), raw)
        yield from _check_counterexample(parts["counterexample"], scenario, read, raws["counterexample"])
        yield from _check_mutants(parts["counterexample"], scenario, known.mutants, raws["counterexample"])


def _check_texts(parts: Mapping[str, Any], where: Raw) -> Iterator[ScenarioError]:
    for key in ("statement", "convention", "documented"):
        if not parts.get(key, "not given").strip():
            yield where.fail(f"{key}: expected a sentence, got an empty text")
    if parts.get("established") == "holds_when" and not parts.get("when"):
        yield where.fail("established: holds_when needs the key 'when', which says under which condition the claim holds")
    if parts.get("established") == "refuted" and not parts.get("instead"):
        yield where.fail("established: refuted needs the key 'instead', which says what is true")


def _check_needs(needs: Mapping[str, Any], where: Raw) -> Iterator[ScenarioError]:
    for name, needed in needs.items():
        if name not in FIELDS:
            yield where.fail(f"needs: {unknown(name, tuple(FIELDS), what='contract field', command='contract')}")
            continue
        for value in needed if isinstance(needed, tuple) else (needed,):
            problem = "" if value == ANY or not isinstance(value, str) else contract_problem(name, value)
            if isinstance(value, bool):  # a need that no contract can meet
                problem = f'{str(value).lower()} is a bool to YAML; write the value of the field in quotes, as in "yes"'
            if problem:
                yield where.fail(f"needs.{name}: {problem}")


def _check_adam_options(
    scenario: Scenario | None, arms: Collection[str], needs: Mapping[str, Any], where: Raw
) -> Iterator[ScenarioError]:
    """Yield a problem for each arm that gives betas or eps to the optimizer under test, unless the claim needs adam_options."""
    if not isinstance(scenario, ProbeScenario | StudyScenario) or "adam_options" in needs:
        return
    for name in sorted(set(arms) & set(scenario.arms)):
        arm = scenario.arms[name]
        given = sorted({"betas", "eps"} & set(arm.options)) if arm.role != FIXED else []
        if given:
            yield where.fail(
                f"needs: expected adam_options: taken, because the arm {name} gives {' and '.join(given)} to the optimizer; "
                "without this need the claim fails a right optimizer that does not take the option"
            )


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
        yield where.fail(f"expect: a claim of a study needs the key pilot ({MIN_PILOT} or more) in one expectation, got none")


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
        possible = ", ".join(name for name, relation in RELATIONS.items() if relation.ensembles)
        yield where.fail(
            f"relation: {expectation.relation} needs a single number, and a measure of a study is a mean over seeds; choose one "
            f"of {possible}"
        )
    if expectation.tolerance is not None and not expectation.tolerance > 0.0:
        yield where.fail(f"tolerance: expected a number above 0, got {expectation.tolerance}")
    if expectation.pilot is not None and expectation.pilot < MIN_PILOT:
        yield where.fail(f"pilot: expected an effect of {MIN_PILOT} or more, got {expectation.pilot}")


def _check_counterexample(
    example: Counterexample, scenario: Scenario | None, read: Collection[str], where: Raw
) -> Iterator[ScenarioError]:
    """Yield each problem of a counterexample, its mutants left out. `read` are the arms that the claim's expectations name."""
    given = [key for key in _COUNTEREXAMPLES.values() if getattr(example, key)]
    if scenario is None:
        return
    key = _COUNTEREXAMPLES[scenario.kind]
    if given != [key]:
        yield where.fail(f"expected the key {key} in a scenario of kind: {scenario.kind}, got {' and '.join(given) or 'none'}")
    elif key == "swap":
        if len(set(example.swap)) != 2 or len(example.swap) != 2 or not set(example.swap) <= set(scenario.arms):
            yield where.fail(f"swap: expected two of the arms {', '.join(scenario.arms)}, got {', '.join(example.swap)}")
    elif example.arm is None:
        yield where.fail(f"missing key: arm; its value is one of {', '.join(sorted(scenario.arms))}")
    elif example.arm not in scenario.arms:
        yield where.fail(f"arm: {unknown(example.arm, list(scenario.arms), what='arm')}")
    elif read and set(read) <= set(scenario.arms) and example.arm not in read:
        arms = ", ".join(sorted(read))
        yield where.fail(f"arm: no expectation of the claim reads the arm {example.arm!r}; choose one of {arms}")
    if scenario.kind == "arithmetic" and given == [key] and (problem := _argument_problem(scenario.formula, example.settings)):
        yield where.fail(f"settings: {problem}")


def _check_mutants(
    example: Counterexample, scenario: Scenario | None, known: Mapping[str, KnownMutant], where: Raw
) -> Iterator[ScenarioError]:
    arm = scenario.arms.get(str(example.arm)) if scenario else None
    for index, name in enumerate(example.mutants):
        part = where.child(f"mutants[{index}]", entries(where)["mutants"].node.value[index])
        if name not in known:
            yield part.fail(unknown(name, known, what="mutant", command="vocabulary"))
        elif known[name].noticed_by == "fingerprint":
            yield part.fail(
                f"{name!r} is noticed by the fingerprint only, and by no claim; to name it here, give it an expectation"
                " (tests/mutants/README.md)"
            )
        elif arm and not known[name].can_replace(arm.role):
            wanted = "decoupled, coupled or sgd" if arm.role == ANY else arm.role
            yield part.fail(
                f"{name!r} is for arms with role: {known[name].role}, and the arm {example.arm!r} has role: {arm.role}; choose a "
                f"mutant for role: {wanted} ({commands.harness_command('vocabulary')} prints the role of each)"
            )


def _check_arm_and_measure(arm: str, measure: str, scenario: Scenario, where: Raw) -> Iterator[ScenarioError]:
    if arm not in scenario.arms:
        yield where.fail(f"arm: {unknown(arm, list(scenario.arms), what='arm')}")
    known = measures_of(scenario)
    if known and measure not in known:
        yield where.fail(f"measure: {unknown(measure, known, what='measure')}")
    elif isinstance(scenario, StudyScenario) and (problem := _recipe_problem(measure, scenario)):
        yield where.fail(f"measure: {measure} {problem}")


def _recipe_problem(measure: str, scenario: StudyScenario) -> str:
    """Return the reason why runs of a study do not have a measure; empty if they have it or if the recipe is wrong."""
    recipe = None
    with Problems().collect():
        recipe = recipe_of(scenario)
    sound = recipe is not None and all(getattr(recipe, name) >= 1 for name in _COUNTS)
    return MEASURES[measure].recipe_problem(recipe) if recipe and sound else ""


def _problem_lines(call: Callable[[], object]) -> list[str]:
    """Return the lines of the ScenarioError that a call raises; none if it raises no error."""
    problems = Problems()
    with problems.collect():
        call()
    return problems.lines


def _unknown_name(raw: Raw, key: str, name: str, known: Iterable[str]) -> ScenarioError:
    part = entries(raw).get(key)  # None if the key is misspelt
    return raw.child(key, part.node if part else raw.node).fail(unknown(name, list(known), what=key))
