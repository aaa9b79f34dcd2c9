"""Tests of GPU slots: the caller's mask, free memory, the number of workers and the GPU of each."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.environment import gpu_slots
from harness.environment.gpu_slots import MAX_WORKERS_PER_GPU, MIB_PER_WORKER, slot_of_worker, visible_gpus
from harness.environment.paths import ROOT

TABLE = "0, GPU-aaa, 81000\n1, GPU-bbb, 7000\n2, GPU-ccc, 100\n"


@pytest.mark.parametrize(
    ("mask", "names"),
    [
        (None, ["GPU-aaa", "GPU-bbb", "GPU-ccc"]),
        ("0,1,2", ["GPU-aaa", "GPU-bbb", "GPU-ccc"]),
        ("2, 0", ["GPU-ccc", "GPU-aaa"]),
        ("GPU-bbb", ["GPU-bbb"]),
        ("GPU-bbb,0", ["GPU-bbb", "GPU-aaa"]),
        ("MIG-123", ["MIG-123"]),
        ("GPU-b", ["GPU-b"]),
        ("", []),
        ("-1", []),
        ("1,-1,0", ["GPU-bbb"]),
        ("1,,0", ["GPU-bbb"]),
        ("1,7,0", ["GPU-bbb"]),
    ],
)
def test_the_mask_of_the_caller_selects_the_gpus(mask: str | None, names: list[str]) -> None:
    """As in CUDA, an entry is an index or a uuid, and the first entry that names no device ends the list."""
    assert [name for name, _ in visible_gpus(mask, TABLE)] == names


def test_free_memory_is_found_by_index_and_by_uuid() -> None:
    """A GPU that nvidia-smi does not list under its name is taken to have memory for one worker."""
    assert visible_gpus("1,GPU-aaa,MIG-1", TABLE) == [("GPU-bbb", 7000), ("GPU-aaa", 81000), ("MIG-1", MIB_PER_WORKER)]


@pytest.mark.parametrize("table", ["", "\n", "No devices were found\n"])
@pytest.mark.parametrize("mask", [None, "0", "GPU-aaa"])
def test_a_machine_without_gpus_has_none_under_any_mask(mask: str | None, table: str) -> None:
    """A left-over CUDA_VISIBLE_DEVICES must not reduce `-n auto` to one worker."""
    assert visible_gpus(mask, table) == []


def test_unreported_memory_counts_as_memory_for_one_worker() -> None:
    """nvidia-smi reports no number where the GPU shares the machine's memory."""
    assert visible_gpus(None, "0, GPU-aaa, [N/A]\n") == [("GPU-aaa", MIB_PER_WORKER)]


def chosen(monkeypatch: pytest.MonkeyPatch, table: str, *, cpus: int, mask: str | None = None) -> list[str]:
    """Return the slots on a machine with this table."""
    monkeypatch.setattr(gpu_slots, "_query", lambda: table)
    return gpu_slots.choose_slots({} if mask is None else {"CUDA_VISIBLE_DEVICES": mask}, cpus=cpus)


def test_workers_fill_the_gpus_round_robin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each GPU gets one worker first, even a small one; then the GPUs with free memory get more, up to the limit."""
    names = chosen(monkeypatch, TABLE, cpus=64)

    assert names[:5] == ["GPU-aaa", "GPU-bbb", "GPU-ccc", "GPU-aaa", "GPU-bbb"]
    assert names[5:] == ["GPU-aaa"] * (MAX_WORKERS_PER_GPU - 2)


def test_there_are_never_more_workers_than_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """This holds for any free memory of the GPUs."""
    assert chosen(monkeypatch, TABLE, cpus=4) == ["GPU-aaa", "GPU-bbb", "GPU-ccc", "GPU-aaa"]


def test_a_masked_gpu_gets_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any GPU there are no slots, and `-n auto` counts the CPUs instead."""
    assert chosen(monkeypatch, TABLE, cpus=3, mask="1") == ["GPU-bbb", "GPU-bbb"]
    assert chosen(monkeypatch, TABLE, cpus=3, mask="-1") == []
    assert chosen(monkeypatch, "", cpus=3) == []


@pytest.mark.parametrize(
    ("worker", "names", "slot"),
    [
        ("gw0", "a,b,a", "a"),
        ("gw1", "a,b,a", "b"),
        ("gw2", "a,b,a", "a"),
        ("gw4", "a,b,a", "b"),
        ("gw0", "", None),
        ("", "a,b", None),
        ("master", "a,b", None),
    ],
)
def test_each_worker_takes_its_own_slot(worker: str, names: str, slot: str | None) -> None:
    """A restarted worker has a higher number and starts again at the first slot. The controller takes none."""
    assert slot_of_worker(worker, names) == slot


def test_without_a_working_nvidia_smi_the_table_is_empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """nvidia-smi may be missing, or fail after it has printed a line."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_slots._query() == ""
    failing = tmp_path / "nvidia-smi"
    failing.write_text(f"#!{sys.executable}\nprint('0, GPU-aaa, 9')\nraise SystemExit(9)\n", encoding="utf-8")
    failing.chmod(0o755)

    assert gpu_slots._query() == ""


def test_nvidia_smi_is_called_for_index_uuid_and_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The output has no header line, and memory in MiB without a unit."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!{sys.executable}\nimport sys\nprint(' '.join(sys.argv[1:]))\n", encoding="utf-8")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert gpu_slots._query() == "--query-gpu=index,uuid,memory.free --format=csv,noheader,nounits\n"


def test_counting_gpus_never_imports_torch() -> None:
    """The process that distributes tests must not make a CUDA context."""
    code = (
        "import os, sys, harness.environment.gpu_slots as slots; slots.choose_slots(os.environ, cpus=2);"
        "assert 'torch' not in sys.modules"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
