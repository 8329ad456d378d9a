"""A client of Twilio's REST API: the `twilio` library with our own HTTP client.

The library's HTTP client logs phone numbers and may retry requests. Ours does neither. It also raises one of three
errors (`dialer.domain.switch`): the call was certainly not placed, nothing was sent, or the outcome is unknown.
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
# The errors that the library raises for a response that it cannot read.
_UNREADABLE = (TwilioException, ValueError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call, as Twilio's REST API lists it."""

    sid: str
    to: str
    status: CallStatus
    created_at: float  # epoch seconds
    seconds: int


class TwilioApi:
    """A client for one Twilio account. Create it in a running event loop, and call `close` at the end."""

    def __init__(self, settings: Twilio, timeout_seconds: float = 10.0) -> None:
        self._settings = settings
        self._http = _Http(settings.api_url.rstrip("/"), timeout_seconds)
        self._client = Client(settings.account_sid, settings.auth_token.get_secret_value(), http_client=self._http)

    async def close(self) -> None:
        """Close the connections to Twilio."""
        await self._http.close()

    async def create_call(self, request: OriginateRequest) -> str:
        """Place a call, without retries, and return its sid.

        Raises OriginateRefused, SwitchUnreachable and OriginateUnsure as `Switch.originate_call` does.
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
                raise OriginateUnsure(
                    f"Twilio answered the request for a new call with error {error.status}: the call may exist, so it"
                    " is not dialled again. Twilio's call log shows whether it was placed"
                ) from error
            raise OriginateRefused(
                _describe_twilio_refusal("the call was not placed", error.status, error.code)
            ) from error
        except _UNREADABLE as error:
            raise OriginateUnsure(
                "Twilio's response to the request for a new call could not be read: the call may exist, so it is not"
                " dialled again. Twilio's call log shows whether it was placed"
            ) from error
        return str(made.sid)

    async def end_call(self, sid: str) -> None:
        """Hang up a call, unless it has ended already. Raises SwitchError."""
        await _await_twilio_response(
            self._client.calls(sid).update_async(status="completed"), "the call was not hung up", {404, 400}
        )

    async def fetch_call(self, sid: str) -> CallRecord:
        """Return the current state of a call. Raises SwitchError."""
        return _convert_twilio_call_to_record(await _await_twilio_response(self._client.calls(sid).fetch_async()))

    async def fetch_calls_to_number(self, number: str, since: float) -> list[CallRecord]:
        """Return the calls to a number that were created since a time (epoch seconds). Raises SwitchError."""
        after = datetime.fromtimestamp(since, UTC)
        listed = await _await_twilio_response(
            self._client.calls.list_async(to=number, start_time_after=after, limit=MOST_LISTED)
        )
        return [record for record in map(_convert_twilio_call_to_record, listed) if record.created_at >= since]

    async def fetch_live_calls(self) -> list[CallRecord]:
        """Return all calls of the account that have not ended. Raises SwitchError."""
        found: list[CallRecord] = []
        for status in (CallStatus.QUEUED, CallStatus.RINGING, CallStatus.IN_PROGRESS):
            listed = await _await_twilio_response(self._client.calls.list_async(status=status.value, limit=MOST_LISTED))
            found += map(_convert_twilio_call_to_record, listed)
        return found

    async def send_message(self, to: str, sender: str, text: str) -> None:
        """Send an SMS, without retries. Raises SwitchError if it was not accepted, or the response was lost."""
        await _await_twilio_response(
            self._client.messages.create_async(to=to, from_=sender, body=text), "the SMS was not accepted"
        )

    async def fetch_spending_today(self) -> tuple[float, date | None]:
        """Return the account's spending today, in its currency, and the UTC date of that day if Twilio reports it.

        Raises:
            SwitchError: Twilio did not answer.
        """
        records = await _await_twilio_response(
            self._client.usage.records.today.list_async(category="totalprice", limit=1)
        )
        try:
            amount = sum(abs(float(record.price)) for record in records)
            days = [record.start_date for record in records if isinstance(record.start_date, date)]
            return amount, max(days, default=None)
        except (TypeError, ValueError) as error:
            raise SwitchError(
                "Twilio's spending of today is unknown: its usage record could not be read. Check https://status.twilio.com"
            ) from error


async def _await_twilio_response(
    answer: Awaitable[Any], failed: str = _QUERY_FAILED, harmless: Container[int] = ()
) -> Any:
    """Return Twilio's response. Return None if Twilio refused with a status in `harmless`.

    Raises:
        SwitchError: Twilio refused with another status, or its response is unreadable. `failed` is the start of the
            error's text.
    """
    try:
        return await answer
    except TwilioRestException as error:
        if error.status not in harmless:
            raise SwitchError(_describe_twilio_refusal(failed, error.status, error.code)) from error
        return None
    except _UNREADABLE as error:
        raise SwitchError(
            "Twilio's response to a request could not be read: check https://status.twilio.com"
        ) from error


def _describe_twilio_refusal(what: str, status: int, code: int | None) -> str:
    """Return the error text for a refusal, without Twilio's own message, which contains phone numbers."""
    known = f", error {code}" if code else ""
    if status == _TOO_MANY_REQUESTS:
        return f"Twilio: {what}: too many requests (429{known}); lower `twilio.calls_per_second`"
    if status in {401, 403}:
        return f"Twilio: {what}: refused ({status}{known}); check `twilio.account_sid` and `twilio.auth_token`"
    return f"Twilio: {what}: {status}{known}; look it up at https://www.twilio.com/docs/api/errors"


def _parse_error_code(text: str) -> int | None:
    try:
        code = json.loads(text).get("code")
    except (ValueError, AttributeError):
        return None
    return code if isinstance(code, int) else None


def _convert_twilio_call_to_record(call: Any) -> CallRecord:
    try:
        status = CallStatus(str(call.status))
    except ValueError:
        status = CallStatus.QUEUED  # an unknown status counts as a live call
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
    """The HTTP client for the `twilio` library: one session, without redirects, retries and logging."""

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
        form = None if data is None else [*_split_form_fields(data)]
        try:
            async with self._session.request(
                method.upper(), address, params=params, data=form, headers=sent, allow_redirects=False
            ) as answer:
                text = await answer.text()
                # The library ignores errors on the pages of a list.
                if answer.status >= _CLIENT_ERROR and method.upper() == "GET":
                    raise SwitchError(_describe_twilio_refusal(_QUERY_FAILED, answer.status, _parse_error_code(text)))
                return Response(answer.status, text, answer.headers)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise SwitchUnreachable(
                f"Twilio is unreachable, so nothing was sent: check the network ({type(error).__name__})"
            ) from error
        except (TimeoutError, aiohttp.ClientError, UnicodeDecodeError) as error:
            if method.upper() == "POST":
                raise OriginateUnsure(
                    f"Twilio's response to a request was lost ({type(error).__name__}): it may have been carried out,"
                    " so it is not sent again. Twilio's call log shows what happened"
                ) from error
            raise SwitchUnreachable(
                f"Twilio did not answer a request: check the network ({type(error).__name__})"
            ) from error


def _split_form_fields(data: dict[str, object]) -> Iterator[tuple[str, str]]:
    """Yield the name and value of each field of an HTTP form. A list in `data` becomes one field per value."""
    for name, value in data.items():
        for each in value if isinstance(value, list) else [value]:
            yield name, str(each)
