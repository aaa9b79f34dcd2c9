"""Tests of the text of a failed comparison: a headline of the moved measures, and a short table."""

from __future__ import annotations

from dataclasses import replace

from harness.goldens.compare import compare
from harness.goldens.difference_table import headline, table
from harness.goldens.values import Ensemble, Exact, GoldenValue, Information

SAMPLES = (1.0, 1.1, 0.9, 1.05, 0.95, 1.02, 0.98, 1.01)
GOLDEN: dict[str, GoldenValue] = {
    "adamw.height": Exact(2.0, 1e-9, 0.0),
    "control.loss": Ensemble.of(SAMPLES, alpha=1e-4),
    "control.norm": Information.of(SAMPLES),
    "sgd.height": Exact(3.0, 1e-9, 0.0),
}


def test_the_table_shows_failed_rows_and_counts_the_others() -> None:
    """A row has golden, obtained value, delta, tolerance and sigmas, in aligned columns, and a note after them."""
    loss = GOLDEN["control.loss"]
    assert isinstance(loss, Ensemble)
    obtained = GOLDEN | {
        "control.loss": replace(loss, mean=loss.mean + 0.5),
        "adamw.height": Exact(2.0, 1e-3, 0.0),
    }
    lines = table(compare(obtained, GOLDEN)).splitlines()
    assert lines[0].split() == ["measure", "golden", "obtained", "delta", "tolerance", "sigmas"]
    assert " ".join(lines[1].split()) == "adamw.height 2 2 +0 2e-09 - tolerance changed: rtol 1e-09 -> 0.001"
    assert " ".join(lines[2].split()) == "control.loss 1.00125 1.50125 +0.5 0.24 +16.4"
    assert lines[3] == "1 of 4 within tolerance, 1 recorded as information"
    assert lines[0].index("sigmas") + len("sigmas") == len(lines[2])


def test_the_headline_names_three_failures_and_counts_the_rest() -> None:
    """It gives the shift of each moved number and its tolerance."""
    loss = GOLDEN["control.loss"]
    assert isinstance(loss, Ensemble)
    moved = GOLDEN | {"control.loss": replace(loss, mean=loss.mean + 0.5), "sgd.height": Exact(3.5, 1e-9, 0.0)}
    assert headline(compare(moved, GOLDEN)) == (
        "control.loss +0.5 (tolerance 0.24, 16.4 sigmas); sgd.height +0.5 (tolerance 3e-09)"
    )
    assert headline(compare({}, GOLDEN)).endswith("control.norm is in the golden and was not obtained; and 1 more")


def test_a_long_table_is_cut_and_counts_the_missing_rows() -> None:
    """It shows twenty rows."""
    golden: dict[str, GoldenValue] = {f"m{k:02}": Exact(float(k), 1e-9, 0.0) for k in range(30)}
    obtained: dict[str, GoldenValue] = {f"m{k:02}": Exact(k + 0.5 * (k < 25), 1e-9, 0.0) for k in range(30)}
    lines = table(compare(obtained, golden)).splitlines()
    assert len(lines) == 1 + 20 + 2
    assert lines[-2:] == ["... and 5 more rows that fail", "5 of 30 within tolerance"]


def test_every_kind_of_changed_rule_is_named() -> None:
    """A changed lane is named, and so is a tolerance that was edited in the file."""
    loss = GOLDEN["control.loss"]
    assert isinstance(loss, Ensemble)
    ungated = headline(compare({"m": Information.of(SAMPLES)}, {"m": loss}))
    assert ungated == "m tolerance changed: lane ensemble -> information, runs 8 -> -, alpha 0.0001 -> -, n - -> 8"
    edited = headline(compare({"m": loss}, {"m": replace(loss, tolerance=9.0)}))
    assert edited == "m tolerance changed: the recorded tolerance is not the one that its sd, n and alpha give"
