"""What does weight decay do here? Coupling, order and mask."""

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
    found = decay_rule(runner)
    return Finding(found.coupling, found.says, {"effect": found.replayed_run.effect})


def _ask_order(runner: SubjectRunner) -> Finding:
    found = decay_rule(runner)
    if not found.order:
        return Finding((), "unknown: " + ("there is no decay" if found.coupling == ("none",) else "the decay has no known form"))
    if "decoupled" not in found.coupling:
        return Finding(("inside",), "the decay is part of the update")
    order = scale.order(runner)
    says = " or ".join(WHERE[one] for one in order) + (", the same thing here" if len(order) > 1 else "")
    form = scale.measured(runner)
    return Finding(order, f"decay acts {says}" + (f", {form.form.says}" if form and form.form.says else ""))


def _ask_mask(runner: SubjectRunner) -> Finding:
    found = decay_rule(runner)
    if "decoupled" not in found.coupling:
        return _unmasked(found)
    steps = [step for step in found.replayed_run.steps if step.moved.any()]
    seen = sum(int(step.weight.count_nonzero()) for step in steps)
    moved = sum(int(step.moved.sum()) for step in steps)
    share = {"decaying": moved / seen}
    if all(bool((step.moved | (step.gradient == 0) | (step.weight == 0)).all()) for step in steps):
        what = "all" if moved == seen else "all with a gradient"
        return Finding(("none",), f"{what} of the coordinates decay ({moved} of {seen} over {len(steps)} tensor-steps)", share)
    if all(bool((step.moved == _as_if_cautious(step)).all()) for step in steps):
        return Finding(("cautious",), f"{moved} of {seen} coordinates decay: those that the update shrinks as well", share)
    if not any(bool((step.moved & _as_if_cautious(step)).any()) for step in steps):
        return Finding(
            (), f"unknown: {moved} of {seen} coordinates decay: those that the update grows (cautious inverted)", share
        )
    return Finding((), f"unknown: {moved} of {seen} coordinates decay, by neither update nor zero gradients", share)


def _unmasked(found: DecayRule) -> Finding:
    if found.coupling == ("none",):
        return Finding((), "unknown: there is no decay")
    if found.added is None:
        return Finding((), "unknown: the decay is none that could be told coordinate by coordinate")
    return Finding(("none",), "every coordinate's gradient takes its part of the decay")


def _as_if_cautious(step: Step) -> Tensor:
    """Return the coordinates that the update shrinks, or leaves alone."""
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
