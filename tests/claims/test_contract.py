"""Tests of the contract: each declared field is compared with the measurement; without a contract, the role's fields."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from harness.subject.output import capture_output
from harness.verdicts.contract_check import check_field, sentence
from tests.plugin.run_setup import Setup


@pytest.mark.probe
def test_contract(promised: tuple[str, str], setup: Setup, record_property) -> None:
    """The measurement of the optimizer agrees with the declared field, unless the field is expected to fail."""
    with capture_output(setup.subject_output):
        promise = check_field(*promised, setup.subjects)
    record_property("decaygate-contract", asdict(promise))

    reason = setup.expected.get(f"contract.{promise.field}")
    if promise.met and reason:
        pytest.fail(f"contract, {promise.field}: no longer fails, as it was expected to ({reason}); take it out", pytrace=False)
    if not promise.met and not reason:
        pytest.fail(sentence(promise, setup.subjects), pytrace=False)
