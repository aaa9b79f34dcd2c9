"""Command that measures false alarms and detectable changes on the recorded pools, without training.

python -m benchmarks.false_alarms
python -m benchmarks.false_alarms --write docs/results/calibration.md

A pool of 64 seeds is large enough to measure chances of 0.05 and 0.01, so the rule of the gates is tried at these levels. Splits
of one pool are not independent. So the range in which a rate should lie is measured too: with as many splits of pools of normal
samples.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.false_alarms import page
from benchmarks.false_alarms.rates import GOLDEN, studies


def main() -> None:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(description="Measure false alarms and detectable changes on the recorded pools")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page to FILE instead of printing it")
    arguments = parser.parse_args()
    pooled = studies()
    if not pooled:
        parser.error(f"there is no pool in {GOLDEN}: run make calibrate first")
    text = "\n".join(page.page(pooled)) + "\n"
    if arguments.write:
        arguments.write.write_text(text, encoding="utf-8")
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
