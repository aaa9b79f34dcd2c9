"""Start of a pytest session: settings that must be fixed before torch is imported, and the suite's pytest plugin."""

from __future__ import annotations

import os

from harness.environment import determinism, gpu_slots

# Threads, cuBLAS, and the GPU of this worker.
determinism.fix_environment()
_GPU = gpu_slots.slot_of_worker(os.environ.get("PYTEST_XDIST_WORKER", ""), os.environ.get(gpu_slots.VARIABLE, ""))
if _GPU is not None:
    os.environ["CUDA_VISIBLE_DEVICES"] = _GPU

pytest_plugins = ["tests.plugin.options"]  # imports torch, so it stays below the settings
