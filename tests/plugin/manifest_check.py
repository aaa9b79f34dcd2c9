"""Check of the manifests `golden/claims.txt` and `golden/goldens.txt` against the scenarios and the golden files.

Each manifest has one id a line. Recording adds and updates lines; only a person deletes one. A claim's line holds what the claim
asserts and what must fail it, so a claim that was deleted or weakened is noticed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from harness.catalog.load import load
from harness.environment.paths import ROOT
from harness.reporting import manifest

CLAIMS, GOLDENS = "claims.txt", "goldens.txt"  # in the suite's golden folder
_HOW_TO_MEND = "'make record' adds a new {}; to withdraw one, delete its line in the file and note it in CHANGELOG.md"


def manifest_faults(golden: Path = ROOT / "golden", *, whole: bool, recording: bool = False) -> list[str]:
    """Return lines to print about claims and goldens that are listed but missing, and about claims that differ from their line.

    When the `whole` suite ran, also about those that are not listed. A run that is `recording` may change what a claim asserts.
    """
    claims = set(_asserted())
    files = {path.stem for path in (golden / "default" / "test_claims").glob("*.json")}
    scenarios = set(load())
    listed, recorded = (set(manifest.read_manifest(golden / name)) for name in (CLAIMS, GOLDENS))
    bad_claims = sorted((listed - claims) | (claims - listed if whole else set()))
    bad_goldens = sorted((recorded - (files & scenarios)) | (scenarios - recorded if whole else set()))
    lines = files_without_scenario(golden / "default")
    if bad_claims:
        lines += [f"golden/{CLAIMS} and the scenarios do not agree about: {', '.join(bad_claims)}", _HOW_TO_MEND.format("claim")]
    if bad_goldens:
        lines += [f"golden/{GOLDENS}, the golden files and the scenarios do not agree about: {', '.join(bad_goldens)}"]
        lines += [_HOW_TO_MEND.format("golden")]
    return lines if recording else [*lines, *_changed(manifest.read_manifest(golden / CLAIMS))]


def files_without_scenario(folder: Path) -> list[str]:
    """Return a line that lists the files of a subject's golden folder that belong to no scenario; a person deletes them."""
    files = [path for path in (folder / "test_claims").glob("*") if path.suffix != ".tmp"]  # another run is writing a .tmp file
    names = sorted(path.name for path in files if path.stem not in load() or path.suffix != ".json")
    return [f"golden files without a scenario in {folder.parent.name}/{folder.name}: {', '.join(names)}"] if names else []


def _changed(recorded: Mapping[str, str]) -> list[str]:
    """Return two lines for each claim whose assertion differs from its recorded line, and how to update the manifest."""
    lines = []
    for claim, assertion in _asserted().items():
        if claim in recorded and recorded[claim] != assertion:
            lines += [
                f"claim {claim} differs from its line in golden/{CLAIMS}: {recorded[claim]}",
                f"  its scenario asserts: {assertion}",
            ]
    return [*lines, "'make record' updates the line once the claim holds, so that a reviewer sees the change"] if lines else []


def _asserted() -> Mapping[str, str]:
    """Return the assertion of each claim, by id, as the scenarios have it."""
    return {claim.id: manifest.asserted(claim) for loaded in load().values() for claim in loaded.scenario.claims}


def extend(claims: Collection[str], goldens: Collection[str], golden: Path = ROOT / "golden") -> None:
    """Add the recorded goldens and the assertions of these claims to the manifests. A run never deletes a line."""
    asserted = _asserted()
    for name, lines in ((CLAIMS, {claim: asserted[claim] for claim in claims}), (GOLDENS, dict.fromkeys(goldens, ""))):
        path = golden / name
        manifest.write_manifest(path, {**manifest.read_manifest(path), **lines})
