"""Commands `vocabulary` and `list`: the names that a scenario can use, and all claims."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, fields

from harness.catalog.formulas import FORMULAS
from harness.catalog.load import load, load_mutants, load_sources
from harness.environment.commands import harness_command
from harness.environment.paths import ROOT
from harness.errors import UsageError
from harness.probes import PROBES
from harness.spec.relations import RELATIONS, Relation
from harness.spec.yaml_binding import unknown
from harness.tables import text_table
from harness.training.measures import MEASURES


def vocabulary(probe: str | None) -> int:
    """Print all vocabularies, or the settings and measures of one probe. Return 0. Raises UsageError for an unknown probe."""
    if probe is not None and probe not in PROBES:
        raise UsageError(unknown(probe, list(PROBES), what="probe"))
    for line in _probe_lines(probe) if probe is not None else _all_lines():
        print(line)
    return 0


def _probe_lines(name: str) -> Iterator[str]:
    probe = PROBES[name]
    yield probe.description
    yield "settings"
    for field in fields(probe.settings):
        default = "needed" if field.default is MISSING else f"default {field.default}"
        yield f"  {field.name}: {field.type} ({default})"
    yield "measures"
    yield from (f"  {measure}: {text}" for measure, text in probe.measures.items())


def _keys(relation: Relation) -> str:
    keys = relation.needs if relation.of_closed_form else ("value or than", *relation.needs)
    return ", ".join(keys) or "none (the probe gives the closed form and the tolerance)"


def _all_lines() -> Iterator[str]:
    yield f"probes ({harness_command('vocabulary PROBE', ROOT)})"
    yield from (f"  {name}: {', '.join(probe.measures)}" for name, probe in PROBES.items())
    yield "measures of a study"
    yield from (f"  {name} ({measure.unit}): {measure.description}" for name, measure in MEASURES.items())
    yield "formulas of arithmetic"
    yield from (f"  {name}: {formula.measure}" for name, formula in FORMULAS.items())
    yield "relations, with the keys that each needs"
    yield from (f"  {name}: {_keys(relation)}" for name, relation in RELATIONS.items())
    yield "sources"
    yield from (f"  {key}: {source.title} ({source.author})" for key, source in load_sources().items())
    yield "mutants, with the role of the arms in which a counterexample can put them (`fingerprint only`: in none)"
    for name, mutant in load_mutants().items():
        mark = "fingerprint only" if mutant.noticed_by == "fingerprint" else mutant.role
        yield f"  {name} ({mark}): {mutant.does} {mutant.thread}".rstrip()


def list_claims(kind: str | None, role: str | None) -> int:
    """Print one line for each claim (id, established, kind, scenario, sources), and the number of claims. Return 0.

    `kind` and `role` limit the list to scenarios of one kind, and to claims that read an arm of one role.
    """
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
