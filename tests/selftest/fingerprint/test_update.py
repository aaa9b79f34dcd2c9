"""Does a closed form fit its own rule, and no other?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch

from harness.fingerprint.lab import Lab
from harness.fingerprint.update import Update, rule_of, updates
from harness.fingerprint.walk import draw

RULES = [
    ("torch.optim:SGD", {}, "sgd"),
    ("torch.optim:SGD", {"momentum": 0.5}, "momentum"),
    ("torch.optim:SGD", {"momentum": 0.9, "nesterov": True}, "momentum"),
    ("torch.optim:AdamW", {"betas": (0.5, 0.7)}, "adam"),
    ("torch.optim:AdamW", {"amsgrad": True}, "other"),
    ("torch.optim:NAdam", {}, "other"),
    ("torch.optim:RMSprop", {}, "other"),
    ("torch.optim:ASGD", {}, "other"),
    ("harness.optimizers:SignSGD", {}, "sign"),
    ("harness.optimizers:Lion", {"betas": (0.3, 0.6)}, "sign"),
    ("harness.optimizers:Lamb", {}, "other"),
]


@pytest.mark.parametrize(("path", "options", "word"), RULES)
def test_a_rule_is_what_it_is(path: str, options: Mapping[str, Any], word: str) -> None:
    lab = Lab(path, options)
    assert rule_of(updates(lab, draw()), lab)[0] == word


def test_momentum_is_said_with_its_number() -> None:
    lab = Lab("torch.optim:SGD", {"momentum": 0.7})
    assert rule_of(updates(lab, draw()), lab)[1] == "each step is 0.7 x the one before - lr x (1 x gradient)"


def test_a_share_of_the_weight_beside_the_rule_is_named() -> None:
    """A hidden decay does not hide the rule."""
    lab = Lab("tests.selftest.mutants:HiddenDecay", {})
    word, says = rule_of(updates(lab, draw()), lab)
    assert word == "adam"
    assert "less 0.0001 x lr x w" in says


@pytest.mark.parametrize("path", ["torch.optim:AdamW", "torch.optim:SGD"])
def test_a_billionth_of_a_step_is_enough_to_be_another_rule(path: str) -> None:
    lab = Lab(path, {})
    bent = [
        replace(one, moved=one.moved + 1e-9 * torch.randn(one.moved.shape, dtype=torch.float64)) for one in updates(lab, draw())
    ]
    assert rule_of(bent, lab)[0] == "other"


def test_betas_under_other_names_are_taken_for_adams_own() -> None:
    seen = [replace(one, group={"betas": "none"}) for one in updates(Lab("torch.optim:AdamW", {}), draw())]
    assert rule_of(seen, Lab("torch.optim:AdamW", {}))[0] == "adam"


def test_steps_are_in_units_of_the_learning_rate() -> None:
    (one, _) = updates(Lab("torch.optim:SGD", {}), draw())
    assert isinstance(one, Update)
    assert torch.allclose(one.moved, -one.gradients, rtol=1e-9, atol=one.tolerance)
