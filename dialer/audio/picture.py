"""Draw a prompt before and after preparation as SVG: waveform, loudness over time, and their limits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Final

import numpy as np

from dialer.audio.filters import Samples
from dialer.audio.loudness import Loudness, measure_loudness

_WIDTH: Final = 960
_LEFT: Final = 60
_RIGHT: Final = 60
_PLOT: Final = _WIDTH - _LEFT - _RIGHT
_PANEL: Final = 190
_GAP: Final = 64
_LINE: Final = 20
_LETTERS_A_LINE: Final = 105
_TICKS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300)
_MOST_TICKS: Final = 12
_QUIETEST: Final = -60.0  # LUFS at the bottom of the loudness scale
_FIRST_WHOLE: Final = 3  # a moment covers 0.4 s and is drawn at its middle
_FONTS: Final = "'Noto Sans', 'Noto Sans Devanagari', 'Nirmala UI', sans-serif"
_WAVE: Final = "#4a7fb5"
_LOUD: Final = "#c2410c"
_FAINT: Final = "#6b7280"


@dataclass(frozen=True, slots=True)
class Panel:
    """The part of a picture that shows one sound.

    `envelope` has a pair of samples (-1 to 1) for each column of the waveform: the lowest and the highest. `kept` is
    the range (seconds) that remains after trimming.
    """

    title: str
    seconds: float
    envelope: Sequence[tuple[float, float]]
    loudness: Loudness
    kept: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Caption:
    """The heading of a prompt's picture. `mark` is a word in a coloured box, such as DRAFT."""

    title: str
    text: str = ""
    mark: str = ""
    remarks: tuple[str, ...] = ()


def create_sound_panel(title: str, samples: Samples, rate: int, kept: tuple[int, int] | None = None) -> Panel:
    """Return the part of a picture that shows one sound. `kept` is the range of samples that remains after trimming."""
    seconds = len(samples) / rate
    edges = np.linspace(0, len(samples), min(_PLOT, max(1, len(samples))) + 1).astype(int)
    columns = [samples[start:end] for start, end in pairwise(edges) if end > start]
    envelope = [(float(np.min(column)), float(np.max(column))) for column in columns]
    kept_seconds = (kept[0] / rate, kept[1] / rate) if kept is not None else None
    return Panel(title, seconds, envelope, measure_loudness(samples, rate), kept_seconds)


def draw_sounds_as_svg(caption: Caption, panels: Sequence[Panel], loudness_lufs: float, true_peak_db: float) -> str:
    """Return one SVG picture of several sounds, a panel for each. All panels have the same time scale, so that cuts are
    visible.
    """
    texts = _wrap_text_into_lines(caption.text)
    top = 44 + _LINE * len(texts) + (_LINE * len(caption.remarks)) + 30
    height = top + len(panels) * (_PANEL + _GAP)
    longest = max((each.seconds for each in panels), default=0.0) or 1.0
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'font-family="{_FONTS}" font-size="14" role="img">',
        f"<title>{escape(caption.title)}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        *_draw_picture_heading(caption, texts),
    ]
    for number, each in enumerate(panels):
        parts += _draw_sound_panel(each, top + number * (_PANEL + _GAP), longest, loudness_lufs, true_peak_db)
    return "\n".join([*parts, "</svg>"]) + "\n"


def render_picture_page(title: str, pictures: Sequence[tuple[str, str]]) -> str:
    """Return an HTML page that shows pictures of prompts. `pictures` has (prompt, file name) of each."""
    shown = "\n".join(
        f'<p><a href="{escape(file)}"><img src="{escape(file)}" alt="{escape(prompt)}" width="100%"></a></p>'
        for prompt, file in pictures
    )
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title>\n<style>body{{font-family:sans-serif;max-width:1000px;margin:1em auto;padding:0 1em}}"
        f"</style>\n<h1>{escape(title)}</h1>\n{shown}\n</html>\n"
    )


def _draw_picture_heading(caption: Caption, texts: Sequence[str]) -> Iterator[str]:
    yield f'<text x="{_LEFT}" y="30" font-size="18" font-weight="bold">{escape(caption.title)}</text>'
    if caption.mark:
        width = 14 + 10 * len(caption.mark)
        yield f'<rect x="{_WIDTH - _RIGHT - width}" y="12" width="{width}" height="26" rx="4" fill="{_LOUD}"/>'
        yield (
            f'<text x="{_WIDTH - _RIGHT - width / 2}" y="30" text-anchor="middle" font-weight="bold" fill="#ffffff">'
            f"{escape(caption.mark)}</text>"
        )
    lines = [*((line, "") for line in texts), *((line, f' fill="{_LOUD}"') for line in caption.remarks)]
    for place, (line, fill) in enumerate(lines):
        yield f'<text x="{_LEFT}" y="{56 + _LINE * place}"{fill}>{escape(line)}</text>'


def _draw_sound_panel(
    each: Panel, top: float, longest: float, loudness_lufs: float, true_peak_db: float
) -> Iterator[str]:
    middle, half = top + _PANEL / 2, _PANEL / 2
    scale = _PLOT / longest
    figures = (
        f"{each.seconds:.1f} s · {each.loudness.integrated_lufs:.1f} LUFS · peak {each.loudness.true_peak_db:.1f} dB"
    )
    yield f'<text x="{_LEFT}" y="{top - 8}"><tspan font-weight="bold">{escape(each.title)}</tspan> · {figures}</text>'
    yield f'<rect x="{_LEFT}" y="{top}" width="{_PLOT}" height="{_PANEL}" fill="#f8fafc" stroke="#cbd5e1"/>'
    if each.kept is not None:
        for start, end in ((0.0, each.kept[0]), (each.kept[1], each.seconds)):
            if end > start:
                yield (
                    f'<rect x="{_LEFT + start * scale:.1f}" y="{top}" width="{(end - start) * scale:.1f}" '
                    f'height="{_PANEL}" fill="#e2e8f0"><title>silence, cut off</title></rect>'
                )
    yield f'<path d="{_draw_waveform(each, middle, half, scale)}" fill="{_WAVE}" stroke="{_WAVE}" stroke-width="0.6"/>'
    limit = half * 10 ** (true_peak_db / 20)
    for y in (middle - limit, middle + limit):
        yield _draw_dashed_line(y, _FAINT)
    yield _draw_axis_label(middle - limit, f"{true_peak_db:g} dB", _LEFT - 6, "end", _FAINT)
    wanted = _compute_y_position_of_loudness(loudness_lufs, top)
    yield _draw_dashed_line(wanted, _LOUD)
    yield _draw_axis_label(wanted, f"{loudness_lufs:g}", _WIDTH - _RIGHT + 6, "start", _LOUD)
    yield _draw_axis_label(top + _PANEL, "LUFS", _WIDTH - _RIGHT + 6, "start", _LOUD)
    points = " ".join(
        f"{_LEFT + (index / 10 - 0.1) * scale:.1f},{_compute_y_position_of_loudness(moment, top):.1f}"
        for index, moment in enumerate(each.loudness.moments)
        if index >= _FIRST_WHOLE and index / 10 - 0.1 <= each.seconds
    )
    yield f'<polyline points="{points}" fill="none" stroke="{_LOUD}" stroke-width="1.6"/>'
    step = next((tick for tick in _TICKS if longest / tick <= _MOST_TICKS), _TICKS[-1])
    for count in range(math.floor(longest / step) + 1):
        x = _LEFT + count * step * scale
        yield f'<line x1="{x:.1f}" y1="{top + _PANEL}" x2="{x:.1f}" y2="{top + _PANEL + 5}" stroke="{_FAINT}"/>'
        yield (
            f'<text x="{x:.1f}" y="{top + _PANEL + 20}" text-anchor="middle" font-size="12" fill="{_FAINT}">'
            f"{count * step:g} s</text>"
        )


def _draw_waveform(each: Panel, middle: float, half: float, scale: float) -> str:
    if not each.envelope:
        return ""
    width = each.seconds * scale / len(each.envelope)
    lower, upper = (
        [f"{_LEFT + x * width:.1f},{middle - half * min(1.0, max(-1.0, y)):.1f}" for x, y in enumerate(edge)]
        for edge in zip(*each.envelope, strict=True)
    )
    return "M" + " L".join([*upper, *reversed(lower)]) + " Z"


def _compute_y_position_of_loudness(lufs: float, top: float) -> float:
    """Return the vertical position of a loudness in a panel: 0 LUFS is at the top, -60 at the bottom."""
    return top + _PANEL * min(1.0, max(0.0, lufs / _QUIETEST))


def _draw_dashed_line(y: float, colour: str) -> str:
    return f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}" stroke="{colour}" stroke-dasharray="5 4"/>'


def _draw_axis_label(y: float, text: str, x: float, anchor: str, colour: str) -> str:
    return f'<text x="{x}" y="{y + 4:.1f}" text-anchor="{anchor}" font-size="12" fill="{colour}">{escape(text)}</text>'


def _wrap_text_into_lines(text: str) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + len(word) < _LETTERS_A_LINE:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
