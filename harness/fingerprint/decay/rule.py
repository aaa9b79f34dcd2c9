"""How does the decay reach the weight: beside the update, in the gradient, inside a sign, through a norm?

Decoupled: at every step what the decay changed of the step is a share of the weight (before the update), or of the updated
weight (after it), and the update itself is that of a run that never decays and is put on the same weights before each step.
Without the second half momentum would pass, whose decay of earlier steps sits in the update. Coupled: the run without decay
on gradients to which s x weight_decay x w was added outside takes the same path. Both hold for plain gradient descent, and
both are said.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from torch import Tensor

from harness.fingerprint.measuring.gradient_sequence import GradientSequence, default_sequence
from harness.fingerprint.measuring.replay import ReplayedRun, Step, replay, residual
from harness.fingerprint.measuring.subject_runner import SubjectRunner

ADDED = (1.0, 2.0, 0.5, -1.0)  # tried before an unknown strength is solved for
STARTS = tuple(sign * size for sign in (1, -1) for size in (0.03, 0.1, 0.2, 0.35, 0.7, 1.4, 3.0, 6.0, 10.0))
TINY = (1e-6, 3e-6)  # starts far below any floor of RMS(w)
INERT = "weight_decay changes nothing: the same path with and without it"


@dataclass(frozen=True)
class DecayFraction:
    """What part of the weight the decay takes at a step, and the residual as a part of the whole decay."""

    number: int
    tensor: int
    taken: float
    residual: float


@dataclass(frozen=True)
class DecayRule:
    """What a walk shows of a decay; `shares` are empty unless it is decoupled, `added` None unless it is coupled."""

    replayed_run: ReplayedRun
    coupling: tuple[str, ...]
    order: tuple[str, ...]
    shares: tuple[DecayFraction, ...]
    added: float | None
    says: str


@lru_cache(maxsize=8)
def decay_rule(runner: SubjectRunner) -> DecayRule:
    """Return the decay rule of the runner's optimizer on the default sequence."""
    found = infer_rule(runner, default_sequence(runner))
    proportional = runner.first("update_depends_on_weight") == "proportional"
    return _beyond_the_floor(runner, found) if found.order == ("after",) and proportional else found


def _beyond_the_floor(runner: SubjectRunner, found: DecayRule) -> DecayRule:
    """Ask again with tiny weights: an update in proportion to RMS(w) makes before and after the same map until its floor."""
    small = infer_rule(runner, found.replayed_run.sequence.from_starts(*TINY).first(2))  # further on they have grown
    floored = all(_carries_on_alike(step) for step in small.replayed_run.steps)
    order = small.order if floored and small.order else ("before", "after")
    return replace(found, order=order)


def first_decaying_step(shares: Sequence[DecayFraction]) -> int:
    """Return the number of the first step that decays: some optimizers wait, and do nothing before."""
    return min((share.number for share in shares if share.taken), default=0)


def infer_rule(runner: SubjectRunner, sequence: GradientSequence) -> DecayRule:
    """Return the law of a walk."""
    seen = replay(runner, sequence)
    if not seen.visible:
        return DecayRule(seen, ("none",), (), (), None, INERT)
    shares = {order: found for order in ("before", "after") if (found := _shares(seen, order))}
    beside = bool(shares) and all(_carries_on(step) for step in seen.steps if seen.replayed)
    added, masked = _added(runner, seen, solve=not beside)
    coupling = _words(runner, seen, added, pure=bool(shares), beside=beside)
    order = tuple(shares) if beside else ()
    if "coupled_l2" in coupling or not beside:
        order = (*(("inside",) if coupling and coupling[0] != "decoupled" else ()), *order)
    used = next(iter(shares.values()), ())
    says = _says(seen, coupling, used, order, added)
    return DecayRule(
        seen, coupling, order, used if beside else (), added, says + (" where the gradient is not zero" if masked else "")
    )


def _words(runner: SubjectRunner, seen: ReplayedRun, added: float | None, *, pure: bool, beside: bool) -> tuple[str, ...]:
    if _keeps_signs(seen) and all(bool((step.decay * step.weight <= step.tolerance).all()) for step in seen.steps):
        return ("inside_sign",)  # and what it turns, it turns toward zero
    found = (*(("coupled_l2",) if added is not None else ()), *(("decoupled",) if beside else ()))
    if found or pure or not seen.replayed:
        return found
    rescaled = all(_spanned(step) for step in seen.steps) and not _regular(seen)
    return ("through_norm",) if rescaled and _coordinates_meet(runner, seen) else ()


def _shares(seen: ReplayedRun, order: str) -> tuple[DecayFraction, ...]:
    """Return the share of every step if the decay is one of the weight (`before`) or the updated weight (`after`)."""
    found = []
    for step in seen.steps:
        moved, base = step.moved, step.weight if order == "before" else step.weight + step.update
        base, decay = base[moved], step.decay[moved]
        taken = -float(base @ decay / (base @ base)) if moved.any() else 0.0
        left = float((decay + taken * base).abs().max()) if moved.any() else 0.0
        if left > step.tolerance:
            return ()
        if moved.any() and not _masked(step, taken * (step.weight if order == "before" else step.weight + step.update)):
            return ()
        found.append(DecayFraction(step.number, step.tensor, taken, left / float(step.decay.abs().max() or 1.0)))
    return tuple(found)


def _masked(step: Step, due: Tensor) -> bool:
    """Return True if the coordinates that do not decay though some is due are those of a mask: by gradient or by sign.

    Otherwise what fits the few that were seen to decay is no share of the weight.
    """
    spared = ~step.moved & (due.abs() > 2 * step.noise)
    grows = step.update * step.weight > 0
    return bool((step.gradient == 0)[spared].all() or grows[spared].all() or not grows[spared].any())


def _carries_on(step: Step) -> bool:
    """Return True if no earlier decay sits in the update: on the same weights a run that never decayed takes the same one."""
    return float((step.update - step.unburdened).abs().max()) <= step.tolerance


def _carries_on_alike(step: Step) -> bool:
    """Return True if the update is that of the run without decay, with no factor: it does not depend on the weight."""
    return float((step.update - step.alone).abs().max()) <= step.tolerance


def _regular(seen: ReplayedRun) -> bool:
    """Return True if w itself takes the learning rate's share, or the same one, at every step: no norm has rescaled the decay.

    What else decay then changes of a step is the update, whose norm sees the decayed weight.
    """
    taken = [-float(residual(step.decay, step.weight, step.update, step.gradient)[1][0]) for step in seen.steps]
    by_rate = [one / seen.sequence.lrs[step.number] for one, step in zip(taken, seen.steps, strict=True)]
    return any(max(some) - min(some) <= math.sqrt(seen.eps) * abs(max(some)) for some in (taken, by_rate))


def _coordinates_meet(runner: SubjectRunner, seen: ReplayedRun) -> bool:
    """Return True if moving one weight's start changes the path of another in its tensor, as it must where a norm is at work."""
    places = [int(start.abs().argmax()) for start in seen.sequence.starts]
    starts = tuple(start.clone() for start in seen.sequence.starts)
    for start, place in zip(starts, places, strict=True):
        start.view(-1)[place] *= 2.0
    paths = replace(seen.sequence, starts=starts).run(runner, seen.sequence.weight_decay)
    for path, own, place in zip(paths, seen.decayed, places, strict=True):
        path.flatten(1)[:, place] = own.flatten(1)[:, place]
    return max(float((path - own).abs().max()) for path, own in zip(paths, seen.decayed, strict=True)) > seen.tolerance


def _spanned(step: Step) -> bool:
    """Return True if the decay is a combination of weight, update and gradient, one for the whole tensor."""
    left, parts = residual(step.decay, step.weight, step.update, step.gradient)
    return left <= step.tolerance and abs(float(parts[0])) * float(step.weight.abs().max()) > step.tolerance


def _keeps_signs(seen: ReplayedRun) -> bool:
    """Return True if every coordinate moves by the learning rate or not at all, with the decay in it."""
    for path in seen.decayed:
        lengths = path.diff(dim=0).abs().flatten(1)
        for length, lr in zip(lengths, seen.sequence.lrs, strict=True):
            near = (length - lr).abs() <= math.sqrt(seen.eps) * lr
            if not bool((near | (length <= 16 * seen.eps * float(path.abs().max()))).all()):
                return False
    return True


def _added(runner: SubjectRunner, seen: ReplayedRun, *, solve: bool) -> tuple[float | None, bool]:
    """Return the s at which s x weight_decay x w added outside to the gradient gives the same path, or None; and the mask."""
    silent = [step for step in seen.steps if bool((step.gradient == 0).any())]
    masked = bool(silent) and not any(bool(step.moved[step.gradient == 0].any()) for step in silent)
    for strength in ADDED:
        if _departure(runner, seen, strength, masked) <= seen.tolerance:
            return strength, masked
    if not solve:
        return None, False
    strength = _solved(runner, seen, masked)
    return (strength, masked) if _departure(runner, seen, strength, masked) <= seen.tolerance else (None, False)


def _departure(runner: SubjectRunner, seen: ReplayedRun, strength: float, masked: bool) -> float:
    return max(float(gap.abs().max()) for gap in _gaps(runner, seen, strength, masked))


def _gaps(runner: SubjectRunner, seen: ReplayedRun, strength: float, masked: bool, *, steps: int | None = None) -> list[Tensor]:
    sequence = seen.sequence.first(steps or len(seen.sequence.lrs))
    paths = sequence.run(runner, 0.0, added=strength, masked=masked)
    gaps = [path - wanted[: len(path)] for path, wanted in zip(paths, seen.decayed, strict=True)]
    return [gap.nan_to_num(nan=math.inf) for gap in gaps]


def _solved(
    runner: SubjectRunner, seen: ReplayedRun, masked: bool, *, steps: int = 4, rounds: int = 6, probe: float = 1e-5
) -> float:
    """Return the strength by Gauss and Newton's iteration on the first steps, from the best of a few; no answer gives any."""
    tries = {value: sum(float(gap.square().sum()) for gap in _gaps(runner, seen, value, masked, steps=steps)) for value in STARTS}
    strength = min(tries, key=lambda value: tries[value])
    for _ in range(rounds):
        here, there = (_gaps(runner, seen, value, masked, steps=steps) for value in (strength, strength + probe))
        slopes = [(one - other) / probe for one, other in zip(there, here, strict=True)]
        down = sum(float((slope * slope).sum()) for slope in slopes)
        step = sum(float((slope * gap).sum()) for slope, gap in zip(slopes, here, strict=True)) / down if down else math.nan
        if not math.isfinite(step) or abs(step) > 10 * abs(strength):
            return strength
        strength -= step
    return strength


def _says(
    seen: ReplayedRun, coupling: tuple[str, ...], shares: tuple[DecayFraction, ...], order: tuple[str, ...], added: float | None
) -> str:
    steps = len(seen.sequence.lrs)
    if coupling == ("inside_sign",):
        return f"inside the sign: with decay, too, each of {steps} steps is exactly lr long in every coordinate"
    if coupling == ("through_norm",):
        return (
            f"through a norm: what decay changes of a step is one mix of w, update and gradient a tensor, at all of {steps} steps"
        )
    outside = f"the path of {steps} steps is that of the gradient plus {added or 0:.6g} x weight_decay x w added outside"
    if coupling == ("coupled_l2",):
        return f"coupled: {outside}"
    if "coupled_l2" in coupling:
        return f"coupled and decoupled are the same here: {outside}"
    base = "the updated w" if order and order[0] == "after" else "w"
    if coupling:
        left = max(one.residual for one in shares)
        taken = f"{_range(shares)} of {base} and nothing else (residual {left:.0e} of it)"
        return f"decoupled: {_when(shares, steps)} decay takes {taken}"
    if shares:
        return f"unknown: a step's decay takes {_range(shares)} of {base}, but earlier decay lives on in the update"
    return _unknown(seen)


def _when(shares: tuple[DecayFraction, ...], steps: int) -> str:
    start = first_decaying_step(shares)
    return f"from step {start + 1} of {steps} on" if start else f"at every of {steps} steps"


def _range(shares: tuple[DecayFraction, ...]) -> str:
    taken = [one.taken for one in shares if one.number >= first_decaying_step(shares)]
    low, high = min(taken), max(taken)
    return f"{low:.4g}" if math.isclose(low, high, rel_tol=1e-6) else f"{low:.4g} to {high:.4g}"


def _unknown(seen: ReplayedRun) -> str:
    """Return what was measured of a decay that has no name here."""
    if all(_is_pull(step, step.weight.sign()) for step in seen.steps):
        return "unknown: decay pulls every weight by the same length toward zero, whatever its size (L1)"
    if all(_is_pull(step, step.weight.sign() ** 2) for step in seen.steps):
        return "unknown: decay moves every weight by the same number, whatever its size or sign (weight_decay without w)"
    if all(_spanned(step) for step in seen.steps):
        return "unknown: a step's decay takes a share of w, and changes the length of the update, whose norm sees the decayed w"
    taken = [-(step.decay / step.weight)[step.moved] for step in seen.steps if step.moved.any()]
    low, high = min(float(one.min()) for one in taken), max(float(one.max()) for one in taken)
    return f"unknown: a step's decay takes {low:.3g} to {high:.3g} of a weight, by neither weight, updated weight nor gradient"


def _is_pull(step: Step, direction: Tensor) -> bool:
    return residual(step.decay, direction)[0] <= step.tolerance
