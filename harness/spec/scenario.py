"""What does a scenario say? One experiment and the claims that it carries, as frozen dataclasses.

Names (of probes, measures, sources, arms) are checked by `catalogue`, which knows the vocabularies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.spec.yaml_binding import Plain, Raw

Role = Literal["decoupled", "coupled", "sgd", "any", "fixed"]  # any: the subject under test, whatever it promises
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
    """One configuration of a scenario: whose role, which constructor options, which settings of its own."""

    role: Role = "fixed"
    subject: str = ""
    options: Mapping[str, Plain] = field(default_factory=dict)
    settings: Raw | None = None
    lr: float | None = None
    weight_decay: float | None = None
    batch_seed_offset: int = 0


@dataclass(frozen=True)
class Gate:
    """A number of the ensemble lane that is compared with its golden."""

    arm: str
    measure: str


@dataclass(frozen=True)
class EnsembleGolden:
    """The ensemble lane of a study: what is gated, and at which two-sided false-alarm rate each."""

    false_alarm: float
    gates: tuple[Gate, ...]


@dataclass(frozen=True)
class Scenario:
    """One scenario file. Which of the fields below `arms` are set depends on the kind; `catalogue` checks it.

    `golden_rtol` is the relative tolerance of the exact numbers in the golden: all of a probe's, a study's trajectory.
    """

    title: str
    kind: Literal["probe", "study", "arithmetic"]
    claims: tuple[Claim, ...]
    arms: Mapping[str, Arm]
    probe: str = ""
    formula: str = ""
    settings: Raw | None = None
    golden_rtol: float | None = None
    task: str = ""
    model: str = ""
    recipe: Raw | None = None
    seeds: tuple[int, ...] = ()
    long: bool = False
    golden: EnsembleGolden | None = None
