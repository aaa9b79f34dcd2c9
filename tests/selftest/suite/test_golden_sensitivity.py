"""Does a golden hold only what sees weight decay come and go, and say when it holds it on fewer seeds than before?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.goldens.file_format import Recording, dump, parse
from harness.goldens.values import Ensemble
from tests.selftest.suite.small_suite import SAMPLES, Suite, changed_lines, make_suite, numbers

BALL, NET = "default/test_claims/ball.json", "default/test_claims/net.json"


def rewrite(suite: Suite, file: str, **changed: object) -> None:
    """Change every gate of a recorded golden in its file."""
    path = suite.folder / "golden" / file
    golden = parse(path.read_text(encoding="utf-8"))
    entries = {name: replace(one, **changed) if hasattr(one, "signal") else one for name, one in golden.entries.items()}
    path.write_text(dump(Recording(golden.scenario, entries, golden.origin)), encoding="utf-8")


def test_a_number_that_hides_weight_decay_is_not_recorded(tmp_path: Path) -> None:
    """It is named with what decay is worth in it, its tolerance and the floor; the other scenario is recorded."""
    suite, told = make_suite(tmp_path), numbers()
    told["ball"]["entries"]["adamw.height"]["signal"] = 9.9e3
    suite.obtains(told)

    done = suite.run("--snapshot-update")

    said = "adamw.height: vacuous: weight decay is worth 2e-05 here, 9.9e+03 times the tolerance 2e-09 (floor 10000)"
    assert done.returncode == 1
    assert f"golden ball: not recorded: {said}" in done.stdout
    assert set(suite.files()) == {NET}


def test_a_probe_that_has_become_vacuous_is_red_without_an_update(tmp_path: Path) -> None:
    """On the next run, whatever was recorded; and an update does not heal it."""
    suite, told = make_suite(tmp_path), numbers()
    suite.update()
    before = suite.files()
    told["ball"]["entries"]["sgd.height"]["signal"] = 100.0
    suite.obtains(told)

    for options in ((), ("--snapshot-update",)):
        done = suite.run(*options)
        assert done.returncode == 1
        assert "sgd.height" in done.stdout
        assert "vacuous: weight decay is worth 3e-07 here, 1e+02 times the tolerance 3e-09" in done.stdout
        assert suite.files() == before


def test_a_stored_signal_under_its_floor_is_red(tmp_path: Path) -> None:
    """However it came there."""
    suite = make_suite(tmp_path)
    suite.update()
    rewrite(suite, NET, signal=0.9)

    done = suite.run()

    assert done.returncode == 1
    assert "control.loss in the golden: vacuous" in done.stdout
    assert "0.9 times the detectable change" in done.stdout


def test_a_golden_from_before_signals_passes_and_gets_them_with_the_next_recording(tmp_path: Path) -> None:
    """Its numbers stay; a second recording changes no byte, and neither does a signal that has become another."""
    suite, told = make_suite(tmp_path), numbers()
    suite.update()
    complete = suite.files()
    rewrite(suite, BALL, signal=None)
    assert suite.files() != complete
    assert suite.run().returncode == 0

    suite.update()
    assert suite.files() == complete

    for loaded in told["ball"]["entries"].values():
        loaded["signal"] = 5e7
    suite.obtains(told)
    suite.update()
    assert suite.files() == complete


def test_a_calibrated_mean_judges_few_seeds_and_is_kept_until_it_moves(tmp_path: Path) -> None:
    """A recording that replaces it says how much wider it has become, in the file's own line too."""
    suite, told = make_suite(tmp_path), numbers()
    suite.update()
    path = suite.folder / "golden" / NET
    golden = parse(path.read_text(encoding="utf-8"))
    many = replace(Ensemble.of(SAMPLES * 8, alpha=1e-4, runs=8), signal=20.0)
    path.write_text(dump(Recording("net", {**golden.entries, "control.loss": many}, golden.origin)), encoding="utf-8")
    before = suite.files()
    told["net"]["entries"]["control.loss"]["samples"] = [x + 0.01 for x in SAMPLES]
    suite.obtains(told)
    assert suite.run().returncode == 0
    suite.update()
    assert suite.files() == before

    told["net"]["entries"]["control.loss"]["samples"] = [x + 0.15 for x in SAMPLES]
    suite.obtains(told)
    assert "control.loss +0.15 (tolerance 0.0" in suite.run().stdout
    suite.update()

    (line,) = changed_lines(before[NET], suite.files()[NET])
    assert '"n": 8, "runs": 8' in line
