"""Probe checkpoint: resumed and copied runs compared with the uninterrupted run; decay after other checkpoints.

The uninterrupted run is the reference. The resumed run has the same weights and gradients. Its learning rate and weight
decay must come from the checkpoint, although the loading optimizer was built with others.

`loaded_factor` is one step without gradient on a weight w, after the checkpoint of another optimizer was loaded
(h: learning rate, l: weight decay):

Law            Factor
decoupled      1 - h l
coupled_adam   1 - h / (|w| + eps / l): the first step of Adam with L2 has length h
coupled_nadam  the step of coupled_adam times 1.0564... (Dozat 2016: momentum m_t = b1 (1 - 0.96^(t psi) / 2))

Source: the PyTorch documentation of Optimizer.load_state_dict.
"""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from harness.decay_laws.tolerances import distance, factor_measurement, rounding_measurement
from harness.measurement import Measured, Measurement
from harness.probes.handling import CheckpointSettings
from harness.probes.inputs import matrices, noise_gradients, parameters, zero_gradients
from harness.probes.probe import collect
from harness.subject.loading import Factory, unwrap
from harness.subject.stepping import run_steps

SHARES = (1.0, 0.5)  # (weight decay) of the two groups
BUILT = (3.0, 2.5)  # (lr, weight decay) with which the loading optimizer is built, as multiples of the checkpoint's
FLOAT32_EPS = torch.finfo(torch.float32).eps
ADAM_EPS, BETA1, MOMENTUM_DECAY = 1e-8, 0.9, 4e-3  # torch's defaults
FLAG = "decoupled_weight_decay"  # torch's Adams select coupled or decoupled decay by this group key


def run(make: Factory, settings: CheckpointSettings) -> Measured:
    """Return the distance of a resumed or copied run from the uninterrupted run, and the factor of a step after a load."""
    if settings.copied:
        return collect(
            {
                "deepcopy_error": lambda: _copy_error(make, settings, copy.deepcopy),
                "pickle_error": lambda: _copy_error(make, settings, _pickled),
            }
        )
    return collect(
        {
            ("first_step_error", "resume_error"): lambda: _resume(make, settings),
            "loaded_factor": lambda: _loaded(make, settings),
        }
    )


def _halfway(make: Factory, settings: CheckpointSettings) -> tuple[Any, Sequence[Tensor], Sequence[Sequence[Tensor]]]:
    """Return an optimizer after `steps` steps, its weights, and the gradients of the steps that follow."""
    rows = noise_gradients(2 * settings.steps, len(SHARES), seed=settings.seed)
    weights = parameters(matrices(len(SHARES), seed=settings.seed))
    optimizer = _built(make, settings, weights)
    run_steps(optimizer, weights, rows[: settings.steps])
    return optimizer, weights, rows[settings.steps :]


def _copy_error(make: Factory, settings: CheckpointSettings, duplicate: Callable[[Any], Any]) -> Measurement:
    """Return the distance of a run that a copy continues from the run that the original continues."""
    optimizer, weights, later = _halfway(make, settings)
    ends = _continue(optimizer.watch_copy(duplicate(unwrap(optimizer))), later, settings)
    end = run_steps(optimizer, weights, later, first=settings.steps)
    effect = settings.lr * settings.weight_decay * SHARES[1]
    return rounding_measurement(distance(ends, end), steps=2 * settings.steps, effect=effect)


def _pickled(original: Any) -> Any:
    return pickle.loads(pickle.dumps(original))


def _resume(make: Factory, settings: CheckpointSettings) -> dict[str, Measurement]:
    """Load the optimizer's checkpoint into one that was built with other options, and compare further steps of both."""
    optimizer, weights, later = _halfway(make, settings)
    resumed = parameters(weight.detach() for weight in weights)
    loading = _built(make, settings, resumed, *BUILT)
    loading.load_state_dict(_through_file(optimizer.state_dict()))
    runs = ((optimizer, weights), (loading, resumed))
    step, resumed_step = (
        run_steps(stepped, stepped_weights, later[:1], first=settings.steps) for stepped, stepped_weights in runs
    )
    end, resumed_end = (
        run_steps(stepped, stepped_weights, later[1:], first=settings.steps + 1) for stepped, stepped_weights in runs
    )
    effect = settings.lr * settings.weight_decay * SHARES[1]
    return {
        "first_step_error": _resume_measurement(distance(resumed_step, step), settings, effect=effect),
        "resume_error": _resume_measurement(distance(resumed_end, end), settings, effect=effect),
    }


def _resume_measurement(value: float, settings: CheckpointSettings, *, effect: float) -> Measurement:
    """Return the measurement of a distance; its tolerance is one float32 rounding of an update of size lr.

    Loading casts the state to the weight's dtype: a number that was kept in float32 (NAdam's product of momenta) is
    continued in float64.
    """
    return Measurement(value, "fraction of max |w|", expected=0.0, tolerance=settings.lr * FLOAT32_EPS / 2, effect=effect)


def _built(make: Factory, settings: CheckpointSettings, weights: Sequence[Tensor], lr: float = 1.0, decay: float = 1.0) -> Any:
    decays = [settings.weight_decay * decay * share for share in SHARES]
    groups = [{"params": [weight], "weight_decay": group_decay} for weight, group_decay in zip(weights, decays, strict=True)]
    return make(groups, lr=settings.lr * lr, weight_decay=settings.weight_decay * decay)


def _through_file(state: Any) -> Any:
    """Return the state after torch.save and torch.load."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


def _continue(clone: Any, rows: Sequence[Sequence[Tensor]], settings: CheckpointSettings) -> list[Tensor]:
    weights = [weight for group in clone.param_groups for weight in group["params"]]
    return [weight.to(torch.float64) for weight in run_steps(clone, weights, rows, first=settings.steps)]


def _loaded(make: Factory, settings: CheckpointSettings) -> Measurement:
    """Return the factor of one step without gradient after the state of an optimizer that has taken no step was loaded."""
    weights = parameters(matrices(1, seed=settings.seed))
    optimizer = make(weights, lr=settings.lr, weight_decay=settings.weight_decay)
    optimizer.load_state_dict(_state(optimizer, weights, settings))
    before = float(weights[0].detach()[0, 0])
    after = float(run_steps(optimizer, weights, zero_gradients(1, weights))[0][0, 0])
    decay = settings.lr * settings.weight_decay
    expected = _expected_factor(settings, abs(before))
    # The two laws differ by h |l - 1 / |w||, and 1 / |w| needs one more rounding of h / |w|.
    effect = min(decay, abs(decay - settings.lr / abs(before)))
    measurement = factor_measurement(after / before, expected, steps=2, effect=effect)
    float32_state = settings.law == "coupled_nadam"  # torch's NAdam keeps the product of its momenta in float32
    return replace(measurement, tolerance=settings.lr * FLOAT32_EPS) if float32_state else measurement


def _state(optimizer: Any, weights: Sequence[Tensor], settings: CheckpointSettings) -> Any:
    others = {"of_adam": torch.optim.Adam, "of_adamw": torch.optim.AdamW}
    if settings.checkpoint in others:
        return others[settings.checkpoint](weights, lr=settings.lr, weight_decay=settings.weight_decay).state_dict()
    state = _through_file(optimizer.state_dict())
    if settings.checkpoint == "before_the_flag":
        for group in state["param_groups"]:
            group.pop(FLAG, None)
    return state


def _expected_factor(settings: CheckpointSettings, size: float) -> float:
    if settings.law == "decoupled":
        return 1 - settings.lr * settings.weight_decay
    pull = settings.weight_decay * size
    length = settings.lr * pull / (pull + ADAM_EPS)
    if settings.law == "coupled_nadam":
        first, second = (BETA1 * (1 - 0.5 * 0.96 ** (step * MOMENTUM_DECAY)) for step in (1, 2))
        length *= 1 + second * (1 - BETA1) / (1 - first * second)
    return 1 - length / size
