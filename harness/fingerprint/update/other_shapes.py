"""Question whether vectors and 4-D tensors get the same update and the same decay as matrices."""

from __future__ import annotations

import math

from torch import Tensor

from harness.fingerprint.decay.rule import DecayRule, infer_rule
from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.gradient_sequence import GradientSequence, default_sequence
from harness.fingerprint.measuring.self_comparison import shortened_error
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.question import FINITE, MOVES, Question
from harness.fingerprint.update.rule import rule_of, updates

STEPS = 8
MAX_REFUSAL = 50  # characters of a refusal in the finding, whose line holds two shapes
OTHERS = {"1-D": ((20,), (12,)), "4-D": ((2, 2, 5, 1), (3, 2, 2, 1))}


def _ask(runner: SubjectRunner) -> Finding:
    sequence = default_sequence(runner).first(STEPS)
    plain, decayed = (_flat(sequence, runner, decay) for decay in (0.0, sequence.weight_decay))
    words, parts = [], []
    for name, shapes in OTHERS.items():
        other = sequence.reshaped(*shapes)
        try:
            gaps = [_gap(_flat(other, runner, decay), paths) for decay, paths in ((0.0, plain), (sequence.weight_decay, decayed))]
        except Exception as error:
            words.append("refused")
            parts.append(f"{name}: refused ({shortened_error(runner, error, MAX_REFUSAL)})")
            continue
        agrees = max(gaps) <= 64 * runner.eps * STEPS * max(float(path.abs().max()) for path in decayed)
        words.append("same" if agrees else "differs")
        parts.append(f"{name}: as a matrix" if agrees else _difference(runner, name, other, sequence))
    word = "differs" if "differs" in words else words[0] if len(set(words)) == 1 else "refused"
    return Finding((word,), "; ".join(parts))


def _flat(sequence: GradientSequence, runner: SubjectRunner, decay: float) -> list[Tensor]:
    """Return the paths of a run, [steps + 1, numbers] for each tensor."""
    return [path.flatten(1) for path in sequence.run(runner, decay)]


def _gap(first: list[Tensor], second: list[Tensor]) -> float:
    """Return the largest difference between the paths of two runs."""
    return max(float((path - other).abs().max()) for path, other in zip(first, second, strict=True))


def _difference(runner: SubjectRunner, name: str, other: GradientSequence, sequence: GradientSequence) -> str:
    """Return the text about a shape with another update or another decay: the rule of both."""
    update = rule_of(updates(runner, other), runner)[0]
    matrix_decay, other_decay = infer_rule(runner, sequence), infer_rule(runner, other)
    decay = (
        "the same decay"
        if _same_decay(matrix_decay, other_decay, runner)
        else f"decay {'/'.join(other_decay.coupling) or 'unknown'}{_fraction_text(other_decay)}"
    )
    return f"{name}: update {update}, {decay}"


def _same_decay(first: DecayRule, second: DecayRule, runner: SubjectRunner) -> bool:
    """Return True if two decays have the same known rule and take the same fractions of the weight."""
    if not first.coupling or (first.coupling, first.order, first.added) != (second.coupling, second.order, second.added):
        return False
    if len(first.shares) != len(second.shares):
        return False
    near = math.sqrt(runner.eps)
    return all(
        abs(left.taken - right.taken) <= near * abs(right.taken) for left, right in zip(first.shares, second.shares, strict=True)
    )


def _fraction_text(rule: DecayRule) -> str:
    """Return the first step's fraction in words, or nothing if the decay is not decoupled."""
    return f" of {rule.shares[0].taken:.3g} x w" if rule.shares else ""


QUESTION = Question("other_shapes", "update", _ask, preconditions=(MOVES, FINITE))
