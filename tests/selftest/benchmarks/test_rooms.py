"""The picture of the rooms is the one that the code gives, and shows every room."""

from __future__ import annotations

import re
from itertools import pairwise

from benchmarks.rooms import boxes, imports, needed, picture, rooms
from harness.environment.paths import ROOT

PAGE = ROOT / "docs" / "guide" / "concepts.md"


def test_the_recorded_picture_is_current() -> None:
    """Else: `python -m benchmarks.rooms --write docs/guide/rooms.svg`."""
    recorded = (ROOT / "docs" / "guide" / "rooms.svg").read_text(encoding="utf-8")

    assert recorded == picture(), "run: python -m benchmarks.rooms --write docs/guide/rooms.svg"


def test_an_arrow_is_drawn_unless_others_imply_it() -> None:
    """Every import can still be followed along the arrows."""
    graph, drawn = imports(), set(needed(imports()))

    def reached(name: str) -> set[str]:
        here = {other for one, other in drawn if one == name}
        return here.union(*(reached(other) for other in here))

    assert len(drawn) < sum(map(len, graph.values()))
    assert all(graph[name] <= reached(name) for name in graph)


def test_no_two_boxes_overlap() -> None:
    """And each room has one."""
    placed = list(boxes().values())

    assert [box.room for box in placed] == sorted(rooms(), key=lambda room: room.row)
    for first, second in pairwise(placed):
        assert first.y != second.y or first.x + first.width < second.x


def test_the_concepts_page_names_files_that_exist() -> None:
    """Every path of the code on the page."""
    named = set(re.findall(r"(?:harness|tests|benchmarks)/[\w/]+\.py", PAGE.read_text(encoding="utf-8")))

    assert len(named) > 15
    assert {name for name in named if not (ROOT / name).exists()} == set()
