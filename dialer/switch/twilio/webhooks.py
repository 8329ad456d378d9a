"""The web server for Twilio's webhooks.

Every request must have Twilio's signature over the public URL. This URL is taken from the settings and not from the
request's headers, which the sender can forge.
"""

from __future__ import annotations

import errno
import hmac
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlparse

import structlog
from aiohttp import web
from multidict import MultiDict
from twilio.request_validator import RequestValidator, add_port, remove_port

from dialer.domain.errors import PortInUse, ProtocolError, SwitchError
from dialer.domain.model import AttemptId
from dialer.settings.twilio import Twilio
from dialer.switch.twilio.adapter import TwilioSwitch
from dialer.switch.twilio.flows import TwilioFlows
from dialer.switch.twilio.twiml import render_twiml_hang_up

_log = structlog.get_logger(__name__)

MOST_BYTES = 64 * 1024
MOST_FIELDS = 200
SIGNATURE = "X-Twilio-Signature"


class TwilioWebhooks:
    """The webhook server: `async with TwilioWebhooks(...) as server: server.port`.

    Raises:
        PortInUse: on entering the context, if another program uses the port.
        SwitchError: on entering the context, if the server cannot listen on the address.
    """

    def __init__(self, pages: TwilioFlows, switch: TwilioSwitch, settings: Twilio) -> None:
        """Create a server that does not listen yet.

        Twilio sends its requests to `public_url` in the settings. A proxy may remove the path of that URL.
        """
        self.refused = 0  # number of requests without a valid signature, or for another account
        self._pages = pages
        self._switch = switch
        self._settings = settings
        self._validator = RequestValidator(settings.auth_token.get_secret_value())
        self._host, self.port = settings.host, settings.port
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=MOST_BYTES)
        application.router.add_post("/twilio/voice/{attempt}", self._handle_answered_call)
        application.router.add_post("/twilio/flow/{token}", self._handle_flow_input)
        application.router.add_post("/twilio/status/{attempt}", self._handle_status_callback)
        self._runner = web.AppRunner(application, access_log=None, handle_signals=False)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self.port).start()
        except OSError as error:
            await self._runner.cleanup()
            if error.errno == errno.EADDRINUSE:
                raise PortInUse(
                    f"webhook port {self.port} on {self._host} is in use: stop the program that uses it, or change `twilio.port`"
                ) from None
            raise SwitchError(
                f"the webhook server for Twilio cannot listen on {self._host}:{self.port}: correct `twilio.host`"
            ) from None
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle_answered_call(self, request: web.Request) -> web.Response:
        form = await self._read_form_with_valid_signature(request)
        attempt_id = AttemptId(request.match_info["attempt"])
        # The request also shows that the call is answered, and has the call's sid, which may be unknown so far.
        await self._switch.on_status_callback(attempt_id, {**form, "CallStatus": "in-progress"})
        return _make_xml_response(await self._pages.make_first_twiml_page(attempt_id))

    async def _handle_flow_input(self, request: web.Request) -> web.Response:
        form = await self._read_form_with_valid_signature(request)
        try:
            return _make_xml_response(await self._pages.make_next_twiml_page(request.match_info["token"], form))
        except ProtocolError as error:
            _log.warning("twilio.token_refused", problem=str(error))
            return _make_xml_response(render_twiml_hang_up())

    async def _handle_status_callback(self, request: web.Request) -> web.Response:
        form = await self._read_form_with_valid_signature(request)
        await self._switch.on_status_callback(AttemptId(request.match_info["attempt"]), form)
        return web.Response(status=204)

    async def _read_form_with_valid_signature(self, request: web.Request) -> MultiDict[str]:
        """Return the form of a request if Twilio has signed it for our account. Raises HTTPForbidden otherwise."""
        body = await request.read()
        try:
            fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except ValueError:
            raise self._make_refusal_of_request() from None
        form = MultiDict(fields)
        url = urlparse(self._settings.public_url + request.rel_url.raw_path_qs)
        given = request.headers.get(SIGNATURE, "").encode()
        # Twilio signs an address with or without its port.
        signed = (self._validator.compute_signature(address, form) for address in (add_port(url), remove_port(url)))
        if not any(hmac.compare_digest(signature.encode(), given) for signature in signed):
            raise self._make_refusal_of_request()
        if form.get("AccountSid") != self._settings.account_sid:
            raise self._make_refusal_of_request()
        return form

    def _make_refusal_of_request(self) -> web.HTTPForbidden:
        self.refused += 1
        if self.refused in {1, 10, 100} or self.refused % 1000 == 0:
            _log.warning("twilio.request_refused", refused=self.refused)
        return web.HTTPForbidden()


def _make_xml_response(xml: str) -> web.Response:
    return web.Response(text=xml, content_type="text/xml")
