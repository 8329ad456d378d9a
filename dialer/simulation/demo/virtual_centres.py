"""Virtual centres: hundreds of centres without store and calls, which talk to headquarters like real centres.

They use the classes of the real uplink (the connection to headquarters), and send results at the rate of a busy centre. They
record what they send and receive, and when. The headquarters demo and benches compare headquarters' database with these
records.
"""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections import Counter, deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from dialer.domain.clock import Clock, SystemClock
from dialer.domain.enums import Confidence, MarkKind
from dialer.domain.model import AttemptId, CampaignProgress, EndedAttempt, Mark, MarkSource, Outcome
from dialer.domain.results import OptOut, Result
from dialer.domain.schema import convert_record_to_json_values
from dialer.domain.view import AbandonedTarget
from dialer.domain.voter_place import VoterPlace
from dialer.mqtt.dialler_client import Reply
from dialer.mqtt.messages import create_outbox_row_of_result
from dialer.nats.messages import build_acknowledgement_subject, build_live_status_subject, unpack_acknowledgement
from dialer.nats.session import Session
from dialer.store.identity import StoreIdentity
from dialer.store.outbox import OutboxRow
from dialer.store.peer_updates import PeerStreamPosition
from dialer.store.uplink_reader import StoredRolls, UplinkReader
from dialer.uplink.dialler import DiallerCommands
from dialer.uplink.orders import OrderDelivery
from dialer.uplink.peer_snapshots import SnapshotSource
from dialer.uplink.peer_updates import PeerUpdates
from dialer.uplink.upload import OutboxUpload

STATE, ROLL_VERSION = "S99", "virtual"
PART_VOTERS = 1_000
PARTS = 200
LIVE_SECONDS = 10.0
LIST_NUMBERS = 20_000
VOTED_SHARE, OPT_OUT_SHARE = 0.25, 0.002
"""Shares of the announced rows (0-1): "voted" and "not yet" marks each, and opt-outs. The rest are ended attempts."""


@dataclass(slots=True)
class VirtualCentreRecord:
    """The record of what a virtual centre has sent and received, to be compared with headquarters' database."""

    announced: int = 0  # result rows
    counts: Counter[str] = field(default_factory=Counter)  # by the counters of headquarters
    voted: set[str] = field(default_factory=set)  # keys of its own "voted" marks
    opted_out: set[str] = field(default_factory=set)  # hashes of its own opt-outs
    received_voted: set[str] = field(default_factory=set)
    received_opt_outs: set[str] = field(default_factory=set)
    upload_seconds: list[float] = field(default_factory=list)  # per row, from its announcement to headquarters' commit
    peer_update_seconds: list[float] = field(
        default_factory=list
    )  # per received update, since its announcement in another centre


class VirtualStore(UplinkReader):
    """A virtual centre's queue of results for headquarters (outbox), in memory instead of a database."""

    def __init__(self, constituency: int, clock: Clock) -> None:
        self._constituency = constituency
        self._clock = clock
        self._rows: deque[OutboxRow] = deque()
        self._passed = 0
        self._committed = 0
        self._last = 0
        self._positions: dict[str, int] = {}
        self.truth = VirtualCentreRecord()

    def add_result_to_outbox(self, topic: str, payload: str) -> None:
        """Add a result to the queue of messages to headquarters (outbox)."""
        self._last += 1
        self.truth.announced += 1
        self._rows.append(OutboxRow(self._last, topic, payload, self._clock.now()))

    def record_results_stored_by_headquarters(self, through: int) -> None:
        """Record that headquarters has stored all queued results up to the id `through`."""
        now = self._clock.now()
        committed = self._select_outbox_rows_after(self._committed, through - self._committed)
        self.truth.upload_seconds += [now - row.at for row in committed]
        self._committed = max(self._committed, through)

    def discard_results_up_to(self, through: int) -> None:
        """Discard all queued results up to the id `through`, because headquarters has stored them."""
        self.record_results_stored_by_headquarters(through)  # its acknowledgement may have been lost
        self._passed = max(self._passed, through)
        while self._rows and self._rows[0].outbox_id <= self._passed:
            self._rows.popleft()

    def import_updates_of_other_centres(self, fields: dict[str, Any]) -> Reply:
        """Import a batch of updates of other centres, as the dialler does.

        If an earlier batch is missing, nothing is imported and the reply is "refused".
        """
        stream, position = fields["stream"], self._positions.get(fields["stream"], 0)
        if fields["position"] <= position:
            return Reply("done", "known")
        if fields["after"] > position:
            return Reply("refused", f"ask from {position}")
        self._positions[stream] = fields["position"]
        now = self._clock.now()
        for received, known, key in (
            (fields["peer_marks"], self.truth.received_voted, "key"),
            (fields["opt_outs"], self.truth.received_opt_outs, "number_hash"),
        ):
            for each in received:
                if each[key] not in known:
                    known.add(each[key])
                    self.truth.peer_update_seconds.append(now - each["at"])
        return Reply("done", "stored")

    async def read_store_identity(self) -> StoreIdentity:
        return StoreIdentity("0", None, 0, "")

    def refuse_replaced_store(self) -> None:
        pass

    async def read_last_outbox_id_at_headquarters(self) -> int | None:
        return self._passed

    async def read_highest_outbox_id(self) -> int:
        return self._last

    async def read_outbox_rows_after(self, passed: int, limit: int) -> Sequence[OutboxRow]:
        return self._select_outbox_rows_after(passed, limit)

    def _select_outbox_rows_after(self, passed: int, limit: int) -> Sequence[OutboxRow]:
        rows = self._rows
        begin = max(0, passed + 1 - rows[0].outbox_id) if rows else 0
        return [*islice(rows, begin, begin + max(0, limit))]

    async def read_position_in_peer_stream(self, stream: str) -> PeerStreamPosition:
        return PeerStreamPosition(self._positions.get(stream, 0))

    async def select_hashes_of_numbers_on_roll(self, hashes: Collection[str]) -> set[str]:
        return set()

    async def read_stored_rolls(self) -> StoredRolls:
        return StoredRolls(((STATE, self._constituency),), 1)


class VirtualDialler(DiallerCommands):
    """A dialler without calls. It applies the updates of other centres (peer updates) and records headquarters' orders."""

    def __init__(self, store: VirtualStore) -> None:
        object.__setattr__(self, "_store", store)
        object.__setattr__(self, "orders", [])

    async def send_command_to_dialler(self, name: str, values: dict[str, Any]) -> Reply | None:
        store: VirtualStore = self._store  # type: ignore[attr-defined]
        if name == "confirm-uplink":
            store.discard_results_up_to(values["through"])
        elif name == "import-peer-updates":
            return store.import_updates_of_other_centres(values)
        elif name == "headquarters-order":
            self.orders.append(values)  # type: ignore[attr-defined]
        return Reply("done", "done")


class VirtualCentre:
    """A virtual centre. Centres 0 and 1 have the same constituency, centres 2 and 3 the next one, and so on."""

    def __init__(self, number: int, zone: str, seed: int) -> None:
        """Create a virtual centre. `number` counts from 0 and gives the centre its name."""
        self.name = f"virtual-{number:03d}"
        self.zone = zone
        self._clock = SystemClock()
        self._random = random.Random(seed * 1_000 + number)
        self._constituency = 1 + number // 2
        self.store = VirtualStore(self._constituency, self._clock)
        self.truth = self.store.truth

    async def exchange_messages_until_cancelled(self, session: Session) -> None:
        """Keep the virtual centre connected to headquarters until cancelled."""
        dialler = VirtualDialler(self.store)
        await session.subscribe_to_subject(
            build_acknowledgement_subject(self.name), self._record_acknowledgement_of_headquarters
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(
                OutboxUpload(self.name, session, dialler, self.store, self._clock).send_results_until_cancelled()
            )
            group.create_task(
                PeerUpdates(SnapshotSource(self.name, session), dialler, self.store).send_peer_updates_until_cancelled()
            )
            group.create_task(
                OrderDelivery(self.name, self.zone, session, dialler, self._clock).deliver_orders_until_cancelled()
            )
            group.create_task(self._publish_live_state(session))

    async def _publish_live_state(self, session: Session) -> None:
        """Publish the centre's state and campaign figures every ten seconds or so, as a real centre does."""
        while True:
            talking, ready = self._random.randrange(8, 14), self._random.randrange(1, 5)
            done = min(LIST_NUMBERS, self.truth.counts["attempts"])
            now = self._clock.now()
            state = {
                "centre": self.name,
                "online": True,
                "at": now,
                "switch_up": True,
                "campaigns": {"turnout": "running"},
                "seats": {"talking": talking, "ready": ready, "wrap-up": 2, "offline": 20 - talking - ready - 2},
                "calls": talking + 9,
            }
            figures = {
                "campaign_id": "turnout",
                "at": now,
                "state": "running",
                "progress": convert_record_to_json_values(
                    CampaignProgress(
                        total=LIST_NUMBERS,
                        completed=done,
                        remaining=LIST_NUMBERS - done,
                        attempts=done,
                        waiting=0,
                        refused={},
                    )
                ),
                "abandoned_target": convert_record_to_json_values(
                    AbandonedTarget(rate=0.02, maximum=0.03, sender=None)
                ),
            }
            await session.publish_message(build_live_status_subject(self.name, "state"), json.dumps(state).encode())
            await session.publish_message(
                build_live_status_subject(self.name, "campaign", "turnout"), json.dumps(figures).encode()
            )
            await asyncio.sleep(LIVE_SECONDS * self._random.uniform(0.8, 1.2))

    async def _record_acknowledgement_of_headquarters(self, subject: str, data: bytes) -> None:
        through = unpack_acknowledgement(data).through
        if through is not None:
            self.store.record_results_stored_by_headquarters(through)

    def add_random_results_to_outbox(self, rows: int) -> None:
        """Announce random results of calls to headquarters. `rows` is the number of results."""
        for _ in range(rows):
            draw = self._random.random()
            if draw < OPT_OUT_SHARE:
                self._add_opt_out_to_outbox()
            elif draw < VOTED_SHARE:
                self._add_answer_of_voter_to_outbox(MarkKind.VOTED)
            elif draw < 2 * VOTED_SHARE:
                self._add_answer_of_voter_to_outbox(MarkKind.NOT_YET)
            else:
                self._add_random_call_attempt_to_outbox()

    def add_one_result_of_each_kind(self) -> None:
        """Announce one result of each kind to headquarters: an opt-out, a voter who has voted, and an ended attempt."""
        self._add_opt_out_to_outbox()
        self._add_answer_of_voter_to_outbox(MarkKind.VOTED)
        self._add_random_call_attempt_to_outbox()

    def _make_random_id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128)))

    def _add_random_result_to_outbox(self, result: Result) -> None:
        announced = create_outbox_row_of_result(result)
        self.store.add_result_to_outbox(announced.topic, announced.payload)

    def _add_random_call_attempt_to_outbox(self) -> None:
        outcome = self._random.choice((Outcome.CONNECTED, Outcome.NO_ANSWER, Outcome.BUSY))
        attempt_id, now = AttemptId(self._make_random_id()), self._clock.now()
        self._add_random_result_to_outbox(
            EndedAttempt(attempt_id, outcome, now, cause=16, seat="04", agent="agent-17", campaign_id="turnout")
        )
        self.truth.counts.update(("attempts", f"outcome/{outcome}"))

    def _add_answer_of_voter_to_outbox(self, kind: MarkKind) -> None:
        key = f"{self._make_random_id()}:turnout"
        part, serial = 1 + self._random.randrange(PARTS), 1 + self._random.randrange(PART_VOTERS)
        place = VoterPlace(ROLL_VERSION, STATE, self._constituency, part, serial)
        now = self._clock.now()
        self._add_random_result_to_outbox(
            Mark(key, 7, kind, MarkSource.AGENT, now, confidence=Confidence.SAID, place=place)
        )
        self.truth.counts[f"mark/{kind}"] += 1
        if kind is MarkKind.VOTED:
            self.truth.voted.add(key)

    def _add_opt_out_to_outbox(self) -> None:
        hashed = f"{self._random.getrandbits(256):064x}"
        self._add_random_result_to_outbox(OptOut(7, self._clock.now(), "agent", number_hash=hashed))
        self.truth.counts["opt-outs"] += 1
        self.truth.opted_out.add(hashed)
