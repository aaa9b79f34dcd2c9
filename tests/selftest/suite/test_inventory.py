"""Tests of the golden folder: every scenario has a golden, every golden a scenario, and the manifests list all of them.

A person deletes the goldens that these tests find without a scenario.
"""

from __future__ import annotations

from harness.catalog.load import load
from harness.environment.paths import ROOT
from harness.goldens.pool import FOLDER
from harness.reporting import manifest
from harness.subject.roles import DEFAULTS
from tests.plugin.manifest_check import CLAIMS, GOLDENS

GOLDEN = ROOT / "golden"


def test_every_scenario_has_a_golden_and_every_golden_a_scenario() -> None:
    """The folder of the shipped subjects holds a golden for each scenario and fingerprint, the pools of studies, and no more."""
    files = {path.relative_to(GOLDEN / "default").as_posix() for path in (GOLDEN / "default").rglob("*") if path.is_file()}
    studies = [name for name, loaded in load().items() if loaded.scenario.kind == "study"]
    goldens, pools = {f"test_claims/{name}.json" for name in load()}, {f"{FOLDER}/{name}.json" for name in studies}
    goldens |= {f"test_fingerprint/{role}.json" for role in DEFAULTS}

    assert goldens <= files <= goldens | pools


def test_the_manifests_list_every_claim_and_every_golden() -> None:
    """A claim or golden is listed from its first recording until a person withdraws it."""
    claims = sorted(claim.id for loaded in load().values() for claim in loaded.scenario.claims)

    assert list(manifest.read_manifest(GOLDEN / CLAIMS)) == claims
    assert list(manifest.read_manifest(GOLDEN / GOLDENS)) == sorted(load())
