"""Settings that are fixed before anything runs, so that one set of goldens serves every machine."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def fix_environment(environment: MutableMapping[str, str] = os.environ) -> None:
    """Set the variables that must be set before torch is imported: one thread (the number changes bits), reproducible cuBLAS."""
    for variable in THREAD_VARIABLES:
        environment[variable] = "1"
    environment["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    environment.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # the order in which nvidia-smi counts


def fix_torch() -> None:
    """Set torch's own switches: one thread, deterministic algorithms, no TF32."""
    import torch

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    # This debugging aid of the deterministic mode costs time at every allocation.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # mypy does not find its definition
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")


def describe(device: str) -> dict[str, str]:
    """Return the parts of the environment on which the numbers may depend: versions, device, instruction set."""
    import platform

    import torch

    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "device": torch.cuda.get_device_name() if device.startswith("cuda") else f"cpu ({platform.machine()})",
        "instructions": torch.backends.cpu.get_cpu_capability(),
    }
