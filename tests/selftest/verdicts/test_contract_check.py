"""Tests of the check of contract fields: each declared field is measured, and a message names both values."""

from __future__ import annotations

import pytest

from harness.fingerprint.finding import FAILED
from harness.spec.contract import PROMISES, Contract, complete
from harness.spec.fields import FIELDS, UNSPECIFIED
from harness.subject.roles import DEFAULTS, Subjects
from harness.verdicts.contract_check import FieldCheck, check_field, declared_fields, sentence

ADAMW, AFTER = "torch.optim:AdamW", "tests.mutants.decay_rule:DecayAfterUpdate"


def subjects(path: str, declared: Contract, *, file: str = "mine.yaml") -> Subjects:
    """Return the subjects of a run with one optimizer and its contract."""
    contracts = {**PROMISES, "decoupled": complete(declared, "decoupled")}
    return Subjects({**DEFAULTS, "decoupled": path}, ("decoupled",), contracts, file, tuple(declared) if file else ())


WITHOUT_USUAL = ("equivalent_to", "default_weight_decay")  # checked if they are declared


def test_every_declared_field_is_checked() -> None:
    """The fields are those of the optimizer under test, or of all three shipped ones. An unspecified field is not checked."""
    shipped, under_test = (
        list(declared_fields(Subjects(DEFAULTS))),
        list(declared_fields(subjects(ADAMW, {"order": UNSPECIFIED}))),
    )

    assert {role for role, _ in shipped} == set(DEFAULTS)
    assert {name for role, name in shipped if role == "sgd"} == set(FIELDS) - {*WITHOUT_USUAL, "adam_options", "adam_eps"}
    assert {name for _, name in under_test} == set(FIELDS) - {*WITHOUT_USUAL, "order"}


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
        (AFTER, {"order": "before"}, "order", "after"),
        ("torch.optim:Adam", {"coupling": "decoupled"}, "coupling", "coupled_l2"),
        ("tests.mutants.decay_rule:DecayHalved", {"strength": 1.0}, "strength", "0.5"),
        (ADAMW, {"step_rule": "sign"}, "step_rule", "adam"),
        (ADAMW, {"precision": "float32"}, "precision", "float64"),
        ("tests.mutants.shapes:MaximizeFlipsDecay", {"maximize": "as_minimize_of_minus_g"}, "maximize", "decay_flipped"),
    ],
)
def test_a_wrong_declaration_is_not_met_and_names_both_values(path: str, declared: Contract, name: str, measured: str) -> None:
    """The message names the declared value, the measured one, and the text of the finding with its number."""
    run_subjects = subjects(path, declared)
    check = check_field("decoupled", name, run_subjects)

    assert not check.met
    assert measured in check.measured
    message = sentence(check, run_subjects)
    assert message.startswith(f"contract, {name}: {path} gives {measured}, and mine.yaml declares {check.declared}: ")
    assert check.text in message


def test_a_field_that_an_optimizer_cannot_break_is_met() -> None:
    """Lion here has no option `maximize` and only one path, so it meets both fields."""
    lion = "harness.optimizers:Lion"

    assert check_field("decoupled", "maximize", subjects(lion, {})).met
    assert check_field("decoupled", "paths", subjects(lion, {})).met


def test_an_unusual_value_that_is_declared_is_met() -> None:
    """Another convention than the usual one is not an error."""
    assert check_field("decoupled", "order", subjects(AFTER, {"order": "after"})).met
    assert check_field("decoupled", "strength", subjects("tests.mutants.decay_rule:DecayHalved", {"strength": 0.5})).met


@pytest.mark.parametrize(
    ("declared", "file", "beginning", "hints"),
    [
        (
            {"order": "before"},
            "mine.yaml",
            "gives after, and mine.yaml declares before",
            ["if this is intended, change its line in mine.yaml to: order: after"],
        ),
        (
            {"mask": "none"},
            "mine.yaml",
            "gives after, expected the usual value before, because mine.yaml has no line for this field",
            ["if this is intended, add this line to mine.yaml: order: after"],
        ),
        (
            {},
            "",
            "gives after, expected before, which the role decoupled promises without a contract",
            ["if this is intended, add this line to a contract: order: after", "this command writes a draft of the contract: "],
        ),
    ],
)
def test_the_message_names_the_line_to_declare(declared: Contract, file: str, beginning: str, hints: list[str]) -> None:
    """It says whether the contract has this line already. Without a contract, a command drafts one."""
    check = FieldCheck("decoupled", "order", "before", ("after",), "text", False)

    first, *others = sentence(check, subjects(AFTER, declared, file=file)).splitlines()

    assert first == f"contract, order: {AFTER} {beginning}: text"
    assert len(others) == len(hints)
    assert all(line.startswith(f"  {hint}") for line, hint in zip(others, hints, strict=True))


@pytest.mark.parametrize(
    ("name", "measured", "text", "hint"),
    [
        ("scale", ("previous_lr",), "text", "a contract cannot declare previous_lr: it is a fault, so correct the optimizer"),
        ("strength", ("-1",), "text", "a contract cannot declare -1: it is a fault, so correct the optimizer"),
        ("zero_gradient", ("grows",), "text", "a contract cannot declare grows: it is a fault, so correct the optimizer"),
        (
            "coupling",
            ("sideways",),
            "text",
            "the contract has no word for sideways: correct the optimizer, or, to leave the field untested, "
            "add this line to mine.yaml: coupling: unspecified",
        ),
        (
            "order",
            (),
            "unknown: text",
            "no value could be measured; if no value of this field describes the optimizer, leave the field untested, "
            "add this line to mine.yaml: order: unspecified",
        ),
        ("equivalent_to", ("another",), "text", "if the two optimizers may differ, remove this line from mine.yaml"),
        ("order", (), f"unknown: {FAILED}it raised", ""),
    ],
)
def test_no_message_advises_to_declare_a_fault(name: str, measured: tuple[str, ...], text: str, hint: str) -> None:
    """For an unknown value it names the line that promises nothing, and for an optimizer that raised it names no line."""
    check = FieldCheck("decoupled", name, "x", measured, text, False)

    assert sentence(check, subjects(AFTER, {"mask": "none"})).splitlines()[1:] == ([f"  {hint}"] if hint else [])


def test_the_message_about_a_shipped_optimizer_has_no_hint() -> None:
    """Its contract is the role's, which a user cannot change."""
    check = FieldCheck("decoupled", "order", "before", ("after",), "text", False)

    assert sentence(check, Subjects(DEFAULTS)).splitlines()[1:] == []
