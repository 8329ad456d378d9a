"""Effects: what a feature wants done, as values that `Engine` carries out in one place and in one order.

A feature changes its state and returns at once. What has to happen outside it (a timer, an order to the switch, a write
to the store, an update for subscribers) is added as an effect and carried out when the event has been handled completely.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from functools import partial
from typing import NamedTuple, ParamSpec

from dialer.domain.errors import StoreError
from dialer.domain.model import AttemptId
from dialer.domain.switch_events import CallEnded, SwitchEvent
from dialer.domain.view import Change
from dialer.engine.calls.state import Call
from dialer.engine.command.base import SeatCommand
from dialer.pacing.port import PacingEventKind

P = ParamSpec("P")


class TimerKind(StrEnum):
    """What a timer was waiting for."""

    VOTER_WAITED_TOO_LONG = "voter-waited-too-long"  # for a seat, up to the campaign's connect limit
    VOTER_NOT_CONNECTED = "voter-not-connected"  # to the seat that was reserved
    WRAP_UP_OVER = "wrap-up-over"
    CALL_PHONE = "call-phone"  # ring the seat's phone, which has not come
    PHONE_NOT_CALLED = "phone-not-called"
    AGENT_GONE = "agent-gone"  # the phone has been off the line for too long
    LOG_IN_UNLOCKED = "log-in-unlocked"
    SCREEN_POP = "screen-pop"  # a call is at the seat, or on its way there
    PREVIEW_EXPIRED = "preview-expired"  # the agent neither dialled nor skipped
    OWN_CALL_BACK = "own-call-back"  # the agent promised it in this attempt
    MESSAGE_EXPIRED = "message-expired"  # a supervisor's, at the seat
    HAND_OVER_FAILED = "hand-over-failed"  # of the voter to the transfer's target
    FORGED_ORDERS_OVER = "forged-orders-over"
    FLOW_OVERDUE = "flow-overdue"  # its last commit, after the end of the call


class TimerExpired(NamedTuple):
    """A timer of the engine has expired, for a seat or an attempt. A failed order may have the same consequence at once."""

    kind: TimerKind
    seat: str = ""
    attempt_id: AttemptId | None = None


class CallFinished(NamedTuple):
    """A call has ended and nothing that belongs to it is pending."""

    ended: CallEnded


class SeatStateChanged(NamedTuple):
    """A seat that somebody monitors has changed its state."""

    seat: str


class HouseholdChanged(NamedTuple):
    """Something was recorded elsewhere about the household of the call at a seat."""

    seat: str
    attempt_id: AttemptId


Event = SwitchEvent | TimerExpired | CallFinished | SeatStateChanged | HouseholdChanged
"""What the engine handles: events of the switch, and its own."""


class UpdatePacer(NamedTuple):
    """Tell a campaign's pacer what has just happened. `call` is the call that it happened to, if it was a call."""

    campaign_id: str
    kind: PacingEventKind
    seconds: float = 0.0  # a duration; which one depends on the kind
    call: Call | None = None
    closing_seconds: float | None = None  # of a talk or wrap-up: since its end was announced


class StartTimer(NamedTuple):
    """Handle `expired` in `seconds`. Replaces a timer of the same key."""

    key: str
    seconds: float
    expired: TimerExpired


class StopTimer(NamedTuple):
    """Cancel the timer with this key, if there is one."""

    key: str


class SwitchOrder(NamedTuple):
    """A method of the switch to call once, never again. If it fails, `on_failure` is handled."""

    name: str  # the method's, for logs
    call: partial[Awaitable[object]]
    on_failure: TimerExpired | None = None

    def or_else(self, on_failure: TimerExpired) -> SwitchOrder:
        """Return the same order with an event to handle if it fails."""
        return self._replace(on_failure=on_failure)


class StoreCommit(NamedTuple):
    """A write to the store, retried until it is committed. Repeating it must change nothing."""

    name: str  # the method's, for logs
    call: partial[Awaitable[object]]


class Notify(NamedTuple):
    """Send an update to all subscribers."""

    change: Change


class RunCommand(NamedTuple):
    """Carry out a command that an agent entered on the phone."""

    command: SeatCommand


class StoreFailed(NamedTuple):
    """The store failed to read or write something: stop dialling until it works."""

    error: StoreError


Effect = UpdatePacer | StartTimer | StopTimer | SwitchOrder | StoreCommit | Notify | RunCommand | StoreFailed | Event
"""An event among the effects is handled after all others."""


def order(method: Callable[P, Awaitable[object]], /, *args: P.args, **options: P.kwargs) -> SwitchOrder:
    """Return an order to the switch: `order(switch.connect, attempt_id, seat)`."""
    return SwitchOrder(_name_of(method), partial(method, *args, **options))


def commit(method: Callable[P, Awaitable[object]], /, *args: P.args, **options: P.kwargs) -> StoreCommit:
    """Return a write to the store: `commit(store.record_answer, attempt_id, at)`."""
    return StoreCommit(_name_of(method), partial(method, *args, **options))


def _name_of(method: Callable[..., object]) -> str:
    job: Callable[..., object] = (
        method.args[0] if isinstance(method, partial) else method
    )  # the store binds a job to itself
    return job.__name__
