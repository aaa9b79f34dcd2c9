"""Tests of the life of a fingerprint's golden: not recorded, recorded, as recorded, changed, accepted; in separate processes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.selftest.suite.test_session import Ended, session

MINE = """
import torch

class Mine(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-3, weight_decay=0.0):
        super().__init__(params, dict(lr=lr, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self, closure=None):
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            for w in group["params"]:
                if w.grad is not None:
                    size = w.norm().clamp(max=10.0)
                    w.mul_(1 - group["lr"] * group["weight_decay"])
                    w.sub_(w.grad * size * (group["lr"] / (1e-6 + w.grad.norm())))
        return loss
"""
CONTRACT = "step_rule: other\n"
GOLDEN = "golden/mine.Mine/test_fingerprint/decoupled.json"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a project with an optimizer, its contract, and the golden of its fingerprint."""
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "mine.py").write_text(MINE, encoding="utf-8")
    (folder / "contract.yaml").write_text(CONTRACT, encoding="utf-8")
    ended = run(folder, "--snapshot-update")
    assert ended.code == 0, ended.output
    assert "goldens: 1 recorded" in ended.output
    return folder


@pytest.fixture
def home(recorded: Path, tmp_path: Path) -> Path:
    """A copy of the project for one test."""
    shutil.copytree(recorded, tmp_path, dirs_exist_ok=True)
    return tmp_path


def run(folder: Path, *options: str) -> Ended:
    """Run the test of the fingerprint from `folder`."""
    subject = ("--optimizer=mine:Mine", "--contract=contract.yaml", "--golden-dir=golden", "-k", "test_fingerprint")
    return session(folder, *subject, *options)


def change(folder: Path, old: str, new: str) -> None:
    """Change the optimizer of a project."""
    text = (folder / "mine.py").read_text(encoding="utf-8")
    assert old in text
    (folder / "mine.py").write_text(text.replace(old, new), encoding="utf-8")


def test_an_unchanged_optimizer_is_as_recorded(home: Path) -> None:
    before = (home / GOLDEN).read_bytes()
    ended = run(home)
    assert ended.code == 0, ended.output
    assert "goldens: 1 as recorded" in ended.output
    assert run(home, "--snapshot-update").code == 0
    assert (home / GOLDEN).read_bytes() == before


def test_a_changed_answer_is_red_until_it_is_recorded(home: Path) -> None:
    """The message names the question and both answers. Recording changes the answer's line and the origin only."""
    change(home, "weight_decay=0.0", "weight_decay=0.1")
    before = (home / GOLDEN).read_text(encoding="utf-8").splitlines()

    red = run(home)
    assert red.code == 1
    assert "fingerprint of mine:Mine: default_weight_decay was 0 and is now 0.1" in red.output
    (record,) = red.results["golden"]
    assert (record["scenario"], record["status"]) == ("fingerprint.decoupled", "failed")

    recorded = run(home, "--snapshot-update")
    assert recorded.code == 0, recorded.output
    after = (home / GOLDEN).read_text(encoding="utf-8").splitlines()
    assert [line.split('"')[1] for line in set(after) - set(before)] == ["default_weight_decay"]
    assert run(home).code == 0


def test_a_changed_rule_without_a_closed_form_is_red(home: Path) -> None:
    """All words stay the same; the numbers of the given steps do not."""
    change(home, "clamp(max=10.0)", "clamp(max=12.0)")
    red = run(home)
    assert red.code == 1
    assert "fingerprint of mine:Mine: 10 numbers of given steps moved, first large.decayed.step_01" in red.output


def test_a_folder_without_a_fingerprint_is_not_red(home: Path) -> None:
    """A folder of an older version has none: it is not recorded yet."""
    (home / GOLDEN).unlink()
    ended = run(home)
    assert ended.code == 0, ended.output
    assert "fingerprint of mine:Mine: not recorded yet; record it with: make record" in ended.output


def test_an_unmet_contract_is_not_recorded(home: Path) -> None:
    """A field that is not met is named, and the file stays as it is."""
    change(home, "weight_decay=0.0", "weight_decay=0.1")
    (home / "contract.yaml").write_text(f"{CONTRACT}default_weight_decay: 0\n", encoding="utf-8")
    before = (home / GOLDEN).read_bytes()
    red = run(home, "--snapshot-update")
    assert red.code == 1
    assert "not recorded: field default_weight_decay of the contract is not met" in red.output
    assert (home / GOLDEN).read_bytes() == before


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("{", "<<<<", "cannot be read: not JSON"),
        ("mine:Mine", "other:Other", "its file holds the answers of other:Other, not of mine:Mine"),
        ('"format": 2', '"format": 3', "recorded by a newer decaygate"),
    ],
)
def test_a_broken_file_is_red_and_never_overwritten(home: Path, old: str, new: str, why: str) -> None:
    text = (home / GOLDEN).read_text(encoding="utf-8").replace(old, new, 1)
    (home / GOLDEN).write_text(text, encoding="utf-8")
    for options in ((), ("--snapshot-update",)):
        red = run(home, *options)
        assert red.code == 1
        assert why in red.output
        assert (home / GOLDEN).read_text(encoding="utf-8") == text


def test_goldens_of_format_1_are_read_and_completed(tmp_path: Path) -> None:
    """A measure and a golden that a folder of format 1 lacks are not recorded yet. Recording adds both, and the format."""
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    (tmp_path / "contract.yaml").write_text(CONTRACT, encoding="utf-8")
    subject = ("--optimizer=mine:Mine", "--contract=contract.yaml", "--golden-dir=golden")
    selection = ("-k", "symmetry or sparse_gradient")
    folder = tmp_path / "golden" / "mine.Mine" / "test_claims"
    first = session(tmp_path, *subject, *selection, "--snapshot-update")
    assert first.code == 0, first.output
    full = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    name, lacking = sorted(full)[:2]
    old = json.loads(full[name])
    del old["format"]
    old["entries"].popitem()
    (folder / name).write_text(json.dumps(old), encoding="utf-8")
    (folder / lacking).unlink()

    ended = session(tmp_path, *subject, *selection)
    assert ended.code == 0, ended.output
    assert f"golden {Path(lacking).stem}: not recorded yet" in ended.output
    assert ended.results["golden_counts"]["failed"] == 0
    messages = {record["scenario"]: record["message"] for record in ended.results["golden"]}
    assert messages[Path(name).stem].endswith("as recorded, 1 not recorded yet")

    assert session(tmp_path, *subject, *selection, "--snapshot-update").code == 0
    assert {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} == full
