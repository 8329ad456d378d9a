"""The state of a session with the Asterisk Manager Interface (AMI), without I/O.

`AmiClient` does the I/O. It passes received bytes to `process_received_bytes`, writes the bytes from
`pop_bytes_to_write`, and calls `run_due_timeouts_and_pings` at `deadline`. All times are monotonic seconds.

No action is ever sent twice. After a lost session, the next session reads Asterisk's channels to find out which of the
unanswered actions were executed (`dialer.switch.asterisk.ami_link`).
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from dialer.domain.errors import (
    LoginRefused,
    OriginateRefused,
    OriginateUnsure,
    PermissionMissing,
    ProtocolError,
    SwitchError,
    SwitchStopping,
    SwitchUnreachable,
)
from dialer.switch.asterisk.ami_codec import AmiDecoder, AmiMessage, encode_action

_log = structlog.get_logger(__name__)

WRITE_BYTES: Final = 65_536  # per write; with more, Asterisk could stop reading unnoticed while our buffers fill
_STOPPING: Final = "Asterisk is shutting down"  # main/manager.c
_EMPTY_LIST: Final = frozenset({"No active conferences."})  # messages of Error responses that mean an empty list
_LIST_ENDS: Final = frozenset({"complete", "cancelled"})


@dataclass(frozen=True, slots=True)
class AmiLogin:
    """The address of an Asterisk manager, and the dialler's account on it."""

    host: str
    port: int
    username: str
    secret: str

    def __repr__(self) -> str:
        return f"AmiLogin({self.username}@{self.host}:{self.port})"


@dataclass(frozen=True, slots=True)
class AmiLimits:
    """The timeouts and limits of a session. AMI has no keepalive, so the session sends Ping."""

    connect_seconds: float = 5.0  # from the connection attempt to the banner
    boot_seconds: float = 30.0  # from the login to the event FullyBooted
    reply_seconds: float = 10.0  # from sending an action to its response, or to the end of its list
    ping_seconds: float = 5.0  # between two Pings
    dead_seconds: float = 10.0  # of silence from Asterisk, after which the session is lost
    outstanding_actions: int = 1000  # sent and unanswered at once; further actions are queued
    list_items: int = 50_000  # events in one list


class Waiter(Protocol):
    """The object through which a caller waits for the outcome of an action, such as an `asyncio.Future`."""

    def cancelled(self) -> bool:
        """Return whether the code that sent the action no longer waits for its response."""
        ...


@dataclass(slots=True, eq=False)
class Action:
    """An AMI action that was sent or waits to be sent, and its outcome."""

    name: str
    action_id: str
    data: bytes  # the encoded action, or b"" once it has been written
    started_at: float
    deadline: float
    items: list[AmiMessage] | None  # the events of a list so far, or None if the action has a single response
    outcome: AmiMessage | SwitchError | None = None  # the response, or the last event of a list; None until then
    waiter: Waiter | None = None  # a queued action whose caller has stopped waiting is not sent


class AmiSession:
    """The state of one AMI session, from the connection to its end.

    Attributes:
        deadline: when to call `run_due_timeouts_and_pings` next (monotonic seconds), or infinity.
        ended: why the session has ended, or None while it lasts. Once it has ended, the caller closes the connection.
    """

    def __init__(
        self,
        login: AmiLogin,
        limits: AmiLimits,
        id_prefix: str,
        wanted_events: Collection[str] | None = None,
    ) -> None:
        """Create a session before its connection.

        Args:
            login: the manager's address and account.
            limits: timeouts and limits.
            id_prefix: the start of every ActionID. It must be unique, because a session may receive events of earlier
                sessions' actions.
            wanted_events: the names of the events that `process_received_bytes` returns, or None for all.
        """
        self.ended: SwitchError | None = None
        self.deadline = math.inf
        self._account = login
        self._limits = limits
        self._wanted_events = None if wanted_events is None else frozenset(wanted_events)
        self._decoder = AmiDecoder(wanted_events=self._wanted_events)
        self._id_prefix = id_prefix
        self._ids = 0
        self._may_write = False
        self._connected = False
        self._login: Action | None = None
        self._ping: Action | None = None
        self.is_stopping = False
        """Whether Asterisk has refused an action because it is shutting down."""
        self._pending: dict[str, Action] = {}  # written or in the outbox, by ActionID
        self._queue: OrderedDict[str, Action] = OrderedDict()  # not in the outbox yet, by ActionID
        self._outbox: list[Action] = []
        self._outbox_bytes = 0
        self._lists = 0  # pending actions that are answered by a list
        self._received_at = 0.0
        self._expiry_due = math.inf
        self._ping_due = math.inf
        self._silence_due = math.inf

    @property
    def manager_banner(self) -> str:
        """The first line from Asterisk, with the name and version of its manager, or "" before it has arrived."""
        return self._decoder.banner

    def get_age_of_oldest_pending_action(self, now: float) -> float:
        """Return how long the oldest AMI action or Ping without a response has waited so far (s).

        It grows if Asterisk hangs.
        """
        oldest = next(iter(self._pending.values()), None)
        return 0.0 if oldest is None else now - oldest.started_at

    def mark_connection_open(self, now: float) -> None:
        """Record that the TCP connection of the session is open, so that actions can be sent."""
        self._connected = self._may_write = True
        self._received_at = now
        self._silence_due = now + self._limits.dead_seconds
        self._update_timer_deadline()

    def set_connection_writable(self, may_write: bool) -> None:
        """Set whether the TCP connection accepts more bytes to send. While it does not, actions stay in the queue."""
        self._may_write = may_write

    def queue_login_action(self, now: float) -> Action:
        """Queue the Login action. Once it has succeeded the session sends Pings. Raises as `queue_ami_action` does."""
        account = self._account
        fields = [("Username", account.username), ("Secret", account.secret), ("Events", "on")]
        self._login = self.queue_ami_action("Login", fields, now)
        return self._login

    def queue_ami_action(
        self,
        name: str,
        fields: Iterable[tuple[str, str]],
        now: float,
        *,
        action_id: str | None = None,
        timeout_seconds: float | None = None,
        listing: bool = False,
    ) -> Action:
        """Queue an AMI action to be sent, and return it.

        The caller writes it with `pop_bytes_to_write`. Once the action has an outcome, the function that ended it
        returns it: `process_received_bytes`, `run_due_timeouts_and_pings` or `end_ami_session`. `listing` says that
        Asterisk answers with a list of events.

        Raises:
            UnsafeValue: a field cannot be sent safely.
            SwitchUnreachable: there is no connection.
            SwitchError: another action uses this ActionID.
        """
        action_id = action_id or self._make_action_id()
        data = encode_action(name, fields, action_id)
        if self.ended is not None:
            raise SwitchUnreachable(str(self.ended))
        if not self._connected:
            raise SwitchUnreachable(
                "Asterisk's manager is not connected, so nothing was sent: check that Asterisk is running"
            )
        seconds = self._limits.reply_seconds if timeout_seconds is None else timeout_seconds
        action = Action(name, action_id, data, now, now + seconds, [] if listing else None)
        if action_id in self._pending or action_id in self._queue:
            raise SwitchError(f"AMI action {name} was not sent: another action uses its ActionID, choose a new one")
        if self._queue or not self._can_send_further_action():
            self._queue[action_id] = action
        else:
            self._move_action_to_write_buffer(action)
        if action.deadline < self._expiry_due:
            self._expiry_due = action.deadline
            self.deadline = min(self.deadline, action.deadline)
        return action

    def stop_waiting_for_action(self, action: Action) -> None:
        """Stop waiting for an AMI action. An action that is still queued is not sent. If the action was sent, its
        response will be ignored.
        """
        if self._pending.get(action.action_id) is action:
            self._remove_pending_action(action)
        elif self._queue.get(action.action_id) is action:
            del self._queue[action.action_id]

    @property
    def has_bytes_to_write(self) -> bool:
        """Whether `pop_bytes_to_write` may return bytes now."""
        return bool(self._outbox or (self._queue and self._can_send_further_action())) and self.ended is None

    @property
    def is_write_batch_full(self) -> bool:
        """Whether WRITE_BYTES or more are waiting to be written."""
        return self._outbox_bytes >= WRITE_BYTES

    def pop_bytes_to_write(self) -> bytes:
        """Return the next bytes to write, or b"" if there are none. The actions in these bytes count as sent from now on."""
        if self.ended is not None:
            return b""
        if self._queue:
            self._move_queued_actions_to_write_buffer()
        outbox = self._outbox
        data = b"".join([action.data for action in outbox])
        for action in outbox:
            action.data = b""
        outbox.clear()
        self._outbox_bytes = 0
        return data

    def process_received_bytes(self, data: bytes, now: float) -> list[AmiMessage | Action]:
        """Process bytes received from Asterisk. Return the completed events and the actions that have ended, in order.

        Bytes that are not AMI end the session, and with it all unanswered actions.
        """
        if self.ended is not None:
            return []
        self._received_at = now
        try:
            messages = self._decoder.decode_bytes(data)
        except ProtocolError as error:
            return list(self.end_ami_session(error))
        received: list[AmiMessage | Action] = []
        keep = self._wanted_events
        for message in messages:
            event = message.event_name
            if not event:
                action = self._handle_action_response(message, now)
                if action is not None:
                    received.append(action)
            elif self._lists and (action := self._pending.get(message.action_id)) and action.items is not None:
                if self._add_event_to_list_action(action, action.items, message):
                    received.append(action)
            elif keep is None or event in keep:
                received.append(message)
        return received

    def run_due_timeouts_and_pings(self, now: float) -> list[Action]:
        """Time out overdue actions, and send a Ping if one is due. Return the actions that ended.

        Call this at `deadline`. If Asterisk has been silent for too long, the session ends.
        """
        if self.ended is not None:
            return []
        timed_out: list[Action] = []
        if self._expiry_due <= now:
            timed_out = self._end_timed_out_actions(now)
        if self._silence_due <= now:
            self._silence_due = self._received_at + self._limits.dead_seconds
            if self._silence_due <= now:
                silence = SwitchUnreachable(f"Asterisk's manager was silent for {self._limits.dead_seconds:g} s")
                return timed_out + self.end_ami_session(silence)
        if self._ping_due <= now:
            self._ping_due = now + self._limits.ping_seconds
            if self._may_write and (self._ping is None or self._ping.action_id not in self._pending):
                self._send_ping(now)
        self._update_timer_deadline()
        return timed_out

    def on_connection_lost(self, error: Exception | None) -> list[Action]:
        """End the session because its connection was lost. `error` is the cause, if there is one. Return every
        unanswered action, as `end_ami_session` does.
        """
        how = "closed the connection" if error is None else f"was cut off ({error})"
        where = " in the middle of a message" if self._decoder.has_incomplete_message else ""
        return self.end_ami_session(SwitchUnreachable(f"Asterisk's manager {how}{where}"))

    def end_ami_session(self, reason: SwitchError) -> list[Action]:
        """End the session. Return every unanswered action, with its error as the outcome.

        An Originate that was sent ends with OriginateUnsure, because its call may exist. If the session has ended
        already, return no actions.
        """
        if self.ended is not None:
            return []
        self.ended = reason
        self.deadline = math.inf
        waiting = [action for action in (*self._pending.values(), *self._queue.values()) if action is not self._ping]
        for action in waiting:
            action.outcome = _make_no_response_error(action, SwitchUnreachable(str(reason)))
        self._pending.clear()
        self._queue.clear()
        self._outbox.clear()
        self._lists = 0
        return waiting

    def _make_action_id(self) -> str:
        self._ids += 1
        return f"{self._id_prefix}-{self._ids}"

    def _update_timer_deadline(self) -> None:
        self.deadline = min(self._expiry_due, self._ping_due, self._silence_due)

    def _can_send_further_action(self) -> bool:
        """Return whether another action may be sent now: the connection is writable, and not too many actions are
        unanswered.

        The session's Ping does not count.
        """
        pings = self._ping is not None and self._ping.action_id in self._pending
        return self._may_write and len(self._pending) - pings < self._limits.outstanding_actions

    def _move_queued_actions_to_write_buffer(self) -> None:
        """Move AMI actions from the queue to the buffer of bytes to write, in their order, up to WRITE_BYTES."""
        while self._queue and self._outbox_bytes < WRITE_BYTES and self._can_send_further_action():
            _, action = self._queue.popitem(last=False)
            if action.waiter is None or not action.waiter.cancelled():
                self._move_action_to_write_buffer(action)

    def _move_action_to_write_buffer(self, action: Action) -> None:
        self._pending[action.action_id] = action
        self._outbox.append(action)
        self._outbox_bytes += len(action.data)
        if action.items is not None:
            self._lists += 1
            self._decoder.set_wanted_events(None)

    def _remove_pending_action(self, action: Action) -> None:
        """Remove an action from those that wait for a response."""
        del self._pending[action.action_id]
        if action.items is not None:
            self._lists -= 1
            if not self._lists:
                self._decoder.set_wanted_events(self._wanted_events)

    def _end_action_with_outcome(self, action: Action, outcome: AmiMessage | SwitchError) -> Action:
        self._remove_pending_action(action)
        action.outcome = outcome
        return action

    def _handle_action_response(self, message: AmiMessage, now: float) -> Action | None:
        """Find the AMI action to which a response belongs, and return it if the response ends it, otherwise None.

        Asterisk may send responses in any order, late or twice. A response to no waiting action is ignored.
        """
        action = self._pending.get(message.action_id)
        if action is None:
            _log.debug("ami.response_dropped", response=message.response_status)
        elif action is self._ping:
            self.is_stopping = self.is_stopping or _is_asterisk_stopping(message)
            self._remove_pending_action(action)
        elif message.is_error_response:
            self.is_stopping = self.is_stopping or _is_asterisk_stopping(message)
            if action.items is not None and message.get("Message") in _EMPTY_LIST:
                return self._end_action_with_outcome(action, message)
            return self._end_action_with_outcome(
                action, make_refusal_error(action.name, message, self._account.username)
            )
        elif action.items is None:
            if action is self._login:
                self._ping_due = now + self._limits.ping_seconds
                self._update_timer_deadline()
            return self._end_action_with_outcome(action, message)
        return None

    def _add_event_to_list_action(self, action: Action, items: list[AmiMessage], message: AmiMessage) -> bool:
        """Add an event to the list of events that answers an AMI action. Return whether the list is complete."""
        if message.get("EventList").lower() in _LIST_ENDS:
            self._end_action_with_outcome(action, message)
        elif len(items) < self._limits.list_items:
            items.append(message)
            return False
        else:
            most = self._limits.list_items
            self._end_action_with_outcome(
                action, SwitchError(f"Asterisk's list in answer to {action.name} has over {most} events")
            )
        return True

    def _end_timed_out_actions(self, now: float) -> list[Action]:
        timed_out = [action for action in (*self._pending.values(), *self._queue.values()) if action.deadline <= now]
        for action in timed_out:
            seconds = action.deadline - action.started_at
            if action.data:
                action.outcome = SwitchUnreachable(f"{action.name} was not sent: Asterisk answers too slowly")
                self._discard_unsent_action(action)
            else:
                self._end_action_with_outcome(
                    action, _make_no_response_error(action, SwitchError(f"none came within {seconds:.3g} s"))
                )
        waiting = (*self._pending.values(), *self._queue.values())
        self._expiry_due = min((action.deadline for action in waiting), default=math.inf)
        return timed_out

    def _discard_unsent_action(self, action: Action) -> None:
        """Remove an action that has not been sent. Its caller has got an error, so it must never be sent."""
        if self._queue.pop(action.action_id, None) is None:
            self._remove_pending_action(action)
            self._outbox.remove(action)
            self._outbox_bytes -= len(action.data)

    def _send_ping(self, now: float) -> None:
        action_id = self._make_action_id()
        self._ping = Action("Ping", action_id, encode_action("Ping", (), action_id), now, math.inf, None)
        self._move_action_to_write_buffer(self._ping)


def _make_no_response_error(action: Action, reason: SwitchError) -> SwitchError:
    """Return the error to raise for an AMI action that gets no response."""
    if action.name == "Originate" and not action.data:
        return OriginateUnsure(f"no response to an Originate: {reason}; the call may exist: do not repeat it")
    return type(reason)(f"no response to {action.name}: {reason}")


def make_refusal_error(name: str, message: AmiMessage, username: str) -> SwitchError:
    """Return the error to raise for an Error response to the AMI action `name`."""
    text = message.get("Message", "no reason given")
    if text == "Permission denied":
        return PermissionMissing(
            f"manager user {username} has no permission for {name}: in manager.conf, section [{username}], "
            "write the line `write = originate,call,reporting`, then run `manager reload`"
        )
    if _is_asterisk_stopping(message) and name != "Originate":
        return SwitchStopping(
            f"Asterisk is shutting down and refused {name}: calls are placed again once it has restarted"
        )
    if name == "Login":
        return LoginRefused(
            f"Asterisk refused manager user {username} ({text}): compare `ami.username` and `ami.secret` with manager.conf"
        )
    if name == "Originate":
        return OriginateRefused(f"Asterisk refused to place a call: {text}")
    if name == "Command":
        text = message.get("Output", text)
    return SwitchError(f"Asterisk refused {name}: {text}")


def _is_asterisk_stopping(message: AmiMessage) -> bool:
    """Return whether a response says that Asterisk is shutting down."""
    return message.is_error_response and message.get("Message") == _STOPPING
