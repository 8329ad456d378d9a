"""Flows on Twilio: each webhook is one step of the machine, from a state that came with the request.

Nothing has to be remembered between two requests, so that a restart in mid-call loses no call. What is remembered while
the process lives makes repeats harmless: a request that comes again gets the answer that it got, and its commit is done
once.
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
from dialer.flows.catalogue import FlowLibrary
from dialer.flows.errors import FlowError, UnexpectedInput
from dialer.flows.machine import start, step
from dialer.flows.texts import Texts
from dialer.flows.turns import FlowCommit, FlowState, Input, SendSms, Start, Transfer, Turn
from dialer.settings.flows import Twilio
from dialer.switch.flow_effects import SmsGateway, commit_result, send_text
from dialer.switch.twilio.adapter import TwilioSwitch
from dialer.switch.twilio.pages import Page, after_hang_up, event_of, hung_up_in, left, next_page
from dialer.switch.twilio.tokens import StateTokens, Waiting
from dialer.switch.twilio.twiml import TwilioVoice, hang_up, twiml

_log = structlog.get_logger(__name__)

FIRST = ""  # stands for the token of a call's first page
LATE_SECONDS = 3.0
"""After the end of a call, for the request with its last key or its recording: Twilio sends the two at once, on two
connections.

Shorter than the engine waits (`dialer.engine.switch_events.FLOW_GRACE_SECONDS`), so that what comes at the last moment
is still committed to a call that lives.
"""


@dataclass(frozen=True, slots=True)
class TwilioFlowRules:
    """What flows may do on Twilio."""

    settings: Twilio
    records: bool
    voice: TwilioVoice
    sms: SmsGateway | None = None  # None: none is sent


@dataclass(slots=True)
class _Remembered:
    """Of one call, while it lives."""

    pages: dict[str, asyncio.Task[str]] = field(default_factory=dict)  # by token: what was answered
    furthest: FlowState | None = None
    sid: str | None = None  # of the call, which the switch forgets at its end
    over: asyncio.Event = field(default_factory=asyncio.Event)  # the engine was told that the flow has ended


class TwilioFlows:
    """Serves the pages of every call."""

    def __init__(self, engine: Engine, library: FlowLibrary, switch: TwilioSwitch, rules: TwilioFlowRules) -> None:
        """`library` has the versions that calls began with."""
        self._engine = engine
        self._library = library
        self._switch = switch
        self._tokens = StateTokens(rules.settings.auth_token.get_secret_value())
        self._rules = rules
        self._calls: dict[AttemptId, _Remembered] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self, attempt_id: AttemptId) -> str:
        """The first page of an answered call, as TwiML. One that is no live attempt of an IVR campaign is hung up."""
        if not self._engine.features.flows.is_live(attempt_id):
            return hang_up()
        return await self._once(attempt_id, FIRST, self._first(attempt_id))

    async def go_on(self, token: str, form: Mapping[str, str]) -> str:
        """The page that follows. Raises ProtocolError for a token that is not ours."""
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
        """The answer that this token gets, once and for all: a request that is cut off does not cut off its commit."""
        call = self._calls.setdefault(attempt_id, _Remembered())
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
            pages.pop(token, None)  # a repeat may fare better
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
        except FlowError as error:  # begun by an earlier run on a version that is gone
            _log.error("twilio.flow-gone", attempt=waiting.attempt_id, problem=str(error))
            return hang_up()
        session = FlowSession(waiting.attempt_id, waiting.run, flow, state.facts, state.language)
        if hung_up_in(form):
            ended = await after_hang_up(flow, turn, self._host(session))
            self._end(waiting.attempt_id, self._calls.setdefault(waiting.attempt_id, _Remembered()), ended)
            return hang_up()
        return await self._page(session, turn, waiting)

    def _host(self, session: FlowSession) -> _Host:
        rules, transfers = self._rules, self._rules.settings.transfer_to is not None
        return _Host(session, self._engine.features.flows, rules.voice.texts(), rules.sms, rules.records, transfers)

    async def _page(self, session: FlowSession, turn: Turn, at: Waiting, *, first: bool = False) -> str:
        page = await next_page(session.flow, turn, at, self._host(session))
        self._keep(session.attempt_id, page)
        if isinstance(page.ending, Transfer):
            self._switch.dialled_on(session.attempt_id)
        settings = self._rules.settings
        url = settings.public_url
        if page.waiting is not None:
            url = f"{url}/twilio/flow/{self._tokens.sign(page.waiting)}"
        return twiml(page, url, self._rules.voice, session.language, settings.transfer_to, first=first)

    def _keep(self, attempt_id: AttemptId, page: Page) -> None:
        call = self._calls.setdefault(attempt_id, _Remembered())
        if call.furthest is None or page.state.turns >= call.furthest.turns:
            call.furthest = page.state
        if page.waiting is None:
            self._end(attempt_id, call, page.state)

    def _end(self, attempt_id: AttemptId, call: _Remembered, state: FlowState) -> None:
        if call.over.is_set():
            return
        call.over.set()
        self._engine.flow_ended(attempt_id, completed=state.completed, left_at=state.left_at, answers=state.answers)

    def hung_up(self, attempt_id: AttemptId) -> None:
        """The call is over, as Twilio says: so is its flow, once what was still on its way has come and is on disk."""
        task = asyncio.get_running_loop().create_task(self._hung_up(attempt_id), name="twilio-flow-end")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hung_up(self, attempt_id: AttemptId) -> None:
        call = self._calls.get(attempt_id)
        if call is None:
            return
        with contextlib.suppress(TimeoutError):  # the caller has left without another key
            async with asyncio.timeout(LATE_SECONDS):
                await call.over.wait()
        while pending := [page for page in call.pages.values() if not page.done()]:
            await asyncio.wait(pending)
        state = call.furthest
        if state is not None:
            if state.ending is None:
                with contextlib.suppress(FlowError):  # a version that is gone
                    state = left(self._library.version_of(state.flow, state.version), state)
            self._end(attempt_id, call, state)
        elif not call.over.is_set():
            call.over.set()
            self._engine.flow_ended(attempt_id, completed=False, left_at=None)
        self._calls.pop(attempt_id, None)

    async def close(self) -> None:
        """Let what is under way come to its end."""
        waiting = [*self._tasks, *(page for call in self._calls.values() for page in call.pages.values())]
        if waiting:
            await asyncio.wait(waiting)


@dataclass(slots=True)
class _Host:
    """What one call's flow may ask for (`dialer.switch.twilio.pages.PageHost`)."""

    session: FlowSession
    desk: FlowService
    texts: Texts
    sms: SmsGateway | None
    records: bool
    transfers: bool

    async def commit(self, commit: FlowCommit) -> Input:
        """Put what the caller said on record."""
        return await commit_result(commit, lambda asked: self.desk.commit(self.session, asked))

    async def send_sms(self, action: SendSms) -> bool:
        """The text `sms.<template>`."""
        return await send_text(action, self.session, self.desk, self.texts, self.sms)

    async def hand_over(self, action: Transfer) -> None:
        """Its answers go on record before the agent's phone rings; the call goes on without where they cannot."""
        try:
            await self.desk.keep_answers(self.session.attempt_id, action.answers)
        except MatdanError as error:
            _log.error("flow.answers-not-kept", attempt=self.session.attempt_id, problem=str(error))
