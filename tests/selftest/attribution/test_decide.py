"""Is what moved a number told right from what the witnesses gave, and said to be unknown where it is?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pytest

from harness.attribution.decide import WITNESSES_FOR, ArmOccupant, ArmSubjects, Attribution, Name, arm_of, attribute
from harness.goldens.compare import ComparisonRow, compare
from harness.goldens.values import Ensemble, Exact, GoldenValue

TOLERANCE = 1e-3
REFERENCE, TORCH = "our float64 reference", "torch's AdamW"


def rows(golden: Mapping[str, float], shifts: Mapping[str, float], atol: float = TOLERANCE) -> list[ComparisonRow]:
    """Compare numbers that lie `shifts` beside their golden."""
    old: dict[str, GoldenValue] = {name: Exact(value, 0.0, atol) for name, value in golden.items()}
    return compare({name: Exact(value + shifts.get(name, 0.0), 0.0, atol) for name, value in golden.items()}, old)


def told(
    own: Mapping[str, float],
    reference: Mapping[str, float] | None,
    torch: Mapping[str, float] | None,
    *,
    runs: ArmOccupant = "subject",
    recorded: Mapping[str, float] | None = None,
) -> Attribution:
    """Attribute shifts of the measures arm.one and arm.two; `recorded` is the golden where it is not what was shipped."""
    shipped = {"arm.one": 1.0, "arm.two": 2.0}
    gave: dict[Name, Mapping[str, ComparisonRow]] = {}
    for name, shifts in (("reference", reference), ("torch", torch)):
        if shifts is not None and name in WITNESSES_FOR[runs]:
            gave[name] = {row.measure: row for row in rows(shipped, shifts)}
    return attribute(rows({**shipped, **(recorded or {})}, own), gave, ArmSubjects({"arm": runs}, {"arm": TORCH}))


def test_what_witnesses_still_give_was_moved_by_the_optimizer() -> None:
    """Also by one that was recorded with numbers of its own, as long as nothing else moved."""
    for recorded in ({}, {"arm.one": 5.0}):
        found = told({"arm.one": 0.1}, {}, {}, recorded=recorded)

        assert found.kind == "this optimizer"
        assert found.sentence == f"moved: this optimizer ({REFERENCE} and {TORCH} still give the recorded numbers here)"


def test_what_both_witnesses_moved_alike_was_moved_by_the_environment() -> None:
    """And not by a kernel of torch's optimizers, since the reference calls none."""
    found = told({"arm.one": 0.1}, {"arm.one": 0.1}, {"arm.one": 0.1})

    assert found.kind == "the environment"
    assert f"{REFERENCE} and {TORCH} moved alike here" in found.why


def test_what_torch_alone_moved_alike_was_moved_by_its_kernels() -> None:
    """Which the sentence says."""
    found = told({"arm.one": 0.1}, {}, {"arm.one": 0.1})

    assert found.kind == "the environment"
    assert found.why == f"{TORCH} moved alike here and {REFERENCE} did not: a kernel of torch's optimizers"


@pytest.mark.parametrize("shift", [-0.1, 0.1 + 2 * TOLERANCE, 0.2])
def test_an_environment_that_moved_otherwise_leaves_the_rest_to_the_optimizer(shift: float) -> None:
    """In the other direction, or not as far: then both moved."""
    found = told({"arm.one": shift}, {"arm.one": 0.1}, {"arm.one": 0.1})

    assert found.kind == "both"
    assert found.why == f"{REFERENCE} and {TORCH} moved here too, and this optimizer otherwise"


def test_alike_means_within_the_tolerance() -> None:
    """At 0.99 of it the environment explains a shift, at 1.01 it does not."""
    near, far = (told({"arm.one": 0.1 + times * TOLERANCE}, {"arm.one": 0.1}, {"arm.one": 0.1}) for times in (0.99, 1.01))

    assert (near.kind, far.kind) == ("the environment", "both")


def test_one_number_of_each_is_both() -> None:
    """And they are counted."""
    found = told({"arm.one": 0.1, "arm.two": 0.1}, {"arm.one": 0.1}, {"arm.one": 0.1})

    assert found.kind == "both"
    assert found.why == f"1 of 2 numbers moved alike in {TORCH}, 1 moved otherwise or alone"


@pytest.mark.parametrize("moving", ["arm.one", "arm.two"])
def test_how_far_the_environment_moves_another_optimizer_is_not_known(moving: str) -> None:
    """One recorded with other numbers than torch's is not accused where anything else moved, in this number or another."""
    found = told({"arm.one": 0.3}, {moving: 0.1}, {moving: 0.1}, recorded={"arm.one": 5.0})

    assert found.kind == "not comparable"
    assert "from other numbers" in found.why


def test_a_shift_at_the_edge_of_the_tolerance_accuses_nobody() -> None:
    """When the witnesses moved by nearly as much, and just not out of theirs."""
    found = told({"arm.one": 1.2 * TOLERANCE}, {"arm.one": 0.8 * TOLERANCE}, {"arm.one": 0.8 * TOLERANCE})

    assert found.kind == "not comparable"
    assert "within the tolerance" in found.why


def test_torchs_own_optimizer_is_no_witness_of_itself() -> None:
    """The reference decides: still, and torch's moved; moved alike, and the environment did."""
    still, alike = (told({"arm.one": 0.1}, reference, {"arm.one": 0.1}, runs="torch") for reference in ({}, {"arm.one": 0.1}))

    assert still.sentence == f"moved: this optimizer ({TORCH} itself; {REFERENCE} still gives the recorded numbers here)"
    assert alike.kind == "the environment"
    assert alike.why.startswith(f"{REFERENCE} moved alike here")


@pytest.mark.parametrize("runs", ["bystander", "fixed"])
def test_an_arm_without_the_optimizer_under_test_never_accuses_it(runs: ArmOccupant) -> None:
    """It moved with torch's own, or the golden is from elsewhere."""
    shifted, still = (told({"arm.one": 0.1}, shift, shift, runs=runs) for shift in ({"arm.one": 0.1}, {}))

    assert shifted.kind == "the environment"
    assert still.kind == "not comparable"
    assert "a golden from elsewhere?" in still.why


def test_of_a_fixed_optimizer_nothing_is_said_about_the_reference() -> None:
    """Which does not compute it."""
    found = told({"arm.one": 0.1}, {"arm.one": 0.1}, {"arm.one": 0.1}, runs="fixed")

    assert REFERENCE not in found.why


def test_witnesses_that_disagree_tell_nothing() -> None:
    """A reference that moved alike while torch's own did not."""
    assert told({"arm.one": 0.1}, {"arm.one": 0.1}, {}).kind == "not comparable"


@pytest.mark.parametrize("missing", ["reference", "torch"])
def test_a_witness_without_the_number_tells_nothing(missing: Name) -> None:
    """Because it cannot run the scenario, for instance."""
    shipped = {"arm.one": 1.0}
    same = {row.measure: row for row in rows(shipped, {})}
    gave: dict[Name, Mapping[str, ComparisonRow]] = {"reference": same, "torch": same, missing: {}}

    found = attribute(rows(shipped, {"arm.one": 0.1}), gave, ArmSubjects({"arm": "subject"}, {"arm": TORCH}))

    assert found == Attribution("not comparable", f"{REFERENCE} and {TORCH} cannot give these numbers here")


def test_an_arm_of_which_nothing_can_be_told_says_why_and_is_counted_beside_others() -> None:
    """Alone it makes the golden not comparable."""
    shipped = {"arm.one": 1.0, "other.one": 1.0}
    same = {row.measure: row for row in rows(shipped, {})}
    cast = ArmSubjects({"arm": "subject", "other": "subject"}, {"arm": TORCH, "other": TORCH}, {"other": "it is float32"})
    gave: Mapping[Name, Mapping[str, ComparisonRow]] = {"reference": same, "torch": same}

    alone = attribute(rows(shipped, {"other.one": 0.1}), gave, cast)
    beside = attribute(rows(shipped, {"arm.one": 0.1, "other.one": 0.1}), gave, cast)

    assert alone == Attribution("not comparable", "it is float32")
    assert beside.kind == "this optimizer"
    assert beside.why.endswith("; 1 of 2 that moved cannot be told")


def test_a_rule_that_changed_is_no_number_that_moved() -> None:
    """Nor is a measure that is new."""
    golden: dict[str, GoldenValue] = {"arm.one": Exact(1.0, 1e-9, 0.0)}
    obtained: dict[str, GoldenValue] = {"arm.one": Exact(3.0, 1e-6, 0.0), "arm.new": Exact(1.0, 1e-9, 0.0)}

    found = attribute(compare(obtained, golden), {}, ArmSubjects({"arm": "subject"}, {"arm": TORCH}))

    assert found == Attribution("not comparable", "no number moved by the rule under which it was recorded")


def test_a_number_that_the_witnesses_give_and_the_optimizer_does_not_was_lost_by_it() -> None:
    """Because its weights are none any more, for instance; one that nobody gives was taken out of the probe."""
    golden: dict[str, GoldenValue] = {"arm.one": Exact(1.0, 1e-9, 0.0)}
    same = {row.measure: row for row in compare(golden, golden)}
    cast = ArmSubjects({"arm": "torch"}, {"arm": TORCH})

    found, gone = (attribute(compare({}, golden), {"reference": said}, cast) for said in (same, {}))

    assert (found.kind, gone.kind) == ("this optimizer", "not comparable")


@pytest.mark.parametrize("obtained", [Exact(1.5, 1e-9, 1e-2), Exact(1.0, 1e-9, 1e3), Exact(math.nan, 1e-9, 1e-3)])
def test_a_rounding_error_that_went_along_and_a_number_that_is_none_have_moved(obtained: Exact) -> None:
    """A probe's tolerance follows its numbers; where the witness's did not change, no rule did."""
    golden: dict[str, GoldenValue] = {"arm.one": Exact(1.0, 1e-9, 1e-3)}
    same = {row.measure: row for row in compare(golden, golden)}
    cast = ArmSubjects({"arm": "subject"}, {"arm": TORCH})

    found = attribute(compare({"arm.one": obtained}, golden), {"reference": same, "torch": same}, cast)

    assert found.kind == "this optimizer"


def test_a_rounding_error_that_all_declare_otherwise_is_another_rule() -> None:
    """Somebody changed the probe."""
    golden: dict[str, GoldenValue] = {"arm.one": Exact(1.0, 1e-9, 1e-3)}
    other = compare({"arm.one": Exact(1.0, 1e-9, 1e-2)}, golden)
    gave: Mapping[Name, Mapping[str, ComparisonRow]] = {"reference": {row.measure: row for row in other}}

    assert attribute(other, gave, ArmSubjects({"arm": "torch"}, {"arm": TORCH})).kind == "not comparable"


def ends(shift: float) -> list[ComparisonRow]:
    """Compare the end of eight runs with a golden of 64, `shift` tolerances beside it."""
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
def test_ends_of_runs_are_told_apart_by_the_noise_of_both(own: float, witness: float, kind: str) -> None:
    """In tolerances: two draws differ by the root of the sum of their squares."""
    said = {row.measure: row for row in ends(witness)}

    assert attribute(ends(own), {"torch": said}, ArmSubjects({"arm": "subject"}, {"arm": TORCH})).kind == kind


def test_the_arm_stands_after_the_lane() -> None:
    """Which only studies have."""
    names: Sequence[str] = ("arm.one", "ensemble.arm.gap", "trajectory.arm.loss.step_001")

    assert [arm_of(name) for name in names] == ["arm"] * 3
