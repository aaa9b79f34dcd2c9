"""Test of the fingerprint: the answers about the optimizer under test agree with the recorded ones."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from harness.goldens.fingerprint_golden import check_fingerprint
from harness.goldens.store import is_recording
from harness.reporting.failure import fingerprint_message
from harness.run import Session
from harness.subject.output import capture_output
from harness.verdicts.contract_check import check_field, declared_fields
from tests.plugin.completeness import skip_with_reason
from tests.plugin.run_setup import Setup


@pytest.mark.probe
def test_fingerprint(
    fingerprinted_role: str, setup: Setup, session: Session, snapshot: SnapshotAssertion, record_property
) -> None:
    """Every answer about the optimizer is the recorded one, and so are the numbers of a rule without a closed form."""
    role = fingerprinted_role
    with capture_output(setup.subject_output):
        blockers = _unmet_fields(role, setup) if is_recording(snapshot) else []
        golden = check_fingerprint(role, session, snapshot, blockers)
    message, record = fingerprint_message(golden, role)
    record_property("decaygate-fingerprint", record)

    if golden.status == "not_applicable":
        skip_with_reason(record_property, message)
    if not golden.ok:
        pytest.fail(message, pytrace=False)


def _unmet_fields(role: str, setup: Setup) -> list[str]:
    """Return a reason not to record for each field of the contract that the optimizer does not meet."""
    names = [
        name for other, name in declared_fields(setup.subjects) if other == role and f"contract.{name}" not in setup.expected
    ]
    return [f"field {name} of the contract is not met" for name in names if not check_field(role, name, setup.subjects).met]
