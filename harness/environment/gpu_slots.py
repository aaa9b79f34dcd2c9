"""How many workers does `-n auto` start on a GPU box, and which GPU is each one's?

Counted with nvidia-smi, so that the process which only hands out tests never makes a CUDA context; indexed into the
CUDA_VISIBLE_DEVICES that the caller set, so that no worker lands on a GPU that the caller left out.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping

VARIABLE = "DECAYGATE_GPU_SLOTS"  # set by the controller, inherited by the workers: one decision, made once
MIB_PER_WORKER = 3072  # a CUDA context, cuBLAS workspaces and a chunk of runs
MOST_WORKERS_PER_GPU = 6  # short runs are bound by launches and time slices, not by memory


def choose_slots(environment: Mapping[str, str], *, cpus: int) -> list[str]:
    """Return one CUDA_VISIBLE_DEVICES value a worker, round robin over the GPUs; empty without a GPU."""
    gpus = visible(environment.get("CUDA_VISIBLE_DEVICES"), _query())
    room = {name: max(1, min(MOST_WORKERS_PER_GPU, free // MIB_PER_WORKER)) for name, free in gpus}
    order = [name for turn in range(MOST_WORKERS_PER_GPU) for name in room if room[name] > turn]
    return order[:cpus]


def visible(mask: str | None, table: str) -> list[tuple[str, int]]:
    """Return (name, free MiB) of each GPU that the caller's mask leaves; `table` holds nvidia-smi's index, uuid, free."""
    lines = [[cell.strip() for cell in line.split(",")] for line in table.splitlines()]
    rows = [(index, uuid, _mib(free)) for index, uuid, free in (line for line in lines if len(line) == 3)]
    if mask is None or not rows:
        return [(uuid, free) for _, uuid, free in rows]
    by_name = {name: (uuid, free) for index, uuid, free in rows for name in (index, uuid)}
    picked = []
    for name in (part.strip() for part in mask.split(",")):
        if name in ("", "-1") or (name.isdecimal() and name not in by_name):
            break  # CUDA itself stops at the first entry that names no device
        picked.append(by_name.get(name, (name, MIB_PER_WORKER)))  # a MIG slice or a shortened uuid: memory unknown
    return picked


def of_worker(worker: str, chosen: str) -> str | None:
    """Return the CUDA_VISIBLE_DEVICES of worker `gw3`, given the slots joined by commas; None when it keeps its own."""
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
    """Return the CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
