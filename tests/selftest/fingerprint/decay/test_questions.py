"""Tests of all questions about decay and update: each known optimizer gets its true answers.

The truth of a torch class is the algorithm in its documentation; the truth of a mutant or a convention is its docstring. A row
holds the differences from AdamW.
"""

from __future__ import annotations

from typing import Any

import pytest

from harness.fingerprint.decay import REFUSED
from harness.subject.loading import WatchedOptimizer
from tests.mutants import decay_rule
from tests.mutants.collection import path
from tests.selftest.fingerprint.asked import QUESTIONS, finding_of, findings_of

Row = dict[str, str]

ADAMW: Row = {
    "precision": "float64",
    "step_rule": "adam",
    "element_wise": "yes",
    "scale_free": "yes",
    "update_depends_on_weight": "no",
    "other_shapes": "same",
    "groups": "own",
    "coupling": "decoupled",
    "scale": "lr",
    "strength": "1",
    "order": "before",
    "mask": "none",
    "zero_gradient": "decays",
    "hidden_decay": "none",
    "weight_at_zero": "stays",
}
COUPLED: Row = {"coupling": "coupled_l2", "scale": "gradient", "order": "inside"}
BOTH: Row = {"coupling": "coupled_l2 decoupled", "scale": "gradient lr", "order": "inside before"}
NONE: Row = {"coupling": "none"} | dict.fromkeys(("groups", "scale", "strength", "order", "mask", "zero_gradient"), "")
UNKNOWN: Row = dict.fromkeys(("coupling", "scale", "strength", "order", "mask"), "")
SGD: Row = {"step_rule": "sgd", "scale_free": "no"}
MOMENTUM: Row = {"step_rule": "momentum", "scale_free": "no"}
IN_MOMENTUM: Row = MOMENTUM | {"coupling": "inside_momentum", "order": "inside"}
OTHER: Row = {"step_rule": "other"}
TRUST: Row = {"step_rule": "other", "element_wise": "no", "update_depends_on_weight": "proportional"}

TORCH: list[tuple[str, dict[str, Any], Row]] = [
    ("AdamW", {}, {}),
    ("AdamW", {"amsgrad": True}, OTHER),
    ("AdamW", {"foreach": True}, {}),
    ("AdamW", {"fused": True}, {}),
    ("AdamW", {"maximize": True}, {}),
    ("AdamW", {"betas": (0.8, 0.95), "eps": 1e-4}, {}),
    ("AdamW", {"eps": 0.0}, {"zero_gradient": "", "hidden_decay": "", "weight_at_zero": ""}),  # 0/0 without gradient
    ("Adam", {}, COUPLED),
    ("Adam", {"maximize": True}, COUPLED),
    ("Adam", {"decoupled_weight_decay": True}, {}),
    ("NAdam", {}, COUPLED | OTHER),
    ("NAdam", {"decoupled_weight_decay": True}, OTHER),
    ("RAdam", {}, COUPLED | OTHER | {"scale_free": "no"}),  # its first five steps are not rectified: they scale with the gradient
    ("RAdam", {"decoupled_weight_decay": True}, OTHER | {"scale_free": "no"}),
    ("Adamax", {}, COUPLED | OTHER),
    ("Adagrad", {}, COUPLED | OTHER),
    ("Adadelta", {}, COUPLED | OTHER),
    ("RMSprop", {}, COUPLED | OTHER),
    ("RMSprop", {"momentum": 0.9}, COUPLED | OTHER),
    ("RMSprop", {"centered": True}, COUPLED | OTHER),
    ("SGD", {}, BOTH | SGD),
    ("SGD", {"maximize": True}, BOTH | SGD),
    ("SGD", {"momentum": 0.9}, COUPLED | MOMENTUM),
    ("SGD", {"momentum": 0.9, "nesterov": True}, COUPLED | MOMENTUM),
    ("SGD", {"momentum": 0.9, "dampening": 0.5}, COUPLED | MOMENTUM),
    (
        "ASGD",  # its lambd shrinks weights by 1e-4 x its rate, and the rate decreases: no known scale fits
        {},
        BOTH
        | OTHER
        | {"scale": "gradient", "scale_free": "no", "update_depends_on_weight": "yes", "hidden_decay": "yes"}
        | {"precision": "float32_settings"},  # its rate is a float32 tensor
    ),
    ("Adafactor", {}, TRUST | {"scale_free": "by_tensor", "other_shapes": "differs"}),  # a vector's moment is not factored
    ("Muon", {}, {"step_rule": "orthogonal", "element_wise": "no", "scale_free": "by_tensor", "other_shapes": "refused"}),
]
OURS: list[tuple[str, dict[str, Any], Row]] = [
    ("Lion", {}, {"step_rule": "sign"}),
    ("Lamb", {}, TRUST | {"coupling": "through_norm", "scale": "gradient", "order": "inside", "strength": "", "mask": ""}),
    ("SignSGD", {}, {"step_rule": "sign"}),
    ("IndependentAdamW", {}, {"scale": "schedule"}),
    ("IndependentSGD", {}, SGD | {"scale": "schedule"}),
    ("IndependentSGD", {"momentum": 0.9}, MOMENTUM | {"scale": "schedule"}),
    ("IndependentSGD", {"momentum": 0.9, "decay_after": True}, MOMENTUM | {"scale": "schedule", "order": "after"}),
    ("DecoupledSGD", {}, BOTH | SGD),
    ("DecoupledSGD", {"momentum": 0.9}, MOMENTUM),
    ("ProximalSGD", {}, SGD | {"order": "proximal"}),
    ("CautiousAdamW", {}, {"mask": "cautious"}),
]
PLANTED: list[tuple[str, dict[str, Any], Row]] = [
    ("AdamWTwin", {}, {}),
    ("DecayForgotten", {}, NONE),
    ("CoupledL2", {}, COUPLED),
    ("DecayAfterUpdate", {}, {"order": "after"}),
    ("DecayNotTimesLr", {}, {"scale": "constant"}),
    ("DecayTimesLrSquared", {}, {"scale": "lr_squared"}),
    ("WrongSign", {}, {"strength": "-1", "zero_gradient": "grows"}),
    ("DecayTwice", {}, {"strength": ""}),
    ("DecayCaptured", {}, {"groups": "captured"}),
    ("HiddenDecay", {}, {"hidden_decay": "yes", "update_depends_on_weight": "yes"}),
    ("DecayHalved", {}, {"strength": "0.5"}),
    ("StaleLr", {}, {"scale": "initial_lr"}),
    ("DefaultDecayForAllGroups", {}, {"groups": "constructor"}),
    ("DecayOnlyWhereGradient", {}, {"zero_gradient": "untouched"}),
    ("ProximalDecay", {}, {"order": "proximal"}),
    ("ExponentialDecay", {}, {"strength": ""}),  # no constant factor is exp(-x)
    ("SignDecay", {}, UNKNOWN),
    ("BiasCorrectedLrDecay", {}, {"scale": "bias_corrected_lr"}),
    ("SecondMomentWithoutRoot", {}, OTHER | {"scale_free": "no"}),
    ("DecayInsideMoments", {}, UNKNOWN),
    ("DecayScaledByGradient", {}, UNKNOWN),
    ("AdamTwin", {}, COUPLED),
    ("CoupledButDecoupled", {}, {}),
    ("AdamDecayForgotten", {}, NONE),
    ("AdamDecayTwice", {}, COUPLED | {"strength": "2"}),
    ("AdamSquaredDenominator", {}, COUPLED | OTHER | {"scale_free": "no"}),
    ("SgdTwin", {"momentum": 0.9}, COUPLED | MOMENTUM),
    ("SgdDecayForgotten", {"momentum": 0.9}, NONE | MOMENTUM),
    ("SgdDecayTwice", {"momentum": 0.9}, COUPLED | MOMENTUM | {"strength": "2"}),
    ("SgdDecayNotTimesLr", {}, SGD | {"scale": "constant"}),
    ("SgdDecayNotTimesLr", {"momentum": 0.9}, IN_MOMENTUM | {"scale": "constant"}),
    ("SgdDecayAfterUpdate", {}, SGD | {"order": "after"}),
    ("SgdDecayAfterUpdate", {"momentum": 0.9}, UNKNOWN | MOMENTUM),
    ("SgdDecayOutsideMomentum", {"momentum": 0.9}, MOMENTUM),
    ("SgdDecayOnlyWhereGradient", {"momentum": 0.9}, COUPLED | MOMENTUM | {"zero_gradient": "untouched"}),
    ("SgdWrongSign", {"momentum": 0.9}, COUPLED | MOMENTUM | {"strength": "-1", "zero_gradient": "grows"}),
]
INSIDE: Row = {"step_rule": "sign", "coupling": "inside_sign", "scale": "gradient", "order": "inside"}
NAMED: list[tuple[str, dict[str, Any], Row]] = [
    ("LionDecayInsideSign", {}, INSIDE),
    ("LionDirectionInsideSign", {}, INSIDE | {"strength": "", "mask": ""}),
    (
        "Lars",
        {},
        TRUST
        | {"scale_free": "by_tensor", "coupling": "through_norm", "scale": "gradient", "order": "inside"}
        | {"strength": "", "mask": ""},
    ),
    ("LambCoupled", {}, TRUST | COUPLED),
    ("LambDecoupled", {}, TRUST | {"order": "before after"}),  # a norm of the decayed weight makes them the same map
    ("LambDecoupledFloored", {}, TRUST),
    ("LambDecoupledFlooredAfter", {}, TRUST | {"order": "after"}),
    ("LambMomentumDecoupled", {}, TRUST | {"scale_free": "by_tensor"}),
    ("AdamC", {}, {"scale": "lr_squared_over_max"}),
    ("PreviousLrDecay", {}, {"scale": "previous_lr"}),
    ("DecaySkipsFirstStep", {}, {}),
    ("DecayAtRandom", {}, UNKNOWN),
    ("DecayByFanIn", {}, {"strength": "", "other_shapes": "differs"}),
    ("MatricesDecayTwin", {}, {"other_shapes": "differs"}),
    ("ConstantShift", {}, UNKNOWN | {"weight_at_zero": "moves", "zero_gradient": ""}),
    ("OnceCautious", {}, {"mask": "", "zero_gradient": "untouched"}),
    ("FirstGroupForAll", {}, {"groups": "first"}),
    ("SgdDecayBuffer", {}, IN_MOMENTUM | {"scale": "constant", "strength": "0.1"}),
    ("SingleInside", {}, {"precision": "float32"}),
    ("SingleUpdate", {}, {"precision": "float32"}),
    ("RefusesDouble", {}, {"precision": "float32"}),
    ("StochasticRounding", {}, {}),
    ("KeepsRemainder", {}, {}),
]
TRUTH = [
    pytest.param(where(name), options, ADAMW | row, id="-".join([name, *map(str, options)]))
    for where, rows in (
        ("torch.optim:{}".format, TORCH),
        ("harness.optimizers:{}".format, OURS),
        (path, PLANTED),
        (path, NAMED),
    )
    for name, options, row in rows
]
# In float32 these get the same answers as in float64: the first float64 row of each
# combination of ANSWERS.
ANSWERS = ("coupling", "scale", "order")
IN_FLOAT32 = list(
    {
        tuple(row.values[2][name] for name in ANSWERS): row for row in reversed(TRUTH) if row.values[2]["precision"] == "float64"
    }.values()
)


@pytest.mark.parametrize(("path", "options", "truth"), TRUTH)
def test_every_subject_gets_its_true_answers(path: str, options: dict[str, Any], truth: Row) -> None:
    answers = findings_of(path, options)

    assert {name: " ".join(answers[name].values) for name in truth} == truth
    assert {name: finding.text for name, finding in answers.items() if not 0 < len(finding.text) < 140} == {}


@pytest.mark.parametrize(("path", "options", "truth"), IN_FLOAT32)
def test_the_answers_are_the_same_in_float32(path: str, options: dict[str, Any], truth: Row) -> None:
    answers = findings_of(path, options, in_float32=True)

    assert {name: " ".join(answers[name].values) for name in truth if name in answers} == {
        name: value for name, value in truth.items() if name in answers
    }


def test_every_mutant_has_a_row() -> None:
    assert {name for name, _, _ in PLANTED} == {*decay_rule.MUTANTS, *(twin.__name__ for twin in decay_rule.TWINS)}


@pytest.mark.parametrize("name", ["Rprop", "LBFGS", "SparseAdam"])
def test_an_optimizer_without_the_argument_has_no_decay(name: str) -> None:
    finding = finding_of("coupling", f"torch.optim:{name}")

    assert (finding.values, finding.text) == (("none",), REFUSED)
    assert finding_of("groups", f"torch.optim:{name}").values == ()


def test_all_questions_together_take_few_steps() -> None:
    before = WatchedOptimizer.steps_taken

    findings_of("torch.optim:AdamW")

    assert WatchedOptimizer.steps_taken - before <= 1_600  # about half a second


def test_the_names_of_questions_are_unique() -> None:
    assert len({question.name for question in QUESTIONS}) == len(QUESTIONS)
    assert {question.section for question in QUESTIONS} == {"precision", "update", "decay"}


def test_a_usual_finding_gives_its_numbers() -> None:
    text = findings_of("torch.optim:AdamW")["coupling"].text

    assert text.startswith("decoupled: in each of 20 steps weight decay takes 0.045 to 0.12 of each decaying w, and ")


@pytest.mark.parametrize("name", ["OnlyWhereItHelps", "CautiousBySignBits"])
def test_cautious_masks_may_differ_where_the_update_is_zero(name: str) -> None:
    """`>`, `>=` and a comparison of sign bits are the same mask everywhere else."""
    answers = findings_of(f"tests.mutants.styles.decays:{name}")
    assert {question: " ".join(answers[question].values) for question in ("coupling", "scale", "order", "mask")} == {
        "coupling": "decoupled",
        "scale": "lr",
        "order": "before",
        "mask": "cautious",
    }


def test_an_inverted_mask_is_described() -> None:
    assert "cautious inverted" in finding_of("mask", path("OnceCautious")).text
