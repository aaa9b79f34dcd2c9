"""Reference optimizers that scenarios name, for example `harness.optimizers:Lion`.

They are fixed subjects: `--optimizer` never replaces them. `numpy_reference` is not exported here: it is the witness that
computes without torch.
"""

from harness.optimizers.averaging import LookaheadSGD, ScheduleFreeSGD
from harness.optimizers.conventions import (
    CautiousAdamW,
    CorrectedAdamW,
    DecoupledSGD,
    IndependentAdamW,
    IndependentSGD,
    Lamb,
    Lion,
    ProximalSGD,
    SignSGD,
)
from harness.optimizers.low_precision import CompensatedAdamW, MasterWeightsAdamW, StochasticAdamW
from harness.optimizers.per_tensor import Adam, Params, PerTensor
from harness.optimizers.prodigy import Prodigy

__all__ = [
    "Adam",
    "CautiousAdamW",
    "CompensatedAdamW",
    "CorrectedAdamW",
    "DecoupledSGD",
    "IndependentAdamW",
    "IndependentSGD",
    "Lamb",
    "Lion",
    "LookaheadSGD",
    "MasterWeightsAdamW",
    "Params",
    "PerTensor",
    "Prodigy",
    "ProximalSGD",
    "ScheduleFreeSGD",
    "SignSGD",
    "StochasticAdamW",
]
