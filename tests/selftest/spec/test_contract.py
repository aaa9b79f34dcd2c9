"""Tests of the contract: strict reading, completion from the role, needs of claims, the page and the JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.catalog.load import load as load_scenarios
from harness.environment.paths import ROOT
from harness.errors import ScenarioError
from harness.spec import contract_page
from harness.spec.contract import PROMISES, check, complete, load, meets, role_of, unmet_need
from harness.spec.fields import FIELDS, RULE, UNSPECIFIED


def read(folder: Path, text: str) -> dict[str, str | float]:
    """Return the contract that a file with this text declares."""
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return dict(load(path, root=folder))


def test_the_role_completes_a_declared_contract(tmp_path: Path) -> None:
    """A whole number in the file becomes a float."""
    declared = read(tmp_path, "step_rule: sign\nstrength: 2\nequivalent_to: torch.optim:AdamW\n")

    assert declared == {"step_rule": "sign", "strength": 2.0, "equivalent_to": "torch.optim:AdamW"}
    not_adam = {"adam_options": UNSPECIFIED, "adam_eps": UNSPECIFIED}
    assert complete(declared, "coupled") == {**PROMISES["coupled"], **not_adam, **declared}


def test_a_declared_value_changes_what_others_mean() -> None:
    """A rule that follows from the coupling is followed in its turn; a line of the file counts before what follows."""
    lamb = complete({"coupling": "through_norm"}, "decoupled")
    kept = complete({"step_rule": "other", "element_wise": "no"}, "decoupled")

    assert (lamb["step_rule"], lamb["mask"], lamb["element_wise"]) == ("other", UNSPECIFIED, UNSPECIFIED)
    assert (kept["element_wise"], kept["scale_free"]) == ("no", UNSPECIFIED)
    assert complete({"coupling": "none"}, "decoupled")["idle_tensor"] == UNSPECIFIED


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("element_wise: no", {"element_wise": "no"}),  # a bool to YAML
        ('deterministic: "yes"', {"deterministic": "yes"}),
        ("default_weight_decay: 1e-2", {"default_weight_decay": "0.01"}),
        ("strength: unspecified", {"strength": UNSPECIFIED}),
    ],
)
def test_a_value_is_read_as_it_is_written(tmp_path: Path, text: str, expected: dict[str, str]) -> None:
    assert read(tmp_path, text + "\n") == expected


@pytest.mark.parametrize(
    ("name", "declared", "measured", "met"),
    [
        ("order", "before", ("before", "after"), True),
        ("order", "before", ("after",), False),
        ("order", "before", (), False),
        ("order", UNSPECIFIED, (), True),
        ("strength", 1.0, ("1",), True),
        ("strength", 1.0, ("2",), False),
        ("clip", "gradient_only", ("decay_too",), True),  # meets the usual value
        ("clip", "decay_too", ("gradient_only",), False),
    ],
)
def test_a_measured_value_meets_a_declared_one(name: str, declared: str | float, measured: tuple[str, ...], met: bool) -> None:
    assert meets(name, declared, measured) is met


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steprule: sign", "steprule: unknown contract field 'steprule'; did you mean 'step_rule' or "),
        (
            "order: befor",
            "order: unknown value 'befor'; did you mean 'before'? (known: after, before, inside, proximal, unspecified)",
        ),
        ("scale: previous_lr", "scale: 'previous_lr' is a fault (the learning rate of the previous step); a contract cannot"),
        ("strength: -1", "strength: expected a number above 0, got -1 (below 0 weights grow, which is a fault; "),
        ("strength: twice", "strength: expected number, got 'twice' (str)"),
        ("order: 3", "order: expected text, got '3' (int)"),
        ("order: before\norder: after", "order: the key is given twice"),
        ("- order", "expected a mapping, got a list of 1"),
        ("", "the file is empty"),
    ],
)
def test_an_invalid_contract_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    """The line has the file, the field, the known names, and the line number."""
    with pytest.raises(ScenarioError) as caught:
        read(tmp_path, text)

    assert str(caught.value).startswith(f"mine.yaml: {message}")
    assert "\n" not in str(caught.value)


def test_a_missing_contract_is_refused(tmp_path: Path) -> None:
    """The message has the name of the file and the reason of the system."""
    with pytest.raises(ScenarioError, match=r"none\.yaml: cannot be read \(No such file"):
        load(tmp_path / "none.yaml", root=tmp_path)


@pytest.mark.parametrize(
    ("declared", "role"),
    [
        ({}, "decoupled"),
        ({"step_rule": "sign"}, "decoupled"),
        ({"coupling": "through_norm"}, "decoupled"),
        ({"coupling": "coupled_l2"}, "coupled"),
        ({"coupling": "coupled_l2", "step_rule": "momentum"}, "sgd"),
        ({"coupling": "coupled_l2", "step_rule": "sgd"}, "sgd"),
    ],
)
def test_the_role_follows_from_the_contract(declared: dict[str, str], role: str) -> None:
    """This role is used where the user names none."""
    assert role_of(declared) == role


@pytest.mark.parametrize("role", PROMISES)
def test_every_promise_of_a_role_can_be_declared(role: str) -> None:
    """A role promises a value of every field, and each is a value that a contract may have."""
    assert set(PROMISES[role]) == set(FIELDS)
    for name, value in PROMISES[role].items():
        assert not isinstance(value, str) or check(name, value) == ""


def test_every_field_can_be_left_unspecified() -> None:
    """A claim that needs a certain value does not apply then; a claim that accepts any value does."""
    assert all(check(name, UNSPECIFIED) == "" for name in FIELDS)
    assert unmet_need({"scale": "lr"}, {"scale": UNSPECIFIED}) == "needs scale: lr, but the contract has scale: unspecified"
    assert unmet_need({"scale": "any"}, {"scale": UNSPECIFIED}) == ""


def test_the_page_and_the_json_show_the_whole_table() -> None:
    """docs/guide/contract.md is the page that contract_page prints, and every value of every field is on it."""
    page, table = contract_page.markdown(), json.loads(contract_page.as_json())["fields"]

    assert (ROOT / "docs" / "guide" / "contract.md").read_text(encoding="utf-8") == page
    for name, field in FIELDS.items():
        assert f"\n### {name}\n" in page
        assert table[name]["values"] == {value: entry.means for value, entry in field.values.items()}
        assert table[name]["faults"] == {value: entry.means for value, entry in field.faults.items()}
        for value, entry in {**field.values, **field.faults}.items():
            assert f"| `{value}` | {entry.means} |" in page
        assert bool(field.takes) == (not field.values)


def test_each_value_of_the_rule_says_when_to_declare_it() -> None:
    """It has a formula too; a fault has a formula and is never declared."""
    for name in RULE:
        assert all(value.example and value.declare_if for value in FIELDS[name].values.values())
        assert all(fault.example and not fault.declare_if for fault in FIELDS[name].faults.values())


def test_a_usual_value_and_what_meets_it_are_values() -> None:
    """They can be declared, or the field holds a number or a path. `agree_in_single` and others only meet a value."""
    for name, field in FIELDS.items():
        assert not field.values or field.usual in field.values, name
        assert not set(field.met_by) & set(field.faults), name


def test_a_claim_accepts_what_meets_its_need() -> None:
    """Else a claim would apply to an optimizer that meets the field by another value, and fail."""
    for loaded in load_scenarios().values():
        for claim in loaded.scenario.claims:
            for name, needed in claim.needs.items():
                allowed = needed if isinstance(needed, tuple) else (needed,)
                harmless = FIELDS[name].usual not in allowed or name in ("adam_options", "adam_eps")  # absent: another step_rule
                assert harmless or set(FIELDS[name].met_by) <= set(allowed), f"{claim.id}: {name}"
