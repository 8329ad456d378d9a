"""Reports as PDF pages with a heading, a table and a page footer, in any script.

Names on a roll may be written in a dozen scripts, whose fonts must be installed on the machine. Characters that no installed
font contains are printed as "?". Without any font, the built-in Latin font of PDF is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from fontTools.ttLib import TTFont
from fpdf import FPDF
from fpdf.enums import TableBordersLayout
from fpdf.fonts import FontFace

from dialer.reports.formats import Column, ColumnKind, Report, format_cell_for_people

FONT_DIRECTORIES = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
_LATIN = ("NotoSans-Regular.ttf", "DejaVuSans.ttf")
_SCRIPTS = ("Devanagari", "Bengali", "Gujarati", "Gurmukhi", "Kannada", "Malayalam", "Oriya", "Tamil", "Telugu")
_INDIAN = tuple((f"NotoSans{script}-Regular.ttf", f"Lohit-{script}.ttf") for script in _SCRIPTS)
_URDU = ("NotoNastaliqUrdu-Regular.ttf", "NotoSansArabic-Regular.ttf")
_MARGIN_MILLIMETRES = 12.0
_POINTS = 8.0
_HEADING_POINTS = 12.0
_MIN_CHARACTERS, _MAX_CHARACTERS = 6, 60  # of a column, when its width is computed
_MAX_PORTRAIT_COLUMNS = 7  # reports with more columns are printed in landscape
_GREY = FontFace(fill_color=(235, 235, 235), emphasis="BOLD")


def render_report_as_pdf(report: Report, *, foot: str) -> bytes:
    """Return the report as the bytes of an A4 PDF file. `foot` is printed at the bottom of every page."""
    columns = [(place, column) for place, column in enumerate(report.columns) if column.in_table]
    page = PdfDocument(foot, landscape=len(columns) > _MAX_PORTRAIT_COLUMNS)
    page.write_heading("\n".join(filter(None, (report.title, report.about))))
    rows = [*report.rows, *([report.total] if report.total is not None else [])]
    cells = [[format_cell_for_people(column, row[place]) for place, column in columns] for row in rows]
    shown = [column for _, column in columns]
    page.write_table(shown, cells, compute_column_widths(shown, cells))
    return bytes(page.output())


def compute_column_widths(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the relative widths of a table's columns: the length of each column's longest text, from 6 to 60 characters."""
    heads = [column.head or column.name.replace("_", " ") for column in columns]
    longest = [max(map(len, texts)) for texts in zip(heads, *rows, strict=True)]
    return [min(_MAX_CHARACTERS, max(_MIN_CHARACTERS, length)) for length in longest]


class PdfDocument(FPDF):
    """A PDF document of A4 pages with a footer, in fonts for every script that the machine supports."""

    def __init__(self, foot: str, *, landscape: bool = False) -> None:
        """Start the PDF document with an empty first page."""
        super().__init__(orientation="landscape" if landscape else "portrait", format="A4")
        self._foot = foot
        self._letters: set[int] = set()  # code points that the loaded fonts contain
        self.set_margin(_MARGIN_MILLIMETRES)
        self.set_auto_page_break(auto=True, margin=_MARGIN_MILLIMETRES + 4)
        self._family = self._load_fonts()
        self.set_font(self._family, size=_POINTS)
        self.add_page()

    def footer(self) -> None:
        """Write the footer of a page, with its number; FPDF calls this method."""
        self.set_y(-_MARGIN_MILLIMETRES)
        self.set_font(self._family, size=_POINTS - 1)
        self.cell(0, 4, self._replace_unsupported_characters(f"{self._foot} - {self.page_no()}/{{nb}}"), align="C")

    def write_heading(self, text: str) -> None:
        """Write a heading into the PDF, in a paragraph of its own."""
        self.set_font(self._family, size=_HEADING_POINTS)
        self.multi_cell(0, 6, self._replace_unsupported_characters(text), new_x="LMARGIN", new_y="NEXT", align="L")
        self.ln(2)
        self.set_font(self._family, size=_POINTS)

    def write_table(
        self, columns: Sequence[Column], rows: Iterable[Sequence[str]], widths: Sequence[float] | None = None
    ) -> None:
        """Write a table with a header row into the PDF. `widths` are the relative widths of the columns."""
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
                heads.cell(self._replace_unsupported_characters(column.head or column.name.replace("_", " ")))
            for row in rows:
                line = table.row()
                for text in row:
                    line.cell(self._replace_unsupported_characters(text))

    def _replace_unsupported_characters(self, text: str) -> str:
        """Return the text with "?" in place of characters that no font contains, where FPDF would print a blank."""
        if self._family == "helvetica":
            return text.encode("latin-1", "replace").decode("latin-1")
        return "".join(letter if ord(letter) in self._letters else "?" for letter in text)

    def _load_fonts(self) -> str:
        """Load the installed fonts into the document, and return the family name of the main one."""
        found = find_installed_fonts()
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
def find_installed_fonts() -> tuple[Path, ...]:
    """Return an installed font file for each script of Indian rolls, Latin first. Scripts without a font are left out.

    On Debian, `apt install fonts-noto-core` installs all of them.
    """
    by_name = {path.name: path for directory in FONT_DIRECTORIES for path in directory.rglob("*.ttf")}
    chosen = (next((by_name[name] for name in names if name in by_name), None) for names in (_LATIN, *_INDIAN, _URDU))
    return tuple(path for path in chosen if path is not None)
