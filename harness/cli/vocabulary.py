"""The commands `vocabulary` and `list`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, fields

from harness.catalog.formulas import FORMULAS
from harness.catalog.load import load, load_mutants, load_sources
from harness.errors import UsageError
from harness.probes import PROBES
from harness.spec.relations import RELATIONS
from harness.spec.yaml_binding import unknown
from harness.tables import text_table
from harness.training.measures import MEASURES


def vocabulary(probe: str | None) -> int:
    """Print the closed vocabularies, or one probe's settings and measures. Raises UsageError for an unknown probe."""

    if probe is not None and probe not in PROBES:
        raise UsageError(unknown(probe, list(PROBES), what="probe"))
    for line in _probe_words(probe) if probe is not None else _all_words():
        print(line)
    return 0


def _probe_words(name: str) -> Iterator[str]:

    probe = PROBES[name]
    yield probe.says
    yield "settings"
    for field in fields(probe.settings):
        needed = "needed" if field.default is MISSING else f"default {field.default}"
        yield f"  {field.name}: {field.type} ({needed})"
    yield "measures"
    yield from (f"  {measure}: {says}" for measure, says in probe.measures.items())


def _all_words() -> Iterator[str]:

    yield "probes (python -m harness vocabulary PROBE)"
    yield from (f"  {name}: {', '.join(probe.measures)}" for name, probe in PROBES.items())
    yield "measures of a study"
    yield from (f"  {name} ({measure.unit}): {measure.says}" for name, measure in MEASURES.items())
    yield "formulas of arithmetic"
    yield from (f"  {name}: {formula.measure}" for name, formula in FORMULAS.items())
    yield f"relations\n  {', '.join(RELATIONS)}"
    yield "sources"
    yield from (f"  {key}: {source.title} ({source.author})" for key, source in load_sources().items())
    yield "mutants (a counterexample may name all but those that only the fingerprint notices)"
    for name, mutant in load_mutants().items():
        apart = " (fingerprint only)" if mutant.noticed_by == "fingerprint" else ""
        yield f"  {name}{apart}: {mutant.does} {mutant.thread}".rstrip()


def list_claims(kind: str | None, role: str | None) -> int:
    """Print one line a claim: id, what is established, its kind and scenario, where it is made."""

    rows = []
    for loaded in load().values():
        for claim in loaded.scenario.claims:
            roles = {loaded.scenario.arms[arm].role for arm in claim.arms}
            if kind in (None, loaded.scenario.kind) and (role is None or role in roles):
                cited = ", ".join(item.catalogue or item.source for item in claim.sources)
                rows.append((claim.id, claim.established, f"{loaded.scenario.kind} {loaded.id}", cited))
    for line in text_table(rows, "llll"):
        print(line)
    print(f"{len(rows)} claims")
    return 0
