"""Tests of the origin of recorded numbers: optimizers, versions, device and commit, without private facts, and its changes."""

from __future__ import annotations

import getpass
import importlib
import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from harness.catalog.load import load
from harness.goldens import origin
from harness.goldens.origin import (
    ENVIRONMENT,
    Origin,
    changes,
    commit_of,
    origin_of,
    origin_problem,
    other_subjects,
    package_of,
    seeds_of,
)
from harness.spec.contract import PROMISES
from harness.spec.scenario import Scenario
from harness.subject.roles import DEFAULTS, Subjects

SHIPPED = Subjects(dict(DEFAULTS))
MINE = Subjects({**DEFAULTS, "decoupled": "mine.optim:AdamW"}, ("decoupled",))
HERE = {"subject.decoupled": "torch.optim:AdamW", "commit": "abc", "torch": "2.13.0", "device": "cpu (x86_64)"}


def scenario(kind: str, *roles: str) -> Scenario:
    """Return a shipped scenario of this kind whose arms have exactly these roles, and perhaps fixed arms."""
    for loaded in load().values():
        if loaded.scenario.kind == kind and {arm.role for arm in loaded.scenario.arms.values()} - {"fixed"} == set(roles):
            return loaded.scenario
    raise AssertionError(f"no {kind} with the roles {roles}")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Clear the caches of the module after each test."""
    yield
    commit_of.cache_clear()
    package_of.cache_clear()


def git(folder: Path, *arguments: str) -> None:
    """Run git in `folder` with an invented user."""
    user = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *user, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return the folder of a git repository with one commit."""
    git(tmp_path, "init", "-q")
    (tmp_path / "code.py").write_text("x = 1\n")
    (tmp_path / "golden").mkdir()
    (tmp_path / "golden" / "a.json").write_text("1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


# --- optimizers and environment -------------------------------------------------------------------------------------


def test_an_origin_names_the_optimizer_of_each_role() -> None:
    """It names the roles of the scenario only. Fixed arms have no role, and a calculation has no optimizer."""
    assert origin_of(scenario("probe", "decoupled"), SHIPPED, "cpu").subjects == {"decoupled": "torch.optim:AdamW"}
    assert origin_of(scenario("probe", "coupled", "decoupled", "sgd"), MINE, "cpu").subjects == {
        "coupled": "torch.optim:Adam",
        "decoupled": "mine.optim:AdamW",
        "sgd": "torch.optim:SGD",
    }
    assert origin_of(scenario("arithmetic"), SHIPPED, "cpu").subjects == {}
    assert origin_of(scenario("probe", "any"), MINE, "cpu").subjects == {"any": "mine.optim:AdamW"}


def test_a_subject_equivalent_to_another_has_the_origin_of_it() -> None:
    """The field `equivalent_to` of its contract names the other optimizer, whose goldens it is compared with."""
    same = replace(MINE, declared={**PROMISES, "decoupled": {**PROMISES["decoupled"], "equivalent_to": "torch.optim:AdamW"}})

    assert origin_of(scenario("probe", "decoupled"), same, "cpu").subjects == {"decoupled": "torch.optim:AdamW"}


def test_an_origin_holds_versions_device_and_a_studys_seeds() -> None:
    """A probe runs on the CPU and has no seeds."""
    probe, study = (
        origin_of(scenario("probe", "decoupled"), SHIPPED, "cpu"),
        origin_of(load()["verb_forms"].scenario, SHIPPED, "cpu"),
    )

    assert set(ENVIRONMENT) | {"commit"} == set(probe.facts) - {"subject.decoupled"}
    assert all(probe.facts.values())
    assert probe.facts["torch"].split("+")[0] == metadata.version("torch").split("+")[0]
    assert (study.facts["seeds"], study.facts["n"]) == ("42..49", "8")
    assert origin_problem(dict(probe.facts)) == origin_problem(dict(study.facts)) == ""


def test_an_origin_names_no_person_no_machine_and_no_folder() -> None:
    """Goldens are public."""
    text = " ".join(origin_of(load()["verb_forms"].scenario, SHIPPED, "cpu").facts.values())

    assert platform.node() not in text
    assert getpass.getuser() not in text.split()
    assert str(Path.home()) not in text
    assert str(Path.cwd()) not in text


def test_consecutive_seeds_are_written_as_a_range() -> None:
    """The seeds are sorted, and their number is given."""
    assert seeds_of((44, 42, 43)) == {"seeds": "42..44", "n": "3"}
    assert seeds_of((5, 1, 9)) == {"seeds": "1, 5, 9", "n": "3"}


# --- the commit -----------------------------------------------------------------------------------------------------


def test_the_commit_is_marked_if_files_differ_from_it(clone: Path) -> None:
    """An untracked file counts. Goldens do not, because recording changes them."""
    clean = commit_of(clone)
    assert len(clean) == 12
    (clone / "golden" / "a.json").write_text("2\n")
    (clone / "golden" / "b.json").write_text("3\n")
    commit_of.cache_clear()
    assert commit_of(clone) == clean

    (clone / "new.py").write_text("")
    commit_of.cache_clear()
    assert commit_of(clone) == f"{clean}+changes"


def test_the_commit_is_unknown_outside_a_clone(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """It is unknown outside git, inside another repository, and before the first commit. No exception is raised."""
    (clone / "vendored").mkdir()
    empty = tmp_path_factory.mktemp("empty")

    assert commit_of(clone / "vendored") == "unknown"
    assert commit_of(empty) == "unknown"
    git(empty, "init", "-q")
    commit_of.cache_clear()
    assert commit_of(empty) == "unknown"


@pytest.mark.parametrize("fails", [FileNotFoundError("git"), subprocess.TimeoutExpired("git", 5)], ids=["absent", "slow"])
def test_git_that_is_absent_or_slow_makes_the_commit_unknown(clone: Path, fails: Exception) -> None:
    """No exception is raised, so the session continues."""
    with pytest.MonkeyPatch.context() as patch:

        def fail(*_: object, **options: Any) -> None:
            assert options["timeout"] <= 5.0
            raise fails

        patch.setattr(subprocess, "run", fail)
        assert commit_of(clone) == "unknown"


def test_git_variables_of_a_commit_hook_are_ignored(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside a commit hook, GIT_DIR is set to the repository of the user's project."""
    monkeypatch.setenv("GIT_DIR", "/nowhere")

    assert len(commit_of(clone)) == 12


# --- the subject's package ------------------------------------------------------------------------------------------


def test_an_installed_subject_has_a_package_and_version() -> None:
    """Torch has none here, because its version is a fact of its own. A module in a folder has none either."""
    assert package_of("pytest:Item") == f"pytest {metadata.version('pytest')}"
    assert package_of("torch.optim:AdamW") == ""
    assert package_of("harness.optimizers:SGDW") == ""
    assert package_of("never_imported:X") == ""


def test_a_module_with_the_name_of_a_package_is_not_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that comes first on the import path hides the installed one. An editable install lies outside site-packages."""
    info, project = tmp_path / "site" / "mine-2.0.dist-info", tmp_path / "my project"
    for folder in (info, project):
        folder.mkdir(parents=True)
    (info / "METADATA").write_text("Name: mine\nVersion: 2.0\n")
    (info / "top_level.txt").write_text("mine\n")
    (project / "mine.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.syspath_prepend(project)
    importlib.import_module("mine")
    assert package_of("mine:X") == ""

    (info / "direct_url.json").write_text(json.dumps({"url": project.as_uri(), "dir_info": {"editable": True}}))
    package_of.cache_clear()
    assert package_of("mine:X") == "mine 2.0"
    del sys.modules["mine"]


# --- changes of the origin ------------------------------------------------------------------------------------------


def test_another_optimizer_in_a_role_is_named() -> None:
    """A role that only one of the two origins has is no difference: the scenario has changed, and its measures with it."""
    other = Origin({**HERE, "subject.decoupled": "mine:AdamW"})

    assert other_subjects(Origin(HERE), other) == "mine:AdamW (role decoupled), not of torch.optim:AdamW"
    assert other_subjects(Origin(HERE), Origin({**HERE, "subject.sgd": "mine:SGD"})) == ""
    assert other_subjects(Origin(HERE), None) == other_subjects(None, other) == ""


def test_the_environments_difference_is_one_line() -> None:
    """It gives the old and the new value of each fact. The commit always differs, so it is not a difference."""
    here = Origin({**HERE, "torch": "2.14.0", "commit": "def", "package.decoupled": "mine 2.0"})

    text = changes(Origin(HERE), here)

    assert text == "environment: torch 2.13.0 -> 2.14.0, package.decoupled unknown -> mine 2.0; recorded at commit abc"
    assert changes(Origin(HERE), Origin({**HERE, "commit": "def"})) == (
        "environment: the recorded one (torch 2.13.0, device cpu (x86_64)); recorded at commit abc"
    )
    assert "does not say" in changes(None, here)
    assert "\n" not in text


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (["torch"], "expected an object"),
        ({"host": "me"}, "unknown key 'host' (known: seeds"),
        ({"torch": 2}, "origin.torch: expected a text, got 2"),
        ({"torch": ""}, "origin.torch: expected a text"),
    ],
)
def test_an_invalid_origin_is_refused_with_the_reason(facts: object, why: str) -> None:
    """A person who edits a golden by hand can write one."""
    assert why in origin_problem(facts)


def test_the_version_is_that_of_the_project() -> None:
    """It is read from pyproject.toml."""
    assert f'version = "{origin._version()}"' in (origin.ROOT / "pyproject.toml").read_text(encoding="utf-8")
