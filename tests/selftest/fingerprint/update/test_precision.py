"""Tests of the precision question: single precision is found, and a coarse rule is not taken for it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from harness.fingerprint.update.precision import QUESTIONS
from tests.mutants.collection import path
from tests.mutants.decay_rule import AdamWTwin, Group, State
from tests.selftest.fingerprint.asked import MUTANTS, finding_of

(QUESTION,) = QUESTIONS


class RoundsTheDecayed(AdamWTwin):
    """Decay a weight that is rounded to single precision, and compute the update in double."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.copy_((w.float() * (1 - group["lr"] * group["weight_decay"])).double())


class RoundsTheDecay(AdamWTwin):
    """Compute the decay in single precision, and subtract it in double."""

    def decay(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        w.sub_((group["lr"] * group["weight_decay"] * w.float()).double())


class StepsOftenAtFirst(AdamWTwin):
    """Take fifty updates at the first step of a process, and one at each later step."""

    taken = False

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        for _ in range(1 if StepsOftenAtFirst.taken else 50):
            super().update(w, grad, group, state)
        StepsOftenAtFirst.taken = True


class Unseeded(AdamWTwin):
    """Add noise from its own generator, which no seed of the suite resets."""

    noise = torch.Generator().manual_seed(3)

    def direction(self, w: Tensor, grad: Tensor, group: Group, state: State) -> Tensor:
        return grad + 0.1 * torch.randn(grad.shape, generator=self.noise, dtype=grad.dtype)


class RefusesAll(AdamWTwin):
    """Refuse weights of any precision."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        raise TypeError("not today")


@pytest.mark.parametrize("name", ["AdamW", "SGD", "Adafactor", "Adadelta", "Adagrad", "RAdam"])
def test_torch_updates_float64_weights_in_double(name: str) -> None:
    finding = finding_of(QUESTION.name, f"torch.optim:{name}")
    assert finding.values == ("float64",)
    assert finding.numbers["fine"] == pytest.approx(finding.numbers["coarse"], rel=0.05)


@pytest.mark.parametrize("path", ["torch.optim:Muon", "harness.optimizers:Lion"])
def test_a_rule_of_signs_or_few_bits_is_judged_by_its_weights(path: str) -> None:
    finding = finding_of(QUESTION.name, path)
    assert finding.values == ("float64",)
    assert "signs or few bits" in finding.text


@pytest.mark.parametrize(
    ("name", "words"),
    [("SingleInside", "is a float32 number"), ("SingleUpdate", "float32 inside"), ("RefusesDouble", "float64 is refused")],
)
def test_single_precision_is_found(name: str, words: str) -> None:
    finding = finding_of(QUESTION.name, path(name))
    assert finding.values == ("float32",)
    assert words in finding.text


def test_a_refusal_of_both_precisions_is_not_called_single() -> None:
    with pytest.raises(ValueError, match="not today"):
        finding_of(QUESTION.name, f"{__name__}:RefusesAll")


@pytest.mark.parametrize("name", ["RoundsTheDecayed", "RoundsTheDecay"])
def test_a_single_decay_is_found_beside_an_update_in_double(name: str) -> None:
    finding = finding_of(QUESTION.name, f"{__name__}:{name}")
    assert finding.values == ("float32",)
    assert finding.text.startswith("float32 decay")


@pytest.mark.parametrize("path", [MUTANTS + "SignDecay", MUTANTS + "DecayInsideMoments", "torch.optim:Adam", path("Lars")])
def test_a_decay_in_double_is_not_called_single(path: str) -> None:
    assert finding_of(QUESTION.name, path).values == ("float64",)


@pytest.mark.parametrize("name", ["StepsOftenAtFirst", "Unseeded"])
def test_repeated_runs_that_differ_are_not_called_single(name: str) -> None:
    finding = finding_of(QUESTION.name, f"{__name__}:{name}")
    assert finding.values == ()
    assert finding.text.startswith("unknown: repeated runs differ")


class LrInTensor(AdamWTwin):
    """Keep the learning rate as a float32 tensor; weight_decay is a number."""

    def update(self, w: Tensor, grad: Tensor, group: Group, state: State) -> None:
        super().update(w, grad, {**group, "lr": torch.tensor(group["lr"]).double()}, state)


def test_torchs_asgd_keeps_its_rate_in_float32() -> None:
    """Its state `eta` is a float32 tensor."""
    assert finding_of(QUESTION.name, "torch.optim:ASGD").values == ("float32_settings",)


@pytest.mark.parametrize(
    ("subject", "what"), [(path("SettingsInSingle"), "lr and weight_decay"), (f"{__name__}:LrInTensor", "lr")]
)
def test_a_rounded_setting_is_single_precision(subject: str, what: str) -> None:
    """The weights are updated in double, and the tolerances of the tests must be those of float32."""
    finding = finding_of(QUESTION.name, subject)

    assert finding.values == ("float32_settings",)
    assert finding.text.startswith(f"float32 settings: {what} changed")


@pytest.mark.parametrize("subject", ["harness.optimizers:Prodigy", "torch.optim:Rprop", "harness.optimizers:Lion"])
def test_settings_in_double_are_not_called_rounded(subject: str) -> None:
    """Prodigy estimates its rate, Rprop ignores it, and Lion's steps are signs."""
    assert finding_of(QUESTION.name, subject).values == ("float64",)
