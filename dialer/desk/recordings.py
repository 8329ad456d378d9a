"""Recorded calls on the board: a list without names and numbers, and playback. Each playback is in the audit log."""

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

from dialer.desk.board import OTHER_COMMANDS, format_command_reply, send_command_to_dialler
from dialer.domain.clock import Clock
from dialer.domain.errors import RecordingError
from dialer.domain.judged_calls import WhoAnswered
from dialer.mqtt.dialler_client import DiallerClient
from dialer.settings.site import Settings
from dialer.settings.site_rules import describe_required_recording_retention
from dialer.settings.site_time import DAY_SECONDS, get_site_day
from dialer.store.desk_reading import DeskReading, RecordedTalk
from dialer.store.recordings import find_recording
from dialer.web.access import PageRoute, SignedIn, allow_users_with_roles
from dialer.web.page_requests import CommandId, PageRequest
from dialer.web.refusals import RequestRefused

_log = structlog.get_logger(__name__)

MAX_LISTED = 200
PLAYBACK_SECONDS = 900.0
"""How long a user may fetch a recording after the play command: a player fetches it in pieces."""
AUDIO_TYPE = "audio/wav"
PLAY_ROLES = OTHER_COMMANDS["recording-play"]
_ALL_TIME = 1e11


class PlayRequest(PageRequest):
    """A request to play a recording."""

    id: CommandId
    attempt: Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class JudgeRequest(PlayRequest):
    """A person's statement about a recorded call that detection took for an answering machine: who answered it."""

    answered_by: WhoAnswered


@dataclass(frozen=True, slots=True)
class ListedRecordings:
    """A list of existing recordings, the newest first.

    A request with the value of `before` returns the next older recordings. None means that there are no older ones.
    """

    recordings: list[RecordedTalk]
    before: float | None


class RecordingsPage:
    """The routes of recordings. The dialler decides whether a recording may be played, and writes each playback to the
    audit log.
    """

    def __init__(self, settings: Settings, reading: DeskReading, dialler_client: DiallerClient, clock: Clock) -> None:
        self.replace_recording_settings(settings)
        self._reading = reading
        self._dialler_client = dialler_client
        self._clock = clock
        self._ids = uuid4()
        self._plays: dict[tuple[str, str], float] = {}  # by user and attempt, until when (monotonic)

    def replace_recording_settings(self, settings: Settings) -> None:
        """Use the recording rules of these settings from now on."""
        self._settings = settings

    def create_http_router(self) -> APIRouter:
        """Return a router with the routes that list and play recordings."""
        router = APIRouter(
            prefix="/api/recordings", route_class=PageRoute, dependencies=allow_users_with_roles(PLAY_ROLES)
        )
        router.get("")(self.list_recordings)
        router.post("/play")(self.play_recording)
        router.post("/judge")(self.judge_recorded_call)
        sound: dict[int | str, dict[str, Any]] = {status: {"content": {AUDIO_TYPE: {}}} for status in (200, 206)}
        router.get("/{attempt}", response_class=FileResponse, responses=sound)(self.fetch_recording)
        return router

    async def list_recordings(
        self,
        before: Annotated[float, Query(gt=0, le=_ALL_TIME)] = _ALL_TIME,
        campaign: Annotated[str | None, Query(min_length=1, max_length=32)] = None,
        unjudged: bool = False,
    ) -> ListedRecordings:
        """Return the recordings of one campaign or of all.

        With `unjudged`, return only calls that detection took for answering machines and that nobody has judged yet.
        Recordings without a file, or past their retention period, are left out.
        """
        found = await self._reading.list_recordings(before, MAX_LISTED, campaign, unjudged=unjudged)
        existing = await asyncio.to_thread(
            lambda: [each for each in found if self._find_recording_file(each.attempt) is not None]
        )
        older = (
            found[-1].at
            if len(found) == MAX_LISTED and found[-1].at >= self._compute_expiry_time_of_recordings()
            else None
        )
        return ListedRecordings(existing, older)

    async def play_recording(self, asked: PlayRequest, who: SignedIn) -> dict[str, str]:
        """Let the user fetch a recording for `PLAYBACK_SECONDS`, once the dialler has recorded the playback in the
        audit log.
        """
        if self._find_recording_file(asked.attempt) is None:
            raise RequestRefused(409, "recording-deleted")
        # An id that no other command has, so that the reply to another command is not mistaken for this one's.
        command_id = str(uuid5(self._ids, f"{asked.id}/{asked.attempt}"))
        reply = await send_command_to_dialler(
            self._dialler_client, who.name, command_id, "recording-play", {"attempt_id": asked.attempt}
        )
        now = self._clock.monotonic()
        self._plays = {key: until for key, until in self._plays.items() if until > now}
        if reply.status == "done":
            self._plays[who.name, asked.attempt] = now + PLAYBACK_SECONDS
        return format_command_reply(reply)

    async def judge_recorded_call(self, asked: JudgeRequest, who: SignedIn) -> dict[str, str]:
        """Ask the dialler to store who answered a recorded call that detection took for an answering machine."""
        values = {"attempt_id": asked.attempt, "answered_by": asked.answered_by.value}
        reply = await send_command_to_dialler(self._dialler_client, who.name, asked.id, "recording-judge", values)
        return format_command_reply(reply)

    async def fetch_recording(self, attempt: str, who: SignedIn) -> Response:
        """Return the audio of a recording that the user may play, or the requested byte range of the audio."""
        if self._plays.get((who.name, attempt), 0.0) <= self._clock.monotonic():
            raise RequestRefused(409, "playback-expired")
        path = self._find_recording_file(attempt)
        if path is None:
            raise RequestRefused(409, "recording-deleted")
        return FileResponse(path, media_type=AUDIO_TYPE)

    def _find_recording_file(self, attempt: str) -> Path | None:
        try:
            return find_recording(
                self._settings.recordings.directory, attempt, self._compute_expiry_time_of_recordings()
            )
        except RecordingError as error:
            _log.error("recordings.read_failed", problem=str(error))
            raise RequestRefused(503, "recordings-unreadable") from error

    def _compute_expiry_time_of_recordings(self) -> float:
        """Return the time (epoch seconds) before which recorded calls have expired: their retention period has ended.

        Files of expired recordings may still exist, because they are deleted later.
        """
        now = self._clock.now()
        if describe_required_recording_retention(self._settings, get_site_day(self._settings, now)) is not None:
            return 0.0
        return now - self._settings.recordings.keep_days * DAY_SECONDS
