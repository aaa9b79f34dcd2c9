"""Is every claim and every golden that was ever recorded still there? Two lists, one id a line, that only grow by recording."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from harness import ledger
from harness.catalogue import ROOT, load

CLAIMS, GOLDENS = "claims.txt", "goldens.txt"  # in the suite's golden folder
_HOW = "'make record' adds a {}; one is withdrawn by deleting its line there, with a word in CHANGELOG.md"


def vanished(golden: Path = ROOT / "golden", *, whole: bool) -> list[str]:
    """Return what is on a list and no longer there, in lines to print; and what is on none, when the `whole` suite ran."""
    claims = {claim.id for entry in load().values() for claim in entry.scenario.claims}
    files = {path.stem for path in (golden / "default" / "test_claims").glob("*.json")}
    scenarios = set(load())
    listed, recorded = (set(ledger.read_manifest(golden / name)) for name in (CLAIMS, GOLDENS))
    apart = sorted((listed - claims) | (claims - listed if whole else set()))
    lost = sorted((recorded - (files & scenarios)) | (scenarios - recorded if whole else set()))
    said = stale(golden / "default")
    said += [f"not both in golden/{CLAIMS} and in a scenario: {', '.join(apart)}", _HOW.format("claim")] if apart else []
    if lost:
        said += [f"not both in golden/{GOLDENS} and recorded of a scenario: {', '.join(lost)}", _HOW.format("golden")]
    return said


def stale(folder: Path) -> list[str]:
    """Return a line that names the goldens of a subject's folder that belong to no scenario; a person deletes them."""
    files = [path for path in (folder / "test_claims").glob("*") if path.suffix != ".tmp"]  # one that a run is writing
    names = sorted(path.name for path in files if path.stem not in load() or path.suffix != ".json")
    return [f"goldens of no scenario in {folder.parent.name}/{folder.name}: {', '.join(names)}"] if names else []


def extend(claims: Collection[str], goldens: Collection[str], golden: Path = ROOT / "golden") -> None:
    """Add what has just been recorded; nothing is ever taken off by a run."""
    for name, ids in ((CLAIMS, claims), (GOLDENS, goldens)):
        path = golden / name
        ledger.write_manifest(path, {*ledger.read_manifest(path), *ids})
