"""Test fonts, so that tests of pages do not depend on the fonts of the machine."""

from __future__ import annotations

import functools
import io
import unicodedata

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib.tables._c_m_a_p import CmapSubtable

NARROW, WIDE = 400, 700
"""Widths of a letter in thousandths of the font size. The average of English text in DejaVu Sans is 510, bold 575."""
_ASCENT, _DESCENT = 930, -240
_ZERO_WIDTH = {"Mn", "Me", "Cf"}  # Unicode's categories of marks on a letter, and of joiners
_SURROGATES = range(0xD800, 0xE000)
_LAST = 0xFFFF
_UNICODE, _MANY_TO_ONE = (3, 10), 13  # platform and encoding; the format in which many letters share a glyph


@functools.cache
def font(width: int) -> bytes:
    """Return a TrueType font in which each letter of every script is a box of this width, and marks have none."""
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "letter", "mark"])
    letters = {code: _glyph(code) for code in range(ord(" "), _LAST) if code not in _SURROGATES}
    table = CmapSubtable.newSubtable(_MANY_TO_ONE)
    table.platformID, table.platEncID, table.language, table.cmap = (*_UNICODE, 0, letters)
    builder.setupCharacterMap({})
    builder.font["cmap"].tables = [table]
    builder.setupGlyf({".notdef": _box(width), "letter": _box(width), "mark": TTGlyphPen(None).glyph()})
    builder.setupHorizontalMetrics({".notdef": (width, 50), "letter": (width, 50), "mark": (0, 0)})
    builder.setupHorizontalHeader(ascent=_ASCENT, descent=_DESCENT)
    builder.setupNameTable({"familyName": f"Test {width}", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=_ASCENT, sTypoDescender=_DESCENT, usWinAscent=_ASCENT, usWinDescent=-_DESCENT)
    builder.setupPost()
    packed = io.BytesIO()
    builder.save(packed)
    return packed.getvalue()


def _glyph(code: int) -> str:
    return "mark" if unicodedata.category(chr(code)) in _ZERO_WIDTH else "letter"


def _box(width: int) -> object:
    pen = TTGlyphPen(None)
    pen.moveTo((50, 0))
    for corner in ((50, 500), (width - 50, 500), (width - 50, 0)):
        pen.lineTo(corner)
    pen.closePath()
    return pen.glyph()
