"""Two switches as one: calls go by their trunk's endpoint, seats are always Asterisk's, and a resync speaks for both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import replace
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from dialer.domain.errors import SwitchUnreachable
from dialer.domain.model import AttemptId
from dialer.domain.switch import CallSwitch, OriginateRequest, Switch
from dialer.domain.switch_events import EventSink, SwitchEvent, SwitchUp

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


def forwarded(
    method: Callable[Concatenate[Switch, P], Awaitable[T]], to: Callable[..., Switch | CallSwitch]
) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]:
    """A method of the port that another switch does: which one, `to` says by the method's own arguments."""

    async def ask(self: Any, /, *arguments: P.args, **named: P.kwargs) -> T:
        done: Awaitable[T] = getattr(to(self, *arguments, **named), method.__name__)(*arguments, **named)
        return await done

    ask.__doc__ = method.__doc__
    return ask


def nowhere(event: SwitchEvent) -> None:
    """The sink of a switch that has none yet."""
    raise RuntimeError(f"nobody takes the switch's events yet: {type(event).__name__}")


class RoutedSwitch:
    """Implements `dialer.domain.switch.Switch`."""

    def __init__(self, primary: Switch | None, carrier: CarrierSwitch, endpoints: Collection[str]) -> None:
        """`endpoints` are those of the carrier's trunks. `primary` None: there is no Asterisk, and no seat."""
        self._primary = primary
        self._carrier = carrier
        self._endpoints = frozenset(endpoints)

    def merged(self, sink: EventSink, server: str) -> EventSink:
        """A sink for the primary's events: what it says lives is joined with what lives at the carrier. Of several Asterisks
        that is `server`, which the carrier's trunks are told of with.
        """

        def take(event: SwitchEvent) -> None:
            if isinstance(event, SwitchUp) and event.server == server:
                sink(replace(event, live_attempts=event.live_attempts | self._carrier.live()))
                self._carrier.report_states()
            else:
                sink(event)

        return take

    async def originate(self, request: OriginateRequest) -> None:
        """See `Switch.originate`."""
        await (self._carrier if request.endpoint in self._endpoints else self._asterisk()).originate(request)

    def unanswered_seconds(self, server: str) -> float:
        """See `Switch.unanswered_seconds`: each request to the carrier has a time limit of its own."""
        return 0.0 if self._primary is None else self._primary.unanswered_seconds(server)

    def _of(self, attempt_id: AttemptId, *_: object, **__: object) -> CallSwitch:
        return self._carrier if attempt_id in self._carrier.live() else self._asterisk()

    def _asterisk(self, *_: object, **__: object) -> Switch:
        """Who alone has seats, and whom they talk to."""
        if self._primary is None:
            raise SwitchUnreachable("this site has no Asterisk: only Twilio's trunks carry calls")
        return self._primary

    hang_up = forwarded(Switch.hang_up, _of)
    connect = forwarded(Switch.connect, _of)
    play_message = forwarded(Switch.play_message, _of)
    call_seat = forwarded(Switch.call_seat, _asterisk)
    call_for_log_in = forwarded(Switch.call_for_log_in, _asterisk)
    answer_key = forwarded(Switch.answer_key, _asterisk)
    history = forwarded(Switch.history, _asterisk)
    seat_packets = forwarded(Switch.seat_packets, _asterisk)
    release_seat = forwarded(Switch.release_seat, _asterisk)
    hold = forwarded(Switch.hold, _asterisk)
    hand_over = forwarded(Switch.hand_over, _asterisk)
    call_party = forwarded(Switch.call_party, _asterisk)
    move_party = forwarded(Switch.move_party, _asterisk)
    release_party = forwarded(Switch.release_party, _asterisk)
    mute_recording = forwarded(Switch.mute_recording, _asterisk)


def without_asterisk(sink: Callable[[SwitchEvent], None], carrier: CarrierSwitch) -> None:
    """Tell the engine that the carrier alone is the switch, and is there."""
    sink(SwitchUp(carrier.live(), frozenset(), (), restarted=False))
    carrier.report_states()
