"""Commands from supervisors: read and checked purely, executed once, answered on the reply topic."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import inf
from typing import Any, Literal

import structlog

from config.errors import MatdanError
from dialer.clock import Clock
from dialer.commands import Command
from dialer.errors import CommandRefused, StoreError
from dialer.monitor import topics
from dialer.monitor.command_table import COMMANDS, CommandKind
from dialer.monitor.command_values import VALUES, read_value
from dialer.monitor.payloads import ReplyPayload
from dialer.store.port import Store

_log = structlog.get_logger(__name__)

MOST_BYTES = 32_768  # a full batch of marks is the longest
FURTHEST_EXPIRY_SECONDS = 86_400.0  # also catches milliseconds taken for seconds
WAITING_COMMANDS = 100

_IDENTIFIER = re.compile(r"[A-Za-z0-9._-]{1,64}")
_BEGUN = "it was begun, and the dialler stopped before it had ended: look what has become of it, then send a new one"
_KEYS = frozenset({"id", "name", "expires_at", "role", *VALUES})


@dataclass(frozen=True, slots=True)
class AcceptedCommand:
    """A command that may be executed."""

    command_id: str
    name: str
    command: Command
    role: str | None
    repeatable: bool = True


@dataclass(frozen=True, slots=True)
class RefusedCommand:
    """A command that must not be executed. Without an id nobody can be answered."""

    command_id: str | None
    text: str


def parse_command(payload: bytes, *, retained: bool, now: float) -> AcceptedCommand | RefusedCommand:
    """Read a message on the commands topic; `now` in epoch seconds. Never raises for what a sender writes."""
    command_id: str | None = None
    try:
        fields = _read_object(payload)
        command_id = _identifier(fields, "id")
        if retained:
            raise CommandRefused(
                "a command must not be retained: publish it again without the retain flag and with a new id"
            )
        _refuse_unknown_keys(fields)
        role = _identifier(fields, "role") if fields.get("role") is not None else None
        _refuse_expired(fields, now)
        name, kind = _kind(fields)
        _refuse_role(name, kind, role)
        command = kind.make(*_needed(name, kind, fields))
    except CommandRefused as refused:
        return RefusedCommand(command_id, str(refused))
    return AcceptedCommand(command_id, name, command, role, kind.repeatable)


def _read_object(payload: bytes) -> dict[str, Any]:
    if len(payload) > MOST_BYTES:
        raise CommandRefused(f"the command is longer than {MOST_BYTES} bytes")
    try:
        fields = json.loads(payload, object_pairs_hook=_unique_keys)
    except (ValueError, RecursionError) as error:
        raise CommandRefused("the command is not JSON (UTF-8)") from error
    if not isinstance(fields, dict):
        raise CommandRefused("the command is not a JSON object")
    return fields


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise CommandRefused("the command names a key twice")
    return dict(pairs)


def _identifier(fields: dict[str, Any], key: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        raise CommandRefused(f"`{key}` must be 1 to 64 letters, digits, dots, dashes or underscores")
    return value


def _refuse_unknown_keys(fields: dict[str, Any]) -> None:
    if not fields.keys() <= _KEYS:
        raise CommandRefused(f"the command has unknown keys; known are {', '.join(sorted(_KEYS))}")


def _refuse_expired(fields: dict[str, Any], now: float) -> None:
    expires_at = fields.get("expires_at")
    if isinstance(expires_at, bool) or not isinstance(expires_at, int | float) or not -inf < expires_at < inf:
        raise CommandRefused("`expires_at` must be epoch seconds, UTC")
    if expires_at <= now:
        raise CommandRefused("the command has expired: send it again with a new id, and compare the two clocks")
    if expires_at > now + FURTHEST_EXPIRY_SECONDS:
        raise CommandRefused("`expires_at` is more than a day ahead: it must be epoch seconds, UTC")


def _kind(fields: dict[str, Any]) -> tuple[str, CommandKind]:
    name = fields.get("name")
    if not isinstance(name, str) or name not in COMMANDS:
        raise CommandRefused(f"`name` must be {', '.join(list(COMMANDS)[:-1])} or {list(COMMANDS)[-1]}")
    return name, COMMANDS[name]


def _refuse_role(name: str, kind: CommandKind, role: str | None) -> None:
    if kind.roles is not None and role not in kind.roles:
        allowed = " or ".join(sorted(kind.roles))
        raise CommandRefused(
            f"`{name}` is for the role {allowed}; {'none was given' if role is None else 'not for yours'}"
        )


def _needed(name: str, kind: CommandKind, fields: dict[str, Any]) -> list[Any]:
    """The values that the command needs, each as it must be, and no other one. Raises CommandRefused."""
    for key in VALUES.keys() - set(kind.needs):
        if fields.get(key) is not None:
            raise CommandRefused(f"`{name}` takes no `{key}`: leave `{key}` out")
    return [read_value(name, key, fields.get(key)) for key in kind.needs]


class CommandDesk:
    """Executes commands one after another, whatever becomes of the connection meanwhile."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        execute: Callable[[Command], Awaitable[str]],
        outbox_event: asyncio.Event,
    ) -> None:
        self._store = store
        self._clock = clock
        self._execute = execute
        self._outbox_event = outbox_event
        self._waiting: asyncio.Queue[AcceptedCommand | RefusedCommand] = asyncio.Queue(WAITING_COMMANDS)

    @property
    def waiting(self) -> int:
        """Commands that are not executed yet."""
        return self._waiting.qsize()

    def offer(self, payload: bytes, *, retained: bool) -> None:
        """Take a message of the commands topic. An empty one is the clearing of a retained one, and no command."""
        if not payload:
            return
        parsed = parse_command(payload, retained=retained, now=self._clock.now())
        try:
            self._waiting.put_nowait(parsed)
        except asyncio.QueueFull:
            _log.warning("command.flood", waiting=WAITING_COMMANDS)  # unanswered: the sender repeats it, same id

    async def run(self) -> None:
        """Execute and answer until cancelled."""
        while True:
            parsed = await self._waiting.get()
            try:
                await self.handle(parsed)
            except StoreError as error:
                _log.error("command.unanswered", command=parsed.command_id, problem=str(error))
            except Exception:  # noqa: BLE001 - one message must never end the dialler; it is logged whole
                _log.exception("command.failed", command=parsed.command_id)
                await self._tell_failed(parsed)

    async def _tell_failed(self, parsed: AcceptedCommand | RefusedCommand) -> None:
        if parsed.command_id is not None:
            text = "the dialler could not do it, and its log says why; look at what is now before you send it again"
            with contextlib.suppress(StoreError):
                await self._answer(ReplyPayload(parsed.command_id, "refused", text, round(self._clock.now(), 3)))

    async def handle(self, parsed: AcceptedCommand | RefusedCommand) -> None:
        """Execute a command unless it was before, and answer it.

        A repeatable one is recorded after it was executed: should the dialler die between the two, a repeated command is
        executed again, which changes nothing, while one that was only recorded would never stop anything. Any other one is
        recorded before, for a second hang-up or transfer would meet the next voter: should the dialler die in the middle, a
        repeat is told so and nothing more is done.
        """
        if isinstance(parsed, RefusedCommand):
            _log.warning("command.refused", command=parsed.command_id, why=parsed.text)
            if parsed.command_id is not None:
                await self._answer(ReplyPayload(parsed.command_id, "refused", parsed.text, round(self._clock.now(), 3)))
            return
        kept = await self._store.command_reply(parsed.command_id)
        if kept is None:
            kept = await (self._do_and_record(parsed) if parsed.repeatable else self._record_and_do(parsed))
        await self._answer(ReplyPayload(id=parsed.command_id, **json.loads(kept)))

    async def _do_and_record(self, parsed: AcceptedCommand) -> str:
        reply = self._reply(parsed, *await self._try(parsed))
        await self._store.record_command(parsed.command_id, parsed.name, reply, self._clock.now())
        return reply

    async def _record_and_do(self, parsed: AcceptedCommand) -> str:
        now = self._clock.now()
        begun = json.dumps({"status": "refused", "text": _BEGUN, "at": round(now, 3)})
        await self._store.record_command(parsed.command_id, parsed.name, begun, now)
        try:
            status, text = await self._try(parsed)
        except StoreError as error:
            status, text = "refused", f"it was not kept: {error}"
        reply = self._reply(parsed, status, text)
        await self._store.complete_command(parsed.command_id, reply)
        return reply

    def _reply(self, parsed: AcceptedCommand, status: str, text: str) -> str:
        _log.info("command.executed", command=parsed.command_id, name=parsed.name, role=parsed.role, status=status)
        return json.dumps({"status": status, "text": text, "at": round(self._clock.now(), 3)})

    async def _try(self, accepted: AcceptedCommand) -> tuple[Literal["done", "refused"], str]:
        try:
            return "done", await self._execute(accepted.command)
        except StoreError:
            raise  # of a repeatable one nothing was decided: a repeat may succeed
        except MatdanError as error:
            return "refused", str(error)

    async def _answer(self, reply: ReplyPayload) -> None:
        await self._store.announce([topics.reply_announcement(reply)], self._clock.now())
        self._outbox_event.set()
