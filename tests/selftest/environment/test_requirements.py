"""Tests of the needed packages: presence and versions against the declared ranges."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from harness.environment.requirements import Requirement, how_to_install, requirements


@pytest.mark.parametrize(
    ("installed", "problem"),
    [
        ("2.9", ""),
        ("2.9.0", ""),
        ("2.13.0+cpu", ""),
        ("2.10.0rc1", ""),
        ("3", "outside of the range"),
        ("3.0.0a1", "outside of the range"),
        ("2.8.9", "outside of the range"),
        ("0", "outside of the range"),
        ("", "missing"),
    ],
)
def test_a_version_is_compared_with_its_range(installed: str, problem: str) -> None:
    """2.13 is newer than 2.9."""
    assert Requirement("torch", "2.9", "3", installed).problem == problem


def test_this_environment_meets_every_declared_range() -> None:
    found = {one.package: one for one in requirements()}

    assert {name: one.problem for name, one in found.items() if one.problem} == {}
    assert found["torch"].installed == metadata.version("torch")


def test_an_undeclared_kind_of_range_is_refused(tmp_path: Path) -> None:
    """A range that this module cannot read would be passed over."""
    project = tmp_path / "pyproject.toml"
    project.write_text('[project]\ndependencies = ["numpy~=2.0"]\n', encoding="utf-8")

    with pytest.raises(AssertionError, match=r"pyproject\.toml declares each package as"):
        requirements(project)


def test_for_torch_the_wheel_is_chosen_first() -> None:
    """A bare torch is a CUDA build of several gigabytes on Linux."""
    numpy, torch = Requirement("numpy", "2", "3", ""), Requirement("torch", "2.9", "3", "")

    assert how_to_install([numpy]).endswith("-m pip install 'numpy>=2,<3'")
    assert how_to_install([numpy, torch]).endswith("--index-url https://download.pytorch.org/whl/cpu")
