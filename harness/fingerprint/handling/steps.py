"""Questions about steps: .grad, lr = 0, lr as a tensor, maximize, closures, random numbers, clipping.

Each question is one experiment:

    question        experiment                                      example of an answer
    gradient_kept   .grad before and after each step                changed: the decay is added to .grad
    zero_lr         two steps at lr = 0 between others              moves: an lr of 0 counts as an lr that is not given
    lr_tensor       lr as a 0-dim tensor                            differs: the tensor is kept in half precision
    maximize        maximize=True on the negative gradient          decay_flipped: the decay is negated with the gradient
    closure         steps that evaluate a closure                   differs: the closure is called twice, with a decay after each
    deterministic   two runs from one seed, one from another seed   no: a step depends on earlier steps of the process
    micro_steps     three backward passes before each step          differs: weights decay in every backward pass
    clip            one step with a clipped gradient                decay_too: coupled decay that passes through the moments
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor

from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.self_comparison import (
    LR,
    SMALLEST_EFFECT,
    STEPS,
    WEIGHT_DECAY,
    GradientAt,
    build,
    gradient_at,
    is_stochastic,
    max_relative_difference,
    refusal_is_an_answer,
    run_alone,
    run_tracked,
    same_path_finding,
    seeded_end,
    tolerance,
    track,
    zero_gradient,
)
from harness.fingerprint.measuring.subject_runner import SubjectRunner
from harness.fingerprint.question import MOVES, Question
from harness.subject.loading import unwrap
from harness.subject.stepping import set_lr, step_once

CLIPPED = 0.05  # the part of the gradient's norm that clipping leaves
FLOAT32_EPS = float(torch.finfo(torch.float32).eps)
CLIP_EFFECT = 1e-3  # a larger relative change of the decay is an effect of clipping; rounding is far below it
WARMUP = 8  # steps before the clipped one: a rectified optimizer takes other steps at its start
BEFORE = 3  # steps before the learning rate is zero


def step_arguments(runner: SubjectRunner) -> Finding:
    """Return the finding on whether step() can be called without arguments."""
    tracked = track(runner)
    optimizer = build(runner, [tracked])
    run_tracked(optimizer, [tracked], [0])
    if optimizer.needs_closure:
        return Finding(("closure",), "step() needs a closure; each experiment passes one that gives the same gradients again")
    return Finding(("none",), "step() is called without arguments")


def first_step(runner: SubjectRunner) -> Finding:
    """Return the finding on whether the first call of step() moves a weight, with weight decay and without it."""
    paths = [run_alone(runner, weight_decay=weight_decay).path for weight_decay in (WEIGHT_DECAY, 0.0)]
    if any(not path[1].equal(path[0]) for path in paths):
        return Finding(("moves",), "the first step moves weights")
    later = next((step for step, weight in enumerate(paths[0]) if not weight.equal(paths[0][0])), 0)
    says = f"the first step moves no weight, and step {later} does" if later else f"no weight moves in the first {STEPS} steps"
    return Finding(("prepares",), says, {"first": float(later)})


def gradient_kept(runner: SubjectRunner) -> Finding:
    """Compare .grad after a step with the gradient that was given."""
    tracked = track(runner)
    optimizer = build(runner, [tracked])
    changed = 0.0
    for step in range(STEPS):
        given = gradient_at(1, step).to(runner.dtype)
        run_tracked(optimizer, [tracked], [step])
        if tracked.weight.grad is None or not bool(tracked.weight.grad.any()):
            return Finding(("cleared",), f"step {step + 1} clears the gradient")
        changed = max(changed, float((tracked.weight.grad - given).abs().max()))
    if changed:
        return Finding(("changed",), f"a step changes .grad, by up to {changed:.2g}", {"changed": changed})
    return Finding(("kept",), f"{STEPS} steps leave .grad as it was, bit for bit", {"changed": 0.0})


@refusal_is_an_answer
def zero_lr(runner: SubjectRunner) -> Finding:
    """Return the finding on two steps at a learning rate of zero, between steps at the usual learning rate.

    The gradient of one column is zero, so that a division by the learning rate gives 0/0. If such gradients make the weights
    infinite or NaN at the usual learning rate too, gradients without zeros are used.
    """
    finite = all(bool(weight.isfinite().all()) for weight in run_alone(runner, gradient=_with_zero_column).path)
    gradient = _with_zero_column if finite else gradient_at
    path, plain = _paused(runner, WEIGHT_DECAY, gradient), _paused(runner, 0.0, gradient)
    moved, undecayed = (max_relative_difference([weights[BEFORE + 2]], [weights[BEFORE]]) for weights in (path, plain))
    numbers = {"moved": moved, "moved_without_decay": undecayed}
    if not all(bool(weight.isfinite().all()) for weight in path):
        return Finding(("not_finite",), "a learning rate of zero ends in NaN or infinity", numbers)
    if path[-1].equal(path[BEFORE + 2]):
        return Finding(("stays_off",), "after a learning rate of zero the weights never move again", numbers)
    if moved == 0:
        return Finding(("identity",), "a step at lr = 0 keeps every bit, and the weights move again once lr is back", numbers)
    if undecayed == 0:
        return Finding(("decays",), f"at lr = 0 weights still decay: {moved:.2g} of the largest in two steps", numbers)
    return Finding(("moves",), f"at lr = 0 weights still move: {moved:.2g} of the largest in two steps", numbers)


@refusal_is_an_answer
def lr_tensor(runner: SubjectRunner) -> Finding:
    """Compare the path with lr as a 0-dim tensor with the path with lr as a number."""
    tensor = run_alone(runner, lr=torch.tensor(LR, dtype=runner.dtype))
    distance = max_relative_difference(tensor.path, run_alone(runner).path)
    if tolerance(runner) < distance <= tolerance(runner) * FLOAT32_EPS / runner.eps and not is_stochastic(runner):
        return Finding(
            ("same_in_single",), f"lr as a 0-dim tensor: the same path to float32's rounding, {distance:.1e}", {"gap": distance}
        )
    return same_path_finding(runner, distance, what="lr as a 0-dim tensor", same="same")


@refusal_is_an_answer
def maximize(runner: SubjectRunner) -> Finding:
    """Compare maximize=True on the negative gradient with minimize on the gradient; the decay must shrink weights in both."""
    tracked = track(runner)
    if "maximize" not in {*unwrap(build(runner, [tracked])).param_groups[0], *_parameters(runner)}:
        return Finding(("absent",), "the constructor has no option maximize")
    path = run_alone(runner, gradient=_negative, maximize=True).path
    distance = max_relative_difference(path, run_alone(runner).path)
    if distance > tolerance(runner):
        if max_relative_difference(path, run_alone(runner, gradient=_negative).path) <= tolerance(runner):
            return Finding(
                ("ignored",), "maximize=True has no effect: the weights are the same as with maximize=False", {"gap": distance}
            )
        decay = _decay_under_maximize(runner)
        if decay:
            return Finding((decay[0],), decay[1], {"gap": distance})
    return same_path_finding(
        runner, distance, what="maximize with -g, compared with minimize with g", same="as_minimize_of_minus_g"
    )


@refusal_is_an_answer
def closure(runner: SubjectRunner) -> Finding:
    """Compare steps with a closure with plain steps.

    The closure records how often it is called and whether gradients are enabled; the step must return its loss.
    """
    tracked = track(runner)
    optimizer = build(runner, [tracked])
    grad_enabled: list[bool] = []
    returned: list[Any] = []
    for step in range(STEPS):

        def evaluate(step: int = step) -> Tensor:
            grad_enabled.append(torch.is_grad_enabled())
            tracked.weight.grad = gradient_at(tracked.seed, step).to(runner.dtype)
            return torch.tensor(0.5 + step)

        returned.append(step_once(optimizer, step, closure=evaluate))
        tracked.path.append(tracked.weight.detach().clone())
    distance, calls = max_relative_difference(tracked.path, run_alone(runner).path), len(grad_enabled) / STEPS
    numbers = {"calls": calls, "gap": distance}
    if not grad_enabled:
        return Finding(("not_called",), "a closure is accepted and never called", numbers)
    if not all(grad_enabled):
        return Finding(("without_grad",), "the closure is called where gradients are off: loss.backward() would fail", numbers)
    if distance > tolerance(runner):
        finding = same_path_finding(runner, distance, what=f"a step whose closure is called {calls:.3g} times", same="as_plain")
        return Finding(finding.values, finding.text, numbers)
    if any(loss is None or float(loss) != 0.5 + step for step, loss in enumerate(returned)):
        return Finding(("loss_lost",), "a step with a closure takes the plain step, and does not return the loss", numbers)
    if calls > 1:
        text = f"the closure is called {_times(calls)} a step; the step is the usual one if each call gives the same gradients"
        return Finding(("several",), text, numbers)
    return Finding(
        ("as_plain",),
        f"the closure is called {_times(calls)} a step, the step is the usual one, and the loss is returned",
        numbers,
    )


def deterministic(runner: SubjectRunner) -> Finding:
    """Compare two runs from one seed, and a run from another seed, bit for bit."""
    runs = [seeded_end(runner, STEPS, offset) for offset in (0, 0, 77)]
    if not runs[0].equal(runs[1]):
        return Finding(("no",), "two runs from the same seed differ", {"gap": max_relative_difference([runs[1]], [runs[0]])})
    if not runs[0].equal(runs[2]):
        return Finding(("seeded",), "it draws random numbers: the same bits from the same torch seed, others from another")
    return Finding(("yes",), "two runs are the same bit for bit, whatever torch's seed")


def micro_steps(runner: SubjectRunner) -> Finding:
    """Compare steps after three backward passes with steps after one; the gradients have the same sum."""
    accumulated, usual = track(runner), track(runner)
    for tracked, parts in ((accumulated, 3), (usual, 1)):
        optimizer = build(runner, [tracked])
        for step in range(STEPS):
            tracked.weight.grad = None
            for _ in range(parts):
                (tracked.weight * gradient_at(1, step).to(runner.dtype) / parts).sum().backward()
            step_once(optimizer, step)
            tracked.path.append(tracked.weight.detach().clone())
    return same_path_finding(
        runner,
        max_relative_difference(accumulated.path, usual.path),
        what="three backward passes a step, compared with one",
        same="once",
    )


def clip(runner: SubjectRunner) -> Finding:
    """Compare the weight decay of a step with a clipped gradient with that of the same step without clipping."""
    decays = [_decay_of_clipped_step(runner, share) for share in (1.0, CLIPPED)]
    size = float(decays[0].abs().max())
    if size <= SMALLEST_EFFECT * tolerance(runner, WARMUP):
        return Finding(
            (), f"not known, because weight_decay 0 instead of {WEIGHT_DECAY:g} in step {WARMUP + 1} changes no weight"
        )
    change = float((decays[1] - decays[0]).abs().max()) / size
    if change <= CLIP_EFFECT:
        return Finding(
            ("gradient_only",), f"clipping the gradient leaves what decay takes as it is, to {change:.1e}", {"change": change}
        )
    return Finding(
        ("decay_too",), f"clipping the gradient to 5 % changes what decay takes by {change:.2g} of it", {"change": change}
    )


def _decay_of_clipped_step(runner: SubjectRunner, share: float) -> Tensor:
    """Return the change by weight decay in the step after WARMUP steps, with its gradient clipped to a share of its norm."""
    ends = []
    for weight_decay in (WEIGHT_DECAY, 0.0):
        tracked = track(runner)
        optimizer = build(runner, [tracked])
        run_tracked(optimizer, [tracked], range(WARMUP))
        for group in optimizer.param_groups:
            group["weight_decay"] = weight_decay
        tracked.weight.grad = gradient_at(1, WARMUP).to(runner.dtype)
        torch.nn.utils.clip_grad_norm_([tracked.weight], share * float(tracked.weight.grad.norm()))
        step_once(optimizer, WARMUP)
        ends.append(tracked.weight.detach().clone())
    return ends[0] - ends[1]


def _with_zero_column(seed: int, step: int, shape: tuple[int, ...]) -> Tensor:
    """Return the usual gradient with zeros in its first column."""
    given = gradient_at(seed, step, shape)
    given[:, 0] = 0.0
    return given


def _paused(runner: SubjectRunner, weight_decay: float, gradient: GradientAt) -> list[Tensor]:
    """Return the path of BEFORE steps, two steps at a learning rate of zero, and two more."""
    tracked = track(runner)
    optimizer = build(runner, [tracked], weight_decay=weight_decay)
    for lr, steps in ((LR, range(BEFORE)), (0.0, range(BEFORE, BEFORE + 2)), (LR, range(BEFORE + 2, BEFORE + 4))):
        set_lr(optimizer, lr)
        run_tracked(optimizer, [tracked], steps, gradient)
    return tracked.path


def _negative(seed: int, step: int, shape: tuple[int, ...]) -> Tensor:
    return -gradient_at(seed, step, shape)


def _decay_under_maximize(runner: SubjectRunner) -> tuple[str, str] | None:
    """Return the answer and its text if maximize=True decays a weight with zero gradient otherwise than minimize, else None."""
    minimized, maximized = (
        [run_alone(runner, 1, [0], zero_gradient, weight_decay=decay, maximize=flag).path[-1] for decay in (WEIGHT_DECAY, 0.0)]
        for flag in (False, True)
    )
    usual, maximizing = minimized[0] - minimized[1], maximized[0] - maximized[1]
    if max_relative_difference([maximizing], [usual]) <= tolerance(runner):
        return None
    if max_relative_difference([maximizing], [-usual]) <= 0.5:
        return "decay_flipped", "with maximize=True weights grow by the amount by which they should shrink"
    return ("decay_lost", "with maximize=True weights do not decay") if not bool(maximizing.any()) else None


def _times(calls: float) -> str:
    return "once" if calls == 1 else f"{calls:.3g} times"


def _parameters(runner: SubjectRunner) -> set[str]:
    return set(inspect.signature(runner.build).parameters)


QUESTIONS = (
    Question("step_arguments", "steps", step_arguments, purpose="handling", preconditions=()),
    Question("first_step", "steps", first_step, purpose="handling", preconditions=(MOVES,)),
    Question("gradient_kept", "steps", gradient_kept, purpose="handling"),
    Question("zero_lr", "steps", zero_lr, purpose="handling"),
    Question("lr_tensor", "steps", lr_tensor),
    Question("maximize", "steps", maximize, purpose="handling"),
    Question("closure", "steps", closure, purpose="handling"),
    Question("deterministic", "steps", deterministic),
    Question("micro_steps", "steps", micro_steps, purpose="handling"),
    Question("clip", "steps", clip, purpose="handling"),
)
