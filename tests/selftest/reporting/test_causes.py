"""Tests of the causes of a red run: what is grouped, what stands alone, and the order."""

from __future__ import annotations

from harness.reporting.causes import RedTest, causes
from harness.reporting.ledger import ClaimRecord, GoldenRecord
from harness.verdicts.contract_check import FieldCheck

LATE = "mine:A behaves like decoupled weight decay, times the initial learning rate"
FIELDS = ("scale", "zero_lr", "complex")


def claim(name: str, cause: str = LATE, fields: tuple[str, ...] = FIELDS, **more: object) -> RedTest[ClaimRecord]:
    values = {"scenario": "rates", "measured": 1.0, "message": f"{name}: {cause or 'm is 1; should be 2'}"} | more
    record = ClaimRecord(id=name, status="failed", cause=cause, cause_fields=fields if cause else (), **values)  # type: ignore[arg-type]
    return RedTest(record, record.message)


def field(name: str, measured: str) -> RedTest[FieldCheck]:
    return RedTest(FieldCheck("decoupled", name, "x", (measured,), "text", False), f"contract, {name}: mine:A gives {measured}")


def golden(name: str, moved: str = "") -> RedTest[GoldenRecord]:
    return RedTest(GoldenRecord(name, "failed", {}, f"golden {name}: moved", moved), f"golden {name}: moved")


def test_claims_with_one_diagnosis_have_one_cause() -> None:
    (cause,) = causes([claim("one"), claim("two")], [], [])

    assert cause.text == LATE
    assert cause.counts == "2 claims"


def test_diagnoses_that_begin_with_one_field_are_one_cause() -> None:
    """Options of an arm can change the words of a diagnosis. The most frequent words are the text."""
    (cause,) = causes([claim("one"), claim("two", LATE + "; and more"), claim("three")], [], [])

    assert (cause.text, len(cause.claims)) == (LATE, 3)


def test_a_field_joins_a_cause_if_it_is_about_decay() -> None:
    """`zero_lr: decays` follows from the wrong rate; that complex weights take another path does not."""
    first, second = causes(
        [claim("one")], [field("scale", "initial_lr"), field("zero_lr", "decays"), field("complex", "differs")], []
    )

    assert [test.record.field for test in first.fields] == ["scale", "zero_lr"]
    assert second.text == "the contract's field complex: measured differs, should be x"
    assert second.counts == "1 field of the contract"


def test_a_fault_of_handling_takes_no_other_field() -> None:
    """Only a wrong decay explains other fields about decay: a lost value after a load says nothing about vectors."""
    reload = claim("resume", "mine:A decays as declared, but after loading ...", ("resume_weight_decay",))
    found = causes([reload], [field("resume_weight_decay", "constructor"), field("one_dim", "not_decayed")], [])

    assert [[test.record.field for test in cause.fields] for cause in found] == [["resume_weight_decay"], ["one_dim"]]


def test_every_field_of_groups_joins_a_wrong_group_value() -> None:
    """The path beside an empty group is another one because the empty group's value is used."""
    first_group = claim("one", "mine:A behaves like ..., but with the first group's weight_decay in every group", ("groups",))
    (cause,) = causes([first_group], [field("groups", "first"), field("empty_group", "differs")], [])

    assert [test.record.field for test in cause.fields] == ["groups", "empty_group"]


def test_two_faults_are_two_causes_with_the_larger_one_first() -> None:
    reload = "mine:A decays as declared, but after loading, the constructor's weight_decay counts"
    found = causes([claim("resume", reload, ("resume_weight_decay",)), claim("one"), claim("two")], [], [])

    assert [cause.text for cause in found] == [LATE, reload]


def test_one_error_in_several_claims_is_one_cause() -> None:
    """The claim and the arm differ, the error of the optimizer does not."""
    broken = [
        claim(name, "", measured=None, message=f"{name}: arm {arm}: mine:A raised ValueError at step 3: no")
        for name, arm in (("one", "adamw"), ("two", "any"))
    ]
    (cause,) = causes(broken, [], [])

    assert cause.text == "mine:A raised ValueError at step 3: no"


def test_claims_without_a_diagnosis_are_grouped_by_scenario() -> None:
    found = causes([claim("one", ""), claim("two", ""), claim("three", "", scenario="copies")], [], [])

    assert [cause.counts for cause in found] == ["2 claims", "1 claim"]
    assert found[0].text == "in what rates tries: one: m is 1; should be 2"


def test_tests_that_hold_unexpectedly_are_one_cause() -> None:
    """The cause names the lines to remove."""
    stale = "passed, but the file of expected failures lists it (old): remove its line"
    ended = RedTest(field("order", "before").record, f"contract, order: {stale}")
    (cause,) = causes([claim("one", "", message=f"one: {stale}")], [ended], [])

    assert cause.text == "expected to fail, and green now; remove from the file of expected failures: one, contract.order"


def test_goldens_join_the_only_diagnosis() -> None:
    (cause,) = causes([claim("one")], [], [golden("a"), golden("b")])

    assert cause.counts == "1 claim, 2 goldens"


def test_goldens_alone_are_grouped_by_what_moved_them() -> None:
    found = causes([], [], [golden("a", "torch moved"), golden("b", "torch moved"), golden("c")])

    assert [(cause.text, cause.counts) for cause in found] == [("torch moved", "2 goldens"), ("golden c: moved", "1 golden")]
