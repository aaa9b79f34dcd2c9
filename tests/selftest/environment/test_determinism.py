"""Tests of the fixed environment: variables, torch's switches, and the description of the environment."""

from __future__ import annotations

import torch

from harness.environment.determinism import THREAD_VARIABLES, describe, fix_environment, fix_torch


def test_environment_variables_are_set() -> None:
    """One thread and reproducible cuBLAS are always set. An order of devices that the caller chose is kept."""
    environment = {"OMP_NUM_THREADS": "8", "CUDA_DEVICE_ORDER": "FASTEST_FIRST"}
    bare: dict[str, str] = {}

    fix_environment(environment)
    fix_environment(bare)

    assert {environment[name] for name in THREAD_VARIABLES} == {"1"}
    assert (environment["CUBLAS_WORKSPACE_CONFIG"], environment["CUDA_DEVICE_ORDER"]) == (":4096:8", "FASTEST_FIRST")
    assert bare["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


def test_torch_switches_are_set() -> None:
    """The switches are one thread, deterministic algorithms, no TF32 and no cuDNN benchmark."""
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(False)
    torch.backends.cuda.matmul.allow_tf32 = True

    fix_torch()

    assert torch.get_num_threads() == 1
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cudnn.benchmark


def test_the_description_has_versions_device_and_instructions() -> None:
    """Numbers can depend on each of them, and none is empty."""
    description = describe("cpu")

    assert set(description) == {"python", "torch", "device", "instructions"}
    assert description["torch"] == torch.__version__
    assert description["device"].startswith("cpu (")
    assert all(description.values())
