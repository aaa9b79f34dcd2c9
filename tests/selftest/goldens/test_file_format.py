"""Is a golden's text stable, readable line by line, and refused when somebody has broken it?"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness.goldens.compare import compare
from harness.goldens.file_format import GoldenError, Recording, dump, merge, parse, problems, shortfalls, with_fewer_seeds
from harness.goldens.origin import Origin
from harness.goldens.values import Ensemble, Exact, GoldenValue, Information, with_sensitivity

SAMPLES = (1.0, 1.1, 0.9, 1.05, 0.95, 1.02, 0.98, 1.01)
ENTRIES: dict[str, GoldenValue] = {
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


def merged(obtained: GoldenValue, golden: GoldenValue) -> GoldenValue:
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


def test_the_origin_is_renewed_with_a_number_or_a_rule_and_not_otherwise() -> None:
    """A file without one takes the one that is received."""
    old, new = Origin({"torch": "2.13.0"}), Origin({"torch": "2.14.0"})
    golden = Recording("ball", {"m": Exact(2.0, 1e-9, 0.0)}, old)

    def origin(obtained: GoldenValue, before: Recording = golden) -> Origin | None:
        return merge(Recording("ball", {"m": obtained}, new), before).origin

    assert origin(Exact(2.0 + 1e-9, 1e-9, 0.0)) is old
    assert origin(Exact(2.1, 1e-9, 0.0)) is new
    assert origin(Exact(2.0, 1e-8, 0.0)) is new
    assert origin(Exact(2.0, 1e-9, 0.0), replace(golden, origin=None)) is new


def test_a_merge_drops_what_is_not_obtained_and_takes_nothing_from_another_scenario() -> None:
    """A measure that left goes; numbers of a copied file are not kept although they agree."""
    left = merge(Recording("ball", {"a": ENTRIES["sgd.height"]}), RECORDING)
    assert set(left.entries) == {"a"}
    obtained = Recording("ball", {"m": Exact(2.0 + 1e-9, 1e-9, 0.0)})
    assert merge(obtained, Recording("bell", {"m": Exact(2.0, 1e-9, 0.0)})) is obtained


def test_a_golden_without_a_signal_takes_the_obtained_one_in_its_own_units_and_keeps_one_that_it_has() -> None:
    """A signal is no reason to rewrite a line; a tolerance of zero has the same one; an ensemble of more seeds sees more."""
    assert merged(Exact(2.0, 1e-9, 0.0, signal=5e6), Exact(2.0, 1e-9, 0.0)) == Exact(2.0, 1e-9, 0.0, signal=5e6)
    assert merged(Exact(2.0, 1e-9, 0.0, signal=5e6), Exact(2.0, 1e-9, 0.0, signal=4e6)).signal == 4e6
    assert merged(Exact(0.0, 1e-9, 0.0, signal=1e16), Exact(0.0, 1e-9, 0.0)) == Exact(0.0, 1e-9, 0.0, signal=1e16)
    many = Ensemble.of(SAMPLES * 8, alpha=1e-4, runs=8)
    few = with_sensitivity(Ensemble.of(SAMPLES, alpha=1e-4), 1.0)
    kept = merged(few, many)
    assert replace(kept, signal=None) == many
    assert kept.signal == pytest.approx(1.0 / many.detects, rel=0.06)


def test_a_gate_that_sees_less_than_decay_is_named_with_signal_tolerance_and_floor() -> None:
    """Exact by 1e4 tolerances, in float32 by 30, an ensemble by the change that it detects; what is unknown is not judged."""
    blind = with_sensitivity(Exact(2.0, 1e-9, 0.0), 1.99e-5)
    single = with_sensitivity(Exact(2.0, 1e-4, 0.0), 5.9e-3)
    loud = Ensemble.of(SAMPLES, alpha=1e-4)
    entries: dict[str, GoldenValue] = {
        "blind": blind,
        "sees": with_sensitivity(Exact(2.0, 1e-9, 0.0), 2.1e-5),
        "single": single,
        "single_sees": with_sensitivity(Exact(2.0, 1e-4, 0.0), 6.1e-3),
        "loud": with_sensitivity(loud, 0.9 * loud.detects),
        "loud_sees": with_sensitivity(loud, 1.1 * loud.detects),
        "unknown": Exact(2.0, 1e-9, 0.0),
        "told": Information.of(SAMPLES),
    }

    found = shortfalls(Recording("ball", entries))

    assert [line.partition(":")[0] for line in found] == ["blind", "loud", "single"]
    assert found[0] == ("blind: vacuous: weight decay is worth 2e-05 here, 9.9e+03 times the tolerance 2e-09 (floor 10000)")
    assert "0.9 times the detectable change" in found[1]
    assert "(floor 30)" in found[2]


def test_a_golden_that_lost_seeds_says_how_much_wider_it_is() -> None:
    """A run of eight seeds took the place of a calibration; the other way round is no loss."""
    many, few = (Recording("ball", {"m": Ensemble.of(SAMPLES * times, alpha=3e-5, runs=8)}) for times in (8, 1))

    assert with_fewer_seeds(few, many) == ["m: 8 seeds instead of 64, its tolerance is 3.0 times as wide"]
    assert with_fewer_seeds(many, few) == with_fewer_seeds(many, many) == []


def test_an_ensemble_from_before_runs_were_named_is_one_of_as_many_seeds() -> None:
    """Its line is read, and its tolerance is what it was."""
    text = dump(Recording("ball", {"m": Ensemble.of(SAMPLES, alpha=1e-4)}))

    assert parse(text.replace('"runs": 8, ', "")) == parse(text)
