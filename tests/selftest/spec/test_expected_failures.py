"""Tests of expected failures: strict reading of the file, and the outcome of a listed claim."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import ScenarioError
from harness.spec.expected_failures import draft, load
from harness.spec.scenario import Claim, Counterexample
from harness.verdicts.outcome import ClaimOutcome, expected_to_fail

CLAIMS = {"adamw_decays": "", "sgd_decays": "needs step_rule: sgd, but the contract has step_rule: sign", "momentum_decays": ""}
CLAIM = Claim("adamw_decays", "", (), "", "", "holds", (), Counterexample())


def read(folder: Path, text: str) -> dict[str, str]:
    """Return the reasons of a file with this text."""
    path = folder / "known.yaml"
    path.write_text(text, encoding="utf-8")
    return dict(load(path, root=folder, claims=CLAIMS))


def test_the_reason_of_each_claim_is_read(tmp_path: Path) -> None:
    """A reason may contain any text."""
    assert read(tmp_path, "adamw_decays: fixed in 2.0, see our issue 12\n") == {"adamw_decays": "fixed in 2.0, see our issue 12"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("adamw_decay: why", "known.yaml: adamw_decay: unknown claim 'adamw_decay'; did you mean 'adamw_decays'?"),
        (
            "sgd_decays: why",
            "known.yaml: sgd_decays: cannot fail here: needs step_rule: sgd, but the contract has step_rule: sign; "
            "remove the line",
        ),
        ("adamw_decays: ' '", "known.yaml: adamw_decays: expected a reason, got an empty text"),
        ("adamw_decays:", "known.yaml: adamw_decays: expected text, got"),
    ],
)
def test_an_invalid_line_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """The message has the file and the claim, and near names or what to do."""
    with pytest.raises(ScenarioError) as caught:
        read(tmp_path, text)

    assert str(caught.value).startswith(message)


def test_a_claim_that_fails_as_expected_is_no_failure() -> None:
    """The outcome keeps the reason from the file and the failure itself."""
    outcome = expected_to_fail(ClaimOutcome(CLAIM, "failed", failure="it raised"), "known")

    assert (outcome.status, outcome.reason, outcome.failure) == ("expected_failure", "known", "it raised")


@pytest.mark.parametrize("status", ["held", "refuted_as_documented"])
def test_a_claim_that_no_longer_fails_is_red(status: str) -> None:
    """The message has the reason from the file, and what to do."""
    outcome = expected_to_fail(ClaimOutcome(CLAIM, status), "fixed in 2.0")

    assert outcome.status == "failed"
    assert outcome.failure == "passed, but the file of expected failures lists it (fixed in 2.0): remove its line"


def test_a_draft_is_a_file_that_can_be_read(tmp_path: Path) -> None:
    """Reasons with colons, quotes and numbers are quoted where YAML needs it, and each stays on its line."""
    reasons = {
        "a": "m is 1: should be 2 # not a comment",
        "contract.order": "mine:A gives 'after', expected before " * 5,
        "b": "1.0",
    }
    path = tmp_path / "known.yaml"
    path.write_text(draft(reasons), encoding="utf-8")

    assert load(path, root=tmp_path, claims=dict.fromkeys(reasons, "")) == {name: text.strip() for name, text in reasons.items()}
    assert [line.split(":")[0] for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")] == sorted(
        reasons
    )
