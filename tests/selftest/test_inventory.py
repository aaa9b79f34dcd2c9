"""Is every golden somebody's, and has every scenario one? A stale golden is found here and deleted by a person."""

from __future__ import annotations

from harness import ledger
from harness.catalogue import ROOT, load
from tests.reporter import MANIFEST

GOLDEN = ROOT / "golden"


def test_every_scenario_has_a_golden_and_every_golden_a_scenario() -> None:
    """The shipped subject's folder holds one file a scenario and nothing else."""
    files = {path.relative_to(GOLDEN / "default").as_posix() for path in (GOLDEN / "default").rglob("*") if path.is_file()}

    assert files == {f"test_claims/{name}.json" for name in load()}


def test_the_manifest_is_every_claim() -> None:
    """A claim is in golden/claims.txt once it is recorded, and stays there until it is withdrawn."""
    claims = sorted(claim.id for entry in load().values() for claim in entry.scenario.claims)

    assert list(ledger.read_manifest(GOLDEN / MANIFEST)) == claims
