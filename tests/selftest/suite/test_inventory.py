"""Is every golden somebody's, and has every scenario one? A stale golden is found here and deleted by a person."""

from __future__ import annotations

from harness.catalog.load import load
from harness.environment.paths import ROOT
from harness.goldens.pool import FOLDER
from harness.reporting import manifest
from tests.plugin.manifest_check import CLAIMS, GOLDENS

GOLDEN = ROOT / "golden"


def test_every_scenario_has_a_golden_and_every_golden_a_scenario() -> None:
    """The shipped subject's folder holds one file a scenario, pools of samples of its studies, and nothing else."""
    files = {path.relative_to(GOLDEN / "default").as_posix() for path in (GOLDEN / "default").rglob("*") if path.is_file()}
    studies = [name for name, loaded in load().items() if loaded.scenario.kind == "study"]
    goldens, pools = {f"test_claims/{name}.json" for name in load()}, {f"{FOLDER}/{name}.json" for name in studies}

    assert goldens <= files <= goldens | pools


def test_the_manifests_are_every_claim_and_every_golden() -> None:
    """One is listed once it is recorded, and stays listed until it is withdrawn."""
    claims = sorted(claim.id for loaded in load().values() for claim in loaded.scenario.claims)

    assert list(manifest.read_manifest(GOLDEN / CLAIMS)) == claims
    assert list(manifest.read_manifest(GOLDEN / GOLDENS)) == sorted(load())
