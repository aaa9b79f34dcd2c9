"""Tests of a golden's owner: a copy of another scenario's, another optimizer's golden and a shared file are refused."""

from __future__ import annotations

import json
from pathlib import Path

from harness.goldens.file_format import parse
from tests.selftest.suite.small_suite import ORIGIN, changed_lines, make_suite, numbers, recorded


def test_a_copy_of_another_scenarios_golden_is_detected(tmp_path: Path) -> None:
    """It is detected although every number agrees. An update writes the scenario's own golden."""
    suite = make_suite(tmp_path)
    obtained = numbers()
    obtained["bell"] = obtained["ball"]
    suite.obtains(obtained)
    suite.update()
    original = suite.golden("bell").read_text()
    suite.golden("bell").write_text(suite.golden("ball").read_text())
    done = suite.run()
    assert done.returncode == 1
    assert "golden bell: its file is a copy of ball's" in done.stdout
    suite.update()
    assert suite.golden("bell").read_text() == original


def test_a_copy_with_an_edited_scenario_is_red_by_its_numbers(tmp_path: Path, options: tuple[str, ...]) -> None:
    """The scenario's name in the file is right, so every number is compared, and every number has moved."""
    suite = make_suite(tmp_path, *options)
    obtained = numbers()
    obtained["bell"] = numbers()["ball"]
    for entry in obtained["bell"]["entries"].values():
        entry["value"] *= 1.001
    suite.obtains(obtained)
    suite.update()
    suite.golden("bell").write_text(suite.golden("ball").read_text().replace('"ball"', '"bell"'))
    done = suite.run()
    assert done.returncode == 1
    assert "golden bell: adamw.height +0.002 (tolerance 2e-09); adamw.speed -0.00025" in done.stdout
    assert "0 of 3 within tolerance" in done.stdout


def test_another_optimizers_golden_is_detected(tmp_path: Path) -> None:
    """It is detected although its numbers agree, by its origin. An update writes the golden of this optimizer."""
    suite = recorded(tmp_path)
    before = suite.golden("ball").read_text()
    suite.edit("ball", "torch.optim:AdamW", "somebody.optim:AdamW")
    done = suite.run()
    assert done.returncode == 1
    assert "golden ball: its file holds numbers of somebody.optim:AdamW (role decoupled), not of torch.optim:AdamW" in done.stdout
    suite.update()
    assert suite.golden("ball").read_text() == before


def test_a_moved_number_comes_with_the_changes_of_environment(tmp_path: Path) -> None:
    """The line below the first lists them. An update renews the origin of a moved golden; one that agrees keeps every byte."""
    suite = recorded(tmp_path)
    before = suite.files()
    obtained = numbers()
    for result in obtained.values():
        result["origin"] |= {"torch": "2.14.0", "device": "NVIDIA H100", "commit": "def"}
    obtained["ball"]["entries"]["adamw.height"]["value"] = 2.5
    suite.obtains(obtained)
    lines = suite.run("-k", "ball").stdout.splitlines()
    (first,) = [number for number, line in enumerate(lines) if line.startswith("golden ball: ")]
    assert lines[first + 1] == ("environment: torch 2.13.0 -> 2.14.0, device cpu (x86_64) -> NVIDIA H100; recorded at commit abc")

    suite.update()
    after = suite.files()
    assert after["default/test_claims/net.json"] == before["default/test_claims/net.json"]
    assert changed_lines(before["default/test_claims/ball.json"], after["default/test_claims/ball.json"]) == [
        '  "commit": "def",',
        '  "torch": "2.14.0",',
        '  "device": "NVIDIA H100"',
        '  "adamw.height": {"value": 2.5, "rtol": 1e-09, "atol": 0.0, "signal": 1000000.0},',
    ]


def test_a_golden_without_origin_gets_one_when_recorded(tmp_path: Path) -> None:
    """Until then it is compared as usual. The recording keeps its numbers."""
    suite = recorded(tmp_path)
    before = suite.golden("ball").read_text()
    older = json.loads(before)
    del older["origin"]
    suite.golden("ball").write_text(json.dumps(older))
    assert suite.run().returncode == 0
    obtained = numbers()
    obtained["ball"]["entries"]["adamw.height"]["value"] *= 1 + 1e-10
    suite.obtains(obtained)
    suite.update()
    assert suite.golden("ball").read_text() == before
    assert parse(before).origin is not None
    assert dict(parse(before).origin.facts) == ORIGIN

    suite.golden("ball").write_text(json.dumps(older))
    obtained["ball"]["entries"]["adamw.height"]["value"] = 7.0
    suite.obtains(obtained)
    assert "environment: the golden does not say in which it was recorded" in suite.run().stdout


def test_a_golden_of_unknown_sensitivity_keeps_every_byte(tmp_path: Path) -> None:
    """Its signals are null in the file. An update in another environment does not change the file."""
    suite, obtained = make_suite(tmp_path), numbers()
    for entry in obtained["ball"]["entries"].values():
        entry["signal"] = None
    suite.obtains(obtained)
    suite.update("-k", "ball")
    before = suite.files()
    obtained["ball"]["origin"]["torch"] = "2.14.0"
    suite.obtains(obtained)
    suite.update("-k", "ball")
    assert suite.files() == before


ODD = """
import pytest
from harness.goldens.values import Exact
from harness.goldens.store import GoldenExtension, check
from harness.goldens.origin import Origin

def ask(snapshot, times=1):
    snapshot = snapshot.use_extension(GoldenExtension)
    for _ in range(times):
        check(snapshot, {"x": Exact(1.0, 0.0, 0.0)}, origin=Origin({}), blockers=[])

def test_golden(snapshot): ask(snapshot)

@pytest.mark.parametrize("scenario", ["ball"])
def test_other(scenario, snapshot): ask(snapshot)

class TestMore:
    @pytest.mark.parametrize("scenario", ["ball"])
    def test_golden(self, scenario, snapshot): ask(snapshot)
"""
ODD_IDS = """
import pytest
from test_odd import ask

@pytest.mark.parametrize("scenario", ["a/b", "ab"])
def test_golden(scenario, snapshot): ask(snapshot, times=2)
"""


def test_a_test_that_could_share_a_file_is_refused(tmp_path: Path) -> None:
    """Only test_golden[<snake_case>] outside a class may ask for a golden, and only once. No temporary file stays behind."""
    suite = make_suite(tmp_path)
    (suite.folder / "test_odd.py").write_text(ODD)
    (suite.folder / "test_odd_ids.py").write_text(ODD_IDS)
    done = suite.run("test_odd.py", "test_odd_ids.py", "--snapshot-update")
    assert "5 failed" in done.stdout
    for test in ("test_golden", "test_other[ball]", "TestMore::test_golden[ball]"):
        assert f"test_odd.py::{test} asks for a golden: expected one call in test_golden" in done.stdout
    assert "test_odd_ids.py::test_golden[a/b] asks for a golden: expected" in done.stdout
    assert "test_odd_ids.py::test_golden[ab] asks for a golden a second time: expected" in done.stdout
    assert set(suite.files()) == {"default/test_odd_ids/ab.json"}
