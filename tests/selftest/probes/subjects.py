"""Optimizers for tests of probes, named by import path as in scenarios, and the check of a closed form."""

from __future__ import annotations

from harness.measurement import Measurement
from harness.subject.loading import Factory, make_factory


def torch_optim(name: str, **options: object) -> Factory:
    """Return the factory of an optimizer of torch."""
    return _named(f"torch.optim:{name}", options)


def reference(name: str, **options: object) -> Factory:
    """Return the factory of a reference optimizer."""
    return _named(f"harness.optimizers:{name}", options)


def mutant(name: str, **options: object) -> Factory:
    """Return the factory of a mutant, or of a twin, of the decay rule."""
    return _named(f"tests.mutants.decay_rule:{name}", options)


def _named(path: str, options: dict[str, object]) -> Factory:
    """Return the factory of the optimizer at `path`, with a name that pytest shows in the id of a test."""
    make = make_factory(path, options, training=False)
    make.__name__ = "-".join([path.partition(":")[2], *(f"{key}={value}" for key, value in options.items())])
    return make


def meets_closed_form(measurement: Measurement, *, margin: float = 2.0) -> bool:
    """Return True if the error of a measurement is at most the tolerance over `margin`.

    Raise AssertionError if the measurement has no closed form, or if its tolerance is too large to show its effect.
    """
    assert measurement.expected is not None
    assert measurement.tolerance is not None
    assert measurement.effect is not None
    assert abs(measurement.effect) >= 1e4 * measurement.tolerance, (
        f"tolerance {measurement.tolerance} is over 1e-4 of the effect {measurement.effect}"
    )
    return margin * abs(measurement.value - measurement.expected) <= measurement.tolerance
