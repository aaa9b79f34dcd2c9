"""Picture of the rooms of harness/, drawn from the map in `harness/__init__.py` and from the imports in the code.

python -m benchmarks.rooms --write docs/guide/rooms.svg

An arrow means "imports". An import that follows from other arrows has no arrow, so that the picture stays readable.
"""

from __future__ import annotations

import argparse
import ast
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import harness
from harness.environment.paths import ROOT

WIDTH, MARGIN = 1120, 24
BOX_HEIGHT, ROW_GAP, BOX_GAP = 66, 30, 14
MAX_BOX_WIDTH = 250
LANE = 9  # distance of two vertical lines
LETTERS = 6.0  # width of one letter of the description, in pixels
STYLE = """
  .box { fill: #f6f8fa; stroke: #57606a; }
  .room { font: bold 14px ui-monospace, monospace; fill: #1f2328; }
  .says { font: 11px system-ui, sans-serif; fill: #424a53; }
  .row { font: 11px system-ui, sans-serif; fill: #6e7781; }
  .import { fill: none; stroke: #0969da; stroke-width: 1.3; marker-end: url(#arrow); }
  @media (prefers-color-scheme: dark) {
    .box { fill: #161b22; stroke: #8b949e; } .room { fill: #e6edf3; } .says { fill: #b1bac4; } .row { fill: #8b949e; }
    .import { stroke: #58a6ff; }
  }
"""


@dataclass(frozen=True)
class Room:
    """A room or a module directly in harness/: its row, its name and what it holds."""

    row: int
    name: str
    description: str


@dataclass(frozen=True)
class Box:
    """A room and its rectangle in the picture, in pixels."""

    room: Room
    x: float
    y: float
    width: float

    @property
    def middle(self) -> float:
        return self.x + self.width / 2

    @property
    def bottom(self) -> float:
        return self.y + BOX_HEIGHT


def rooms() -> list[Room]:
    """Return the rooms, in the order of the map in `harness/__init__.py`."""
    listed = re.findall(r"^    (\d+) +(\w+) +(.+)$", str(harness.__doc__), re.MULTILINE)
    return [Room(int(row), name, description) for row, name, description in listed]


def imports() -> dict[str, set[str]]:
    """Return the rooms that each room imports, read from the code."""
    graph: dict[str, set[str]] = {room.name: set() for room in rooms()}
    for path in sorted((ROOT / "harness").rglob("*.py")):
        room = path.relative_to(ROOT / "harness").with_suffix("").parts[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if room in graph and isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "harness":
                graph[room] |= {[*str(node.module).split("."), alias.name][1] for alias in node.names} - {room}
    return graph


def direct_imports(graph: Mapping[str, set[str]]) -> list[tuple[str, str]]:
    """Return the imports (room, imported room) that do not follow from other imports, in the order of the map."""
    return [(name, other) for name in graph for other in graph if other in graph[name] and not _implied(graph, name, other)]


def _implied(graph: Mapping[str, set[str]], name: str, other: str) -> bool:
    """Return True if `other` can be reached from `name` without the direct import."""
    visited, waiting = set[str](), list(graph[name] - {other})
    while waiting:
        room = waiting.pop()
        if room not in visited:
            visited.add(room)
            waiting += graph[room]
    return other in visited


def boxes() -> dict[str, Box]:
    """Return the box of each room, by name: row 1 is at the bottom, and the rooms of a row are centred."""
    listed = rooms()
    top, placed = max(room.row for room in listed), {}
    for row in range(1, top + 1):
        members = [room for room in listed if room.row == row]
        width = min(MAX_BOX_WIDTH, (WIDTH - 2 * MARGIN - 60 - BOX_GAP * (len(members) - 1)) / len(members))
        gap = BOX_GAP if len(members) > 3 else 60
        left = (WIDTH - len(members) * width - (len(members) - 1) * gap) / 2
        y = MARGIN + (top - row) * (BOX_HEIGHT + ROW_GAP)
        placed |= {room.name: Box(room, left + index * (width + gap), y, width) for index, room in enumerate(members)}
    return placed


def picture() -> str:
    """Return the SVG."""
    placed = boxes()
    height = max(box.bottom for box in placed.values()) + MARGIN
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img">']
    parts += [f"<title>The rooms of harness/, and which imports which</title><style>{STYLE}</style>"]
    parts += ['<defs><marker id="arrow" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">']
    parts += ['<path d="M0 0 L8 4 L0 8 z" fill="#0969da"/></marker></defs>']
    parts += _lines(placed)
    for box in placed.values():
        parts += _box(box)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _box(box: Box) -> Iterator[str]:
    yield f'<rect class="box" x="{box.x:.1f}" y="{box.y}" width="{box.width:.1f}" height="{BOX_HEIGHT}" rx="6"/>'
    yield f'<text class="room" x="{box.middle:.1f}" y="{box.y + 18}" text-anchor="middle">{box.room.name}</text>'
    for index, line in enumerate(textwrap.wrap(box.room.description, int((box.width - 8) / LETTERS))):
        yield f'<text class="says" x="{box.middle:.1f}" y="{box.y + 33 + 13 * index}" text-anchor="middle">{escape(line)}</text>'


def _lines(placed: Mapping[str, Box]) -> list[str]:
    taken: list[tuple[float, float, float]] = []  # x, top and bottom of each vertical line
    lines, edges = [], direct_imports(imports())
    for name, other in edges:
        source, target = placed[name], placed[other]
        sources = sorted((start for start, end in edges if end == other), key=lambda start: placed[start].middle)
        end = target.middle + 16 * (sources.index(name) - (len(sources) - 1) / 2)
        between = [box for box in placed.values() if target.room.row < box.room.row < source.room.row]
        if not between:
            lines.append(f"M{source.middle:.1f} {source.bottom} L{end:.1f} {target.y - 1}")
            continue
        lane = _lane(source, target, between, taken)
        taken.append((lane, source.y, target.y))
        edge = source.x if lane < source.middle else source.x + source.width
        height = source.y + BOX_HEIGHT / 2 + 6 * (sum(x == lane for x, _, _ in taken) - 1)
        turn = target.y - 10
        lines.append(f"M{edge:.1f} {height} H{lane:.1f} V{turn} H{end:.1f} V{target.y - 1}")
    return [f'<path class="import" d="{line}"/>' for line in lines]


def _lane(source: Box, target: Box, between: Sequence[Box], taken: Sequence[tuple[float, float, float]]) -> float:
    """Return the x of a vertical line from source to target that touches no box and no other line."""
    side = -1 if target.middle < source.middle - 1 else 1
    x = source.x - 2 * LANE if side < 0 else source.x + source.width + 2 * LANE
    while any(box.x - LANE < x < box.x + box.width + LANE for box in between) or any(
        abs(x - lane) < LANE and top < target.y and bottom > source.y for lane, top, bottom in taken
    ):
        x += side * LANE
    return x


def main() -> None:
    """Write the picture, or print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", metavar="FILE", type=Path, help="write the SVG to FILE instead of printing it")
    arguments = parser.parse_args()
    if arguments.write:
        arguments.write.write_text(picture(), encoding="utf-8")
    else:
        print(picture(), end="")


if __name__ == "__main__":
    main()
