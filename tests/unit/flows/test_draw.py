"""The picture of a flow: well-formed, whole, and without boxes on top of each other."""

from __future__ import annotations

import re
import struct
from itertools import combinations
from pathlib import Path
from xml.dom import minidom

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from dialer.cli import flow as flow_cli
from dialer.cli.flow import app
from dialer.flows.catalogue import shipped_flows
from dialer.flows.draw import draw_flow, text_width
from dialer.flows.layout import Box, lay_out
from dialer.flows.texts import shipped_texts
from tests.support.flow_support import FLOWS, HEAD, sample

NAMES = [f"n{number}" for number in range(9)]


def parsed(svg: str) -> minidom.Document:
    """A picture as XML: it must be well-formed."""
    return minidom.parseString(svg)  # noqa: S318 - our own output


def boxes_of(svg: str) -> dict[str, Box]:
    """The boxes of a picture by node."""
    found: dict[str, Box] = {}
    for group in parsed(svg).getElementsByTagName("g"):
        if group.getAttribute("id"):
            frame = group.getElementsByTagName("rect")[0]
            x, y, width, height = (float(frame.getAttribute(name)) for name in ("x", "y", "width", "height"))
            found[group.getAttribute("id")] = Box(x, y, width, height)
    return found


def overlap(first: Box, second: Box) -> bool:
    return (
        first.x < second.x + second.width - 0.2
        and second.x < first.x + first.width - 0.2
        and first.y < second.bottom - 0.2
        and second.y < first.bottom - 0.2
    )


@pytest.mark.parametrize("language", ["en", "hi", "ur", "ta"])
@pytest.mark.parametrize("name", shipped_flows())
def test_every_node_has_a_box_of_its_own_inside_the_picture(name: str, language: str) -> None:
    svg = draw_flow(FLOWS[name], shipped_texts(), language)
    boxes = boxes_of(svg)
    assert set(boxes) == set(FLOWS[name].nodes)
    assert not [pair for pair in combinations(boxes, 2) if overlap(boxes[pair[0]], boxes[pair[1]])]
    root = parsed(svg).documentElement
    assert root is not None
    for box in boxes.values():
        assert box.x >= 0
        assert box.x + box.width <= float(root.getAttribute("width"))
        assert box.bottom <= float(root.getAttribute("height"))


def test_the_words_and_the_keys_are_there() -> None:
    svg = draw_flow(FLOWS["turnout"], shipped_texts(), "hi")
    texts = [str(node.firstChild.nodeValue) for node in parsed(svg).getElementsByTagName("text") if node.firstChild]
    assert {"1", "2", "3", "9"} <= set(texts)
    assert any("क्या आपने वोट डाल दिया है?" in line for line in texts)
    assert "Records: never call again" in texts
    assert "Records: voted" in texts
    assert any(line.startswith("no key, asked 2 times more") for line in texts)


def test_the_same_flow_gives_the_same_picture() -> None:
    assert draw_flow(FLOWS["inbound"], shipped_texts(), "bn") == draw_flow(FLOWS["inbound"], shipped_texts(), "bn")


def test_a_title_cannot_break_out_of_the_picture() -> None:
    head = HEAD.replace("purpose: worker", 'purpose: worker\ntitle: "</title><script>alert(1)</script>"')
    svg = draw_flow(sample("\n  first: {goto: bye}", head), shipped_texts(), "en")
    assert parsed(svg).getElementsByTagName("script") == []


def test_marks_take_no_room() -> None:
    assert text_width("क्") == text_width("क")
    assert text_width("ab") == 2 * text_width("a")


@settings(deadline=None, derandomize=True, max_examples=150)
@given(
    edges=st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), unique=True, max_size=20),
    heights=st.lists(st.floats(10, 300), min_size=9, max_size=9),
)
def test_any_graph_is_laid_out_without_overlap(edges: list[tuple[str, str]], heights: list[float]) -> None:
    sizes = {name: (120.0, height) for name, height in zip(NAMES, heights, strict=True)}
    wanted = [edge for edge in edges if edge[0] != edge[1]]
    layout = lay_out(sizes, wanted, "n0")
    assert set(layout.boxes) == set(NAMES)
    assert set(layout.downward) | set(layout.upward) == set(wanted)
    assert len(layout.downward) + len(layout.upward) == len(wanted)
    for source, target in layout.downward:
        assert layout.boxes[source].bottom <= layout.boxes[target].y
    assert not [pair for pair in combinations(layout.boxes.values(), 2) if overlap(*pair)]


@pytest.mark.parametrize("language", ["en", "hi", "ur"])
def test_every_flow_becomes_a_png_of_its_own_size(
    tmp_path: Path, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow_cli, "refuse_without_letters", lambda picture: None)  # whatever fonts this machine has
    for name in shipped_flows()[:4]:
        path = tmp_path / f"{name}.png"
        result = CliRunner().invoke(app, ["draw", name, "-l", language, "-o", str(path)])
        assert result.exit_code == 0, result.output
        data = path.read_bytes()
        assert data.startswith(b"\x89PNG")
        width, height = struct.unpack(">II", data[16:24])
        assert min(width, height) > 500


def test_a_way_back_goes_round_the_boxes_beside_it() -> None:
    """`where` of turnout has a neighbour at its right: the dashed line leaves below it."""
    picture = draw_flow(FLOWS["turnout"], shipped_texts(), "en")
    (back,) = re.findall(r'class="back"[^>]* d="M[\d.]+ ([\d.]+) V([\d.]+)', picture)
    neighbours = re.findall(r'<g id="opt_out"><rect x="[\d.]+" y="([\d.]+)" width="[\d.]+" height="([\d.]+)"', picture)
    bottom = sum(map(float, neighbours[0]))
    assert float(back[1]) + 8 > bottom


def test_values_are_named_in_letters_that_every_font_of_theirs_has() -> None:
    picture = draw_flow(FLOWS["household"], shipped_texts(), "te")
    assert re.search(r"<tspan font-family=\"'Noto Sans'[^>]*>\u2039pending\u00a0voters\u203a</tspan>", picture)
