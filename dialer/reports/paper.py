"""Reports on paper: PDF pages with a heading, a foot that says what the sheet is and of when, and text in any script.

A roll's names come in a dozen scripts. A font that has them must be on the machine; where none is found, DejaVu or the PDF's own
Latin font is used, and what it cannot write stands as "?".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from fontTools.ttLib import TTFont
from fpdf import FPDF
from fpdf.enums import TableBordersLayout
from fpdf.fonts import FontFace

from dialer.reports.formats import Column, ColumnKind, Report, shown_text

FONT_PLACES = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
_LATIN = ("NotoSans-Regular.ttf", "DejaVuSans.ttf")
_SCRIPTS = ("Devanagari", "Bengali", "Gujarati", "Gurmukhi", "Kannada", "Malayalam", "Oriya", "Tamil", "Telugu")
_INDIAN = tuple((f"NotoSans{script}-Regular.ttf", f"Lohit-{script}.ttf") for script in _SCRIPTS)
_URDU = ("NotoNastaliqUrdu-Regular.ttf", "NotoSansArabic-Regular.ttf")
_MARGIN_MILLIMETRES = 12.0
_POINTS = 8.0
_HEADING_POINTS = 12.0
_LEAST_CHARACTERS, _MOST_CHARACTERS = 6, 60  # of a column, as its width is reckoned
_WIDE_COLUMNS = 7  # more than that are set across the page
_GREY = FontFace(fill_color=(235, 235, 235), emphasis="BOLD")


def as_pdf(report: Report, *, foot: str) -> bytes:
    """The bytes of a PDF file: the report's table on A4, its heading line on every page. `foot` stands on every page."""
    columns = [(place, column) for place, column in enumerate(report.columns) if column.in_table]
    page = PaperPage(foot, landscape=len(columns) > _WIDE_COLUMNS)
    page.heading("\n".join(filter(None, (report.title, report.about))))
    rows = [*report.rows, *([report.total] if report.total is not None else [])]
    cells = [[shown_text(column, row[place]) for place, column in columns] for row in rows]
    shown = [column for _, column in columns]
    page.lines(shown, cells, widths_of(shown, cells))
    return bytes(page.output())


def widths_of(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[int]:
    """The columns' shares of a page, by their longest text: a booth's name gets the room that a number does not need."""
    heads = [column.head or column.name.replace("_", " ") for column in columns]
    longest = [max(map(len, texts)) for texts in zip(heads, *rows, strict=True)]
    return [min(_MOST_CHARACTERS, max(_LEAST_CHARACTERS, length)) for length in longest]


class PaperPage(FPDF):
    """A4 pages with our margins, fonts and foot."""

    def __init__(self, foot: str, *, landscape: bool = False) -> None:
        """The first page is begun."""
        super().__init__(orientation="landscape" if landscape else "portrait", format="A4")
        self._foot = foot
        self._letters: set[int] = set()  # code points that some font here has
        self.set_margin(_MARGIN_MILLIMETRES)
        self.set_auto_page_break(auto=True, margin=_MARGIN_MILLIMETRES + 4)
        self._family = self._take_fonts()
        self.set_font(self._family, size=_POINTS)
        self.add_page()

    def footer(self) -> None:
        """What the sheet is, and which page of it."""
        self.set_y(-_MARGIN_MILLIMETRES)
        self.set_font(self._family, size=_POINTS - 1)
        self.cell(0, 4, self.writable(f"{self._foot} - {self.page_no()}/{{nb}}"), align="C")

    def heading(self, text: str) -> None:
        """A heading on a line of its own."""
        self.set_font(self._family, size=_HEADING_POINTS)
        self.multi_cell(0, 6, self.writable(text), new_x="LMARGIN", new_y="NEXT", align="L")
        self.ln(2)
        self.set_font(self._family, size=_POINTS)

    def lines(
        self, columns: Sequence[Column], rows: Iterable[Sequence[str]], widths: Sequence[float] | None = None
    ) -> None:
        """A table under the columns' heads; `widths` in parts of the whole."""
        aligns = ["LEFT" if column.kind is ColumnKind.TEXT else "RIGHT" for column in columns]
        with self.table(
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            headings_style=_GREY if self._family == "helvetica" else FontFace(fill_color=(235, 235, 235)),
            text_align=aligns,
            col_widths=widths,
            line_height=4.5,
        ) as table:
            heads = table.row()
            for column in columns:
                heads.cell(self.writable(column.head or column.name.replace("_", " ")))
            for row in rows:
                line = table.row()
                for text in row:
                    line.cell(self.writable(text))

    def writable(self, text: str) -> str:
        """The text, with "?" for what no font here can write: a gap would look as if nothing had stood there."""
        if self._family == "helvetica":
            return text.encode("latin-1", "replace").decode("latin-1")
        return "".join(letter if ord(letter) in self._letters else "?" for letter in text)

    def _take_fonts(self) -> str:
        found = fonts_of_this_machine()
        if not found:
            return "helvetica"
        families = [f"font{place}" for place in range(len(found))]
        for family, path in zip(families, found, strict=True):
            self.add_font(family, fname=path)
            with TTFont(path, lazy=True) as font:
                self._letters |= font.getBestCmap().keys()
        self.set_fallback_fonts(families[1:], exact_match=False)
        self.set_text_shaping(True)  # Indian scripts join and reorder their letters
        return families[0]


@cache
def fonts_of_this_machine() -> tuple[Path, ...]:
    """One font for each script of a roll, as far as there is one; Latin first. On Debian: `apt install fonts-noto-core`."""
    by_name = {path.name: path for place in FONT_PLACES for path in place.rglob("*.ttf")}
    chosen = (next((by_name[name] for name in names if name in by_name), None) for names in (_LATIN, *_INDIAN, _URDU))
    return tuple(path for path in chosen if path is not None)
