"""Run IVR flows on Twilio. The URL of each webhook request contains the flow's state, from which the flow continues.

So a restart of the dialler during a call loses nothing. Responses are cached during a call. A repeated request gets the
same response, and its result is stored once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from dialer.domain.errors import ProtocolError
from dialer.domain.model import AttemptId
from dialer.engine.call_flows.service import FlowService, FlowSession
from dialer.engine.engine import Engine
from dialer.errors import MatdanError
from dialer.flows.errors import FlowError, UnexpectedInput
from dialer.flows.library import FlowLibrary
from dialer.flows.machine import continue_flow, start_flow
from dialer.flows.texts import Texts
from dialer.flows.turns import FlowCommit, FlowState, Input, SendSms, Start, Transfer, Turn
from dialer.settings.twilio import Twilio
from dialer.switch.flow_effects import SmsGateway, commit_flow_result, send_flow_sms
from dialer.switch.twilio.adapter import TwilioSwitch
from dialer.switch.twilio.pages import (
    Page,
    end_flow_by_hang_up,
    is_hang_up_report,
    make_twiml_page,
    parse_flow_input,
    store_results_after_hang_up,
)
from dialer.switch.twilio.tokens import PausedFlow, StateTokens
from dialer.switch.twilio.twiml import TwilioVoice, render_twiml_hang_up, render_twiml_page

_log = structlog.get_logger(__name__)

FIRST = ""  # the cache key of a call's first page, which has no token
LATE_SECONDS = 3.0
"""How long to wait after a call's end for the request with its last key or recording.

Twilio sends the end and that request at the same time, on two connections. This wait is shorter than the engine's
(`FLOW_GRACE_SECONDS`), so that a late result is still stored for a live call.
"""


@dataclass(frozen=True, slots=True)
class TwilioFlowRules:
    """The settings and optional features of IVR flows on Twilio."""

    settings: Twilio
    records: bool  # whether callers may be recorded
    voice: TwilioVoice
    sms: SmsGateway | None = None  # None if the site sends no SMS


@dataclass(slots=True)
class _CallCache:
    """The cached state of the IVR flow on one live call, and the responses to Twilio's requests about this call."""

    pages: dict[str, asyncio.Task[str]] = field(default_factory=dict)  # responses by token
    latest: FlowState | None = None
    sid: str | None = None  # kept here because the switch drops it when the call ends
    over: asyncio.Event = field(default_factory=asyncio.Event)  # set once the flow's end was reported


class TwilioFlows:
    """The IVR flows of all calls on Twilio. A flow advances by one page (one TwiML response) per request."""

    def __init__(self, engine: Engine, library: FlowLibrary, switch: TwilioSwitch, rules: TwilioFlowRules) -> None:
        """Create the runner of IVR flows. `library` must hold the versions of flows that live calls have started with."""
        self._engine = engine
        self._library = library
        self._switch = switch
        self._tokens = StateTokens(rules.settings.auth_token.get_secret_value())
        self._rules = rules
        self._calls: dict[AttemptId, _CallCache] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def make_first_twiml_page(self, attempt_id: AttemptId) -> str:
        """Return the TwiML with which an answered call starts. If the call is not a live IVR attempt, the TwiML only
        hangs up.
        """
        if not self._engine.features.ivr_flow_service.is_live_call(attempt_id):
            return render_twiml_hang_up()
        return await self._answer_webhook_once(attempt_id, FIRST, self._start_flow(attempt_id))

    async def make_next_twiml_page(self, token: str, form: Mapping[str, str]) -> str:
        """Return the TwiML with which the call continues after a webhook request. `token` is the signed state of the
        flow in the request's URL. Raises ProtocolError for an invalid token.
        """
        waiting = self._tokens.decode_paused_flow_from_signed_token(token)
        sid = self._find_call_sid(waiting.attempt_id)
        if sid is not None and form.get("CallSid") != sid:
            raise ProtocolError(
                "a Twilio webhook was rejected, because its token belongs to another call: check which program sends it"
            )
        if not self._engine.features.ivr_flow_service.is_live_call(waiting.attempt_id):
            return render_twiml_hang_up()
        return await self._answer_webhook_once(
            waiting.attempt_id, token, self._continue_paused_flow(waiting, dict(form))
        )

    def _find_call_sid(self, attempt_id: AttemptId) -> str | None:
        known = self._calls.get(attempt_id)
        return self._switch.find_twilio_sid_of_call(attempt_id) or (None if known is None else known.sid)

    async def _answer_webhook_once(self, attempt_id: AttemptId, token: str, answer: Coroutine[Any, Any, str]) -> str:
        """Return the response to a webhook request, and the same response if the request is repeated.

        The request's token is the signed state of the flow. If the request is aborted, the response is still computed.
        """
        call = self._calls.setdefault(attempt_id, _CallCache())
        call.sid = call.sid or self._switch.find_twilio_sid_of_call(attempt_id)
        pages = call.pages
        task = pages.get(token)
        if task is None:
            task = pages[token] = asyncio.get_running_loop().create_task(answer, name="twilio-page")
        else:
            answer.close()
        try:
            return await asyncio.shield(task)
        except MatdanError:
            pages.pop(token, None)  # a repeated request may succeed
            raise

    async def _start_flow(self, attempt_id: AttemptId) -> str:
        session = self._engine.features.ivr_flow_service.start_flow_of_call(attempt_id)
        if not isinstance(session, FlowSession):
            return render_twiml_hang_up()
        turn = start_flow(session.flow, Start(session.facts, session.language))
        return await self._make_twiml_response(
            session, turn, PausedFlow(attempt_id, session.run, turn.state), first=True
        )

    async def _continue_paused_flow(self, waiting: PausedFlow, form: Mapping[str, str]) -> str:
        state = waiting.state
        try:
            flow = self._library.get_flow_version(state.flow, state.version)
            turn = continue_flow(flow, state, parse_flow_input(waiting, form))
        except UnexpectedInput as error:
            raise ProtocolError(
                "a Twilio webhook was rejected, because the call's flow does not expect its fields at this step: "
                f"{error}"
            ) from error
        except FlowError as error:  # an earlier run started the flow with a version that is no longer loaded
            _log.error("twilio.flow_version_missing", attempt=waiting.attempt_id, problem=str(error))
            return render_twiml_hang_up()
        session = FlowSession(waiting.attempt_id, waiting.run, flow, state.facts, state.language)
        if is_hang_up_report(form):
            ended = await store_results_after_hang_up(flow, turn, self._create_host_for_twiml_pages(session))
            self._report_flow_end(waiting.attempt_id, self._calls.setdefault(waiting.attempt_id, _CallCache()), ended)
            return render_twiml_hang_up()
        return await self._make_twiml_response(session, turn, waiting)

    def _create_host_for_twiml_pages(self, session: FlowSession) -> _Host:
        rules, transfers = self._rules, self._rules.settings.transfer_to is not None
        return _Host(
            session, self._engine.features.ivr_flow_service, rules.voice.texts(), rules.sms, rules.records, transfers
        )

    async def _make_twiml_response(
        self, session: FlowSession, turn: Turn, at: PausedFlow, *, first: bool = False
    ) -> str:
        page = await make_twiml_page(session.flow, turn, at, self._create_host_for_twiml_pages(session))
        self._cache_twiml_page(session.attempt_id, page)
        if isinstance(page.ending, Transfer):
            self._switch.record_second_billed_leg(session.attempt_id)
        settings = self._rules.settings
        url = settings.public_url
        if page.waiting is not None:
            url = f"{url}/twilio/flow/{self._tokens.encode_paused_flow_as_signed_token(page.waiting)}"
        return render_twiml_page(page, url, self._rules.voice, session.language, settings.transfer_to, first=first)

    def _cache_twiml_page(self, attempt_id: AttemptId, page: Page) -> None:
        call = self._calls.setdefault(attempt_id, _CallCache())
        if call.latest is None or page.state.turns >= call.latest.turns:
            call.latest = page.state
        if page.waiting is None:
            self._report_flow_end(attempt_id, call, page.state)

    def _report_flow_end(self, attempt_id: AttemptId, call: _CallCache, state: FlowState) -> None:
        if call.over.is_set():
            return
        call.over.set()
        self._engine.on_flow_ended(
            attempt_id,
            completed=state.has_flow_completed,
            left_at=state.node_where_caller_hung_up,
            answers=state.answers,
        )

    def end_flow_after_hang_up(self, attempt_id: AttemptId) -> None:
        """End the flow of a call that has ended.

        Late requests of Twilio are awaited first, and their results are stored.
        """
        task = asyncio.get_running_loop().create_task(self._end_flow_after_hang_up(attempt_id), name="twilio-flow-end")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _end_flow_after_hang_up(self, attempt_id: AttemptId) -> None:
        call = self._calls.get(attempt_id)
        if call is None:
            return
        with contextlib.suppress(TimeoutError):  # no late request has arrived
            async with asyncio.timeout(LATE_SECONDS):
                await call.over.wait()
        while pending := [page for page in call.pages.values() if not page.done()]:
            await asyncio.wait(pending)
        state = call.latest
        if state is not None:
            if state.ending is None:
                with contextlib.suppress(FlowError):  # the flow's version is no longer loaded
                    state = end_flow_by_hang_up(self._library.get_flow_version(state.flow, state.version), state)
            self._report_flow_end(attempt_id, call, state)
        elif not call.over.is_set():
            call.over.set()
            self._engine.on_flow_ended(attempt_id, completed=False, left_at=None)
        self._calls.pop(attempt_id, None)

    async def close(self) -> None:
        """Wait until the webhook requests in progress have ended."""
        waiting = [*self._tasks, *(page for call in self._calls.values() for page in call.pages.values())]
        if waiting:
            await asyncio.wait(waiting)


@dataclass(slots=True)
class _Host:
    """The link between a call's flow on Twilio and the dialler: stores the flow's results and sends its SMS (implements
    `PageHost`).
    """

    session: FlowSession
    flows: FlowService
    texts: Texts
    sms: SmsGateway | None
    records: bool
    transfers: bool

    async def commit_flow_result(self, commit: FlowCommit) -> Input:
        """Store a result of the IVR flow, such as a mark (a fact about a voter). Return the flow's next input."""
        return await commit_flow_result(commit, lambda asked: self.flows.store_input_of_ivr_caller(self.session, asked))

    async def send_sms(self, action: SendSms) -> bool:
        """Send the text `sms.<template>`. Return whether the gateway accepted it."""
        return await send_flow_sms(action, self.session, self.flows, self.texts, self.sms)

    async def store_answers_before_transfer_to_agent(self, action: Transfer) -> None:
        """Store the caller's answers for the agent's screen before the agent's phone rings. If they cannot be stored,
        the call is transferred without them.
        """
        try:
            await self.flows.store_flow_answers(self.session.attempt_id, action.answers)
        except MatdanError as error:
            _log.error("flow.answers_not_stored", attempt=self.session.attempt_id, problem=str(error))
