"""The telephone network, and the switch before it, as an attack needs it: places, answers, keys, hangs up, and outlives diallers.

It stands behind the `Switch` port, in this process, so that ten thousand histories are minutes. It is the referee: it knows what
was truly dialled, and when. What callers key reaches the dialler over the real flow driver and flow desk.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from random import Random
from typing import Any

from dialer.domain.clock import LoopClock
from dialer.domain.enums import CampaignKind
from dialer.domain.errors import OriginateUnsure, SwitchError, SwitchUnreachable
from dialer.domain.model import AttemptId
from dialer.domain.switch import History, OriginateRequest, PastCall, Switch
from dialer.domain.switch_events import (
    CallAnswered,
    CallConnected,
    CallEnded,
    CallLeftSeat,
    CallRinging,
    CallWaiting,
    EndedBy,
    MessageStarted,
    SeatUp,
    SwitchDown,
    SwitchEvent,
    SwitchUp,
)
from dialer.engine.call_flows.service import FlowSession
from dialer.flows.texts import shipped_texts
from dialer.flows.turns import CommitKind, FlowCommit
from dialer.switch.asterisk.agi_codec import CallHungUp
from dialer.switch.asterisk.comparison import COMPARE_AGAIN_SECONDS, COMPARE_SECONDS
from dialer.switch.asterisk.fastagi.flow_driver import ConventionalPrompts, run_flow
from tests.attack.lives import Killed, Life, Mortal

PROMPTS = ConventionalPrompts(shipped_texts())
FAIL_SAFE_SECONDS = 1.5  # after which the dialplan plays the message by itself
TRIES = 200  # of the dialplan, a second apart, to find a dialler for a flow that has not ended


@dataclass
class LineCall:
    """One call, as the network knows it."""

    request: OriginateRequest
    placed_at: float
    answered: bool = False
    answered_at: float | None = None
    over: bool = False
    seat: str | None = None
    message: bool = False
    in_flow: bool = False
    gone: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Truth:
    """What was said, and what its speaker was told became of it."""

    said: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # attempt, kind, who: every try
    noted: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # and those of which it was told "noted"
    opted_out_at: dict[str, float] = field(default_factory=dict)  # by number
    wrong: list[str] = field(default_factory=list)


class Line:
    """Everything that goes on beside the dialler."""

    def __init__(self, chance: Random, clock: LoopClock) -> None:
        self.chance = chance
        self.clock = clock
        self.truth = Truth()
        self.calls: dict[AttemptId, LineCall] = {}
        self.phones: set[str] = set()  # seats whose phone is nailed up
        self.life: Life | None = None
        self.up = False
        self.records: dict[AttemptId, PastCall] | None = {} if chance.random() < 0.5 else None  # of calls that ended
        self.began_at = clock.now()  # the switch itself
        self._beside: set[asyncio.Task[Any]] = set()

    # The dialler's side

    def port(self, mortal: Mortal) -> _Port:
        """One life's way to the line."""
        return _Port(self, mortal)

    def meet(self, life: Life) -> None:
        """A dialler is there, and hears what lives."""
        self.life = life
        self.link_up()

    def link_up(self, *, restarted: bool = False) -> None:
        """The session begins: what lives is told, as a resync does."""
        self.up = True
        live = {attempt_id: call for attempt_id, call in self.calls.items() if not call.over}
        talking = tuple((attempt_id, call.seat) for attempt_id, call in live.items() if call.seat is not None)
        self.tell(SwitchUp(frozenset(live), frozenset(self.phones), talking, restarted))
        for attempt_id, call in live.items():
            if call.answered:
                self.tell(CallAnswered(attempt_id))
            if call.message:
                self.tell(MessageStarted(attempt_id))
            elif call.answered and call.seat is None and call.request.kind is CampaignKind.AGENTS:
                self.tell(CallWaiting(attempt_id))

    def link_down(self) -> None:
        """The session is lost. Events meanwhile are lost with it."""
        if self.up:
            self.tell(SwitchDown("cut"))
        self.up = False

    def restart(self) -> None:
        """The switch itself restarts: every call is gone, and nothing tells of their ends."""
        self.link_down()
        self.began_at = self.clock.now()
        for call in self.calls.values():  # and what was alive is in no record
            call.over = True
            call.gone.set()
        self.phones.clear()
        self.link_up(restarted=True)

    def tell(self, event: SwitchEvent) -> None:
        """An event, if anybody hears it."""
        if self.life is not None and self.up:
            self.life.event(event)

    def spawn(self, work: Any) -> None:
        """Something of the network's own."""
        task = asyncio.get_running_loop().create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    async def hang_up_all(self) -> None:
        """The day is over for everybody on the phone."""
        for attempt_id in list(self.calls):
            self.end(attempt_id)
        await asyncio.sleep(2.0)

    # Calls

    def place(self, request: OriginateRequest) -> None:
        """A call goes out. The referee looks at it."""
        number, now = request.number, self.clock.now()
        if request.attempt_id in self.calls:
            self.truth.wrong.append("an attempt was dialled twice")
        if any(call.request.number == number and not call.over for call in self.calls.values()):
            self.truth.wrong.append("a number was on two calls at once")
        if number in self.truth.opted_out_at:
            self.truth.wrong.append("a number was called after its opt-out")
        self.calls[request.attempt_id] = LineCall(request, now)
        self.spawn(self._live(request.attempt_id))

    async def _live(self, attempt_id: AttemptId) -> None:
        call, chance = self.calls[attempt_id], self.chance
        await asyncio.sleep(chance.uniform(0.01, 0.3))
        if chance.random() < 0.15:
            return self.end(attempt_id, dial_status=chance.choice(["BUSY", "CONGESTION", "NOANSWER"]))
        self.tell(CallRinging(attempt_id))
        await asyncio.sleep(chance.uniform(0.3, 6.0))
        if call.over:
            return None
        if chance.random() < 0.2:
            return self.end(attempt_id, timed_out=True)
        call.answered, call.answered_at = True, self.clock.now()
        self.tell(CallAnswered(attempt_id))
        if call.request.kind is CampaignKind.IVR:
            self.spawn(self._flow(attempt_id))
        else:
            self.tell(CallWaiting(attempt_id))
            await asyncio.sleep(FAIL_SAFE_SECONDS)
            if call.seat is None and not call.over:
                self.message(attempt_id)
        await asyncio.sleep(chance.uniform(2.0, 20.0) if chance.random() < 0.6 else chance.uniform(30.0, 150.0))
        return self.end(attempt_id)

    def message(self, attempt_id: AttemptId) -> None:
        """The voter hears that nobody was free."""
        call = self.calls[attempt_id]
        if not call.message:
            call.message = True
            self.tell(MessageStarted(attempt_id))

    def end(self, attempt_id: AttemptId, *, timed_out: bool = False, dial_status: str | None = None) -> None:
        """The call is over."""
        call = self.calls[attempt_id]
        if call.over:
            return
        call.over = True
        call.gone.set()
        if self.records is not None:
            status = dial_status or ("NOANSWER" if timed_out else None)
            self.records[attempt_id] = PastCall(call.answered_at, status, call.seat)
        ended = CallEnded(
            attempt_id, EndedBy.HANGUP, answered=call.answered, timed_out=timed_out, dial_status=dial_status, cause=16
        )
        self.tell(ended)

    def history(self, attempt_ids: Collection[AttemptId]) -> History:
        """How these calls ended, where the switch keeps that."""
        if self.records is None:
            raise SwitchError("it keeps nothing")
        kept = self.records
        first_at = min((self.calls[attempt_id].placed_at for attempt_id in kept), default=None)
        known = {attempt_id: kept[attempt_id] for attempt_id in attempt_ids if attempt_id in kept}
        return History(known, first_at, self.clock.now() - self.began_at)

    async def unseen_end(self, attempt_id: AttemptId) -> None:
        """What the adapter tells of a call that is not there, when it has looked twice."""
        await asyncio.sleep(COMPARE_SECONDS + COMPARE_AGAIN_SECONDS)
        self.tell(CallEnded(attempt_id, EndedBy.VANISHED, answered=False))

    # Flows

    async def _flow(self, attempt_id: AttemptId) -> None:
        """The dialplan: a flow that has not come to its end is begun anew, at whichever dialler is there."""
        call = self.calls[attempt_id]
        for _ in range(TRIES):
            life = self.life
            if call.over or (life is not None and await self._served(life, attempt_id)):
                break
            await asyncio.sleep(1.0)
        self.end(attempt_id)

    async def _served(self, life: Life, attempt_id: AttemptId) -> bool:
        """One connection to the dialler: whether it was served to the end."""
        if life.mortal.dead.is_set():
            return False
        serving = life.spawn(self._connection(life, attempt_id))
        try:
            return bool(await serving)
        except (Killed, asyncio.CancelledError, ConnectionResetError):
            return False

    async def _connection(self, life: Life, attempt_id: AttemptId) -> bool:
        engine, call = life.engine, self.calls[attempt_id]
        await engine.until_reconciled()
        session = engine.features.flows.begin(attempt_id)
        if not isinstance(session, FlowSession):
            return True

        async def commit(said: FlowCommit) -> bool:
            return await self._said(life, call, session, said)

        completed, left_at, answers = False, None, {}
        try:
            result = await run_flow(
                _Caller(self, call), session.flow, session.facts, session.language, prompts=PROMPTS, commit=commit
            )
            completed, left_at, answers = result.completed, result.state.left_at, dict(result.state.answers)
        finally:
            engine.flow_ended(attempt_id, completed=completed, left_at=left_at, answers=answers)
        return True

    async def _said(self, life: Life, call: LineCall, session: FlowSession, said: FlowCommit) -> bool:
        kind = said.kind.value if said.mark is None else f"{said.mark.value}/{said.scope.value}"
        key = (str(session.attempt_id), kind, "caller")
        self.truth.said[key] += 1
        kept = await life.engine.features.flows.commit(session, said)
        if kept and not life.mortal.dead.is_set():  # else nobody is left who could say so
            self.truth.noted[key] += 1
            if said.kind is CommitKind.OPT_OUT:
                self.truth.opted_out_at.setdefault(call.request.number, self.clock.now())
        return kept


class _Caller:
    """The caller's end of a flow (`dialer.switch.asterisk.fastagi.flow_driver.FlowCall`)."""

    def __init__(self, line: Line, call: LineCall) -> None:
        self._line = line
        self._call = call

    async def _for(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._call.gone.wait()
        if self._call.over:
            raise CallHungUp
        if self._line.chance.random() < 0.01:
            raise ConnectionResetError

    async def answer(self) -> None:
        await self._for(0.0)

    async def stream_file(self, name: str, escape_digits: str = "") -> str | None:
        await self._for(0.2)
        return None

    async def wait_for_digit(self, timeout_ms: int) -> str | None:
        await self._for(self._line.chance.uniform(0.1, 1.0))
        return self._line.chance.choices(["1", "2", "3", "9", "5", None], [60, 50, 40, 3, 10, 5])[0]

    async def hangup(self) -> None:
        self._line.end(self._call.request.attempt_id)


class _Port:
    """`dialer.domain.switch.Switch` of one life: every order is a step of it."""

    def __init__(self, line: Line, mortal: Mortal) -> None:
        self._line = line
        self._mortal = mortal

    def unanswered_seconds(self, _server: str) -> float:
        return 0.0

    def _step(self) -> Line:
        self._mortal.step()
        if not self._line.up:
            raise SwitchUnreachable("there is no link")
        return self._line

    async def originate(self, request: OriginateRequest) -> None:
        line = self._step()
        luck = line.chance.random()
        if luck < 0.02:  # and the call was never placed: the comparison of channels finds that out
            line.spawn(line.unseen_end(request.attempt_id))
            raise OriginateUnsure("no answer came")
        line.place(request)
        self._mortal.step()
        if luck < 0.04:
            raise OriginateUnsure("no answer came")

    async def hang_up(self, attempt_id: AttemptId) -> None:
        line = self._step()
        if attempt_id in line.calls:
            line.end(attempt_id)

    async def connect(self, attempt_id: AttemptId, seat: str, *, record: bool = False) -> None:
        line = self._step()
        call = line.calls[attempt_id]
        taken = any(other.seat == seat and not other.over for other in line.calls.values() if other is not call)
        if call.over or call.message:
            return
        if taken or seat not in line.phones:  # the dialplan's own guard
            line.message(attempt_id)
            return
        if call.seat is not None:
            line.tell(CallLeftSeat(attempt_id, call.seat))
        call.seat = seat
        line.tell(CallConnected(attempt_id, seat))

    async def play_message(self, attempt_id: AttemptId) -> None:
        self._step().message(attempt_id)

    async def call_seat(self, seat: str, endpoint: str) -> None:
        line = self._step()
        line.phones.add(seat)
        line.tell(SeatUp(seat))

    async def history(self, attempt_ids: Collection[AttemptId], _server: str) -> History:
        return self._step().history(attempt_ids)

    async def seat_packets(self, seat: str) -> int:
        return int(50 * self._step().clock.now())

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """An order of which nothing follows here; what is to answer something is not made up."""
        answer = getattr(Switch, name).__annotations__["return"]
        assert answer == "None", f"the line has no {name}, and it answers {answer}"

        async def order(*_: Any, **__: Any) -> None:
            self._step()

        return order
