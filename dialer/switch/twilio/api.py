"""Twilio's REST API as a dialler needs it: the `twilio` library with an HTTP client of our own.

The library's client logs phone numbers and may repeat requests; ours does neither. Errors are distinguished as the
switch port requires: certainly not placed, nothing was sent, or unsure.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Container, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import aiohttp
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from dialer.domain.errors import OriginateRefused, OriginateUnsure, SwitchError, SwitchUnreachable
from dialer.domain.switch import OriginateRequest
from dialer.settings.twilio import Twilio
from dialer.switch.twilio.states import CallStatus

API_URL = "https://api.twilio.com"
MOST_LISTED = 1000
_EVENTS = ["initiated", "ringing", "answered", "completed"]
_TOO_MANY_REQUESTS = 429
_CLIENT_ERROR = 400
_SERVER_TROUBLE = 500
_QUERY_FAILED = "the query failed"
# What the library raises for a response that it cannot read.
_GARBLED = (TwilioException, ValueError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call as Twilio lists it."""

    sid: str
    to: str
    status: CallStatus
    created_at: float  # epoch seconds
    seconds: int


class TwilioApi:
    """One account. Create it inside a running loop, and `await close()` at the end."""

    def __init__(self, settings: Twilio, timeout_seconds: float = 10.0) -> None:
        self._settings = settings
        self._http = _Http(settings.api_url.rstrip("/"), timeout_seconds)
        self._client = Client(settings.account_sid, settings.auth_token.get_secret_value(), http_client=self._http)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def create_call(self, request: OriginateRequest) -> str:
        """Place a call, once, and return its sid.

        Raises OriginateRefused, SwitchUnreachable, OriginateUnsure (see `Switch.originate`).
        """
        webhooks = f"{self._settings.public_url}/twilio"
        try:
            made = await self._client.calls.create_async(
                to=request.number,
                from_=request.caller_id,
                url=f"{webhooks}/voice/{request.attempt_id}",
                method="POST",
                status_callback=f"{webhooks}/status/{request.attempt_id}",
                status_callback_method="POST",
                status_callback_event=_EVENTS,
                timeout=round(request.ring_seconds),
                time_limit=self._settings.max_call_seconds,
            )
        except TwilioRestException as error:
            if error.status >= _SERVER_TROUBLE:
                raise OriginateUnsure(f"Twilio answered {error.status}: the call may exist") from error
            raise OriginateRefused(_refusal("the call was not placed", error.status, error.code)) from error
        except _GARBLED as error:
            raise OriginateUnsure("Twilio's response to a call could not be read: the call may exist") from error
        return str(made.sid)

    async def end_call(self, sid: str) -> None:
        """Hang up. A call that is over is no error. Raises SwitchError."""
        await _result(self._client.calls(sid).update_async(status="completed"), "the call was not hung up", {404, 400})

    async def call(self, sid: str) -> CallRecord:
        """Return one call. Raises SwitchError."""
        return _record(await _result(self._client.calls(sid).fetch_async()))

    async def calls_to(self, number: str, since: float) -> list[CallRecord]:
        """Return the calls to a number since a time (epoch seconds). Raises SwitchError."""
        after = datetime.fromtimestamp(since, UTC)
        listed = await _result(self._client.calls.list_async(to=number, start_time_after=after, limit=MOST_LISTED))
        return [record for record in map(_record, listed) if record.created_at >= since]

    async def live_calls(self) -> list[CallRecord]:
        """Return all calls of the account that are not over. Raises SwitchError."""
        found: list[CallRecord] = []
        for status in (CallStatus.QUEUED, CallStatus.RINGING, CallStatus.IN_PROGRESS):
            listed = await _result(self._client.calls.list_async(status=status.value, limit=MOST_LISTED))
            found += map(_record, listed)
        return found

    async def send_message(self, to: str, sender: str, text: str) -> None:
        """Send an SMS, once. Raises SwitchError where it was not accepted, or the response was lost."""
        await _result(self._client.messages.create_async(to=to, from_=sender, body=text), "the SMS was not accepted")

    async def spent_today(self) -> tuple[float, date | None]:
        """Return what the account has spent today, in its currency, and that day in UTC (None: Twilio did not say).

        Raises SwitchError.
        """
        records = await _result(self._client.usage.records.today.list_async(category="totalprice", limit=1))
        try:
            amount = sum(abs(float(record.price)) for record in records)
            days = [record.start_date for record in records if isinstance(record.start_date, date)]
            return amount, max(days, default=None)
        except (TypeError, ValueError) as error:
            raise SwitchError("Twilio's figure of today's spending could not be read") from error


async def _result(answer: Awaitable[Any], failed: str = _QUERY_FAILED, harmless: Container[int] = ()) -> Any:
    """Return Twilio's response; None where it refuses with a status in `harmless`.

    `failed` is the error text of any other refusal. Raises SwitchError.
    """
    try:
        return await answer
    except TwilioRestException as error:
        if error.status not in harmless:
            raise SwitchError(_refusal(failed, error.status, error.code)) from error
        return None
    except _GARBLED as error:
        raise SwitchError("Twilio's response could not be read") from error


def _refusal(what: str, status: int, code: int | None) -> str:
    """Return an error text. It never has Twilio's own message, which repeats phone numbers."""
    known = f", error {code}" if code else ""
    if status == _TOO_MANY_REQUESTS:
        return f"Twilio: {what}: too many requests (429{known}); lower `twilio.calls_per_second`"
    if status in {401, 403}:
        return f"Twilio: {what}: refused ({status}{known}); check `twilio.account_sid` and `twilio.auth_token`"
    return f"Twilio: {what}: {status}{known}; look it up at https://www.twilio.com/docs/api/errors"


def _code_of(text: str) -> int | None:
    try:
        code = json.loads(text).get("code")
    except (ValueError, AttributeError):
        return None
    return code if isinstance(code, int) else None


def _record(call: Any) -> CallRecord:
    try:
        status = CallStatus(str(call.status))
    except ValueError:
        status = CallStatus.QUEUED  # a status that this version does not know: the call is not over
    created = call.date_created.timestamp() if isinstance(call.date_created, datetime) else 0.0
    seconds = str(call.duration or "0")
    return CallRecord(
        sid=str(call.sid),
        to=str(call.to),
        status=status,
        created_at=created,
        seconds=int(seconds) if seconds.isdigit() else 0,
    )


class _Http(AsyncHttpClient):  # type: ignore[misc]  # the library has no types
    """The library's HTTP client: one session, no redirects, no repeats, no logging."""

    def __init__(self, api_url: str, timeout_seconds: float) -> None:
        super().__init__(logger=None, is_async=True, timeout=timeout_seconds)
        self._api_url = api_url
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout_seconds))

    async def close(self) -> None:
        await self._session.close()

    async def request(
        self,
        method: str,
        url: str,
        params: dict[str, str | int] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        address = url.replace(API_URL, self._api_url, 1)
        sent = dict(headers or {})
        if auth is not None:
            sent["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode()
        form = None if data is None else [*_fields(data)]
        try:
            async with self._session.request(
                method.upper(), address, params=params, data=form, headers=sent, allow_redirects=False
            ) as answer:
                text = await answer.text()
                if (
                    answer.status >= _CLIENT_ERROR and method.upper() == "GET"
                ):  # for pages of a list the library ignores it
                    raise SwitchError(_refusal(_QUERY_FAILED, answer.status, _code_of(text)))
                return Response(answer.status, text, answer.headers)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise SwitchUnreachable(f"Twilio cannot be reached; nothing was sent: {type(error).__name__}") from error
        except (TimeoutError, aiohttp.ClientError, UnicodeDecodeError) as error:
            if method.upper() == "POST":
                raise OriginateUnsure(f"Twilio's response was lost: {type(error).__name__}") from error
            raise SwitchUnreachable(f"Twilio did not answer: {type(error).__name__}") from error


def _fields(data: dict[str, object]) -> Iterator[tuple[str, str]]:
    """Yield form fields; a list becomes one field for each of its values."""
    for name, value in data.items():
        for each in value if isinstance(value, list) else [value]:
            yield name, str(each)
