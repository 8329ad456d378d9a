"""Updates of other centres (peer updates): their opt-outs, marks (facts about voters) and call times.

The uplink reads these updates from headquarters' stream and sends them to the dialler. The dialler stores each with its
position in the stream. Only calls to numbers on this centre's roll are sent.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import structlog
from pydantic import TypeAdapter, ValidationError

from dialer.domain.cancelling import await_coroutine_in_own_task
from dialer.domain.clock import Clock, SystemClock
from dialer.domain.errors import HeadquartersUnreachable, StoreError
from dialer.engine.headquarters.commands import PeerCall, PeerMark, PeerOptOut
from dialer.mqtt.commands.message import MAX_BYTES
from dialer.nats.messages import (
    CALLS,
    OPT_OUT_SUBJECT,
    PEERS,
    InvalidMessage,
    build_calls_subject_of_state,
    build_live_status_subject,
    build_marks_subject_of_constituency,
    unpack_peer_calls,
    unpack_peer_updates,
)
from dialer.nats.session import MessagesMissing, StoredMessage, StreamRecreated, StreamSetBack
from dialer.store.peer_updates import PeerStreamPosition
from dialer.store.uplink_reader import StoredRolls, UplinkReader
from dialer.uplink.dialler import DiallerCommands, is_command_unanswered
from dialer.uplink.peer_snapshots import PeerSnapshot, Place, SnapshotSource

_log = structlog.get_logger(__name__)

T = TypeVar("T")

RETRY_SECONDS = 2.0
SNAPSHOT_RETRY_SECONDS = 10.0
MAX_REPLY_SECONDS = 60.0
"""After a slower reply of the dialler the stream is opened again: messages may have been discarded meanwhile."""
ROLL_CHECK_SECONDS = 60.0
COMMAND_SECONDS = 0.5
"""Minimum interval between commands with updates: each costs the dialler a message, a commit and a reply."""
POSITION_SECONDS = 60.0
"""How far the stored position may lag while the stream has only updates of this centre itself."""
CALLS_RETRY_SECONDS = 60.0
MAX_UPDATES = 80  # opt-outs, marks and calls in one command
MAX_UPDATE_BYTES = MAX_BYTES - 1_024  # of a command, without its other fields
_OPT_OUTS: TypeAdapter[Any] = TypeAdapter(list[PeerOptOut])
_MARKS: TypeAdapter[Any] = TypeAdapter(list[PeerMark])
_CALLS: TypeAdapter[Any] = TypeAdapter(list[PeerCall])


class PendingUpdates:
    """Opt-outs, marks about voters and calls of other centres, collected for the next command to the dialler."""

    def __init__(self, after: int) -> None:
        """Create an empty collection. `after` is the position in headquarters' stream before the first update."""
        self.after = self.position = after
        self._stored_at: float | None = None
        self.opt_outs: list[dict[str, Any]] = []
        self.marks: list[dict[str, Any]] = []
        self.calls: list[dict[str, Any]] = []
        self._bytes = 0

    @property
    def number_of_pending_updates(self) -> int:
        """The number of opt-outs, marks about voters and calls of other centres in the next command."""
        return len(self.opt_outs) + len(self.marks) + len(self.calls)

    def can_add_updates(self, more: Sequence[dict[str, Any]]) -> bool:
        """Return whether the updates `more` also fit into the next command to the dialler."""
        has_room = self._bytes + _compute_size_of_updates_in_command(more) <= MAX_UPDATE_BYTES
        return not self.number_of_pending_updates or (
            self.number_of_pending_updates + len(more) <= MAX_UPDATES and has_room
        )

    def add_pending_updates(
        self,
        position: int,
        opt_outs: Sequence[dict[str, Any]],
        marks: Sequence[dict[str, Any]],
        calls: Sequence[dict[str, Any]] = (),
        *,
        stored_at: float | None = None,
    ) -> None:
        """Add the updates in the next message of headquarters' stream.

        `position` is the message's position, `stored_at` when nats-server stored it (epoch seconds).
        """
        self.position, self._stored_at = position, stored_at
        self.opt_outs += opt_outs
        self.marks += marks
        self.calls += calls
        self._bytes += _compute_size_of_updates_in_command([*opt_outs, *marks, *calls])

    def build_fields_of_updates_command(self, stream: str) -> dict[str, Any]:
        """Return the fields of the command `import-peer-updates`, with which the dialler stores other centres' updates."""
        return {
            "stream": stream,
            "after": self.after,
            "position": self.position,
            "stored_at": self._stored_at,
            "opt_outs": self.opt_outs,
            "peer_marks": self.marks,
            "peer_calls": self.calls,
        }


def _compute_size_of_updates_in_command(updates: Sequence[dict[str, Any]]) -> int:
    """Return the size (bytes) of updates in a signed command, in which they are JSON within a JSON string."""
    return len(json.dumps(json.dumps(updates)))


def _build_stream_position_key(stream_id: str, subject: str, roll_key: Sequence[object]) -> str:
    """Return the key under which the dialler stores how far it has read a NATS subject.

    `roll_key` identifies the electoral roll. A changed roll gives a new key without a stored position, so the subject
    is read again from the beginning.
    """
    return f"{stream_id}.{hashlib.sha256(json.dumps([subject, roll_key]).encode()).hexdigest()[:12]}"


def select_valid_updates_of_other_centres(
    opt_outs: Sequence[dict[str, Any]], marks: Sequence[dict[str, Any]], centre: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the opt-outs and marks about voters that are valid and from other centres.

    Updates that the dialler would reject are left out, so that they cannot block later updates. The centre's own
    updates are left out too.
    """
    return _select_valid_updates_of_kind(_OPT_OUTS, opt_outs, centre), _select_valid_updates_of_kind(
        _MARKS, marks, centre
    )


def _select_valid_updates_of_kind(
    adapter: TypeAdapter[Any], updates: Sequence[dict[str, Any]], centre: str
) -> list[dict[str, Any]]:
    of_others = [each for each in updates if each.get("centre") != centre]
    try:
        adapter.validate_json(json.dumps(of_others), strict=True)
    except ValidationError as error:
        if len(of_others) > 1:
            return [valid for each in of_others for valid in _select_valid_updates_of_kind(adapter, [each], centre)]
        _log.warning("peer_update.dropped", problem=error.errors(include_input=False)[0]["msg"])
        return []
    return of_others


class PeerUpdates:
    """The task that sends other centres' opt-outs, marks about voters and calls from headquarters' stream to the
    dialler.

    The dialler stores how far it has read opt-outs, and the marks of each constituency. Reading continues at these
    positions. A complete list (snapshot) is downloaded first if there is no position yet, or if the stream no longer
    has the updates after it.
    """

    def __init__(
        self, source: SnapshotSource, dialler: DiallerCommands, reading: UplinkReader, clock: Clock | None = None
    ) -> None:
        self._source = source
        self._centre = source.centre
        self._session = source.session
        self._dialler = dialler
        self._reading = reading
        self._clock = clock or SystemClock()
        self._sent_at: dict[str, float] = {}  # by stream, monotonic
        self._snapshot_lock = asyncio.Lock()  # one snapshot at a time

    async def send_peer_updates_until_cancelled(self) -> None:
        """Send other centres' opt-outs, marks about voters and call times to the dialler until cancelled."""
        while True:
            try:
                await await_coroutine_in_own_task(self._send_updates_until_roll_changes())
            except* (HeadquartersUnreachable, StoreError) as errors:
                _log.warning("peer_updates.failed", problem=str(errors.exceptions[0]))
            await asyncio.sleep(RETRY_SECONDS)

    async def _send_updates_until_roll_changes(self) -> None:
        roll = await self._reading.read_stored_rolls()
        stream_id = await self._session.find_stream_id(PEERS)
        async with asyncio.TaskGroup() as group:
            followers = [
                group.create_task(self._send_updates_from_stream(stream_id, roll, place), name="uplink-follow-peers")
                for place in (None, *roll.constituencies)
            ]
            followers += [
                group.create_task(self._send_peer_calls_from_stream(roll, state), name="uplink-follow-calls")
                for state in sorted({state for state, _ in roll.constituencies})
            ]
            await self._wait_for_roll_change(roll)
            for follower in followers:
                follower.cancel()

    async def _wait_for_roll_change(self, roll: StoredRolls) -> None:
        """Wait until the electoral roll has different constituencies, or until an import of voters has ended.

        During an import the roll changes all the time.
        """
        current = roll
        while True:
            await asyncio.sleep(ROLL_CHECK_SECONDS)
            previous, current = current, await self._reading.read_stored_rolls()
            if current.constituencies != roll.constituencies or previous == current != roll:
                return

    async def _send_updates_from_stream(self, stream_id: str, roll: StoredRolls, place: Place | None) -> None:
        """Send the dialler the opt-outs in headquarters' stream, or the marks about voters in the constituency
        `place`.

        After an import of voters, marks are read again from the beginning, because marks of unknown voters were
        skipped.
        """
        subject = OPT_OUT_SUBJECT if place is None else build_marks_subject_of_constituency("*", *place)
        roll_key = [] if place is None else [roll.constituencies, roll.last_voter]
        stream = _build_stream_position_key(stream_id, subject, roll_key)
        is_missing = False
        while True:
            stored = await self._reading.read_position_in_peer_stream(stream)
            if is_missing or not stored.position:
                snapshot = await self._download_and_send_snapshot(stream, place, stored.position)
                stored = PeerStreamPosition(snapshot)
            try:
                await self._send_updates_until_interrupted(stream_id, stream, subject, stored)
                is_missing = False
            except MessagesMissing as error:
                _log.warning("peer_updates.lost", problem=f"{error}; a snapshot is downloaded instead")
                is_missing = True
            await asyncio.sleep(RETRY_SECONDS)  # the dialler writes each refused command to its audit log

    async def _send_peer_calls_from_stream(self, roll: StoredRolls, state: str) -> None:
        """Send the dialler the times of calls that other centres of a federal state made to numbers on this centre's
        roll.

        With these, the dialler keeps the minimum interval between two calls to a number. The stream has all calls of
        the longest interval, so older calls are not needed.

        The stream is read again from the beginning if the roll has other numbers, or if the server was restored from a
        copy. Without such a stream at headquarters, opt-outs and marks are still sent.
        """
        subject = build_calls_subject_of_state(state)
        wrong: PeerStreamPosition | None = None  # the last one that proved wrong because the server was set back
        while True:
            try:
                stream_id = await self._session.find_stream_id(CALLS)
            except HeadquartersUnreachable as error:
                _log.warning("peer_calls.failed", state=state, problem=str(error))
                await asyncio.sleep(CALLS_RETRY_SECONDS)
                continue
            # The dialler skips positions that it has stored, so the stream gets another key. A restart finds the same one.
            stream = _build_stream_position_key(stream_id, subject, [roll.number_hashes, *(wrong or ())])
            stored = await self._reading.read_position_in_peer_stream(stream)
            pending = PendingUpdates(stored.position)
            try:
                async for message in self._session.read_stream_messages(
                    CALLS, stored.position, subject, stream_id=stream_id, stored_at=stored.stored_at
                ):
                    remaining = await self._add_calls_to_numbers_on_roll(stream, pending, message)
                    if remaining is None:
                        break
                    pending = remaining
            except StreamSetBack as error:
                _log.warning("peer_calls.set_back", state=state, problem=str(error))
                wrong = stored
            except StreamRecreated:
                wrong = None
            await asyncio.sleep(RETRY_SECONDS)

    async def _add_calls_to_numbers_on_roll(
        self, stream: str, pending: PendingUpdates, message: StoredMessage
    ) -> PendingUpdates | None:
        calls: list[dict[str, Any]] = []
        try:
            calls = [each for each in unpack_peer_calls(message.data) if each.get("centre") != self._centre]
        except InvalidMessage as error:
            _log.warning("peer_calls.rejected", problem=str(error))
        known = (
            await self._reading.select_hashes_of_numbers_on_roll({str(each.get("number_hash")) for each in calls})
            if calls
            else ()
        )
        calls = _select_valid_updates_of_kind(
            _CALLS, [each for each in calls if str(each.get("number_hash")) in known], self._centre
        )
        return await self._add_updates_and_send_if_due(stream, pending, message, [], [], calls)

    async def _download_and_send_snapshot(self, stream: str, place: Place | None, stored: int) -> int:
        """Download a complete list (snapshot) of other centres' updates and send it to the dialler. Retry after a
        failure.

        Return the stream position up to which the snapshot has all updates.
        """
        while True:
            try:
                async with (
                    self._snapshot_lock,
                    self._source.download_snapshot_of_updates(stream, place, stored) as snapshot,
                ):
                    count = await self._send_snapshot(stream, stored, snapshot)
                _log.info("peer_snapshot.applied", stream=stream, position=snapshot.position, updates=count)
                await self._publish_peer_update_status({"problem": ""})
            except (HeadquartersUnreachable, InvalidMessage, OSError) as error:  # OSError: no disk space for the pages
                _log.warning("peer_snapshot.failed", problem=str(error))
                await self._publish_peer_update_status({"problem": str(error)})
                await asyncio.sleep(random.uniform(1.0, 2.0) * SNAPSHOT_RETRY_SECONDS)  # noqa: S311 - spreads the load
            else:
                return snapshot.position

    async def _send_snapshot(self, stream: str, stored: int, snapshot: PeerSnapshot) -> int:
        """Send a complete list (snapshot) of other centres' updates to the dialler. Return the number of its updates.

        Several commands send the list, so that no commit of the dialler takes long. The dialler stores their positions
        under the name of the snapshot. A last command without updates then sets the position in the real stream.
        """
        snapshot_stream, pending, count = f"snapshot.{snapshot.name}", PendingUpdates(0), 0
        while (page := await asyncio.to_thread(next, snapshot.pages, None)) is not None:
            opt_outs, marks = await asyncio.to_thread(
                select_valid_updates_of_other_centres, page.opt_outs, page.marks, self._centre
            )
            count += len(opt_outs) + len(marks)
            for update in [*(([each], []) for each in opt_outs), *(([], [each]) for each in marks)]:
                if not pending.can_add_updates([*update[0], *update[1]]):
                    await self._send_part_of_snapshot(snapshot_stream, pending)
                    pending = PendingUpdates(pending.position)
                pending.add_pending_updates(pending.position + 1, *update)
        await self._send_part_of_snapshot(snapshot_stream, pending)
        end = PendingUpdates(stored)
        end.add_pending_updates(snapshot.position, [], [])
        await self._send_part_of_snapshot(stream, end)
        return count

    async def _send_part_of_snapshot(self, stream: str, pending: PendingUpdates) -> None:
        if not await self._send_updates_until_reply(stream, pending):
            raise InvalidMessage(
                "the dialler refused headquarters' list of opt-outs and marks (snapshot): the uplink downloads it again"
            )

    async def _send_updates_until_interrupted(
        self, stream_id: str, stream: str, subject: str, stored: PeerStreamPosition
    ) -> None:
        """Read other centres' opt-outs and marks and send them to the dialler, until the stream must be opened again.

        Raises StreamRecreated, MessagesMissing.
        """
        pending = PendingUpdates(stored.position)
        async for message in self._session.read_stream_messages(
            PEERS, stored.position, subject, stream_id=stream_id, stored_at=stored.stored_at, complete=True
        ):
            remaining = await self._add_opt_outs_and_marks(stream, pending, message)
            if remaining is None:
                return
            pending = remaining

    async def _add_opt_outs_and_marks(
        self, stream: str, pending: PendingUpdates, message: StoredMessage
    ) -> PendingUpdates | None:
        """Add the opt-outs and marks about voters in a stream message to `pending`. Send `pending` to the dialler
        if it is due.

        Return the updates that are still pending, or None if the stream must be opened again.
        """
        opt_outs: list[dict[str, Any]] = []
        marks: list[dict[str, Any]] = []
        try:
            opt_outs, marks = select_valid_updates_of_other_centres(*unpack_peer_updates(message.data), self._centre)
        except InvalidMessage as error:
            _log.warning("peer_updates.rejected", problem=str(error))
        return await self._add_updates_and_send_if_due(stream, pending, message, opt_outs, marks)

    async def _add_updates_and_send_if_due(
        self,
        stream: str,
        pending: PendingUpdates,
        message: StoredMessage,
        opt_outs: Sequence[dict[str, Any]],
        marks: Sequence[dict[str, Any]],
        calls: Sequence[dict[str, Any]] = (),
    ) -> PendingUpdates | None:
        """Add the updates in a stream message to `pending`. Send `pending` to the dialler if it is due.

        Return the updates that are still pending, or None if the stream must be opened again.
        """
        if not pending.can_add_updates([*opt_outs, *marks, *calls]):
            if not await self._send_updates_and_report_age(stream, pending):
                return None
            pending = PendingUpdates(pending.position)
        pending.add_pending_updates(message.position, opt_outs, marks, calls, stored_at=message.stored_at)
        now = self._clock.monotonic()
        is_empty = not pending.number_of_pending_updates
        if message.buffered or (is_empty and now < self._sent_at.get(stream, 0.0) + POSITION_SECONDS):
            return pending
        self._sent_at[stream] = now
        if not await self._send_updates_and_report_age(stream, pending):
            return None
        await asyncio.sleep(COMMAND_SECONDS)
        return PendingUpdates(pending.position)

    async def _send_updates_and_report_age(self, stream: str, pending: PendingUpdates) -> bool:
        """Send updates of other centres to the dialler. If opt-outs are among them, publish the age of the newest one.

        Return False if the stream must be opened again.
        """
        started = self._clock.monotonic()
        is_stored = await self._send_updates_until_reply(stream, pending)
        if is_stored and pending.opt_outs:
            lag = max(0.0, self._clock.now() - max(float(each["at"]) for each in pending.opt_outs))
            await self._publish_peer_update_status({"opt_out_lag_seconds": round(lag, 3)})
        return is_stored and self._clock.monotonic() - started < MAX_REPLY_SECONDS

    async def _send_updates_until_reply(self, stream: str, pending: PendingUpdates) -> bool:
        """Send updates of other centres to the dialler, again and again until it replies. Return whether it has stored
        them.

        The dialler refuses updates that do not follow the stream position that it has stored.
        """
        while True:
            reply = await self._dialler.send_command_to_dialler(
                "import-peer-updates", pending.build_fields_of_updates_command(stream)
            )
            if reply is not None and not is_command_unanswered(reply):
                if reply.status != "done":
                    _log.warning("peer_updates.refused", problem=reply.text)
                return reply.status == "done"
            await asyncio.sleep(RETRY_SECONDS)

    async def _publish_peer_update_status(self, fields: Mapping[str, Any]) -> None:
        await self._session.publish_message(
            build_live_status_subject(self._centre, "peer-updates"), json.dumps(fields).encode()
        )
