"""Flows on Twilio: each webhook is one step of the state machine, from a state that comes with the request.

No state is needed between two requests, so a restart during a call loses nothing. What is cached while the process
lives makes repeats harmless: a repeated request gets the same response, and its result is stored once.
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
from dialer.flows.machine import start, step
from dialer.flows.texts import Texts
from dialer.flows.turns import FlowCommit, FlowState, Input, SendSms, Start, Transfer, Turn
from dialer.settings.twilio import Twilio
from dialer.switch.flow_effects import SmsGateway, commit_result, send_text
from dialer.switch.twilio.adapter import TwilioSwitch
from dialer.switch.twilio.pages import Page, after_hang_up, event_of, hung_up_in, left, next_page
from dialer.switch.twilio.tokens import StateTokens, Waiting
from dialer.switch.twilio.twiml import TwilioVoice, hang_up, twiml

_log = structlog.get_logger(__name__)

FIRST = ""  # in place of the token of a call's first page
LATE_SECONDS = 3.0
"""How long to wait after a call's end for the request with its last key or recording: Twilio sends both at once, on two
connections.

Shorter than the engine waits (`FLOW_GRACE_SECONDS`), so that a late result is still stored for a live call.
"""


@dataclass(frozen=True, slots=True)
class TwilioFlowRules:
    """What flows may do on Twilio."""

    settings: Twilio
    records: bool
    voice: TwilioVoice
    sms: SmsGateway | None = None  # None: none is sent


@dataclass(slots=True)
class _CallCache:
    """What is cached of one call while it lives."""

    pages: dict[str, asyncio.Task[str]] = field(default_factory=dict)  # responses by token
    latest: FlowState | None = None
    sid: str | None = None  # of the call; the switch forgets it at its end
    over: asyncio.Event = field(default_factory=asyncio.Event)  # the end of the flow was reported


class TwilioFlows:
    """Returns the pages of all calls."""

    def __init__(self, engine: Engine, library: FlowLibrary, switch: TwilioSwitch, rules: TwilioFlowRules) -> None:
        """`library` has the versions of flows that calls began with."""
        self._engine = engine
        self._library = library
        self._switch = switch
        self._tokens = StateTokens(rules.settings.auth_token.get_secret_value())
        self._rules = rules
        self._calls: dict[AttemptId, _CallCache] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self, attempt_id: AttemptId) -> str:
        """Return the first page of an answered call, as TwiML: a hang-up where it is no live attempt of an IVR campaign."""
        if not self._engine.features.flows.is_live(attempt_id):
            return hang_up()
        return await self._once(attempt_id, FIRST, self._first(attempt_id))

    async def resume(self, token: str, form: Mapping[str, str]) -> str:
        """Return the next page. Raises ProtocolError for a token that is not ours."""
        waiting = self._tokens.read(token)
        sid = self._sid(waiting.attempt_id)
        if sid is not None and form.get("CallSid") != sid:
            raise ProtocolError("a webhook's token belongs to another call")
        if not self._engine.features.flows.is_live(waiting.attempt_id):
            return hang_up()
        return await self._once(waiting.attempt_id, token, self._next(waiting, dict(form)))

    def _sid(self, attempt_id: AttemptId) -> str | None:
        known = self._calls.get(attempt_id)
        return self._switch.sid_of(attempt_id) or (None if known is None else known.sid)

    async def _once(self, attempt_id: AttemptId, token: str, answer: Coroutine[Any, Any, str]) -> str:
        """Return the response to a token, computed once: a request that is cut off does not cancel its commit."""
        call = self._calls.setdefault(attempt_id, _CallCache())
        call.sid = call.sid or self._switch.sid_of(attempt_id)
        pages = call.pages
        task = pages.get(token)
        if task is None:
            task = pages[token] = asyncio.get_running_loop().create_task(answer, name="twilio-page")
        else:
            answer.close()
        try:
            return await asyncio.shield(task)
        except MatdanError:
            pages.pop(token, None)  # a repeat may succeed
            raise

    async def _first(self, attempt_id: AttemptId) -> str:
        session = self._engine.features.flows.begin(attempt_id)
        if not isinstance(session, FlowSession):
            return hang_up()
        turn = start(session.flow, Start(session.facts, session.language))
        return await self._page(session, turn, Waiting(attempt_id, session.run, turn.state), first=True)

    async def _next(self, waiting: Waiting, form: Mapping[str, str]) -> str:
        state = waiting.state
        try:
            flow = self._library.version_of(state.flow, state.version)
            turn = step(flow, state, event_of(waiting, form))
        except UnexpectedInput as error:
            raise ProtocolError(f"a webhook does not fit its call: {error}") from error
        except FlowError as error:  # started by an earlier run, with a version that is not loaded any more
            _log.error("twilio.flow_version_missing", attempt=waiting.attempt_id, problem=str(error))
            return hang_up()
        session = FlowSession(waiting.attempt_id, waiting.run, flow, state.facts, state.language)
        if hung_up_in(form):
            ended = await after_hang_up(flow, turn, self._host(session))
            self._end(waiting.attempt_id, self._calls.setdefault(waiting.attempt_id, _CallCache()), ended)
            return hang_up()
        return await self._page(session, turn, waiting)

    def _host(self, session: FlowSession) -> _Host:
        rules, transfers = self._rules, self._rules.settings.transfer_to is not None
        return _Host(session, self._engine.features.flows, rules.voice.texts(), rules.sms, rules.records, transfers)

    async def _page(self, session: FlowSession, turn: Turn, at: Waiting, *, first: bool = False) -> str:
        page = await next_page(session.flow, turn, at, self._host(session))
        self._keep(session.attempt_id, page)
        if isinstance(page.ending, Transfer):
            self._switch.on_transfer(session.attempt_id)
        settings = self._rules.settings
        url = settings.public_url
        if page.waiting is not None:
            url = f"{url}/twilio/flow/{self._tokens.sign(page.waiting)}"
        return twiml(page, url, self._rules.voice, session.language, settings.transfer_to, first=first)

    def _keep(self, attempt_id: AttemptId, page: Page) -> None:
        call = self._calls.setdefault(attempt_id, _CallCache())
        if call.latest is None or page.state.turns >= call.latest.turns:
            call.latest = page.state
        if page.waiting is None:
            self._end(attempt_id, call, page.state)

    def _end(self, attempt_id: AttemptId, call: _CallCache, state: FlowState) -> None:
        if call.over.is_set():
            return
        call.over.set()
        self._engine.flow_ended(attempt_id, completed=state.completed, left_at=state.left_at, answers=state.answers)

    def hung_up(self, attempt_id: AttemptId) -> None:
        """End the flow of a call that Twilio reports as over, once late requests have come and are stored."""
        task = asyncio.get_running_loop().create_task(self._hung_up(attempt_id), name="twilio-flow-end")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hung_up(self, attempt_id: AttemptId) -> None:
        call = self._calls.get(attempt_id)
        if call is None:
            return
        with contextlib.suppress(TimeoutError):  # the caller pressed no other key
            async with asyncio.timeout(LATE_SECONDS):
                await call.over.wait()
        while pending := [page for page in call.pages.values() if not page.done()]:
            await asyncio.wait(pending)
        state = call.latest
        if state is not None:
            if state.ending is None:
                with contextlib.suppress(FlowError):  # a version that is not loaded any more
                    state = left(self._library.version_of(state.flow, state.version), state)
            self._end(attempt_id, call, state)
        elif not call.over.is_set():
            call.over.set()
            self._engine.flow_ended(attempt_id, completed=False, left_at=None)
        self._calls.pop(attempt_id, None)

    async def close(self) -> None:
        """Wait for requests in progress."""
        waiting = [*self._tasks, *(page for call in self._calls.values() for page in call.pages.values())]
        if waiting:
            await asyncio.wait(waiting)


@dataclass(slots=True)
class _Host:
    """What one call's flow may request (`dialer.switch.twilio.pages.PageHost`)."""

    session: FlowSession
    flows: FlowService
    texts: Texts
    sms: SmsGateway | None
    records: bool
    transfers: bool

    async def commit(self, commit: FlowCommit) -> Input:
        """Store a result of the caller."""
        return await commit_result(commit, lambda asked: self.flows.commit(self.session, asked))

    async def send_sms(self, action: SendSms) -> bool:
        """Send the text `sms.<template>`."""
        return await send_text(action, self.session, self.flows, self.texts, self.sms)

    async def hand_over(self, action: Transfer) -> None:
        """Store the answers before the agent's phone rings. Where that fails the call continues without."""
        try:
            await self.flows.keep_answers(self.session.attempt_id, action.answers)
        except MatdanError as error:
            _log.error("flow.answers_not_stored", attempt=self.session.attempt_id, problem=str(error))
