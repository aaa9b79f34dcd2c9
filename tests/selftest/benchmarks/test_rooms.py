"""Tests of the picture of the rooms: it is current, shows every room, and no two boxes overlap."""

from __future__ import annotations

import re
from itertools import pairwise

from benchmarks.rooms import boxes, direct_imports, imports, picture, rooms
from harness.environment.paths import ROOT

PAGE = ROOT / "docs" / "guide" / "concepts.md"


def test_the_recorded_picture_is_current() -> None:
    recorded = (ROOT / "docs" / "guide" / "rooms.svg").read_text(encoding="utf-8")

    assert recorded == picture(), "run: python -m benchmarks.rooms --write docs/guide/rooms.svg"


def test_an_arrow_is_drawn_unless_other_arrows_imply_it() -> None:
    """A room still reaches each room that it imports along the arrows."""
    graph, drawn = imports(), set(direct_imports(imports()))

    def reached(name: str) -> set[str]:
        ends = {end for start, end in drawn if start == name}
        return ends.union(*(reached(end) for end in ends))

    assert len(drawn) < sum(map(len, graph.values()))
    assert all(graph[name] <= reached(name) for name in graph)


def test_every_room_has_a_box_and_no_two_boxes_overlap() -> None:
    """Each room has exactly one box."""
    placed = list(boxes().values())

    assert [box.room for box in placed] == sorted(rooms(), key=lambda room: room.row)
    for first, second in pairwise(placed):
        assert first.y != second.y or first.x + first.width < second.x


def test_the_concepts_page_names_files_that_exist() -> None:
    named = set(re.findall(r"(?:harness|tests|benchmarks)/[\w/]+\.py", PAGE.read_text(encoding="utf-8")))

    assert len(named) > 15
    assert {name for name in named if not (ROOT / name).exists()} == set()
