"""What can be asked beside a run? A `fingerprint`, a `contract`, the `list` of claims, the `vocabulary`; and to `calibrate`."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_args

from harness import command
from harness.errors import UsageError

NEEDED = {
    "torch": "torch",
    "numpy": "numpy",
    "pytest": "pytest",
    "xdist": "pytest-xdist",
    "syrupy": "syrupy",
    "yaml": "pyyaml",
    "filelock": "filelock",
}


def main(arguments: Sequence[str]) -> int:
    """Run one command and return the exit code: 0 done, 1 something is missing or broke, 2 or 4 the user's mistake."""
    given = _parser().parse_args(arguments)
    commands: Mapping[str, Callable[[], int]] = {
        "ready": ready,
        "vocabulary": lambda: vocabulary(given.probe),
        "list": lambda: list_claims(given.kind, given.role),
        "contract": lambda: contract_fields(as_json=given.json),
        "fingerprint": lambda: fingerprint(given),
        "calibrate": lambda: calibrate(given),
    }
    try:
        return commands[given.command]()
    except UsageError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 4


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m harness", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    print_of = commands.add_parser("fingerprint", help="measure what an optimizer does, without training")
    print_of.add_argument(
        "optimizer", metavar="MODULE:ATTRIBUTE", help="a class, or a factory called as factory(params, lr=..., ...)"
    )
    print_of.add_argument(
        "--options", default="{}", metavar="JSON", help="constructor options, for example '{\"foreach\": true}'"
    )
    print_of.add_argument("--only", nargs="+", default=[], metavar="QUESTION", help="only these lines")
    print_of.add_argument("--json", action="store_true", help="print JSON")
    print_of.add_argument("--write-contract", metavar="FILE", help="also draft a contract there; an existing file is kept")
    print_of.add_argument("--time-limit", type=float, default=10.0, metavar="S", help="seconds that one step may take (10)")
    fields_of = commands.add_parser("contract", help="print what a contract can declare")
    fields_of.add_argument("--json", action="store_true", help="print JSON")
    listing = commands.add_parser("list", help="print every claim with what is established of it")
    listing.add_argument("--kind", choices=("probe", "study", "arithmetic"), help="only the claims of this kind")
    listing.add_argument("--role", choices=("decoupled", "coupled", "sgd", "any"), help="only the claims that involve this role")
    words = commands.add_parser("vocabulary", help="print what a scenario can name: probes, measures, relations, sources")
    words.add_argument("probe", nargs="?", help="one probe: its settings and its measures")
    pools = commands.add_parser("calibrate", help="hold the goldens of studies on many seeds (CPU hours)")
    pools.add_argument("--seeds", type=int, default=64, help="seeds of each study, from its own first one on (64)")
    pools.add_argument("--only", nargs="+", default=[], metavar="STUDY", help="only these studies")
    pools.add_argument("--optimizer", action="append", default=[], metavar="[ROLE=]MODULE:ATTRIBUTE", help="as of a run")
    pools.add_argument("--contract", type=Path, metavar="FILE", help="as of a run")
    pools.add_argument("--golden-dir", type=Path, metavar="DIR", help="as of a run")
    pools.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where the studies train (cpu)")
    pools.add_argument("--runs", type=Path, metavar="DIR", help="go on with the chunks that lie there, and keep them")
    commands.add_parser("ready", help="name what this environment lacks to run the suite")
    return parser


def fingerprint(given: argparse.Namespace) -> int:
    """Measure an optimizer and print its fingerprint; 1 when it hung or crashed. Raises UsageError for what cannot be used."""
    from harness.contract import FIELDS
    from harness.fingerprint import report
    from harness.fingerprint.measured import measure

    target = _new_file(given.write_contract)
    questions = [*given.only, *(FIELDS if target and given.only else ())]
    found = measure(given.optimizer, _options(given.options), limit=given.time_limit, questions=questions)
    if given.json:
        print(json.dumps(report.content(found), indent=1))
    else:
        for line in report.text(found):
            print(line)
    if target:
        target.write_text(report.draft(found), encoding="utf-8")
        run = command.pytest(f"--optimizer={given.optimizer} --contract={target}")
        print(f"wrote {target}; read it, correct it, and run: {run}", file=sys.stderr)
    return 1 if found.broken else 0


def calibrate(given: argparse.Namespace) -> int:
    """Calibrate the goldens of studies; 1 when one was not written. Raises UsageError for what cannot be used."""
    from harness import determinism

    determinism.fix_environment()  # before torch is imported, and inherited by the processes that train
    from harness import calibration, contract, options, subject
    from harness.binding import unknown
    from harness.catalogue import ROOT, load
    from harness.options import Asked

    determinism.fix_torch()
    sys.path.append(str(Path.cwd()))
    studies = {name: entry for name, entry in load().items() if entry.scenario.kind == "study"}
    for name in given.only:
        if name not in studies:
            raise UsageError(unknown(name, list(studies), what="study"))
    told = Asked(tuple(given.optimizer), given.contract, None, given.golden_dir)
    asked = options.asked(told, os.environ, Path.cwd())
    declared = contract.load(asked.contract, root=Path.cwd()) if asked.contract else None
    subjects = subject.choose(asked.optimizers, [], declared)
    if subjects.reference:
        raise UsageError(f"the contract is equivalent_to {subjects.reference}, to whose goldens it is held: calibrate that one")
    job = calibration.Job(subjects, given.seeds, given.device, asked.golden_dir or ROOT / "golden", given.runs)
    chosen = [entry for name, entry in studies.items() if name in (given.only or studies)]
    return 0 if calibration.calibrate(chosen, job, lambda line: print(line, flush=True)) else 1


def contract_fields(*, as_json: bool) -> int:
    """Print the contract's fields with their values, the usual one first: the page docs/contract.md, or JSON."""
    from harness import contract_page

    print(contract_page.as_json() if as_json else contract_page.markdown(), end="")
    return 0


def _options(text: str) -> dict[str, Any]:
    try:
        options = json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(f"--options: not JSON: {error} (expected for example '{{\"foreach\": true}}')") from None
    if not isinstance(options, dict):
        raise UsageError(f"--options: expected a JSON object such as '{{\"foreach\": true}}', got {text}")
    return options


def _new_file(name: str | None) -> Path | None:
    """Return the path of a file that may be written. Raises UsageError when it exists or has no folder."""
    if name is None:
        return None
    path = Path(name)
    if path.exists():
        raise UsageError(f"--write-contract {name}: the file exists, and is not overwritten; name another, or move it away")
    if not path.parent.is_dir():
        raise UsageError(f"--write-contract {name}: there is no folder {path.parent}")
    return path


def ready() -> int:
    """Say which packages are missing and how to install them; never install anything."""
    pins = Path(__file__).resolve().parents[1] / "constraints.txt"
    missing = [package for module, package in NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        print(f"{sys.executable} lacks {', '.join(missing)}", file=sys.stderr)
        print(f"install them there: {sys.executable} -m pip install -c {pins} {' '.join(missing)}", file=sys.stderr)
    return 1 if missing else 0


def vocabulary(probe: str | None) -> int:
    """Print the closed vocabularies, or one probe's settings and measures. Raises UsageError for an unknown probe."""
    from harness.binding import unknown
    from harness.probes import PROBES

    if probe is not None and probe not in PROBES:
        raise UsageError(unknown(probe, list(PROBES), what="probe"))
    for line in _probe_words(probe) if probe is not None else _all_words():
        print(line)
    return 0


def _probe_words(name: str) -> Iterator[str]:
    from harness.probes import PROBES

    probe = PROBES[name]
    yield from (probe.run.__doc__ or "").strip().splitlines()[:1]
    yield "settings"
    for field in fields(probe.settings):
        needed = "needed" if field.default is MISSING else f"default {field.default}"
        yield f"  {field.name}: {field.type} ({needed})"
    yield "measures"
    yield from (f"  {measure}: {says}" for measure, says in probe.measures.items())


def _all_words() -> Iterator[str]:
    from harness.arithmetic import FORMULAS
    from harness.catalogue import load_sources
    from harness.measure import MEASURES
    from harness.probes import PROBES
    from harness.scenario import Relation

    yield "probes (python -m harness vocabulary PROBE)"
    yield from (f"  {name}: {', '.join(probe.measures)}" for name, probe in PROBES.items())
    yield "measures of a study"
    yield from (f"  {name} ({measure.unit}): {measure.says}" for name, measure in MEASURES.items())
    yield "formulas of arithmetic"
    yield from (f"  {name}: {formula.measure}" for name, formula in FORMULAS.items())
    yield f"relations\n  {', '.join(get_args(Relation))}"
    yield "sources"
    yield from (f"  {key}: {source.title} ({source.author})" for key, source in load_sources().items())


def list_claims(kind: str | None, role: str | None) -> int:
    """Print one line a claim: id, what is established, its kind and scenario, where it is made."""
    from harness.catalogue import load

    rows = []
    for entry in load().values():
        for claim in entry.scenario.claims:
            roles = {entry.scenario.arms[arm].role for arm in claim.arms}
            if kind in (None, entry.scenario.kind) and (role is None or role in roles):
                cited = ", ".join(item.catalogue or item.source for item in claim.sources)
                rows.append((claim.id, claim.established, f"{entry.scenario.kind} {entry.id}", cited))
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    for row in rows:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]))
    print(f"{len(rows)} claims")
    return 0
