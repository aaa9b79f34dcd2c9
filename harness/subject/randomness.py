"""Seeds for the random numbers that an optimizer draws: they follow from the number of its step alone."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import numpy as np

CONSTRUCTION = 1_000_003  # the number that a constructor is seeded with; no run has so many steps


@contextlib.contextmanager
def random_numbers_of(step: int) -> Iterator[None]:
    """Seed torch, `numpy.random` and `random` from a step's number, and restore the caller's states afterwards.

    Two runs that take the same steps then draw the same numbers, in whichever order and process they are made. A generator
    that an optimizer owns is its own affair.
    """
    import torch  # here: what only names an optimizer must not wait for it

    # The CPU generator is seeded directly: torch.manual_seed also formats a stack trace for every missing GPU backend.
    torch_state = torch.default_generator.get_state()
    cuda_states = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    numpy_generator = np.random.mtrand.get_bit_generator()
    random_state = random.getstate()
    torch.default_generator.manual_seed(step)
    if cuda_states:
        torch.cuda.manual_seed_all(step)
    # numpy's global functions draw from a generator that is exchanged for the block: copying its state twice would cost more
    # than the step of a small optimizer.
    np.random.mtrand.set_bit_generator(np.random.MT19937(step))
    random.seed(step)
    try:
        yield
    finally:
        torch.default_generator.set_state(torch_state)
        if cuda_states:
            torch.cuda.set_rng_state_all(cuda_states)
        np.random.mtrand.set_bit_generator(numpy_generator)
        random.setstate(random_state)
