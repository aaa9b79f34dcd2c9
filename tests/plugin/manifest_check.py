"""Is every claim and every golden that was ever recorded still there, and does a claim still say what it said?

Two lists, one id a line, that only grow by recording. A claim's line holds what it asserts and what must fail it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from harness.catalog.load import load
from harness.environment.paths import ROOT
from harness.reporting import manifest

CLAIMS, GOLDENS = "claims.txt", "goldens.txt"  # in the suite's golden folder
_HOW = "'make record' adds a {}; one is withdrawn by deleting its line there, with a word in CHANGELOG.md"


def vanished(golden: Path = ROOT / "golden", *, whole: bool, recording: bool = False) -> list[str]:
    """Return in lines to print what is on a list and no longer there, or not as it was.

    When the `whole` suite ran, also what is on no list. A run that is `recording` may change what a claim asserts.
    """
    claims = set(_asserted())
    files = {path.stem for path in (golden / "default" / "test_claims").glob("*.json")}
    scenarios = set(load())
    listed, recorded = (set(manifest.read_manifest(golden / name)) for name in (CLAIMS, GOLDENS))
    apart = sorted((listed - claims) | (claims - listed if whole else set()))
    lost = sorted((recorded - (files & scenarios)) | (scenarios - recorded if whole else set()))
    said = stale(golden / "default")
    said += [f"not both in golden/{CLAIMS} and in a scenario: {', '.join(apart)}", _HOW.format("claim")] if apart else []
    if lost:
        said += [f"not both in golden/{GOLDENS} and recorded of a scenario: {', '.join(lost)}", _HOW.format("golden")]
    return said if recording else [*said, *_changed(manifest.read_manifest(golden / CLAIMS))]


def stale(folder: Path) -> list[str]:
    """Return a line that names the goldens of a subject's folder that belong to no scenario; a person deletes them."""
    files = [path for path in (folder / "test_claims").glob("*") if path.suffix != ".tmp"]  # one that a run is writing
    names = sorted(path.name for path in files if path.stem not in load() or path.suffix != ".json")
    return [f"goldens of no scenario in {folder.parent.name}/{folder.name}: {', '.join(names)}"] if names else []


def _changed(recorded: Mapping[str, str]) -> list[str]:
    """Return two lines for each claim that does not assert what it was recorded to assert."""
    lines = []
    for claim, now in _asserted().items():
        if claim in recorded and recorded[claim] != now:
            lines += [
                f"claim {claim} is not the one that was recorded in golden/{CLAIMS}: {recorded[claim]}",
                f"  it says now: {now}",
            ]
    return (
        [*lines, "'make record' writes what a claim says now, once it holds: the change is then for a reviewer to see"]
        if lines
        else []
    )


def _asserted() -> Mapping[str, str]:
    return {claim.id: manifest.asserted(claim) for loaded in load().values() for claim in loaded.scenario.claims}


def extend(claims: Collection[str], goldens: Collection[str], golden: Path = ROOT / "golden") -> None:
    """Add what has just been recorded, and what these claims assert now; nothing is ever taken off by a run."""
    asserted = _asserted()
    for name, lines in ((CLAIMS, {claim: asserted[claim] for claim in claims}), (GOLDENS, dict.fromkeys(goldens, ""))):
        path = golden / name
        manifest.write_manifest(path, {**manifest.read_manifest(path), **lines})
