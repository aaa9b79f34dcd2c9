"""How does a test of a probe name an optimizer? By import path, as scenarios do."""

from __future__ import annotations

from harness.measurement import Measurement
from harness.subject.loading import Factory, factory


def torch_optim(name: str, **options: object) -> Factory:
    return _named(f"torch.optim:{name}", options)


def reference(name: str, **options: object) -> Factory:
    return _named(f"harness.optimizers:{name}", options)


def mutant(name: str, **options: object) -> Factory:
    return _named(f"tests.mutants.decay_rule:{name}", options)


def _named(path: str, options: dict[str, object]) -> Factory:
    """A factory whose name pytest shows in the test's id."""
    make = factory(path, options, training=False)
    make.__name__ = "-".join([path.partition(":")[2], *(f"{key}={value}" for key, value in options.items())])
    return make


def exact(reading: Measurement, *, margin: float = 2.0) -> bool:
    """Return True if a reading meets its closed form with room to spare, and could see what it looks for."""
    assert reading.expected is not None
    assert reading.tolerance is not None
    assert reading.effect is not None
    assert abs(reading.effect) >= 1e4 * reading.tolerance, "vacuous"
    return margin * abs(reading.value - reading.expected) <= reading.tolerance
