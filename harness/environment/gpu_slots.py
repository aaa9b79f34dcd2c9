"""GPU slots: how many workers `-n auto` starts on a machine with GPUs, and which GPU each worker uses.

GPUs are counted with nvidia-smi, so that the process that only distributes tests never makes a CUDA context. They are chosen
from the caller's CUDA_VISIBLE_DEVICES, so that no worker uses a GPU that the caller left out.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping

VARIABLE = "DECAYGATE_GPU_SLOTS"  # set once by the controller and inherited by the workers
MIB_PER_WORKER = 3072  # a CUDA context, cuBLAS workspaces and a chunk of runs
MAX_WORKERS_PER_GPU = 6  # short runs are bound by launches and time slices, not by memory


def choose_slots(environment: Mapping[str, str], *, cpus: int) -> list[str]:
    """Return one CUDA_VISIBLE_DEVICES value per worker, round robin over the GPUs; empty without a GPU."""
    gpus = visible_gpus(environment.get("CUDA_VISIBLE_DEVICES"), _query())
    capacity = {name: max(1, min(MAX_WORKERS_PER_GPU, free // MIB_PER_WORKER)) for name, free in gpus}
    order = [name for turn in range(MAX_WORKERS_PER_GPU) for name in capacity if capacity[name] > turn]
    return order[:cpus]


def visible_gpus(mask: str | None, table: str) -> list[tuple[str, int]]:
    """Return (name, free MiB) of each GPU in the caller's mask; `table` holds index, uuid and free MiB from nvidia-smi.

    The mask is read as CUDA reads it. With two GPUs A and B:

        no mask     A, B
        1,0         B, A
        B,0         B, A: an entry is an index or a uuid
        1,-1,0      B: the list ends at the first entry that names no device
        MIG-123     MIG-123, with memory for one worker
    """
    lines = [[cell.strip() for cell in line.split(",")] for line in table.splitlines()]
    rows = [(index, uuid, _mib(free)) for index, uuid, free in (line for line in lines if len(line) == 3)]
    if mask is None or not rows:
        return [(uuid, free) for _, uuid, free in rows]
    by_name = {name: (uuid, free) for index, uuid, free in rows for name in (index, uuid)}
    visible_gpus = []
    for name in (part.strip() for part in mask.split(",")):
        if name in ("", "-1") or (name.isdecimal() and name not in by_name):
            break  # as CUDA does
        visible_gpus.append(by_name.get(name, (name, MIB_PER_WORKER)))  # unknown memory: MIG slice, short uuid
    return visible_gpus


def slot_of_worker(worker: str, chosen: str) -> str | None:
    """Return the CUDA_VISIBLE_DEVICES of a worker such as `gw3`; None leaves it unchanged. `chosen`: the slots, with commas."""
    names = [name for name in chosen.split(",") if name]
    return names[int(worker[2:]) % len(names)] if names and worker[:2] == "gw" and worker[2:].isdecimal() else None


def _mib(cell: str) -> int:
    return int(cell) if cell.isdecimal() else MIB_PER_WORKER  # "[N/A]" where the GPU shares the machine's memory


def _query() -> str:
    command = ["nvidia-smi", "--query-gpu=index,uuid,memory.free", "--format=csv,noheader,nounits"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def cpu_count() -> int:
    """Return the number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
