"""Seeds of the random numbers that an optimizer draws: they depend only on the number of the step."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import numpy as np

CONSTRUCTOR_STEP = 1_000_003  # the seed of a constructor, larger than the number of steps of any run


@contextlib.contextmanager
def seeded_by_step(step: int) -> Iterator[None]:
    """Seed torch, `numpy.random` and `random` from a step's number, and restore the caller's states afterwards.

    Two runs that take the same steps then draw the same numbers, in any order and in any process. A generator that an optimizer
    owns is not seeded.
    """
    import torch  # imported late: code that only names an optimizer must not wait for torch

    # The CPU generator is seeded directly, because torch.manual_seed also formats a stack trace for
    # every missing GPU backend.
    torch_state = torch.default_generator.get_state()
    cuda_states = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    numpy_generator = np.random.mtrand.get_bit_generator()
    random_state = random.getstate()
    torch.default_generator.manual_seed(step)
    if cuda_states:
        torch.cuda.manual_seed_all(step)
    # The generator of numpy's global functions is exchanged for the block. Copying its state twice
    # would cost more than the step of a small optimizer.
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
