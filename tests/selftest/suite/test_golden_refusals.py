"""Tests of refused recordings: numbers that may not become a golden are not recorded, whatever the pytest options."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.selftest.suite.small_suite import SAMPLES, exact, make_suite, numbers, recorded, scenario

BLOCKED = ["claim decay_superposes fails: 0.3 > 1e-12"]


@pytest.mark.parametrize("flag", ["--snapshot-update", "--snapshot-update-new-only"])
def test_a_blocked_golden_is_not_recorded(tmp_path: Path, flag: str) -> None:
    """The blockers: a failing claim, a number that is not finite, a zero variance, no number. Each is reported."""
    suite = make_suite(tmp_path)
    suite.obtains(
        {
            "claim_fails": scenario(adamw_height=exact(2.0)) | {"blockers": BLOCKED},
            "not_finite": scenario(adamw_height=exact(math.nan)),
            "no_spread": scenario(control_loss={"kind": "ensemble", "samples": [0.5] * 8, "alpha": 1e-4}),
            "empty": scenario(),
        }
    )
    done = suite.run(flag)
    assert done.returncode == 1
    for line in (
        "golden claim_fails: not recorded: claim decay_superposes fails: 0.3 > 1e-12",
        "golden not_finite: not recorded: adamw.height: not finite",
        "golden no_spread: not recorded: control.loss: zero variance",
        "golden empty: not recorded: there is no number to record",
    ):
        assert line in done.stdout
    assert suite.files() == {}


def test_a_blocked_golden_is_not_updated(tmp_path: Path, options: tuple[str, ...]) -> None:
    """The recorded file is unchanged, and the message shows the reason and the difference."""
    suite = recorded(tmp_path, *options)
    before = suite.files()
    obtained = numbers()
    obtained["ball"]["blockers"] = ["claim decay_superposes fails"]
    obtained["ball"]["entries"]["adamw.height"]["value"] = 7.0
    obtained["net"]["entries"]["control.loss"]["samples"] = [math.inf, *SAMPLES[1:]]
    suite.obtains(obtained)
    done = suite.run("--snapshot-update")
    assert done.returncode == 1
    assert "golden ball: not recorded: claim decay_superposes fails" in done.stdout
    assert "adamw.height +5 (tolerance 2e-09)" in done.stdout
    assert "golden net: not recorded: control.loss: not finite" in done.stdout
    assert suite.files() == before


def test_a_measure_that_is_missing_blocks_recording(tmp_path: Path) -> None:
    """A golden cannot lose a number through a recording. A person may delete its line from the file."""
    suite = recorded(tmp_path)
    before = suite.files()
    obtained = numbers()
    del obtained["ball"]["entries"]["sgd.height"]
    obtained["ball"]["entries"]["adamw.height"]["value"] = 7.0
    del obtained["net"]["entries"]["control.norm"]
    suite.obtains(obtained)
    assert "golden net: control.norm is in the golden and was not obtained" in suite.run().stdout
    done = suite.run("--snapshot-update")
    assert "golden ball: not recorded: sgd.height: is in the golden and was not obtained (if it is meant" in done.stdout
    assert "golden net: not recorded: control.norm: is in the golden and was not obtained" in done.stdout
    assert "2 failed" in done.stdout
    assert suite.files() == before

    text = suite.golden("ball").read_text().splitlines(keepends=True)
    shortened = "".join(line for line in text if '"sgd.height"' not in line)
    suite.golden("ball").write_text(shortened.replace("},\n }\n}", "}\n }\n}"))
    suite.update("-k", "ball")
    assert suite.run("-k", "ball").returncode == 0


def test_a_number_that_is_not_finite_fails_against_its_golden(tmp_path: Path) -> None:
    """NaN agrees with no golden, not even with one into which a person has written NaN: that file cannot be read."""
    suite = recorded(tmp_path)
    obtained = numbers()
    obtained["ball"]["entries"]["adamw.height"]["value"] = math.nan
    suite.obtains(obtained)
    assert "golden ball: adamw.height not finite" in suite.run("-k", "ball").stdout
    suite.edit("ball", "2.0,", "NaN,")
    done = suite.run("-k", "ball", "--snapshot-update")
    assert done.returncode == 1
    assert "NaN" in suite.golden("ball").read_text()
    suite.obtains(numbers())
    assert "golden ball: cannot be read: NaN is never a recorded value" in suite.run("-k", "ball").stdout


def test_an_unreadable_golden_is_never_overwritten(tmp_path: Path) -> None:
    """A person must resolve the merge conflict in it; a recording does not replace the file."""
    suite = recorded(tmp_path)
    conflict = "<<<<<<< ours\n" + suite.golden("ball").read_text()
    suite.golden("ball").write_text(conflict)
    for flags in ((), ("--snapshot-update",)):
        done = suite.run("-k", "ball", *flags)
        assert done.returncode == 1
        assert "golden ball: cannot be read: not JSON" in done.stdout
        assert suite.golden("ball").read_text() == conflict
