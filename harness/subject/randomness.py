"""The random numbers that an optimizer draws: those of its step's number, whatever was drawn before."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import numpy as np

# numpy's global functions draw from this generator inside the block. Exchanging the generator costs a microsecond;
# copying its state twice would cost more than the step of a small optimizer.
_NUMPY = np.random.MT19937(0)
CONSTRUCTION = 0  # the number for which a constructor draws


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
    np.random.mtrand.set_bit_generator(_NUMPY)
    np.random.seed(step)
    random.seed(step)
    try:
        yield
    finally:
        torch.default_generator.set_state(torch_state)
        if cuda_states:
            torch.cuda.set_rng_state_all(cuda_states)
        np.random.mtrand.set_bit_generator(numpy_generator)
        random.setstate(random_state)
