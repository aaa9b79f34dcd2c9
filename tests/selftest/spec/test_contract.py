"""Tests of the contract: strict reading, completion from the role, needs of claims, the page and the JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.environment.paths import ROOT
from harness.errors import ScenarioError
from harness.spec import contract_page
from harness.spec.contract import FIELDS, PROMISES, UNSPECIFIED, check, complete, load, role_of, unmet_need


def read(folder: Path, text: str) -> dict[str, str | float]:
    """Return the contract that a file with this text declares."""
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return dict(load(path, root=folder))


def test_the_role_completes_a_declared_contract(tmp_path: Path) -> None:
    """A whole number in the file becomes a float."""
    declared = read(tmp_path, "step_rule: sign\nstrength: 2\nequivalent_to: torch.optim:AdamW\n")

    assert declared == {"step_rule": "sign", "strength": 2.0, "equivalent_to": "torch.optim:AdamW"}
    assert complete(declared, "coupled") == {**PROMISES["coupled"], **declared}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steprule: sign", "steprule: unknown contract field 'steprule'; did you mean 'step_rule'? (known: coupling, "),
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
        assert f"\n## {name}\n" in page
        assert table[name]["values"] == {value: entry.means for value, entry in field.values.items()}
        assert table[name]["faults"] == {value: entry.means for value, entry in field.faults.items()}
        for value, entry in {**field.values, **field.faults}.items():
            assert f"| `{value}` | {entry.means} | `{entry.example}` |" in page
            assert bool(entry.declare_if) == (value in field.values)
        assert bool(field.takes) == (not field.values)
