"""A picture of a flow as SVG, for people who record and approve what is said: boxes with the words, keys on the arrows.

The ways that most calls go are drawn. What follows on silence, on a wrong key or on a failure stands in the box as a line of its
own, or every box would have arrows to the same three ends; nodes that only such ways lead to stand in a row at the foot.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from dialer.flows.check import reached
from dialer.flows.layout import COLUMN_GAP, Box, Layout, lay_out
from dialer.flows.model import Prompt, PromptKind
from dialer.flows.node import Flow, Node
from dialer.flows.texts import Texts

BOX_WIDTH = 296.0
HEADER = 24.0  # height of a box's coloured head
LETTER_WIDTH = 6.9  # of a Latin letter at 13 px
INDIC_WIDTH = 8.6
MARGIN = 32.0
LINE = 17.0
RIGHT_TO_LEFT = frozenset({"ur"})
_LATIN = "'Noto Sans', 'DejaVu Sans', system-ui, sans-serif"
_VALUE = re.compile("\u2039[^\u203a]*\u203a?")
_PLACE = re.compile(r"\{([a-z0-9_]+)\}")
_SCRIPTS: Final[Mapping[str, str]] = {
    "as": "Bengali",
    "bn": "Bengali",
    "gu": "Gujarati",
    "hi": "Devanagari",
    "kn": "Kannada",
    "ml": "Malayalam",
    "mr": "Devanagari",
    "or": "Oriya",
    "pa": "Gurmukhi",
    "ta": "Tamil",
    "te": "Telugu",
}


@dataclass(frozen=True, slots=True)
class _Drawing:
    """What is written in one box."""

    node: Node
    name: str  # as it stands in the header; "" where the title leaves no room for it
    words: tuple[str, ...]  # in the language of the picture
    notes: tuple[str, ...]  # in English

    @property
    def height(self) -> float:
        """The height of the box."""
        return HEADER + LINE * (len(self.words) + len(self.notes)) + (12.0 if self.words or self.notes else 4.0)


def draw_flow(flow: Flow, texts: Texts, language: str) -> str:
    """The SVG of a flow with its texts in `language`. Subdialogs are one box each."""
    labels = _labels(flow)
    usual = _usual_nodes(flow, labels)
    drawings = {
        node.name: _describe(node, texts, language, apart=node.name not in usual) for node in flow.nodes.values()
    }
    sizes = {name: (BOX_WIDTH, drawings[name].height) for name in usual}
    edges = [edge for edge in labels if edge[0] in usual]
    layout = lay_out(sizes, edges, flow.start)
    foot = _foot_boxes([name for name in flow.nodes if name not in usual], drawings, layout)
    boxes = {**layout.boxes, **foot}
    lane = 16.0 * (len(layout.upward) + 1)
    width = max(layout.width + lane, *(box.x + box.width for box in boxes.values()), 520.0) + 2 * MARGIN
    height = max(box.bottom for box in boxes.values()) + 2 * MARGIN + 40
    parts = [_head(flow, language, width, height), f'<g transform="translate({MARGIN:g} {MARGIN + 40:g})">']
    parts += _arrows(layout, labels)
    if foot:
        top = min(box.y for box in foot.values())
        parts.append(f'<text x="0" y="{top - 14:g}" class="note">When nobody answers, or something fails:</text>')
    parts += [_box(drawings[name], box, language) for name, box in boxes.items()]
    return "\n".join([*parts, "</g>", "</svg>", ""])


def _labels(flow: Flow) -> dict[tuple[str, str], list[str]]:
    """Every drawn edge with its labels: keys, or the cases of a branch."""
    labels: dict[tuple[str, str], list[str]] = {}
    for node in flow.nodes.values():
        for label, target in node.drawn_ways():
            if target != node.name:
                labels.setdefault((node.name, target), []).append(label)
    return labels


def _usual_nodes(flow: Flow, labels: dict[tuple[str, str], list[str]]) -> list[str]:
    """The nodes that the drawn edges lead to, in the order of the file."""
    edges = {name: tuple(target for source, target in labels if source == name) for name in flow.nodes}
    found = reached(edges, [flow.start])
    return [name for name in flow.nodes if name in found]


def _foot_boxes(names: Sequence[str], drawings: dict[str, _Drawing], layout: Layout) -> dict[str, Box]:
    """Rows below the layout, as wide as it."""
    boxes: dict[str, Box] = {}
    across = max(2, int(layout.width // (BOX_WIDTH + COLUMN_GAP)))
    top = layout.height + 72.0
    for begin in range(0, len(names), across):
        row = names[begin : begin + across]
        for column, name in enumerate(row):
            boxes[name] = Box(column * (BOX_WIDTH + COLUMN_GAP), top, BOX_WIDTH, drawings[name].height)
        top += max(drawings[name].height for name in row) + COLUMN_GAP
    return boxes


def _describe(node: Node, texts: Texts, language: str, *, apart: bool) -> _Drawing:
    notes = node.notes()
    again = [label for label, target in node.drawn_ways() if target == node.name]
    notes += [f"key {', '.join(again)}: this again"] if again else []
    if apart:  # its ways are not drawn
        notes += [f"{label or 'then'} \u203a {target}" for label, target in node.drawn_ways()]
    room = BOX_WIDTH - 32 - 1.1 * text_width(node.title) - 0.85 * text_width(node.name)
    notes = notes if room > 0 else [f"({node.name})", *notes]
    words = [line for prompt in node.asked for line in _wrapped(_words(prompt, texts, language))]
    wrapped_notes = [line for note in notes for line in _wrapped(note)]
    return _Drawing(node, node.name if room > 0 else "", tuple(words), tuple(wrapped_notes))


def _words(prompt: Prompt, texts: Texts, language: str) -> str:
    """What a prompt says, its placeholders between angles."""
    if prompt.kind is PromptKind.RECORDING:
        return f"\u25b6 {prompt.value}"
    if prompt.kind is not PromptKind.TEXT:
        return f"\u2039{_name(prompt.value)}\u203a"
    found = texts.found(prompt.value, language)
    text = found[1] if found else f"[{prompt.value}]"
    return _PLACE.sub(lambda match: f"\u2039{_name(match[1])}\u203a", text)


def _name(value: str) -> str:
    return value.replace("_", "\u00a0")


def _wrapped(text: str) -> list[str]:
    """Lines that fit into a box."""
    room = BOX_WIDTH - 20
    lines: list[str] = []
    line = ""
    for word in filter(None, text.split(" ")):  # a value's name stays whole: it has other blanks
        longer = f"{line} {word}" if line else word
        if line and text_width(longer) > room:
            lines.append(line)
            line = word
        else:
            line = longer
    return [*lines, line] if line else lines


def _head(flow: Flow, language: str, width: float, height: float) -> str:
    title = escape(flow.title)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}"
 viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{title}"
 font-family="{_LATIN}" font-size="13">
<title>{title}</title>
<style>
.note {{ font-size: 12px; fill: #666 }} .name {{ font-size: 11px; fill: #fff; opacity: .85 }}
.head {{ font-weight: 600; fill: #fff }} .way {{ fill: none; stroke: #555; stroke-width: 1.4 }}
.back {{ fill: none; stroke: #999; stroke-width: 1.4; stroke-dasharray: 5 3 }}
</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">
<path d="M0 0 L8 4 L0 8 z" fill="#555"/></marker></defs>
<rect width="100%" height="100%" fill="#fff"/>
<text x="{MARGIN:g}" y="{MARGIN + 6:g}" font-size="19" font-weight="600">{title}</text>
<text x="{MARGIN:g}" y="{MARGIN + 26:g}" class="note">{flow.name} {flow.version}, {flow.purpose}, {escape(language)}</text>"""


def _box(drawing: _Drawing, box: Box, language: str) -> str:
    fill, stroke = drawing.node.look.value
    lines = [
        f'<g id="{drawing.node.name}"><rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:g}" height="{box.height:g}" rx="6" '
        f'fill="{fill}" stroke="{stroke}"/>',
        f'<path d="M{box.x:.1f} {box.y + HEADER:.1f} v{6 - HEADER:g} q0 -6 6 -6 h{box.width - 12:g} q6 0 6 6 '
        f'v{HEADER - 6:g} z" fill="{stroke}"/>',
        f'<text x="{box.x + 10:.1f}" y="{box.y + 17:.1f}" class="head">{escape(drawing.node.title)}</text>',
        f'<text x="{box.x + box.width - 10:.1f}" y="{box.y + 16:.1f}" class="name" text-anchor="end">{drawing.name}</text>',
    ]
    y = box.y + HEADER + LINE
    lines += [_line(words, box, y + LINE * place, language) for place, words in enumerate(drawing.words)]
    y += LINE * len(drawing.words)
    for place, note in enumerate(drawing.notes):
        lines.append(f'<text x="{box.x + 10:.1f}" y="{y + LINE * place:.1f}" class="note">{escape(note)}</text>')
    return "\n".join([*lines, "</g>"])


def _marked(words: str) -> str:
    """The words with each value's name in a font that has its letters."""
    return _VALUE.sub(lambda match: f'<tspan font-family="{_LATIN}">{match[0]}</tspan>', escape(words))


def _family(language: str) -> str:
    """The language's own script first: a renderer that falls back for a whole line shows boxes for what the first font lacks."""
    if language in RIGHT_TO_LEFT:
        return f"'Noto Naskh Arabic', 'Noto Nastaliq Urdu', {_LATIN}"
    own = f"'Noto Sans {_SCRIPTS[language]}', " if language in _SCRIPTS else ""
    return f"{own}{_LATIN}"


def _line(words: str, box: Box, y: float, language: str) -> str:
    tag = f'lang="{escape(language)}" font-family="{_family(language)}"'
    if language in RIGHT_TO_LEFT:
        x = box.x + box.width - 10
        # Marks instead of `direction`, which not every renderer knows: the full stop stands at the left all the same.
        return f'<text x="{x:.1f}" y="{y:.1f}" {tag} text-anchor="end">\u200f{_marked(words)}\u200f</text>'
    return f'<text x="{box.x + 10:.1f}" y="{y:.1f}" {tag}>{_marked(words)}</text>'


# The arrows: down from box to box, and back on lanes at the right.


def _arrows(layout: Layout, labels: dict[tuple[str, str], list[str]]) -> list[str]:
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
