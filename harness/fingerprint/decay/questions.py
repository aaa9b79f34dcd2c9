"""Questions about the coupling, the order and the mask of the decay."""

from __future__ import annotations

from torch import Tensor

from harness.fingerprint.decay import scale
from harness.fingerprint.decay.rule import DecayRule, decay_rule
from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.replay import Step
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.question import Question

WHERE = {
    "inside": "in the update itself",
    "before": "on the weight of before the update",
    "after": "on the updated weight",
    "proximal": "as a division of the updated weight by 1 + the decay",
}


def _ask_coupling(runner: SubjectRunner) -> Finding:
    rule = decay_rule(runner)
    return Finding(rule.coupling, rule.says, {"effect": rule.replayed_run.effect})


def _ask_order(runner: SubjectRunner) -> Finding:
    rule = decay_rule(runner)
    if not rule.order:
        return Finding((), "unknown: " + ("there is no decay" if rule.coupling == ("none",) else "the decay has no known form"))
    if "decoupled" not in rule.coupling:
        return Finding(("inside",), "the decay is part of the update")
    order = scale.fitting_orders(runner)
    says = " or ".join(WHERE[word] for word in order) + (", the same thing here" if len(order) > 1 else "")
    fit = scale.fit_scale(runner)
    return Finding(order, f"decay acts {says}" + (f", {fit.form.says}" if fit and fit.form.says else ""))


def _ask_mask(runner: SubjectRunner) -> Finding:
    rule = decay_rule(runner)
    if "decoupled" not in rule.coupling:
        return _mask_unless_decoupled(rule)
    steps = [step for step in rule.replayed_run.steps if step.moved.any()]
    total = sum(int(step.weight.count_nonzero()) for step in steps)
    moved = sum(int(step.moved.sum()) for step in steps)
    share = {"decaying": moved / total}
    if all(bool((step.moved | (step.gradient == 0) | (step.weight == 0)).all()) for step in steps):
        coordinates = "all" if moved == total else "all with a gradient"
        return Finding(
            ("none",), f"{coordinates} of the coordinates decay ({moved} of {total} over {len(steps)} tensor-steps)", share
        )
    if all(bool((step.moved == _cautious_mask(step)).all()) for step in steps):
        return Finding(("cautious",), f"{moved} of {total} coordinates decay: those that the update shrinks as well", share)
    if not any(bool((step.moved & _cautious_mask(step)).any()) for step in steps):
        return Finding(
            (), f"unknown: {moved} of {total} coordinates decay: those that the update grows (cautious inverted)", share
        )
    return Finding((), f"unknown: {moved} of {total} coordinates decay, by neither update nor zero gradients", share)


def _mask_unless_decoupled(rule: DecayRule) -> Finding:
    """Return the finding about the mask of a decay that is not decoupled."""
    if rule.coupling == ("none",):
        return Finding((), "unknown: there is no decay")
    if rule.added is None:
        return Finding((), "unknown: the decay is none that could be told coordinate by coordinate")
    return Finding(("none",), "every coordinate's gradient takes its part of the decay")


def _cautious_mask(step: Step) -> Tensor:
    """Return True for each coordinate that the update shrinks or leaves unchanged."""
    return step.update * step.weight <= 0


COUPLING = Question(
    "coupling",
    "decay",
    "How does the decay reach the weight?",
    _ask_coupling,
    usual=("decoupled",),
    role="rule",
    in_sentence=True,
)
ORDER = Question(
    "order", "decay", "Where does the decay stand to the update?", _ask_order, usual=("before",), role="rule", in_sentence=True
)
MASK = Question("mask", "decay", "Which coordinates decay?", _ask_mask, usual=("none",), role="rule", in_sentence=True)
