"""Tests of a golden's life cycle: recorded once, compared in every run, changed only on request and line by line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.selftest.suite.small_suite import SAMPLES, changed_lines, make_suite, numbers, recorded, scenario


def test_the_life_of_a_golden(tmp_path: Path, options: tuple[str, ...]) -> None:
    """The golden is missing, recorded, moved and updated.

    A missing golden is red, and the message has the commands that record it. A recorded one is green. A moved number is red and
    changes no file. An update changes the line of that number.
    """
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

    obtained = numbers()
    obtained["ball"]["entries"]["adamw.speed"]["value"] = -0.2500001
    obtained["net"]["entries"]["control.loss"]["samples"] = [x + 0.5 for x in SAMPLES]
    suite.obtains(obtained)
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
    """Return the lines of the message of a red golden, with single spaces."""
    lines = [" ".join(line.split()) for line in stdout.splitlines()]
    first = next(index for index, line in enumerate(lines) if line.startswith(f"golden {name}: "))
    last = next(index for index in range(first, len(lines)) if lines[index].startswith("golden file: "))
    return lines[first : last + 1]


def test_a_number_within_tolerance_is_never_rewritten(tmp_path: Path, options: tuple[str, ...]) -> None:
    """It keeps its digits in an update in which nothing moved, and in one in which another number of the file moved."""
    suite = recorded(tmp_path, *options)
    before = suite.files()
    obtained = numbers()
    obtained["ball"]["entries"]["sgd.height"]["value"] *= 1 + 5e-10
    obtained["net"]["entries"]["control.loss"]["samples"] = [x + 0.01 for x in SAMPLES]
    obtained["net"]["entries"]["control.norm"]["samples"] = [x + 0.01 for x in SAMPLES]
    suite.obtains(obtained)
    suite.update()
    assert suite.files() == before

    obtained["ball"]["entries"]["adamw.height"]["value"] = 2.5
    obtained["net"]["entries"]["undecayed.loss"]["samples"] = [2 * x + 1 for x in SAMPLES]
    suite.obtains(obtained)
    suite.update()
    after = suite.files()
    for file, name in (("ball", "adamw.height"), ("net", "undecayed.loss")):
        (line,) = changed_lines(before[f"default/test_claims/{file}.json"], after[f"default/test_claims/{file}.json"])
        assert line.startswith(f'  "{name}"')


def test_a_changed_tolerance_fails_until_it_is_updated(tmp_path: Path) -> None:
    """A looser and a tighter tolerance both count as a difference. The update keeps the digits of the recorded number."""
    suite = recorded(tmp_path)
    before = suite.files()
    obtained = numbers()
    obtained["ball"]["entries"]["adamw.height"] |= {"rtol": 1e-6, "value": 2.0 * (1 + 1e-10)}
    obtained["ball"]["entries"]["adamw.speed"]["rtol"] = 1e-12
    obtained["ball"]["entries"]["sgd.height"]["atol"] = 1e-6
    obtained["net"]["entries"]["control.loss"]["alpha"] = 1e-3
    obtained["net"]["entries"]["undecayed.loss"]["alpha"] = 1e-6
    suite.obtains(obtained)
    done = suite.run()
    assert done.returncode == 1
    for line in (
        "adamw.height tolerance changed: rtol 1e-09 -> 1e-06",
        "adamw.speed tolerance changed: rtol 1e-09 -> 1e-12",
        "sgd.height tolerance changed: atol 0.0 -> 1e-06",
        "control.loss tolerance changed: alpha 0.0001 -> 0.001",
        "undecayed.loss tolerance changed: alpha 0.0001 -> 1e-06",
    ):
        assert line in done.stdout
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
    """An exact number's tolerance must be that of the scenario. An ensemble's must follow from its recorded spread."""
    suite = recorded(tmp_path)
    suite.edit("ball", '"adamw.height": {"value": 2.0, "rtol": 1e-09', '"adamw.height": {"value": 2.0, "rtol": 0.001')
    golden = json.loads(suite.golden("net").read_text())
    golden["entries"]["control.loss"]["tolerance"] *= 10
    suite.golden("net").write_text(json.dumps(golden))
    done = suite.run()
    assert "golden ball: adamw.height tolerance changed: rtol 0.001 -> 1e-09" in done.stdout
    assert "golden net: control.loss tolerance changed: the recorded tolerance is not the one that its" in done.stdout
    assert "2 failed" in done.stdout


def test_a_new_measure_fails_until_it_is_recorded(tmp_path: Path) -> None:
    """A comparison covers the names of the golden and those of the run."""
    suite = recorded(tmp_path)
    obtained = numbers()
    obtained["ball"]["entries"]["lion.height"] = dict(obtained["ball"]["entries"]["sgd.height"])
    suite.obtains(obtained)
    assert "golden ball: lion.height was obtained and is not in the golden" in suite.run().stdout
    suite.update()
    assert '"lion.height"' in suite.golden("ball").read_text()
    assert suite.run().returncode == 0


def test_update_new_only_records_missing_goldens_only(tmp_path: Path) -> None:
    """With `--snapshot-update-new-only`, a golden with a moved number is red and unchanged."""
    suite = recorded(tmp_path)
    before = suite.golden("ball").read_text()
    obtained = numbers()
    obtained["ball"]["entries"]["adamw.height"]["value"] = 9.0
    obtained["bell"] = scenario(**{"adamw_height": obtained["ball"]["entries"]["sgd.height"]})
    suite.obtains(obtained)
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
    def counted(*arguments, **options):
        calls.append(name)
        return real(*arguments, **options)
    setattr(store, name, counted)

count("parse")
count("compare")

def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"calls: {' '.join(sorted(calls))}")
"""


@pytest.mark.parametrize("flags", [(), ("--snapshot-update",)])
def test_a_golden_is_parsed_and_compared_once(tmp_path: Path, flags: tuple[str, ...]) -> None:
    """syrupy gets the result of that comparison, for an unchanged golden and for a moved one."""
    suite = recorded(tmp_path)
    with (suite.folder / "conftest.py").open("a") as file:
        file.write(COUNTING)
    obtained = numbers()
    for value in (2.0, 3.0):
        obtained["ball"]["entries"]["adamw.height"]["value"] = value
        suite.obtains(obtained)
        assert "calls: compare parse\n" in suite.run("-k", "ball", *flags).stdout
