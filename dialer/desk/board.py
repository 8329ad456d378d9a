"""The supervisor's board: the centre as it stands as a stream of events, commands, and alerts that somebody has seen."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from config.words import SupervisorRole as Role
from dialer.desk.doors import EVERY_ROLE, WebDoor
from dialer.desk.people import People, Who, is_over
from dialer.desk.picture import Picture, Reader, Told
from dialer.domain.clock import Clock
from dialer.domain.commands.messages import MOST_LETTERS
from dialer.domain.commands.registry import COMMANDS, SUPERVISOR_ALONE
from dialer.domain.commands.seats import MOST_CAMPAIGNS
from dialer.domain.commands.speed import LEAST_TARGET, MOST_TARGET
from dialer.domain.model import LEAST_PER_SEAT, MOST_CALLS, MOST_PER_SEAT
from dialer.mqtt.hearing import Hearing
from dialer.store.desk_file import Acknowledgement, DeskFile

MOST_READERS = 200
MOST_READERS_EACH = 8  # of one person
SHOWN = frozenset(
    {"desk", "centre", "campaign", "seat", "booth", "alerts", "warnings", "acknowledged", "day", "abandoned", "why"}
)
"""Kinds of keys of the picture that a board is told of; no others, whatever else stands in it."""
LOOK_SECONDS = 30.0  # whether who has a page open is still signed in
OFFERED = (
    "pause",
    "resume",
    "stop",
    "speed",
    "abandoned-target",
    "stop-all",
    "accept-clock",
    "reload-flows",
    "seat-message",
    "seat-campaigns",
    "seat-pause",
    "seat-ready",
    "seat-log-off",
    "seat-hang-up",
    "seat-unlock",
    "listen",
    "whisper",
    "barge",
    "stop-listening",
)
"""The commands that the board has a button for. What each needs and who may give it stands with the command."""
HANDED_OVER: dict[str, frozenset[Role]] = {
    "roll-import": SUPERVISOR_ALONE,
    "suppress": COMMANDS["suppress"].roles,
    "erase-number": COMMANDS["erase-number"].roles,
}
"""Those that have doors of their own (dialer/desk/lists.py), and for whom."""
BY_EAR = frozenset({"listen", "whisper", "barge", "stop-listening"})
COMMANDERS = frozenset(role for name in OFFERED for role in COMMANDS[name].roles) - {Role.DESK, Role.UPLINK}
SEERS = EVERY_ROLE - {Role.VIEWER}

_Text = Annotated[str, Field(min_length=1, max_length=128)]


class CommandAsked(BaseModel):
    """A command of docs/topics.md, as a page asks for it. The same id again is the same command."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{8,64}$")]
    name: Annotated[str, Field(min_length=1, max_length=128, json_schema_extra={"enum": sorted(OFFERED)})]
    campaign: _Text | None = None
    seat: _Text | None = None
    reason: _Text | None = None
    most_calls: Annotated[int, Field(strict=True, ge=1, le=MOST_CALLS)] | None = None
    calls_per_seat: Annotated[float, Field(ge=LEAST_PER_SEAT, le=MOST_PER_SEAT)] | None = None
    abandoned_target: Annotated[float, Field(ge=LEAST_TARGET, le=MOST_TARGET)] | None = None
    campaigns: Annotated[list[_Text], Field(max_length=MOST_CAMPAIGNS)] | None = None
    text: Annotated[str, Field(min_length=1, max_length=MOST_LETTERS)] | None = None


class AlertSeen(BaseModel):
    """An alert that somebody has seen: its code and its time tell which."""

    model_config = ConfigDict(extra="forbid")

    code: _Text
    at: float


class Board:
    """What the board's pages ask for."""

    def __init__(self, picture: Picture, hearing: Hearing, file: DeskFile, people: People, clock: Clock) -> None:
        self._picture = picture
        self._hearing = hearing
        self._file = file
        self._people = people
        self._clock = clock
        self._open: dict[str, set[Reader]] = {}  # the boards that each person has open

    def doors(self) -> list[WebDoor]:
        """Everything that is asked of the board."""
        return [
            WebDoor("GET", "/api/board/events", self.events, gives={200: "text/event-stream"}),
            WebDoor("GET", "/api/board/booths", self.booths),
            WebDoor("POST", "/api/board/commands", self.command, COMMANDERS, {200: dict[str, str]}),
            WebDoor("POST", "/api/board/alerts", self.acknowledge, SEERS, {204: None}),
        ]

    async def begin(self) -> None:
        """Who has seen which alert, from before."""
        self._show(await self._file.acknowledged())

    async def events(self, request: Request) -> Response:
        """The picture, whole, then what changes of it: server-sent events of JSON. A page that is open counts as used."""
        who: Who = request.state.who
        mine, all_open = len(self._open.get(who.name, ())), sum(map(len, self._open.values()))
        if all_open >= MOST_READERS or mine >= MOST_READERS_EACH:
            return problem(503, "full")
        news = self._news(request.state.token, who)
        return StreamingResponse(news, media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    async def _news(self, token: str, who: Who) -> AsyncIterator[bytes]:
        """The events of one page, until who opened it is signed in no more."""
        looked = self._clock.monotonic()
        lists = frozenset({"list"} if who.role in HANDED_OVER["roll-import"] else ())
        shown = self._picture.reading(lambda key: key.partition("/")[0] in SHOWN or key in lists)
        with shown as reader, self._counted(who.name, reader):
            async for told in reader.told():
                yield event_of(told)
                if self._clock.monotonic() - looked >= LOOK_SECONDS:
                    looked = self._clock.monotonic()
                    if await is_over(self._people.who, token, who):
                        return

    @contextmanager
    def _counted(self, name: str, reader: Reader) -> Iterator[None]:
        self._open.setdefault(name, set()).add(reader)
        try:
            yield
        finally:
            self._open[name].discard(reader)
            if not self._open[name]:
                del self._open[name]

    def shut(self, names: Iterable[str]) -> None:
        """End the streams of these people: a page that comes again must be signed in."""
        for name in names:
            for reader in self._open.get(name, ()):
                reader.end()

    async def booths(self) -> Mapping[int, Sequence[str]]:
        """The names of each booth's constituency and of the booth, by its id."""
        names: Mapping[int, Sequence[str]] = self._picture.get("booths") or {}
        return names

    async def command(self, asked: CommandAsked, request: Request) -> Response:
        """Give a command as the one who has signed in; the dialler's answer."""
        who: Who = request.state.who
        kind = COMMANDS[asked.name] if asked.name in OFFERED else None
        if kind is None:
            return problem(404, "no-command")
        if who.role not in kind.roles:
            return problem(403, "role")
        values = asked.model_dump(exclude={"id", "name"}, exclude_none=True)
        if not set(kind.needs) <= set(values) <= {*kind.needs, *kind.may}:
            return problem(422, "values")
        reply = await self._hearing.ask(who.name, asked.id, asked.name, values)
        if reply is None:
            return problem(503, "broker-away")
        return JSONResponse({"status": reply.status, "text": reply.text})

    async def acknowledge(self, seen: AlertSeen, request: Request) -> Response:
        """Keep that somebody has seen an alert, and tell every board."""
        who: Who = request.state.who
        told = (self._picture.get("alerts") or {}, self._picture.get("warnings") or {})
        standing = [alert for message in told for alert in message.get("alerts", ())]
        if not any((each["code"], each["at"]) == (seen.code, seen.at) for each in standing):
            return problem(409, "alert-gone")
        await self._file.acknowledge(Acknowledgement(seen.code, seen.at, who.name, self._clock.now()))
        self._show(await self._file.acknowledged())
        return Response(status_code=204)

    def _show(self, seen: list[Acknowledgement]) -> None:
        self._picture.put("acknowledged", {each.code: asdict(each) for each in seen})


def may(role: str, *, has_phone: bool) -> list[str]:
    """The board's commands that a role may give; by ear only where there is a phone of the settings, to hear with."""
    given = [name for name in OFFERED if role in COMMANDS[name].roles]
    given += [name for name, roles in HANDED_OVER.items() if role in roles]
    return [name for name in given if has_phone or name not in BY_EAR]


def problem(status: int, word: str, **more: Any) -> JSONResponse:
    """A refusal, as a word that the pages have a sentence for."""
    return JSONResponse({"problem": word, **more}, status_code=status)


def event_of(told: Told) -> bytes:
    """One server-sent event. Its number tells a page that it has missed none; 0: forget all, here is the whole."""
    fields = {"number": told.number, "at": round(told.at, 3), "set": told.values, "gone": told.gone}
    return f"id: {told.number}\ndata: {json.dumps(fields, separators=(',', ':'))}\n\n".encode()
