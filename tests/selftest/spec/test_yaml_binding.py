"""Tests of the binding of YAML: each text is understood as written or refused with file, key path and line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from harness.errors import ScenarioError
from harness.spec.yaml_binding import REQUIRED, Plain, Raw, bind, entries, plain, read


@dataclass(frozen=True)
class Inner:
    """A part of the file."""

    n: int = 1
    x: float | None = None


@dataclass(frozen=True)
class Outer:
    """A file with one key of every kind."""

    title: str
    ratio: float = 0.0
    count: int = 0
    warm: bool = False
    way: Literal["up", "down"] = "up"
    parts: tuple[Inner, ...] = ()
    options: Mapping[str, Plain] = field(default_factory=dict)
    settings: Raw | None = None


@dataclass(frozen=True)
class Pair:
    """A file with two keys that it must have."""

    first: str
    second: str
    ratio: float = 0.0


@dataclass(frozen=True)
class Marked:
    """A file that must have a key although its field has a default."""

    kind: str = field(default="a", metadata=REQUIRED)
    ratio: float = 0.0


KEYS = "required: title; optional: count, options, parts, ratio, settings, warm, way"


def raw(folder: Path, text: str) -> Raw:
    """Return the text, read from a file that errors call scenarios/x.yaml."""
    path = folder / "scenarios" / "x.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return read(path, root=folder)


def bound(folder: Path, text: str) -> Outer:
    """Return the text as an Outer with a title."""
    outer: Outer = bind(Outer, raw(folder, f"title: t\n{text}\n"))
    return outer


def refusal(folder: Path, text: str) -> str:
    """Return the message with which the text is refused, after the file's name."""
    with pytest.raises(ScenarioError) as caught:
        bound(folder, text)
    message = str(caught.value)
    assert "\n" not in message
    return message.removeprefix("scenarios/x.yaml: ")


def test_a_file_becomes_its_dataclass(tmp_path: Path) -> None:
    """There is one key for each kind of field."""
    text = "ratio: 2\ncount: -3\nwarm: true\nway: down\nparts: [{n: 4, x: .5}, {}]"

    outer = bound(tmp_path, text)

    assert outer == Outer("t", 2.0, -3, True, "down", (Inner(4, 0.5), Inner()))
    assert isinstance(outer.ratio, float)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 1e-3), ("1.0e-3", 1e-3), ("1E5", 1e5), ("-2", -2.0), ("+0.5", 0.5), (".5", 0.5), ("3.", 3.0), ("0", 0.0)],
)
def test_a_number_is_read_as_a_person_reads_it(tmp_path: Path, text: str, value: float) -> None:
    """YAML takes some of these texts, such as 1e-3, for a string."""
    assert bound(tmp_path, f"ratio: {text}").ratio == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ratio: no", "ratio: expected number, got 'no' (bool) (line 2)"),
        ("ratio: '1e-3'", "ratio: expected number, got '1e-3' (str) (line 2)"),
        ("ratio: .nan", "ratio: expected number, got '.nan' (float) (line 2)"),
        ("ratio: .inf", "ratio: expected number, got '.inf' (float) (line 2)"),
        ("ratio: 010", "ratio: expected number, got '010' (int) (line 2)"),
        ("ratio: 1_000", "ratio: expected number, got '1_000' (int) (line 2)"),
        ("ratio: 1:30", "ratio: expected number, got '1:30' (int) (line 2)"),
        ("ratio: 1/3", "ratio: expected number, got '1/3' (str) (line 2)"),
        ("ratio:", "ratio: expected number, got '' (null) (line 2)"),
        ("ratio: [1.0]", "ratio: expected number, got a list of 1 (line 2)"),
        ("ratio: {a: 1.0}", "ratio: expected number, got a mapping (line 2)"),
        ("count: 1.0", "count: expected whole number, got '1.0' (float) (line 2)"),
        ("count: 010", "count: expected whole number, got '010' (int) (line 2)"),
        ("count: 0x10", "count: expected whole number, got '0x10' (int) (line 2)"),
        ("count: true", "count: expected whole number, got 'true' (bool) (line 2)"),
        ("warm: yes", "warm: expected true or false, got 'yes' (bool) (line 2)"),
        ("warm: 'true'", "warm: expected true or false, got 'true' (str) (line 2)"),
        ("warm: 1", "warm: expected true or false, got '1' (int) (line 2)"),
        ("way: dwn", "way: unknown value 'dwn'; did you mean 'down'? (known: down, up) (line 2)"),
        ("way: [up]", "way: unknown value 'a list of 1' (known: down, up) (line 2)"),
        ("parts: {n: 1}", "parts: expected a list, got a mapping (line 2)"),
        ("parts:\n  - {}\n  - {n: no}", "parts[1].n: expected whole number, got 'no' (bool) (line 4)"),
        ("parts:\n  - 3", "parts[0]: expected a mapping, got '3' (int) (line 3)"),
        ("parts:\n  - {m: 3}", "parts[0]: unknown key: m; optional: n, x (line 3)"),
        ("options: 3", "options: expected a mapping, got '3' (int) (line 2)"),
        ("options: {betas: {a: 1}}", "options.betas: expected a value or a list, got a mapping (line 2)"),
        ("options: {eps: .nan}", "options.eps: expected number, got '.nan' (float) (line 2)"),
        ("options: {eps: null}", "options.eps: expected text, got 'null' (null) (line 2)"),
        ("on: 1", "expected a name as key, got 'on' (bool) (line 1)"),
        ("options: {1: 2}", "options: expected a name as key, got '1' (int) (line 2)"),
        ("ratio: 1\ncount: 2\nratio: 3", "ratio: the key is given twice (line 4)"),
        ("<<: {ratio: 1}", "expected a name as key, got '<<' (merge) (line 1)"),
        ("ratoi: 3", f"unknown key: ratoi (did you mean 'ratio'?); {KEYS} (line 2)"),
        ("ratio: 1\nratoi: 3\nzzz: 4", f"unknown keys: ratoi (did you mean 'ratio'?), zzz; {KEYS} (line 3)"),
    ],
)
def test_an_invalid_value_is_refused_with_path_and_line(tmp_path: Path, text: str, message: str) -> None:
    """The message has the key path, what was expected, what came, and the line."""
    refused = refusal(tmp_path, text)

    assert refused == message


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Outer, f"missing key: title; {KEYS} (line 1)"),
        (Pair, "missing keys: first, second; required: first, second; optional: ratio (line 1)"),
        (Marked, "missing key: kind; required: kind; optional: ratio (line 1)"),
    ],
)
def test_all_missing_keys_of_a_mapping_have_one_line(tmp_path: Path, kind: type, message: str) -> None:
    """The line lists the keys that the mapping must have and those that it may have, sorted. A default can be no excuse."""
    with pytest.raises(ScenarioError) as caught:
        bind(kind, raw(tmp_path, "ratio: 1\n"))

    assert str(caught.value) == f"scenarios/x.yaml: {message}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "scenarios/x.yaml: the file is empty"),
        (b"# only a comment\n", "scenarios/x.yaml: the file is empty"),
        (b"a: [1\nb: 2\n", "scenarios/x.yaml: not YAML: expected ',' or ']', but got ':' (line 2)"),
        (b"a: 1\n---\nb: 2\n", "scenarios/x.yaml: not YAML: but found another document (line 2)"),
        (b"a: \xff\n", "scenarios/x.yaml: not UTF-8 text (byte 4)"),
        (b"a: *missing\n", "scenarios/x.yaml: not YAML: found undefined alias 'missing' (line 1)"),
    ],
)
def test_a_file_that_is_no_yaml_is_refused_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    """The file may be empty, not YAML, several documents, or not UTF-8."""
    raw(tmp_path, "a: 1")
    (tmp_path / "scenarios" / "x.yaml").write_bytes(content)

    with pytest.raises(ScenarioError) as caught:
        read(tmp_path / "scenarios" / "x.yaml", root=tmp_path)

    assert str(caught.value) == message


def test_a_control_character_is_refused_in_one_line(tmp_path: Path) -> None:
    """The parser's own message has two lines."""
    with pytest.raises(ScenarioError, match=r"^scenarios/x.yaml: not YAML: unacceptable character .*$") as caught:
        raw(tmp_path, "a: \x00\n")

    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused_with_its_name(tmp_path: Path) -> None:
    """The message has the path from the root and the reason of the system."""
    with pytest.raises(ScenarioError) as caught:
        read(tmp_path / "gone.yaml", root=tmp_path)

    assert str(caught.value) == "gone.yaml: cannot be read (No such file or directory)"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-8", 1e-8),
        ("'1e-8'", "1e-8"),
        ("3", 3),
        ("true", True),
        ("nesterov", "nesterov"),
        ("[0.9, 0.999]", (0.9, 0.999)),
        ("[[1, a], []]", ((1, "a"), ())),
    ],
)
def test_the_text_of_an_option_decides_its_type(tmp_path: Path, text: str, value: Any) -> None:
    """A text in quotes is always a text."""
    part = entries(raw(tmp_path, f"option: {text}"))["option"]

    obtained = plain(part)

    assert obtained == value
    assert type(obtained) is type(value)


def test_a_part_bound_later_keeps_its_path_and_line(tmp_path: Path) -> None:
    """The settings of a scenario are bound later, when the settings class of its probe is known."""
    settings = bound(tmp_path, "settings:\n  n: many").settings
    assert settings is not None

    with pytest.raises(ScenarioError) as caught:
        bind(Inner, settings)

    assert str(caught.value) == "scenarios/x.yaml: settings.n: expected whole number, got 'many' (str) (line 3)"
