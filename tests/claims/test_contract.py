"""Tests of the contract: each declared field is compared with the measurement; without a contract, the role's fields."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from harness.subject.output import capture_output
from harness.verdicts.contract_check import check_field, sentence
from harness.verdicts.outcome import HOLDS_NOW
from tests.plugin.run_setup import Setup


@pytest.mark.probe
def test_contract(declared_field: tuple[str, str], setup: Setup, record_property) -> None:
    """The measurement of the optimizer agrees with the declared field, unless the field is expected to fail."""
    with capture_output(setup.subject_output):
        check = check_field(*declared_field, setup.subjects)
    record_property("decaygate-contract", asdict(check))

    reason = setup.expected.get(f"contract.{check.field}")
    if check.met and reason:
        failure = f"{HOLDS_NOW} contract.{check.field} ({reason}): remove its line"
        pytest.fail(f"contract, {check.field}: {failure}", pytrace=False)
    if not check.met and not reason:
        pytest.fail(sentence(check, setup.subjects), pytrace=False)
