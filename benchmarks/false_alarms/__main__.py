"""How often does the suite cry wolf, and what can it see? From the recorded pools, without training.

python -m benchmarks.false_alarms
python -m benchmarks.false_alarms --write docs/results/calibration.md

A pool of 64 seeds resolves chances of one in twenty and one in a hundred, so the gates' own rule is tried there. Splits of one
pool are not independent: the range in which a rate should lie is that of as many splits of pools of normal samples.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.false_alarms import page
from benchmarks.false_alarms.rates import GOLDEN, studies


def main() -> None:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(description="False alarms and detectable changes, from the recorded pools")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page there instead of printing it")
    given = parser.parse_args()
    found = studies()
    if not found:
        parser.error(f"there is no pool in {GOLDEN}: make calibrate")
    text = "\n".join(page.page(found)) + "\n"
    if given.write:
        given.write.write_text(text, encoding="utf-8")
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
