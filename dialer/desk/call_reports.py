"""The calls on the reports page: a list with a filter, the same list as a file, and the history of a call.

The history shows why the call was lawful. Calls have IDs only: no voter names and no phone numbers. A user can look up
the ID of a phone number; each search is in the audit log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import Field

from dialer.desk.board import send_command_to_dialler
from dialer.desk.report_reader import ReportReader
from dialer.desk.reports import (
    CALL_REPORT_ROLES,
    MAX_FILE_ROWS,
    MEDIA_TYPES,
    FileFormat,
    ReportContext,
    ReportFile,
    ReportFilter,
    encode_report_file,
)
from dialer.domain.clock import Clock
from dialer.domain.enums import ReportFormat
from dialer.domain.errors import RollError
from dialer.domain.schema import MESSAGE, Time
from dialer.mqtt.dialler_client import DiallerClient
from dialer.reports.calls import (
    FIRST_PAGE,
    CallFilter,
    CallHistory,
    NewestCall,
    build_report_of_calls,
    load_call_history,
    load_newest_calls,
)
from dialer.roll.phone_numbers import parse_single_phone_number
from dialer.settings.site import Settings
from dialer.settings.site_time import get_site_zone
from dialer.store.connection import Connection
from dialer.store.voters import find_id_of_phone_number
from dialer.web.access import PageRoute, SignedIn, allow_users_with_roles
from dialer.web.page_requests import CommandId, PageRequest
from dialer.web.refusals import RequestRefused

CALLS_OF_PAGE = 100
_MOMENTS = ("created_at", "ringing_at", "answered_at", "connected_at", "ended_at", "disposed_at")

_Id = Annotated[int | None, Query(ge=0, le=2**53)]
_Word = Annotated[str | None, Query(min_length=1, max_length=32)]


@dataclass(frozen=True, slots=True)
class RequestedCalls:
    """A filter for calls: period, campaign, agent, outcome, disposition, number and voter."""

    agent: _Word = None
    outcome: _Word = None
    disposition: _Word = None
    phone: _Id = None
    voter: _Id = None

    def get_call_filter(self) -> CallFilter:
        """Return this filter for calls in the form in which the store (the centre's database) is queried."""
        return CallFilter(self.agent, self.outcome, self.disposition, self.phone, self.voter)


_Filter = Annotated[ReportFilter, Depends()]
_Requested = Annotated[RequestedCalls, Depends()]


@dataclass(frozen=True, slots=True)
class ListedCall:
    """A call in the list of calls."""

    __pydantic_config__ = MESSAGE

    attempt: str
    at: Time
    campaign: str
    direction: str
    outcome: str
    disposition: str
    seat: str
    agent: str
    trunk: str
    phone: int
    voter: int | None
    seconds: float | None
    """from the answer to the end; null: not answered, or not ended"""
    recorded: bool


@dataclass(frozen=True, slots=True)
class ListedCalls:
    """Calls that match a filter, the newest first."""

    __pydantic_config__ = MESSAGE

    calls: tuple[ListedCall, ...]
    before: int | None
    """a request with this value returns the next, older calls; null: there are none"""


@dataclass(frozen=True, slots=True)
class CallMoment:
    """A step of a call and its time, such as when the call was answered."""

    __pydantic_config__ = MESSAGE

    name: str
    at: Time


@dataclass(frozen=True, slots=True)
class CallMark:
    """A fact about the voter (mark) that was recorded in a call, such as "voted"."""

    __pydantic_config__ = MESSAGE

    at: Time
    kind: str
    source: str
    agent: str


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """An answer that was given to a question in a call."""

    __pydantic_config__ = MESSAGE

    at: Time
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class ShownCallHistory:
    """The history of a call: what happened in it, and why it was lawful."""

    __pydantic_config__ = MESSAGE

    moments: tuple[CallMoment, ...]
    trunk: str
    caller_id: str
    sip_status: str
    gap_seconds: float | None
    """since the end of the last call to the number; null: there was none"""
    grounds: Mapping[str, str]
    marks: tuple[CallMark, ...]
    answers: tuple[CallAnswer, ...]


class NumberSearch(PageRequest):
    """A phone number, in any spelling, whose calls a user searches."""

    id: CommandId
    number: Annotated[str, Field(min_length=1, max_length=40)]


@dataclass(frozen=True, slots=True)
class FoundNumber:
    """The result of a search for a phone number."""

    __pydantic_config__ = MESSAGE

    phone: int | None
    """ID of the number; null: the number is not stored here, so it was never called"""


class CallReportRoutes:
    """The routes of the calls on the reports page."""

    def __init__(self, settings: Settings, reader: ReportReader, clock: Clock, dialler_client: DiallerClient) -> None:
        self.replace_report_settings(settings)
        self._reader = reader
        self._clock = clock
        self._dialler_client = dialler_client

    def replace_report_settings(self, settings: Settings) -> None:
        """Use the time zone and the centre of these settings from now on."""
        self._settings = settings

    def create_http_router(self) -> APIRouter:
        """Return a router with the routes of the list of calls, its files, and the history of a call."""
        router = APIRouter(
            prefix="/api/reports/calls",
            route_class=PageRoute,
            dependencies=allow_users_with_roles(CALL_REPORT_ROLES),
        )
        content: dict[str, Any] = {kind: {} for kind in MEDIA_TYPES.values()}
        router.get("")(self.list_calls)
        router.get("/file", response_class=Response, responses={200: {"content": content}})(self.download_calls)
        router.post("/number")(self.search_phone_number)
        router.get("/{attempt}")(self.show_call_history)
        return router

    async def list_calls(
        self, chosen: _Filter, requested: _Requested, before: Annotated[int, Query(ge=0, le=FIRST_PAGE)] = FIRST_PAGE
    ) -> ListedCalls:
        """Return the newest calls that match the filter, or the next older ones."""
        window = chosen.build_report_period(get_site_zone(self._settings))
        found = await self._reader.run_report_query(
            lambda db: load_newest_calls(db, window, requested.get_call_filter(), CALLS_OF_PAGE + 1, before)
        )
        shown = found[:CALLS_OF_PAGE]
        return ListedCalls(tuple(map(_make_listed_call, shown)), shown[-1].place if len(found) > len(shown) else None)

    async def download_calls(
        self, chosen: _Filter, requested: _Requested, form: Annotated[FileFormat, Query(alias="format")]
    ) -> Response:
        """Return all calls that match the filter as a CSV, XLSX or PDF file, with the legal grounds of each call."""
        zone, file_format = get_site_zone(self._settings), ReportFormat(form)
        context = ReportContext(chosen.build_report_period(zone), zone, self._settings, self._clock.now())

        def encode_calls_as_file(db: Connection) -> ReportFile:
            most = MAX_FILE_ROWS[file_format]
            found = load_newest_calls(db, context.window, requested.get_call_filter(), most + 1)
            return encode_report_file("calls", build_report_of_calls(found, zone), context, file_format)

        return (await self._reader.run_report_query(encode_calls_as_file)).make_download_response()

    async def search_phone_number(self, asked: NumberSearch, who: SignedIn) -> FoundNumber:
        """Return the ID of a phone number, once the dialler has recorded the search in the audit log."""
        try:
            number = parse_single_phone_number(asked.number, self._settings.centre.region)
        except RollError as error:
            raise RequestRefused(422, "number-unreadable") from error
        phone = await self._reader.run_report_query(lambda db: find_id_of_phone_number(db, number))
        values = {} if phone is None else {"phone_id": phone}
        reply = await send_command_to_dialler(self._dialler_client, who.name, asked.id, "number-search", values)
        if reply.status != "done":
            raise RequestRefused(503, "search-not-audited")
        return FoundNumber(phone)

    async def show_call_history(self, attempt: Annotated[str, Path(min_length=1, max_length=64)]) -> ShownCallHistory:
        """Return what happened in a call, and why it was lawful."""
        found = await self._reader.run_report_query(lambda db: load_call_history(db, attempt))
        if found is None:
            raise RequestRefused(409, "no-call")
        return _make_shown_history(found)


def _make_listed_call(call: NewestCall) -> ListedCall:
    return ListedCall(
        attempt=call.attempt_id,
        at=call.created_at,
        campaign=call.campaign_id,
        direction=call.direction,
        outcome=call.outcome_or_live,
        disposition=call.disposition_or_none,
        seat=call.call_seat,
        agent=call.call_agent,
        trunk=call.trunk,
        phone=call.phone_id,
        voter=call.voter_id,
        seconds=None if call.answered_at is None or call.ended_at is None else call.ended_at - call.answered_at,
        recorded=bool(call.is_recorded),
    )


def _make_shown_history(history: CallHistory) -> ShownCallHistory:
    details = history.details
    times = ((name, getattr(details, name)) for name in _MOMENTS)
    return ShownCallHistory(
        moments=tuple(CallMoment(name.removesuffix("_at"), at) for name, at in times if at is not None),
        trunk=details.trunk,
        caller_id=details.caller_id,
        sip_status=details.sip_status,
        gap_seconds=details.gap_seconds,
        grounds=history.grounds,
        marks=tuple(CallMark(each.at, each.kind, each.source, each.mark_agent) for each in history.marks),
        answers=tuple(CallAnswer(each.at, each.name, each.value) for each in history.answers),
    )
