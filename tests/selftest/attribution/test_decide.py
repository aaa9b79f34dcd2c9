"""Tests of the decision on what moved a number: optimizer, environment, both, or not comparable."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pytest

from harness.attribution.decide import WITNESSES_FOR, ArmOccupant, ArmSubjects, Attribution, WitnessName, arm_of, attribute
from harness.goldens.compare import ComparisonRow, compare
from harness.goldens.values import Ensemble, Exact, GoldenValue

TOLERANCE = 1e-3
REFERENCE, TORCH = "our float64 reference", "torch's AdamW"


def rows(golden: Mapping[str, float], shifts: Mapping[str, float], atol: float = TOLERANCE) -> list[ComparisonRow]:
    """Return the comparison of numbers that differ from their golden by `shifts`."""
    old: dict[str, GoldenValue] = {name: Exact(value, 0.0, atol) for name, value in golden.items()}
    return compare({name: Exact(value + shifts.get(name, 0.0), 0.0, atol) for name, value in golden.items()}, old)


def attributed(
    subject: Mapping[str, float],
    reference: Mapping[str, float] | None,
    torch: Mapping[str, float] | None,
    *,
    runs: ArmOccupant = "subject",
    recorded: Mapping[str, float] | None = None,
) -> Attribution:
    """Attribute the shifts of the measures arm.one and arm.two, given those of the witnesses (None: it does not run).

    `recorded` holds the numbers of the golden that differ from the shipped ones.
    """
    shipped = {"arm.one": 1.0, "arm.two": 2.0}
    witness_rows: dict[WitnessName, Mapping[str, ComparisonRow]] = {}
    for name, shifts in (("reference", reference), ("torch", torch)):
        if shifts is not None and name in WITNESSES_FOR[runs]:
            witness_rows[name] = {row.measure: row for row in rows(shipped, shifts)}
    return attribute(rows({**shipped, **(recorded or {})}, subject), witness_rows, ArmSubjects({"arm": runs}, {"arm": TORCH}))


def test_the_optimizer_moved_if_the_witnesses_did_not() -> None:
    """This is also true for an optimizer with numbers of its own in the golden, if no witness moved anywhere."""
    for recorded in ({}, {"arm.one": 5.0}):
        attribution = attributed({"arm.one": 0.1}, {}, {}, recorded=recorded)

        assert attribution.kind == "this optimizer"
        assert attribution.sentence == f"moved: this optimizer ({REFERENCE} and {TORCH} still give the shipped numbers here)"


def test_the_environment_moved_if_both_witnesses_moved_alike() -> None:
    """It is not a kernel of torch's optimizers, because the reference calls none."""
    attribution = attributed({"arm.one": 0.1}, {"arm.one": 0.1}, {"arm.one": 0.1})

    assert attribution.kind == "the environment"
    assert f"{REFERENCE} and {TORCH} moved by the same amount here" in attribution.why


def test_a_kernel_moved_if_only_torchs_own_moved_alike() -> None:
    attribution = attributed({"arm.one": 0.1}, {}, {"arm.one": 0.1})

    assert attribution.kind == "the environment"
    assert attribution.why == f"{TORCH} moved by the same amount here and {REFERENCE} did not: a kernel of torch's optimizers"


@pytest.mark.parametrize("shift", [-0.1, 0.1 + 2 * TOLERANCE, 0.2])
def test_both_moved_if_the_shifts_of_the_witnesses_differ(shift: float) -> None:
    """They differ if they have another direction or another size."""
    attribution = attributed({"arm.one": shift}, {"arm.one": 0.1}, {"arm.one": 0.1})

    assert attribution.kind == "both"
    assert attribution.why == f"{REFERENCE} and {TORCH} moved here too, but not by the same amount as this optimizer"


def test_shifts_are_alike_within_the_tolerance() -> None:
    """At a difference of 0.99 tolerances the environment explains a shift, at 1.01 it does not."""
    near, far = (attributed({"arm.one": 0.1 + times * TOLERANCE}, {"arm.one": 0.1}, {"arm.one": 0.1}) for times in (0.99, 1.01))

    assert (near.kind, far.kind) == ("the environment", "both")


def test_one_number_of_each_cause_is_both() -> None:
    """The message counts them."""
    attribution = attributed({"arm.one": 0.1, "arm.two": 0.1}, {"arm.one": 0.1}, {"arm.one": 0.1})

    assert attribution.kind == "both"
    assert attribution.why == f"1 of 2 numbers moved by the same amount in {REFERENCE} and {TORCH}, 1 alone or by another amount"


@pytest.mark.parametrize("moving", ["arm.one", "arm.two"])
def test_an_optimizer_with_other_numbers_is_not_comparable(moving: str) -> None:
    """The environment moved this number or another one. How far it moves an optimizer with other numbers is unknown."""
    attribution = attributed({"arm.one": 0.3}, {moving: 0.1}, {moving: 0.1}, recorded={"arm.one": 5.0})

    assert attribution.kind == "not comparable"
    assert "this golden holds other numbers" in attribution.why


def test_a_shift_just_outside_the_tolerance_is_not_comparable() -> None:
    """The witnesses moved nearly as far, but stayed just inside their tolerances."""
    attribution = attributed({"arm.one": 1.2 * TOLERANCE}, {"arm.one": 0.8 * TOLERANCE}, {"arm.one": 0.8 * TOLERANCE})

    assert attribution.kind == "not comparable"
    assert "within the tolerance" in attribution.why


def test_torchs_own_optimizer_is_no_witness_of_itself() -> None:
    """The reference decides. If it did not move, torch's own optimizer moved; if it moved alike, the environment did."""
    still, alike = (
        attributed({"arm.one": 0.1}, reference, {"arm.one": 0.1}, runs="torch") for reference in ({}, {"arm.one": 0.1})
    )

    assert still.sentence == f"moved: this optimizer ({TORCH} itself; {REFERENCE} still gives the shipped numbers here)"
    assert alike.kind == "the environment"
    assert alike.why.startswith(f"{REFERENCE} moved by the same amount here")


@pytest.mark.parametrize("runs", ["bystander", "fixed"])
def test_an_arm_of_another_optimizer_never_blames_the_subject(runs: ArmOccupant) -> None:
    """Either the environment moved it, or the golden was recorded elsewhere."""
    shifted, still = (attributed({"arm.one": 0.1}, shift, shift, runs=runs) for shift in ({"arm.one": 0.1}, {}))

    assert shifted.kind == "the environment"
    assert still.kind == "not comparable"
    assert "was the golden recorded elsewhere?" in still.why


def test_the_reference_is_no_witness_of_a_fixed_optimizer() -> None:
    """The reference does not compute its numbers, so the message does not name it."""
    attribution = attributed({"arm.one": 0.1}, {"arm.one": 0.1}, {"arm.one": 0.1}, runs="fixed")

    assert REFERENCE not in attribution.why


def test_witnesses_that_disagree_are_not_comparable() -> None:
    """The reference moved alike, and torch's own did not."""
    assert attributed({"arm.one": 0.1}, {"arm.one": 0.1}, {}).kind == "not comparable"


@pytest.mark.parametrize("missing", ["reference", "torch"])
def test_a_witness_without_the_number_is_not_comparable(missing: WitnessName) -> None:
    """For example, it cannot run the scenario."""
    shipped = {"arm.one": 1.0}
    same = {row.measure: row for row in rows(shipped, {})}
    witness_rows: dict[WitnessName, Mapping[str, ComparisonRow]] = {"reference": same, "torch": same, missing: {}}

    attribution = attribute(rows(shipped, {"arm.one": 0.1}), witness_rows, ArmSubjects({"arm": "subject"}, {"arm": TORCH}))

    assert attribution == Attribution("not comparable", "not every unchanged optimizer gave these numbers here")


def test_an_arm_that_cannot_be_attributed_is_named_and_counted() -> None:
    """If it is the only arm that moved, the golden is not comparable. Otherwise its numbers are counted as unknown."""
    shipped = {"arm.one": 1.0, "other.one": 1.0}
    same = {row.measure: row for row in rows(shipped, {})}
    arm_subjects = ArmSubjects({"arm": "subject", "other": "subject"}, {"arm": TORCH, "other": TORCH}, {"other": "it is float32"})
    witness_rows: Mapping[WitnessName, Mapping[str, ComparisonRow]] = {"reference": same, "torch": same}

    alone = attribute(rows(shipped, {"other.one": 0.1}), witness_rows, arm_subjects)
    with_other = attribute(rows(shipped, {"arm.one": 0.1, "other.one": 0.1}), witness_rows, arm_subjects)

    assert alone == Attribution("not comparable", "it is float32")
    assert with_other.kind == "this optimizer"
    assert with_other.why.endswith("; 1 of 2 moved numbers have no known cause")


def test_a_changed_rule_is_not_a_moved_number() -> None:
    """A new measure is none either."""
    golden: dict[str, GoldenValue] = {"arm.one": Exact(1.0, 1e-9, 0.0)}
    obtained: dict[str, GoldenValue] = {"arm.one": Exact(3.0, 1e-6, 0.0), "arm.new": Exact(1.0, 1e-9, 0.0)}

    attribution = attribute(compare(obtained, golden), {}, ArmSubjects({"arm": "subject"}, {"arm": TORCH}))

    assert attribution == Attribution("not comparable", "no number moved under its recorded rule")


def test_a_number_that_only_the_optimizer_lacks_was_moved_by_it() -> None:
    """For example, its weights have become NaN. A number that the witnesses lack too was removed from the probe."""
    golden: dict[str, GoldenValue] = {"arm.one": Exact(1.0, 1e-9, 0.0)}
    same = {row.measure: row for row in compare(golden, golden)}
    arm_subjects = ArmSubjects({"arm": "torch"}, {"arm": TORCH})

    lacking, removed = (attribute(compare({}, golden), {"reference": witness}, arm_subjects) for witness in (same, {}))

    assert (lacking.kind, removed.kind) == ("this optimizer", "not comparable")


@pytest.mark.parametrize("obtained", [Exact(1.5, 1e-9, 1e-2), Exact(1.0, 1e-9, 1e3), Exact(math.nan, 1e-9, 1e-3)])
def test_a_number_with_a_changed_rounding_error_has_moved(obtained: Exact) -> None:
    """A probe computes its tolerance from its numbers. If that of the witnesses is unchanged, the rule is.

    NaN has moved as well.
    """
    golden: dict[str, GoldenValue] = {"arm.one": Exact(1.0, 1e-9, 1e-3)}
    same = {row.measure: row for row in compare(golden, golden)}
    arm_subjects = ArmSubjects({"arm": "subject"}, {"arm": TORCH})

    attribution = attribute(compare({"arm.one": obtained}, golden), {"reference": same, "torch": same}, arm_subjects)

    assert attribution.kind == "this optimizer"


def test_a_rounding_error_that_changed_for_all_is_another_rule() -> None:
    """The probe has changed."""
    golden: dict[str, GoldenValue] = {"arm.one": Exact(1.0, 1e-9, 1e-3)}
    other = compare({"arm.one": Exact(1.0, 1e-9, 1e-2)}, golden)
    witness_rows: Mapping[WitnessName, Mapping[str, ComparisonRow]] = {"reference": {row.measure: row for row in other}}

    assert attribute(other, witness_rows, ArmSubjects({"arm": "torch"}, {"arm": TORCH})).kind == "not comparable"


def ends(shift: float) -> list[ComparisonRow]:
    """Return the comparison of a mean of 8 seeds with a golden of 64 seeds, from which it differs by `shift` tolerances."""
    golden = Ensemble.summary(mean=1.0, sd=0.1, n=64, runs=8, alpha=3e-5)
    obtained = Ensemble.summary(mean=1.0 + shift * golden.tolerance, sd=0.1, n=8, runs=8, alpha=3e-5)
    return compare({"ensemble.arm.gap": obtained}, {"ensemble.arm.gap": golden})


@pytest.mark.parametrize(
    ("own", "witness", "kind"),
    [
        (2.0, 0.0, "this optimizer"),
        (2.0, -0.5, "this optimizer"),
        (2.0, 2.0, "the environment"),
        (2.0, 1.2, "the environment"),
        (3.0, 1.2, "both"),
        (2.0, -2.0, "both"),
        (1.2, 0.0, "not comparable"),
        (2.0, 0.9, "not comparable"),
    ],
)
def test_ends_of_runs_differ_if_their_distance_exceeds_the_noise(own: float, witness: float, kind: str) -> None:
    """The shifts are in tolerances. Two independent means differ by at most the root of the sum of their squared tolerances."""
    witness_rows = {row.measure: row for row in ends(witness)}

    assert attribute(ends(own), {"torch": witness_rows}, ArmSubjects({"arm": "subject"}, {"arm": TORCH})).kind == kind


def test_the_arm_of_a_measure_follows_the_lane() -> None:
    """Only the measures of studies have a lane in their name."""
    names: Sequence[str] = ("arm.one", "ensemble.arm.gap", "trajectory.arm.loss.step_001")

    assert [arm_of(name) for name in names] == ["arm"] * 3
