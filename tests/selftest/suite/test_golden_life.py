"""Does a golden (harness/goldens) live as it should: recorded once, compared always, changed on request and line by line?"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.selftest.suite.small_suite import SAMPLES, changed_lines, make_suite, numbers, recorded, scenario


def test_the_life_of_a_golden(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Missing fails and says how to record; recorded passes; drifted fails untouched; updated changes one line."""
    suite = make_suite(tmp_path, *options)
    missing = suite.run()
    assert missing.returncode == 1
    assert "golden ball: nothing is recorded in golden/default/test_claims/ball.json" in missing.stdout
    assert 'make record ARGS="-k ball"' in missing.stdout
    assert 'pytest "test_claims.py::test_golden[ball]" --snapshot-update' in missing.stdout
    assert suite.files() == {}

    suite.update()
    before = suite.files()
    assert set(before) == {"default/test_claims/ball.json", "default/test_claims/net.json"}
    assert suite.run().returncode == 0

    told = numbers()
    told["ball"]["entries"]["adamw.speed"]["value"] = -0.2500001
    told["net"]["entries"]["control.loss"]["samples"] = [x + 0.5 for x in SAMPLES]
    suite.obtains(told)
    drifted = suite.run()
    assert drifted.returncode == 1
    assert _table(drifted.stdout, "ball") == [
        "golden ball: adamw.speed -1e-07 (tolerance 2.5e-10)",
        "environment: the recorded one (torch 2.13.0, device cpu (x86_64)); recorded at commit abc",
        "measure golden obtained delta tolerance sigmas",
        "adamw.speed -0.25 -0.2500001 -1e-07 2.5e-10 -",
        "2 of 3 within tolerance",
        "golden file: golden/default/test_claims/ball.json",
    ]
    assert _table(drifted.stdout, "net")[3].split()[:4] == ["control.loss", "1.00125", "1.50125", "+0.5"]
    assert re.fullmatch(r"0\.\d+ \+\d+\.\d", " ".join(_table(drifted.stdout, "net")[3].split()[4:]))
    assert "FAILED test_claims.py::test_golden[ball] - Failed: golden ball: adamw.speed -1e-07 (tolerance" in drifted.stdout
    assert suite.files() == before

    suite.update()
    for name, measure in (("ball", "adamw.speed"), ("net", "control.loss")):
        file = f"default/test_claims/{name}.json"
        (line,) = changed_lines(before[file], suite.files()[file])
        assert line.startswith(f'  "{measure}": ')
    assert suite.run().returncode == 0


def _table(stdout: str, name: str) -> list[str]:
    """Return what a red golden says, line by line, without the columns' spaces."""
    lines = [" ".join(line.split()) for line in stdout.splitlines()]
    first = next(index for index, line in enumerate(lines) if line.startswith(f"golden {name}: "))
    last = next(index for index in range(first, len(lines)) if lines[index].startswith("golden file: "))
    return lines[first : last + 1]


def test_a_number_within_tolerance_is_never_rewritten(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Neither by an update of its own, nor beside a number of the same file that has moved."""
    suite = recorded(tmp_path, *options)
    before = suite.files()
    told = numbers()
    told["ball"]["entries"]["sgd.height"]["value"] *= 1 + 5e-10
    told["net"]["entries"]["control.loss"]["samples"] = [x + 0.01 for x in SAMPLES]
    told["net"]["entries"]["control.norm"]["samples"] = [x + 0.01 for x in SAMPLES]
    suite.obtains(told)
    suite.update()
    assert suite.files() == before

    told["ball"]["entries"]["adamw.height"]["value"] = 2.5
    told["net"]["entries"]["undecayed.loss"]["samples"] = [2 * x + 1 for x in SAMPLES]
    suite.obtains(told)
    suite.update()
    after = suite.files()
    for file, name in (("ball", "adamw.height"), ("net", "undecayed.loss")):
        (line,) = changed_lines(before[f"default/test_claims/{file}.json"], after[f"default/test_claims/{file}.json"])
        assert line.startswith(f'  "{name}"')


def test_a_changed_tolerance_fails_until_updated_and_keeps_the_recorded_number(tmp_path: Path) -> None:
    """Loosened or tightened in the scenario, it is a difference in the golden; the number's digits stay."""
    suite = recorded(tmp_path)
    before = suite.files()
    told = numbers()
    told["ball"]["entries"]["adamw.height"] |= {"rtol": 1e-6, "value": 2.0 * (1 + 1e-10)}
    told["ball"]["entries"]["adamw.speed"]["rtol"] = 1e-12
    told["ball"]["entries"]["sgd.height"]["atol"] = 1e-6
    told["net"]["entries"]["control.loss"]["alpha"] = 1e-3
    told["net"]["entries"]["undecayed.loss"]["alpha"] = 1e-6
    suite.obtains(told)
    done = suite.run()
    assert done.returncode == 1
    for said in (
        "adamw.height tolerance changed: rtol 1e-09 -> 1e-06",
        "adamw.speed tolerance changed: rtol 1e-09 -> 1e-12",
        "sgd.height tolerance changed: atol 0.0 -> 1e-06",
        "control.loss tolerance changed: alpha 0.0001 -> 0.001",
        "undecayed.loss tolerance changed: alpha 0.0001 -> 1e-06",
    ):
        assert said in done.stdout
    assert suite.files() == before

    suite.update()
    after = suite.files()
    height, speed, other = changed_lines(before["default/test_claims/ball.json"], after["default/test_claims/ball.json"])
    assert [json.loads("{" + line.rstrip(",") + "}") for line in (height, speed, other)] == [
        {"adamw.height": {"value": 2.0, "rtol": 1e-6, "atol": 0.0, "signal": 1e6}},
        {"adamw.speed": {"value": -0.25, "rtol": 1e-12, "atol": 0.0, "signal": 1e6}},
        {"sgd.height": {"value": 3.0, "rtol": 1e-9, "atol": 1e-6, "signal": 1e6}},
    ]
    assert len(changed_lines(before["default/test_claims/net.json"], after["default/test_claims/net.json"])) == 2
    assert suite.run().returncode == 0


def test_a_tolerance_edited_in_the_golden_fails(tmp_path: Path) -> None:
    """An exact one is not the scenario's any more, and an ensemble's follows from its recorded spread."""
    suite = recorded(tmp_path)
    suite.edit("ball", '"adamw.height": {"value": 2.0, "rtol": 1e-09', '"adamw.height": {"value": 2.0, "rtol": 0.001')
    golden = json.loads(suite.golden("net").read_text())
    golden["entries"]["control.loss"]["tolerance"] *= 10
    suite.golden("net").write_text(json.dumps(golden))
    done = suite.run()
    assert "golden ball: adamw.height tolerance changed: rtol 0.001 -> 1e-09" in done.stdout
    assert "golden net: control.loss tolerance changed: the recorded tolerance is not the one that its" in done.stdout
    assert "2 failed" in done.stdout


def test_measures_that_appear_fail_until_updated(tmp_path: Path) -> None:
    """The comparison is over the union of names."""
    suite = recorded(tmp_path)
    told = numbers()
    told["ball"]["entries"]["lion.height"] = dict(told["ball"]["entries"]["sgd.height"])
    suite.obtains(told)
    assert "golden ball: lion.height was obtained and is not in the golden" in suite.run().stdout
    suite.update()
    assert '"lion.height"' in suite.golden("ball").read_text()
    assert suite.run().returncode == 0


def test_new_only_records_what_is_missing_and_still_fails_on_drift(tmp_path: Path) -> None:
    """Adding a scenario does not bless what has moved elsewhere."""
    suite = recorded(tmp_path)
    before = suite.golden("ball").read_text()
    told = numbers()
    told["ball"]["entries"]["adamw.height"]["value"] = 9.0
    told["bell"] = scenario(**{"adamw_height": told["ball"]["entries"]["sgd.height"]})
    suite.obtains(told)
    done = suite.run("--snapshot-update-new-only")
    assert done.returncode == 1
    assert "golden ball: adamw.height +7" in done.stdout
    assert suite.golden("ball").read_text() == before
    assert suite.golden("bell").exists()


COUNTING = """
from harness.goldens import store

calls = []

def count(name):
    real = getattr(store, name)
    def counted(*given):
        calls.append(name)
        return real(*given)
    setattr(store, name, counted)

count("parse")
count("compare")

def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"calls: {' '.join(sorted(calls))}")
"""


@pytest.mark.parametrize("flags", [(), ("--snapshot-update",)])
def test_a_golden_is_parsed_and_compared_once(tmp_path: Path, flags: tuple[str, ...]) -> None:
    """syrupy is given what came of it, whether it agrees or has moved."""
    suite = recorded(tmp_path)
    with (suite.folder / "conftest.py").open("a") as file:
        file.write(COUNTING)
    told = numbers()
    for value in (2.0, 3.0):
        told["ball"]["entries"]["adamw.height"]["value"] = value
        suite.obtains(told)
        assert "calls: compare parse\n" in suite.run("-k", "ball", *flags).stdout
