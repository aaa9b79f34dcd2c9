"""Does the stacked network compute what one network computes, and nothing across runs or from the future?"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.plain_gpt import PlainGpt
from harness.training.model import ModelShape, Weights, cross_entropy, initial_weights, logits, weight_shapes

SHAPE = ModelShape(symbols=9, context=7, layers=2, width=16, heads=4)


def _stack(seeds: list[int], shape: ModelShape = SHAPE) -> Weights:
    drawn = [initial_weights(shape, 0.3, seed) for seed in seeds]
    return {name: torch.stack([one[name] for one in drawn]) for name in drawn[0]}


def _tokens(runs: int, sentences: int = 3, shape: ModelShape = SHAPE) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randint(shape.symbols - 1, (runs, sentences, shape.context), generator=generator)


def _one_hot(tokens: Tensor, shape: ModelShape = SHAPE) -> Tensor:
    return functional.one_hot(tokens, shape.symbols).double()


def test_equals_a_plain_network() -> None:
    """Scores and gradients of each run are those of one network written with torch's own layers."""
    stacked = {name: weight.requires_grad_() for name, weight in _stack([1, 2]).items()}
    tokens = _tokens(2)
    scores = logits(stacked, _one_hot(tokens), SHAPE)
    scores.square().sum().backward()
    for run in range(2):
        plain = PlainGpt(SHAPE, {name: weight.detach()[run] for name, weight in stacked.items()})
        expected = plain(tokens[run])
        expected.square().sum().backward()
        torch.testing.assert_close(scores[run].view_as(expected), expected, rtol=1e-12, atol=1e-13)
        for name, parameter in plain.by_name().items():
            gradient = stacked[name].grad
            assert gradient is not None
            torch.testing.assert_close(gradient[run], parameter.grad, rtol=1e-10, atol=1e-12)


def test_runs_do_not_see_each_other() -> None:
    """Another run's weights and sentences change neither scores nor gradients, to the last bit."""
    first, second = _stack([1, 2]), _stack([1, 3])
    one, two = _tokens(2), _tokens(2).flip(0)
    two[0] = one[0]
    for weights in (first, second):
        for weight in weights.values():
            weight.requires_grad_()
    scores = [logits(weights, _one_hot(tokens), SHAPE) for weights, tokens in ((first, one), (second, two))]
    torch.stack(scores).square().sum().backward()
    assert torch.equal(scores[0][0], scores[1][0])
    assert not torch.equal(scores[0][1], scores[1][1])
    for name in first:
        gradients = first[name].grad, second[name].grad
        assert gradients[0] is not None
        assert gradients[1] is not None
        assert torch.equal(gradients[0][0], gradients[1][0]), name


def test_is_causal() -> None:
    """A symbol changes the scores at its own position and after it, and none before it."""
    weights, tokens = _stack([1]), _tokens(1)
    changed = tokens.clone()
    changed[..., 4] = (changed[..., 4] + 1) % (SHAPE.symbols - 1)
    before, after = (logits(weights, _one_hot(one), SHAPE).view(3, SHAPE.context, -1) for one in (tokens, changed))
    assert torch.equal(before[:, :4], after[:, :4])
    assert bool((before[:, 4:] != after[:, 4:]).any(dim=-1).all())


def test_unseen_row_gets_a_gradient_of_exactly_zero() -> None:
    """No gradient reaches the last embedding row, although the table is tied and every other row gets one."""
    weights = {name: weight.requires_grad_() for name, weight in _stack([1]).items()}
    tokens = torch.arange(SHAPE.symbols - 1).repeat(1, 3, 1)[..., : SHAPE.context]
    targets = _one_hot(tokens)[..., :-1].flatten(1, 2)
    cross_entropy(logits(weights, _one_hot(tokens), SHAPE), targets).sum().backward()
    gradient = weights["embedding"].grad
    assert gradient is not None
    assert torch.equal(gradient[0, -1], torch.zeros(SHAPE.width, dtype=torch.float64))
    assert bool(gradient[0, :-1].any(dim=-1).all())


def test_cross_entropy_skips_padding() -> None:
    """The loss is torch's cross entropy over the positions that have a target."""
    generator = torch.Generator().manual_seed(1)
    scores = torch.randn(2, 6, SHAPE.symbols - 1, dtype=torch.float64, generator=generator)
    answers = torch.randint(SHAPE.symbols - 1, (2, 6), generator=generator)
    one_hot = functional.one_hot(answers, SHAPE.symbols - 1).double()
    one_hot[:, 4:] = 0.0
    expected = [functional.cross_entropy(scores[run, :4], answers[run, :4], reduction="sum") for run in range(2)]
    torch.testing.assert_close(cross_entropy(scores, one_hot), torch.stack(expected), rtol=1e-13, atol=0.0)


def test_has_the_documented_size() -> None:
    """With the task's symbols and sentences the network has about 102 thousand weights."""
    sizes = weight_shapes(ModelShape(symbols=29, context=26))
    assert sum(math.prod(size) for size in sizes.values()) == 102_144


@pytest.mark.parametrize(
    ("name", "std"),
    [("embedding", 0.3), ("position", 0.3), ("0.qkv", 0.02), ("1.mlp_in", 0.02), ("0.attention_out", 0.01), ("1.mlp_out", 0.01)],
)
def test_initial_standard_deviations(name: str, std: float) -> None:
    """Embeddings start at the configured standard deviation, matrices at 0.02, those into the residual stream at 0.01."""
    weight = initial_weights(ModelShape(symbols=29, context=26), 0.3, 7)[name]
    assert weight.dtype == torch.float64
    assert abs(weight.std().item() / std - 1.0) < 5.0 / math.sqrt(2 * weight.numel())  # 5 standard errors


def test_initial_weights_depend_on_the_seed_alone() -> None:
    """One seed gives one set of weights, whatever was drawn elsewhere; another seed gives another."""
    first = initial_weights(SHAPE, 0.3, 1)
    torch.randn(3)
    again, other = initial_weights(SHAPE, 0.3, 1), initial_weights(SHAPE, 0.3, 2)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["0.qkv"], other["0.qkv"])
