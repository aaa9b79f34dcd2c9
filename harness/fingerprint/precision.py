"""In which precision are float64 weights updated?

Gradients that differ by 1e-10 of themselves must change the update by as much; where only 1e-5 does, the update is computed in
single precision. A rule that keeps signs or a few bits answers to neither, and is judged by the weights: they must hold more
than float32 can.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from harness.fingerprint.finding import Finding
from harness.fingerprint.lab import Lab
from harness.fingerprint.question import Question
from harness.fingerprint.walk import Walk, draw

STEPS, LR = 6, 0.25
FINE, COARSE = 1e-10, 1e-5
ANSWERS = 1e-3  # a change of the update that is smaller than this part of the gradient's is none
ALIKE = 30.0  # two answers differ by rounding where the ratio of their sensitivities is further from 1


def _walk(size: float) -> Walk:
    """Return a walk of small weights whose gradients are changed by up to `size` of themselves."""
    walk = draw((LR,) * STEPS, silent=False).from_starts(0.01, 0.01)
    generator = torch.Generator().manual_seed(7)
    changed = tuple(
        tuple(one * (1 + size * (2 * torch.rand(one.shape, generator=generator, dtype=torch.float64) - 1)) for one in given)
        for given in walk.gradients
    )
    return replace(walk, gradients=changed)


def _sensitivity(lab: Lab, base: list[Tensor], size: float) -> float:
    """Return the median change of a coordinate's way, in units of its way and of the gradient's change."""
    paths = _walk(size).run(lab, 0.0)
    changes = [((one[-1] - path[-1]) / (path[-1] - path[0])).abs().flatten() for one, path in zip(paths, base, strict=True)]
    return float(torch.cat(changes).nan_to_num().median()) / size


def _ask(lab: Lab) -> Finding:
    double = Lab(lab.path, lab.options)
    try:
        base = _walk(0.0).run(double, 0.0)
    except Exception as error:
        _walk(0.0).run(Lab(lab.path, lab.options, torch.float32), 0.0)  # an optimizer that takes neither is not single
        return Finding(("float32",), f"float64 is refused: {' '.join(str(error).removeprefix(lab.path).split())[:90]}")
    fine, coarse = _sensitivity(double, base, FINE), _sensitivity(double, base, COARSE)
    numbers = {"fine": fine, "coarse": coarse}
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


QUESTIONS: tuple[Question, ...] = (
    Question("precision", "precision", "In which precision are float64 weights updated?", _ask, usual=("float64",)),
)
