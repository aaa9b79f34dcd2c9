"""Tests of the check of contract fields: each declared field is measured, and a message names both values."""

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


def test_every_declared_field_is_checked() -> None:
    """The fields are those of the optimizer under test, or of all three shipped ones. An unspecified field is not checked."""
    shipped, under_test = (
        list(declared_fields(Subjects(DEFAULTS))),
        list(declared_fields(subjects(ADAMW, {"order": UNSPECIFIED}))),
    )

    assert {role for role, _ in shipped} == set(DEFAULTS)
    assert {name for role, name in shipped if role == "sgd"} == set(FIELDS) - {"equivalent_to"}
    assert {name for _, name in under_test} == set(FIELDS) - {"equivalent_to", "order"}


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
def test_adamw_meets_the_promises_of_its_role(name: str) -> None:
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
def test_a_wrong_declaration_is_not_met_and_names_both_values(path: str, declared: Contract, name: str, measured: str) -> None:
    """The message names the declared value, the measured one, and the text of the finding with its number."""
    run_subjects = subjects(path, declared)
    promise = check_field("decoupled", name, run_subjects)

    assert not promise.met
    assert measured in promise.measured
    message = sentence(promise, run_subjects)
    beginning = f"contract, {name}: its contract declares {promise.declared}"
    assert message.startswith(f"{beginning}, the measurement of {path} says {measured}")
    assert promise.says in message


def test_a_field_that_an_optimizer_cannot_break_is_met() -> None:
    """Lion here has no option `maximize` and only one path, so it meets both fields."""
    lion = "harness.optimizers:Lion"

    assert check_field("decoupled", "maximize", subjects(lion, {})).met
    assert check_field("decoupled", "paths", subjects(lion, {})).met


def test_an_unusual_value_that_is_declared_is_met() -> None:
    """Another convention than the usual one is not an error."""
    assert check_field("decoupled", "order", subjects(AFTER, {"order": "after"})).met
    assert check_field("decoupled", "strength", subjects("tests.mutants.decay_rule:DecayHalved", {"strength": 0.5})).met


def test_without_a_contract_the_message_names_the_next_command() -> None:
    """The command drafts a contract. The shipped subjects need none."""
    promise = FieldCheck("decoupled", "order", "before", ("after",), "says", False)

    assert "--write-contract" in sentence(promise, subjects(AFTER, {}, file=""))
    assert "--write-contract" not in sentence(promise, subjects(AFTER, {}))
    assert "--write-contract" not in sentence(promise, Subjects(DEFAULTS))
