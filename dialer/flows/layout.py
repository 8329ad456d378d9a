"""A layered layout: boxes in rows from top to bottom, edges downwards where they can be. Pure geometry, in pixels.

The four steps of Sugiyama, Tagawa and Toda (1981): turn edges that close a circle, put nodes into rows by their longest way from
the start, order each row by the mean place of its neighbours, then shift boxes towards their neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import accumulate, cycle, islice, pairwise

ROW_GAP = 64.0
COLUMN_GAP = 28.0
PASSAGE_WIDTH = 14.0  # what an edge takes in a row that it only passes
SWEEPS = 12


@dataclass(frozen=True, slots=True)
class Box:
    """Where a node stands: its top left corner and its size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        """The middle of the box from left to right."""
        return self.x + self.width / 2

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.y + self.height


Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything stands.

    `downward` has the points that an edge passes between its boxes, row by row; `upward` are the edges that go back.
    """

    boxes: Mapping[str, Box]
    downward: Mapping[tuple[str, str], tuple[Point, ...]]
    upward: tuple[tuple[str, str], ...]
    width: float
    height: float


@dataclass(slots=True)
class _Cell:
    """A node in a row, or the passage of an edge through it."""

    name: str
    width: float
    height: float
    x: float = 0.0

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


def lay_out(sizes: Mapping[str, tuple[float, float]], edges: Sequence[tuple[str, str]], start: str) -> Layout:
    """Lay out nodes of `sizes` (width, height). `edges` join names of `sizes`, each pair once; `start` comes first."""
    down, up = _turn_circles(list(sizes), edges, start)
    ranks = _ranks(list(sizes), down)
    rows, links, passages = _rows(sizes, down, ranks)
    above, below = _neighbours(links)
    _order(rows, above, below)
    _shift(rows, above, below)
    tops = accumulate((max(cell.height for cell in row) + ROW_GAP for row in rows[:-1]), initial=0.0)
    left = min(cell.x for row in rows for cell in row)
    boxes: dict[str, Box] = {}
    where: dict[str, Point] = {}
    for row, top in zip(rows, tops, strict=True):
        tallest = max(cell.height for cell in row)
        for cell in row:
            if cell.name in sizes:
                boxes[cell.name] = Box(cell.x - left, top, cell.width, cell.height)
            where[cell.name] = (cell.middle - left, top + tallest / 2)
    downward = {edge: tuple(where[name] for name in names) for edge, names in passages.items()}
    width = max(cell.x + cell.width for row in rows for cell in row) - left
    height = max(box.bottom for box in boxes.values())
    return Layout(boxes, downward, tuple(up), width, height)


def _turn_circles(
    names: Sequence[str], edges: Iterable[tuple[str, str]], start: str
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The edges that go down, and those that close a circle, found by a depth-first walk from the start."""
    ways: dict[str, list[str]] = {name: [] for name in names}
    for source, target in edges:
        ways[source].append(target)
    down: list[tuple[str, str]] = []
    up: list[tuple[str, str]] = []
    done: set[str] = set()
    for root in [start, *names]:
        if root in done:
            continue
        path = {root: iter(ways[root])}
        while path:
            name = next(reversed(path))
            try:
                target = next(path[name])
            except StopIteration:
                done.add(name)
                del path[name]
                continue
            if target in path:
                up.append((name, target))
                continue
            down.append((name, target))
            if target not in done:
                path[target] = iter(ways[target])
    return down, up


def _ranks(names: Sequence[str], down: Sequence[tuple[str, str]]) -> dict[str, int]:
    """The row of each node: the length of its longest way from a node that nothing leads to."""
    above: dict[str, list[str]] = {name: [] for name in names}
    for source, target in down:
        above[target].append(source)
    ranks: dict[str, int] = {}
    for name in TopologicalSorter(above).static_order():
        ranks[name] = max((ranks[each] + 1 for each in above[name]), default=0)
    return ranks


def _rows(
    sizes: Mapping[str, tuple[float, float]], down: Sequence[tuple[str, str]], ranks: Mapping[str, int]
) -> tuple[list[list[_Cell]], list[tuple[_Cell, _Cell]], dict[tuple[str, str], list[str]]]:
    """Rows of cells; the links between cells of adjacent rows; and for each edge the names of its passages."""
    cells = {name: _Cell(name, *sizes[name]) for name in sizes}
    rows: list[list[_Cell]] = [[] for _ in range(max(ranks.values()) + 1)]
    for name, cell in cells.items():
        rows[ranks[name]].append(cell)
    links: list[tuple[_Cell, _Cell]] = []
    passages: dict[tuple[str, str], list[str]] = {}
    for source, target in down:
        chain = [cells[source]]
        for rank in range(ranks[source] + 1, ranks[target]):
            passage = _Cell(f"{source}>{target}@{rank}", PASSAGE_WIDTH, 0.0)
            rows[rank].append(passage)
            chain.append(passage)
        passages[source, target] = [cell.name for cell in chain[1:]]
        links += pairwise([*chain, cells[target]])
    return rows, links, passages


Neighbours = Mapping[str, list[_Cell]]


def _neighbours(links: Iterable[tuple[_Cell, _Cell]]) -> tuple[Neighbours, Neighbours]:
    """For each cell its neighbours in the row above, and in the row below."""
    above: dict[str, list[_Cell]] = {}
    below: dict[str, list[_Cell]] = {}
    for upper, lower in links:
        below.setdefault(upper.name, []).append(lower)
        above.setdefault(lower.name, []).append(upper)
    return above, below


def _order(rows: Sequence[list[_Cell]], above: Neighbours, below: Neighbours) -> None:
    """Order each row by the mean place of its cells' neighbours, sweeping down and up; keep the order with the fewest crossings."""
    best = [list(row) for row in rows]
    fewest = _crossings(rows, below)
    for neighbours, pairs in _sweeps(rows, above, below):
        for row, other in pairs:
            places = {cell.name: place for place, cell in enumerate(other)}
            own = {cell.name: place for place, cell in enumerate(row)}
            row.sort(key=lambda cell: _mean_place(cell, neighbours, places, own))
        crossings = _crossings(rows, below)
        if crossings < fewest:
            fewest = crossings
            best = [list(row) for row in rows]
    for row, ordered in zip(rows, best, strict=True):
        row[:] = ordered


def _sweeps(
    rows: Sequence[list[_Cell]], above: Neighbours, below: Neighbours
) -> Iterator[tuple[Neighbours, list[tuple[list[_Cell], list[_Cell]]]]]:
    """Yield, down and up in turns, whose neighbours count, and (row, the row that it is ordered by) in their order."""
    pairs = list(pairwise(rows))
    down = (above, [(lower, upper) for upper, lower in pairs])
    yield from islice(cycle((down, (below, pairs[::-1]))), SWEEPS)


def _mean_place(cell: _Cell, neighbours: Neighbours, places: Mapping[str, int], own: Mapping[str, int]) -> float:
    near = [places[other.name] for other in neighbours.get(cell.name, ())]
    return sum(near) / len(near) if near else float(own[cell.name])


def _crossings(rows: Sequence[list[_Cell]], below: Neighbours) -> int:
    """How many pairs of links cross."""
    total = 0
    for upper, lower in pairwise(rows):
        places = {cell.name: place for place, cell in enumerate(lower)}
        ends = [sorted(places[other.name] for other in below.get(cell.name, ())) for cell in upper]
        flat = [(row, end) for row, targets in enumerate(ends) for end in targets]
        total += sum(
            first[0] < second[0] and first[1] > second[1]
            for index, first in enumerate(flat)
            for second in flat[index + 1 :]
        )
    return total


def _shift(rows: Sequence[list[_Cell]], above: Neighbours, below: Neighbours) -> None:
    """Place the cells of each row side by side, then move each towards the middle of its neighbours as far as there is room."""
    for row in rows:
        x = 0.0
        for cell in row:
            cell.x = x
            x += cell.width + COLUMN_GAP
    for neighbours, pairs in _sweeps(rows, above, below):
        for row in (rows[0], *(row for row, _ in pairs)):
            _move_row(row, neighbours)


def _move_row(row: Sequence[_Cell], neighbours: Neighbours) -> None:
    """Give each cell the place it wants; where two want the same, both give way alike."""
    wanted = [_wanted(cell, neighbours) for cell in row]
    groups: list[list[int]] = []  # runs of cells that touch
    starts: list[float] = []
    for index in range(len(row)):
        groups.append([index])
        starts.append(wanted[index])
        while len(groups) > 1 and starts[-2] + _span(row, groups[-2]) > starts[-1]:
            merged = groups[-2] + groups[-1]
            groups[-2:] = [merged]
            starts[-2:] = [_best_start(row, merged, wanted)]
    for group, begin in zip(groups, starts, strict=True):
        x = begin
        for index in group:
            row[index].x = x
            x += row[index].width + COLUMN_GAP


def _wanted(cell: _Cell, neighbours: Neighbours) -> float:
    near = neighbours.get(cell.name)
    if not near:
        return cell.x
    return sum(other.middle for other in near) / len(near) - cell.width / 2


def _span(row: Sequence[_Cell], group: Sequence[int]) -> float:
    return sum(row[index].width + COLUMN_GAP for index in group)


def _best_start(row: Sequence[_Cell], group: Sequence[int], wanted: Sequence[float]) -> float:
    """Where a run of touching cells begins so that the squares of what each is off sum to the least."""
    offset = 0.0
    total = 0.0
    for index in group:
        total += wanted[index] - offset
        offset += row[index].width + COLUMN_GAP
    return total / len(group)
