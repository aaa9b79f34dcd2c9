"""Is a golden's text stable, readable line by line, and refused when somebody has broken it?"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness.comparison import Ensemble, Entry, Exact, Information, compare
from harness.recording import GoldenError, Recording, dump, merge, parse, problems

SAMPLES = (1.0, 1.1, 0.9, 1.05, 0.95, 1.02, 0.98, 1.01)
ENTRIES: dict[str, Entry] = {
    "sgd.height": Exact(0.1 + 0.2, rtol=1e-9, atol=1e-300),
    "adamw.loss": Ensemble.of(SAMPLES, alpha=1e-4),
    "adamw.norm": Information.of(SAMPLES),
}
RECORDING = Recording("ball", ENTRIES)


def test_a_recording_survives_its_text_bit_for_bit() -> None:
    """Every float comes back as it was, and the text of what comes back is the same text."""
    assert parse(dump(RECORDING)) == RECORDING
    assert dump(parse(dump(RECORDING))) == dump(RECORDING)


def test_the_text_has_one_measure_a_line_in_order_of_names() -> None:
    """Whatever the order in which they were obtained."""
    lines = dump(RECORDING).splitlines()
    assert lines[:3] == ["{", ' "scenario": "ball",', ' "entries": {']
    assert [line.split('"')[1] for line in lines[3:6]] == ["adamw.loss", "adamw.norm", "sgd.height"]
    assert lines[5] == '  "sgd.height": {"value": 0.30000000000000004, "rtol": 1e-09, "atol": 1e-300}'
    assert lines[6:] == [" }", "}"]


def test_what_may_not_be_recorded_has_no_text() -> None:
    """No entry at all, or one that is refused, each with its reason."""
    assert problems(RECORDING) == []
    for entries, why in (({}, "no number"), ({"a": Exact(math.nan, 0.0, 0.0)}, "a: not finite")):
        with pytest.raises(GoldenError, match=why):
            dump(Recording("ball", entries))


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("<<<<<<< ours", "not JSON"),
        ("[]", "an object with the keys"),
        ('{"scenario": "ball"}', "an object with the keys"),
        ('{"scenario": 1, "entries": {}}', "a scenario id"),
        ('{"scenario": "ball", "entries": []}', "an object of entries"),
        ('{"scenario": "ball", "entries": {"a": 1.0}}', "a: expected an object"),
        ('{"scenario": "ball", "entries": {"a": {"value": 1.0}}}', "of no kind of entry"),
        ('{"scenario": "ball", "entries": {"a": {"value": 1.0, "rtol": 0.1, "atol": 0, "information": true}}}', "of no kind"),
        ('{"scenario": "ball", "entries": {"a": {"mean": 1.0, "sd": 0.1, "n": 8}}}', "of no kind of entry"),
        ('{"scenario": "ball", "entries": {"a": {"value": NaN, "rtol": 0, "atol": 0}}}', "NaN is never"),
        ('{"scenario": "ball", "entries": {"a": {"value": 1, "rtol": Infinity, "atol": 0}}}', "Infinity is never"),
        ('{"scenario": "ball", "entries": {"a": {"value": true, "rtol": 0, "atol": 0}}}', "a.value: expected a number"),
        ('{"scenario": "ball", "entries": {"a": {"value": "1", "rtol": 0, "atol": 0}}}', "a.value: expected a number"),
        ('{"scenario": "ball", "entries": {"a": {}, "a": {}}}', "stand there twice"),
    ],
)
def test_a_broken_golden_is_refused_with_its_place(broken: str, why: str) -> None:
    """Merge conflicts, hand edits, repeated and unknown keys, and literals that are no numbers."""
    with pytest.raises(GoldenError, match=why):
        parse(broken)


def test_a_literal_that_overflows_is_not_a_number_either() -> None:
    """JSON lets 1e999 pass; the comparison does not."""
    golden = parse('{"scenario": "ball", "entries": {"a": {"value": 1e999, "rtol": 0, "atol": 0}}}')
    assert compare(golden.entries, golden.entries)[0].status == "unusable"


def merged(obtained: Entry, golden: Entry) -> Entry:
    """Merge one measure."""
    return merge(Recording("ball", {"m": obtained}), Recording("ball", {"m": golden})).entries["m"]


def test_what_has_not_moved_keeps_its_recorded_numbers() -> None:
    """Exact, ensemble and information, each a little off."""
    assert merged(Exact(2.0 + 1e-9, 1e-9, 0.0), Exact(2.0, 1e-9, 0.0)) == Exact(2.0, 1e-9, 0.0)
    derived = Exact(2.0, 1e-9, 1e-12)
    assert merged(replace(derived, atol=1e-12 * (1 + 1e-6)), derived) is derived
    golden = Ensemble.of(SAMPLES, alpha=1e-4)
    assert merged(Ensemble.of([x + 0.01 for x in SAMPLES], alpha=1e-4), golden) is golden
    told = Information.of(SAMPLES)
    assert merged(Information.of([x + 0.01 for x in SAMPLES]), told) is told


def test_what_has_moved_is_taken_whole() -> None:
    """A number, a mean with its spread, and information that has left its own prediction."""
    for obtained, golden in (
        (Exact(2.1, 1e-9, 0.0), Exact(2.0, 1e-9, 0.0)),
        (Ensemble.of([x + 1 for x in SAMPLES], alpha=1e-4), Ensemble.of(SAMPLES, alpha=1e-4)),
        (Information.of([x + 1 for x in SAMPLES]), Information.of(SAMPLES)),
        (Information.of([2.0]), Information.of([1.0])),
        (Information.of(SAMPLES), Exact(1.0, 1e-9, 0.0)),
        (Ensemble.of(SAMPLES, alpha=1e-4), Ensemble.of(SAMPLES[:7], alpha=1e-4)),
    ):
        assert merged(obtained, golden) is obtained


def test_a_change_of_tolerance_keeps_the_number_if_it_agrees_under_the_new_one() -> None:
    """Tightened past the drift, the number is renewed; an ensemble's tolerance is computed again."""
    golden = Exact(2.0, 1e-3, 0.0)
    assert merged(Exact(2.0 + 1e-5, 1e-4, 0.0), golden) == Exact(2.0, 1e-4, 0.0)
    assert merged(Exact(2.0 + 1e-5, 1e-9, 0.0), golden) == Exact(2.0 + 1e-5, 1e-9, 0.0)
    recorded = Ensemble.of(SAMPLES, alpha=1e-4)
    again = merged(Ensemble.of([x + 0.01 for x in SAMPLES], alpha=1e-3), recorded)
    assert again == Ensemble.of(SAMPLES, alpha=1e-3)
    edited = replace(recorded, tolerance=10.0)
    assert merged(recorded, edited) == recorded


def test_a_merge_drops_what_is_not_obtained_and_takes_nothing_from_another_scenario() -> None:
    """A measure that left goes; numbers of a copied file are not kept although they agree."""
    left = merge(Recording("ball", {"a": ENTRIES["sgd.height"]}), RECORDING)
    assert set(left.entries) == {"a"}
    obtained = Recording("ball", {"m": Exact(2.0 + 1e-9, 1e-9, 0.0)})
    assert merge(obtained, Recording("bell", {"m": Exact(2.0, 1e-9, 0.0)})) is obtained
