"""Questions about the update at weight_decay 0: its rule, and what it depends on.

A rule is named only if its closed form fits each of 20 steps, or, for `orthogonal`, if the singular values of its steps are
nearly equal. The other properties (element-wise, scale-free, dependent on the weight) are measured: gradients or weights on
which the update should not depend are changed.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.gradient_sequence import GradientSequence, default_sequence
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.question import Question
from harness.fingerprint.update.rule import NO_CLOSED_FORM, fitting_eps_forms, rule_of, updates

LOUDER = 2.0**13  # factor of the gradients; multiplication by a power of two does not round
# A relative change of the update. An eps in a denominator changes a scale-free update by less, and
# an update in proportion to its gradients changes by LOUDER.
SCALE_FREE = 1e-2
TRIPLED = 3.0
EPS_FORMS = {"after_correction": "after its bias correction", "before_correction": "before its bias correction"}
OTHERS = 3  # columns from this one on get other gradients and starts; the columns before must keep their paths


def _run(runner: SubjectRunner, sequence: GradientSequence) -> list[Tensor]:
    """Return the paths of a run without decay."""
    return sequence.run(runner, 0.0)


def _noise(runner: SubjectRunner, *paths: Tensor) -> float:
    """Return the largest difference between paths that still counts as rounding."""
    return 64 * runner.eps * max(float(path.abs().max()) for path in paths)


def _scaled(sequence: GradientSequence, factors: Tensor) -> GradientSequence:
    """Return the sequence with the first tensor's gradients times `factors`, one for each coordinate."""
    return replace(sequence, gradients=tuple((factors * first, *others) for first, *others in sequence.gradients))


def _ask_element_wise(runner: SubjectRunner) -> Finding:
    sequence = default_sequence(runner)
    base = _run(runner, sequence)
    factors = torch.ones_like(sequence.starts[0])
    factors[:, OTHERS:] = 3.0
    louder = _scaled(sequence, factors)
    own_tensor = _run(runner, replace(louder, starts=(sequence.starts[0] * factors, sequence.starts[1])))
    other_tensor = _run(runner, _scaled(sequence, 3.0 * torch.ones_like(sequence.starts[0])))
    noise = _noise(runner, *base, *own_tensor)
    gaps = {
        "same_tensor": float((own_tensor[0] - base[0])[..., :OTHERS].abs().max()),
        "other_tensor": float((other_tensor[1] - base[1]).abs().max()),
    }
    worst = max(gaps.values())
    if worst <= noise:
        return Finding(
            ("yes",),
            f"three times the gradients and weights of other coordinates leave a coordinate's path (gap {worst:.1g})",
            gaps,
        )
    where = "of others in its tensor" if gaps["other_tensor"] <= noise else "of another tensor"
    return Finding(("no",), f"three times the gradients {where} change a coordinate's path by up to {worst:.2g}", gaps)


def _ask_scale_free(runner: SubjectRunner) -> Finding:
    sequence = default_sequence(runner)
    base = _run(runner, sequence)[0]
    ones = torch.ones_like(sequence.starts[0])
    powers = torch.exp2(torch.arange(ones.numel(), dtype=torch.float64) % 14).reshape(ones.shape)
    whole, each = (_relative_change(base, _run(runner, _scaled(sequence, factors))[0]) for factors in (LOUDER * ones, powers))
    numbers = {"whole": whole, "each": each}
    if each <= SCALE_FREE and whole <= SCALE_FREE:
        return Finding(
            ("yes",),
            f"a factor up to {LOUDER:g} on each coordinate's gradients changes no step by more than {each:.1g} of the longest",
            numbers,
        )
    if whole <= SCALE_FREE:
        text = (
            f"a factor {LOUDER:g} changes a step by {whole:.1g} of the longest for a whole tensor, by {each:.2g} for coordinates"
        )
        return Finding(("by_tensor",), text, numbers)
    return Finding(("no",), f"gradients times {LOUDER:g} change a step by {whole:.3g} times the longest step", numbers)


def _relative_change(base: Tensor, other: Tensor) -> float:
    """Return the largest change of a step of any weight, relative to the longest step."""
    return float((other.diff(dim=0) - base.diff(dim=0)).abs().max() / base.diff(dim=0).abs().max())


def _ask_weight(runner: SubjectRunner) -> Finding:
    sequence = default_sequence(runner)
    base, other = (_run(runner, given) for given in (sequence, sequence.from_starts(TRIPLED, TRIPLED)))
    noise = _noise(runner, *other)
    moves, other_moves = ([path.diff(dim=0) for path in paths] for paths in (base, other))
    change = max(float((other_move - move).abs().max()) for other_move, move in zip(other_moves, moves, strict=True))
    scaled = max(float((other_move - TRIPLED * move).abs().max()) for other_move, move in zip(other_moves, moves, strict=True))
    numbers = {"change": change}
    if change <= noise:
        return Finding(("no",), f"weights {TRIPLED:g} times as large take the same steps (gap {change:.1g})", numbers)
    if scaled <= noise:
        return Finding(("proportional",), f"weights {TRIPLED:g} times as large take steps {TRIPLED:g} times as long", numbers)
    return Finding(("yes",), f"weights {TRIPLED:g} times as large take other steps, by up to {change:.2g}", numbers)


def _ask_sign_symmetric(runner: SubjectRunner) -> Finding:
    sequence = default_sequence(runner)
    # 0 - x and not -x: a mask by sign bits tells 0 from -0.
    turned = replace(
        sequence.with_starts([0 - start for start in sequence.starts]),
        gradients=tuple(tuple(0 - gradient for gradient in row) for row in sequence.gradients),
    )
    base, mirrored = _run(runner, sequence), _run(runner, turned)
    gap = max(float((path + other).abs().max()) for path, other in zip(base, mirrored, strict=True))
    if gap <= _noise(runner, *base):
        return Finding(("yes",), f"weights and gradients of the other sign take the mirrored path (gap {gap:.1g})", {"gap": gap})
    return Finding(
        ("no",), f"weights and gradients of the other sign end up to {gap:.2g} away from the mirrored path", {"gap": gap}
    )


def _ask_rule(runner: SubjectRunner) -> Finding:
    word, text = rule_of(updates(runner, default_sequence(runner)), runner)
    if word != "other":
        return Finding((word,), text)
    orthogonal = _orthogonal(runner)
    if orthogonal:
        return Finding(("orthogonal",), orthogonal)
    words = {
        name: runner.first_value(name)
        for name in ("element_wise", "scale_free", "update_depends_on_weight")
        if runner.first_value(name)
    }
    known = ", ".join(f"{name.replace('_', ' ')}: {word.replace('_', ' ')}" for name, word in words.items())
    return Finding(("other",), f"{text}; {known}" if text == NO_CLOSED_FORM and known else text)


def _ask_adam_eps(runner: SubjectRunner) -> Finding:
    if runner.first_value("step_rule") != "adam":
        return Finding(("absent",), "the update is not Adam's")
    forms = fitting_eps_forms(updates(runner, default_sequence(runner)))
    return Finding(forms, f"eps is added to the root of the second moment {' or '.join(EPS_FORMS[form] for form in forms)}")


def _orthogonal(runner: SubjectRunner) -> str:
    """Return the finding's text if a matrix's steps have nearly equal singular values though its gradients do not, or nothing."""
    generator = torch.Generator().manual_seed(5)
    shape = (5, 6)  # some optimizers do not orthogonalise a matrix with fewer than four rows or columns
    gradients = tuple((1.0 + 0.3 * torch.randn(shape, generator=generator, dtype=torch.float64),) for _ in range(6))
    start = torch.randn(shape, generator=generator, dtype=torch.float64)
    (path,) = GradientSequence((start,), gradients, (0.1,) * 6, 0.0).run(runner, 0.0)
    of_steps, of_gradients = (
        [float((values[0] / values[-1]).nan_to_num(nan=math.inf)) for values in map(torch.linalg.svdvals, matrices)]
        for matrices in (path.diff(dim=0), [gradient for (gradient,) in gradients])
    )
    if not (runner.first_value("element_wise") != "yes" and max(of_steps) <= 2.5 and min(of_gradients) >= 5):
        return ""
    return (
        f"orthogonal: singular values of a step are within a factor of {max(of_steps):.2g}, those of the gradients within "
        f"{max(of_gradients):.2g}"
    )


QUESTIONS: tuple[Question, ...] = (
    Question("element_wise", "update", _ask_element_wise),
    Question("scale_free", "update", _ask_scale_free),
    Question("update_depends_on_weight", "update", _ask_weight),
    Question("sign_symmetric", "update", _ask_sign_symmetric),
    Question("step_rule", "update", _ask_rule, in_sentence=True),
    Question("adam_eps", "update", _ask_adam_eps),
)
