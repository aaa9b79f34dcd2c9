"""Do vectors and 4-D tensors take the same update and the same decay as matrices?"""

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
ROOM = 50  # characters of a refusal: two shapes share a line
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
            parts.append(f"{name}: refused ({shortened_error(runner, error, ROOM)})")
            continue
        same = max(gaps) <= 64 * runner.eps * STEPS * max(float(path.abs().max()) for path in decayed)
        words.append("same" if same else "differs")
        parts.append(f"{name}: as a matrix" if same else _difference(runner, name, other, sequence))
    word = "differs" if "differs" in words else words[0] if len(set(words)) == 1 else "refused"
    return Finding((word,), "; ".join(parts))


def _flat(sequence: GradientSequence, runner: SubjectRunner, decay: float) -> list[Tensor]:
    return [path.flatten(1) for path in sequence.run(runner, decay)]


def _gap(one: list[Tensor], other: list[Tensor]) -> float:
    return max(float((path - same).abs().max()) for path, same in zip(one, other, strict=True))


def _difference(runner: SubjectRunner, name: str, other: GradientSequence, sequence: GradientSequence) -> str:
    """Return what differs: the rule of the update, or the decay."""
    rule = rule_of(updates(runner, other), runner)[0]
    usual, own = infer_rule(runner, sequence), infer_rule(runner, other)
    decay = "the same decay" if _alike(usual, own, runner) else f"decay {'/'.join(own.coupling) or 'unknown'}{_taken(own)}"
    return f"{name}: update {rule}, {decay}"


def _alike(one: DecayRule, other: DecayRule, runner: SubjectRunner) -> bool:
    if (one.coupling, one.order, one.added) != (other.coupling, other.order, other.added):
        return False
    near = math.sqrt(runner.eps)
    return all(abs(own.taken - same.taken) <= near * abs(same.taken) for own, same in zip(one.shares, other.shares, strict=True))


def _taken(own: DecayRule) -> str:
    return f" of {own.shares[0].taken:.3g} x w" if own.shares else ""


QUESTION = Question(
    "other_shapes",
    "update",
    "Do vectors and 4-D tensors take the same step as matrices?",
    _ask,
    {
        "same": "the same numbers take the same path in any shape",
        "differs": "another shape takes another update or another decay",
        "refused": "another shape is not taken",
    },
    usual=("same",),
    preconditions=(MOVES, FINITE),
)
