"""Commands from supervisors: read and judged purely, executed once, answered on the reply topic, each in the audit.

A command is known by its sender and id: no sender can use up another's ids. What a sender may ask is the settings' word alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any, Protocol

import structlog

from dialer.domain.audit_chain import canonical
from dialer.domain.clock import Clock
from dialer.domain.errors import CommandRefused, RefusedBecause, StoreError, UnsafeValue
from dialer.domain.model import Receipt
from dialer.domain.view import Alert, AlertLevel
from dialer.engine.campaigns.commands import ResumeCampaign
from dialer.engine.command.registry import (
    COMMANDS,
    VALUES,
    Command,
    CommandKind,
    ReceiptedCommand,
    Urgency,
    read_value,
)
from dialer.errors import MatdanError
from dialer.mqtt import topics
from dialer.mqtt.lanes import Lanes
from dialer.mqtt.payloads import ReplyPayload
from dialer.mqtt.senders import BadSignature, Sender, Senders
from dialer.settings.supervision import OWN_USER
from dialer.store.port import KeptCommand
from dialer.store.sqlite import Store

_log = structlog.get_logger(__name__)

MOST_BYTES = 32_768  # of a command; a full batch of marks is the longest
MOST_SIGNED_BYTES = 49_152  # with its signature: as text in a JSON of its own every quotation mark is escaped
FURTHEST_EXPIRY_SECONDS = 86_400.0  # also catches milliseconds taken for seconds
RECORDS_A_MINUTE = 1_000.0  # by one sender's commands; more is nothing wrong, and a person should know of it
WATCH_SECONDS = 10.0
QUIET_SECONDS = 60.0
MOST_ANSWERS = 100  # that are kept nowhere, and wait for a connection

_IDENTIFIER = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NAME = re.compile(r"[A-Za-z][A-Za-z-]{0,39}")
_KEY = re.compile(r"[a-z][a-z_]{0,39}")
_USER = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_BEGUN = "it was begun, and the dialler stopped before it had ended: look what has become of it, then send a new one"
_KEYS = frozenset({"id", "name", "expires_at"})  # of every command, beside its values
_SIGNED = frozenset({"command", "signature"})
_AUDITED = {
    "campaign": "campaign_id",
    "seat": "seat",
    "campaigns": "campaigns",
    "most_calls": "most_calls",
    "calls_per_seat": "calls_per_seat",
    "attempt": "attempt_id",
    "reason": "reason",
    "to": "to",
    "who": "who",
    "user": "user",
}
"""Of a command's values, what the audit has, and under which key."""
_NOT_THE_SENDERS = {
    "role": "the dialler has it from its own settings ([[supervisors]]) and users",
    "user": "it is the last level of the topic",
    "supervisor": "who sends the command is the one who listens",
}


@dataclass(frozen=True, slots=True)
class OpenedCommand:
    """A message that has the form of a command. Nothing in it is believed yet."""

    command_id: str
    fields: Mapping[str, Any]
    text: str  # as it was sent, and signed
    signature: object = None  # as it stands there; None: there is none


@dataclass(frozen=True, slots=True)
class AcceptedCommand:
    """A command that may be executed."""

    command_id: str
    sender: str
    name: str
    command: Command
    content: str  # hash of what it asks for, without id and expiry
    role: str
    kind: CommandKind
    records: int = 0  # that it brings: marks, figures, opt-outs, releases


@dataclass(frozen=True, slots=True)
class RefusedCommand:
    """A command that must not be executed. Without an id nobody can be answered."""

    command_id: str | None
    text: str
    sender: str = ""
    name: str = ""  # "": not known
    role: str = ""  # the sender's, where that is known
    forged: bool = False
    proved: bool = False  # it is known to be its sender's


ReadCommand = AcceptedCommand | RefusedCommand


def open_command(payload: bytes) -> OpenedCommand | RefusedCommand:
    """Read the form of a message. Never raises for what a sender writes."""
    try:
        fields = _read_object(payload, MOST_SIGNED_BYTES)
        text, signature = "", None
        if fields.keys() & _SIGNED:
            if fields.keys() != _SIGNED or not isinstance(fields["command"], str):
                raise CommandRefused(
                    "a signed command is an object of `command`, a text, and `signature`, nothing else"
                )
            text, signature = fields["command"], fields["signature"] if fields["signature"] is not None else ""
            fields = _read_object(text.encode("utf-8", "surrogatepass"), MOST_BYTES)
        elif len(payload) > MOST_BYTES:
            raise CommandRefused(f"the command is longer than {MOST_BYTES} bytes")
        named = fields.get("id")
        if not isinstance(named, str) or not _IDENTIFIER.fullmatch(named):
            raise CommandRefused("`id` must be 1 to 64 letters, digits, dots, dashes or underscores")
    except CommandRefused as refused:
        return RefusedCommand(None, str(refused))
    return OpenedCommand(named, fields, text, signature)


def urgency_of(opened: OpenedCommand | RefusedCommand) -> Urgency:
    """The lane of a command, as far as its own word goes."""
    if isinstance(opened, RefusedCommand):
        return Urgency.USUAL
    name = opened.fields.get("name")
    kind = COMMANDS.get(name) if isinstance(name, str) else None
    return Urgency.USUAL if kind is None else kind.urgency


def judge_command(
    opened: OpenedCommand | RefusedCommand, user: str, senders: Senders, centre: str, *, retained: bool, now: float
) -> ReadCommand:
    """Whether a command of the topic of `user` may be executed; `now` in epoch seconds. Never raises for what a sender writes."""
    if isinstance(opened, RefusedCommand):
        return replace(opened, sender=user)
    name = opened.fields.get("name")
    known = name if isinstance(name, str) and name in COMMANDS else ""
    # Nobody bears such a name, and made a topic it may be longer than any topic: nothing could be published behind that answer.
    command_id = opened.command_id if _USER.fullmatch(user) else None
    refusal = RefusedCommand(command_id, "", user, known)
    try:
        sender = senders.find(user)
        if sender is None:
            raise CommandRefused(
                "nobody of that name may give commands: those who may stand in [[supervisors]] of the dialler's settings, or are"
                " users (`dialer user list`)"
            )
        refusal = replace(refusal, role=sender.role)
        senders.refuse_unproved(sender, centre, opened.text, opened.signature)
        refusal = replace(refusal, proved=True)
        if retained:
            raise CommandRefused(
                "a command must not be retained: publish it again without the retain flag and with a new id"
            )
        return _judged(opened, sender, now)
    except BadSignature as refused:
        return replace(refusal, text=str(refused), forged=True)
    except CommandRefused as refused:
        return replace(refusal, text=str(refused))


def _judged(opened: OpenedCommand, sender: Sender, now: float) -> AcceptedCommand:
    fields = opened.fields
    name, kind = _kind(fields)
    _refuse_other_keys(name, kind, fields)
    _refuse_expired(fields, now)
    _refuse_role(name, kind, sender)
    given = [*kind.needs, *(key for key in kind.may if fields.get(key) is not None)]
    values: dict[str, Any] = dict.fromkeys((*kind.needs, *kind.may))
    values.update((key, read_value(name, key, fields.get(key))) for key in given)
    if "who" in values and values["who"] != sender.name != OWN_USER:
        values["who"] = f"{values['who']} by {sender.name}"  # whom the sender names, and who that is
    command = kind.make(*values.values(), *([sender.name] if kind.takes_sender else []))
    asked = {"name": name, **{key: fields[key] for key in given}}
    content = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    records = sum(len(value) for key, value in values.items() if key in {"marks", "figures", "hashes", "attempts"})
    return AcceptedCommand(opened.command_id, sender.name, name, command, content, sender.role, kind, records)


def _refuse_role(name: str, kind: CommandKind, sender: Sender) -> None:
    if not sender.roles & kind.roles:
        wanted = " or ".join(sorted(kind.roles))
        raise CommandRefused(f"`{name}` is for the role {wanted}; {sender.name} has {sender.role}")


def _read_object(payload: bytes, most_bytes: int) -> dict[str, Any]:
    if len(payload) > most_bytes:
        raise CommandRefused(f"the command is longer than {most_bytes} bytes")
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


def _kind(fields: Mapping[str, Any]) -> tuple[str, CommandKind]:
    name = fields.get("name")
    if isinstance(name, str) and name in COMMANDS:
        return name, COMMANDS[name]
    known = f"the commands are {', '.join(list(COMMANDS)[:-1])} and {list(COMMANDS)[-1]}"
    if name is None:
        raise CommandRefused(f"`name` is missing: {known}")
    if not isinstance(name, str) or not _NAME.fullmatch(name):  # and is not repeated: who knows what stands there
        raise CommandRefused(f"what `name` says is no command: {known}")
    near = difflib.get_close_matches(name, COMMANDS, n=1)
    raise CommandRefused(f"there is no command `{name}`{f', but `{near[0]}`' if near else ''}: {known}")


def _refuse_other_keys(name: str, kind: CommandKind, fields: Mapping[str, Any]) -> None:
    for key, why in _NOT_THE_SENDERS.items():
        if key in fields and key not in kind.needs:  # else it is somebody's whom the command is about
            raise CommandRefused(f"`{key}` is not for the sender to say: {why}; leave `{key}` out")
    known = [*sorted(_KEYS), *kind.needs, *kind.may]
    for key in fields:
        if key in known:
            continue
        if key not in VALUES:
            said = f"`{key}`" if _KEY.fullmatch(key) else "one that is no word"  # who knows what stands there
            near = difflib.get_close_matches(key, known, n=1)
            raise CommandRefused(
                f"unknown keys: {said}{f', but `{near[0]}`' if near else ''}; `{name}` has the keys {', '.join(known)}"
            )
        if fields[key] is not None:
            raise CommandRefused(f"`{name}` takes no `{key}`: leave `{key}` out")


def _refuse_expired(fields: Mapping[str, Any], now: float) -> None:
    expires_at = fields.get("expires_at")
    if isinstance(expires_at, bool) or not isinstance(expires_at, int | float) or not -inf < expires_at < inf:
        raise CommandRefused("`expires_at` must be epoch seconds, UTC")
    if expires_at <= now:
        raise CommandRefused("the command has expired: send it again with a new id, and compare the two clocks")
    if expires_at > now + FURTHEST_EXPIRY_SECONDS:
        raise CommandRefused("`expires_at` is more than a day ahead: it must be epoch seconds, UTC")


@dataclass(slots=True)
class _Watch:
    """An alert of what many small things make, by sender; it ends once nothing more came for a while."""

    code: str
    level: AlertLevel
    words: str
    raise_alert: Callable[[Alert], None]
    counts: dict[str, int] = field(default_factory=dict)
    reported: int = 0
    last_at: float = 0.0

    def note(self, sender: str, count: int, clock: Clock) -> None:
        """Count; the first is told at once."""
        self.counts[sender] = self.counts.get(sender, 0) + count
        self.last_at = clock.monotonic()
        if not self.reported:
            self._report(clock.now())

    def look(self, clock: Clock) -> bool:
        """Tell of what came since; whether the alert stands."""
        if not self.reported:
            return False
        if clock.monotonic() - self.last_at >= QUIET_SECONDS:
            self.raise_alert(Alert(self.code, AlertLevel.NOTICE, f"no more {self.words}", clock.now(), cleared=True))
            self.counts.clear()
            self.reported = 0
        elif sum(self.counts.values()) != self.reported:
            self._report(clock.now())
        return bool(self.reported)

    def _report(self, now: float) -> None:
        self.reported = sum(self.counts.values())
        by = ", ".join(f"{sender or 'strangers'} {count:,}" for sender, count in sorted(self.counts.items())[:5])
        self.raise_alert(Alert(self.code, self.level, f"{self.reported:,} {self.words}: {by}", now))


@dataclass(slots=True)
class _Unproved:
    """Refused commands of which nobody is known to have sent them: one row a minute in the audit for all of a name."""

    last: RefusedCommand
    since: float  # monotonic, of the last row
    more: int = 0  # that came since


class Commanded(Protocol):
    """What takes commands: the engine."""

    @property
    def outbox_event(self) -> asyncio.Event:
        """Set whenever announcements were committed; the relay clears it."""
        ...

    async def execute(self, command: Command) -> str:
        """Do it; one line that says what was done. Raises CommandRefused where it cannot be done now."""
        ...

    def take_alert(self, alert: Alert) -> None:
        """Show an alert from outside the calls, or end it where it is `cleared`."""
        ...


class CommandDesk:
    """Executes commands whatever becomes of the connection meanwhile: those of an urgency one after another, those of different
    urgencies side by side.
    """

    def __init__(self, engine: Commanded, store: Store, clock: Clock, senders: Senders, centre: str) -> None:
        raise_alert = engine.take_alert
        self._engine = engine
        self._store = store
        self._clock = clock
        self._centre = centre
        self._senders = senders
        # With the number of each: of two, the one that came later has the greater one.
        self._lanes: dict[Urgency, Lanes[tuple[int, ReadCommand]]] = {urgency: Lanes() for urgency in Urgency}
        self._news = {urgency: asyncio.Event() for urgency in Urgency}
        self._number = 0
        self._under_way: set[str] = set()  # of other lanes: the store knows of none of them yet
        self._halted: dict[str | None, int] = {}  # by campaign (None: all): the last halt that was asked for
        self._floods = _Watch(
            "command-flood", AlertLevel.WARNING, "commands came too fast and were left unanswered", raise_alert
        )
        self._forgeries = _Watch(
            "command-forged", AlertLevel.WARNING, "commands did not bear their sender's signature", raise_alert
        )
        self._bursts = _Watch(
            "records-burst", AlertLevel.NOTICE, "records came by command in quick succession", raise_alert
        )
        self._records: dict[str, tuple[float, float]] = {}  # by sender: how many lately, and when that was reckoned
        self._unproved: dict[str, _Unproved] = {}  # by sender; strangers are one
        self._noted = asyncio.Event()
        self.answers: asyncio.Queue[topics.Message] = asyncio.Queue(MOST_ANSWERS)
        """To commands by position, for who has the connection to send: one that is lost is asked for again."""

    def offer(self, user: str, payload: bytes, *, retained: bool) -> None:
        """Take a message of the topic of commands of `user`. An empty one is the clearing of a retained one, and no command."""
        if not payload:
            return
        lane = user if self._senders.find(user) is not None else ""  # strangers share one
        opened = open_command(payload)
        urgency = urgency_of(opened) if lane else Urgency.USUAL
        if self._lanes[urgency].full(lane):  # before anything is judged: a flood must cost little
            self._note(self._floods, lane, 1)  # unanswered: the sender repeats it, same id
            return
        now = self._clock.now()
        read = judge_command(opened, user, self._senders, self._centre, retained=retained, now=now)
        self._number += 1
        if isinstance(read, AcceptedCommand) and urgency < Urgency.USUAL:
            self._halted[getattr(read.command, "campaign", None)] = self._number
        self._lanes[urgency].put(lane, (self._number, read))
        self._news[urgency].set()

    async def run(self) -> None:
        """Execute and answer until cancelled."""
        async with asyncio.TaskGroup() as group:
            for urgency in Urgency:
                group.create_task(self._work(urgency), name=f"commands-{urgency.name.lower()}")
            group.create_task(self._keep_watch(), name="commands-watch")

    async def _work(self, urgency: Urgency) -> None:
        lanes, news = self._lanes[urgency], self._news[urgency]
        while True:
            waiting, seconds = lanes.take(self._clock.monotonic())
            if waiting is not None:
                await self._serve(*waiting)
                continue
            if urgency is Urgency.USUAL and not lanes:
                self._halted.clear()  # nothing waits that they could overtake
            news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await news.wait()

    async def _serve(self, number: int, read: ReadCommand) -> None:
        try:
            await self.handle(read, number)
        except StoreError as error:
            _log.error("command.unanswered", command=_shown_id(read), problem=str(error))
        except Exception:  # noqa: BLE001 - one message must never end the dialler; it is logged whole
            _log.exception("command.failed", command=_shown_id(read))
            await self._report_failed(read)

    async def _report_failed(self, read: ReadCommand) -> None:
        if read.command_id is not None:
            text = "the dialler could not do it, and its log says why; look at what is now before you send it again"
            with contextlib.suppress(StoreError):
                await self._audit(read, "failed")
                await self._answer(read.sender, self._refusal(read.command_id, text))

    async def _keep_watch(self) -> None:
        while True:
            await self._noted.wait()
            await asyncio.sleep(WATCH_SECONDS)  # what comes meanwhile is told together
            standing = [watch.look(self._clock) for watch in (self._floods, self._forgeries, self._bursts)]
            with contextlib.suppress(StoreError):
                await self._audit_unproved()
            if not any(standing) and not self._unproved:
                self._noted.clear()

    def _note(self, watch: _Watch, sender: str, count: int) -> None:
        watch.note(sender, count, self._clock)
        self._noted.set()

    async def handle(self, read: ReadCommand, number: int = 0) -> None:
        """Execute a command unless it was before, and answer it. `number`: its place among those that came.

        A repeatable one is recorded after it was executed: should the dialler die between the two, a repeated command is
        executed again, which changes nothing, while one that was only recorded would never stop anything. Any other one is
        recorded before, for a second hang-up or transfer would meet the next voter: should the dialler die in the middle, a
        repeat is told so and nothing more is done. One with a receipt is recorded in the very transaction that does it.
        """
        if isinstance(read, AcceptedCommand):
            read = self._with_rights_now(read)
        if isinstance(read, RefusedCommand):
            await self._refuse(read)
            return
        key = _key(read)
        by_position = read.kind.by_position
        kept = None if key in self._under_way or by_position else await self._store.kept_command(key)
        if key in self._under_way or (kept is not None and kept.content != read.content):
            text = "another command had this id: every command needs a new one"
            await self._refuse(RefusedCommand(read.command_id, text, read.sender, read.name, read.role, proved=True))
            return
        self._under_way.add(key)
        try:
            reply = await self._reply_to(read, kept, number)
        finally:
            self._under_way.discard(key)
        answer = ReplyPayload(id=read.command_id, **json.loads(reply))
        if not by_position:
            await self._answer(read.sender, answer)
            return
        announced = topics.reply_announcement(read.sender, answer)
        with contextlib.suppress(asyncio.QueueFull):
            self.answers.put_nowait(topics.announced_message(self._centre, announced.topic, announced.payload))

    def _with_rights_now(self, accepted: AcceptedCommand) -> ReadCommand:
        """The command, refused where its sender's right to it was taken away while it waited."""
        sender = self._senders.find(accepted.sender)
        try:
            if sender is None:
                raise CommandRefused(f"{accepted.sender} may give no commands any more")
            _refuse_role(accepted.name, accepted.kind, sender)
        except CommandRefused as refused:
            text, name, role = str(refused), accepted.name, accepted.role
            return RefusedCommand(accepted.command_id, text, accepted.sender, name, role, proved=True)
        return accepted

    async def _reply_to(self, accepted: AcceptedCommand, kept: KeptCommand | None, number: int) -> str:
        if kept is not None:
            await self._audit(accepted, "repeated")
            return kept.reply
        if isinstance(accepted.command, ReceiptedCommand):
            return await self._do_with_receipt(accepted, accepted.command)
        if not accepted.kind.repeatable:
            return await self._record_and_do(accepted)
        _, reply = await self._do(accepted, number)
        if not accepted.kind.by_position:
            await self._record(accepted, reply)
        return reply

    async def _refuse(self, refused: RefusedCommand) -> None:
        _log.warning("command.refused", command=_shown_id(refused), why=refused.text)
        if refused.forged:
            self._note(self._forgeries, refused.sender, 1)
        if refused.proved:
            await self._audit(refused, "refused", refused.text)
        else:
            await self._count_unproved(refused)
        if refused.command_id is not None:
            await self._answer(refused.sender, self._refusal(refused.command_id, refused.text))

    async def _count_unproved(self, refused: RefusedCommand) -> None:
        """On a broker that anybody may write to, a row for each would fill the audit of a day."""
        name = refused.sender if self._senders.find(refused.sender) is not None else ""
        known = self._unproved.get(name)
        if known is not None:
            known.last, known.more = refused, known.more + 1
            return
        self._unproved[name] = _Unproved(refused, self._clock.monotonic())
        self._noted.set()
        await self._audit(refused, "refused", refused.text)

    async def _audit_unproved(self) -> None:
        now = self._clock.monotonic()
        for name, known in [*self._unproved.items()]:
            if now - known.since < QUIET_SECONDS:
                continue
            del self._unproved[name]
            if known.more:
                self._unproved[name] = _Unproved(known.last, now)
                await self._audit(known.last, "refused", known.last.text, more=known.more)

    async def _do_with_receipt(self, accepted: AcceptedCommand, command: ReceiptedCommand) -> str:
        await self._audit(accepted, "begun")
        kept = self._reply("done", command.thanks)
        receipt = Receipt(_key(accepted), accepted.name, accepted.content, kept)
        status, reply = await self._do(replace(accepted, command=replace(command, receipt=receipt)))  # type: ignore[type-var]
        if status == "done":
            return kept
        await self._record(accepted, reply)
        return reply

    async def _record_and_do(self, accepted: AcceptedCommand) -> str:
        await self._audit(accepted, "begun")  # what cannot be answered for is not done
        await self._record(accepted, self._reply("refused", _BEGUN))
        _, reply = await self._do(accepted)
        await self._store.complete_command(_key(accepted), reply)
        return reply

    async def _record(self, accepted: AcceptedCommand, reply: str) -> None:
        key, now = _key(accepted), self._clock.now()
        await self._store.record_command(key, accepted.name, accepted.content, reply, now)

    def _reply(self, status: str, text: str, why: RefusedBecause | None = None) -> str:
        reply = {"status": status, "text": text, "at": round(self._clock.now(), 3)}
        return json.dumps(reply if why is None else {**reply, "why": why})

    async def _do(self, accepted: AcceptedCommand, number: int = 0) -> tuple[str, str]:
        """Do it, and tell audit and log; status and reply. What is answered by position and done is told to nobody else."""
        status, text, why = await self._try(accepted, number)
        reply = self._reply(status, text, why)
        if status == "done" and accepted.kind.by_position:
            return status, reply
        await self._audit(accepted, status, text if status == "refused" else "")
        _log.info(
            "command.executed",
            command=_shown_id(accepted),
            name=accepted.name,
            user=accepted.sender,
            role=accepted.role,
            status=status,
        )
        return status, reply

    async def _try(self, accepted: AcceptedCommand, number: int) -> tuple[str, str, RefusedBecause | None]:
        self._count_records(accepted)
        command = accepted.command
        try:
            if isinstance(command, ResumeCampaign):  # in this very turn of the loop: nothing comes between
                self._refuse_overtaken(command, number)
            return "done", await self._engine.execute(command), None
        except StoreError as error:
            if accepted.kind.repeatable or isinstance(command, ReceiptedCommand):
                raise  # nothing was decided: a repeat may succeed
            return "refused", f"it was not kept: {error}", None
        except MatdanError as error:
            return "refused", str(error), error.why if isinstance(error, CommandRefused) else None

    def _refuse_overtaken(self, command: ResumeCampaign, number: int) -> None:
        """A stop has its own lane and may be done before a resume that was sent earlier: what was sent last must hold."""
        if max(self._halted.get(command.campaign, 0), self._halted.get(None, 0)) > number:
            raise CommandRefused("a stop or pause was sent after it, and holds; send it again if dialling is to go on")

    def _count_records(self, accepted: AcceptedCommand) -> None:
        if not accepted.records:
            return
        now = self._clock.monotonic()
        lately, since = self._records.get(accepted.sender, (0.0, now))
        lately = max(0.0, lately - (now - since) * RECORDS_A_MINUTE / 60) + accepted.records
        self._records[accepted.sender] = (lately, now)
        if lately > RECORDS_A_MINUTE:
            self._note(self._bursts, accepted.sender, accepted.records)

    def _refusal(self, command_id: str, text: str) -> ReplyPayload:
        return ReplyPayload(id=command_id, status="refused", text=text, at=self._clock.now())

    async def _answer(self, user: str, reply: ReplyPayload) -> None:
        await self._store.announce([topics.reply_announcement(user, reply)], self._clock.now())
        self._engine.outbox_event.set()

    async def _audit(self, read: ReadCommand, status: str, why: str = "", *, more: int = 0) -> None:
        who, what = audit_of(read, status, why)
        if more:
            what["like_it"] = f"{more}"  # with this one, since the entry before
        await self._store.append_audit("command", who, what, self._clock.now())


def _key(accepted: AcceptedCommand) -> str:
    """By what the store knows a command: ids are each sender's own."""
    return f"{accepted.sender}/{accepted.command_id}"


def _plain(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def audit_of(read: ReadCommand, status: str, why: str = "") -> tuple[str, dict[str, str]]:
    """Who and what the audit says of a command. Whatever a sender wrote must not keep it out of there: what looks like a phone
    number is left out, and an id that does stands as its hash.
    """
    known = isinstance(read, AcceptedCommand) or _USER.fullmatch(read.sender) is not None
    who = read.sender if known and _fit({"who": read.sender}) else "stranger"
    what = {"command": read.name or "unknown", "id": _shown_id(read), "status": status}
    if read.role:
        what["role"] = read.role
    extras: dict[str, str] = {}
    if isinstance(read, AcceptedCommand):
        told = {key: getattr(read.command, name, None) for name, key in _AUDITED.items()}
        extras = {key: _plain(value) for key, value in told.items() if value is not None}
        if read.records:
            extras["records"] = f"{read.records}"
    if why:
        extras["why"] = why[:120]
    return who, {**what, **{key: text for key, text in extras.items() if _fit({key: text})}}


def _shown_id(read: ReadCommand) -> str:
    """A command's id for log and audit: a sender may choose one that looks like a phone number."""
    command_id = read.command_id or "none"
    if _fit({"id": command_id}):
        return command_id
    return f"sha256-{hashlib.sha256(command_id.encode()).hexdigest()[:32]}"


def _fit(what: Mapping[str, str]) -> bool:
    try:
        canonical(what)
    except (UnsafeValue, UnicodeEncodeError):
        return False
    return True
