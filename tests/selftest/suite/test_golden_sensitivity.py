"""Tests of sensitivity in goldens: an insensitive number is not recorded; a calibrated mean stays until it moves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.goldens.file_format import Recording, dump, parse
from harness.goldens.values import Ensemble
from tests.selftest.suite.small_suite import SAMPLES, Suite, changed_lines, make_suite, numbers

BALL, NET = "default/test_claims/ball.json", "default/test_claims/net.json"


def rewrite(suite: Suite, file: str, **changed: object) -> None:
    """Set the fields `changed` of every number with a signal in a golden file."""
    path = suite.folder / "golden" / file
    golden = parse(path.read_text(encoding="utf-8"))
    entries = {name: replace(entry, **changed) if hasattr(entry, "signal") else entry for name, entry in golden.entries.items()}
    path.write_text(dump(Recording(golden.scenario, entries, golden.origin)), encoding="utf-8")


def test_a_number_that_hides_weight_decay_is_not_recorded(tmp_path: Path) -> None:
    """The message has its sensitivity, its tolerance and the floor. The other scenario is recorded."""
    suite, obtained = make_suite(tmp_path), numbers()
    obtained["ball"]["entries"]["adamw.height"]["signal"] = 9.9e3
    suite.obtains(obtained)

    done = suite.run("--snapshot-update")

    refusal = "adamw.height: vacuous: weight decay is worth 2e-05 here, 9.9e+03 times the tolerance 2e-09 (floor 10000)"
    assert done.returncode == 1
    assert f"golden ball: not recorded: {refusal}" in done.stdout
    assert set(suite.files()) == {NET}


def test_a_probe_that_became_insensitive_is_red(tmp_path: Path) -> None:
    """It is red in the next run, with and without an update, and its file is unchanged."""
    suite, obtained = make_suite(tmp_path), numbers()
    suite.update()
    before = suite.files()
    obtained["ball"]["entries"]["sgd.height"]["signal"] = 100.0
    suite.obtains(obtained)

    for options in ((), ("--snapshot-update",)):
        done = suite.run(*options)
        assert done.returncode == 1
        assert "sgd.height" in done.stdout
        assert "vacuous: weight decay is worth 3e-07 here, 1e+02 times the tolerance 3e-09" in done.stdout
        assert suite.files() == before


def test_a_recorded_signal_under_its_floor_is_red(tmp_path: Path) -> None:
    """The test writes the small signal into the file by hand."""
    suite = make_suite(tmp_path)
    suite.update()
    rewrite(suite, NET, signal=0.9)

    done = suite.run()

    assert done.returncode == 1
    assert "control.loss in the golden: vacuous" in done.stdout
    assert "0.9 times the detectable change" in done.stdout


def test_a_golden_without_signals_gets_them_when_recorded(tmp_path: Path) -> None:
    """Until then it passes. The recording keeps its numbers. A later recording with other signals changes no byte."""
    suite, obtained = make_suite(tmp_path), numbers()
    suite.update()
    complete = suite.files()
    rewrite(suite, BALL, signal=None)
    assert suite.files() != complete
    assert suite.run().returncode == 0

    suite.update()
    assert suite.files() == complete

    for loaded in obtained["ball"]["entries"].values():
        loaded["signal"] = 5e7
    suite.obtains(obtained)
    suite.update()
    assert suite.files() == complete


def test_a_calibrated_mean_is_kept_until_it_moves(tmp_path: Path) -> None:
    """A mean of 64 seeds is compared with that of 8. A recording replaces it by the mean of 8 only if it moved."""
    suite, obtained = make_suite(tmp_path), numbers()
    suite.update()
    path = suite.folder / "golden" / NET
    golden = parse(path.read_text(encoding="utf-8"))
    many = replace(Ensemble.of(SAMPLES * 8, alpha=1e-4, runs=8), signal=20.0)
    path.write_text(dump(Recording("net", {**golden.entries, "control.loss": many}, golden.origin)), encoding="utf-8")
    before = suite.files()
    obtained["net"]["entries"]["control.loss"]["samples"] = [x + 0.01 for x in SAMPLES]
    suite.obtains(obtained)
    assert suite.run().returncode == 0
    suite.update()
    assert suite.files() == before

    obtained["net"]["entries"]["control.loss"]["samples"] = [x + 0.15 for x in SAMPLES]
    suite.obtains(obtained)
    assert "control.loss +0.15 (tolerance 0.0" in suite.run().stdout
    suite.update()

    (line,) = changed_lines(before[NET], suite.files()[NET])
    assert '"n": 8, "runs": 8' in line
