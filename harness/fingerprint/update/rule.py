"""Which rule turns these gradients into these updates? Closed forms of the known rules, held to every step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from harness.fingerprint.measuring.gradient_sequence import GradientSequence
from harness.fingerprint.measuring.replay import residual
from harness.fingerprint.measuring.subject_runner import SubjectRunner

HIDDEN = 1e4  # times eps: a share of the weight below it is rounding
NEAR = 1e-4  # of a learning rate: nearer than this, a step is Adam's but for details, and says so
BETAS, ADAM_EPS = (0.9, 0.999), 1e-8  # where a group names none


@dataclass(frozen=True)
class Update:
    """The steps of one tensor at weight_decay 0, in units of the learning rate, [steps, numbers], their weights and gradients."""

    moved: Tensor
    weights: Tensor
    gradients: Tensor
    tolerance: float
    group: Mapping[str, Any]


def updates(runner: SubjectRunner, sequence: GradientSequence) -> list[Update]:
    """Return what a walk without weight decay does to each tensor."""
    weights = [torch.nn.Parameter(start.to(runner.dtype, copy=True)) for start in sequence.starts]
    group = runner.make(weights, lr=sequence.lrs[0], weight_decay=0.0).param_groups[0]
    found = []
    for number, path in enumerate(sequence.run(runner, 0.0)):
        lrs = _kept(sequence.lrs, group["lr"])[:, None]
        moved = path.diff(dim=0).flatten(1) / lrs
        gradients = torch.stack([given[number].flatten() for given in sequence.gradients])
        size = float(path.abs().max()) / min(sequence.lrs) + len(sequence.lrs) * float(moved.abs().max())
        found.append(Update(moved, path[:-1].flatten(1), gradients, 16 * runner.eps * size, group))
    return found


def _kept(lrs: Sequence[float], kept: Any) -> Tensor:
    """Return the learning rates as a group holds them: in a tensor, they are rounded to its precision."""
    return torch.tensor(lrs, dtype=kept.dtype if isinstance(kept, Tensor) else torch.float64).to(torch.float64)


def rule_of(seen: Sequence[Update], runner: SubjectRunner) -> tuple[str, str]:
    """Return the contract's word for the rule that fits all tensors, or `other`, and one line that says so."""
    steps = len(seen[0].moved)
    if all(_keeps_signs(one) for one in seen):
        return "sign", f"each of {steps} steps is lr long in every coordinate that moves, whatever the gradient's size"
    nearest = NEAR
    for word, says, rules in (
        ("sgd", "-lr x gradient", [one.gradients for one in seen]),
        ("adam", f"Adam's closed form with {_settings(seen[0].group)}", [_adam(one) for one in seen]),
        (
            "adam",
            f"Adam's closed form with {_settings(seen[0].group)} beside the uncorrected root",
            [_adam(one, hat=True) for one in seen],
        ),
    ):
        fits = [_beside(one, rule) for one, rule in zip(seen, rules, strict=True)]
        if all(gap <= one.tolerance for (gap, _), one in zip(fits, seen, strict=True)):
            share = fits[0][1]
            hidden = f", less {share:.3g} x lr x w" if abs(share) > HIDDEN * runner.eps else ""
            return word, f"each of {steps} steps is {says}{hidden} (gap {max(gap for gap, _ in fits):.0e} lr)"
        nearest = min(nearest, max(gap for gap, _ in fits)) if word == "adam" else nearest
    running = [_recursion(one) for one in seen]
    if all(gap <= one.tolerance for (gap, _), one in zip(running, seen, strict=True)):
        kept, taken, before = (
            _range([sign * float(parts[place]) for _, parts in running], runner) for place, sign in enumerate((1, -1, -1))
        )
        last = f", {before} x the last one" if before else ""
        return "momentum", f"each step is {kept or '0'} x the one before - lr x ({taken} x gradient{last})"
    near = f"; Adam's misses by {nearest:.0e} lr: another eps, or rounding" if nearest < NEAR else ""
    return "other", "no closed form fits all steps" + near


def _range(found: Sequence[float], runner: SubjectRunner) -> str:
    """Return a coefficient, or the two ends between tensors that have their own; nothing where it is rounding."""
    low, high = min(found), max(found)
    near = math.sqrt(runner.eps)
    if max(abs(low), abs(high)) <= near:
        return ""
    return f"{high:.4g}" if high - low <= near * abs(high) else f"{low:.4g} to {high:.4g}"


def _beside(one: Update, rule: Tensor) -> tuple[float, float]:
    """Return the largest departure from a rule's steps but for a share of the weight (a hidden decay), and that share."""
    gap, weights = (one.moved + rule).flatten(), one.weights.flatten()
    share = -float(gap @ weights / (weights @ weights))
    return float((gap + share * weights).abs().max()), share


def _keeps_signs(one: Update) -> bool:
    length = one.moved.abs()
    return bool(((length - 1).abs().le(one.tolerance) | length.le(one.tolerance)).all()) and bool((length > 0.5).any())


def _adam(one: Update, *, hat: bool = False) -> Tensor:
    """Return Adam's directions, m / (sqrt(v) + eps), both corrected for their start at zero.

    With `hat`, eps is added to the root before its correction: the shorter form at the end of Kingma and Ba's section 2.
    """
    beta1, beta2, eps = constants(one.group)
    first = second = torch.zeros_like(one.gradients[0])
    directions = []
    for number, gradient in enumerate(one.gradients, start=1):
        first = beta1 * first + (1 - beta1) * gradient
        second = beta2 * second + (1 - beta2) * gradient * gradient
        added = eps / math.sqrt(1 - beta2**number) if hat else eps
        directions.append(first / (1 - beta1**number) / ((second / (1 - beta2**number)).sqrt() + added))
    return torch.stack(directions)


def constants(group: Mapping[str, Any]) -> tuple[float, float, float]:
    """Return the group's betas and eps, Adam's where it names none or something else by these names."""
    betas, eps = group.get("betas", (group.get("beta1"), group.get("beta2"))), group.get("eps", ADAM_EPS)
    betas = BETAS if betas == (None, None) else betas
    if not (isinstance(betas, tuple | list) and len(betas) == 2 and isinstance(eps, float)):
        betas, eps = BETAS, ADAM_EPS
    return float(betas[0]), float(betas[1]), eps


def _settings(group: Mapping[str, Any]) -> str:
    beta1, beta2, eps = constants(group)
    return f"betas {beta1:g}, {beta2:g}, eps {eps:g}"


def _recursion(one: Update) -> tuple[float, Tensor]:
    """Fit each step from the third on by the step before, its gradient and the gradient before."""
    moved, gradients = one.moved, one.gradients
    parts = (moved[1:-1], gradients[2:], gradients[1:-1])
    return residual(moved[2:].flatten(), *(part.flatten() for part in parts))
