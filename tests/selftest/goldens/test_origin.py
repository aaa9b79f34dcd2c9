"""Does an origin say whose numbers they are and where they were made, quickly, in public words, and what has changed since?"""

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
    """Return a shipped scenario of this kind whose arms have these roles, beside fixed ones."""
    for loaded in load().values():
        if loaded.scenario.kind == kind and {arm.role for arm in loaded.scenario.arms.values()} - {"fixed"} == set(roles):
            return loaded.scenario
    raise AssertionError(f"no {kind} with the roles {roles}")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """What is remembered of this process is forgotten around each test."""
    yield
    commit_of.cache_clear()
    package_of.cache_clear()


def git(folder: Path, *arguments: str) -> None:
    """Run git in `folder` as somebody."""
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with one commit."""
    git(tmp_path, "init", "-q")
    (tmp_path / "code.py").write_text("x = 1\n")
    (tmp_path / "golden").mkdir()
    (tmp_path / "golden" / "a.json").write_text("1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


# --- whose, and where -----------------------------------------------------------------------------------------------


def test_an_origin_names_who_took_the_roles_of_the_scenario() -> None:
    """And of no others; a fixed arm is the suite's own, and numbers are nobody's."""
    assert origin_of(scenario("probe", "decoupled"), SHIPPED, "cpu").subjects == {"decoupled": "torch.optim:AdamW"}
    assert origin_of(scenario("probe", "coupled", "decoupled", "sgd"), MINE, "cpu").subjects == {
        "coupled": "torch.optim:Adam",
        "decoupled": "mine.optim:AdamW",
        "sgd": "torch.optim:SGD",
    }
    assert origin_of(scenario("arithmetic"), SHIPPED, "cpu").subjects == {}
    assert origin_of(scenario("probe", "any"), MINE, "cpu").subjects == {"any": "mine.optim:AdamW"}


def test_a_subject_that_promises_anothers_numbers_is_held_to_goldens_of_that_other() -> None:
    """equivalent_to names it."""
    same = replace(MINE, declared={**PROMISES, "decoupled": {**PROMISES["decoupled"], "equivalent_to": "torch.optim:AdamW"}})

    assert origin_of(scenario("probe", "decoupled"), same, "cpu").subjects == {"decoupled": "torch.optim:AdamW"}


def test_an_origin_holds_versions_device_and_a_studys_seeds() -> None:
    """A probe computes on the CPU and has no seeds."""
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
    said = " ".join(origin_of(load()["verb_forms"].scenario, SHIPPED, "cpu").facts.values())

    assert platform.node() not in said
    assert getpass.getuser() not in said.split()
    assert str(Path.home()) not in said
    assert str(Path.cwd()) not in said


def test_seeds_are_a_range_where_they_are_one() -> None:
    """In order, and counted."""
    assert seeds_of((44, 42, 43)) == {"seeds": "42..44", "n": "3"}
    assert seeds_of((5, 1, 9)) == {"seeds": "1, 5, 9", "n": "3"}


# --- the commit -----------------------------------------------------------------------------------------------------


def test_the_commit_is_the_clones_and_says_whether_files_differ_from_it(clone: Path) -> None:
    """A file that git does not know counts; goldens do not, for recording changes them."""
    clean = commit_of(clone)
    assert len(clean) == 12
    (clone / "golden" / "a.json").write_text("2\n")
    (clone / "golden" / "b.json").write_text("3\n")
    commit_of.cache_clear()
    assert commit_of(clone) == clean

    (clone / "new.py").write_text("")
    commit_of.cache_clear()
    assert commit_of(clone) == f"{clean}+changes"


def test_without_a_clone_of_its_own_the_commit_is_unknown(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Outside git, in somebody else's repository, and before the first commit; never an exception."""
    (clone / "vendored").mkdir()
    empty = tmp_path_factory.mktemp("empty")

    assert commit_of(clone / "vendored") == "unknown"
    assert commit_of(empty) == "unknown"
    git(empty, "init", "-q")
    commit_of.cache_clear()
    assert commit_of(empty) == "unknown"


@pytest.mark.parametrize("fails", [FileNotFoundError("git"), subprocess.TimeoutExpired("git", 5)], ids=["absent", "slow"])
def test_git_that_is_absent_or_slow_makes_the_commit_unknown(clone: Path, fails: Exception) -> None:
    """The run goes on."""
    with pytest.MonkeyPatch.context() as patch:

        def broken(*_: object, **options: Any) -> None:
            assert options["timeout"] <= 5.0
            raise fails

        patch.setattr(subprocess, "run", broken)
        assert commit_of(clone) == "unknown"


def test_a_hooks_variables_do_not_name_another_repository(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside a commit hook GIT_DIR is set, to the user's project."""
    monkeypatch.setenv("GIT_DIR", "/nowhere")

    assert len(commit_of(clone)) == 12


# --- the subject's package ------------------------------------------------------------------------------------------


def test_a_subject_that_was_installed_says_its_version() -> None:
    """Not torch, which is said anyway, and nothing that lies in a folder."""
    assert package_of("pytest:Item") == f"pytest {metadata.version('pytest')}"
    assert package_of("torch.optim:AdamW") == ""
    assert package_of("harness.optimizers:SGDW") == ""
    assert package_of("never_imported:X") == ""


def test_a_folder_of_an_installed_name_is_not_taken_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes first on somebody's import path; an editable install lies elsewhere by right."""
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


# --- what has changed -----------------------------------------------------------------------------------------------


def test_numbers_of_another_optimizer_are_told_by_its_role() -> None:
    """A role that one of the two lacks says nothing: the scenario has changed, and its measures with it."""
    theirs = Origin({**HERE, "subject.decoupled": "mine:AdamW"})

    assert other_subjects(Origin(HERE), theirs) == "mine:AdamW (role decoupled), not of torch.optim:AdamW"
    assert other_subjects(Origin(HERE), Origin({**HERE, "subject.sgd": "mine:SGD"})) == ""
    assert other_subjects(Origin(HERE), None) == other_subjects(None, theirs) == ""


def test_the_environments_difference_is_one_line() -> None:
    """What moved, from what to what; the commit moves always and is no difference."""
    here = Origin({**HERE, "torch": "2.14.0", "commit": "def", "package.decoupled": "mine 2.0"})

    said = changes(Origin(HERE), here)

    assert said == "environment: torch 2.13.0 -> 2.14.0, package.decoupled unknown -> mine 2.0; recorded at commit abc"
    assert changes(Origin(HERE), Origin({**HERE, "commit": "def"})) == (
        "environment: the recorded one (torch 2.13.0, device cpu (x86_64)); recorded at commit abc"
    )
    assert "does not say" in changes(None, here)
    assert "\n" not in said


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (["torch"], "expected an object"),
        ({"host": "me"}, "unknown key 'host' (known: seeds"),
        ({"torch": 2}, "origin.torch: expected a text, got 2"),
        ({"torch": ""}, "origin.torch: expected a text"),
    ],
)
def test_what_is_no_origin_is_told(facts: object, why: str) -> None:
    """Whoever edits a golden by hand."""
    assert why in origin_problem(facts)


def test_the_version_is_the_projects() -> None:
    """Of the pyproject beside the harness."""
    assert f'version = "{origin._version()}"' in (origin.ROOT / "pyproject.toml").read_text(encoding="utf-8")
