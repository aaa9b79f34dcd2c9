"""Tests of the state folder: git ignores it, it is never a folder with other files, and a run leaves nothing in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from decaygate.launcher.exit_codes import Mistake
from decaygate.launcher.state import prepare, session_folder


@pytest.mark.parametrize("name", [".decaygate", "new", "deep/er"])
def test_git_ignores_the_folder_by_itself(tmp_path: Path, name: str) -> None:
    """A second run accepts the folder of the first."""
    prepare(tmp_path / name)
    (tmp_path / name / "cache").mkdir()
    prepare(tmp_path / name)

    assert (tmp_path / name / ".gitignore").read_text(encoding="utf-8") == "*\n"


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    """Its files would be hidden from git. The usual name may hold chunks of a calibration that the Makefile started."""
    for name in (".decaygate", "work"):
        (tmp_path / name / "calibration").mkdir(parents=True)

    prepare(tmp_path / ".decaygate")
    with pytest.raises(Mistake, match="work: the folder holds other files; name a new or an empty one"):
        prepare(tmp_path / "work")

    assert not (tmp_path / "work" / ".gitignore").exists()


def test_a_gitignore_of_the_user_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.pyc\n", encoding="utf-8")

    with pytest.raises(Mistake, match=r"the folder has a \.gitignore of its own"):
        prepare(tmp_path)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """Here a file is in its place. The message names the option."""
    (tmp_path / "file").write_text("", encoding="utf-8")

    with pytest.raises(Mistake, match=r"cannot be written \(.+\); name another one: --state DIR"):
        prepare(tmp_path / "file")


def test_the_folder_of_a_session_is_deleted(tmp_path: Path) -> None:
    with session_folder(tmp_path) as folder:
        (folder / "chunks").mkdir()
        (folder / "chunks" / "one").write_text("", encoding="utf-8")
        assert folder.parent == tmp_path

    assert list(tmp_path.iterdir()) == []
