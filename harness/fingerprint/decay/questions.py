"""Questions about the coupling, the order and the mask of the decay."""

from __future__ import annotations

from torch import Tensor

from harness.fingerprint.decay import scale
from harness.fingerprint.decay.rule import DecayRule, decay_rule
from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.replay import Step, replay
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.question import Question

WHERE = {
    "before": "to the weight before the update",
    "after": "to the updated weight",
    "proximal": "to the updated weight, which is divided by 1 + scale x weight_decay",
    "inside": "in the update itself",
}


def _ask_coupling(runner: SubjectRunner) -> Finding:
    rule = decay_rule(runner)
    effect = rule.replayed_run.effect
    if rule.coupling == ("none",) and runner.first_value("precision") == "float32_settings":
        effect = replay(SubjectRunner(runner.path, runner.options), rule.replayed_run.sequence).effect
        if effect:
            text = f"unknown: weight_decay changes no weight by more than {effect:.1g}, which float32 weights do not show"
            return Finding((), text, {"effect": effect})
    return Finding(rule.coupling, rule.text, {"effect": effect})


def _ask_order(runner: SubjectRunner) -> Finding:
    rule = decay_rule(runner)
    if rule.coupling == ("averaged",):
        return Finding((), "unknown: the weights are averages, and do not show at which point of a step the decay is applied")
    if not rule.order:
        return Finding(
            (), "unknown: " + ("there is no weight decay" if rule.coupling == ("none",) else "weight decay has no known form")
        )
    if "decoupled" not in rule.coupling:
        return Finding(("inside",), "weight decay is part of the update")
    order = scale.fitting_orders(runner)
    text = " or ".join(WHERE[word] for word in order) + (", with the same result here" if len(order) > 1 else "")
    return Finding(order, f"weight decay is applied {text}")


def _ask_mask(runner: SubjectRunner) -> Finding:
    rule = decay_rule(runner)
    if "decoupled" not in rule.coupling:
        return _mask_unless_decoupled(rule)
    steps = [step for step in rule.replayed_run.steps if step.moved.any()]
    total = sum(int(step.weight.count_nonzero()) for step in steps)
    moved = sum(int(step.moved.sum()) for step in steps)
    share = {"decaying": moved / total}
    if all(bool((step.moved | (step.gradient == 0) | (step.weight == 0)).all()) for step in steps):
        coordinates = "all coordinates" if moved == total else "all coordinates with a gradient"
        return Finding(
            ("none",), f"{coordinates} decay ({moved} of {total}, counted in {len(steps)} pairs of step and tensor)", share
        )
    if all(bool((step.moved == _cautious_mask(step))[step.update != 0].all()) for step in steps):
        return Finding(("cautious",), f"{moved} of {total} coordinates decay: those that the update moves toward zero", share)
    if not any(bool((step.moved & _cautious_mask(step))[step.update != 0].any()) for step in steps):
        return Finding(
            (),
            f"unknown: {moved} of {total} coordinates decay: those that the update moves away from zero (cautious inverted)",
            share,
        )
    return Finding((), f"unknown: {moved} of {total} coordinates decay, and none of the known masks selects these", share)


def _mask_unless_decoupled(rule: DecayRule) -> Finding:
    """Return the finding about the mask of a decay that is not decoupled."""
    if rule.coupling == ("none",):
        return Finding((), "unknown: there is no weight decay")
    if rule.coupling in (("averaged",), ("inside_momentum",)):
        return Finding(("none",), "all coordinates decay: the decay of a step is a multiple of a whole tensor")
    if rule.added is None:
        known = "behind a norm the decay of a single coordinate cannot be measured"
        return Finding((), f"unknown: {known if rule.coupling else 'weight decay has no known form'}")
    return Finding(("none",), "weight decay is added to the gradient of every coordinate")


def _cautious_mask(step: Step) -> Tensor:
    """Return True for each coordinate that the update shrinks or leaves unchanged."""
    return step.update * step.weight <= 0


COUPLING = Question("coupling", "decay", _ask_coupling, purpose="rule", in_sentence=True)
ORDER = Question("order", "decay", _ask_order, purpose="rule", in_sentence=True)
MASK = Question("mask", "decay", _ask_mask, purpose="rule", in_sentence=True)
