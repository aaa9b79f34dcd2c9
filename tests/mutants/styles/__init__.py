"""Right optimizers in many styles: no test may call one of them wrong under the contract that is drafted for it.

Every public class and function of these modules is one; `walk` holds what they share.
"""

from __future__ import annotations

from tests.mutants.styles import (
    adaptive,
    averaging,
    clipping,
    corrections,
    decays,
    defaults,
    gradient_handling,
    matrices,
    momentum,
    refusals,
    selection,
    signs_and_ratios,
    state_keeping,
    wrappers,
)

MODULES = (
    defaults,
    corrections,
    refusals,
    selection,
    clipping,
    signs_and_ratios,
    matrices,
    adaptive,
    momentum,
    averaging,
    decays,
    state_keeping,
    gradient_handling,
    wrappers,
)
STYLES: tuple[str, ...] = tuple(
    f"{module.__name__}:{name}"
    for module in MODULES
    for name, make in vars(module).items()
    if callable(make) and not name.startswith("_") and getattr(make, "__module__", "") == module.__name__
)  # import paths
