"""Is everything fixed that the numbers depend on?"""

from __future__ import annotations

import torch

from harness.environment.determinism import THREAD_VARIABLES, describe, fix_environment, fix_torch


def test_the_environment_is_fixed_whatever_it_was() -> None:
    """One thread and reproducible cuBLAS; an order of devices that the caller chose stays."""
    environment = {"OMP_NUM_THREADS": "8", "CUDA_DEVICE_ORDER": "FASTEST_FIRST"}
    bare: dict[str, str] = {}

    fix_environment(environment)
    fix_environment(bare)

    assert {environment[name] for name in THREAD_VARIABLES} == {"1"}
    assert (environment["CUBLAS_WORKSPACE_CONFIG"], environment["CUDA_DEVICE_ORDER"]) == (":4096:8", "FASTEST_FIRST")
    assert bare["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


def test_torch_is_fixed_whatever_it_was() -> None:
    """One thread, deterministic algorithms, no TF32."""
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(False)
    torch.backends.cuda.matmul.allow_tf32 = True

    fix_torch()

    assert torch.get_num_threads() == 1
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cudnn.benchmark


def test_the_environment_is_described_by_what_numbers_depend_on() -> None:
    """Versions, device and instruction set, each in words."""
    said = describe("cpu")

    assert set(said) == {"python", "torch", "device", "instructions"}
    assert said["torch"] == torch.__version__
    assert said["device"].startswith("cpu (")
    assert all(said.values())
