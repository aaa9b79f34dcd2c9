"""What is weight_decay multiplied by, and by how much besides?

Two walks with learning rates that go up and down, from two base rates at two weight decays, give a share of the weight for
each step. A scale and a form (1 - x, (1 - x)^2, exp(-x), 1/(1 + x)) fit if they leave one factor for all of them: the strength.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import torch

from harness.fingerprint.decay.rule import DecayFraction, DecayRule, decay_rule, first_decaying_step, infer_rule
from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.gradient_sequence import OTHER_BUILT, OTHER_DECAY, OTHER_LRS, GradientSequence, draw_sequence
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.question import Question
from harness.fingerprint.update.rule import constants

Betas = tuple[float, float]
ROUNDED_RATE = 8 * float(torch.finfo(torch.float32).eps)  # some keep lr x weight_decay itself in float32, beside double weights


@dataclass(frozen=True)
class Form:
    """What a share of the weight is of x = scale x weight_decay: `undo` gives x from the share."""

    says: str
    undo: Callable[[float], float]
    times: float = 1.0


PLAIN = Form("", lambda share: share)
PROXIMAL = Form("", lambda share: share / (1 - share))
FORMS = {
    "plain": PLAIN,
    "twice": Form("twice a step: (1 - x)^2", lambda share: 1 - math.sqrt(1 - share), times=2.0),
    "exponential": Form("as exp(-x) instead of 1 - x", lambda share: -math.log(1 - share)),
    "divided": Form("as 1/(1 + x) instead of 1 - x", PROXIMAL.undo),
}


@dataclass(frozen=True)
class Rates:
    """The learning rates of the steps so far, the constructor's, and the group's own when it was built."""

    steps: tuple[float, ...]
    constructor: float
    own: float


Start = Callable[[Rates], float]
Of = Callable[[Rates, Betas], float]
STARTS: Mapping[str, Start] = {
    "the group's first lr": lambda rates: rates.own,
    "the constructor's lr": lambda rates: rates.constructor,
    "the first step's lr": lambda rates: rates.steps[0],
}


@dataclass(frozen=True)
class Scale:
    """What weight_decay may be multiplied by: the contract's word, or none where it has none, how it is said, and the number."""

    word: str
    says: str
    of: Of


def _from_a_start(says: str, start: Start) -> tuple[Scale, ...]:
    """Return the scales that rest on a learning rate from before the first step, or of the first step."""
    return (
        Scale("schedule", f"lr / {says}", lambda rates, betas: rates.steps[-1] / start(rates)),
        Scale("initial_lr", says, lambda rates, betas: start(rates)),
        Scale("", f"lr^2 / {says}", lambda rates, betas: _over(rates, start(rates))),
        Scale("previous_lr", f"the lr before, at first {says}", lambda rates, betas: (start(rates), *rates.steps)[-2]),
    )


def _over(rates: Rates, largest: float) -> float:
    return rates.steps[-1] ** 2 / largest


def _bias_corrected(rates: Rates, betas: Betas) -> float:
    steps = len(rates.steps)
    return rates.steps[-1] * math.sqrt(1 - betas[1] ** steps) / (1 - betas[0] ** steps)


SCALES: tuple[Scale, ...] = (
    Scale("lr", "lr", lambda rates, betas: rates.steps[-1]),
    Scale("constant", "nothing", lambda rates, betas: 1.0),
    Scale("lr_squared_over_max", "lr^2 / largest lr so far", lambda rates, betas: _over(rates, max(rates.steps))),
    *(scale for says, start in STARTS.items() for scale in _from_a_start(says, start)),
    Scale("lr_squared_over_max", "lr^2 / largest of the group's lr", lambda rates, _: _over(rates, max(*rates.steps, rates.own))),
    Scale("lr_squared_over_max", "lr^2 / largest given lr", lambda rates, _: _over(rates, max(*rates.steps, rates.constructor))),
    Scale("bias_corrected_lr", "Adam's bias-corrected lr", _bias_corrected),
    Scale("lr_squared", "lr^2", lambda rates, betas: rates.steps[-1] ** 2),
)


@dataclass(frozen=True)
class Scaled:
    """The scale and the form that leave one factor, that factor a tensor, and how much it varies."""

    scale: Scale
    form: Form
    proximal: bool
    strengths: tuple[float, ...]
    spread: float


@dataclass(frozen=True)
class Taken:
    """One measured share, with what it may have been computed from."""

    share: DecayFraction
    rates: Rates
    weight_decay: float


@lru_cache(maxsize=8)
def taken(runner: SubjectRunner) -> tuple[Taken, ...]:
    """Return every share of both walks, from the first step on that decays; none if either walk is not decoupled."""
    first = decay_rule(runner)
    if not first.shares:
        return ()
    found = [_of(one) for one in (first, _other(runner, first.replayed_run.sequence))]
    return tuple(one for part in found for one in part) if all(found) else ()


def _other(runner: SubjectRunner, sequence: GradientSequence) -> DecayRule:
    """Return the law of the other walk, which is built with learning rates that are not the first step's."""
    other = draw_sequence(OTHER_LRS, OTHER_DECAY, silent=bool((sequence.gradients[0][0] == 0).any()), seed=1)
    try:
        return infer_rule(runner, replace(other, built=OTHER_BUILT))
    except Exception:  # some take tensors only, and no groups
        return infer_rule(runner, replace(other, built=(OTHER_BUILT[0], OTHER_BUILT[0])))


def _of(one: DecayRule) -> list[Taken]:
    start, sequence = first_decaying_step(one.shares), one.replayed_run.sequence
    constructor, own = sequence.built or (sequence.lrs[0], sequence.lrs[0])
    return [
        Taken(share, Rates(sequence.lrs[: share.number + 1], constructor, own), sequence.weight_decay)
        for share in one.shares
        if share.number >= start
    ]


@lru_cache(maxsize=8)
def measured(runner: SubjectRunner) -> Scaled | None:
    """Return the scale and form that fit a decoupled decay, or None."""
    seen, betas = taken(runner), _betas(runner)
    if not seen:
        return None
    after = decay_rule(runner).order[-1:] == ("after",)
    for form in ([PLAIN, PROXIMAL] if after else []) + list(FORMS.values()):
        for scale in SCALES:
            fit = _fit(seen, form, scale, betas)
            if fit and fit[1] <= max(math.sqrt(runner.eps), ROUNDED_RATE):
                return Scaled(scale, form, form is PROXIMAL, *fit)
    return None


def _fit(seen: Sequence[Taken], form: Form, scale: Scale, betas: Betas) -> tuple[tuple[float, ...], float] | None:
    """Return the factor that a form and a scale leave, one a tensor, and how much it varies over the steps."""
    ratios: dict[int, list[float]] = {}
    for one in seen:
        try:
            x = form.undo(one.share.taken)
        except (ValueError, ZeroDivisionError):  # a share that this form cannot give
            return None
        ratio = x / (scale.of(one.rates, betas) * one.weight_decay)
        ratios.setdefault(one.share.tensor, []).append(ratio)
    means = [sum(part) / len(part) for part in ratios.values()]
    spreads = [(max(part) - min(part)) / abs(mean) for part, mean in zip(ratios.values(), means, strict=True) if mean]
    return (tuple(means), max(spreads)) if len(spreads) == len(means) else None


def _betas(runner: SubjectRunner) -> Betas:
    """Return the betas of a built optimizer's group, Adam's where it has none."""
    weight = torch.nn.Parameter(torch.ones(2, 2, dtype=runner.dtype))
    beta1, beta2, _ = constants(runner.make([weight], lr=0.1, weight_decay=0.1).param_groups[0])
    return beta1, beta2


def order(runner: SubjectRunner) -> tuple[str, ...]:
    """Return the orders that fit: after and proximal differ only in how the share depends on the scale."""
    fit = measured(runner)
    return tuple("proximal" if one == "after" and fit and fit.proximal else one for one in decay_rule(runner).order)


def _ask_scale(runner: SubjectRunner) -> Finding:
    found, fit = decay_rule(runner), measured(runner)
    inside = ("gradient",) if found.order[:1] == ("inside",) else ()
    words = (*inside, *((fit.scale.word,) if fit and fit.scale.word else ()))
    if fit and not inside:
        walked = len(taken(runner))
        says = f"one factor times {_named(fit.scale)} fits all {walked} measured shares (spread {fit.spread:.0e})"
        return Finding(words, says if words else f"no scale that has a name: {says}", {"spread": fit.spread})
    if words:
        return Finding(
            words, "whatever the update rule multiplies a gradient by" + (f", which is {fit.scale.says}" if fit else "")
        )
    if not found.shares:
        return Finding((), "unknown: " + ("there is no decay" if found.coupling == ("none",) else "the decay has no known form"))
    shares = [one.taken for one in found.shares]
    return Finding(
        (), f"unknown: the decay takes {min(shares):.4g} to {max(shares):.4g} of w, by none of the known learning rates"
    )


def _named(scale: Scale) -> str:
    return "weight_decay alone" if scale.word == "constant" else f"{scale.says} x weight_decay"


def _ask_strength(runner: SubjectRunner) -> Finding:
    found, fit = decay_rule(runner), measured(runner)
    if found.added is not None:
        return _strength(found.added, f"the gradient takes {found.added:.6g} x weight_decay x w")
    if found.coupling == ("none",):
        return Finding((), "unknown: there is no decay")
    if not fit:
        return Finding((), "unknown: no constant factor could be measured")
    factor = fit.form.times * fit.strengths[0]
    if any(
        not math.isclose(fit.form.times * one, factor, rel_tol=max(math.sqrt(runner.eps), ROUNDED_RATE)) for one in fit.strengths
    ):
        shown = ", ".join(f"{one:.4g}" for one in fit.strengths)
        return Finding((), f"unknown: the factor differs between tensors ({shown})", {"smallest": min(fit.strengths)})
    if fit.form in (FORMS["exponential"], FORMS["divided"]):
        return Finding((), f"decay acts {fit.form.says}, which no constant factor is", {"first_order": factor})
    return _strength(
        factor, f"the decay is {factor:.6g} x {_named(fit.scale)} x w" + (f", {fit.form.says}" if fit.form.says else "")
    )


def _strength(factor: float, says: str) -> Finding:
    return Finding((f"{factor:.6g}",), says, {"strength": factor})


QUESTIONS: tuple[Question, ...] = (
    Question("scale", "decay", "What is weight_decay multiplied by?", _ask_scale, usual=("lr",), role="rule", in_sentence=True),
    Question(
        "strength",
        "decay",
        "What is the decay, as a multiple of scale x weight_decay x w?",
        _ask_strength,
        usual=("1",),
        role="rule",
        in_sentence=True,
    ),
)
