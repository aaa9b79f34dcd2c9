"""Questions about the scale that multiplies weight_decay, and the constant factor besides (strength).

Two runs, with learning rates that go up and down from two base rates and with two weight decays, give a share of the weight
for each step. A scale and a form fit if they leave one factor for all shares: the strength. With x = scale x weight_decay:

    scale                  x / weight_decay                                   example
    lr                     the learning rate of the step                      torch.optim:AdamW
    constant               1                                                  DecayNotTimesLr
    schedule               lr / the lr at the start                           harness.optimizers:IndependentAdamW
    initial_lr             the lr at the start                                StaleLr
    previous_lr            the lr of the step before                          PreviousLrDecay
    lr_squared             lr^2                                               DecayTimesLrSquared
    lr_squared_over_max    lr^2 / the largest lr                              AdamC
    bias_corrected_lr      Adam's bias-corrected lr                           BiasCorrectedLrDecay
    (no word)              lr^2 / the lr at the start                         LrOverStart in the self-test of this module
    gradient               coupled: the update rule's factor of a gradient    torch.optim:Adam

    form                   w is multiplied by                                 example
    plain                  1 - x                                              torch.optim:AdamW
    twice                  (1 - x)^2                                          DecayTwice
    exponential            exp(-x)                                            ExponentialDecay
    divided                1 / (1 + x)                                        ProximalDecay, whose order is `proximal`

The examples without a package are classes of `tests.mutants`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import torch

from harness.fingerprint.decay.kept_state import kept_decay
from harness.fingerprint.decay.rule import DecayRule, decay_rule, infer_rule
from harness.fingerprint.decay.shares import DecayFraction, first_decaying_step
from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.gradient_sequence import (
    OTHER_DECAY,
    OTHER_INITIAL_LRS,
    OTHER_LRS,
    GradientSequence,
    draw_sequence,
)
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.question import Question
from harness.fingerprint.update.rule import constants

Betas = tuple[float, float]
# Some optimizers compute lr x weight_decay in float32 and keep their weights in double.
ROUNDED_RATE = 8 * float(torch.finfo(torch.float32).eps)


@dataclass(frozen=True)
class Form:
    """Function that gives a share of the weight from x = k x scale x weight_decay; `undo` is its inverse, x from the share.

    `text` has the places `w` (the weight, or the updated weight) and `x`. `usual`: the share is x itself, or x as an implicit
    step has it, so that k is the strength.
    """

    text: str
    undo: Callable[[float], float]
    usual: bool = False


PLAIN = Form("{w} loses {x} of itself", lambda share: share, usual=True)
PROXIMAL = Form("{w} is divided by 1 + {x}", lambda share: share / (1 - share), usual=True)
FORMS = {
    "plain": PLAIN,
    "twice": Form("{w} is multiplied by (1 - {x})^2: the decay is applied twice", lambda share: 1 - math.sqrt(1 - share)),
    "exponential": Form("{w} is multiplied by exp(-{x})", lambda share: -math.log(1 - share)),
    "divided": Form("{w} is divided by 1 + {x}", PROXIMAL.undo),
}


@dataclass(frozen=True)
class Rates:
    """The learning rates of the steps so far, of the constructor, and of the group when it was built (`own`)."""

    steps: tuple[float, ...]
    constructor: float
    own: float


StartingRate = Callable[[Rates], float]
Multiplier = Callable[[Rates, Betas], float]
STARTING_RATES: Mapping[str, StartingRate] = {
    "the group's first lr": lambda rates: rates.own,
    "the constructor's lr": lambda rates: rates.constructor,
    "the first step's lr": lambda rates: rates.steps[0],
}


@dataclass(frozen=True)
class Scale:
    """What weight_decay is multiplied by: the contract's word (empty if it has none), its text, and its number at a step."""

    word: str
    text: str
    multiplier: Multiplier


def _scales_from_start(name: str, start: StartingRate) -> tuple[Scale, ...]:
    """Return the scales that depend on one of the starting rates, called `name` in their texts."""
    return (
        Scale("schedule", f"lr / {name}", lambda rates, betas: rates.steps[-1] / start(rates)),
        Scale("initial_lr", name, lambda rates, betas: start(rates)),
        Scale("", f"lr^2 / {name}", lambda rates, betas: _over(rates, start(rates))),
        Scale("previous_lr", f"the previous lr, at first {name}", lambda rates, betas: (start(rates), *rates.steps)[-2]),
    )


def _over(rates: Rates, largest: float) -> float:
    """Return the squared learning rate of the last step over `largest`."""
    return rates.steps[-1] ** 2 / largest


def _bias_corrected(rates: Rates, betas: Betas) -> float:
    """Return Adam's step size at the last step: lr x sqrt(1 - beta2^t) / (1 - beta1^t)."""
    steps = len(rates.steps)
    return rates.steps[-1] * math.sqrt(1 - betas[1] ** steps) / (1 - betas[0] ** steps)


SCALES: tuple[Scale, ...] = (
    Scale("lr", "lr", lambda rates, betas: rates.steps[-1]),
    Scale("constant", "1", lambda rates, betas: 1.0),
    Scale("lr_squared_over_max", "lr^2 / largest lr so far", lambda rates, betas: _over(rates, max(rates.steps))),
    *(scale for name, start in STARTING_RATES.items() for scale in _scales_from_start(name, start)),
    Scale("lr_squared_over_max", "lr^2 / largest of the group's lr", lambda rates, _: _over(rates, max(*rates.steps, rates.own))),
    Scale("lr_squared_over_max", "lr^2 / largest given lr", lambda rates, _: _over(rates, max(*rates.steps, rates.constructor))),
    Scale("bias_corrected_lr", "Adam's bias-corrected lr", _bias_corrected),
    Scale("lr_squared", "lr^2", lambda rates, betas: rates.steps[-1] ** 2),
)


@dataclass(frozen=True)
class ScaleFit:
    """The scale and form that leave one factor, that factor for each tensor, and its relative spread over the steps.

    `after`: the share is one of the updated weight.
    """

    scale: Scale
    form: Form
    after: bool
    strengths: tuple[float, ...]
    spread: float


@dataclass(frozen=True)
class MeasuredShare:
    """One measured share, with the learning rates and the weight decay that it may depend on."""

    share: DecayFraction
    rates: Rates
    weight_decay: float


@lru_cache(maxsize=8)
def measured_shares(runner: SubjectRunner) -> tuple[MeasuredShare, ...]:
    """Return every share of both runs from the first decaying step on, or nothing if either run is not decoupled."""
    first = decay_rule(runner)
    if not first.shares:
        return ()
    other = _other(runner, first.replayed_run.sequence)
    if first.coupling == ("averaged",):  # a run of few steps may hold one averaging only, which looks like a weaker decay
        kept = kept_decay(runner, other.replayed_run)
        other = replace(other, shares=kept.shares if kept else ())
    parts = [_shares_of(rule) for rule in (first, other)]
    return tuple(share for part in parts for share in part) if all(parts) else ()


def _other(runner: SubjectRunner, sequence: GradientSequence) -> DecayRule:
    """Return the decay rule of the second run, whose optimizer is built with other learning rates than the first step's."""
    other = draw_sequence(OTHER_LRS, OTHER_DECAY, silent=bool((sequence.gradients[0][0] == 0).any()), seed=1)
    try:
        return infer_rule(runner, replace(other, built=OTHER_INITIAL_LRS))
    except Exception:
        # Some optimizers take tensors only. With one learning rate for both, no group is needed.
        return infer_rule(runner, replace(other, built=(OTHER_INITIAL_LRS[0], OTHER_INITIAL_LRS[0])))


def _shares_of(rule: DecayRule) -> list[MeasuredShare]:
    """Return the measured shares of one run."""
    start, sequence = first_decaying_step(rule.shares), rule.replayed_run.sequence
    constructor, group = sequence.built or (sequence.lrs[0], sequence.lrs[0])
    return [
        MeasuredShare(share, Rates(sequence.lrs[: share.number + 1], constructor, group), sequence.weight_decay)
        for share in rule.shares
        if share.number >= start
    ]


@lru_cache(maxsize=8)
def fit_scale(runner: SubjectRunner) -> ScaleFit | None:
    """Return the first scale and form that fit the shares of a decoupled decay, or None."""
    shares, betas = measured_shares(runner), _betas(runner)
    if not shares:
        return None
    after = decay_rule(runner).order[-1:] == ("after",)
    for form in ([PLAIN, PROXIMAL] if after else []) + list(FORMS.values()):
        for scale in SCALES:
            fit = _fit(shares, form, scale, betas)
            if fit and fit[1] <= max(math.sqrt(runner.eps), ROUNDED_RATE):
                return ScaleFit(scale, form, after, *fit)
    return None


def _fit(shares: Sequence[MeasuredShare], form: Form, scale: Scale, betas: Betas) -> tuple[tuple[float, ...], float] | None:
    """Return the factor that form and scale leave in each tensor, and its relative spread over the steps, or None."""
    ratios: dict[int, list[float]] = {}
    for entry in shares:
        try:
            x = form.undo(entry.share.taken)
        except (ValueError, ZeroDivisionError):  # the form cannot give this share
            return None
        ratio = x / (scale.multiplier(entry.rates, betas) * entry.weight_decay)
        ratios.setdefault(entry.share.tensor, []).append(ratio)
    means = [sum(part) / len(part) for part in ratios.values()]
    spreads = [(max(part) - min(part)) / abs(mean) for part, mean in zip(ratios.values(), means, strict=True) if mean]
    return (tuple(means), max(spreads)) if len(spreads) == len(means) else None


def _betas(runner: SubjectRunner) -> Betas:
    """Return the betas of the optimizer's parameter group, or Adam's default if it has none."""
    weight = torch.nn.Parameter(torch.ones(2, 2, dtype=runner.dtype))
    beta1, beta2, _ = constants(runner.make([weight], lr=0.1, weight_decay=0.1).param_groups[0])
    return beta1, beta2


def fitting_orders(runner: SubjectRunner) -> tuple[str, ...]:
    """Return the orders that fit.

    `after` and `proximal` differ only in how the share depends on the scale, so both fit if no scale is known.
    """
    fit, order = fit_scale(runner), decay_rule(runner).order
    if order[-1:] != ("after",) or (fit and fit.form is not PROXIMAL):
        return order
    return (*order[:-1], *(("proximal",) if fit else ("after", "proximal")))


def _ask_scale(runner: SubjectRunner) -> Finding:
    rule, fit = decay_rule(runner), fit_scale(runner)
    inside = ("gradient",) if rule.order[:1] == ("inside",) and rule.coupling != ("inside_momentum",) else ()
    words = (*inside, *((fit.scale.word,) if fit and fit.scale.word else ()))
    if fit and not inside:
        count = len(measured_shares(runner))
        text = f"in all {count} steps {_text(fit, 'k')} (k constant to {fit.spread:.0e})"
        return Finding(words, text if words else f"the contract has no word for this scale: {text}", {"spread": fit.spread})
    if words:
        return Finding(
            words, "the factor by which the update rule multiplies a gradient" + (f", which is {fit.scale.text}" if fit else "")
        )
    if not rule.shares:
        return Finding(
            (), "unknown: " + ("there is no weight decay" if rule.coupling == ("none",) else "weight decay has no known form")
        )
    rhythm = _rhythm(rule)
    if rhythm:
        return Finding((), f"unknown: {rhythm}")
    shares = [share.taken for share in rule.shares]
    return Finding((), f"unknown: weight decay subtracts {min(shares):.4g} to {max(shares):.4g} x w, which fits no known scale")


def _rhythm(rule: DecayRule) -> str:
    """Return in words that weight decay acts in every k-th step only; empty if it acts in another way."""
    sequence = rule.replayed_run.sequence
    acting = [share for share in rule.shares if share.taken and share.tensor == rule.shares[0].tensor]
    numbers = [share.number for share in acting]
    gaps = {later - earlier for earlier, later in itertools.pairwise(numbers)}
    if len(gaps) != 1 or gaps == {1}:
        return ""
    (every,) = gaps
    factors = [share.taken / (sequence.lrs[share.number] * sequence.weight_decay) for share in acting]
    low, high = min(factors), max(factors)
    strength = f"{low:.4g}" if math.isclose(low, high, rel_tol=1e-6) else f"{low:.4g} to {high:.4g}"
    ordinal = {2: "2nd", 3: "3rd"}.get(every, f"{every}th")
    return f"weight decay acts in every {ordinal} step only, and there takes {strength} x lr x weight_decay of w"


def _named(scale: Scale) -> str:
    if scale.word == "constant":
        return "weight_decay"
    return f"({scale.text}) x weight_decay" if {",", "/"} & set(scale.text) else f"{scale.text} x weight_decay"


def _ask_strength(runner: SubjectRunner) -> Finding:
    rule, fit = decay_rule(runner), fit_scale(runner)
    if rule.added is not None:
        return _strength(rule.added, f"{rule.added:.6g} x weight_decay x w is added to the gradient")
    if rule.coupling == ("none",):
        return Finding((), "unknown: there is no weight decay")
    if not fit:
        return Finding((), "unknown: no constant factor fits the decay")
    factor = fit.strengths[0]
    if any(not math.isclose(strength, factor, rel_tol=max(math.sqrt(runner.eps), ROUNDED_RATE)) for strength in fit.strengths):
        shown = ", ".join(f"{strength:.4g}" for strength in fit.strengths)
        return Finding((), f"unknown: the factor differs between tensors ({shown})", {"smallest": min(fit.strengths)})
    text = _text(fit, "" if math.isclose(factor, 1.0, rel_tol=ROUNDED_RATE) else f"{factor:.6g}")
    if not fit.form.usual:
        return Finding((), f"unknown: {text}", {"first_order": factor})
    return _strength(factor, text)


def _text(fit: ScaleFit, factor: str) -> str:
    """Return in words what a step does to the weight; `factor` stands before scale x weight_decay."""
    x = " x ".join([*([factor] if factor else []), _named(fit.scale)])
    return fit.form.text.format(w="the updated w" if fit.after else "w", x=x)


def _strength(factor: float, text: str) -> Finding:
    return Finding((f"{factor:.6g}",), text, {"strength": factor})


QUESTIONS: tuple[Question, ...] = (
    Question("scale", "decay", _ask_scale, purpose="rule", in_sentence=True),
    Question("strength", "decay", _ask_strength, purpose="rule", in_sentence=True),
)
