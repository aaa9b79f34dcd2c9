"""Tests of the model: it equals a plain network, and nothing passes between runs or from later positions."""

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
    runs = [initial_weights(shape, 0.3, seed) for seed in seeds]
    return {name: torch.stack([weights[name] for weights in runs]) for name in runs[0]}


def _tokens(runs: int, sentences: int = 3, shape: ModelShape = SHAPE) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randint(shape.symbols - 1, (runs, sentences, shape.context), generator=generator)


def _one_hot(tokens: Tensor, shape: ModelShape = SHAPE) -> Tensor:
    return functional.one_hot(tokens, shape.symbols).double()


def test_the_model_equals_a_plain_network() -> None:
    """Scores and gradients of each run equal those of one network that is made of torch's own layers."""
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


def test_a_run_does_not_depend_on_other_runs() -> None:
    """With other weights and sentences in run 1, the scores and gradients of run 0 are bit-identical."""
    first, second = _stack([1, 2]), _stack([1, 3])
    tokens, changed = _tokens(2), _tokens(2).flip(0)
    changed[0] = tokens[0]
    for weights in (first, second):
        for weight in weights.values():
            weight.requires_grad_()
    scores = [logits(weights, _one_hot(inputs), SHAPE) for weights, inputs in ((first, tokens), (second, changed))]
    torch.stack(scores).square().sum().backward()
    assert torch.equal(scores[0][0], scores[1][0])
    assert not torch.equal(scores[0][1], scores[1][1])
    for name in first:
        gradients = first[name].grad, second[name].grad
        assert gradients[0] is not None
        assert gradients[1] is not None
        assert torch.equal(gradients[0][0], gradients[1][0]), name


def test_the_model_is_causal() -> None:
    """Another symbol changes the scores at its own position and all later ones, and no earlier ones."""
    weights, tokens = _stack([1]), _tokens(1)
    changed = tokens.clone()
    changed[..., 4] = (changed[..., 4] + 1) % (SHAPE.symbols - 1)
    before, after = (logits(weights, _one_hot(inputs), SHAPE).view(3, SHAPE.context, -1) for inputs in (tokens, changed))
    assert torch.equal(before[:, :4], after[:, :4])
    assert bool((before[:, 4:] != after[:, 4:]).any(dim=-1).all())


def test_the_gradient_of_the_unseen_row_is_exactly_zero() -> None:
    """The embedding table is also the output projection, and every row but the last gets a gradient."""
    weights = {name: weight.requires_grad_() for name, weight in _stack([1]).items()}
    tokens = torch.arange(SHAPE.symbols - 1).repeat(1, 3, 1)[..., : SHAPE.context]
    targets = _one_hot(tokens)[..., :-1].flatten(1, 2)
    cross_entropy(logits(weights, _one_hot(tokens), SHAPE), targets).sum().backward()
    gradient = weights["embedding"].grad
    assert gradient is not None
    assert torch.equal(gradient[0, -1], torch.zeros(SHAPE.width, dtype=torch.float64))
    assert bool(gradient[0, :-1].any(dim=-1).all())


def test_cross_entropy_skips_padding() -> None:
    """The loss equals torch's cross entropy over the positions that have a target."""
    generator = torch.Generator().manual_seed(1)
    scores = torch.randn(2, 6, SHAPE.symbols - 1, dtype=torch.float64, generator=generator)
    answers = torch.randint(SHAPE.symbols - 1, (2, 6), generator=generator)
    one_hot = functional.one_hot(answers, SHAPE.symbols - 1).double()
    one_hot[:, 4:] = 0.0
    expected = [functional.cross_entropy(scores[run, :4], answers[run, :4], reduction="sum") for run in range(2)]
    torch.testing.assert_close(cross_entropy(scores, one_hot), torch.stack(expected), rtol=1e-13, atol=0.0)


def test_the_model_has_about_102_thousand_weights() -> None:
    """This is the size for the symbols and the sentence length of the verb-form task."""
    sizes = weight_shapes(ModelShape(symbols=29, context=26))
    assert sum(math.prod(size) for size in sizes.values()) == 102_144


@pytest.mark.parametrize(
    ("name", "std"),
    [("embedding", 0.3), ("position", 0.3), ("0.qkv", 0.02), ("1.mlp_in", 0.02), ("0.attention_out", 0.01), ("1.mlp_out", 0.01)],
)
def test_initial_standard_deviations(name: str, std: float) -> None:
    """Embeddings have the configured one, matrices 0.02, and matrices that write to the residual stream 0.01."""
    weight = initial_weights(ModelShape(symbols=29, context=26), 0.3, 7)[name]
    assert weight.dtype == torch.float64
    assert abs(weight.std().item() / std - 1.0) < 5.0 / math.sqrt(2 * weight.numel())  # 5 standard errors


def test_initial_weights_depend_on_the_seed_alone() -> None:
    """Other random draws in between do not change the weights. Another seed does."""
    first = initial_weights(SHAPE, 0.3, 1)
    torch.randn(3)
    again, other = initial_weights(SHAPE, 0.3, 1), initial_weights(SHAPE, 0.3, 2)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["0.qkv"], other["0.qkv"])
