"""Rule of a decay: whether it acts beside the update, in the gradient, inside a sign or through a norm.

    coupling                condition                                                           example
    none                    weight_decay changes no weight                                      DecayForgotten
    decoupled               each step's decay is a share of w, and the update holds no decay    torch.optim:AdamW
                            ... or a share of the updated w (order `after`)                     DecayAfterUpdate
    coupled_l2              adding s x weight_decay x w to the gradient gives the same path     torch.optim:Adam
    coupled_l2, decoupled   both                                                                torch.optim:SGD, momentum 0
    inside_sign             each step is lr long, or 0, in every coordinate, with decay too     LionDecayInsideSign
    through_norm            a step's decay is a mix of w, update and gradient, rescaled         harness.optimizers:Lamb
    averaged                the decay acts on a point in the state; w is an average of such     schedule-free, Lookahead
    inside_momentum         the decay is added to a momentum in the state (see `kept_state`)    SgdDecayBuffer
    (unknown)               a share of w, the update holds earlier decay, and no state shows it BufferOfAll in its self-test
    (unknown)               added to the gradient, and taken from the weight too                L2AndDecoupled in its self-test
    (unknown)               any other, such as the same length for every weight (L1)            SignDecay

The examples without a package are classes of `tests.mutants`.

Decoupled has two conditions. At every step, the change by the decay is a share of the weight (before the update) or of the
updated weight (after it). And no decay of earlier steps is stored in the update: it equals that of a run with weight_decay 0
whose weights are set to those of the decayed run before each step. Without the second condition, an optimizer whose momentum
holds the decay of earlier steps would pass.
Coupled: a run without decay takes the same path if s x weight_decay x w is added to its gradients outside the optimizer.
Plain gradient descent meets the conditions of both, and gets both words.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

from harness.fingerprint.decay.kept_state import kept_decay
from harness.fingerprint.decay.shares import (
    DecayFraction,
    first_decaying_step,
    gap_of_decay_first,
    multiplies_up,
    shares_before_a_dependent_update,
    shares_of,
)
from harness.fingerprint.measuring.gradient_sequence import GradientSequence, default_sequence
from harness.fingerprint.measuring.replay import ReplayedRun, Step, replay, residual
from harness.fingerprint.measuring.subject_runner import SubjectRunner

USUAL_STRENGTHS = (1.0, 2.0, 0.5, -1.0)  # strengths that are tried before an unknown one is solved for
# Where the search for an unknown strength starts.
STRENGTH_GUESSES = tuple(sign * size for sign in (1, -1) for size in (0.03, 0.1, 0.2, 0.35, 0.7, 1.4, 3.0, 6.0, 10.0))
TINY = (1e-6, 3e-6)  # factors of the starts, so that weights are far below any floor of RMS(w)
INERT = "weight_decay has no effect: the weights are the same with and without it"


@dataclass(frozen=True)
class DecayRule:
    """Rule of the decay in one run: `shares` is empty unless it is decoupled, `added` is None unless it is coupled."""

    replayed_run: ReplayedRun
    coupling: tuple[str, ...]
    order: tuple[str, ...]
    shares: tuple[DecayFraction, ...]
    added: float | None
    text: str


@lru_cache(maxsize=8)
def decay_rule(runner: SubjectRunner) -> DecayRule:
    """Return the decay rule of the runner's optimizer on the default sequence."""
    rule = infer_rule(runner, default_sequence(runner))
    depends = runner.first_value("update_depends_on_weight")
    if rule.order != ("after",) or depends not in ("proportional", "yes"):
        return rule
    if depends == "proportional":
        return _order_below_floor(runner, rule)
    return replace(rule, order=("before", "after")) if _fits_before(runner, rule) else rule


def _fits_before(runner: SubjectRunner, rule: DecayRule) -> bool:
    """Return True if each step is also that of an optimizer that decays first and then updates the decayed weight.

    If the length of the update goes with the weight, as under a trust ratio, both orders give the same weights.
    """
    run = rule.replayed_run
    kept = torch.ones(len(run.decayed), len(run.sequence.lrs), dtype=torch.float64)
    for share in rule.shares:
        kept[share.tensor, share.number] -= share.taken
    return gap_of_decay_first(runner, run, list(kept)) <= run.tolerance


def _order_below_floor(runner: SubjectRunner, rule: DecayRule) -> DecayRule:
    """Return the rule with its order inferred again from tiny weights.

    If the update is proportional to RMS(w), `before` and `after` give the same weights. They differ only where RMS(w) is below
    the minimum that the optimizer uses for it. So the order is measured on tiny weights.
    """
    # Two steps only: the weights grow beyond the floor later.
    tiny_rule = infer_rule(runner, rule.replayed_run.sequence.from_starts(*TINY).first(2))
    below_floor = all(_ignores_weight(step) for step in tiny_rule.replayed_run.steps)
    order = tiny_rule.order if below_floor and tiny_rule.order else ("before", "after")
    return replace(rule, order=order)


def infer_rule(runner: SubjectRunner, sequence: GradientSequence) -> DecayRule:
    """Return the decay rule of the runner's optimizer on a sequence of gradients."""
    run = replay(runner, sequence)
    if not run.visible:
        return DecayRule(run, ("none",), (), (), None, INERT)
    shares = {order: fractions for order in ("before", "after") if (fractions := shares_of(run, order))}
    decoupled = bool(shares) and all(_holds_no_decay(step) for step in run.steps if run.replayed) and multiplies_up(run, shares)
    if not shares:
        shares = shares_before_a_dependent_update(runner, run)
        decoupled = bool(shares)
    added, masked = _added(runner, run, solve=not decoupled)
    coupling = _coupling(runner, run, added, has_shares=bool(shares), decoupled=decoupled)
    order = tuple(shares) if decoupled else ()
    if "coupled_l2" in coupling or not decoupled:
        order = (*(("inside",) if coupling and coupling[0] != "decoupled" else ()), *order)
    first_shares = next(iter(shares.values()), ())
    text = _describe(run, coupling, first_shares, order, added)
    if not coupling and not first_shares and _decays_twice(runner, run):
        text = "unknown: coupled L2 and decoupled at once: weight_decay x w is added to the gradient, and taken from w too"
    elif not coupling and run.replayed and (kept := kept_decay(runner, run)):
        words = (kept.coupling,) if kept.coupling else ()
        return DecayRule(run, words, ("inside",) if words == ("inside_momentum",) else (), kept.shares, None, kept.text)
    return DecayRule(
        run,
        coupling,
        order,
        first_shares if decoupled else (),
        added,
        text + ("; only where the gradient is not zero" if masked else ""),
    )


def _coupling(
    runner: SubjectRunner, run: ReplayedRun, added: float | None, *, has_shares: bool, decoupled: bool
) -> tuple[str, ...]:
    """Return the words for the coupling: two under plain gradient descent, none if no form fits."""
    if _moves_by_lr_or_not_at_all(run) and all(bool((step.decay * step.weight <= step.tolerance).all()) for step in run.steps):
        return ("inside_sign",)  # where the decay turns a step, it turns it toward zero
    words = (*(("coupled_l2",) if added is not None else ()), *(("decoupled",) if decoupled else ()))
    if words or has_shares or not run.replayed:
        return words
    rescaled = all(_is_combination(step) for step in run.steps) and not _has_steady_share(run)
    return ("through_norm",) if rescaled and _coordinates_interact(runner, run) else ()


def _holds_no_decay(step: Step) -> bool:
    """Return True if no earlier decay is stored in the update.

    Then a run without decay takes the same update, from the decayed weights or from its own. The second holds for an optimizer
    that keeps a copy of its weights, and so does not see weights that are written from outside.
    """
    updates = (step.update_without_decay_history, step.alone)
    return any(float((step.update - update).abs().max()) <= step.tolerance for update in updates)


def _ignores_weight(step: Step) -> bool:
    """Return True if the update equals that of the run without decay, on other weights: it does not depend on the weight."""
    return float((step.update - step.alone).abs().max()) <= step.tolerance


def _has_steady_share(run: ReplayedRun) -> bool:
    """Return True if the coefficient of w is constant or proportional to the learning rate: no norm has rescaled the decay.

    The rest of the decay is then a change of the update, whose norm sees the decayed weight.
    """
    taken = [-float(residual(step.decay, step.weight, step.update, step.gradient)[1][0]) for step in run.steps]
    by_rate = [share / run.sequence.lrs[step.number] for share, step in zip(taken, run.steps, strict=True)]
    return any(max(shares) - min(shares) <= math.sqrt(run.eps) * abs(max(shares)) for shares in (taken, by_rate))


def _coordinates_interact(runner: SubjectRunner, run: ReplayedRun) -> bool:
    """Return True if another start of one weight changes the paths of others in its tensor, as a norm makes it."""
    positions = [int(start.abs().argmax()) for start in run.sequence.starts]
    starts = tuple(start.clone() for start in run.sequence.starts)
    for start, position in zip(starts, positions, strict=True):
        start.view(-1)[position] *= 2.0
    paths = replace(run.sequence, starts=starts).run(runner, run.sequence.weight_decay)
    for path, decayed, position in zip(paths, run.decayed, positions, strict=True):
        path.flatten(1)[:, position] = decayed.flatten(1)[:, position]
    return max(float((path - decayed).abs().max()) for path, decayed in zip(paths, run.decayed, strict=True)) > run.tolerance


def _is_combination(step: Step) -> bool:
    """Return True if the decay is one linear combination of weight, update and gradient for the whole tensor."""
    misfit, coefficients = residual(step.decay, step.weight, step.update, step.gradient)
    return misfit <= step.tolerance and abs(float(coefficients[0])) * float(step.weight.abs().max()) > step.tolerance


def _moves_by_lr_or_not_at_all(run: ReplayedRun) -> bool:
    """Return True if every coordinate of the run with decay moves by the learning rate or not at all."""
    for path in run.decayed:
        lengths = path.diff(dim=0).abs().flatten(1)
        for length, lr in zip(lengths, run.sequence.lrs, strict=True):
            near = (length - lr).abs() <= math.sqrt(run.eps) * lr
            if not bool((near | (length <= 16 * run.eps * float(path.abs().max()))).all()):
                return False
    return True


def _added(runner: SubjectRunner, run: ReplayedRun, *, solve: bool) -> tuple[float | None, bool]:
    """Return the strength s of a coupled decay, or None, and whether it is masked.

    s x weight_decay x w, added to the gradient outside the optimizer, gives the same path. If masked, it is added only where the
    gradient is not zero. `solve` allows strengths that are not in USUAL_STRENGTHS.
    """
    with_zeros = [step for step in run.steps if bool((step.gradient == 0).any())]
    masked = bool(with_zeros) and not any(bool(step.moved[step.gradient == 0].any()) for step in with_zeros)
    for strength in USUAL_STRENGTHS:
        if _departure(runner, run, strength, masked) <= run.tolerance:
            return strength, masked
    if not solve:
        return None, False
    strength = _solve_strength(runner, run, masked)
    return (strength, masked) if _departure(runner, run, strength, masked) <= run.tolerance else (None, False)


def _departure(runner: SubjectRunner, run: ReplayedRun, strength: float, masked: bool) -> float:
    """Return the largest gap between the path with `strength` added outside and the path with decay."""
    return max(float(gap.abs().max()) for gap in _gaps(runner, run, strength, masked))


def _gaps(runner: SubjectRunner, run: ReplayedRun, strength: float, masked: bool, *, steps: int | None = None) -> list[Tensor]:
    sequence = run.sequence.first(steps or len(run.sequence.lrs))
    paths = sequence.run(runner, 0.0, added=strength, masked=masked)
    gaps = [path - decayed[: len(path)] for path, decayed in zip(paths, run.decayed, strict=True)]
    return [gap.nan_to_num(nan=math.inf) for gap in gaps]


def _solve_strength(
    runner: SubjectRunner, run: ReplayedRun, masked: bool, *, steps: int = 4, rounds: int = 6, increment: float = 1e-5
) -> float:
    """Return the strength by Gauss-Newton iteration on the first steps, from the best of STRENGTH_GUESSES.

    If no strength fits, the result is arbitrary: the caller checks it on all steps.
    """
    errors = {
        value: sum(float(gap.square().sum()) for gap in _gaps(runner, run, value, masked, steps=steps))
        for value in STRENGTH_GUESSES
    }
    strength = min(errors, key=lambda value: errors[value])
    for _ in range(rounds):
        gaps, shifted = (_gaps(runner, run, value, masked, steps=steps) for value in (strength, strength + increment))
        slopes = [(after - before) / increment for after, before in zip(shifted, gaps, strict=True)]
        curvature = sum(float((slope * slope).sum()) for slope in slopes)
        correction = (
            sum(float((slope * gap).sum()) for slope, gap in zip(slopes, gaps, strict=True)) / curvature
            if curvature
            else math.nan
        )
        if not math.isfinite(correction) or abs(correction) > 10 * abs(strength):
            return strength
        strength -= correction
    return strength


def _describe(
    run: ReplayedRun, coupling: tuple[str, ...], shares: tuple[DecayFraction, ...], order: tuple[str, ...], added: float | None
) -> str:
    steps = len(run.sequence.lrs)
    if coupling == ("inside_sign",):
        return f"inside the sign: with weight decay too, each of {steps} steps moves a coordinate by exactly lr or not at all"
    if coupling == ("through_norm",):
        return f"through a norm: in each of {steps} steps the decay is one linear combination of w, update and gradient"
    outside = f"adding {added or 0:.6g} x weight_decay x w to the gradient gives the same weights in all of {steps} steps"
    if coupling == ("coupled_l2",):
        return f"coupled: {outside}"
    if "coupled_l2" in coupling:
        return f"coupled and decoupled give the same weights here: {outside}"
    base = "the updated w" if order and order[0] == "after" else "w"
    if coupling:
        misfit = max(share.residual for share in shares)
        if all(share.taken <= 0 for share in shares):
            return f"decoupled: {_when(shares, steps)} weight decay adds {_range(shares, -1)} x {base}, so that weights grow"
        taken = f"{_range(shares)} of each decaying {base.removeprefix('the ')}"
        return f"decoupled: {_when(shares, steps)} weight decay takes {taken}, and the update holds no decay (gap {misfit:.0e})"
    if shares:
        return f"unknown: weight decay subtracts {_range(shares)} x {base}, but the update contains the decay of earlier steps"
    return _describe_unknown(run)


def _decays_twice(runner: SubjectRunner, run: ReplayedRun) -> bool:
    """Return True if weight decay is added to the gradient and taken from the weight too, before the update or after it."""
    sequence = run.sequence

    def paths(*, decayed_pull: bool) -> list[Tensor]:
        def gradients(step: int, weights: Sequence[Tensor]) -> list[Tensor]:
            given = []
            for weight, gradient in zip(weights, sequence.gradients[step], strict=True):
                pull = sequence.weight_decay * weight.clone()
                weight.mul_(1 - sequence.lrs[step] * sequence.weight_decay)
                pull = sequence.weight_decay * weight if decayed_pull else pull
                given.append(sign * (gradient.to(runner.dtype) + pull))
            return given

        return runner.run(sequence.starts, gradients, lrs=sequence.lrs, weight_decay=0.0)

    sign = -1 if runner.options.get("maximize") else 1
    return any(
        max(float((path - decayed).abs().max()) for path, decayed in zip(paths(decayed_pull=flag), run.decayed, strict=True))
        <= run.tolerance
        for flag in (False, True)
    )


def _when(shares: tuple[DecayFraction, ...], steps: int) -> str:
    """Return in words at which steps there is decay."""
    start = first_decaying_step(shares)
    return f"from step {start + 1} of {steps} on" if start else f"in each of {steps} steps"


def _range(shares: tuple[DecayFraction, ...], sign: int = 1) -> str:
    """Return the smallest and the largest fraction from the first decaying step on, or one number if they agree."""
    taken = [sign * share.taken for share in shares if share.number >= first_decaying_step(shares)]
    low, high = min(taken), max(taken)
    return f"{low:.4g}" if math.isclose(low, high, rel_tol=1e-6) else f"{low:.4g} to {high:.4g}"


def _describe_unknown(run: ReplayedRun) -> str:
    """Return the text of the finding for a decay of no known form."""
    if all(_is_multiple(step, step.weight.sign()) for step in run.steps):
        return "unknown: weight decay moves every weight toward zero by the same length, whatever its size (L1)"
    if all(_is_multiple(step, step.weight.sign() ** 2) for step in run.steps):
        return "unknown: weight decay adds the same number to every weight, whatever its size or sign (weight_decay without w)"
    if all(_is_combination(step) for step in run.steps):
        return "unknown: weight decay subtracts a share of w, and the length of the update depends on the norm of the decayed w"
    taken = [-(step.decay / step.weight)[step.moved] for step in run.steps if step.moved.any()]
    low, high = min(float(part.min()) for part in taken), max(float(part.max()) for part in taken)
    return f"unknown: weight decay subtracts {low:.3g} to {high:.3g} of a weight, and fits no form of w, updated w and gradient"


def _is_multiple(step: Step, direction: Tensor) -> bool:
    """Return True if the decay is a multiple of one direction."""
    return residual(step.decay, direction)[0] <= step.tolerance
