"""A simulated telephone network and switch that outlives the diallers of an attack, and records what truly happened.

It implements the `Switch` port in the same process, so that ten thousand histories take minutes. Callers' keys reach the dialler
through the real flow driver and call-flow service.
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
from dialer.flows.texts import load_shipped_texts
from dialer.flows.turns import CommitKind, FlowCommit
from dialer.switch.asterisk.agi_codec import CallHungUp
from dialer.switch.asterisk.comparison import COMPARE_AGAIN_SECONDS, COMPARE_SECONDS
from dialer.switch.asterisk.fastagi.flow_driver import ConventionalPrompts, run_flow
from tests.attack.killable_dialler import KillableDialler, Killed, StepCounter

PROMPTS = ConventionalPrompts(load_shipped_texts())
FAIL_SAFE_SECONDS = 1.5  # without a seat for so long, the dialplan plays the message by itself
TRIES = 200  # of the dialplan, one per second, to find a dialler for a flow that has not ended


@dataclass
class NetworkCall:
    """A call in the network."""

    request: OriginateRequest
    placed_at: float
    answered: bool = False
    answered_at: float | None = None
    ended: bool = False
    seat: str | None = None
    message_played: bool = False
    in_flow: bool = False
    ended_event: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class NetworkRecord:
    """What callers and agents entered, which of it was acknowledged, and which rules the dialler violated."""

    attempted: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # every try, by attempt, kind and who
    acknowledged: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # tries that were acknowledged
    opted_out_at: dict[str, float] = field(default_factory=dict)  # by number
    violations: list[str] = field(default_factory=list)


class SimulatedNetwork:
    """The network with all its calls. At most one dialler is attached to it."""

    def __init__(self, random: Random, clock: LoopClock) -> None:
        self.random = random
        self.clock = clock
        self.record = NetworkRecord()
        self.calls: dict[AttemptId, NetworkCall] = {}
        self.seats_up: set[str] = set()  # seats with a nailed-up phone call
        self.dialler: KillableDialler | None = None
        self.link_up = False
        self.last_record_at: float | None = None  # end of the recorded call that ended last (epoch seconds)
        self.past_calls: dict[AttemptId, PastCall] | None = (
            {} if random.random() < 0.5 else None
        )  # of ended calls; None if the switch keeps no records
        self.started_at = clock.now()  # start of the switch
        self._tasks: set[asyncio.Task[Any]] = set()

    # The dialler's side

    def port(self, steps: StepCounter) -> _Port:
        """Return the network as the `Switch` port of one dialler, whose orders count as steps."""
        return _Port(self, steps)

    def attach(self, dialler: KillableDialler) -> None:
        """Attach a dialler and tell it which calls and seats are up."""
        self.dialler = dialler
        self.connect()

    def connect(self, *, restarted: bool = False) -> None:
        """Begin an AMI session: send the state of all live calls and seats, as a resync does."""
        self.link_up = True
        live = {attempt_id: call for attempt_id, call in self.calls.items() if not call.ended}
        talking = tuple((attempt_id, call.seat) for attempt_id, call in live.items() if call.seat is not None)
        self.send_event(SwitchUp(frozenset(live), frozenset(self.seats_up), talking, restarted))
        for attempt_id, call in live.items():
            if call.answered:
                self.send_event(CallAnswered(attempt_id))
            if call.message_played:
                self.send_event(MessageStarted(attempt_id))
            elif call.answered and call.seat is None and call.request.kind is CampaignKind.AGENTS:
                self.send_event(CallWaiting(attempt_id))

    def disconnect(self) -> None:
        """Lose the AMI session and all events until the next `connect`."""
        if self.link_up:
            self.send_event(SwitchDown("cut"))
        self.link_up = False

    def restart(self) -> None:
        """Restart the switch: all calls end without events or records."""
        self.disconnect()
        self.started_at = self.clock.now()
        for call in self.calls.values():  # live calls leave no record
            call.ended = True
            call.ended_event.set()
        self.seats_up.clear()
        self.connect(restarted=True)

    def send_event(self, event: SwitchEvent) -> None:
        """Send an event to the dialler, if one is connected."""
        if self.dialler is not None and self.link_up:
            self.dialler.receive_event(event)

    def start_task(self, work: Any) -> None:
        """Start a task that goes on when a dialler is killed."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def hang_up_all(self) -> None:
        """End all calls and wait until their ends are processed."""
        for attempt_id in list(self.calls):
            self.end_call(attempt_id)
        await asyncio.sleep(2.0)

    # Calls

    def place(self, request: OriginateRequest) -> None:
        """Place a call and record any rule that it violates."""
        number, now = request.number, self.clock.now()
        if request.attempt_id in self.calls:
            self.record.violations.append("an attempt was dialled twice")
        if any(call.request.number == number and not call.ended for call in self.calls.values()):
            self.record.violations.append("a number was on two calls at once")
        if number in self.record.opted_out_at:
            self.record.violations.append("a number was called after its opt-out")
        self.calls[request.attempt_id] = NetworkCall(request, now)
        self.start_task(self._run_call(request.attempt_id))

    async def _run_call(self, attempt_id: AttemptId) -> None:
        call, random = self.calls[attempt_id], self.random
        await asyncio.sleep(random.uniform(0.01, 0.3))
        if random.random() < 0.15:
            return self.end_call(attempt_id, dial_status=random.choice(["BUSY", "CONGESTION", "NOANSWER"]))
        self.send_event(CallRinging(attempt_id))
        await asyncio.sleep(random.uniform(0.3, 6.0))
        if call.ended:
            return None
        if random.random() < 0.2:
            return self.end_call(attempt_id, timed_out=True)
        call.answered, call.answered_at = True, self.clock.now()
        self.send_event(CallAnswered(attempt_id))
        if call.request.kind is CampaignKind.IVR:
            self.start_task(self._run_flow(attempt_id))
        else:
            self.send_event(CallWaiting(attempt_id))
            await asyncio.sleep(FAIL_SAFE_SECONDS)
            if call.seat is None and not call.ended:
                self.play_information_message(attempt_id)
        await asyncio.sleep(random.uniform(2.0, 20.0) if random.random() < 0.6 else random.uniform(30.0, 150.0))
        return self.end_call(attempt_id)

    def play_information_message(self, attempt_id: AttemptId) -> None:
        """Play the message that all agents are busy, once per call."""
        call = self.calls[attempt_id]
        if not call.message_played:
            call.message_played = True
            self.send_event(MessageStarted(attempt_id))

    def end_call(self, attempt_id: AttemptId, *, timed_out: bool = False, dial_status: str | None = None) -> None:
        """End a call that has not ended yet."""
        call = self.calls[attempt_id]
        if call.ended:
            return
        call.ended = True
        call.ended_event.set()
        if self.past_calls is not None:
            status = dial_status or ("NOANSWER" if timed_out else None)
            self.past_calls[attempt_id] = PastCall(call.answered_at, status, call.seat)
            self.last_record_at = self.clock.now()
        ended = CallEnded(
            attempt_id, EndedBy.HANGUP, answered=call.answered, timed_out=timed_out, dial_status=dial_status, cause=16
        )
        self.send_event(ended)

    def read_call_records(self, attempt_ids: Collection[AttemptId]) -> History:
        """Return how calls ended. Raises SwitchError if the switch keeps no records."""
        if self.past_calls is None:
            raise SwitchError("the switch keeps no records")
        past_calls = self.past_calls
        first_at = min((self.calls[attempt_id].placed_at for attempt_id in past_calls), default=None)
        known = {attempt_id: past_calls[attempt_id] for attempt_id in attempt_ids if attempt_id in past_calls}
        return History(known, first_at, self.last_record_at, self.clock.now() - self.started_at)

    async def report_vanished_call(self, attempt_id: AttemptId) -> None:
        """Report a call that does not exist as vanished, as the adapter does after two comparisons."""
        await asyncio.sleep(COMPARE_SECONDS + COMPARE_AGAIN_SECONDS)
        self.send_event(CallEnded(attempt_id, EndedBy.VANISHED, answered=False))

    # Flows

    async def _run_flow(self, attempt_id: AttemptId) -> None:
        """Run a call's flow as the dialplan does: until a dialler has run it to its end, start it again."""
        call = self.calls[attempt_id]
        for _ in range(TRIES):
            dialler = self.dialler
            if call.ended or (dialler is not None and await self._run_connection_to_end(dialler, attempt_id)):
                break
            await asyncio.sleep(1.0)
        self.end_call(attempt_id)

    async def _run_connection_to_end(self, dialler: KillableDialler, attempt_id: AttemptId) -> bool:
        """Open one FastAGI connection to the dialler. Return whether the flow reached its end."""
        if dialler.steps.killed.is_set():
            return False
        serving = dialler.start_task(self._run_connection(dialler, attempt_id))
        try:
            return bool(await serving)
        except (Killed, asyncio.CancelledError, ConnectionResetError):
            return False

    async def _run_connection(self, dialler: KillableDialler, attempt_id: AttemptId) -> bool:
        engine, call = dialler.engine, self.calls[attempt_id]
        await engine.wait_until_calls_are_reconciled()
        session = engine.features.ivr_flow_service.start_flow_of_call(attempt_id)
        if not isinstance(session, FlowSession):
            return True

        async def commit(flow_commit: FlowCommit) -> bool:
            return await self._commit(dialler, call, session, flow_commit)

        completed, left_at, answers = False, None, {}
        try:
            result = await run_flow(
                _Caller(self, call), session.flow, session.facts, session.language, prompts=PROMPTS, commit=commit
            )
            completed, left_at, answers = (
                result.is_flow_completed,
                result.state.node_where_caller_hung_up,
                dict(result.state.answers),
            )
        finally:
            engine.on_flow_ended(attempt_id, completed=completed, left_at=left_at, answers=answers)
        return True

    async def _commit(
        self, dialler: KillableDialler, call: NetworkCall, session: FlowSession, flow_commit: FlowCommit
    ) -> bool:
        kind = (
            flow_commit.kind.value
            if flow_commit.mark is None
            else f"{flow_commit.mark.value}/{flow_commit.scope.value}"
        )
        key = (str(session.attempt_id), kind, "caller")
        self.record.attempted[key] += 1
        stored = await dialler.engine.features.ivr_flow_service.store_input_of_ivr_caller(session, flow_commit)
        if stored and not dialler.steps.killed.is_set():  # a killed dialler acknowledges nothing
            self.record.acknowledged[key] += 1
            if flow_commit.kind is CommitKind.OPT_OUT:
                self.record.opted_out_at.setdefault(call.request.number, self.clock.now())
        return stored


class _Caller:
    """The caller in a flow (`dialer.switch.asterisk.fastagi.flow_driver.FlowCall`)."""

    def __init__(self, network: SimulatedNetwork, call: NetworkCall) -> None:
        self._network = network
        self._call = call

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._call.ended_event.wait()
        if self._call.ended:
            raise CallHungUp
        if self._network.random.random() < 0.01:
            raise ConnectionResetError

    async def answer_channel(self) -> None:
        await self._wait(0.0)

    async def play_sound_file(self, name: str, escape_digits: str = "") -> str | None:
        await self._wait(0.2)
        return None

    async def wait_for_digit(self, timeout_ms: int) -> str | None:
        await self._wait(self._network.random.uniform(0.1, 1.0))
        return self._network.random.choices(["1", "2", "3", "9", "5", None], [60, 50, 40, 3, 10, 5])[0]

    async def hang_up_channel(self) -> None:
        self._network.end_call(self._call.request.attempt_id)


class _Port:
    """`dialer.domain.switch.Switch` for one dialler. Every order counts as a step."""

    def __init__(self, network: SimulatedNetwork, steps: StepCounter) -> None:
        self._network = network
        self._steps = steps

    def get_age_of_oldest_pending_action(self, _server: str) -> float:
        return 0.0

    def _use_link(self) -> SimulatedNetwork:
        self._steps.count_step()
        if not self._network.link_up:
            raise SwitchUnreachable("the link is down")
        return self._network

    async def originate_call(self, request: OriginateRequest) -> None:
        network = self._use_link()
        draw = network.random.random()
        if draw < 0.02:  # the call is not placed; a comparison of channels finds that
            network.start_task(network.report_vanished_call(request.attempt_id))
            raise OriginateUnsure("no response came")
        network.place(request)
        self._steps.count_step()
        if draw < 0.04:
            raise OriginateUnsure("no response came")

    async def hang_up_call(self, attempt_id: AttemptId) -> None:
        network = self._use_link()
        if attempt_id in network.calls:
            network.end_call(attempt_id)

    async def connect_call_to_seat(self, attempt_id: AttemptId, seat: str, *, record: bool = False) -> None:
        network = self._use_link()
        call = network.calls[attempt_id]
        occupied = any(other.seat == seat and not other.ended for other in network.calls.values() if other is not call)
        if call.ended or call.message_played:
            return
        if occupied or seat not in network.seats_up:  # the dialplan's own guard
            network.play_information_message(attempt_id)
            return
        if call.seat is not None:
            network.send_event(CallLeftSeat(attempt_id, call.seat))
        call.seat = seat
        network.send_event(CallConnected(attempt_id, seat))

    async def play_information_message(self, attempt_id: AttemptId) -> None:
        self._use_link().play_information_message(attempt_id)

    async def call_seat_phone(self, seat: str, endpoint: str) -> None:
        network = self._use_link()
        network.seats_up.add(seat)
        network.send_event(SeatUp(seat))

    async def read_call_records(self, attempt_ids: Collection[AttemptId], _server: str) -> History:
        return self._use_link().read_call_records(attempt_ids)

    async def count_packets_from_seat_phone(self, seat: str) -> int:
        return int(50 * self._use_link().clock.now())

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return an order without effect. Orders that must return a value are not supported."""
        answer = getattr(Switch, name).__annotations__["return"]
        assert answer == "None", f"the simulated network does not support {name}, which returns {answer}"

        async def order(*_: Any, **__: Any) -> None:
            self._use_link()

        return order
