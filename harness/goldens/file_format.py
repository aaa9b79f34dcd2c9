"""Text format of a golden file: read strictly, written one measure a line, merged so that diffs stay small.

The measures are in the order of their names. A number that has moved changes only its own line, which holds the measure's name
and its tolerance. The scenario's id and the origin of the numbers come first, so that a copy of another scenario's file, or a
file of another optimizer, is noticed.

`FORMAT` is raised when a release records more than the release before it. A file of a lower format is read, and what it lacks is
"not recorded yet", which is never a failure:

    format 1   files without the key `format`; the oldest have no origin, no sensitivities, and no `runs`
    format 2   the key `format`; the fingerprint of the optimizer has a golden of its own
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NoReturn, cast

from harness import stats
from harness.errors import UsageError
from harness.goldens.compare import compare
from harness.goldens.origin import Origin, origin_problem, other_subjects
from harness.goldens.values import (
    Ensemble,
    Exact,
    GoldenValue,
    Information,
    insensitive_reason,
    invalid_reason,
    smallest_change,
    with_sensitivity,
)
from harness.policy import REFRESH_RATE

FORMAT = 2


class GoldenError(UsageError):
    """A golden file cannot be read, or numbers cannot be recorded."""


@dataclass(frozen=True)
class Recording:
    """The numbers of one scenario, from a run or from its golden file. The oldest files have no origin."""

    scenario: str
    entries: Mapping[str, GoldenValue]
    origin: Origin | None = None
    format: int = FORMAT


def problems(recording: Recording) -> list[str]:
    """Return the reasons why the recording may not become a golden, one a line."""
    if not recording.entries:
        return ["there is no number to record"]
    reasons = [(name, invalid_reason(entry)) for name, entry in sorted(recording.entries.items())]
    return [f"{name}: {why}" for name, why in reasons if why]


def shortfalls(recording: Recording) -> list[str]:
    """Return the numbers that are not sensitive enough to weight decay to become gates, one a line, each with the reason."""
    return [f"{name}: {why}" for name, entry in sorted(recording.entries.items()) if (why := insensitive_reason(entry))]


def incomplete(recording: Recording) -> bool:
    """Return True for a golden of an older format, or without origin or sensitivity."""
    gates = [entry for entry in recording.entries.values() if not isinstance(entry, Information)]
    return recording.format < FORMAT or recording.origin is None or any(gate.signal is None for gate in gates)


def with_fewer_seeds(written: Recording, golden: Recording) -> list[str]:
    """Return the ensembles with fewer seeds in `written` than in `golden`, one a line, each with its wider tolerance."""
    lines = []
    for name, new in written.entries.items():
        old = golden.entries.get(name)
        if isinstance(new, Ensemble) and isinstance(old, Ensemble) and new.n < old.n:
            times = new.tolerance / old.tolerance
            lines.append(f"{name}: {new.n} seeds instead of {old.n}, its tolerance is {times:.1f} times as wide")
    return lines


def dump(recording: Recording) -> str:
    """Return the text of a recording. Raises GoldenError if one of its numbers may not be recorded."""
    if reasons := problems(recording):
        raise GoldenError(f"{recording.scenario}: {'; '.join(reasons)}")
    head = f'{{\n "format": {FORMAT},\n "scenario": {json.dumps(recording.scenario)},\n'
    return head + origin_lines(recording.origin) + numbers_text("entries", recording.entries) + "}\n"


def numbers_text(key: str, numbers: Mapping[str, GoldenValue]) -> str:
    """Return the last object of a golden file, one number a line, in the order of the names."""
    lines = [f"  {json.dumps(name)}: {json.dumps(_plain(number))}" for name, number in sorted(numbers.items())]
    return "\n".join([f" {json.dumps(key)}: {{", *([",\n".join(lines)] if lines else []), " }", ""])


def numbers_of(nodes: Mapping[str, Any]) -> dict[str, GoldenValue]:
    """Return the numbers of an object that `numbers_text` wrote. Raises GoldenError, with the name, for any other node."""
    return {name: _entry(name, node) for name, node in nodes.items()}


def origin_lines(origin: Origin | None) -> str:
    """Return the lines of a golden file that hold the origin, one fact a line; none without an origin."""
    if origin is None:
        return ""
    facts = [f"  {json.dumps(key)}: {json.dumps(fact)}" for key, fact in origin.facts.items()]
    return ' "origin": {\n' + ",\n".join(facts) + "\n },\n"


def parse(text: str) -> Recording:
    """Return the recording of a text that `dump` wrote. Raises GoldenError, with the measure's name, for any other text."""
    fields, origin, number = read_head(text, "scenario", "entries")
    return Recording(fields["scenario"], numbers_of(cast(dict[str, Any], fields["entries"])), origin, number)


def read_head(text: str, name: str, *objects: str) -> tuple[dict[str, Any], Origin | None, int]:
    """Return the keys of a golden file, its origin, and its format. `name` is the key of a text, `objects` are keys of objects.

    Raises GoldenError for a text of another form, and for a format that only a newer decaygate reads.
    """
    try:
        node = json.loads(text, parse_constant=_not_a_number, object_pairs_hook=_without_repeats)
    except json.JSONDecodeError as error:
        raise GoldenError(f"not JSON: {error}") from None
    expected = {name, *objects}
    if not isinstance(node, dict) or set(cast(dict[str, Any], node)) - {"origin", "format"} != expected:
        listed = ", ".join(f"'{key}'" for key in [name, *objects])
        raise GoldenError(f"expected an object with the keys {listed} and, except in old files, 'format' and 'origin'")
    fields = cast(dict[str, Any], node)
    if not isinstance(fields[name], str) or not all(isinstance(fields[key], dict) for key in objects):
        raise GoldenError(f"expected a text in '{name}', and an object in {' and in '.join(repr(key) for key in objects)}")
    number = fields.get("format", 1)
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise GoldenError(f"format: expected a number from 1 to {FORMAT}, got {number!r}")
    if number > FORMAT:
        raise GoldenError(f"it was recorded by a newer decaygate (format {number}; this one reads up to {FORMAT}): upgrade it")
    if "origin" in fields and (problem := origin_problem(fields["origin"])):
        raise GoldenError(problem)
    return fields, Origin(fields["origin"]) if "origin" in fields else None, number


def merge(received: Recording, golden: Recording) -> Recording:
    """Return the recording to write over `golden`: `received`, with the recorded numbers of the measures that have not moved.

    The origin is replaced only if a number or a rule has changed.
    """
    if owner_mismatch(received, golden):  # its numbers belong to another scenario or optimizer
        return received
    entries = {name: _merge_value(entry, golden.entries.get(name)) for name, entry in received.entries.items()}
    origin = golden.origin if golden.origin and entries == golden.entries else received.origin
    return Recording(received.scenario, entries, origin)


def owner_mismatch(received: Recording, golden: Recording) -> str:
    """Return a message if `golden` belongs to another scenario or another optimizer, else an empty string."""
    if received.scenario != golden.scenario:
        return f"its file is a copy of {golden.scenario}'s"
    owner = other_subjects(received.origin, golden.origin)
    return f"its file holds numbers of {owner}" if owner else ""


def _merge_value(obtained: GoldenValue, golden: GoldenValue | None) -> GoldenValue:
    """Return the recorded numbers with the obtained rule; or the obtained value, if it has moved under that rule."""
    kept: GoldenValue
    if golden is not None and _unchanged(obtained, golden):
        return _with_kept_sensitivity(golden, obtained)
    match obtained, golden:
        case Exact(), Exact():
            kept = replace(obtained, value=golden.value)
        case Ensemble(), Ensemble() if obtained.n <= golden.n:
            renewed = Ensemble.summary(mean=golden.mean, sd=golden.sd, n=golden.n, runs=obtained.runs, alpha=obtained.alpha)
            kept = _with_kept_sensitivity(renewed, obtained)
        case Information(), Information() if obtained.n == golden.n:
            return golden if _information_unchanged(obtained, golden) else obtained
        case _:
            return obtained
    return kept if _unchanged(obtained, kept) else obtained


def _with_kept_sensitivity(kept: GoldenValue, obtained: GoldenValue) -> GoldenValue:
    """Return the kept value with a sensitivity: its own, or, if it has none, the obtained one in the units of the kept value."""
    if isinstance(kept, Information) or isinstance(obtained, Information):
        return kept
    if kept.signal is not None or obtained.signal is None:
        return kept
    kept_unit, obtained_unit = smallest_change(kept), smallest_change(obtained)
    if kept_unit == obtained_unit:
        return replace(kept, signal=obtained.signal)
    return with_sensitivity(kept, obtained.signal * obtained_unit)


def _unchanged(obtained: GoldenValue, golden: GoldenValue) -> bool:
    return compare({"": obtained}, {"": golden})[0].status == "same"


def _information_unchanged(obtained: Information, golden: Information) -> bool:
    if golden.n < 2 or golden.sd == 0:
        return obtained.mean == golden.mean
    allowed = stats.prediction_tolerance(sd=golden.sd, n=golden.n, n_new=golden.n, alpha=REFRESH_RATE)
    return abs(obtained.mean - golden.mean) <= allowed


KINDS: Sequence[type[GoldenValue]] = (Exact, Ensemble, Information)


def _plain(entry: GoldenValue) -> dict[str, float | bool]:
    mark = {"information": True} if isinstance(entry, Information) else {}
    return {key: value for key, value in asdict(entry).items() if value is not None} | mark


def _entry(name: str, node: Any) -> GoldenValue:
    if not isinstance(node, dict):
        raise GoldenError(f"{name}: expected an object, got {node!r}")
    fields = dict(cast(dict[str, Any], node))
    marked = fields.pop("information", False) is True
    if "alpha" in fields:
        fields.setdefault("runs", fields.get("n"))  # in old files a golden has as many seeds as a run
    for kind in KINDS:
        known = set(kind.__dataclass_fields__)
        if known - {"signal"} <= set(fields) <= known and marked == (kind is Information):
            return kind(**{key: _number(f"{name}.{key}", value) for key, value in fields.items()})
    raise GoldenError(
        f"{name}: the keys {sorted(cast(dict[str, Any], node))} fit no kind of entry (exact, ensemble or information)"
    )


def _number(where: str, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise GoldenError(f"{where}: expected a number, got {value!r}")
    return value


def _not_a_number(literal: str) -> NoReturn:
    raise GoldenError(f"{literal} is never a recorded value")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    if repeated := sorted({key for key in keys if keys.count(key) > 1}):
        raise GoldenError(f"the keys {repeated} occur more than once")
    return dict(pairs)
