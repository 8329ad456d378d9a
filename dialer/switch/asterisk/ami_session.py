"""A session with Asterisk's manager without I/O: bytes and time in; events, responses, bytes to write and a deadline out.

`AmiClient` moves the data: it passes what it reads to `receive`, writes what `writes` returns, and calls `tick` at
`deadline`. All times are seconds on one monotonic clock of the caller's. Nothing is ever sent twice: what became of the
actions that a lost session left open is for a resync to find out (`dialer.switch.asterisk.ami_link`).
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
    SwitchUnreachable,
)
from dialer.switch.asterisk.ami_codec import AmiDecoder, AmiMessage, encode_action

_log = structlog.get_logger(__name__)

WRITE_BYTES: Final = 65_536  # at once; more would fill our buffers before we notice that Asterisk has stopped reading
_EMPTY_LIST: Final = frozenset({"No active conferences."})  # an Error that means an empty list
_LIST_ENDS: Final = frozenset({"complete", "cancelled"})


@dataclass(frozen=True, slots=True)
class AmiLogin:
    """Where the manager listens, and our account there."""

    host: str
    port: int
    username: str
    secret: str

    def __repr__(self) -> str:
        return f"AmiLogin({self.username}@{self.host}:{self.port})"


@dataclass(frozen=True, slots=True)
class AmiLimits:
    """How long a session waits and how much it holds. AMI has no keepalive, so the session sends Ping."""

    connect_seconds: float = 5.0  # to the banner
    boot_seconds: float = 30.0  # from the login until Asterisk reports that it is fully booted
    reply_seconds: float = 10.0  # for an action, Login and a whole list
    ping_seconds: float = 5.0
    dead_seconds: float = 10.0  # without a byte from Asterisk until the session is lost
    outstanding_actions: int = 1000  # more wait in the queue
    list_items: int = 50_000


class Waiter(Protocol):
    """The caller that waits for an action, such as an `asyncio.Future`."""

    def cancelled(self) -> bool:
        """Return whether the caller has stopped waiting."""
        ...


@dataclass(slots=True, eq=False)
class Action:
    """An action and its outcome."""

    name: str
    action_id: str
    data: bytes  # to write; b"" once it is written
    begun_at: float
    deadline: float
    items: list[AmiMessage] | None  # events of a list, as they come; None: the action has a single response
    outcome: AmiMessage | SwitchError | None = None  # the response, or the last event of a list; None while it waits
    waiter: Waiter | None = None  # a queued action whose caller has stopped waiting is not sent


class AmiSession:
    """One session, from the connection to its loss.

    `deadline` is when to call `tick` next; infinity: never. `ended` is the reason once the session is over, else None;
    the caller then closes the connection, and `send` raises.
    """

    def __init__(
        self,
        login: AmiLogin,
        limits: AmiLimits,
        id_prefix: str,
        keep_events: Collection[str] | None = None,
    ) -> None:
        """`id_prefix` begins every ActionID and must be unique: a session may receive events that a dead session's actions
        caused. `keep_events` are the names of the events that `receive` returns; None: all.
        """
        self.ended: SwitchError | None = None
        self.deadline = math.inf
        self._account = login
        self._limits = limits
        self._keep = None if keep_events is None else frozenset(keep_events)
        self._decoder = AmiDecoder(keep_events=self._keep)
        self._id_prefix = id_prefix
        self._ids = 0
        self._may_write = False
        self._connected = False
        self._login: Action | None = None
        self._ping: Action | None = None
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
    def banner(self) -> str:
        """Asterisk's first line, with its manager's name and version; "" before it came."""
        return self._decoder.banner

    def oldest_unanswered_seconds(self, now: float) -> float:
        """Return how long the oldest action (or Ping) has waited. Grows as soon as a connection is half open."""
        oldest = next(iter(self._pending.values()), None)
        return 0.0 if oldest is None else now - oldest.begun_at

    def connected(self, now: float) -> None:
        """Note that the connection is open."""
        self._connected = self._may_write = True
        self._received_at = now
        self._silence_due = now + self._limits.dead_seconds
        self._set_deadline()

    def set_writable(self, may_write: bool) -> None:
        """Note whether Asterisk reads what we write: while it does not, actions wait in the queue."""
        self._may_write = may_write

    def log_in(self, now: float) -> Action:
        """Send Login. After its success the session sends Ping. Raises as `send` does."""
        account = self._account
        fields = [("Username", account.username), ("Secret", account.secret), ("Events", "on")]
        self._login = self.send("Login", fields, now)
        return self._login

    def send(
        self,
        name: str,
        fields: Iterable[tuple[str, str]],
        now: float,
        *,
        action_id: str | None = None,
        timeout_seconds: float | None = None,
        listing: bool = False,
    ) -> Action:
        """Accept an action to send.

        `writes` returns its bytes; `receive`, `tick` or `lose` return it once it has ended.

        `listing` means that it is answered by a list. Raises UnsafeValue, SwitchUnreachable (no connection) or
        SwitchError (its ActionID is in use); nothing is sent then.
        """
        action_id = action_id or self._next_id()
        data = encode_action(name, fields, action_id)
        if self.ended is not None:
            raise SwitchUnreachable(str(self.ended))
        if not self._connected:
            raise SwitchUnreachable("no connection to Asterisk's manager; nothing was sent")
        seconds = self._limits.reply_seconds if timeout_seconds is None else timeout_seconds
        action = Action(name, action_id, data, now, now + seconds, [] if listing else None)
        if action_id in self._pending or action_id in self._queue:
            raise SwitchError(f"the ActionID of this {name} is in use by another action; nothing was sent")
        if self._queue or not self._has_room():
            self._queue[action_id] = action
        else:
            self._enter(action)
        if action.deadline < self._expiry_due:
            self._expiry_due = action.deadline
            self.deadline = min(self.deadline, action.deadline)
        return action

    def abandon(self, action: Action) -> None:
        """Stop waiting for an action.

        It is not sent if it is still in the queue; else its place is free, whatever Asterisk does.
        """
        if self._pending.get(action.action_id) is action:
            self._remove(action)
        elif self._queue.get(action.action_id) is action:
            del self._queue[action.action_id]

    @property
    def has_writes(self) -> bool:
        """Whether `writes` may return something now."""
        return bool(self._outbox or (self._queue and self._has_room())) and self.ended is None

    @property
    def write_is_due(self) -> bool:
        """Whether WRITE_BYTES or more are ready to be written."""
        return self._outbox_bytes >= WRITE_BYTES

    def writes(self) -> bytes:
        """Return the next bytes to write, b"" where there are none. Their actions count as written."""
        if self.ended is not None:
            return b""
        if self._queue:
            self._fill_outbox()
        outbox = self._outbox
        data = b"".join([action.data for action in outbox])
        for action in outbox:
            action.data = b""
        outbox.clear()
        self._outbox_bytes = 0
        return data

    def receive(self, data: bytes, now: float) -> list[AmiMessage | Action]:
        """Process bytes. Return the events that they complete and the actions that they end, in order.

        Bytes that are not AMI end the session: then all actions are returned.
        """
        if self.ended is not None:
            return []
        self._received_at = now
        try:
            messages = self._decoder.feed(data)
        except ProtocolError as error:
            return list(self.lose(error))
        received: list[AmiMessage | Action] = []
        keep = self._keep
        for message in messages:
            event = message.event
            if not event:
                action = self._handle_response(message, now)
                if action is not None:
                    received.append(action)
            elif self._lists and (action := self._pending.get(message.action_id)) and action.items is not None:
                if self._add_item(action, action.items, message):
                    received.append(action)
            elif keep is None or event in keep:
                received.append(message)
        return received

    def tick(self, now: float) -> list[Action]:
        """Do what is due at `now`.

        Return the actions that have timed out; all of them where Asterisk was silent for too long.
        """
        if self.ended is not None:
            return []
        timed_out: list[Action] = []
        if self._expiry_due <= now:
            timed_out = self._expire(now)
        if self._silence_due <= now:
            self._silence_due = self._received_at + self._limits.dead_seconds
            if self._silence_due <= now:
                silence = SwitchUnreachable(f"Asterisk's manager was silent for {self._limits.dead_seconds:g} s")
                return timed_out + self.lose(silence)
        if self._ping_due <= now:
            self._ping_due = now + self._limits.ping_seconds
            if self._may_write and (self._ping is None or self._ping.action_id not in self._pending):
                self._send_ping(now)
        self._set_deadline()
        return timed_out

    def disconnected(self, error: Exception | None) -> list[Action]:
        """Note that the connection is closed, by that error if there was one. Returns as `lose` does."""
        how = "closed the connection" if error is None else f"was cut off ({error})"
        where = " in the middle of a message" if self._decoder.mid_message else ""
        return self.lose(SwitchUnreachable(f"Asterisk's manager {how}{where}"))

    def lose(self, reason: SwitchError) -> list[Action]:
        """End the session. Return every action that was waiting, with its outcome.

        An Originate that was written ends with OriginateUnsure, as its call may exist. Only the first reason counts.
        """
        if self.ended is not None:
            return []
        self.ended = reason
        self.deadline = math.inf
        waiting = [action for action in (*self._pending.values(), *self._queue.values()) if action is not self._ping]
        for action in waiting:
            action.outcome = _unanswered(action, SwitchUnreachable(str(reason)))
        self._pending.clear()
        self._queue.clear()
        self._outbox.clear()
        self._lists = 0
        return waiting

    def _next_id(self) -> str:
        self._ids += 1
        return f"{self._id_prefix}-{self._ids}"

    def _set_deadline(self) -> None:
        self.deadline = min(self._expiry_due, self._ping_due, self._silence_due)

    def _has_room(self) -> bool:
        """Return whether one more action may be sent. The session's own Ping does not count."""
        pings = self._ping is not None and self._ping.action_id in self._pending
        return self._may_write and len(self._pending) - pings < self._limits.outstanding_actions

    def _fill_outbox(self) -> None:
        """Move actions from the queue to the outbox, first come, first served, up to WRITE_BYTES."""
        while self._queue and self._outbox_bytes < WRITE_BYTES and self._has_room():
            _, action = self._queue.popitem(last=False)
            if action.waiter is None or not action.waiter.cancelled():
                self._enter(action)

    def _enter(self, action: Action) -> None:
        self._pending[action.action_id] = action
        self._outbox.append(action)
        self._outbox_bytes += len(action.data)
        if action.items is not None:
            self._lists += 1
            self._decoder.keep_only(None)

    def _remove(self, action: Action) -> None:
        """Remove a pending action."""
        del self._pending[action.action_id]
        if action.items is not None:
            self._lists -= 1
            if not self._lists:
                self._decoder.keep_only(self._keep)

    def _end(self, action: Action, outcome: AmiMessage | SwitchError) -> Action:
        self._remove(action)
        action.outcome = outcome
        return action

    def _handle_response(self, message: AmiMessage, now: float) -> Action | None:
        """Return the action that a response ends; None: none.

        Responses may come in any order, late, twice or unasked: a response to no pending action is dropped.
        """
        action = self._pending.get(message.action_id)
        if action is None:
            _log.debug("ami.response_dropped", response=message.response)
        elif action is self._ping:
            self._remove(action)
        elif message.is_error:
            if action.items is not None and message.get("Message") in _EMPTY_LIST:
                return self._end(action, message)
            return self._end(action, refusal_error(action.name, message, self._account.username))
        elif action.items is None:
            if action is self._login:
                self._ping_due = now + self._limits.ping_seconds
                self._set_deadline()
            return self._end(action, message)
        return None

    def _add_item(self, action: Action, items: list[AmiMessage], message: AmiMessage) -> bool:
        """Add an event to the list of an action. Return whether the list has ended."""
        if message.get("EventList").lower() in _LIST_ENDS:
            self._end(action, message)
        elif len(items) < self._limits.list_items:
            items.append(message)
            return False
        else:
            most = self._limits.list_items
            self._end(action, SwitchError(f"Asterisk's list for {action.name} has over {most} items"))
        return True

    def _expire(self, now: float) -> list[Action]:
        timed_out = [action for action in (*self._pending.values(), *self._queue.values()) if action.deadline <= now]
        for action in timed_out:
            seconds = action.deadline - action.begun_at
            if action.data:
                action.outcome = SwitchUnreachable(f"Asterisk does not keep up; this {action.name} was not sent")
                self._discard_unsent(action)
            else:
                self._end(action, _unanswered(action, SwitchError(f"none came within {seconds:.3g} s")))
        waiting = (*self._pending.values(), *self._queue.values())
        self._expiry_due = min((action.deadline for action in waiting), default=math.inf)
        return timed_out

    def _discard_unsent(self, action: Action) -> None:
        """Make sure that an action whose caller is told that it was not sent is never sent."""
        if self._queue.pop(action.action_id, None) is None:
            self._remove(action)
            self._outbox.remove(action)
            self._outbox_bytes -= len(action.data)

    def _send_ping(self, now: float) -> None:
        action_id = self._next_id()
        self._ping = Action("Ping", action_id, encode_action("Ping", (), action_id), now, math.inf, None)
        self._enter(self._ping)


def _unanswered(action: Action, reason: SwitchError) -> SwitchError:
    """Return the error of an action that gets no response."""
    if action.name == "Originate" and not action.data:
        return OriginateUnsure(f"no response to an Originate: {reason}; the call may exist, do not repeat it")
    return type(reason)(f"no response to {action.name}: {reason}")


def refusal_error(name: str, message: AmiMessage, username: str) -> SwitchError:
    """Return the error for an Error response to the action `name`."""
    text = message.get("Message", "no reason given")
    if text == "Permission denied":
        return PermissionMissing(
            f"manager user {username} may not do {name}: in manager.conf, section [{username}], "
            "write the line `write = originate,call,reporting`, then `manager reload`"
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
