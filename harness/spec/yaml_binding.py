"""Binding of YAML files to frozen dataclasses. Nothing is guessed.

The file is bound from YAML's own nodes, so that an error can show the text as it is written:

    text          to YAML             here
    1e-3          a string            the number 0.001, unless a text is expected
    no            a bool              refused: only true and false are bools
    010           the number eight    refused
    a key twice   the last one wins   refused
"""

from __future__ import annotations

import re
import types
from collections.abc import Collection, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import yaml

from harness.environment import commands
from harness.errors import Problems, ScenarioError, one_line

Plain = float | int | bool | str | tuple[Any, ...]
REQUIRED: Mapping[str, bool] = {"required": True}  # metadata of a field that has a default, but a file must have its key
_WHOLE = re.compile(r"-?(0|[1-9]\d*)")  # not 010, which is eight to YAML and ten to a reader
_NUMBER = re.compile(r"[-+]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][-+]?\d+)?")


@dataclass(frozen=True)
class Raw:
    """A part of a file that is bound later, when its dataclass is known."""

    file: str
    path: str
    node: yaml.Node

    def fail(self, problem: str) -> ScenarioError:
        """Return the error about this part, with its file, key path and line."""
        where = f"{self.path}: " if self.path else ""
        return ScenarioError(f"{self.file}: {where}{problem} (line {self.node.start_mark.line + 1})")

    def child(self, key: str, node: yaml.Node) -> Raw:
        """Return the part below `key`."""
        return Raw(self.file, f"{self.path}.{key}" if self.path else key, node)


def read(path: Path, *, root: Path) -> Raw:
    """Read one YAML file. Raises ScenarioError when it is missing, empty or not YAML."""
    name = str(path.relative_to(root) if path.is_relative_to(root) else path)
    try:
        node = _compose(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioError(f"{name}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{name}: not UTF-8 text (byte {error.start + 1})") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        problem = one_line(getattr(error, "problem", error))
        raise ScenarioError(f"{name}: not YAML: {problem}{line}") from None
    if node is None:
        raise ScenarioError(f"{name}: the file is empty")
    return Raw(name, "", node)


def _compose(text: str) -> yaml.Node | None:
    """Return the document's node, or None for an empty document.

    It is read with libyaml where PyYAML has it, which is ten times as fast. The errors of libyaml contain less, so a text that it
    refuses is read again without it.
    """
    try:
        return yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        return yaml.compose(text, Loader=yaml.SafeLoader)


def entries(raw: Raw) -> dict[str, Raw]:
    """Return a mapping's parts by key. Raises ScenarioError for a node of another kind and for a repeated key."""
    if not isinstance(raw.node, yaml.MappingNode):
        raise raw.fail(f"expected a mapping, got {describe_node(raw.node)}")
    parts: dict[str, Raw] = {}
    for key, value in raw.node.value:
        if not isinstance(key, yaml.ScalarNode) or not key.tag.endswith(":str"):
            raise raw.fail(f"expected a name as key, got {describe_node(key)}")
        if key.value in parts:
            raise raw.child(key.value, key).fail("the key is given twice")
        parts[key.value] = raw.child(key.value, value)
    return parts


def unknown(
    name: str, known: Mapping[str, Any] | list[str] | tuple[str, ...], *, what: str, max_listed: int = 60, command: str = "list"
) -> str:
    """Return the sentence that refuses an unknown name and lists the known ones.

    If more than `max_listed` names are known, the sentence lists the nearest ones and the harness command that prints all.
    """
    many = len(known) > max_listed
    near = get_close_matches(name, list(known), n=3 if many else 1, cutoff=0.4 if many else 0.6)
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
    every = f"{commands.harness_command(command)} prints all {len(known)}" if many else f"known: {', '.join(sorted(known))}"
    return f"unknown {what} {name!r}{hint} ({every})"


def bind(kind: Any, raw: Raw) -> Any:
    """Return `raw` as a `kind`: a dataclass, Raw, a scalar, Literal, Optional, tuple[X, ...] or Mapping[str, X].

    Raises one ScenarioError, with a line for each part of the text that is not of its kind.
    """
    origin, args = get_origin(kind), get_args(kind)
    if kind is Raw:
        return raw
    if kind is Plain:
        return plain(raw)
    if origin in (Union, types.UnionType) and type(None) in args:
        return bind(next(arg for arg in args if arg is not type(None)), raw)
    if origin is Literal:
        return _one_of(args, raw)
    if origin is tuple:
        return tuple(_bind_each({index: (args[0], part) for index, part in enumerate(items(raw))}).values())
    if origin is not None and issubclass(origin, Mapping):
        return _bind_each({key: (args[1], part) for key, part in entries(raw).items()})
    if is_dataclass(kind):
        return bind_fields(kind, entries(raw), raw)
    return _scalar(kind, raw)


def bind_fields(kind: Any, parts: Mapping[str, Raw], raw: Raw) -> Any:
    """Return the dataclass `kind` made of `parts`. Raises ScenarioError, with one line for all missing keys.

    Unknown keys have one line for each mapping of the file: `parts` can come from two, a scenario's settings and an arm's.
    """
    problems = Problems()
    for error in _unknown_keys(kind, parts):
        problems.add(error)
    value = None
    with problems.collect():
        value = bind_known(kind, _with_near_keys(kind, parts), raw)
    problems.raise_all()
    return value


def bind_known(kind: Any, parts: Mapping[str, Raw], raw: Raw) -> Any:
    """Return the dataclass `kind` made of the parts with known keys. Raises ScenarioError, with one line for all missing keys."""
    hints, known, problems = _hints(kind), _file_fields(kind), Problems()
    missing = [name for name, field in known.items() if name not in parts and _is_required(field)]
    if missing:
        problems.add(raw.fail(f"missing {_keys(missing)}; {_known_keys(kind)}"))
    values = {}
    with problems.collect():
        values = _bind_each({key: (hints[key], part) for key, part in parts.items() if key in known})
    problems.raise_all()
    return kind(**values)


def _unknown_keys(kind: Any, parts: Mapping[str, Raw]) -> Iterator[ScenarioError]:
    """Yield one error for each mapping of the file that has unknown keys, with the nearest known name of each key."""
    known, by_mapping = _file_fields(kind), dict[str, dict[str, Raw]]()
    for key, part in parts.items():
        if key not in known:
            by_mapping.setdefault(part.path.removesuffix(key).removesuffix("."), {})[key] = part
    for path, strangers in by_mapping.items():
        near = {key: get_close_matches(key, list(known), n=1) for key in strangers}
        names = [f"{key} (did you mean {close[0]!r}?)" if close else key for key, close in near.items()]
        first = next(iter(strangers.values()))
        yield Raw(first.file, path, first.node).fail(f"unknown {_keys(names)}; {_known_keys(kind)}")


def _keys(names: list[str]) -> str:
    return f"{'key' if len(names) == 1 else 'keys'}: {', '.join(names)}"


def _known_keys(kind: Any) -> str:
    """Return the sorted keys of a dataclass for a message: first those that a file must have, then the others."""
    known = _file_fields(kind)
    required = sorted(name for name, field in known.items() if _is_required(field))
    optional = sorted(set(known) - set(required))
    groups = {"required": required, "optional": optional}
    return "; ".join(f"{title}: {', '.join(names)}" for title, names in groups.items() if names)


def _is_required(field: Field[Any]) -> bool:
    return "required" in field.metadata or (field.default is MISSING and field.default_factory is MISSING)


def near_entries(kind: Any, raw: Raw) -> dict[str, Raw]:
    """Return a mapping's parts by key, a misspelt key of the dataclass `kind` corrected. Raises ScenarioError."""
    return _with_near_keys(kind, entries(raw))


def _with_near_keys(kind: Any, parts: Mapping[str, Raw]) -> dict[str, Raw]:
    """Return the parts with each unknown key replaced by the absent key that is nearest to it.

    The part below a misspelt key is then read too, so that its problems are reported in the same run.
    """
    known = _file_fields(kind)
    corrected = {key: part for key, part in parts.items() if key in known}
    for key, part in parts.items():
        near = get_close_matches(key, [name for name in known if name not in corrected], n=1)
        if key not in known and near:
            corrected[near[0]] = part
    return corrected


def _bind_each(parts: Mapping[Any, tuple[Any, Raw]]) -> dict[Any, Any]:
    """Return each part, bound to its kind. Raises one ScenarioError with the problems of all parts."""
    problems, values = Problems(), {}
    for key, (kind, part) in parts.items():
        with problems.collect():
            values[key] = bind(kind, part)
    problems.raise_all()
    return values


def readable(kind: Any, raw: Raw) -> dict[str, Any]:
    """Return the values of those keys of a dataclass that can be bound, for checks of a file with problems elsewhere."""
    values: dict[str, Any] = {}
    for key, part in near_entries(kind, raw).items() if isinstance(raw.node, yaml.MappingNode) else ():
        with Problems().collect():
            values[key] = bind(_hints(kind)[key], part)
    return values


def choice_at(key: str, known: Collection[str], raw: Raw) -> str:
    """Return the name at `key` of a mapping, which decides what its other keys mean. Raises ScenarioError unless it is known."""
    parts = entries(raw)
    if key not in parts:
        raise raw.fail(f"missing key: {key}; its value is one of {', '.join(sorted(known))}")
    return _one_of(tuple(known), parts[key])


def keys_of_others(raw: Raw, kind: str, kinds: Mapping[str, Any]) -> Iterator[ScenarioError]:
    """Yield an error for each key that the dataclass of `kind` does not have and the dataclass of another kind has."""
    allowed = _file_fields(kinds[kind])
    for key, part in entries(raw).items():
        owners = [name for name, other in kinds.items() if key in _file_fields(other)]
        if owners and key not in allowed:
            yield part.fail(f"this key is for kind: {' or '.join(owners)}, and the scenario has kind: {kind}; remove the key")


def with_empty_list(kind: Any, raw: Raw, key: str) -> dict[str, Raw]:
    """Return a mapping's parts, misspelt keys corrected, with an empty list as the part at `key`."""
    return {**near_entries(kind, raw), key: raw.child(key, yaml.SequenceNode("tag:yaml.org,2002:seq", [], raw.node.start_mark))}


def _file_fields(kind: Any) -> dict[str, Field[Any]]:
    """Return the fields of a dataclass that can be keys of a file."""
    return {field.name: field for field in fields(kind) if field.init}


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind)


def plain(raw: Raw) -> Plain:
    """Return a value of an optimizer's option: a number, true or false, a text, or a list of these."""
    if isinstance(raw.node, yaml.SequenceNode):
        return tuple(plain(part) for part in items(raw))
    if isinstance(raw.node, yaml.MappingNode):
        raise raw.fail("expected a value or a list, got a mapping")
    kind = raw.node.tag.rsplit(":", 1)[-1]
    readers = {"bool": bool, "int": int, "float": float}
    if kind == "str" and _unquoted(raw.node) and _NUMBER.fullmatch(raw.node.value):
        return float(raw.node.value)
    value: Plain = _scalar(readers.get(kind, str), raw)
    return value


def describe_node(node: yaml.Node) -> str:
    """Return a node as errors print it: its own text and the type that YAML gives it."""
    if isinstance(node, yaml.SequenceNode):
        return f"a list of {len(node.value)}"
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    return f"{node.value!r} ({node.tag.rsplit(':', 1)[-1]})"


def items(raw: Raw) -> list[Raw]:
    """Return the parts of a list. Raises ScenarioError for a node of another kind."""
    if not isinstance(raw.node, yaml.SequenceNode):
        raise raw.fail(f"expected a list, got {describe_node(raw.node)}")
    return [Raw(raw.file, f"{raw.path}[{index}]", node) for index, node in enumerate(raw.node.value)]


def _one_of(allowed: tuple[Any, ...], raw: Raw) -> str:
    if isinstance(raw.node, yaml.ScalarNode) and raw.node.value in allowed:
        return str(raw.node.value)
    got = raw.node.value if isinstance(raw.node, yaml.ScalarNode) else describe_node(raw.node)
    raise raw.fail(unknown(str(got), tuple(str(value) for value in allowed), what="value"))


def _unquoted(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and not node.style  # the style is None from Python and empty from libyaml


def _scalar(kind: type, raw: Raw) -> Any:
    expected = {float: "number", int: "whole number", bool: "true or false", str: "text"}[kind]
    node = raw.node
    if not isinstance(node, yaml.ScalarNode):
        raise raw.fail(f"expected {expected}, got {describe_node(node)}")
    tag, text = node.tag.rsplit(":", 1)[-1], node.value
    if kind is str and tag == "str":
        return text
    if kind is bool and tag == "bool" and text in ("true", "false"):
        return text == "true"
    if kind is int and tag == "int" and _WHOLE.fullmatch(text):
        return int(text)
    if kind is float and tag in ("int", "float", "str") and _unquoted(node) and _NUMBER.fullmatch(text):
        return float(text)
    raise raw.fail(f"expected {expected}, got {describe_node(node)}")
