"""Decay that the optimizer keeps in its state: averages of weights, and momentum that holds the decay.

The weights alone do not show where such a decay acts, so the tensors of the weight's shape that the optimizer keeps are read.
Without decay, from weights that start a distance further on,

    a tensor of points      ends this distance further on: an average, a slow copy, the point on which the rule acts
    a tensor of updates     ends where it was: a momentum, a moment

One step is taken with decay and without it, from the same state. What differs after it is the decay of this step:

    coupling           the decay of one step                                                   example
    averaged           a share of w, in tensors of points and in w, and in no tensor of        schedule-free AdamW, Lookahead
                       updates
    inside_momentum    a share of w, in a tensor of updates and in w                           NovoGrad, SgdDecayBuffer
    (unknown)          as averaged, but a tensor of points never decays and pulls w back       MADGRAD with decoupled decay
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from harness.fingerprint.decay.shares import DecayFraction
from harness.fingerprint.measuring.replay import ReplayedRun
from harness.fingerprint.measuring.state_tensors import state_tensors
from harness.fingerprint.measuring.subject_runner import SubjectRunner

States = list[list[dict[str, Tensor]]]  # [step][tensor] -> place in the optimizer -> tensor
WEIGHT = ""  # the place of the weight itself, among the places of its tensors
DISTANCE = 0.25
SUMS = 4096  # roundings of a tensor's largest number that a run may add up


@dataclass(frozen=True)
class KeptDecay:
    """Coupling of a decay that the state keeps (empty if it has no word), its shares of the weight, and its text."""

    coupling: str
    shares: tuple[DecayFraction, ...]
    text: str


@dataclass(frozen=True)
class _Change:
    """Difference `by` that the decay of one step makes in one tensor, whose largest number is about `size`."""

    step: int
    tensor: int
    place: str
    by: Tensor
    size: float


@dataclass(frozen=True)
class _Effect:
    """Decay of one step in one tensor that the optimizer keeps, or in the weight, as a multiple of a tensor before the step.

    `multiple` is None if the decay is no multiple of it.
    """

    step: int
    tensor: int
    place: str
    multiple: float | None


def kept_decay(runner: SubjectRunner, run: ReplayedRun) -> KeptDecay | None:
    """Return the decay of a run as its state shows it, or None if it is neither averaged nor inside a momentum."""
    decayed, plain = _states(runner, run, run.sequence.weight_decay), _states(runner, run, 0.0)
    points, updates = _places(runner, run, plain)
    averages = points - _weights(run)
    if not _weights(run) <= points or not averages | updates:
        return None
    changes = [change for number in range(len(run.sequence.lrs)) for change in _changes_of(runner, run, decayed, number)]
    for base in sorted({place for _, place in points}):  # the weight stands first
        effects = [_effect(change, base, run, decayed) for change in changes]
        if any(effect.multiple is None for effect in effects):
            continue
        moved = {(effect.tensor, effect.place) for effect in effects if effect.multiple}
        if not moved <= points | updates:
            return None
        if moved & updates:
            return None if moved & averages else _inside_momentum(effects)
        if any(_never_decays(decayed, plain, key, run.eps) for key in averages):
            text = "unknown: weight decay takes a share of w, and the update pulls w back to a point that never decays"
            return KeptDecay("", (), text)
        return _averaged(effects, averages, base) if averages else None
    return None


def _weights(run: ReplayedRun) -> set[tuple[int, str]]:
    return {(tensor, WEIGHT) for tensor in range(len(run.decayed))}


def _states(
    runner: SubjectRunner, run: ReplayedRun, weight_decay: float | Sequence[float], starts: Sequence[Tensor] = ()
) -> States:
    """Return the tensors that the optimizer keeps, and the weights, after each step of a run."""
    found: States = []

    def watch(step: int, optimizer: Any, weights: Sequence[Tensor]) -> None:
        kept = state_tensors(optimizer, weights)
        found.append([{WEIGHT: weight.detach().double().clone(), **own} for weight, own in zip(weights, kept, strict=True)])

    run.sequence.with_starts(starts or run.sequence.starts).run(runner, weight_decay, watch=watch)
    return found


def _places(runner: SubjectRunner, run: ReplayedRun, plain: States) -> tuple[set[tuple[int, str]], set[tuple[int, str]]]:
    """Return (tensor, place) of each tensor of points, and of each tensor of updates."""
    moved = _states(runner, run, 0.0, [start + DISTANCE for start in run.sequence.starts])
    points, updates = set[tuple[int, str]](), set[tuple[int, str]]()
    for tensor, kept in enumerate(plain[-1]):
        for place in kept:
            common = _common(moved, plain, tensor, place)
            if common and all(_is_near(later - usual - DISTANCE, usual, run.eps) for later, usual in common):
                points.add((tensor, place))
            elif common and all(_is_near(later - usual, usual, run.eps) for later, usual in common):
                updates.add((tensor, place))
    return points, updates


def _is_near(gap: Tensor, value: Tensor, eps: float) -> bool:
    """Return True if a difference is only the rounding of the tensor in which it was found."""
    return float(gap.abs().max()) <= SUMS * eps * (1.0 + float(value.abs().max()))


def _changes_of(runner: SubjectRunner, run: ReplayedRun, decayed: States, number: int) -> list[_Change]:
    """Return the change by the decay of step `number` in each tensor: the step is repeated with weight_decay 0 in it alone."""
    without = _states(runner, run, [*[run.sequence.weight_decay] * number, 0.0])[-1]
    return [
        _Change(number, tensor, place, with_decay[place] - kept[place], 1.0 + float(kept[place].abs().max()))
        for tensor, (with_decay, kept) in enumerate(zip(decayed[number], without, strict=True))
        for place in with_decay.keys() & kept.keys()
    ]


def _effect(change: _Change, base: str, run: ReplayedRun, decayed: States) -> _Effect:
    """Return a change as a multiple of the tensor `base` before the step: 0 for none, None if it is no multiple."""
    before = decayed[change.step - 1][change.tensor].get(base) if base and change.step else None
    weight = run.decayed[change.tensor][change.step] if before is None else before
    largest = float(change.by.abs().max())
    multiple: float | None = 0.0
    if largest > SUMS * run.eps * change.size:
        multiple = float((change.by * weight).sum() / (weight * weight).sum())
        multiple = multiple if float((change.by - multiple * weight).abs().max()) <= 64 * math.sqrt(run.eps) * largest else None
    return _Effect(change.step, change.tensor, change.place, multiple)


def _never_decays(decayed: States, plain: States, key: tuple[int, str], eps: float) -> bool:
    """Return True if a tensor is the same in the runs with and without decay, at every step."""
    common = _common(decayed, plain, *key)
    return bool(common) and all(_is_near(first - second, second, eps) for first, second in common)


def _common(first: States, second: States, tensor: int, place: str) -> list[tuple[Tensor, Tensor]]:
    """Return the values of one tensor in two runs, at the steps at which both have it."""
    return [
        (left[tensor][place], right[tensor][place])
        for left, right in zip(first, second, strict=True)
        if place in left[tensor] and place in right[tensor]
    ]


def _inside_momentum(effects: Sequence[_Effect]) -> KeptDecay | None:
    """Return the decay of an optimizer whose momentum holds the decay of earlier steps."""
    shares = _shares({(effect.step, effect.tensor): effect for effect in effects if effect.place == WEIGHT})
    text = "inside the momentum: weight decay adds a multiple of w to a momentum, and so acts in later steps too"
    return KeptDecay("inside_momentum", shares, text) if shares else None


def _averaged(effects: Sequence[_Effect], points: set[tuple[int, str]], base: str) -> KeptDecay | None:
    """Return the decay of an optimizer whose weights are averages: its shares, of `base`, at the point on which the rule acts.

    This point is a tensor that decays at every step if there is one. Else it is the weight, in steps without averaging.
    """
    by_place: dict[tuple[int, str], list[_Effect]] = {}
    for effect in effects:
        by_place.setdefault((effect.tensor, effect.place), []).append(effect)
    shares: list[DecayFraction] = []
    chosen = set[str]()
    for tensor, own in itertools.groupby(sorted(points), key=lambda key: key[0]):
        places = [place for _, place in own]
        every = [place for place in places if all(effect.multiple for effect in by_place[tensor, place])]
        # An average moves less than the point that it follows.
        place = max(every, key=lambda name: sum(abs(effect.multiple or 0.0) for effect in by_place[tensor, name]), default=WEIGHT)
        averaged_at = {effect.step for name in places for effect in by_place[tensor, name] if effect.multiple}
        chosen.add(place)
        shares += [
            DecayFraction(effect.step, tensor, -effect.multiple, 0.0)
            for effect in by_place[tensor, place]
            if effect.multiple and (every or effect.step not in averaged_at)
        ]
    if not shares or (WEIGHT in chosen and len(chosen) > 1):
        return None
    where = "from w, which steps between two averagings show" if WEIGHT in chosen else "from the point of which w is an average"
    text = f"averaged: weight decay takes a share of {'that point' if base else 'w'} {where}; no momentum holds the decay"
    return KeptDecay("averaged", tuple(sorted(shares, key=lambda share: (share.number, share.tensor))), text)


def _shares(effects: Mapping[tuple[int, int], _Effect]) -> tuple[DecayFraction, ...]:
    """Return the effects on the weights as shares of them; nothing if one is zero."""
    if not all(effect.multiple for effect in effects.values()):
        return ()
    return tuple(
        DecayFraction(step, tensor, -(effect.multiple or 0.0), 0.0) for (step, tensor), effect in sorted(effects.items())
    )
