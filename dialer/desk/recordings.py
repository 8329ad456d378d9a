"""Recorded talks on the board: which there are, without names and numbers, and one to listen to, each time with an audit entry."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4, uuid5

import structlog
from fastapi import APIRouter, Query, Response
from fastapi.responses import FileResponse
from pydantic import Field

from dialer.desk.board import HANDED_OVER, answered, reply_to
from dialer.domain.clock import Clock
from dialer.domain.errors import RecordingError
from dialer.mqtt.dialler_client import DiallerClient
from dialer.settings.site import Settings
from dialer.settings.site_rules import recordings_kept
from dialer.settings.site_time import DAY_SECONDS, site_day
from dialer.store.desk_reading import DeskReading, RecordedTalk
from dialer.store.recordings import kept_file
from dialer.web.access import PageRoute, SignedIn, allow
from dialer.web.page_requests import CommandId, PageRequest
from dialer.web.refusals import RequestRefused

_log = structlog.get_logger(__name__)

MOST_LISTED = 200
PLAYS_SECONDS = 900.0
"""So long a recording is given to whom it was played for: a player asks for it piece by piece."""
SOUND = "audio/wav"
PLAYERS = HANDED_OVER["recording-play"]
_ALL_TIME = 1e11


class RecordingAsked(PageRequest):
    """A recording that somebody wants to hear."""

    id: CommandId
    attempt: Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


@dataclass(frozen=True, slots=True)
class ListedRecordings:
    """Recordings that are there, from the newest on; `before` is where older ones begin, None: there are none."""

    recordings: list[RecordedTalk]
    before: float | None


class RecordingsPage:
    """What the board asks of recordings. The dialler says whether one may be heard, and has it in its audit."""

    def __init__(self, settings: Settings, reading: DeskReading, dialler_client: DiallerClient, clock: Clock) -> None:
        """`reading` is read by nobody else."""
        self.use(settings)
        self._reading = reading
        self._dialler_client = dialler_client
        self._clock = clock
        self._ids = uuid4()
        self._plays: dict[tuple[str, str], float] = {}  # by user and attempt, until when (monotonic)

    def use(self, settings: Settings) -> None:
        """These are in force from now on."""
        self._settings = settings

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(prefix="/api/recordings", route_class=PageRoute, dependencies=allow(PLAYERS))
        router.get("")(self.listed)
        router.post("/play")(self.play)
        sound: dict[int | str, dict[str, Any]] = {status: {"content": {SOUND: {}}} for status in (200, 206)}
        router.get("/{attempt}", response_class=FileResponse, responses=sound)(self.sound)
        return router

    async def listed(
        self,
        before: Annotated[float, Query(gt=0, le=_ALL_TIME)] = _ALL_TIME,
        campaign: Annotated[str | None, Query(min_length=1, max_length=32)] = None,
    ) -> ListedRecordings:
        """Recordings whose file is there and may be kept still, of a campaign or of all."""
        found = await self._reading.recordings(before, MOST_LISTED, campaign)
        there = await asyncio.to_thread(lambda: [each for each in found if self._file(each.attempt) is not None])
        older = found[-1].at if len(found) == MOST_LISTED and found[-1].at >= self._since() else None
        return ListedRecordings(there, older)

    async def play(self, asked: RecordingAsked, who: SignedIn) -> dict[str, str]:
        """Have the dialler note who listens to what; once it has, the recording is given to them for a while."""
        if self._file(asked.attempt) is None:
            raise RequestRefused(409, "recording-deleted")
        # Under an id that no other command has: what is answered to another must not be taken for this one's.
        command_id = str(uuid5(self._ids, f"{asked.id}/{asked.attempt}"))
        reply = await reply_to(self._dialler_client, who.name, command_id, "recording-play", {"attempt": asked.attempt})
        now = self._clock.monotonic()
        self._plays = {key: until for key, until in self._plays.items() if until > now}
        if reply.status == "done":
            self._plays[who.name, asked.attempt] = now + PLAYS_SECONDS
        return answered(reply)

    async def sound(self, attempt: str, who: SignedIn) -> Response:
        """A recording that was asked for, whole or the bytes that are asked for."""
        if self._plays.get((who.name, attempt), 0.0) <= self._clock.monotonic():
            raise RequestRefused(409, "playback-expired")
        path = self._file(attempt)
        if path is None:
            raise RequestRefused(409, "recording-deleted")
        return FileResponse(path, media_type=SOUND)

    def _file(self, attempt: str) -> Path | None:
        try:
            return kept_file(self._settings.recordings.directory, attempt, self._since())
        except RecordingError as error:
            _log.error("desk.recordings-not-read", problem=str(error))
            raise RequestRefused(503, "recordings-unreadable") from error

    def _since(self) -> float:
        """Older ones are over, whether somebody has purged them or not."""
        now = self._clock.now()
        if recordings_kept(self._settings, site_day(self._settings, now)) is not None:
            return 0.0
        return now - self._settings.recordings.keep_days * DAY_SECONDS
