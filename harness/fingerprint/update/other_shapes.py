"""Do vectors and 4-D tensors take the same update and the same decay as matrices?"""

from __future__ import annotations

import math

from torch import Tensor

from harness.fingerprint.decay.rule import Law, law_on
from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.gradient_sequence import Walk, usual
from harness.fingerprint.measuring.self_comparison import line
from harness.fingerprint.measuring.subject_runner import Lab
from harness.fingerprint.question import FINITE, MOVES, Question
from harness.fingerprint.update.rule import rule_of, updates

STEPS = 8
ROOM = 50  # characters of a refusal: two shapes share a line
OTHERS = {"1-D": ((20,), (12,)), "4-D": ((2, 2, 5, 1), (3, 2, 2, 1))}


def _ask(lab: Lab) -> Finding:
    walk = usual(lab).first(STEPS)
    plain, decayed = (_flat(walk, lab, decay) for decay in (0.0, walk.weight_decay))
    words, parts = [], []
    for name, shapes in OTHERS.items():
        other = walk.reshaped(*shapes)
        try:
            gaps = [_gap(_flat(other, lab, decay), paths) for decay, paths in ((0.0, plain), (walk.weight_decay, decayed))]
        except Exception as error:
            words.append("refused")
            parts.append(f"{name}: refused ({line(lab, error, ROOM)})")
            continue
        same = max(gaps) <= 64 * lab.eps * STEPS * max(float(path.abs().max()) for path in decayed)
        words.append("same" if same else "differs")
        parts.append(f"{name}: as a matrix" if same else _difference(lab, name, other, walk))
    word = "differs" if "differs" in words else words[0] if len(set(words)) == 1 else "refused"
    return Finding((word,), "; ".join(parts))


def _flat(walk: Walk, lab: Lab, decay: float) -> list[Tensor]:
    return [path.flatten(1) for path in walk.run(lab, decay)]


def _gap(one: list[Tensor], other: list[Tensor]) -> float:
    return max(float((path - same).abs().max()) for path, same in zip(one, other, strict=True))


def _difference(lab: Lab, name: str, other: Walk, walk: Walk) -> str:
    """Return what differs: the rule of the update, or the decay."""
    rule = rule_of(updates(lab, other), lab)[0]
    usual, own = law_on(lab, walk), law_on(lab, other)
    decay = "the same decay" if _alike(usual, own, lab) else f"decay {'/'.join(own.coupling) or 'unknown'}{_taken(own)}"
    return f"{name}: update {rule}, {decay}"


def _alike(one: Law, other: Law, lab: Lab) -> bool:
    if (one.coupling, one.order, one.added) != (other.coupling, other.order, other.added):
        return False
    near = math.sqrt(lab.eps)
    return all(abs(own.taken - same.taken) <= near * abs(same.taken) for own, same in zip(one.shares, other.shares, strict=True))


def _taken(own: Law) -> str:
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
