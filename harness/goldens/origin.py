"""Whose numbers are these, and where were they made? The head of a golden file, and what has changed since.

It names optimizers, versions, the kind of device and the suite's commit, and never a person, a machine or a folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from harness.environment import determinism
from harness.environment.paths import ROOT
from harness.spec.scenario import FIXED, Scenario
from harness.subject.roles import Subjects

UNKNOWN = "unknown"
ENVIRONMENT = ("decaygate", "python", "torch", "numpy", "device", "instructions")  # what numbers may depend on
KNOWN = ("seeds", "n", "commit", *ENVIRONMENT)
ROLE, PACKAGE = "subject.", "package."  # + a role: its import path, and the distribution that it came from
PATIENCE = 5.0  # seconds for git, which answers in hundredths


@dataclass(frozen=True)
class Origin:
    """Facts by key, in the order in which they are written: KNOWN, and `subject.<role>`, `package.<role>`."""

    facts: Mapping[str, str]

    @property
    def subjects(self) -> dict[str, str]:
        """Who took which role of the scenario."""
        return {key.removeprefix(ROLE): said for key, said in self.facts.items() if key.startswith(ROLE)}


def origin_of(scenario: Scenario, subjects: Subjects, device: str) -> Origin:
    """Return the origin of the numbers that this run obtains of a scenario; `device` is the one that studies train on.

    A subject that promises another's numbers (equivalent_to) is held to goldens of that other one.
    """
    roles = sorted({arm.role for arm in scenario.arms.values()} - {FIXED})
    paths = {role: (subjects.tests(role) and subjects.reference) or subjects.path(role) for role in roles}
    facts = {f"{ROLE}{role}": path for role, path in paths.items()}
    facts |= {f"{PACKAGE}{role}": package for role, path in paths.items() if (package := package_of(path))}
    facts |= seeds_of(scenario.seeds) if scenario.kind == "study" else {}
    return Origin(facts | {"commit": commit_of(ROOT)} | _environment(device if scenario.kind == "study" else "cpu"))


def seeds_of(seeds: Sequence[int]) -> dict[str, str]:
    """Return which seeds a study ran and how many, as facts of an origin."""
    ordered = sorted(seeds)
    unbroken = ordered == list(range(ordered[0], ordered[-1] + 1))
    said = f"{ordered[0]}..{ordered[-1]}" if unbroken else ", ".join(map(str, ordered))
    return {"seeds": said, "n": str(len(ordered))}


def other_subjects(obtained: Origin | None, recorded: Origin | None) -> str:
    """Return whose numbers were recorded where they are of another optimizer in the same role, else nothing."""
    if obtained is None or recorded is None:
        return ""
    own, theirs = obtained.subjects, recorded.subjects
    differing = [role for role in own if theirs.get(role, own[role]) != own[role]]
    said = [f"{theirs[role]} (role {role})" for role in differing]
    return f"{', '.join(said)}, not of {', '.join(dict.fromkeys(own[role] for role in differing))}" if said else ""


def changes(recorded: Origin | None, obtained: Origin | None) -> str:
    """Return in one line how the environment differs from the recorded one: what a reviewer of moved numbers asks first."""
    if recorded is None or obtained is None:
        return "environment: the golden does not say in which it was recorded (recording adds it)"
    old, new = recorded.facts, obtained.facts
    keys = [*ENVIRONMENT, *sorted(key for key in {*old, *new} if key.startswith(PACKAGE))]
    moved = [key for key in keys if old.get(key) != new.get(key)]
    said = [f"{key} {old.get(key, UNKNOWN)} -> {new.get(key, UNKNOWN)}" for key in moved]
    if said:
        return f"environment: {', '.join(said)}; recorded at commit {old.get('commit', UNKNOWN)}"
    same = ", ".join(f"{key} {new[key]}" for key in keys if key in new)
    return f"environment: the recorded one ({same}); recorded at commit {old.get('commit', UNKNOWN)}"


def origin_problem(facts: Any) -> str:
    """Return why a node of a golden file is no origin, or nothing."""
    if not isinstance(facts, dict):
        return f"origin: expected an object, got {facts!r}"
    for key, said in facts.items():
        if key not in KNOWN and not key.startswith((ROLE, PACKAGE)):
            return f"origin: unknown key {key!r} (known: {', '.join(KNOWN)}, {ROLE}<role>, {PACKAGE}<role>)"
        if not isinstance(said, str) or not said:
            return f"origin.{key}: expected a text, got {said!r}"
    return ""


@cache
def commit_of(folder: Path) -> str:
    """Return the commit of a clone at `folder`, `+changes` when files other than goldens differ from it; else `unknown`.

    A folder inside somebody else's repository is not at a commit of its own.
    """
    try:
        top = _git(folder, "rev-parse", "--show-toplevel")
        if Path(top).resolve() != folder.resolve():
            return UNKNOWN
        commit = _git(folder, "rev-parse", "--short=12", "HEAD")
        # Recording changes goldens, so they would mark each other.
        return f"{commit}+changes" if _git(folder, "status", "--porcelain", "--", ".", ":(exclude)golden") else commit
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return UNKNOWN


def _git(folder: Path, *arguments: str) -> str:
    """Return what git says; of its own configuration nothing runs, and a hook's GIT_DIR is not ours."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    command = ["git", "-C", str(folder), "-c", "core.fsmonitor=false", *arguments]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, timeout=PATIENCE, stdin=subprocess.DEVNULL
    )
    return done.stdout.strip()


@cache
def package_of(path: str) -> str:
    """Return the name and version of the distribution that an import path's module came from, or nothing; torch is said apart."""
    module = path.partition(":")[0].partition(".")[0]
    file = str(getattr(sys.modules.get(module), "__file__", None) or "")
    for name in metadata.packages_distributions().get(module, ()) if file and module != "torch" else ():
        distribution = metadata.distribution(name)
        # A folder of this name may come first on the import path; it is not the one that was installed.
        if Path(file).resolve().is_relative_to(_home(distribution).resolve()):
            return f"{name} {distribution.version}"
    return ""


def _home(distribution: metadata.Distribution) -> Path:
    """Return the folder that a distribution's modules lie in: its own project's where it is installed as editable."""
    said = json.loads(distribution.read_text("direct_url.json") or "{}")
    if said.get("dir_info", {}).get("editable"):
        return Path(url2pathname(urlparse(said["url"]).path))
    return Path(str(distribution.locate_file("")))


@cache
def _environment(device: str) -> dict[str, str]:
    facts = {"decaygate": _version(), **determinism.describe(device), "numpy": metadata.version("numpy")}
    return {key: facts[key] for key in ENVIRONMENT}


def _version() -> str:
    with (ROOT / "pyproject.toml").open("rb") as file:
        project: dict[str, Any] = tomllib.load(file)["project"]
    return str(project["version"])
