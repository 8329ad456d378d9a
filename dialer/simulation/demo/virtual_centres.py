"""Centres without a store and without calls, by the hundred: each speaks to headquarters through the real uplink's parts.

They announce what a busy centre does, keep what they are told, and know when everything came: for the demo of a headquarters, and
for benches, which hold it to the truth that they have.
"""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from dialer.domain.clock import Clock, SystemClock
from dialer.domain.enums import MarkKind
from dialer.domain.model import AttemptId, Confidence, EndedAttempt, Mark, MarkSource, Outcome
from dialer.domain.results import OptOut, Result
from dialer.domain.voter_place import VoterPlace
from dialer.mqtt.dialler_client import Reply
from dialer.mqtt.messages import announcement_of
from dialer.nats.messages import ack_subject, live_subject, unpack_ack
from dialer.nats.session import Session
from dialer.store.outbox import OutboxRow
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
"""Of what is announced: a call in two brings a mark, half of them "voted"."""


@dataclass(slots=True)
class VirtualTruth:
    """What a virtual centre has announced, and what it was told."""

    made: int = 0  # rows
    counts: Counter[str] = field(default_factory=Counter)  # as headquarters counts a day
    voted: set[str] = field(default_factory=set)  # keys of its marks
    opted_out: set[str] = field(default_factory=set)  # hashes, its own
    told_voted: set[str] = field(default_factory=set)
    told_opted_out: set[str] = field(default_factory=set)
    seconds_up: list[float] = field(default_factory=list)  # of rows, from made to committed
    seconds_sideways: list[float] = field(default_factory=list)  # of news, from made in one centre to kept in another


class VirtualStore(UplinkReader):
    """An outbox in memory."""

    def __init__(self, constituency: int, clock: Clock) -> None:
        self._constituency = constituency
        self._clock = clock
        self._rows: deque[OutboxRow] = deque()
        self._passed = 0
        self._committed = 0
        self._last = 0
        self._positions: dict[str, int] = {}
        self.truth = VirtualTruth()

    def announce(self, topic: str, payload: str) -> None:
        """Put a row in."""
        self._last += 1
        self.truth.made += 1
        self._rows.append(OutboxRow(self._last, topic, payload, self._clock.now()))

    def committed(self, through: int) -> None:
        """Headquarters says that it has them. The dialler is told seconds later, and not of each."""
        now = self._clock.now()
        committed = self._after(self._committed, through - self._committed)
        self.truth.seconds_up += [now - row.at for row in committed]
        self._committed = max(self._committed, through)

    def keep_up_to(self, through: int) -> None:
        """The rows may go: the dialler was told that headquarters has them."""
        self.committed(through)  # an answer may have been lost on its way
        self._passed = max(self._passed, through)
        while self._rows and self._rows[0].outbox_id <= self._passed:
            self._rows.popleft()

    def import_peer_updates(self, fields: dict[str, Any]) -> Reply:
        """As the dialler does: all with the position, or not at all."""
        stream, kept = fields["stream"], self._positions.get(fields["stream"], 0)
        if fields["position"] <= kept:
            return Reply("done", "known")
        if fields["after"] > kept:
            return Reply("refused", f"ask from {kept}")
        self._positions[stream] = fields["position"]
        now = self._clock.now()
        for told, known, key in (
            (fields["peer_marks"], self.truth.told_voted, "key"),
            (fields["opt_outs"], self.truth.told_opted_out, "number_hash"),
        ):
            for each in told:
                if each[key] not in known:
                    known.add(each[key])
                    self.truth.seconds_sideways.append(now - each["at"])
        return Reply("done", "taken")

    async def passed(self) -> int | None:
        return self._passed

    async def after(self, passed: int, limit: int) -> Sequence[OutboxRow]:
        return self._after(passed, limit)

    def _after(self, passed: int, limit: int) -> Sequence[OutboxRow]:
        rows = self._rows
        begin = max(0, passed + 1 - rows[0].outbox_id) if rows else 0
        return [*islice(rows, begin, begin + max(0, limit))]

    async def position(self, stream: str) -> int:
        return self._positions.get(stream, 0)

    async def rolls(self) -> StoredRolls:
        return StoredRolls(((STATE, self._constituency),), 1)


class VirtualDialler(DiallerCommands):
    """A dialler that has no calls."""

    def __init__(self, store: VirtualStore) -> None:
        object.__setattr__(self, "_store", store)
        object.__setattr__(self, "orders", [])

    async def send(self, name: str, values: dict[str, Any]) -> Reply | None:
        store: VirtualStore = self._store  # type: ignore[attr-defined]
        if name == "confirm-uplink":
            store.keep_up_to(values["through"])
        elif name == "import-peer-updates":
            return store.import_peer_updates(values)
        else:
            self.orders.append(values)  # type: ignore[attr-defined]
        return Reply("done", "done")


class VirtualCentre:
    """One of them. Two that follow each other hold the same constituency."""

    def __init__(self, number: int, zone: str, seed: int) -> None:
        """`number`, from 0, names it."""
        self.name = f"virtual-{number:03d}"
        self.zone = zone
        self._clock = SystemClock()
        self._chance = random.Random(seed * 1_000 + number)
        self._constituency = 1 + number // 2
        self.store = VirtualStore(self._constituency, self._clock)
        self.truth = self.store.truth

    async def run(self, session: Session) -> None:
        """Be joined to headquarters until cancelled."""
        door = VirtualDialler(self.store)
        await session.subscribe(ack_subject(self.name), self._take_answer)
        async with asyncio.TaskGroup() as group:
            group.create_task(OutboxUpload(self.name, session, door, self.store, self._clock).run())
            group.create_task(PeerUpdates(SnapshotSource(self.name, session), door, self.store).run())
            group.create_task(OrderDelivery(self.name, self.zone, session, door, self._clock).run())
            group.create_task(self._live(session))

    async def _live(self, session: Session) -> None:
        """Say how it stands, as an uplink does of its dialler."""
        while True:
            talking, ready = self._chance.randrange(8, 14), self._chance.randrange(1, 5)
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
                "campaign": "turnout",
                "at": now,
                "state": "running",
                "numbers": LIST_NUMBERS,
                "closed": done,
                "due": LIST_NUMBERS - done,
                "abandoned_target": {"share": 0.02, "most": 0.03, "sender": None},
            }
            await session.publish(live_subject(self.name, "state"), json.dumps(state).encode())
            await session.publish(live_subject(self.name, "campaign", "turnout"), json.dumps(figures).encode())
            await asyncio.sleep(LIVE_SECONDS * self._chance.uniform(0.8, 1.2))

    async def _take_answer(self, subject: str, data: bytes) -> None:
        self.store.committed(unpack_ack(data))

    def work(self, rows: int) -> None:
        """Announce so many rows of what a centre's calls bring."""
        for _ in range(rows):
            chance = self._chance.random()
            if chance < OPT_OUT_SHARE:
                self._opt_out()
            elif chance < VOTED_SHARE:
                self._mark(MarkKind.VOTED)
            elif chance < 2 * VOTED_SHARE:
                self._mark(MarkKind.NOT_YET)
            else:
                self._attempt()

    def work_of_each_kind(self) -> None:
        """Announce one of each that others are told, and of what they are not."""
        self._opt_out()
        self._mark(MarkKind.VOTED)
        self._attempt()

    def _id(self) -> str:
        return str(uuid.UUID(int=self._chance.getrandbits(128)))

    def _announce(self, result: Result) -> None:
        announced = announcement_of(result)
        self.store.announce(announced.topic, announced.payload)

    def _attempt(self) -> None:
        outcome = self._chance.choice((Outcome.CONNECTED, Outcome.NO_ANSWER, Outcome.BUSY))
        attempt_id, now = AttemptId(self._id()), self._clock.now()
        self._announce(
            EndedAttempt(attempt_id, outcome, now, cause=16, seat="04", agent="agent-17", campaign_id="turnout")
        )
        self.truth.counts.update(("attempts", f"outcome/{outcome}"))

    def _mark(self, kind: MarkKind) -> None:
        key = f"{self._id()}:turnout"
        part, serial = 1 + self._chance.randrange(PARTS), 1 + self._chance.randrange(PART_VOTERS)
        place = VoterPlace(ROLL_VERSION, STATE, self._constituency, part, serial)
        now = self._clock.now()
        self._announce(Mark(key, 7, kind, MarkSource.AGENT, now, confidence=Confidence.SAID, place=place))
        self.truth.counts[f"mark/{kind}"] += 1
        if kind is MarkKind.VOTED:
            self.truth.voted.add(key)

    def _opt_out(self) -> None:
        hashed = f"{self._chance.getrandbits(256):064x}"
        self._announce(OptOut(7, self._clock.now(), "agent", number_hash=hashed))
        self.truth.counts["opt-outs"] += 1
        self.truth.opted_out.add(hashed)
