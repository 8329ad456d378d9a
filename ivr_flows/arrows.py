"""The arrows of a flow's picture: down from box to box, and back on lanes at the right."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from html import escape

from ivr_flows.layout import Box, Layout

HEADER = 24.0  # height of a box's coloured head
LETTER_WIDTH = 6.9  # of a Latin letter at 13 px
INDIC_WIDTH = 8.6


def arrows(layout: Layout, labels: dict[tuple[str, str], list[str]]) -> list[str]:
    """The SVG of every arrow, and of the keys and cases on them."""
    paths: list[str] = []
    tags: list[str] = []
    exits = _spread(layout, leaving=True)
    entries = _spread(layout, leaving=False)
    for edge, passages in layout.downward.items():
        source, target = layout.boxes[edge[0]], layout.boxes[edge[1]]
        points = [(exits[edge], source.bottom), *passages, (entries[edge], target.y)]
        paths.append(f'<path class="way" marker-end="url(#tip)" d="{_curve(points)}"/>')
        tags += _tag(labels[edge], *_tag_place(labels[edge], points))
    for number, edge in enumerate(layout.upward, start=1):
        source, target = layout.boxes[edge[0]], layout.boxes[edge[1]]
        path, leaves = _back(layout, source, target, number)
        paths.append(f'<path class="back" marker-end="url(#tip)" d="{path}"/>')
        tags += _tag(labels[edge], *leaves)
    return [*paths, *tags]


def _back(layout: Layout, source: Box, target: Box, number: int) -> tuple[str, tuple[float, float]]:
    """The path of an edge that goes back, on a lane of its own at the right, and where its label sits.

    It leaves and comes in at the side of its boxes, or below and above them where a neighbour stands in the way.
    """
    lane, turn = layout.width + 16.0 * number, 8.0
    start_x, start_y = source.x + source.width, source.y + source.height / 2
    path = f"M{start_x:.1f} {start_y:.1f}"
    label = (start_x + 16, start_y)
    if _blocked(layout, source, start_y):
        start_x, start_y = start_x - 24, max(box.bottom for box in _row(layout, source)) + 8 + 6 * number
        path = f"M{start_x:.1f} {source.bottom:.1f} V{start_y - turn:.1f} q0 {turn:g} {turn:g} {turn:g}"
        label = (start_x + 24, start_y)
    end_y = target.y + HEADER / 2 + 6 * number
    from_above = _blocked(layout, target, end_y)
    if from_above:
        end_y = min(box.y for box in _row(layout, target)) - 8 - 6 * number
    path += (
        f" H{lane - turn:.1f} Q{lane:.1f} {start_y:.1f} {lane:.1f} {start_y - turn:.1f} V{end_y + turn:.1f}"
        f" Q{lane:.1f} {end_y:.1f} {lane - turn:.1f} {end_y:.1f}"
    )
    if from_above:
        end_x = target.x + target.width - 24
        return f"{path} H{end_x + turn:.1f} q-{turn:g} 0 -{turn:g} {turn:g} V{target.y - 1:.1f}", label
    return f"{path} H{target.x + target.width + 1:.1f}", label


def _blocked(layout: Layout, box: Box, y: float) -> bool:
    """Whether a box stands between this one and the right edge, at that height."""
    return any(other.x > box.x and other.y - 4 <= y <= other.bottom + 4 for other in layout.boxes.values())


def _row(layout: Layout, box: Box) -> list[Box]:
    """The boxes beside a box, itself among them."""
    return [other for other in layout.boxes.values() if other.y < box.bottom and box.y < other.bottom]


def _spread(layout: Layout, *, leaving: bool) -> dict[tuple[str, str], float]:
    """Where along a box each of its edges leaves or comes in: side by side, in the order of where they lead."""
    own, other = (0, 1) if leaving else (1, 0)
    by_box: dict[str, list[tuple[str, str]]] = {}
    for edge in layout.downward:
        by_box.setdefault(edge[own], []).append(edge)
    places: dict[tuple[str, str], float] = {}
    for name, edges in by_box.items():
        box = layout.boxes[name]

        def aim(edge: tuple[str, str]) -> float:
            passages = layout.downward[edge]
            return passages[0 if leaving else -1][0] if passages else layout.boxes[edge[other]].middle

        step = box.width / (len(edges) + 1)
        for index, edge in enumerate(sorted(edges, key=aim), start=1):
            places[edge] = box.x + step * index
    return places


def _curve(points: Sequence[tuple[float, float]]) -> str:
    """A path through points that leaves each of them straight down."""
    (x, y), *others = points
    path = f"M{x:.1f} {y:.1f}"
    for next_x, next_y in others:
        half = (next_y - y) / 2
        path += f" C{x:.1f} {y + half:.1f} {next_x:.1f} {next_y - half:.1f} {next_x:.1f} {next_y:.1f}"
        x, y = next_x, next_y
    return path


def _tag_place(labels: Sequence[str], points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """A key sits where the arrow leaves; a case, which is wider, half way to where it first goes."""
    (x, y), (next_x, next_y) = points[0], points[1]
    if max(map(len, labels)) <= 1:
        return x, y + 15
    return (x + next_x) / 2, y + min(32.0, (next_y - y) / 2)


def _tag(labels: Sequence[str], x: float, y: float) -> list[str]:
    """The keys or the case on an arrow."""
    text = ", ".join(label for label in labels if label)
    if not text:
        return []
    width = max(20.0, text_width(text) + 12)
    return [
        f'<rect x="{x - width / 2:.1f}" y="{y - 10:.1f}" width="{width:.1f}" height="20" rx="10" fill="#333"/>'
        f'<text x="{x:.1f}" y="{y + 4.5:.1f}" text-anchor="middle" fill="#fff">{escape(text)}</text>'
    ]


def text_width(text: str) -> float:
    """About how wide a text is at 13 px: marks that stand above or below a letter take no room."""
    width = 0.0
    for letter in text:
        if unicodedata.category(letter) not in {"Mn", "Cf", "Me"}:
            width += LETTER_WIDTH if ord(letter) < 0x900 else INDIC_WIDTH
    return width
