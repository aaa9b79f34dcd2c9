"""Question about the precision in which float64 weights are updated.

Gradients are changed by 1e-10 and by 1e-5 of themselves. In double precision both changes alter the update in proportion. In
single precision the smaller one is lost. The decay can have another precision than the update: weights that start 1e-10 apart
must decay in proportion too.

    answer      observation                                                                  example
    float64     both changes alter the update in proportion                                  torch.optim:AdamW
    float64     neither does (a rule that keeps signs or few bits), and the weights hold     harness.optimizers:Lion
                more than float32 can
    float32     float64 is refused                                                           RefusesDouble
    float32     every weight is a float32 number                                             SingleInside
    float32     the two changes alter the update out of proportion                           SingleUpdate
    float32     the update is in double, and the decay is in single precision                RoundsTheDecay in the self-test
    float32_settings   lr or weight_decay changed by 1e-10 of itself changes nothing         torch.optim:AdamW, lr a tensor
    (none)      the smaller change alters the update by more than rounding can,              Unseeded in the self-test
                as when repeated runs differ
    (none)      weights stop being finite

The examples without a package are classes of `tests.mutants`.
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
DISTINCT = 0.1  # two responses of the decay are equal if they differ by at most this fraction of the larger one
ANSWERS = 1e-3  # a smaller response of the update, relative to the change of the gradients, counts as no response
BEYOND = 1e-5  # if a change of 1e-10 changes the update by more than this, float32 is not the reason
HALF = 0.5
ROUNDINGS = 4.0  # of the largest weight: a smaller change of a weight is not seen
ALIKE = 30.0  # two responses of the update are alike if their ratio is below this


def _changed_gradients(size: float) -> GradientSequence:
    """Return a sequence from small weights, its gradients changed by up to `size` of themselves."""
    sequence = draw_sequence((LR,) * STEPS, silent=False).from_starts(0.01, 0.01)
    generator = torch.Generator().manual_seed(7)
    changed = tuple(
        tuple(
            gradient * (1 + size * (2 * torch.rand(gradient.shape, generator=generator, dtype=torch.float64) - 1))
            for gradient in gradients
        )
        for gradients in sequence.gradients
    )
    return replace(sequence, gradients=changed)


def _response(runner: SubjectRunner, base: list[Tensor], size: float) -> float:
    """Return the median relative change of a coordinate's displacement, over the relative change of the gradients."""
    paths = _changed_gradients(size).run(runner, 0.0)
    return _median_change(paths, base) / size


def _ask(runner: SubjectRunner) -> Finding:
    double = SubjectRunner(runner.path, runner.options)
    try:
        base = _changed_gradients(0.0).run(double, 0.0)
    except Exception as error:
        # An optimizer that refuses float32 as well raises here: it is not one of single precision.
        _changed_gradients(0.0).run(SubjectRunner(runner.path, runner.options, torch.float32), 0.0)
        return Finding(("float32",), f"float64 is refused: {' '.join(str(error).removeprefix(runner.path).split())[:90]}")
    if not all(bool(path.isfinite().all()) for path in base):
        return Finding((), NOT_FINITE)
    fine, coarse = _response(double, base, FINE), _response(double, base, COARSE)
    numbers = {"fine": fine, "coarse": coarse}
    if fine * FINE > BEYOND:
        return Finding((), _why_unknown(double, base, fine * FINE), numbers)
    finding = _precision_of_update(base, fine, coarse, numbers)
    if fine > coarse and finding.values == ("float32",) and _most_differ_at_once(double, base):
        text = f"a relative change of {FINE:g} in the gradients changes most coordinates at once; the rule amplifies changes"
        finding = Finding(("float64",), text, numbers)
    if finding.values != ("float64",):
        return finding
    return _precision_of_decay(double) or _precision_of_settings(double, base) or finding


def _most_differ_at_once(runner: SubjectRunner, base: list[Tensor]) -> bool:
    """Return True if the small change of the gradients changes most coordinates in the first step.

    Single precision loses it in nearly all. A rule that amplifies changes, such as one of eigenvectors, does not lose it.
    """
    changed = _changed_gradients(FINE).run(runner, 0.0)
    moved = torch.cat([(path[1] - other[1]).flatten() for path, other in zip(changed, base, strict=True)])
    return float((moved != 0).double().mean()) > HALF


def _why_unknown(runner: SubjectRunner, base: list[Tensor], change: float) -> str:
    """Return the text of the finding if the update changes by more than any rounding can."""
    if all(torch.equal(path, again) for path, again in zip(base, _changed_gradients(0.0).run(runner, 0.0), strict=True)):
        return (
            f"unknown: a relative change of {FINE:g} in the gradients changes the update by {change:.1g}, too much for rounding"
        )
    return f"unknown: repeated runs differ, on the same gradients and from the same seed, by {change:.1g} of the update"


def _precision_of_update(base: list[Tensor], fine: float, coarse: float, numbers: dict[str, float]) -> Finding:
    """Return the finding about a run without decay."""
    if all(torch.equal(path[1:].float().double(), path[1:]) for path in base):
        return Finding(
            ("float32",), f"the weights are rounded to float32: in {STEPS} steps each float64 weight is a float32 number", numbers
        )
    if coarse < ANSWERS:
        return Finding(
            ("float64",), "weights are kept in float64; the update uses only signs or few bits of the gradient", numbers
        )
    if coarse / ALIKE < fine < coarse * ALIKE:
        return Finding(
            ("float64",), f"a relative change of {FINE:g} in the gradients changes the update by {fine * FINE:.1g}", numbers
        )
    small, large = fine * FINE, coarse * COARSE
    text = f"float32 inside: gradients changed by {FINE:g} change the update by {small:.1g}, and by {COARSE:g} by {large:.1g}"
    return Finding(("float32",), text, numbers)


def _precision_of_decay(runner: SubjectRunner) -> Finding | None:
    """Return the finding that the decay is computed in single precision, or None.

    Both must hold: (1) the decay responds differently to the small and to the large change; (2) the decay fits a known form in
    float32 and none in float64. (1) alone also holds for a coupled decay whose update rule keeps few bits. (2) alone also holds
    for a decay that is almost a known form.
    """
    if not runner.takes_decay:
        return None
    base = _changed_starts(0.0).run(runner, WEIGHT_DECAY)
    fine, coarse = (_decay_response(base, _changed_starts(size).run(runner, WEIGHT_DECAY)) for size in (FINE, COARSE))
    if abs(fine - coarse) <= DISTINCT * max(abs(fine), abs(coarse), ANSWERS):
        return None
    if decay_rule(runner).coupling or not decay_rule(SubjectRunner(runner.path, runner.options, torch.float32)).coupling:
        return None
    text = f"float32 decay: starts {FINE:g} apart end {1 + fine:.2g} times as far apart, {COARSE:g} apart {1 + coarse:.2g} times"
    return Finding(("float32",), text, {"fine": fine, "coarse": coarse})


def _precision_of_settings(runner: SubjectRunner, base: list[Tensor]) -> Finding | None:
    """Return the finding that the learning rate or weight_decay is rounded to single precision, or None.

    Both are changed by 1e-10 and by 1e-5 of themselves, the learning rate without decay. In double precision both changes alter
    the weights in proportion.
    """
    rates = {size: _median_change(_with_rates(1 + size).run(runner, 0.0), base) / size for size in (FINE, COARSE)}
    numbers = {"fine": rates[FINE], "coarse": rates[COARSE]}
    rounded = ["lr"] if _is_rounded(rates[FINE], rates[COARSE]) and _shows(base, [path[:1] for path in base], runner) else []
    if runner.takes_decay:
        decayed = _with_rates(1.0).run(runner, WEIGHT_DECAY)
        decays = {
            size: _median_change(_with_rates(1.0).run(runner, WEIGHT_DECAY * (1 + size)), decayed) for size in (FINE, COARSE)
        }
        lost = _is_rounded(decays[FINE] / FINE, decays[COARSE] / COARSE) and _shows(decayed, base, runner)
        rounded += ["weight_decay"] if lost else []
    if not rounded:
        return None
    return Finding(
        ("float32_settings",), f"float32 settings: {' and '.join(rounded)} changed by {FINE:g} of itself is rounded away", numbers
    )


def _shows(paths: list[Tensor], others: list[Tensor], runner: SubjectRunner) -> bool:
    """Return True if a change by FINE of the difference of two runs exceeds the rounding of the weights.

    Otherwise the change is lost in the weights themselves, whatever the precision of the settings: a rule that learns its rate
    may move them by a millionth.
    """
    moved = max(float((path - other).abs().max()) for path, other in zip(paths, others, strict=True))
    return moved * FINE > ROUNDINGS * runner.eps * max(float(path.abs().max()) for path in paths)


def _is_rounded(fine: float, coarse: float) -> bool:
    """Return True if the small change alters the weights by less than in proportion to the large one, which does alter them."""
    return coarse > ANSWERS and fine < coarse / ALIKE


def _with_rates(factor: float) -> GradientSequence:
    """Return the sequence of `_changed_gradients(0.0)`, its learning rates multiplied by a factor."""
    sequence = _changed_gradients(0.0)
    return replace(sequence, lrs=tuple(lr * factor for lr in sequence.lrs))


def _median_change(paths: list[Tensor], base: list[Tensor]) -> float:
    """Return the median change of a coordinate's end, over its displacement in the base run."""
    changes = [
        ((changed[-1] - path[-1]) / (path[-1] - path[0])).abs().flatten() for changed, path in zip(paths, base, strict=True)
    ]
    return float(torch.cat(changes).nan_to_num().median())


def _changed_starts(size: float) -> GradientSequence:
    """Return a sequence whose starts are changed by up to `size` of themselves."""
    sequence = draw_sequence((LR,) * STEPS, silent=False)
    generator = torch.Generator().manual_seed(11)
    changes = [size * (2 * torch.rand(start.shape, generator=generator, dtype=torch.float64) - 1) for start in sequence.starts]
    return replace(sequence, starts=tuple(start * (1 + change) for start, change in zip(sequence.starts, changes, strict=True)))


def _decay_response(base: list[Tensor], paths: list[Tensor]) -> float:
    """Return the median change of a coordinate's displacement, over the change of its start."""
    changes = [
        (((changed[-1] - changed[0]) - (path[-1] - path[0])) / (changed[0] - path[0])).flatten()
        for changed, path in zip(paths, base, strict=True)
    ]
    return float(torch.cat(changes).nan_to_num().median())


QUESTIONS: tuple[Question, ...] = (Question("precision", "precision", _ask, purpose="rule"),)
