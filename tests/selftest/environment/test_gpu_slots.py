"""Is every worker given a GPU that the caller left it, and as many workers as have room?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.environment import gpu_slots
from harness.environment.gpu_slots import MIB_PER_WORKER, MOST_WORKERS_PER_GPU, of_worker, visible
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
def test_the_callers_mask_decides_which_gpus_there_are(mask: str | None, names: list[str]) -> None:
    """By index or name, in its order, and up to the first entry that names no device, as CUDA reads it."""
    assert [name for name, _ in visible(mask, TABLE)] == names


def test_a_gpu_keeps_its_free_memory_under_either_name() -> None:
    """What nvidia-smi does not list by that name is taken to have room for one worker."""
    assert visible("1,GPU-aaa,MIG-1", TABLE) == [("GPU-bbb", 7000), ("GPU-aaa", 81000), ("MIG-1", MIB_PER_WORKER)]


@pytest.mark.parametrize("table", ["", "\n", "No devices were found\n"])
@pytest.mark.parametrize("mask", [None, "0", "GPU-aaa"])
def test_a_machine_without_gpus_has_none_whatever_the_mask(mask: str | None, table: str) -> None:
    """A left-over CUDA_VISIBLE_DEVICES must not turn `-n auto` into one worker."""
    assert visible(mask, table) == []


def test_memory_that_is_not_reported_has_room_for_one_worker() -> None:
    """Where the GPU shares the machine's memory the cell holds no number."""
    assert visible(None, "0, GPU-aaa, [N/A]\n") == [("GPU-aaa", MIB_PER_WORKER)]


def chosen(monkeypatch: pytest.MonkeyPatch, table: str, *, cpus: int, mask: str | None = None) -> list[str]:
    """Return the slots on a machine with this table."""
    monkeypatch.setattr(gpu_slots, "_query", lambda: table)
    return gpu_slots.choose_slots({} if mask is None else {"CUDA_VISIBLE_DEVICES": mask}, cpus=cpus)


def test_workers_go_round_robin_over_the_gpus_while_they_have_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each GPU one first, a small one too; then those with room, up to the most a GPU takes."""
    names = chosen(monkeypatch, TABLE, cpus=64)

    assert names[:5] == ["GPU-aaa", "GPU-bbb", "GPU-ccc", "GPU-aaa", "GPU-bbb"]
    assert names[5:] == ["GPU-aaa"] * (MOST_WORKERS_PER_GPU - 2)


def test_there_are_never_more_workers_than_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever room the GPUs have."""
    assert chosen(monkeypatch, TABLE, cpus=4) == ["GPU-aaa", "GPU-bbb", "GPU-ccc", "GPU-aaa"]


def test_a_masked_gpu_gets_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no GPU at all none, so that the CPUs are counted instead."""
    assert chosen(monkeypatch, TABLE, cpus=3, mask="1") == ["GPU-bbb", "GPU-bbb"]
    assert chosen(monkeypatch, TABLE, cpus=3, mask="-1") == []
    assert chosen(monkeypatch, "", cpus=3) == []


@pytest.mark.parametrize(
    ("worker", "names", "own"),
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
def test_each_worker_takes_its_own_slot(worker: str, names: str, own: str | None) -> None:
    """A restarted worker has a higher number and takes one again; the controller takes none."""
    assert of_worker(worker, names) == own


def test_a_machine_without_nvidia_smi_has_no_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nor one on which it fails."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_slots._query() == ""
    failing = tmp_path / "nvidia-smi"
    failing.write_text(f"#!{sys.executable}\nprint('0, GPU-aaa, 9')\nraise SystemExit(9)\n", encoding="utf-8")
    failing.chmod(0o755)

    assert gpu_slots._query() == ""


def test_nvidia_smi_is_asked_for_what_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Index, name and free memory in MiB, without a head and without units."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!{sys.executable}\nimport sys\nprint(' '.join(sys.argv[1:]))\n", encoding="utf-8")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert gpu_slots._query() == "--query-gpu=index,uuid,memory.free --format=csv,noheader,nounits\n"


def test_counting_never_imports_torch() -> None:
    """The process that hands out tests must not make a CUDA context."""
    code = "import os, sys, harness.environment.gpu_slots as s; s.slots(os.environ, cpus=2); assert 'torch' not in sys.modules"

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
