"""Checks of a scenario against the vocabularies: is every name in it known, and every key at its place?

It knows all vocabularies: probes, measures, tasks, models, roles, sources, mutants.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import get_args

from harness.catalog.formulas import FORMULAS
from harness.catalog.loaded_scenario import SNAKE_CASE, KnownMutant, Source, measures_of, recipe_of, settings_of
from harness.errors import ScenarioError
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
    Expectation,
    ProbeScenario,
    Role,
    Scenario,
    StudyScenario,
)
from harness.spec.yaml_binding import Raw, entries, unknown
from harness.training.recipe import MODELS, TASKS, TRAJECTORY_STEPS


def check_scenario(scenario: Scenario, raw: Raw) -> None:
    """Refuse a scenario with a name that is not known, or a number outside its limits. Raises ScenarioError."""
    if not 0.0 < scenario.golden_rtol <= MOST_GOLDEN_RTOL:
        raise raw.fail(f"golden_rtol: expected more than 0 and at most {MOST_GOLDEN_RTOL}, got {scenario.golden_rtol}")
    match scenario:
        case ProbeScenario():
            _check_subjects(scenario.arms, raw)
            _check_probe(scenario, raw)
        case StudyScenario():
            _check_subjects(scenario.arms, raw)
            _check_study(scenario, raw)
        case ArithmeticScenario():
            _check_arithmetic(scenario, raw)


def _check_subjects(arms: Mapping[str, Arm], raw: Raw) -> None:
    known = ", ".join(role for role in get_args(Role) if role != FIXED)
    for name, part in entries(entries(raw)["arms"]).items():
        if (arms[name].role == FIXED) != bool(arms[name].subject):
            raise part.fail(f"an arm has either a role ({known}) or role: {FIXED} and subject: module:attribute")


def _check_probe(scenario: ProbeScenario, raw: Raw) -> None:
    if scenario.probe not in PROBES:
        raise _unknown_name(raw, "probe", scenario.probe, PROBES)
    for name in scenario.arms:
        settings_of(scenario, name)


def _check_study(scenario: StudyScenario, raw: Raw) -> None:
    if scenario.task not in TASKS:
        raise _unknown_name(raw, "task", scenario.task, TASKS)
    if scenario.model not in MODELS:
        raise _unknown_name(raw, "model", scenario.model, MODELS)
    recipe = recipe_of(scenario)
    if recipe.schedule == "cosine" and recipe.warmup_steps < TRAJECTORY_STEPS:
        # The trajectory lane trains only the first steps; a cosine that has begun by then would depend on its length.
        raise raw.fail(f"recipe.warmup_steps: a cosine needs at least {TRAJECTORY_STEPS}, got {recipe.warmup_steps}")
    if len(set(scenario.seeds)) < MINIMUM_SEEDS:
        raise raw.fail(f"seeds: expected at least {MINIMUM_SEEDS} different seeds, got {len(set(scenario.seeds))}")
    if not 1 <= len(scenario.golden.gates) <= MOST_GATES:
        raise raw.fail(f"golden.gates: expected 1 to {MOST_GATES} gated measures, got {len(scenario.golden.gates)}")
    for gate in scenario.golden.gates:
        _check_place(gate.arm, gate.measure, scenario, raw.child("golden.gates", entries(raw)["golden"].node))


def _check_arithmetic(scenario: ArithmeticScenario, raw: Raw) -> None:
    if scenario.formula not in FORMULAS:
        raise _unknown_name(raw, "formula", scenario.formula, FORMULAS)
    wanted = set(inspect.signature(FORMULAS[scenario.formula].of).parameters)
    for arm in scenario.arms.values():
        given = set(entries(arm.settings))
        if given != wanted:
            raise arm.settings.fail(f"expected {', '.join(sorted(wanted))}, got {', '.join(sorted(given)) or 'nothing'}")


def check_claim(
    claim: Claim, scenario: Scenario, sources: Mapping[str, Source], mutants: Mapping[str, KnownMutant], where: Raw
) -> None:
    """Refuse a claim with unknown names, or without something that a claim needs. Raises ScenarioError."""
    if not SNAKE_CASE.fullmatch(claim.id):
        raise where.fail(f"id: expected snake_case, got {claim.id!r}")
    for citation in claim.sources:
        if citation.source not in sources:
            raise where.fail(f"sources: {unknown(citation.source, list(sources), what='source')}")
    if not claim.sources or not claim.expect:
        raise where.fail("a claim has at least one source and one expectation")
    _check_words(claim, where)
    _check_needs(claim, where)
    for index, expectation in enumerate(claim.expect):
        node = entries(where)["expect"].node.value[index]
        _check_expectation(expectation, scenario, where.child(f"expect[{index}]", node))
    if scenario.kind == "study" and not any(item.pilot for item in claim.expect):
        raise where.fail(f"a study's claim gates at least one expectation (pilot: {MINIMUM_PILOT} or more)")
    _check_counterexample(claim, scenario, where)
    _check_mutants(claim, mutants, entries(where)["counterexample"])


def _check_words(claim: Claim, where: Raw) -> None:
    for key in ("statement", "convention", "documented"):
        if not getattr(claim, key).strip():
            raise where.fail(f"{key}: expected a sentence, got an empty text")
    if claim.established == "holds_when" and not claim.when:
        raise where.fail("established: holds_when needs the key 'when'")
    if claim.established == "refuted" and not claim.instead:
        raise where.fail("established: refuted needs the key 'instead': what is true")


def _check_needs(claim: Claim, where: Raw) -> None:
    for name, needed in claim.needs.items():
        if name not in FIELDS:
            raise where.fail(f"needs: {unknown(name, tuple(FIELDS), what='contract field')}")
        for value in needed if isinstance(needed, tuple) else (needed,):
            problem = "" if value == ANY or not isinstance(value, str) else contract_problem(name, value)
            if problem:
                raise where.fail(f"needs.{name}: {problem}")


def _check_expectation(expectation: Expectation, scenario: Scenario, where: Raw) -> None:
    _check_place(expectation.arm, expectation.measure, scenario, where)
    if expectation.than:
        _check_place(expectation.than.arm, expectation.than.measure, scenario, where)
    if expectation.relation not in RELATIONS:
        raise _unknown_name(where, "relation", expectation.relation, RELATIONS)
    if problem := key_problem(expectation):
        raise where.fail(problem)
    if scenario.kind == "study" and not relation_of(expectation).ensembles:
        raise where.fail(f"{expectation.relation} compares one number, and a study has a mean over seeds")
    if expectation.tolerance is not None and not expectation.tolerance > 0.0:
        raise where.fail(f"tolerance: expected a number above 0, got {expectation.tolerance}")
    if expectation.pilot is not None and expectation.pilot < MINIMUM_PILOT:
        raise where.fail(f"pilot: a gate needs an effect of {MINIMUM_PILOT} or more, got {expectation.pilot}")


def _check_counterexample(claim: Claim, scenario: Scenario, where: Raw) -> None:
    example = claim.counterexample
    kinds = [bool(example.mutants), bool(example.swap), bool(example.settings)]
    if sum(kinds) != 1:
        raise where.fail("counterexample: expected one of mutants, swap or settings")
    if (example.mutants or example.settings) and example.arm not in scenario.arms:
        raise where.fail(f"counterexample.arm: {unknown(str(example.arm), list(scenario.arms), what='arm')}")
    if example.swap and (len(example.swap) != 2 or not set(example.swap) <= set(scenario.arms)):
        raise where.fail(f"counterexample.swap: expected two of the arms {', '.join(scenario.arms)}")


def _check_mutants(claim: Claim, known: Mapping[str, KnownMutant], where: Raw) -> None:
    for index, name in enumerate(claim.counterexample.mutants):
        part = where.child(f"mutants[{index}]", entries(where)["mutants"].node.value[index])
        if name not in known:
            raise part.fail(unknown(name, known, what="mutant", command="vocabulary"))
        if known[name].noticed_by == "fingerprint":
            raise part.fail(
                f"{name!r} is noticed by the fingerprint alone: a claim that names it needs its expectation in tests/mutants"
            )


def _check_place(arm: str, measure: str, scenario: Scenario, where: Raw) -> None:
    if arm not in scenario.arms:
        raise where.fail(f"arm: {unknown(arm, list(scenario.arms), what='arm')}")
    known = measures_of(scenario)
    if measure not in known:
        raise where.fail(f"measure: {unknown(measure, known, what='measure')}")


def _unknown_name(raw: Raw, key: str, name: str, known: Iterable[str]) -> ScenarioError:
    return raw.child(key, entries(raw)[key].node).fail(unknown(name, list(known), what=key))
