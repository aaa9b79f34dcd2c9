"""In which precision are float64 weights updated?

Gradients that differ by 1e-10 of themselves must change the update by as much; where only 1e-5 does, the update is computed in
single precision. A rule that keeps signs or a few bits answers to neither, and is judged by the weights: they must hold more
than float32 can. The decay has a precision of its own: weights that start 1e-10 apart must lose as much more or less.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from harness.fingerprint.decay.rule import decay_rule
from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.gradient_sequence import WEIGHT_DECAY, GradientSequence, draw_sequence
from harness.fingerprint.measuring.preconditions import NOT_FINITE
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.question import Question

STEPS, LR = 6, 0.25
FINE, COARSE = 1e-10, 1e-5
DISTINCT = 0.1  # two answers of a decay differ by rounding where they are further apart than this part of the larger
ANSWERS = 1e-3  # a change of the update that is smaller than this part of the gradient's is none
BEYOND = 1e-5  # what a change of 1e-10 changes more than this, single precision did not
ALIKE = 30.0  # two answers differ by rounding where the ratio of their sensitivities is further from 1


def _walk(size: float) -> GradientSequence:
    """Return a walk of small weights whose gradients are changed by up to `size` of themselves."""
    sequence = draw_sequence((LR,) * STEPS, silent=False).from_starts(0.01, 0.01)
    generator = torch.Generator().manual_seed(7)
    changed = tuple(
        tuple(one * (1 + size * (2 * torch.rand(one.shape, generator=generator, dtype=torch.float64) - 1)) for one in given)
        for given in sequence.gradients
    )
    return replace(sequence, gradients=changed)


def _sensitivity(runner: SubjectRunner, base: list[Tensor], size: float) -> float:
    """Return the median change of a coordinate's way, in units of its way and of the gradient's change."""
    paths = _walk(size).run(runner, 0.0)
    changes = [((one[-1] - path[-1]) / (path[-1] - path[0])).abs().flatten() for one, path in zip(paths, base, strict=True)]
    return float(torch.cat(changes).nan_to_num().median()) / size


def _ask(runner: SubjectRunner) -> Finding:
    double = SubjectRunner(runner.path, runner.options)
    try:
        base = _walk(0.0).run(double, 0.0)
    except Exception as error:
        _walk(0.0).run(
            SubjectRunner(runner.path, runner.options, torch.float32), 0.0
        )  # an optimizer that takes neither is not single
        return Finding(("float32",), f"float64 is refused: {' '.join(str(error).removeprefix(runner.path).split())[:90]}")
    if not all(bool(path.isfinite().all()) for path in base):
        return Finding((), NOT_FINITE)
    fine, coarse = _sensitivity(double, base, FINE), _sensitivity(double, base, COARSE)
    numbers = {"fine": fine, "coarse": coarse}
    if fine * FINE > BEYOND:
        return Finding((), _unlike(double, base, fine * FINE), numbers)
    found = _of_update(base, fine, coarse, numbers)
    decays_in = _of_decay(double) if found.values == ("float64",) else None
    return decays_in or found


def _unlike(runner: SubjectRunner, base: list[Tensor], change: float) -> str:
    """Return what is said where so much cannot be rounding."""
    if all(torch.equal(path, again) for path, again in zip(base, _walk(0.0).run(runner, 0.0), strict=True)):
        return f"unknown: gradients changed by {FINE:g} of themselves change the update by {change:.1g}, which no rounding does"
    return f"unknown: repeated runs differ, on the same gradients and from the same seed, by {change:.1g} of the update"


def _of_update(base: list[Tensor], fine: float, coarse: float, numbers: dict[str, float]) -> Finding:
    """Return the precision of a run without decay."""
    if all(torch.equal(path[1:].float().double(), path[1:]) for path in base):
        return Finding(("float32",), f"every float64 weight of {STEPS} steps is a float32 number", numbers)
    if coarse < ANSWERS:
        return Finding(("float64",), "weights are kept in double; the update keeps signs or few bits of the gradient", numbers)
    if coarse / ALIKE < fine < coarse * ALIKE:
        return Finding(
            ("float64",), f"gradients changed by {FINE:g} of themselves change the update by {fine * FINE:.1g}", numbers
        )
    small, large = fine * FINE, coarse * COARSE
    says = (
        f"single inside: gradients changed by {FINE:g} ({COARSE:g}) of themselves change the update by {small:.1g} ({large:.1g})"
    )
    return Finding(("float32",), says, numbers)


def _of_decay(runner: SubjectRunner) -> Finding | None:
    """Return what says that the decay is computed in single precision, if it is: it has a form there, and none in double.

    Decay alone would tell, but for coupled ones under a rule that keeps few bits; the form alone, but for those that are
    nearly of another.
    """
    if not runner.takes_decay:
        return None
    base = _displaced(0.0).run(runner, WEIGHT_DECAY)
    fine, coarse = (_answer(base, _displaced(size).run(runner, WEIGHT_DECAY)) for size in (FINE, COARSE))
    if abs(fine - coarse) <= DISTINCT * max(abs(fine), abs(coarse), ANSWERS):
        return None
    if decay_rule(runner).coupling or not decay_rule(SubjectRunner(runner.path, runner.options, torch.float32)).coupling:
        return None
    says = (
        f"single decay: weights that start {FINE:g} ({COARSE:g}) apart end {1 + fine:.2g} ({1 + coarse:.2g}) times as far apart"
    )
    return Finding(("float32",), says, {"fine": fine, "coarse": coarse})


def _displaced(size: float) -> GradientSequence:
    """Return a walk from weights that are changed by up to `size` of themselves."""
    sequence = draw_sequence((LR,) * STEPS, silent=False)
    generator = torch.Generator().manual_seed(11)
    changes = [size * (2 * torch.rand(one.shape, generator=generator, dtype=torch.float64) - 1) for one in sequence.starts]
    return replace(sequence, starts=tuple(one * (1 + change) for one, change in zip(sequence.starts, changes, strict=True)))


def _answer(base: list[Tensor], paths: list[Tensor]) -> float:
    """Return the median change of a coordinate's way, in units of the change of its start."""
    changes = [
        (((one[-1] - one[0]) - (path[-1] - path[0])) / (one[0] - path[0])).flatten()
        for one, path in zip(paths, base, strict=True)
    ]
    return float(torch.cat(changes).nan_to_num().median())


QUESTIONS: tuple[Question, ...] = (
    Question("precision", "precision", "In which precision are float64 weights updated?", _ask, usual=("float64",), role="rule"),
)
