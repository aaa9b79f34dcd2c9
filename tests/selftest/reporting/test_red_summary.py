"""Tests of the summary of a red run: what is printed in full, what by name, and the last lines."""

from __future__ import annotations

from harness.reporting.causes import Cause, RedTest
from harness.reporting.ledger import ClaimRecord, GoldenRecord
from harness.reporting.red_summary import details, last_lines
from harness.verdicts.contract_check import FieldCheck

MESSAGE = """{name}: mine:A behaves like coupled L2; m is 1 (steps); should be 2, tolerance 0.1
  claim        The statement of the claim.
  convention   torch's.
  documented   Something.
  established  holds
  measured     NO  m of a is 1 (steps); should be 2, tolerance 0.1
  measured     ok  n of a is 3; should be at least 2
  optimizer    mine:A behaves like coupled L2
  source       a_page, one
  scenario     scenarios/x.yaml
  run again    pytest --claim={name}"""
FIELD = """contract, coupling: mine:A gives coupled_l2, expected decoupled: text
  if this is intended, add this line to a contract: coupling: coupled_l2
  this command writes a draft of the contract: python -m harness fingerprint mine:A --write-contract decaygate.yaml"""


def claim(name: str) -> RedTest[ClaimRecord]:
    return RedTest(ClaimRecord(id=name, scenario="s", status="failed", message=""), MESSAGE.format(name=name))


def field(name: str = "coupling") -> RedTest[FieldCheck]:
    return RedTest(FieldCheck("decoupled", name, "decoupled", ("coupled_l2",), "text", False), FIELD)


def test_a_cause_has_one_claim_in_full_and_the_others_by_name() -> None:
    """The verdicts that hold, and the diagnosis again, are left out."""
    cause = Cause("mine:A behaves like coupled L2", [claim("a_long_name_of_a_claim"), claim("short")], [field(), field("clip")])

    lines = details([cause], 200)

    assert lines == [
        "1. mine:A behaves like coupled L2",
        "   contract     coupling: mine:A gives coupled_l2, expected decoupled: text",
        "                if this is intended, add this line to a contract: coupling: coupled_l2",
        "   other fields clip is coupled_l2, should be decoupled",
        "   one claim    short",
        "   claim        The statement of the claim.",
        "   measured     m of a is 1 (steps); should be 2, tolerance 0.1",
        "   scenario     scenarios/x.yaml",
        "   run again    pytest --claim=short",
        "   other claims a_long_name_of_a_claim",
        "this command writes a draft of the contract: python -m harness fingerprint mine:A --write-contract decaygate.yaml",
    ]


def test_a_field_that_is_the_cause_is_not_repeated() -> None:
    """Its finding follows, and the line to add."""
    cause = Cause("the contract's field clip: measured coupled_l2, should be decoupled", fields=[field("clip")])

    assert details([cause], 200)[:3] == [
        "1. the contract's field clip: measured coupled_l2, should be decoupled",
        "   contract     text",
        "                if this is intended, add this line to a contract: coupling: coupled_l2",
    ]


def test_goldens_alone_are_printed_with_their_tables() -> None:
    """Beside red claims they are named only: the claims say what is wrong."""
    table = "golden ball: speed moved" + " wide" * 40 + "\nnumber  recorded  now"
    goldens = [RedTest(GoldenRecord(f"g{n}", "failed", {}, table), table) for n in range(5)]

    alone = details([Cause("torch moved", goldens=goldens)], 80)
    beside = details([Cause("mine:A behaves like coupled L2", [claim("one")], goldens=goldens)], 80)

    assert alone[:3] == ["1. torch moved", "   " + table.splitlines()[0], "   number  recorded  now"]
    assert alone[-1] == "   goldens      g3, g4"
    assert beside[-1] == "   goldens      g0, g1, g2, g3, g4"


def test_no_line_is_wider_than_the_terminal() -> None:
    cause = Cause("mine:A behaves like coupled L2 " * 5, [claim(f"claim_number_{n}") for n in range(40)], [field()])

    lines = details([cause], 80) + last_lines([cause, cause], 80)

    assert max(map(len, lines)) <= 80
    assert any("all with -v" in line for line in lines)
    assert len(lines) < 40


def test_one_cause_is_the_last_line() -> None:
    cause = Cause("mine:A behaves like coupled L2", [claim("one"), claim("two")], [field()])

    assert last_lines([cause], 200) == ["RED: 1 cause: mine:A behaves like coupled L2 (2 claims, 1 field of the contract)"]


def test_several_causes_have_a_line_each_at_the_end() -> None:
    first, second = Cause("one thing", [claim("one")]), Cause("another", [], [field()])

    assert last_lines([first, second], 80) == [
        "RED: 2 causes",
        "  1. one thing (1 claim)",
        "  2. another (1 field of the contract)",
    ]
