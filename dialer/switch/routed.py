"""Two switches as one: calls go by their trunk's endpoint, seats are always Asterisk's, and a resync speaks for both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import replace
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from dialer.domain.errors import SwitchUnreachable
from dialer.domain.model import AttemptId
from dialer.domain.switch import (
    CallSwitch,
    EventSink,
    OriginateRequest,
    Switch,
    SwitchEvent,
    SwitchUp,
)

P = ParamSpec("P")
T = TypeVar("T")


class CarrierSwitch(CallSwitch, Protocol):
    """A second switch that has calls but no seats."""

    def live(self) -> frozenset[AttemptId]:
        """The attempts that are, or may be, calls there."""
        ...

    def report_states(self) -> None:
        """The engine knows the live calls now: tell it where each stands."""
        ...


def _of_asterisk(
    method: Callable[Concatenate[Switch, P], Awaitable[T]],
) -> Callable[Concatenate[RoutedSwitch, P], Coroutine[Any, Any, T]]:
    """A method of the port that Asterisk alone has: seats, and whom they talk to."""

    async def ask(self: RoutedSwitch, /, *arguments: P.args, **named: P.kwargs) -> T:
        done: Awaitable[T] = getattr(self._asterisk(), method.__name__)(*arguments, **named)
        return await done

    ask.__doc__ = method.__doc__
    return ask


class RoutedSwitch:
    """Implements `dialer.domain.switch.Switch`."""

    def __init__(self, primary: Switch | None, carrier: CarrierSwitch, endpoints: Collection[str]) -> None:
        """`endpoints` are those of the carrier's trunks. `primary` None: there is no Asterisk, and no seat."""
        self._primary = primary
        self._carrier = carrier
        self._endpoints = frozenset(endpoints)

    def merged(self, sink: EventSink, box: str) -> EventSink:
        """A sink for the primary's events: what it says lives is joined with what lives at the carrier. Of several Asterisks
        that is `box`, which the carrier's trunks are told of with.
        """

        def take(event: SwitchEvent) -> None:
            if isinstance(event, SwitchUp) and event.box == box:
                sink(replace(event, live_attempts=event.live_attempts | self._carrier.live()))
                self._carrier.report_states()
            else:
                sink(event)

        return take

    async def originate(self, request: OriginateRequest) -> None:
        """See `Switch.originate`."""
        await (self._carrier if request.endpoint in self._endpoints else self._asterisk()).originate(request)

    async def hang_up(self, attempt_id: AttemptId) -> None:
        """See `Switch.hang_up`."""
        await self._of(attempt_id).hang_up(attempt_id)

    async def connect(self, attempt_id: AttemptId, seat: str, *, record: bool = False) -> None:
        """See `Switch.connect`."""
        await self._of(attempt_id).connect(attempt_id, seat, record=record)

    async def play_message(self, attempt_id: AttemptId) -> None:
        """See `Switch.play_message`."""
        await self._of(attempt_id).play_message(attempt_id)

    def unanswered_seconds(self, box: str) -> float:
        """See `Switch.unanswered_seconds`: each request to the carrier has a time limit of its own."""
        return 0.0 if self._primary is None else self._primary.unanswered_seconds(box)

    call_seat = _of_asterisk(Switch.call_seat)
    call_for_log_in = _of_asterisk(Switch.call_for_log_in)
    answer_key = _of_asterisk(Switch.answer_key)
    history = _of_asterisk(Switch.history)
    seat_packets = _of_asterisk(Switch.seat_packets)
    release_seat = _of_asterisk(Switch.release_seat)
    hold = _of_asterisk(Switch.hold)
    hand_over = _of_asterisk(Switch.hand_over)
    call_party = _of_asterisk(Switch.call_party)
    move_party = _of_asterisk(Switch.move_party)
    release_party = _of_asterisk(Switch.release_party)
    mute_recording = _of_asterisk(Switch.mute_recording)

    def _of(self, attempt_id: AttemptId) -> CallSwitch:
        return self._carrier if attempt_id in self._carrier.live() else self._asterisk()

    def _asterisk(self) -> Switch:
        if self._primary is None:
            raise SwitchUnreachable("this site has no Asterisk: only Twilio's trunks carry calls")
        return self._primary


def without_asterisk(sink: Callable[[SwitchEvent], None], carrier: CarrierSwitch) -> None:
    """Tell the engine that the carrier alone is the switch, and is there."""
    sink(SwitchUp(carrier.live(), frozenset(), (), restarted=False))
    carrier.report_states()
