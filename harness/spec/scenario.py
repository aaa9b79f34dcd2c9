"""Scenario files as frozen dataclasses, one for each kind: an experiment and the claims that it carries.

Names (of probes, measures, sources, arms) are checked by `catalog`, which knows the vocabularies.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self

from harness.spec.yaml_binding import Plain, Raw, bind_fields, entries, one_of, refuse_keys_of_others

Role = Literal["decoupled", "coupled", "sgd", "any", "fixed"]  # any: the subject under test, whatever it promises
FIXED: Role = "fixed"  # the role of an arm whose optimizer the scenario names itself
Established = Literal["holds", "holds_when", "refuted"]


@dataclass(frozen=True)
class Citation:
    """Where a claim is made: a key of `sources.yaml`, the section, the id in our catalogue of claims."""

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
    """What must fail a claim: mutants in place of an arm's subject, two arms swapped, or a slip in the arithmetic."""

    arm: str | None = None
    mutants: tuple[str, ...] = ()
    swap: tuple[str, ...] = ()
    settings: Mapping[str, Plain] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """One statement about weight decay, what its source says of it and what is established here.

    `needs` are the fields of a contract on which the claim rests, where that is not just what its arms' roles promise:
    `{step_rule: any}` rests on one field less; a claim whose arms have the role `any` rests only on what it names.
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
    """An arm of a probe, with settings of its own that override the scenario's."""

    settings: Raw | None = None


@dataclass(frozen=True)
class StudyArm(Arm):
    """An arm of a study. Arms with another `batch_seed_offset` see other batches."""

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
    """A number of the ensemble lane that is compared with its golden."""

    arm: str
    measure: str


@dataclass(frozen=True)
class EnsembleGolden:
    """The ensemble lane of a study: what is gated, and at which two-sided false-alarm rate each."""

    false_alarm: float
    gates: tuple[GatedMeasure, ...]


@dataclass(frozen=True, kw_only=True)
class AnyScenario:
    """The keys of every scenario file, whatever its kind.

    `golden_rtol` is the relative tolerance of the exact numbers in the golden: all of a probe's, a study's trajectory.
    """

    title: str
    claims: tuple[Claim, ...]
    arms: Mapping[str, Arm]
    golden_rtol: float
    long: bool = False

    def with_arms(self, names: Collection[str]) -> Self:
        """Return the scenario with these of its arms only."""
        return replace(self, arms={name: arm for name, arm in self.arms.items() if name in names})


@dataclass(frozen=True, kw_only=True)
class ProbeScenario(AnyScenario):
    """An experiment on the optimizer alone, without training."""

    kind: Literal["probe"] = "probe"
    probe: str
    settings: Raw
    arms: Mapping[str, ProbeArm]


@dataclass(frozen=True, kw_only=True)
class StudyScenario(AnyScenario):
    """A short training of a small model in every arm, over several seeds."""

    kind: Literal["study"] = "study"
    task: str
    model: str
    recipe: Raw
    seeds: tuple[int, ...]
    golden: EnsembleGolden
    arms: Mapping[str, StudyArm]


@dataclass(frozen=True, kw_only=True)
class ArithmeticScenario(AnyScenario):
    """A calculation with the numbers of a source."""

    kind: Literal["arithmetic"] = "arithmetic"
    formula: str
    arms: Mapping[str, ArithmeticArm]


Scenario = ProbeScenario | StudyScenario | ArithmeticScenario
KINDS: Mapping[str, type[Scenario]] = {"probe": ProbeScenario, "study": StudyScenario, "arithmetic": ArithmeticScenario}
_ARMS: Mapping[str, type[Arm]] = {"probe": ProbeArm, "study": StudyArm, "arithmetic": ArithmeticArm}


def bind_scenario(raw: Raw) -> Scenario:
    """Return a scenario file as the dataclass of its kind. Raises ScenarioError."""
    parts = entries(raw)
    kind = one_of("kind", KINDS, raw)
    refuse_keys_of_others(raw, kind, KINDS)
    for arm in entries(parts["arms"]).values() if "arms" in parts else ():
        refuse_keys_of_others(arm, kind, _ARMS)
    scenario: Scenario = bind_fields(KINDS[kind], parts, raw)
    return scenario
