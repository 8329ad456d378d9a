"""Reports as files (CSV, JSON, XLSX, PDF), for the command line and the pages, and the period that a report covers."""

from __future__ import annotations

from datetime import datetime, tzinfo

from dialer.domain.enums import ReportFormat
from dialer.reports.formats import Report, format_report_as_csv, format_report_as_json
from dialer.reports.tables import FOREVER, Window


def parse_report_time(text: str, zone: tzinfo) -> float:
    """Convert the start or end of a report's period from ISO 8601 to epoch seconds.

    A time without a UTC offset is in `zone`. A date alone means the start of that day. Raises ValueError for other
    texts.
    """
    parsed = datetime.fromisoformat(text)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).timestamp()


def describe_report_period(window: Window, zone: tzinfo) -> str:
    """Return a report's period and campaign in words, such as "from 2026-04-22 09:00, campaign turnout"."""
    ends = [
        f"{word} {datetime.fromtimestamp(at, zone):%Y-%m-%d %H:%M}"
        for word, at, open_end in (("from", window.since, 0.0), ("to", window.until, FOREVER))
        if at != open_end
    ]
    words = " ".join(ends) or "all records"
    return words if window.campaign is None else f"{words}, campaign {window.campaign}"


def encode_report_as_file(report: Report, form: ReportFormat, *, foot: str) -> bytes:
    """Convert a report to the bytes of a CSV, JSON, XLSX or PDF file.

    `foot` is printed at the bottom of every page of a PDF. Raises ValueError for the format "table", which is for the terminal.
    """
    match form:
        case ReportFormat.CSV:
            return format_report_as_csv(report).encode()
        case ReportFormat.JSON:
            return format_report_as_json(report).encode()
        case ReportFormat.XLSX:
            from dialer.reports.workbook import render_report_as_xlsx  # noqa: PLC0415

            return render_report_as_xlsx(report)
        case ReportFormat.PDF:
            from dialer.reports.paper import render_report_as_pdf  # noqa: PLC0415 - slow to import

            return render_report_as_pdf(report, foot=foot)
    raise ValueError("the format `table` is for the terminal only: choose csv, json, xlsx or pdf to write a file")
