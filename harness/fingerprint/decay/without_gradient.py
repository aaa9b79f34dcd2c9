"""Questions about weights without gradient: with weight decay, without it, and at exactly zero.

A run in which every gradient is zero can mislead, because some optimizers return early or skip their first steps. Other weights
therefore have gradients, except in one of the three runs of `hidden_decay`.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.gradient_sequence import LRS, WEIGHT_DECAY, ZERO_COLUMN, GradientSequence, draw_sequence
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.question import Question

STEPS = 20
LR = 0.25


def _silence_second_tensor(sequence: GradientSequence) -> GradientSequence:
    """Return the sequence with gradients of zero for the whole second tensor."""
    gradients = tuple((first, torch.zeros_like(second)) for first, second in sequence.gradients)
    return GradientSequence(sequence.starts, gradients, sequence.lrs, sequence.weight_decay)


def _ask_zero_gradient(runner: SubjectRunner) -> Finding:
    sequence = _silence_second_tensor(draw_sequence(LRS[:STEPS], WEIGHT_DECAY))
    gaps = [
        with_it - without_it
        for with_it, without_it in zip(sequence.run(runner, WEIGHT_DECAY), sequence.run(runner, 0.0), strict=True)
    ]
    if not bool(gaps[0].isfinite().all()):
        return Finding((), "unknown: a gradient of zero gives weights that are not finite")
    if not float(gaps[0].abs().max()):
        return Finding((), "unknown: weight_decay has no effect, with gradients or without")
    coordinate, whole = bool(gaps[0][-1][:, ZERO_COLUMN].any()), bool(gaps[1][-1].any())
    not_finite = not bool(gaps[1].isfinite().all())
    word = "decays" if coordinate else "untouched"
    taken = -(gaps[0][-1] / sequence.starts[0])[:, ZERO_COLUMN]
    low, high = float(taken.min()), float(taken.max())
    towards = _towards_zero(gaps[0][:, :, ZERO_COLUMN], sequence.starts[0][:, ZERO_COLUMN])
    if coordinate and not all(towards):
        return _growth(low, high, mixed=any(towards))
    share = f"{low:.3g}" if f"{low:.3g}" == f"{high:.3g}" else f"{low:.3g} to {high:.3g}"
    does = f"weight decay removes {share} of it in {STEPS} steps" if coordinate else f"it does not change in {STEPS} steps"
    other = "" if coordinate == whole else f"; a whole tensor of them {'decays' if whole else 'does not decay'}"
    other = "; a whole tensor of them becomes NaN" if not_finite else other
    return Finding((word,), f"a weight with zero gradient, beside others: {does}{other}", {"smallest": low, "largest": high})


def _ask_idle_tensor(runner: SubjectRunner) -> Finding:
    sequence = _silence_second_tensor(draw_sequence(LRS[:STEPS], WEIGHT_DECAY))
    silent = tuple(tuple(torch.zeros_like(gradient) for gradient in row) for row in sequence.gradients)
    runs = {"beside others": sequence, "where all gradients are zero": replace(sequence, gradients=silent)}
    if not any(_gap(runner, draw_sequence(LRS[:STEPS], WEIGHT_DECAY), tensor) for tensor in (0, 1)):
        return Finding((), "unknown: weight_decay has no effect, with gradients or without")
    gaps = {where: _gap(runner, given, 1) for where, given in runs.items()}
    if not all(map(math.isfinite, gaps.values())):
        return Finding((), "unknown: a gradient of zero gives weights that are not finite")
    idle = [where for where, gap in gaps.items() if not gap]
    if idle:
        return Finding(("untouched",), f"a tensor whose whole gradient is zero does not decay {' and '.join(idle)}")
    return Finding(("decays",), "a tensor whose whole gradient is zero decays, beside others and alone")


def _gap(runner: SubjectRunner, sequence: GradientSequence, tensor: int) -> float:
    """Return the largest change that weight decay makes to a tensor; it is infinite if a weight is not finite."""
    decayed, plain = (sequence.run(runner, decay)[tensor] for decay in (WEIGHT_DECAY, 0.0))
    return float((decayed - plain).abs().nan_to_num(nan=math.inf).max())


def _towards_zero(gaps: Tensor, starts: Tensor) -> list[bool]:
    """Return for each weight that decay moves whether its first move goes towards zero; later moves may start beyond it."""
    first = [next((move for move in path.tolist() if move), 0.0) for path in gaps.T]
    return [move * start < 0 for move, start in zip(first, starts.tolist(), strict=True) if move]


def _growth(low: float, high: float, *, mixed: bool) -> Finding:
    """Return the finding if the decay makes weights without gradient grow: all of them, or only some (`mixed`)."""
    numbers = {"smallest": low, "largest": high}
    if mixed:
        return Finding((), "unknown: of the weights with zero gradient, some grow and some shrink", numbers)
    share = f"{-high:.3g}" if f"{low:.3g}" == f"{high:.3g}" else f"{-high:.3g} to {-low:.3g}"
    return Finding(("grows",), f"a weight with zero gradient, beside others, grows by {share} of it in {STEPS} steps", numbers)


def _ask_hidden(runner: SubjectRunner) -> Finding:
    sequence = draw_sequence((LR,) * STEPS, WEIGHT_DECAY)
    silent = GradientSequence(
        sequence.starts,
        tuple(tuple(torch.zeros_like(tensor) for tensor in given) for given in sequence.gradients),
        sequence.lrs,
        0.0,
    )
    among, alone = sequence.run(runner, 0.0), silent.run(runner, 0.0)
    shares = {
        "alone": _share([path[-1] / path[0] for path in alone], 8 * runner.eps),
        "among": _share([path[-1][:, ZERO_COLUMN] / path[0][:, ZERO_COLUMN] for path in among], 8 * runner.eps),
        # A difference of weights that are a hundred times as large has more rounding.
        "with_gradients": _share(_ratios_of_differences(runner, sequence, among), 1e3 * runner.eps),
    }
    known = {name: share for name, share in shares.items() if share is not None}
    hidden = {name: share for name, share in known.items() if share}
    if not known:
        return Finding((), "unknown: weights without gradient move at weight_decay 0, by no common share")
    if not hidden:
        return Finding(("none",), f"at weight_decay 0 no weight without gradient moves in {STEPS} steps", known)
    name, share = max(hidden.items(), key=lambda pair: abs(pair[1]))
    where = {"alone": "without any gradient", "among": "without gradient among others", "with_gradients": "with gradients"}[name]
    return Finding(("yes",), f"at weight_decay 0 and lr {LR:g} a step takes {share:.4g} of every weight ({where})", hidden)


def _ratios_of_differences(runner: SubjectRunner, sequence: GradientSequence, among: list[Tensor]) -> list[Tensor]:
    """Return the differences between two runs at the last step, over those at the start.

    Both runs have the same gradients and other starts. Only a decay shrinks all differences by the same factor.
    """
    starts = tuple(start * (1.5 + 0.1 * torch.arange(start.numel()).reshape(start.shape)) for start in sequence.starts)
    other = GradientSequence(starts, sequence.gradients, sequence.lrs, sequence.weight_decay).run(runner, 0.0)
    return [(shifted[-1] - path[-1]) / (shifted[0] - path[0]) for shifted, path in zip(other, among, strict=True)]


def _share(ratios: list[Tensor], noise: float) -> float | None:
    """Return the share that one step takes of every weight, 0 within `noise`, or None if there is no common share."""
    flat = torch.cat([ratio.flatten() for ratio in ratios])
    if not bool(flat.isfinite().all()) or float(flat.min()) <= 0:
        return None
    low, high = (1 - math.exp(math.log(float(edge)) / STEPS) for edge in (flat.max(), flat.min()))
    if max(abs(low), abs(high)) <= noise:
        return 0.0
    return (low + high) / 2 if high - low <= 2 * noise and low * high > 0 else None


def _ask_at_zero(runner: SubjectRunner) -> Finding:
    sequence = draw_sequence((LR,) * STEPS, WEIGHT_DECAY)
    starts = tuple(start.clone() for start in sequence.starts)
    for start in starts:
        start[:, ZERO_COLUMN] = 0.0
    quiet = GradientSequence(starts, sequence.gradients, sequence.lrs, sequence.weight_decay)
    moved, idle = (
        float(torch.cat([path[:, :, ZERO_COLUMN].flatten() for path in quiet.run(runner, decay)]).abs().max())
        for decay in (WEIGHT_DECAY, 0.0)
    )
    if not math.isfinite(moved):
        return Finding((), "unknown: a gradient of zero gives weights that are not finite")
    if moved == 0.0:
        return Finding(("stays",), f"a weight of exactly 0 without gradient is still 0 after {STEPS} steps", {"moved": 0.0})
    if idle:
        return Finding((), f"unknown: a weight of exactly 0 without gradient moves at weight_decay 0 too, by {idle:.3g}")
    return Finding(("moves",), f"a weight of exactly 0 without gradient moves by {moved:.3g} in {STEPS} steps", {"moved": moved})


QUESTIONS: tuple[Question, ...] = (
    Question("zero_gradient", "decay", _ask_zero_gradient, purpose="rule", in_sentence=True),
    Question("idle_tensor", "decay", _ask_idle_tensor),
    Question("hidden_decay", "decay", _ask_hidden, purpose="rule", in_sentence=True, without_decay=True, preconditions=()),
    Question("weight_at_zero", "decay", _ask_at_zero, purpose="rule", without_decay=True),
)
