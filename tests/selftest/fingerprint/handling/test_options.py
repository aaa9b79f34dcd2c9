"""Tests of the questions about options: inert and unknown ones, defaults, values that make no sense."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

from harness.errors import RunError
from harness.fingerprint.ask import ask
from tests.mutants.collection import path
from tests.mutants.decay_rule import AdamWTwin, Group, State
from tests.selftest.fingerprint.handled_subjects import MUTANTS, finding_on


def test_only_the_inert_option_is_reported() -> None:
    """The mutant never reads max_norm; it reads betas and eps."""
    assert finding_on("inert_options", path("InertOption")).text.endswith(": max_norm")


def test_an_option_that_needs_another_is_not_inert() -> None:
    """SGD's dampening and nesterov do nothing without momentum, which is 0 by default."""
    finding = finding_on("inert_options", "torch.optim:SGD")

    assert finding.values == ("none",)
    assert "dampening, nesterov" in finding.text


class VectorsByAdam(AdamWTwin):
    """Step matrices by the sign of the gradient and vectors by Adam's rule, whose betas have a name of their own."""

    def __init__(
        self, params: Any, lr: float = 1e-3, weight_decay: float = 0.0, decay_rate: float = 0.9, channel_mean: bool = False
    ) -> None:
        super().__init__(params, lr=lr, weight_decay=weight_decay, betas=(decay_rate, 0.99))
        self.channel_mean = channel_mean

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        if w.ndim == 4 and self.channel_mean:
            return grad.mean(dim=1, keepdim=True).expand_as(grad)
        return super().direction(w, grad, group, state) if w.ndim == 1 else grad.sign()


def test_an_option_that_acts_on_other_shapes_is_not_inert() -> None:
    finding = finding_on("inert_options", f"{__name__}:VectorsByAdam")

    assert finding.values == ("none",)
    assert "decay_rate, channel_mean" in finding.text


class TakesTwoModes(AdamWTwin):
    """Refuse every mode except 3."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.0, mode: int = 3) -> None:
        if mode != 3:
            raise ValueError("mode: expected 3")
        super().__init__(params, lr=lr, weight_decay=weight_decay)


def test_an_option_whose_other_values_are_refused_is_not_inert() -> None:
    """The effect of a refused value cannot be measured."""
    assert finding_on("inert_options", f"{__name__}:TakesTwoModes").values == ("none",)


def test_no_option_is_called_inert_if_no_step_succeeds() -> None:
    """All options look equal if the first step raises. The question raises that error instead of an answer."""
    with pytest.raises(RunError):
        finding_on("inert_options", "torch.optim:SparseAdam")


def test_an_accepted_nan_is_reported() -> None:
    """SGD refuses values below zero, which lets NaN pass. AdamW refuses values that are not at least zero."""
    sgd, adamw = (finding_on("rejects", f"torch.optim:{name}").numbers for name in ("SGD", "AdamW"))

    assert (sgd["NaN_weight_decay"], adamw["NaN_weight_decay"]) == (0.0, 1.0)
    assert (sgd["negative_weight_decay"], adamw["infinite_weight_decay"]) == (1.0, 0.0)


def test_an_optimizer_without_checks_is_reported() -> None:
    """The twin accepts a negative learning rate too."""
    assert finding_on("rejects", MUTANTS + "AdamWTwin").values == ("none",)


def test_defaults_are_those_of_the_signature() -> None:
    """The finding has them as text, and the numbers by name."""
    finding = finding_on("default_options", "torch.optim:AdamW")

    assert "betas=(0.9, 0.999)" in finding.text
    assert finding.numbers["weight_decay"] == 0.01


class OwnNames(AdamWTwin):
    """Take beta1 and beta2 apart, and no eps."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.0, beta1: float = 0.9, beta2: float = 0.99) -> None:
        super().__init__(params, lr=lr, weight_decay=weight_decay, betas=(beta1, beta2))


@pytest.mark.parametrize(
    ("subject", "word", "text"),
    [
        ("torch.optim:AdamW", "taken", "the steps change with each of them"),
        (f"{__name__}:OwnNames", "fixed", "does not take both"),
        (path("ConstantsIgnored"), "fixed", "no step changes with betas and eps"),
        ("torch.optim:SGD", "absent", "not Adam's"),
    ],
)
def test_adams_constants_must_act(subject: str, word: str, text: str) -> None:
    (finding,) = (found for question, found in ask(subject, {}, ["adam_options"]) if question.name == "adam_options")

    assert finding.values == (word,)
    assert text in finding.text
