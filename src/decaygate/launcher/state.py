"""State folder: the only place in the user's folder where a run writes without being asked (pytest's cache, trained chunks)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from decaygate.launcher.exit_codes import Mistake

DEFAULT = ".decaygate"
IGNORE_ALL = "*\n"  # of its .gitignore: git ignores the folder without an entry in the user's own file


def prepare(folder: Path) -> None:
    """Make the state folder, with a .gitignore of its own. Raises Mistake if it cannot be used.

    A folder of another name that holds other files is refused, because the .gitignore would hide them from git.
    """
    ignore = folder / ".gitignore"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not ignore.exists():
            if folder.name != DEFAULT and any(folder.iterdir()):
                raise Mistake(f"--state {folder}: the folder holds other files; name a new or an empty one")
            ignore.write_text(IGNORE_ALL, encoding="utf-8")
        elif ignore.read_text(encoding="utf-8", errors="replace") != IGNORE_ALL:
            raise Mistake(f"--state {folder}: the folder has a .gitignore of its own; name a new or an empty one")
    except OSError as error:
        raise Mistake(f"the state folder {folder} cannot be written ({error.strerror}); name another one: --state DIR") from None


@contextmanager
def session_folder(state: Path) -> Iterator[Path]:
    """Make a folder for one run in the state folder, and delete it afterwards. Raises Mistake if it cannot be made."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="session-", dir=str(state)))
    except OSError as error:
        raise Mistake(f"the state folder {state} cannot be written ({error.strerror}); name another one: --state DIR") from None
    try:
        yield folder
    finally:
        shutil.rmtree(str(folder), ignore_errors=True)
