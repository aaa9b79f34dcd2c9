"""The suite's own folder, which holds harness/, scenarios/, tests/ and golden/."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
