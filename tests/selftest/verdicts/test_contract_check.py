"""Is each declared field measured, met exactly when it is so, and said with both values when it is not?"""

from __future__ import annotations

import pytest

from harness.spec.contract import FIELDS, PROMISES, UNSPECIFIED, Contract, complete
from harness.subject.roles import DEFAULTS, Subjects
from harness.verdicts.contract_check import FieldCheck, check_field, declared_fields, sentence

ADAMW, AFTER = "torch.optim:AdamW", "tests.mutants.decay_rule:DecayAfterUpdate"


def subjects(path: str, declared: Contract, *, file: str = "mine.yaml") -> Subjects:
    """Return the subjects of a run with one optimizer and its contract."""
    contracts = {**PROMISES, "decoupled": complete(declared, "decoupled")}
    return Subjects({**DEFAULTS, "decoupled": path}, ("decoupled",), contracts, file)


def test_everything_that_is_promised_is_asked() -> None:
    """Of the optimizer under test, or of all three shipped ones; what is unspecified is not."""
    shipped, one = list(declared_fields(Subjects(DEFAULTS))), list(declared_fields(subjects(ADAMW, {"order": UNSPECIFIED})))

    assert {role for role, _ in shipped} == set(DEFAULTS)
    assert {name for role, name in shipped if role == "sgd"} == set(FIELDS) - {"equivalent_to"}
    assert {name for _, name in one} == set(FIELDS) - {"equivalent_to", "order"}


@pytest.mark.parametrize(
    "name",
    [
        "coupling",
        "scale",
        "order",
        "mask",
        "strength",
        "groups",
        "none_gradient",
        "zero_gradient",
        "precision",
        "paths",
        "maximize",
    ],
)
def test_adamw_keeps_what_its_role_promises(name: str) -> None:
    """Each field by itself."""
    assert check_field("decoupled", name, subjects(ADAMW, {})).met


@pytest.mark.parametrize(
    ("path", "declared", "name", "measured"),
    [
        (AFTER, {}, "order", "after"),
        ("torch.optim:Adam", {}, "coupling", "coupled_l2"),
        ("tests.mutants.decay_rule:DecayHalved", {}, "strength", "0.5"),
        (ADAMW, {"step_rule": "sign"}, "step_rule", "adam"),
        (ADAMW, {"precision": "float32"}, "precision", "float64"),
        ("tests.mutants.shapes:MaximizeFlipsDecay", {}, "maximize", "decay_flipped"),
    ],
)
def test_what_is_not_so_is_not_met_and_both_are_said(path: str, declared: Contract, name: str, measured: str) -> None:
    """What is declared, and what is done instead, with its number."""
    run = subjects(path, declared)
    promise = check_field("decoupled", name, run)

    assert not promise.met
    assert measured in promise.measured
    said = sentence(promise, run)
    declares = f"contract, {name}: its contract declares {promise.declared}"
    assert said.startswith(f"{declares}, the measurement of {path} says {measured}")
    assert promise.says in said


def test_a_promise_without_an_occasion_is_met() -> None:
    """An optimizer that has no maximize and one way to step breaks neither promise."""
    lion = "harness.optimizers:Lion"

    assert check_field("decoupled", "maximize", subjects(lion, {})).met
    assert check_field("decoupled", "paths", subjects(lion, {})).met


def test_what_is_declared_otherwise_is_met() -> None:
    """Another convention is no error."""
    assert check_field("decoupled", "order", subjects(AFTER, {"order": "after"})).met
    assert check_field("decoupled", "strength", subjects("tests.mutants.decay_rule:DecayHalved", {"strength": 0.5})).met


def test_without_a_contract_the_next_step_is_said() -> None:
    """It drafts one; for the shipped subjects there is nothing to draft."""
    promise = FieldCheck("decoupled", "order", "before", ("after",), "says", False)

    assert "--write-contract" in sentence(promise, subjects(AFTER, {}, file=""))
    assert "--write-contract" not in sentence(promise, subjects(AFTER, {}))
    assert "--write-contract" not in sentence(promise, Subjects(DEFAULTS))
