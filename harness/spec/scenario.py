"""Dataclasses of a scenario file, one for each kind: an experiment and the claims that it carries.

Names (of probes, measures, sources, arms) are checked by `catalog`, which knows the vocabularies.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self

from harness.errors import Problems
from harness.spec.yaml_binding import (
    REQUIRED,
    Plain,
    Raw,
    bind_fields,
    bind_known,
    choice_at,
    entries,
    keys_of_others,
    with_empty_list,
)

Role = Literal["decoupled", "coupled", "sgd", "any", "fixed"]  # any: the subject under test, whatever it promises
FIXED: Role = "fixed"  # the role of an arm whose optimizer the scenario names itself
Established = Literal["holds", "holds_when", "refuted"]


@dataclass(frozen=True)
class Citation:
    """The place where a claim is made: a key of `sources.yaml`, the section, the id in our catalogue of claims."""

    source: str
    section: str
    catalogue: str = ""


@dataclass(frozen=True)
class Other:
    """The measure that an expectation compares with: `times` x `measure` of `arm`."""

    arm: str
    measure: str
    times: float = 1.0


@dataclass(frozen=True)
class Expectation:
    """One relation that a claim asserts of one measure in one arm; `relation` is a name in `relations.RELATIONS`.

    `pilot` is the standardised effect (paired d_z) seen in the pilot of a study; a study's expectation is a gate only
    with it. Without, it is reported with its interval.
    """

    arm: str
    measure: str
    relation: str
    value: float | None = None
    than: Other | None = None
    tolerance: float | None = None
    fraction: float | None = None
    pilot: float | None = None


@dataclass(frozen=True)
class Counterexample:
    """A change that must make a claim fail.

    It puts mutants in place of an arm's subject, swaps two arms, or makes a slip in the arithmetic (`settings`).
    """

    arm: str | None = None
    mutants: tuple[str, ...] = ()
    swap: tuple[str, ...] = ()
    settings: Mapping[str, Plain] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """One statement about weight decay, what its source says about it (`documented`) and whether that is true (`established`).

    `needs` lists contract fields on which the claim rests differently than its arms' roles promise. With `{step_rule: any}` the
    claim rests on one field less. A claim whose arms have the role `any` rests only on the fields in `needs`.
    """

    id: str
    statement: str
    sources: tuple[Citation, ...]
    convention: str
    documented: str
    established: Established
    expect: tuple[Expectation, ...]
    counterexample: Counterexample
    when: str = ""
    instead: str = ""
    needs: Mapping[str, Plain] = field(default_factory=dict)

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms that the claim's expectations read."""
        named = [item.arm for item in self.expect] + [item.than.arm for item in self.expect if item.than]
        return tuple(dict.fromkeys(named))


@dataclass(frozen=True)
class Arm:
    """One configuration of a scenario: which optimizer runs in it, by its role or its import path, with which options."""

    role: Role = "fixed"
    subject: str = ""
    options: Mapping[str, Plain] = field(default_factory=dict)


@dataclass(frozen=True)
class ProbeArm(Arm):
    """An arm of a probe, with settings of its own that override the scenario's.

    `constants` are options that the optimizer gets if its contract has `adam_options: taken`. They are the betas and the eps on
    which the closed form of the probe depends, so that an optimizer may have other defaults.
    """

    settings: Raw | None = None
    constants: Mapping[str, Plain] = field(default_factory=dict)


@dataclass(frozen=True)
class StudyArm(Arm):
    """An arm of a study. Arms with another `batch_seed_offset` train on other batches."""

    lr: float = field(kw_only=True)
    weight_decay: float = field(kw_only=True)
    batch_seed_offset: int = 0


@dataclass(frozen=True)
class ArithmeticArm(Arm):
    """The arguments of a formula; no optimizer runs in it."""

    role: Role = field(default="fixed", init=False)
    subject: str = field(default="", init=False)
    options: Mapping[str, Plain] = field(default_factory=dict, init=False)
    settings: Raw = field(kw_only=True)


@dataclass(frozen=True)
class GatedMeasure:
    """A measure of one arm whose number in the ensemble lane is compared with its golden."""

    arm: str
    measure: str


@dataclass(frozen=True)
class EnsembleGolden:
    """The ensemble lane of a study: the gated measures, and the two-sided false-alarm rate of each."""

    false_alarm: float
    gates: tuple[GatedMeasure, ...]


@dataclass(frozen=True, kw_only=True)
class AnyScenario:
    """The keys of every scenario file, of any kind.

    `golden_rtol` is the relative tolerance of the exact numbers in the golden: all numbers of a probe, the trajectory of a study.
    """

    title: str
    claims: tuple[Claim, ...]
    arms: Mapping[str, Arm]
    golden_rtol: float
    long: bool = False

    def with_arms(self, names: Collection[str]) -> Self:
        """Return the scenario with only the arms in `names`."""
        return replace(self, arms={name: arm for name, arm in self.arms.items() if name in names})


@dataclass(frozen=True, kw_only=True)
class ProbeScenario(AnyScenario):
    """An experiment on the optimizer alone, without training."""

    kind: Literal["probe"] = field(default="probe", metadata=REQUIRED)
    probe: str
    settings: Raw
    arms: Mapping[str, ProbeArm]


@dataclass(frozen=True, kw_only=True)
class StudyScenario(AnyScenario):
    """A short training of a small model in every arm, over several seeds."""

    kind: Literal["study"] = field(default="study", metadata=REQUIRED)
    task: str
    model: str
    recipe: Raw
    seeds: tuple[int, ...]
    golden: EnsembleGolden
    arms: Mapping[str, StudyArm]


@dataclass(frozen=True, kw_only=True)
class ArithmeticScenario(AnyScenario):
    """A calculation with the numbers of a source."""

    kind: Literal["arithmetic"] = field(default="arithmetic", metadata=REQUIRED)
    formula: str
    arms: Mapping[str, ArithmeticArm]


Scenario = ProbeScenario | StudyScenario | ArithmeticScenario
KINDS: Mapping[str, type[Scenario]] = {"probe": ProbeScenario, "study": StudyScenario, "arithmetic": ArithmeticScenario}
_ARMS: Mapping[str, type[Arm]] = {"probe": ProbeArm, "study": StudyArm, "arithmetic": ArithmeticArm}


def bind_scenario(raw: Raw) -> Scenario:
    """Return a scenario file as the dataclass of its kind. Raises one ScenarioError with a line a problem."""
    parts, problems = entries(raw), Problems()
    kind = choice_at("kind", KINDS, raw)
    for error in keys_of_others(raw, kind, KINDS):
        problems.add(error)
    with problems.collect():
        for arm in entries(parts["arms"]).values() if "arms" in parts else ():
            for error in keys_of_others(arm, kind, _ARMS):
                problems.add(error)
    problems.raise_all()  # `bind_fields` would report the same keys as unknown
    scenario: Scenario = bind_fields(KINDS[kind], parts, raw)
    return scenario


def without_claims(raw: Raw) -> Scenario | None:
    """Return a scenario without its claims, or None if the rest of its file cannot be bound."""
    with Problems().collect():
        kind = choice_at("kind", KINDS, raw)
        scenario: Scenario = bind_known(KINDS[kind], with_empty_list(KINDS[kind], raw, "claims"), raw)
        return scenario
    return None
