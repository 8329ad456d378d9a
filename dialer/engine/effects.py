"""Effects: requests of a feature for something outside itself, such as a timer, a request to the switch or a write.

A feature changes its own state, returns its effects and never waits. `Engine` carries out the effects in a fixed order
when the event has been handled.
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
    """The purpose of an engine timer: what is due, or has not happened, when the timer expires."""

    CONNECT_LIMIT = "connect-limit"  # a waiting voter gets no seat within the campaign's connect limit
    VOTER_NOT_CONNECTED = "voter-not-connected"  # the voter does not reach the reserved seat
    WRAP_UP_EXPIRED = "wrap-up-expired"
    CALL_PHONE = "call-phone"  # the seat's phone has not connected: call it
    PHONE_NOT_CALLED = "phone-not-called"  # the switch could not call the seat's phone
    AGENT_ABSENT = "agent-absent"  # the agent's phone has been disconnected for too long
    LOG_IN_UNLOCKED = "log-in-unlocked"  # the lock after wrong log-ins has expired
    SCREEN_POP = "screen-pop"  # a call is at the seat or being connected to it
    PREVIEW_EXPIRED = "preview-expired"  # the agent has neither dialled nor skipped the preview
    OWN_CALL_BACK = "own-call-back"  # the call-back that an agent promised in this attempt is due
    MESSAGE_EXPIRED = "message-expired"  # a supervisor's message at the seat has expired
    HAND_OVER_FAILED = "hand-over-failed"  # the voter was not connected to the transfer target
    FORGERY_ALERT_EXPIRED = "forgery-alert-expired"  # no forged order of headquarters has arrived for a while
    FLOW_OVERDUE = "flow-overdue"  # the flow of an ended call has not made its last commit in time


class TimerExpired(NamedTuple):
    """The event that a timer of the engine has expired, for a seat or a call attempt. The failure of an order to the
    switch (`SwitchOrder`) is reported by the same kind of event.
    """

    kind: TimerKind
    seat: str = ""
    attempt_id: AttemptId | None = None


class CallFinished(NamedTuple):
    """The event that a call has ended and no work for the call is pending, such as its IVR flow."""

    ended: CallEnded


class SeatStateChanged(NamedTuple):
    """The event that a seat has changed its state while a supervisor monitors it."""

    seat: str


class HouseholdChanged(NamedTuple):
    """The event that new facts were recorded about the voters or the number of a seat's call, for example by another
    centre. The agent's page must show them.
    """

    seat: str
    attempt_id: AttemptId


Event = SwitchEvent | TimerExpired | CallFinished | SeatStateChanged | HouseholdChanged
"""An event that the engine handles: one of the switch, or one of its own."""


class UpdatePacer(NamedTuple):
    """Report an event, such as an answered call, to a campaign's pacer, which decides how many calls to place. `call`
    is the call that the event is about, or None.
    """

    campaign_id: str
    kind: PacingEventKind
    seconds: float = 0.0  # a duration whose meaning depends on the kind (see PacingEventKind)
    call: Call | None = None
    closing_seconds: float | None = None  # time since the agent announced the end of a talk or wrap-up


class StartTimer(NamedTuple):
    """Start a timer. When it expires after `seconds`, the engine handles the event `expired`. A timer with the same key
    is replaced.
    """

    key: str
    seconds: float
    expired: TimerExpired


class StopTimer(NamedTuple):
    """Stop the timer with this key, if it is running."""

    key: str


class SwitchOrder(NamedTuple):
    """Call a method of the telephone switch once; it is never repeated. If it fails, the engine handles the event
    `on_failure`.
    """

    name: str  # of the method, for logs
    call: partial[Awaitable[object]]
    on_failure: TimerExpired | None = None

    def copy_order_with_failure_event(self, on_failure: TimerExpired) -> SwitchOrder:
        """Return a copy of the order with the event `on_failure`. The engine handles this event if the order fails."""
        return self._replace(on_failure=on_failure)


class StoreCommit(NamedTuple):
    """Write to the store, and retry until the write is committed. The write must be idempotent."""

    name: str  # of the method, for logs
    call: partial[Awaitable[object]]


class Notify(NamedTuple):
    """Send a change of a call, seat or campaign to all subscribers."""

    change: Change


class RunCommand(NamedTuple):
    """A request to execute a command that an agent entered on the phone."""

    command: SeatCommand


class StoreFailed(NamedTuple):
    """The report that the store could not be read or written. Dialling stops until the store works."""

    error: StoreError


Effect = UpdatePacer | StartTimer | StopTimer | SwitchOrder | StoreCommit | Notify | RunCommand | StoreFailed | Event
"""An effect. Events among the effects are handled after all other effects."""


def make_order_to_switch(method: Callable[P, Awaitable[object]], /, *args: P.args, **options: P.kwargs) -> SwitchOrder:
    """Return an order to the telephone switch for the engine to send, such as
    `make_order_to_switch(switch.connect_call_to_seat, attempt_id, seat)`.
    """
    return SwitchOrder(_get_name_of_bound_method(method), partial(method, *args, **options))


def make_order_to_write_to_store(
    method: Callable[P, Awaitable[object]], /, *args: P.args, **options: P.kwargs
) -> StoreCommit:
    """Return a write to the store for the engine to carry out, such as
    `make_order_to_write_to_store(store.record_answer, attempt_id, at)`.
    """
    return StoreCommit(_get_name_of_bound_method(method), partial(method, *args, **options))


def _get_name_of_bound_method(method: Callable[..., object]) -> str:
    job: Callable[..., object] = (
        method.args[0] if isinstance(method, partial) else method
    )  # the store binds a job to itself
    return job.__name__
