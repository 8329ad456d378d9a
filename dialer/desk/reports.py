"""Reports as pages: the same reports as `dialer report`, as JSON for a table, and as CSV, XLSX and PDF files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response

from dialer.desk.report_reader import ReportReader
from dialer.domain.clock import Clock
from dialer.domain.enums import ReportFormat
from dialer.domain.enums import SupervisorRole as Role
from dialer.domain.model import Disposition, Outcome
from dialer.domain.schema import MESSAGE
from dialer.reports import accounts, tables
from dialer.reports.agents import report_pauses, report_work_of_agents
from dialer.reports.call_lists import report_numbers_by_attempts, report_numbers_by_due_time
from dialer.reports.evidence import report_abandoned_rate_of_each_window
from dialer.reports.files import describe_report_period, encode_report_as_file, parse_report_time
from dialer.reports.formats import Cell, ColumnKind, Report
from dialer.reports.tables import FOREVER, Window
from dialer.reports.trunk_calls import report_trunk_calls_by_hour, report_trunk_calls_by_status
from dialer.settings.site import Settings
from dialer.settings.site_rules import load_site_profile
from dialer.settings.site_time import get_site_zone
from dialer.store.campaigns import read_campaign_states
from dialer.store.connection import Connection
from dialer.web.access import EVERY_ROLE, PageRoute, SignedIn, allow_users_with_roles
from dialer.web.refusals import RequestRefused

LIVE = "live"
"""The outcome of calls in progress in the reports."""
MAX_SHOWN_ROWS = 1_000
MAX_FILE_ROWS = {ReportFormat.CSV: 50_000, ReportFormat.XLSX: 20_000, ReportFormat.PDF: 1_000}
"""Rows of a file, each of which takes some seconds of CPU."""
MEDIA_TYPES = {
    ReportFormat.CSV: "text/csv; charset=utf-8",
    ReportFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ReportFormat.PDF: "application/pdf",
}


@dataclass(frozen=True, slots=True)
class ReportContext:
    """The values that a report needs besides the store: its period, the time zone, the settings and the time."""

    window: Window
    zone: tzinfo
    settings: Settings
    now: float  # epoch seconds


MakeReport = Callable[[Connection, ReportContext], Report]


AGENT_REPORT_ROLES: frozenset[str] = frozenset({Role.COACH, Role.COMPLIANCE, Role.SUPERVISOR})
"""Roles that may read reports on the work of each agent."""
CALL_REPORT_ROLES: frozenset[str] = frozenset({Role.COMPLIANCE, Role.SUPERVISOR})
"""Roles that may read the list of calls."""


@dataclass(frozen=True, slots=True)
class PageReport:
    """A report on the pages: the function that makes it, and the roles that may read it."""

    make: MakeReport
    roles: frozenset[str] = EVERY_ROLE


REPORTS: dict[str, PageReport] = {
    "hours": PageReport(
        lambda db, at: accounts.report_calls_by_hour(
            db, at.window, at.zone, load_site_profile(at.settings).machine_detection.false_positive_share
        )
    ),
    "outcomes": PageReport(lambda db, at: tables.report_calls(db, at.window)),
    "dispositions": PageReport(lambda db, at: tables.report_dispositions_by_campaign(db, at.window)),
    "windows": PageReport(
        lambda db, at: report_abandoned_rate_of_each_window(db, at.window, at.zone, load_site_profile(at.settings))
    ),
    "agents": PageReport(lambda db, at: report_work_of_agents(db, at.window), AGENT_REPORT_ROLES),
    "pauses": PageReport(lambda db, at: report_pauses(db, at.window), AGENT_REPORT_ROLES),
    "agent-dispositions": PageReport(lambda db, at: tables.report_dispositions(db, at.window), AGENT_REPORT_ROLES),
    "list-due": PageReport(lambda db, at: report_numbers_by_due_time(db, at.window.campaign, at.zone, at.now)),
    "list-attempts": PageReport(lambda db, at: report_numbers_by_attempts(db, at.window.campaign)),
    "trunks": PageReport(lambda db, at: tables.report_trunks(db, at.window)),
    "trunk-hours": PageReport(lambda db, at: report_trunk_calls_by_hour(db, at.window, at.zone)),
    "trunk-statuses": PageReport(lambda db, at: report_trunk_calls_by_status(db, at.window)),
}
"""The reports by the names that their addresses have."""


@dataclass(frozen=True, slots=True)
class ReportColumn:
    """A column of a report that a page shows: its name, and the kind of its values."""

    __pydantic_config__ = MESSAGE

    name: str
    kind: ColumnKind


@dataclass(frozen=True, slots=True)
class ShownReport:
    """A report as a table on a page. A file of the same report has all rows and more columns."""

    __pydantic_config__ = MESSAGE

    columns: tuple[ReportColumn, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: tuple[Cell, ...] | None
    row_count: int
    """how many rows the report has; `rows` has the first ones"""
    at: tuple[float, ...]
    """the start of each row's hour or day (epoch seconds); empty if the rows have none"""


@dataclass(frozen=True, slots=True)
class ReportChoices:
    """The reports that the user may read, and the campaigns and outcomes by which the user can filter them."""

    __pydantic_config__ = MESSAGE

    reports: tuple[str, ...]
    campaigns: tuple[str, ...]
    outcomes: tuple[str, ...]
    dispositions: tuple[str, ...]


_Time = Annotated[str | None, Query(min_length=10, max_length=32)]
_Name = Annotated[str | None, Query(min_length=1, max_length=64)]
FileFormat = Literal["csv", "xlsx", "pdf"]


@dataclass(frozen=True, slots=True)
class ReportFilter:
    """The period (ISO 8601, in the centre's time zone) and the campaign of a report."""

    since: _Time = None
    until: _Time = None
    campaign: _Name = None

    def build_report_period(self, zone: tzinfo) -> Window:
        """Return the period and campaign of the report.

        Raises RequestRefused for a time that cannot be read, or an empty period.
        """
        try:
            since = 0.0 if self.since is None else parse_report_time(self.since, zone)
            until = FOREVER if self.until is None else parse_report_time(self.until, zone)
        except (ValueError, OverflowError) as error:
            raise RequestRefused(422, "report-period") from error
        if since >= until:
            raise RequestRefused(422, "report-period")
        return Window(since, until, self.campaign)


_Filter = Annotated[ReportFilter, Depends()]


class ReportRoutes:
    """The HTTP routes of the reports: a table and files for each report."""

    def __init__(self, settings: Settings, reader: ReportReader, clock: Clock) -> None:
        self._settings = settings
        self._reader = reader
        self._clock = clock

    def replace_report_settings(self, settings: Settings) -> None:
        """Use the campaigns and rules of these settings from now on."""
        self._settings = settings

    def create_http_router(self) -> APIRouter:
        """Return a router with the routes of the reports: for each report its table and its files."""
        router = APIRouter(prefix="/api/reports", route_class=PageRoute)
        router.get("", dependencies=allow_users_with_roles(EVERY_ROLE))(self.list_reports)
        content: dict[str, Any] = {kind: {} for kind in MEDIA_TYPES.values()}
        for name, report in REPORTS.items():
            roles = allow_users_with_roles(report.roles)
            router.get(f"/{name}", dependencies=roles, name=f"show_{name}")(self._create_table_handler(report))
            router.get(
                f"/{name}/file",
                dependencies=roles,
                name=f"download_{name}",
                response_class=Response,
                responses={200: {"content": content}},
            )(self._create_file_handler(name, report))
        return router

    async def list_reports(self, who: SignedIn) -> ReportChoices:
        """Return the reports that the user may read, and the campaigns of the settings and of the store."""
        stored = await self._reader.run_report_query(read_campaign_states)
        campaigns = {each.id for each in self._settings.campaigns} | stored.keys()
        offered = [name for name, each in REPORTS.items() if who.role in each.roles]
        if who.role in CALL_REPORT_ROLES:
            offered.append("calls")
        return ReportChoices(tuple(offered), tuple(sorted(campaigns)), (LIVE, *Outcome), tuple(Disposition))

    def _create_table_handler(self, report: PageReport) -> Callable[..., Awaitable[ShownReport]]:
        async def show_report(chosen: _Filter) -> ShownReport:
            """Return a report as a table."""
            context = self._create_report_context(chosen)
            return await self._reader.run_report_query(
                lambda db: _make_shown_report(report.make(db, context), context.zone)
            )

        return show_report

    def _create_file_handler(self, name: str, report: PageReport) -> Callable[..., Awaitable[Response]]:
        async def download_report(chosen: _Filter, form: Annotated[FileFormat, Query(alias="format")]) -> Response:
            """Return a report as a CSV, XLSX or PDF file."""
            context, file_format = self._create_report_context(chosen), ReportFormat(form)
            file = await self._reader.run_report_query(
                lambda db: encode_report_file(name, report.make(db, context), context, file_format)
            )
            return file.make_download_response()

        return download_report

    def _create_report_context(self, chosen: ReportFilter) -> ReportContext:
        zone = get_site_zone(self._settings)
        return ReportContext(chosen.build_report_period(zone), zone, self._settings, self._clock.now())


@dataclass(frozen=True, slots=True)
class ReportFile:
    """The file of a report: its name, media type and contents."""

    name: str
    media_type: str
    body: bytes

    def make_download_response(self) -> Response:
        """Return the response with which a browser saves the file."""
        headers = {"content-disposition": f'attachment; filename="{self.name}"'}
        return Response(self.body, media_type=self.media_type, headers=headers)


def encode_report_file(name: str, report: Report, context: ReportContext, form: ReportFormat) -> ReportFile:
    """Return a report as a file. Raises RequestRefused for too many rows."""
    if len(report.rows) > MAX_FILE_ROWS[form]:
        raise RequestRefused(409, "report-too-long", rows=MAX_FILE_ROWS[form])
    centre, made_at = context.settings.centre, datetime.fromtimestamp(context.now, context.zone)
    made = f"{centre.organisation}, centre {centre.id}, {made_at:%Y-%m-%d %H:%M}"
    about = f"{made}: {describe_report_period(context.window, context.zone)}"
    body = encode_report_as_file(replace(report, about=about), form, foot=made)
    return ReportFile(f"{name}-{made_at:%Y-%m-%d}.{form}", MEDIA_TYPES[form], body)


def _make_shown_report(report: Report, zone: tzinfo) -> ShownReport:
    """Return the columns and rows of a report that a page shows."""
    places = [place for place, column in enumerate(report.columns) if column.in_table]
    rows = report.rows[:MAX_SHOWN_ROWS]
    names = [column.name for column in report.columns]
    at: tuple[float, ...] = ()
    if "day" in names:
        times = [names.index(name) for name in ("day", "hour") if name in names]
        at = tuple(parse_report_time(" ".join(str(row[place]) for place in times), zone) for row in rows)
    return ShownReport(
        columns=tuple(ReportColumn(report.columns[place].name, report.columns[place].kind) for place in places),
        rows=tuple(tuple(row[place] for place in places) for row in rows),
        total=None if report.total is None else tuple(report.total[place] for place in places),
        row_count=len(report.rows),
        at=at,
    )
