"""A session with Asterisk's manager without I/O: bytes and the time in; events, answers, bytes to write and a deadline out.

`AmiClient` pumps: what it reads goes into `receive`, what `writes` returns onto the wire, and at `deadline` it calls `tick`. All
times are seconds on one monotonic clock of the caller's. Nothing is ever sent twice: what a lost session leaves open is for a
resync to find out (see `ami_client.ami_link`).
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

WRITE_BYTES: Final = 65_536  # at once, so that an Asterisk that reads no more is noticed before all is in our buffers
_NOTHING_TO_LIST: Final = frozenset({"No active conferences."})  # an Error, where an empty list is meant
_LIST_ENDS: Final = frozenset({"complete", "cancelled"})


@dataclass(frozen=True, slots=True)
class AmiLogin:
    """Where the manager listens, and who we are there."""

    host: str
    port: int
    username: str
    secret: str

    def __repr__(self) -> str:
        return f"AmiLogin({self.username}@{self.host}:{self.port})"


@dataclass(frozen=True, slots=True)
class AmiLimits:
    """How long a session waits and how much it holds. AMI has no keepalive, hence the Ping."""

    connect_seconds: float = 5.0  # to the banner
    boot_seconds: float = 30.0  # from the login until Asterisk says that it is fully booted
    reply_seconds: float = 10.0  # an action's, Login's and a whole list's
    ping_seconds: float = 5.0
    dead_seconds: float = 10.0  # without any byte from Asterisk
    outstanding_actions: int = 1000  # further ones wait for their turn
    list_items: int = 50_000


class Waiter(Protocol):
    """Whoever waits for an action, as an `asyncio.Future`."""

    def cancelled(self) -> bool:
        """Whether he waits no more."""
        ...


@dataclass(slots=True, eq=False)
class Action:
    """An action that was asked for, and how it ended."""

    name: str
    action_id: str
    data: bytes  # still to be written; b"" from then on
    begun_at: float
    deadline: float
    items: list[AmiMessage] | None  # of a list, as they come; None: one response is the whole answer
    outcome: AmiMessage | SwitchError | None = None  # the response, or a list's last event; None while it waits
    waiter: Waiter | None = None  # the caller's own; an action whose waiter has left gets no turn


class AmiSession:
    """One session, from the connection to its loss.

    `deadline` is when to call `tick` next, infinity for never. `ended` says why the session is over, None while it is not: its
    connection is then to be closed, and whatever is sent raises.
    """

    def __init__(
        self,
        login: AmiLogin,
        limits: AmiLimits,
        id_prefix: str,
        keep_events: Collection[str] | None = None,
    ) -> None:
        """`id_prefix` begins every ActionID and must be no other session's: a new one may receive what a dead one's action caused.
        `keep_events` are the names of the events that `receive` returns, None for all.
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
        self._pending: dict[str, Action] = {}  # written or about to be, by ActionID
        self._queue: OrderedDict[str, Action] = OrderedDict()  # without a turn yet, by ActionID
        self._outbox: list[Action] = []
        self._outbox_bytes = 0
        self._lists = 0  # of the pending
        self._heard_at = 0.0
        self._expiry_due = math.inf
        self._ping_due = math.inf
        self._silence_due = math.inf

    @property
    def banner(self) -> str:
        """What Asterisk calls its manager, "" before it said so."""
        return self._decoder.banner

    def oldest_unanswered_seconds(self, now: float) -> float:
        """How long the oldest action (or Ping) has waited: it grows at once when a connection is half open."""
        oldest = next(iter(self._pending.values()), None)
        return 0.0 if oldest is None else now - oldest.begun_at

    def connected(self, now: float) -> None:
        """The connection is open."""
        self._connected = self._may_write = True
        self._heard_at = now
        self._silence_due = now + self._limits.dead_seconds
        self._set_deadline()

    def set_writable(self, may_write: bool) -> None:
        """Whether Asterisk reads what we write: while it does not, actions wait for their turn."""
        self._may_write = may_write

    def log_in(self, now: float) -> Action:
        """Send Login; from its success on the session pings. Raises as `send` does."""
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
        """Enter an action, of a list if `listing`; it leaves with `writes` and comes back, ended, from `receive`, `tick` or `lose`.

        Raises UnsafeValue, SwitchUnreachable (there is no connection, or no more) or SwitchError (its ActionID still waits);
        nothing was sent then.
        """
        action_id = action_id or self._next_id()
        data = encode_action(name, fields, action_id)
        if self.ended is not None:
            raise SwitchUnreachable(str(self.ended))
        if not self._connected:
            raise SwitchUnreachable("there is no connection to Asterisk's manager; nothing was sent")
        seconds = self._limits.reply_seconds if timeout_seconds is None else timeout_seconds
        action = Action(name, action_id, data, now, now + seconds, [] if listing else None)
        if action_id in self._pending or action_id in self._queue:
            raise SwitchError(f"the ActionID of this {name} is in use by one that waits; nothing was sent")
        if self._queue or not self._has_turn():
            self._queue[action_id] = action
        else:
            self._enter(action)
        if action.deadline < self._expiry_due:
            self._expiry_due = action.deadline
            self.deadline = min(self.deadline, action.deadline)
        return action

    def abandon(self, action: Action) -> None:
        """Nobody waits for it any more. It never leaves if it had no turn yet; else its turn is free, whatever Asterisk does."""
        if self._pending.get(action.action_id) is action:
            self._strike(action)
        elif self._queue.get(action.action_id) is action:
            del self._queue[action.action_id]

    @property
    def has_writes(self) -> bool:
        """Whether `writes` would return something now, as far as one can tell without doing it."""
        return bool(self._outbox or (self._queue and self._has_turn())) and self.ended is None

    @property
    def write_is_due(self) -> bool:
        """Whether more is ready to be written than should be held."""
        return self._outbox_bytes >= WRITE_BYTES

    def writes(self) -> bytes:
        """The next bytes to write, b"" when there are none for now. What they hold counts as written."""
        if self.ended is not None:
            return b""
        if self._queue:
            self._give_turns()
        outbox = self._outbox
        data = b"".join([action.data for action in outbox])
        for action in outbox:
            action.data = b""
        outbox.clear()
        self._outbox_bytes = 0
        return data

    def receive(self, data: bytes, now: float) -> list[AmiMessage | Action]:
        """Take bytes and return the events they complete and the actions they end, in their order.

        What is no AMI ends the session: `ended` says so, and the actions that it takes along are returned.
        """
        if self.ended is not None:
            return []
        self._heard_at = now
        try:
            messages = self._decoder.feed(data)
        except ProtocolError as error:
            return list(self.lose(error))
        came: list[AmiMessage | Action] = []
        keep = self._keep
        for message in messages:
            event = message.event
            if not event:
                action = self._take_response(message, now)
                if action is not None:
                    came.append(action)
            elif self._lists and (action := self._pending.get(message.action_id)) and action.items is not None:
                if self._take_item(action, action.items, message):
                    came.append(action)
            elif keep is None or event in keep:
                came.append(message)
        return came

    def tick(self, now: float) -> list[Action]:
        """Do what is due at `now`: returns the actions whose time has run out, all where Asterisk was silent too long."""
        if self.ended is not None:
            return []
        over: list[Action] = []
        if self._expiry_due <= now:
            over = self._expire(now)
        if self._silence_due <= now:
            self._silence_due = self._heard_at + self._limits.dead_seconds
            if self._silence_due <= now:
                silence = SwitchUnreachable(f"Asterisk's manager was silent for {self._limits.dead_seconds:g} s")
                return over + self.lose(silence)
        if self._ping_due <= now:
            self._ping_due = now + self._limits.ping_seconds
            if self._may_write and (self._ping is None or self._ping.action_id not in self._pending):
                self._send_ping(now)
        self._set_deadline()
        return over

    def disconnected(self, error: Exception | None) -> list[Action]:
        """The connection is gone, by that error if there was one; as `lose`."""
        how = "closed the connection" if error is None else f"was cut off ({error})"
        where = " in the middle of a message" if self._decoder.mid_message else ""
        return self.lose(SwitchUnreachable(f"Asterisk's manager {how}{where}"))

    def lose(self, reason: SwitchError) -> list[Action]:
        """The session is over. Returns every action that still waited, each with what is known of it: an Originate that was
        written is OriginateUnsure, for nobody knows whether it rings. Only the first reason counts.
        """
        if self.ended is not None:
            return []
        self.ended = reason
        self.deadline = math.inf
        over = [action for action in (*self._pending.values(), *self._queue.values()) if action is not self._ping]
        for action in over:
            action.outcome = _unanswered(action, SwitchUnreachable(str(reason)))
        self._pending.clear()
        self._queue.clear()
        self._outbox.clear()
        self._lists = 0
        return over

    def _next_id(self) -> str:
        self._ids += 1
        return f"{self._id_prefix}-{self._ids}"

    def _set_deadline(self) -> None:
        self.deadline = min(self._expiry_due, self._ping_due, self._silence_due)

    def _has_turn(self) -> bool:
        """Whether one more action may leave. The session's own Ping takes nobody's turn."""
        pings = self._ping is not None and self._ping.action_id in self._pending
        return self._may_write and len(self._pending) - pings < self._limits.outstanding_actions

    def _give_turns(self) -> None:
        """First come, first served, no more at once than should be written at once."""
        while self._queue and self._outbox_bytes < WRITE_BYTES and self._has_turn():
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

    def _strike(self, action: Action) -> None:
        """It waits no more."""
        del self._pending[action.action_id]
        if action.items is not None:
            self._lists -= 1
            if not self._lists:
                self._decoder.keep_only(self._keep)

    def _end(self, action: Action, outcome: AmiMessage | SwitchError) -> Action:
        self._strike(action)
        action.outcome = outcome
        return action

    def _take_response(self, message: AmiMessage, now: float) -> Action | None:
        """The action that a response ends. It may come in any order, late, repeated or unasked: one that nobody waits for is
        dropped.
        """
        action = self._pending.get(message.action_id)
        if action is None:
            _log.debug("ami.response_unclaimed", response=message.response)
        elif action is self._ping:
            self._strike(action)
        elif message.is_error:
            if action.items is not None and message.get("Message") in _NOTHING_TO_LIST:
                return self._end(action, message)
            return self._end(action, refusal(action.name, message, self._account.username))
        elif action.items is None:
            if action is self._login:
                self._ping_due = now + self._limits.ping_seconds
                self._set_deadline()
            return self._end(action, message)
        return None

    def _take_item(self, action: Action, items: list[AmiMessage], message: AmiMessage) -> bool:
        """Give an event to the list that it belongs to; whether it ends it."""
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
        over = [action for action in (*self._pending.values(), *self._queue.values()) if action.deadline <= now]
        for action in over:
            seconds = action.deadline - action.begun_at
            if action.data:
                action.outcome = SwitchUnreachable(
                    f"Asterisk does not keep up with us; this {action.name} was not sent"
                )
                self._forget_unsent(action)
            else:
                self._end(action, _unanswered(action, SwitchError(f"none came within {seconds:.3g} s")))
        waiting = (*self._pending.values(), *self._queue.values())
        self._expiry_due = min((action.deadline for action in waiting), default=math.inf)
        return over

    def _forget_unsent(self, action: Action) -> None:
        """What its caller is told was not sent must not leave."""
        if self._queue.pop(action.action_id, None) is None:
            self._strike(action)
            self._outbox.remove(action)
            self._outbox_bytes -= len(action.data)

    def _send_ping(self, now: float) -> None:
        action_id = self._next_id()
        self._ping = Action("Ping", action_id, encode_action("Ping", (), action_id), now, math.inf, None)
        self._enter(self._ping)


def _unanswered(action: Action, reason: SwitchError) -> SwitchError:
    """What an action that waited ends with when no answer will come."""
    if action.name == "Originate" and not action.data:
        return OriginateUnsure(f"an Originate has no answer: {reason}; the call may exist, do not repeat it")
    return type(reason)(f"{action.name} has no answer: {reason}")


def refusal(name: str, message: AmiMessage, username: str) -> SwitchError:
    """The error that the Error response `message` to the action `name` means."""
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
