"""Origin of recorded numbers: the optimizers, versions, device and commit in the head of a golden file.

An origin never names a person, a machine or a folder, because goldens are public.
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
ENVIRONMENT = ("decaygate", "python", "torch", "numpy", "device", "instructions")  # the numbers may depend on these
KNOWN = ("seeds", "n", "commit", *ENVIRONMENT)
ROLE, PACKAGE = "subject.", "package."  # followed by a role: its import path, and its distribution
PATIENCE = 5.0  # seconds for git, which answers in hundredths


@dataclass(frozen=True)
class Origin:
    """Facts by key, in the order in which they are written: KNOWN, and `subject.<role>`, `package.<role>`."""

    facts: Mapping[str, str]

    @property
    def subjects(self) -> dict[str, str]:
        """The import path of the optimizer in each role of the scenario."""
        return {key.removeprefix(ROLE): path for key, path in self.facts.items() if key.startswith(ROLE)}


def origin_of(scenario: Scenario, subjects: Subjects, device: str) -> Origin:
    """Return the origin of the numbers of a scenario in this run. `device` is the device on which studies train.

    A subject whose contract promises the numbers of another optimizer (`equivalent_to`) is compared with the goldens of that one.
    """
    roles: list[str] = sorted({arm.role for arm in scenario.arms.values()} - {FIXED})
    paths = {role: (subjects.is_under_test(role) and subjects.equivalent_to) or subjects.path(role) for role in roles}
    seeds = seeds_of(scenario.seeds) if scenario.kind == "study" else {}
    return origin_of_subjects(paths, device if scenario.kind == "study" else "cpu", seeds)


def origin_of_subjects(paths: Mapping[str, str], device: str, seeds: Mapping[str, str] | None = None) -> Origin:
    """Return the origin of numbers that the optimizers at `paths`, by role, give on a device; of a study with its seeds."""
    facts = {f"{ROLE}{role}": path for role, path in paths.items()}
    facts |= {f"{PACKAGE}{role}": package for role, path in paths.items() if (package := package_of(path))}
    return Origin(facts | dict(seeds or {}) | {"commit": commit_of(ROOT)} | _environment(device))


def seeds_of(seeds: Sequence[int]) -> dict[str, str]:
    """Return the seeds of a study and their number, as facts of an origin."""
    ordered = sorted(seeds)
    consecutive = ordered == list(range(ordered[0], ordered[-1] + 1))
    text = f"{ordered[0]}..{ordered[-1]}" if consecutive else ", ".join(map(str, ordered))
    return {"seeds": text, "n": str(len(ordered))}


def other_subjects(obtained: Origin | None, recorded: Origin | None) -> str:
    """Return the names of the recorded optimizers, if another optimizer was recorded in a role, else an empty string.

    A role that only one of the two has makes no difference: the scenario has changed then, and its measures with it.
    """
    if obtained is None or recorded is None:
        return ""
    here, golden = obtained.subjects, recorded.subjects
    differing = [role for role in here if golden.get(role, here[role]) != here[role]]
    others = [f"{golden[role]} (role {role})" for role in differing]
    return f"{', '.join(others)}, not of {', '.join(dict.fromkeys(here[role] for role in differing))}" if others else ""


def changes(recorded: Origin | None, obtained: Origin | None) -> str:
    """Return one line with the differences between the recorded environment and this one, for a reviewer of moved numbers."""
    if recorded is None or obtained is None:
        return "environment: the golden does not say in which it was recorded (recording adds it)"
    old, new = recorded.facts, obtained.facts
    keys = [*ENVIRONMENT, *sorted(key for key in {*old, *new} if key.startswith(PACKAGE))]
    moved = [key for key in keys if old.get(key) != new.get(key)]
    differences = [f"{key} {old.get(key, UNKNOWN)} -> {new.get(key, UNKNOWN)}" for key in moved]
    if differences:
        return f"environment: {', '.join(differences)}; recorded at commit {old.get('commit', UNKNOWN)}"
    same = ", ".join(f"{key} {new[key]}" for key in keys if key in new)
    return f"environment: the recorded one ({same}); recorded at commit {old.get('commit', UNKNOWN)}"


def origin_problem(facts: Any) -> str:
    """Return the reason why a node of a golden file is not an origin, or an empty string."""
    if not isinstance(facts, dict):
        return f"origin: expected an object, got {facts!r}"
    for key, text in facts.items():
        if key not in KNOWN and not key.startswith((ROLE, PACKAGE)):
            return f"origin: unknown key {key!r} (known: {', '.join(KNOWN)}, {ROLE}<role>, {PACKAGE}<role>)"
        if not isinstance(text, str) or not text:
            return f"origin.{key}: expected a text, got {text!r}"
    return ""


@cache
def commit_of(folder: Path) -> str:
    """Return the commit of the git clone at `folder`, followed by `+changes` if files other than goldens differ from it.

    Return `unknown` outside a clone, and for a folder inside another repository, which has no commit of its own.
    """
    try:
        top = _git(folder, "rev-parse", "--show-toplevel")
        if Path(top).resolve() != folder.resolve():
            return UNKNOWN
        commit = _git(folder, "rev-parse", "--short=12", "HEAD")
        # Goldens do not count: recording one of them would put `+changes` into the next one.
        return f"{commit}+changes" if _git(folder, "status", "--porcelain", "--", ".", ":(exclude)golden") else commit
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return UNKNOWN


def _git(folder: Path, *arguments: str) -> str:
    """Return the output of a git command. Raises SubprocessError or OSError if it fails.

    Its file system monitor is switched off, because it may be a program of the user. The variables GIT_* are removed: inside a
    commit hook, GIT_DIR names the user's repository.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    command = ["git", "-C", str(folder), "-c", "core.fsmonitor=false", *arguments]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, timeout=PATIENCE, stdin=subprocess.DEVNULL
    )
    return done.stdout.strip()


@cache
def package_of(path: str) -> str:
    """Return name and version of the distribution that installed the module of an import path, or an empty string.

    Empty for torch too, whose version is a fact of its own.
    """
    module = path.partition(":")[0].partition(".")[0]
    file = str(getattr(sys.modules.get(module), "__file__", None) or "")
    for name in metadata.packages_distributions().get(module, ()) if file and module != "torch" else ():
        distribution = metadata.distribution(name)
        # A folder of the same name may come first on the import path. It is not the installed one.
        if Path(file).resolve().is_relative_to(_home(distribution).resolve()):
            return f"{name} {distribution.version}"
    return ""


def _home(distribution: metadata.Distribution) -> Path:
    """Return the folder of a distribution's modules: for an editable install the folder of its project."""
    source = json.loads(distribution.read_text("direct_url.json") or "{}")
    if source.get("dir_info", {}).get("editable"):
        return Path(url2pathname(urlparse(source["url"]).path))
    return Path(str(distribution.locate_file("")))


@cache
def _environment(device: str) -> dict[str, str]:
    facts = {"decaygate": _version(), **determinism.describe(device), "numpy": metadata.version("numpy")}
    return {key: facts[key] for key in ENVIRONMENT}


def _version() -> str:
    with (ROOT / "pyproject.toml").open("rb") as file:
        project: dict[str, Any] = tomllib.load(file)["project"]
    return str(project["version"])
