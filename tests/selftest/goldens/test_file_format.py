"""Tests of the text of a golden file: one measure a line, unchanged by reading, and refused if it is broken."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness.goldens.compare import compare
from harness.goldens.file_format import FORMAT, GoldenError, Recording, dump, merge, parse, problems, shortfalls, with_fewer_seeds
from harness.goldens.origin import Origin
from harness.goldens.values import Ensemble, Exact, GoldenValue, Information, with_sensitivity

SAMPLES = (1.0, 1.1, 0.9, 1.05, 0.95, 1.02, 0.98, 1.01)
ENTRIES: dict[str, GoldenValue] = {
    "sgd.height": Exact(0.1 + 0.2, rtol=1e-9, atol=1e-300),
    "adamw.loss": Ensemble.of(SAMPLES, alpha=1e-4),
    "adamw.norm": Information.of(SAMPLES),
}
RECORDING = Recording("ball", ENTRIES)


def test_a_recording_is_unchanged_after_writing_and_reading() -> None:
    """Every float is the same bit for bit, and so is the text that is written from them again."""
    assert parse(dump(RECORDING)) == RECORDING
    assert dump(parse(dump(RECORDING))) == dump(RECORDING)


def test_the_text_has_one_measure_a_line_in_order_of_names() -> None:
    """The order in which the measures were obtained does not matter."""
    lines = dump(RECORDING).splitlines()
    assert lines[:4] == ["{", f' "format": {FORMAT},', ' "scenario": "ball",', ' "entries": {']
    assert [line.split('"')[1] for line in lines[4:7]] == ["adamw.loss", "adamw.norm", "sgd.height"]
    assert lines[6] == '  "sgd.height": {"value": 0.30000000000000004, "rtol": 1e-09, "atol": 1e-300}'
    assert lines[7:] == [" }", "}"]


def test_numbers_that_may_not_be_recorded_are_not_written() -> None:
    """A recording without numbers, and one with an invalid number, are refused with the reason."""
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
        ('{"scenario": 1, "entries": {}}', "a text in 'scenario'"),
        ('{"scenario": "ball", "entries": []}', "an object in 'entries'"),
        ('{"scenario": "ball", "entries": {"a": 1.0}}', "a: expected an object"),
        ('{"scenario": "ball", "entries": {"a": {"value": 1.0}}}', "fit no kind of entry"),
        ('{"scenario": "ball", "entries": {"a": {"value": 1.0, "rtol": 0.1, "atol": 0, "information": true}}}', "fit no kind"),
        ('{"scenario": "ball", "entries": {"a": {"mean": 1.0, "sd": 0.1, "n": 8}}}', "fit no kind of entry"),
        ('{"scenario": "ball", "entries": {"a": {"value": NaN, "rtol": 0, "atol": 0}}}', "NaN is never"),
        ('{"scenario": "ball", "entries": {"a": {"value": 1, "rtol": Infinity, "atol": 0}}}', "Infinity is never"),
        ('{"scenario": "ball", "entries": {"a": {"value": true, "rtol": 0, "atol": 0}}}', "a.value: expected a number"),
        ('{"scenario": "ball", "entries": {"a": {"value": "1", "rtol": 0, "atol": 0}}}', "a.value: expected a number"),
        ('{"scenario": "ball", "entries": {"a": {}, "a": {}}}', "occur more than once"),
    ],
)
def test_a_broken_golden_is_refused_with_key_and_reason(broken: str, why: str) -> None:
    """Merge conflicts, edits by hand, repeated and unknown keys, and literals that are not numbers are refused."""
    with pytest.raises(GoldenError, match=why):
        parse(broken)


def test_a_number_that_overflows_cannot_be_compared() -> None:
    """JSON allows 1e999, which becomes infinity."""
    golden = parse('{"scenario": "ball", "entries": {"a": {"value": 1e999, "rtol": 0, "atol": 0}}}')
    assert compare(golden.entries, golden.entries)[0].status == "unusable"


def merged(obtained: GoldenValue, golden: GoldenValue) -> GoldenValue:
    """Return the result of a merge of one measure."""
    return merge(Recording("ball", {"m": obtained}), Recording("ball", {"m": golden})).entries["m"]


def test_values_that_have_not_moved_keep_their_recorded_numbers() -> None:
    """An exact number, an ensemble and an information differ from their golden by less than the tolerance."""
    assert merged(Exact(2.0 + 1e-9, 1e-9, 0.0), Exact(2.0, 1e-9, 0.0)) == Exact(2.0, 1e-9, 0.0)
    derived = Exact(2.0, 1e-9, 1e-12)
    assert merged(replace(derived, atol=1e-12 * (1 + 1e-6)), derived) is derived
    golden = Ensemble.of(SAMPLES, alpha=1e-4)
    assert merged(Ensemble.of([x + 0.01 for x in SAMPLES], alpha=1e-4), golden) is golden
    information = Information.of(SAMPLES)
    assert merged(Information.of([x + 0.01 for x in SAMPLES]), information) is information


def test_a_value_that_has_moved_replaces_the_recorded_one() -> None:
    """All fields are replaced: those of an exact number, of an ensemble, and of an information that has moved too far."""
    for obtained, golden in (
        (Exact(2.1, 1e-9, 0.0), Exact(2.0, 1e-9, 0.0)),
        (Ensemble.of([x + 1 for x in SAMPLES], alpha=1e-4), Ensemble.of(SAMPLES, alpha=1e-4)),
        (Information.of([x + 1 for x in SAMPLES]), Information.of(SAMPLES)),
        (Information.of([2.0]), Information.of([1.0])),
        (Information.of(SAMPLES), Exact(1.0, 1e-9, 0.0)),
        (Ensemble.of(SAMPLES, alpha=1e-4), Ensemble.of(SAMPLES[:7], alpha=1e-4)),
    ):
        assert merged(obtained, golden) is obtained


def test_a_new_tolerance_keeps_a_number_that_agrees_under_it() -> None:
    """A number that does not agree under the new tolerance is replaced. The tolerance of an ensemble is computed again."""
    golden = Exact(2.0, 1e-3, 0.0)
    assert merged(Exact(2.0 + 1e-5, 1e-4, 0.0), golden) == Exact(2.0, 1e-4, 0.0)
    assert merged(Exact(2.0 + 1e-5, 1e-9, 0.0), golden) == Exact(2.0 + 1e-5, 1e-9, 0.0)
    recorded = Ensemble.of(SAMPLES, alpha=1e-4)
    again = merged(Ensemble.of([x + 0.01 for x in SAMPLES], alpha=1e-3), recorded)
    assert again == Ensemble.of(SAMPLES, alpha=1e-3)
    edited = replace(recorded, tolerance=10.0)
    assert merged(recorded, edited) == recorded


def test_the_origin_is_renewed_only_with_a_number_or_a_rule() -> None:
    """A file without an origin gets the received one."""
    old, new = Origin({"torch": "2.13.0"}), Origin({"torch": "2.14.0"})
    golden = Recording("ball", {"m": Exact(2.0, 1e-9, 0.0)}, old)

    def origin(obtained: GoldenValue, before: Recording = golden) -> Origin | None:
        return merge(Recording("ball", {"m": obtained}, new), before).origin

    assert origin(Exact(2.0 + 1e-9, 1e-9, 0.0)) is old
    assert origin(Exact(2.1, 1e-9, 0.0)) is new
    assert origin(Exact(2.0, 1e-8, 0.0)) is new
    assert origin(Exact(2.0, 1e-9, 0.0), replace(golden, origin=None)) is new


def test_a_merge_drops_missing_measures_and_foreign_numbers() -> None:
    """A measure that was not obtained is dropped. Numbers of another scenario's file are not kept, although they agree."""
    result = merge(Recording("ball", {"a": ENTRIES["sgd.height"]}), RECORDING)
    assert set(result.entries) == {"a"}
    obtained = Recording("ball", {"m": Exact(2.0 + 1e-9, 1e-9, 0.0)})
    assert merge(obtained, Recording("bell", {"m": Exact(2.0, 1e-9, 0.0)})) is obtained


def test_a_merge_adds_a_missing_sensitivity_in_the_goldens_units() -> None:
    """A recorded sensitivity is kept. An ensemble of more seeds has a smaller detectable change, and so a larger sensitivity."""
    assert merged(Exact(2.0, 1e-9, 0.0, signal=5e6), Exact(2.0, 1e-9, 0.0)) == Exact(2.0, 1e-9, 0.0, signal=5e6)
    assert merged(Exact(2.0, 1e-9, 0.0, signal=5e6), Exact(2.0, 1e-9, 0.0, signal=4e6)).signal == 4e6
    assert merged(Exact(0.0, 1e-9, 0.0, signal=1e16), Exact(0.0, 1e-9, 0.0)) == Exact(0.0, 1e-9, 0.0, signal=1e16)
    many = Ensemble.of(SAMPLES * 8, alpha=1e-4, runs=8)
    few = with_sensitivity(Ensemble.of(SAMPLES, alpha=1e-4), 1.0)
    kept = merged(few, many)
    assert replace(kept, signal=None) == many
    assert kept.signal == pytest.approx(1.0 / many.detects, rel=0.06)


def test_a_gate_of_too_little_sensitivity_is_named_with_numbers() -> None:
    """An exact number needs an effect of 1e4 tolerances, in float32 of 30, and an ensemble of one detectable change.

    An unknown sensitivity is not refused here.
    """
    exact, float32 = Exact(2.0, 1e-9, 0.0), Exact(2.0, 1e-4, 0.0)
    ensemble = Ensemble.of(SAMPLES, alpha=1e-4)
    entries: dict[str, GoldenValue] = {
        "exact": with_sensitivity(exact, 1.99e-5),
        "exact_sensitive": with_sensitivity(exact, 2.1e-5),
        "float32": with_sensitivity(float32, 5.9e-3),
        "float32_sensitive": with_sensitivity(float32, 6.1e-3),
        "mean": with_sensitivity(ensemble, 0.9 * ensemble.detects),
        "mean_sensitive": with_sensitivity(ensemble, 1.1 * ensemble.detects),
        "unknown": exact,
        "information": Information.of(SAMPLES),
    }

    lines = shortfalls(Recording("ball", entries))

    assert [line.partition(":")[0] for line in lines] == ["exact", "float32", "mean"]
    assert lines[0] == ("exact: vacuous: weight decay is worth 2e-05 here, 9.9e+03 times the tolerance 2e-09 (floor 10000)")
    assert "(floor 30)" in lines[1]
    assert "0.9 times the detectable change" in lines[2]


def test_a_golden_with_fewer_seeds_names_its_wider_tolerance() -> None:
    """The numbers of a run of eight seeds have replaced those of a calibration. More seeds are no loss."""
    many, few = (Recording("ball", {"m": Ensemble.of(SAMPLES * times, alpha=3e-5, runs=8)}) for times in (8, 1))

    assert with_fewer_seeds(few, many) == ["m: 8 seeds instead of 64, its tolerance is 3.0 times as wide"]
    assert with_fewer_seeds(many, few) == with_fewer_seeds(many, many) == []


def test_an_ensemble_without_runs_is_for_runs_of_n_seeds() -> None:
    """A file in the old format has no key `runs`. It is read with the same tolerance."""
    text = dump(Recording("ball", {"m": Ensemble.of(SAMPLES, alpha=1e-4)}))

    assert parse(text.replace('"runs": 8, ', "")) == parse(text)
