"""Manifests: the files that list all claims and goldens, one a line, and the assertion of a claim as one line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.spec.scenario import Claim, Expectation


def read_manifest(path: Path) -> Mapping[str, str]:
    """Return the recorded ids, each with the rest of its line; none if the file does not exist yet."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {name: rest.strip() for name, _, rest in (line.partition(" ") for line in lines if line)}


def write_manifest(path: Path, lines: Mapping[str, str]) -> None:
    """Write one line for each id, sorted, so that a removed or changed id shows as a changed line.

    A file that has the same text already is not written.
    """
    text = "".join(f"{name} {rest}".rstrip() + "\n" for name, rest in sorted(lines.items()))
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def asserted(claim: Claim) -> str:
    """Return the expectations of a claim and its counterexample in one line. A weaker claim always has another line."""
    expected = "; ".join(_asserted(item) for item in claim.expect)
    counterexample = claim.counterexample
    settings = ", ".join(f"{name}={value}" for name, value in counterexample.settings.items())
    failing = ", ".join(counterexample.mutants) or " and ".join(counterexample.swap) or settings
    return f"{claim.established}: {expected}. Fails for {failing}"


def _asserted(item: Expectation) -> str:
    parts = [f"{item.arm}.{item.measure} {item.relation}"]
    parts += [f"{item.than.times:g} x {item.than.arm}.{item.than.measure}"] if item.than else []
    numbers = {"": item.value, "tolerance ": item.tolerance, "fraction ": item.fraction, "pilot ": item.pilot}
    return " ".join([*parts, *(f"{name}{value!r}" for name, value in numbers.items() if value is not None)])
