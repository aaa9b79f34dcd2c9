"""Update rules: closed forms of the known ones, each compared with every step of a run without decay."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from harness.fingerprint.measuring.gradient_sequence import GradientSequence
from harness.fingerprint.measuring.replay import residual
from harness.fingerprint.measuring.subject_runner import SubjectRunner

HIDDEN = 1e4  # in units of eps: a smaller share of the weight is rounding
NEAR = 1e-4  # in units of the learning rate: if Adam's form misses a step by less, the finding mentions it
NO_CLOSED_FORM = "no closed form fits all steps"
# Constants that are tried if those of the group do not fit.
OTHER_BETAS1, OTHER_BETAS2 = (0.9, 0.95, 0.8, 0.5, 0.0), (0.999, 0.99, 0.95, 0.98, 0.9, 0.9999)
OTHER_EPS = (1e-8, 1e-6, 1e-7, 1e-5, 1e-10, 1e-12, 1e-15, 1e-16, 0.0, 1e-3)
BETAS, ADAM_EPS = (0.9, 0.999), 1e-8  # defaults if a group has none

Constants = tuple[float, float, float]  # beta1, beta2, eps


@dataclass(frozen=True)
class Update:
    """Steps of one tensor at weight_decay 0.

    `moved` is the change of the weights in units of the learning rate; `weights` are those before each step. `moved`, `weights`
    and `gradients` are [steps, numbers]. `tolerance` is the largest gap in `moved` that still counts as rounding.
    """

    moved: Tensor
    weights: Tensor
    gradients: Tensor
    tolerance: float
    group: Mapping[str, Any]


def updates(runner: SubjectRunner, sequence: GradientSequence) -> list[Update]:
    """Return the update of each tensor in a run without weight decay."""
    weights = [torch.nn.Parameter(start.to(runner.dtype, copy=True)) for start in sequence.starts]
    group = runner.make(weights, lr=sequence.lrs[0], weight_decay=0.0).param_groups[0]
    result = []
    for number, path in enumerate(sequence.run(runner, 0.0)):
        lrs = _rounded_lrs(sequence.lrs, group["lr"])[:, None]
        moved = path.diff(dim=0).flatten(1) / lrs
        gradients = torch.stack([step_gradients[number].flatten() for step_gradients in sequence.gradients])
        size = float(path.abs().max()) / min(sequence.lrs) + len(sequence.lrs) * float(moved.abs().max())
        result.append(Update(moved, path[:-1].flatten(1), gradients, 16 * runner.eps * size, group))
    return result


def _rounded_lrs(lrs: Sequence[float], lr: Any) -> Tensor:
    """Return the learning rates as the group holds them: rounded to the precision of its `lr` if that is a tensor."""
    return torch.tensor(lrs, dtype=lr.dtype if isinstance(lr, Tensor) else torch.float64).to(torch.float64)


def rule_of(tensors: Sequence[Update], runner: SubjectRunner) -> tuple[str, str]:
    """Return the contract's word for the rule that fits all tensors, or `other`, and the text of the finding."""
    steps = len(tensors[0].moved)
    if all(_keeps_signs(tensor) for tensor in tensors):
        return "sign", f"each of {steps} steps moves a coordinate by exactly lr or not at all, whatever the size of the gradient"
    nearest = NEAR
    for word, text, rules in (
        ("sgd", "-lr x gradient", [tensor.gradients for tensor in tensors]),
        ("adam", f"Adam's closed form with {_settings(tensors[0].group)}", [_adam(tensor) for tensor in tensors]),
        (
            "adam",
            f"Adam's closed form with {_settings(tensors[0].group)}, eps added before the bias correction",
            [_adam(tensor, hat=True) for tensor in tensors],
        ),
    ):
        fits = [_gap_and_share(tensor, rule) for tensor, rule in zip(tensors, rules, strict=True)]
        if all(gap <= tensor.tolerance for (gap, _), tensor in zip(fits, tensors, strict=True)):
            share = fits[0][1]
            hidden = f", minus {share:.3g} x lr x w" if abs(share) > HIDDEN * runner.eps else ""
            return word, f"each of {steps} steps is {text}{hidden} (gap {max(gap for gap, _ in fits):.0e} lr)"
        nearest = min(nearest, max(gap for gap, _ in fits)) if word == "adam" else nearest
    recursions = [_recursion(tensor) for tensor in tensors]
    if all(gap <= tensor.tolerance for (gap, _), tensor in zip(recursions, tensors, strict=True)):
        momentum, factor, before = (
            _range([sign * float(coefficients[index]) for _, coefficients in recursions], runner)
            for index, sign in enumerate((1, -1, -1))
        )
        last = f", {before} x the previous gradient" if before else ""
        return "momentum", f"each step is {momentum or '0'} x the previous step - lr x ({factor} x gradient{last})"
    variant = _variant_of_adam(tensors)
    if variant:
        return variant
    near = f"; Adam's differs by {nearest:.0e} lr: another eps, or rounding" if nearest < NEAR else ""
    return "other", NO_CLOSED_FORM + near


def _variant_of_adam(tensors: Sequence[Update]) -> tuple[str, str] | None:
    """Return word and text if the steps are Adam's with other constants than the group's, or with another step number, or None.

    The word is `adam` if the group has no betas or no eps, so that the optimizer keeps them elsewhere. Otherwise the constants
    of the group have no effect, and the word is `other`.
    """
    group, steps = tensors[0].group, len(tensors[0].moved)
    others = _other_constants(tensors)
    if others:
        beta1, beta2, eps = others
        found = f"Adam's closed form with betas {beta1:g}, {beta2:g}, eps {eps:g}"
        has_none = not ({"betas", "beta1"} & set(group) and "eps" in group)
        return ("adam", f"each of {steps} steps is {found}") if has_none else ("other", f"{found}, not {_settings(group)}")
    numbers = range(1, steps + 1)
    for ahead in (1, -1):
        if _all_fit(tensors, partial(_adam, counts=[max(number + ahead, 1) for number in numbers])):
            return "other", f"Adam's closed form, but its bias correction counts one step {'more' if ahead > 0 else 'less'}"
    for last in numbers[:-1]:
        if _all_fit(tensors, partial(_adam, counts=[min(number, last) for number in numbers])):
            return "other", f"Adam's closed form, but its step counter does not change from step {last} on"
    return None


def _other_constants(tensors: Sequence[Update]) -> Constants | None:
    """Return the first beta1, beta2 and eps other than the group's with which Adam's closed form fits all tensors, or None."""
    for given in itertools.product(OTHER_BETAS1, OTHER_BETAS2, OTHER_EPS):
        if given != constants(tensors[0].group) and _all_fit(tensors, partial(_adam, given=given)):
            return given
    return None


def _all_fit(tensors: Sequence[Update], rule: Callable[[Update], Tensor]) -> bool:
    """Return True if the steps of all tensors are those of the rule, apart from a share of the weight."""
    return all(_gap_and_share(tensor, rule(tensor))[0] <= tensor.tolerance for tensor in tensors)


def fitting_eps_forms(tensors: Sequence[Update]) -> tuple[str, ...]:
    """Return the values of the field `adam_eps` whose form of Adam's rule fits all tensors."""
    forms = {"after_correction": False, "before_correction": True}
    fitting = tuple(word for word, hat in forms.items() if _all_fit(tensors, partial(_adam, hat=hat)))
    return fitting or (("after_correction",) if _other_constants(tensors) else ())


def _range(coefficients: Sequence[float], runner: SubjectRunner) -> str:
    """Return a coefficient in words: one number, the range if it differs between tensors, or nothing if it is rounding."""
    low, high = min(coefficients), max(coefficients)
    near = math.sqrt(runner.eps)
    if max(abs(low), abs(high)) <= near:
        return ""
    return f"{high:.4g}" if high - low <= near * abs(high) else f"{low:.4g} to {high:.4g}"


def _gap_and_share(update: Update, rule: Tensor) -> tuple[float, float]:
    """Return the largest gap to a rule's steps, apart from a share of the weight (a hidden decay), and that share."""
    gap, weights = (update.moved + rule).flatten(), update.weights.flatten()
    share = -float(gap @ weights / (weights @ weights))
    return float((gap + share * weights).abs().max()), share


def _keeps_signs(update: Update) -> bool:
    """Return True if every coordinate moves by the learning rate or not at all, and some move."""
    length = update.moved.abs()
    return bool(((length - 1).abs().le(update.tolerance) | length.le(update.tolerance)).all()) and bool((length > 0.5).any())


def _adam(
    update: Update,
    *,
    hat: bool = False,
    given: Constants | None = None,
    counts: Sequence[int] | None = None,
) -> Tensor:
    """Return Adam's directions, m / (sqrt(v) + eps), with m and v corrected for their start at zero.

    With `hat`, eps is added to the root before its correction: the shorter form at the end of Kingma and Ba's section 2. `given`
    are beta1, beta2 and eps, if not those of the group. `counts` has the number of each step for the bias correction.
    """
    beta1, beta2, eps = given or constants(update.group)
    first = second = torch.zeros_like(update.gradients[0])
    directions = []
    for number, gradient in zip(counts or itertools.count(1), update.gradients, strict=False):
        first = beta1 * first + (1 - beta1) * gradient
        second = beta2 * second + (1 - beta2) * gradient * gradient
        added = eps / math.sqrt(1 - beta2**number) if hat else eps
        directions.append(first / (1 - beta1**number) / ((second / (1 - beta2**number)).sqrt() + added))
    return torch.stack(directions)


def constants(group: Mapping[str, Any]) -> Constants:
    """Return the group's beta1, beta2 and eps, or Adam's if it lacks one of the betas or if one of the three is no number."""
    try:
        beta1, beta2 = map(float, group.get("betas", (group.get("beta1"), group.get("beta2"))))
        return beta1, beta2, float(group.get("eps", ADAM_EPS))
    except (TypeError, ValueError, RuntimeError):  # None, a word, three betas, a tensor of several numbers
        return (*BETAS, ADAM_EPS)


def _settings(group: Mapping[str, Any]) -> str:
    beta1, beta2, eps = constants(group)
    return f"betas {beta1:g}, {beta2:g}, eps {eps:g}"


def _recursion(update: Update) -> tuple[float, Tensor]:
    """Fit each step from the third on with the step before, its gradient and the gradient before.

    Return the largest residual and the three coefficients.
    """
    moved, gradients = update.moved, update.gradients
    parts = (moved[1:-1], gradients[2:], gradients[1:-1])
    return residual(moved[2:].flatten(), *(part.flatten() for part in parts))
