"""Reports as XLSX workbooks: one sheet with a frozen header row, and a number format for each column."""

from __future__ import annotations

import io

from xlsxwriter import Workbook
from xlsxwriter.format import Format as CellFormat
from xlsxwriter.worksheet import Worksheet

from dialer.reports.formats import Cell, ColumnKind, Report

_NUMBER_FORMATS = {
    ColumnKind.SHARE: "0.0 %",
    ColumnKind.SECONDS: "0.0",
    ColumnKind.RATE: "0.0",
    ColumnKind.COUNT: "#,##0",
}
_MAX_SHEET_NAME = 31  # characters, Excel's limit
_FORBIDDEN_IN_NAMES = str.maketrans("[]:*?/\\", "       ")


def render_report_as_xlsx(report: Report) -> bytes:
    """Return a report as the bytes of an .xlsx file. Texts are never converted to formulas or links."""
    written = io.BytesIO()
    with Workbook(
        written,
        {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False},
    ) as book:
        sheet = book.add_worksheet(report.title.translate(_FORBIDDEN_IN_NAMES)[:_MAX_SHEET_NAME])
        bold = book.add_format({"bold": True})
        formats = {kind: book.add_format({"num_format": text}) for kind, text in _NUMBER_FORMATS.items()}
        totals = {kind: book.add_format({"num_format": text, "bold": True}) for kind, text in _NUMBER_FORMATS.items()}
        for place, column in enumerate(report.columns):
            sheet.write_string(0, place, column.name.replace("_", " "), bold)
        for line, row in enumerate(report.rows, 1):
            for place, (column, cell) in enumerate(zip(report.columns, row, strict=True)):
                _write_worksheet_cell(sheet, line, place, cell, formats.get(column.kind))
        if report.total is not None:
            for place, (column, cell) in enumerate(zip(report.columns, report.total, strict=True)):
                _write_worksheet_cell(sheet, len(report.rows) + 1, place, cell, totals.get(column.kind, bold))
        if report.about:  # below the table, so that the header remains the first row
            sheet.write_string(len(report.rows) + 3, 0, report.about)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, len(report.rows), len(report.columns) - 1)
        sheet.autofit()
    return written.getvalue()


def _write_worksheet_cell(sheet: Worksheet, line: int, place: int, cell: Cell, form: CellFormat | None) -> None:
    if cell is None:
        return
    if isinstance(cell, str):
        sheet.write_string(line, place, cell, form)
    else:
        sheet.write_number(line, place, cell, form)
