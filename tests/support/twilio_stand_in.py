"""A stand-in for Twilio: its REST API with state, and a telephone network that calls our webhooks.

Requests are checked against the fields that we use of Twilio's published OpenAPI (github.com/twilio/twilio-oai,
spec/json/twilio_api_v2010.json: CreateCallRequest, UpdateCallRequest, CreateMessageRequest). Other fields are rejected as
by Twilio, and recorded in `wrong`.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import jsonschema
from aiohttp import web

from tests.support.twilio_line import ACCOUNT, AUTH_TOKEN, PUBLIC_URL, Line

_URL = {"type": "string", "pattern": r"^https?://[^\s]{1,3900}$"}
_METHOD = {"type": "string", "enum": ["HEAD", "GET", "POST", "PATCH", "PUT", "DELETE"]}
_NUMBER = {"type": "string", "pattern": r"^\+[1-9][0-9]{4,14}$"}
_WHOLE = {"type": "string", "pattern": r"^[0-9]{1,6}$"}
CREATE_CALL = {
    "type": "object",
    "required": ["To", "From", "Url"],
    "additionalProperties": False,
    "properties": {
        "To": _NUMBER,
        "From": _NUMBER,
        "Url": _URL,
        "Method": _METHOD,
        "StatusCallback": _URL,
        "StatusCallbackMethod": _METHOD,
        "StatusCallbackEvent": {
            "type": "array",
            "items": {"enum": ["initiated", "ringing", "answered", "completed"]},
            "uniqueItems": True,
        },
        "Timeout": _WHOLE,
        "TimeLimit": _WHOLE,
    },
}
UPDATE_CALL = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"Status": {"enum": ["canceled", "completed"]}, "Twiml": {"type": "string", "maxLength": 4000}},
}
CREATE_MESSAGE = {
    "type": "object",
    "required": ["To", "From", "Body"],
    "additionalProperties": False,
    "properties": {"To": _NUMBER, "From": _NUMBER, "Body": {"type": "string", "minLength": 1, "maxLength": 1600}},
}
_LISTS = frozenset({"StatusCallbackEvent"})
_LIVE = frozenset({"queued", "ringing", "in-progress"})


@dataclass
class Person:
    """A called person. `status` other than "completed" is the status of a call without an answer."""

    lines: list[str | None] = field(default_factory=list)
    status: str = "completed"
    sip_status: str = ""
    seconds: int = 30
    holds: asyncio.Event | None = None  # answers only once it is set
    callbacks: Callable[[list[dict[str, str]]], list[dict[str, str]]] = list  # may lose, repeat or reorder them
    late: float | None = None  # hangs up with the last key; its request arrives this many seconds after the end


@dataclass
class PlacedCall:
    """A call resource of the REST API."""

    sid: str
    form: dict[str, Any]
    created_at: float
    status: str = "queued"
    duration: str | None = None
    line: Line | None = None
    task: asyncio.Task[None] | None = None

    def resource(self) -> dict[str, Any]:
        return {
            "sid": self.sid,
            "account_sid": ACCOUNT,
            "to": self.form["To"],
            "from": self.form["From"],
            "status": self.status,
            "duration": self.duration,
            "date_created": format_datetime(datetime.fromtimestamp(self.created_at, UTC)),
        }


class TwilioStandIn:
    """`async with TwilioStandIn(now) as twilio: twilio.url`. Faults are attributes that a test sets."""

    def __init__(self, now: Callable[[], float]) -> None:
        """`now` returns the time of created resources (epoch seconds)."""
        self.webhook_port = 0
        self.people: dict[str, Person] = {}
        self.anybody = Person(status="no-answer")
        self.calls: dict[str, PlacedCall] = {}
        self.messages: list[dict[str, Any]] = []
        self.wrong: list[str] = []
        self.spent = 0.0
        self.day: str | None = None  # date of the usage record, in ISO 8601; None: without date
        self.answers_with: list[int] = []  # HTTP error statuses of the next requests
        self.loses_answers = 0  # number of calls to place whose answers are lost
        self.url = ""
        self._now = now
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        application = web.Application()
        root = f"/2010-04-01/Accounts/{ACCOUNT}"
        application.router.add_post(f"{root}/Calls.json", self._create_call)
        application.router.add_get(f"{root}/Calls.json", self._list_calls)
        application.router.add_get(f"{root}/Calls/{{sid}}.json", self._fetch_call)
        application.router.add_post(f"{root}/Calls/{{sid}}.json", self._update_call)
        application.router.add_post(f"{root}/Messages.json", self._create_message)
        application.router.add_get(f"{root}/Usage/Records/Today.json", self._usage)
        self._runner = web.AppRunner(application, access_log=None, handle_signals=False)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        tasks = [call.task for call in self.calls.values() if call.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        assert self._session is not None
        assert self._runner is not None
        await self._session.close()
        await self._runner.cleanup()

    # REST

    async def _form(self, request: web.Request, schema: Mapping[str, Any]) -> dict[str, Any]:
        self._authorised(request)
        fields: dict[str, Any] = {}
        for name, value in parse_qsl((await request.read()).decode(), keep_blank_values=True):
            if name in _LISTS:
                fields.setdefault(name, []).append(value)
            else:
                fields[name] = value
        try:
            jsonschema.validate(fields, schema)
        except jsonschema.ValidationError as error:
            self.wrong.append(error.message)
            raise _problem(web.HTTPBadRequest, 20001) from None
        return fields

    def _authorised(self, request: web.Request) -> None:
        wanted = "Basic " + base64.b64encode(f"{ACCOUNT}:{AUTH_TOKEN}".encode()).decode()
        if request.headers.get("Authorization") != wanted:
            raise _problem(web.HTTPUnauthorized, 20003)
        if self.answers_with:
            status = self.answers_with.pop(0)
            raise _problem(type("Status", (web.HTTPException,), {"status_code": status}), 20429)

    async def _create_call(self, request: web.Request) -> web.Response:
        form = await self._form(request, CREATE_CALL)
        call = PlacedCall(f"CA{len(self.calls):032x}", form, self._now())
        self.calls[call.sid] = call
        call.task = asyncio.get_running_loop().create_task(self._live(call))
        if self.loses_answers:
            self.loses_answers -= 1
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(call.resource(), status=201)

    async def _list_calls(self, request: web.Request) -> web.Response:
        self._authorised(request)
        found = list(self.calls.values())
        query = request.query
        if "To" in query:
            found = [call for call in found if call.form["To"] == query["To"]]
        if "Status" in query:
            found = [call for call in found if call.status == query["Status"]]
        return web.json_response(
            {
                "calls": [call.resource() for call in reversed(found)],
                "page": 0,
                "page_size": 1000,
                "next_page_uri": None,
            }
        )

    async def _fetch_call(self, request: web.Request) -> web.Response:
        self._authorised(request)
        return web.json_response(self._of(request).resource())

    async def _update_call(self, request: web.Request) -> web.Response:
        form = await self._form(request, UPDATE_CALL)
        call = self._of(request)
        if call.status not in _LIVE:
            raise _problem(web.HTTPBadRequest, 21220)
        if form.get("Status") in {"completed", "canceled"} and call.task is not None:
            answered = call.status == "in-progress"
            call.task.cancel()
            call.task = asyncio.get_running_loop().create_task(
                self._end(call, "completed" if answered else "canceled", Person(seconds=1))
            )
        return web.json_response(call.resource())

    def _of(self, request: web.Request) -> PlacedCall:
        call = self.calls.get(request.match_info["sid"])
        if call is None:
            raise _problem(web.HTTPNotFound, 20404)
        return call

    async def _create_message(self, request: web.Request) -> web.Response:
        self.messages.append(await self._form(request, CREATE_MESSAGE))
        return web.json_response({"sid": f"SM{len(self.messages):032x}", "status": "queued"}, status=201)

    async def _usage(self, request: web.Request) -> web.Response:
        self._authorised(request)
        record = {"category": "totalprice", "price": str(self.spent), "price_unit": "usd"}
        if self.day is not None:
            record |= {"start_date": self.day, "end_date": self.day}
        return web.json_response({"usage_records": [record], "page": 0, "page_size": 50, "next_page_uri": None})

    # The telephone network

    def person(self, call: PlacedCall) -> Person:
        return self.people.get(call.form["To"], self.anybody)

    async def _live(self, call: PlacedCall) -> None:
        person = self.person(call)
        callbacks_so_far: list[dict[str, str]] = []
        await self._tell(call, "initiated", callbacks_so_far)
        call.status = "ringing"
        await self._tell(call, "ringing", callbacks_so_far)
        if person.holds is not None:
            await person.holds.wait()
        if person.status != "completed":
            await self._end(call, person.status, person, callbacks_so_far)
            return
        call.status = "in-progress"
        await self._tell(call, "in-progress", callbacks_so_far)
        assert self._session is not None
        call.line = Line(self.webhook_port, list(person.lines), call.sid)
        if person.late is not None:
            await self._leave_at_the_last_key(call, call.line, person, person.late)
            return
        await call.line.run(self._session, _path(call.form["Url"]))
        await self._end(call, "completed", person, callbacks_so_far)

    async def _leave_at_the_last_key(self, call: PlacedCall, line: Line, person: Person, late: float) -> None:
        """Press the last key and hang up at once: the request for the end arrives before the one for the key."""
        assert self._session is not None
        path: str | None = _path(call.form["Url"])
        form: dict[str, str] = {"CallStatus": "in-progress"}
        while line.lines:
            _, page = await line.post(self._session, path or "", form)
            path, form = line.do(page)
        await self._end(call, "completed", person)
        await asyncio.sleep(late)
        await line.post(self._session, path or "", form)

    async def _end(
        self, call: PlacedCall, status: str, person: Person, callbacks_so_far: list[dict[str, str]] | None = None
    ) -> None:
        call.status = status
        call.duration = str(person.seconds) if status == "completed" else "0"
        extra = {"CallDuration": call.duration, "SipResponseCode": person.sip_status}
        await self._tell(call, status, callbacks_so_far if callbacks_so_far is not None else [], extra)

    async def _tell(
        self,
        call: PlacedCall,
        status: str,
        callbacks_so_far: list[dict[str, str]],
        extra: Mapping[str, str] | None = None,
    ) -> None:
        """Send a status callback. If the person has `callbacks`, all are sent at the end, in the order it returns."""
        person = self.person(call)
        callbacks_so_far.append({"CallStatus": status, **(extra or {})})
        if person.callbacks is not list:
            due_callbacks = (
                person.callbacks(callbacks_so_far) if status not in {"initiated", "ringing", "in-progress"} else []
            )
        else:
            due_callbacks = [callbacks_so_far[-1]]
        line = Line(self.webhook_port, [], call.sid)
        assert self._session is not None
        for form in due_callbacks:
            await line.post(self._session, _path(call.form["StatusCallback"]), form)


def _path(url: str) -> str:
    assert url.startswith(PUBLIC_URL), url
    return urlsplit(url).path.removeprefix(urlsplit(PUBLIC_URL).path)


def _problem(kind: type[web.HTTPException], code: int) -> web.HTTPException:
    return kind(
        text=f'{{"code": {code}, "message": "to +919812345678", "status": {kind.status_code}}}',
        content_type="application/json",
    )
