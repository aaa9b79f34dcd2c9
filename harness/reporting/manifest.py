"""The lists of recorded claims and goldens, and what a claim asserts in one line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.spec.scenario import Claim, Expectation


def read_manifest(path: Path) -> Mapping[str, str]:
    """Return the recorded ids, each with what else its line says; none when nothing was recorded yet."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {one: said.strip() for one, _, said in (line.partition(" ") for line in lines if line)}


def write_manifest(path: Path, lines: Mapping[str, str]) -> None:
    """Write one line for each id, sorted. An id that is removed or changed shows as a changed line."""
    text = "".join(f"{one} {said}".rstrip() + "\n" for one, said in sorted(lines.items()))
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def asserted(claim: Claim) -> str:
    """Return what a claim asserts and what must fail it, in one line: it cannot be weakened without this line changing."""
    expected = "; ".join(_asserted(item) for item in claim.expect)
    given = claim.counterexample
    slip = ", ".join(f"{name}={value}" for name, value in given.settings.items())
    fails = ", ".join(given.mutants) or " and ".join(given.swap) or slip
    return f"{claim.established}: {expected}. Fails for {fails}"


def _asserted(item: Expectation) -> str:
    parts = [f"{item.arm}.{item.measure} {item.relation}"]
    parts += [f"{item.than.times:g} x {item.than.arm}.{item.than.measure}"] if item.than else []
    numbers = {"": item.value, "tolerance ": item.tolerance, "fraction ": item.fraction, "pilot ": item.pilot}
    return " ".join([*parts, *(f"{name}{value!r}" for name, value in numbers.items() if value is not None)])
