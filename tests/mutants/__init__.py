"""Wrong optimizers, one planted bug each, and the right ones that they are without it.

`formula` plants faults in the decay's formula, `handling` in groups, state, gradients and parameters, `numerics` in precision,
implementation paths, masks, averages and norms; `catalogue` says of each what it promises and what must be said of it.
"""
