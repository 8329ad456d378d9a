"""Peer updates: how they are grouped into commands, how their delay is published, and when snapshots are downloaded."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from dialer.domain.clock import SystemClock
from dialer.mqtt.commands.message import MAX_BYTES
from dialer.mqtt.commands.signer import Signer
from dialer.nats.messages import OPT_OUT_SUBJECT
from dialer.nats.session import StoredMessage
from dialer.store.uplink_reader import StoredRolls
from dialer.uplink import peer_updates
from dialer.uplink.peer_snapshots import PeerSnapshot, SnapshotSource
from dialer.uplink.peer_updates import MAX_UPDATES, PeerUpdates, PendingUpdates
from tests.support.uplink import RecordingDialler, RecordingSession
from tests.support.virtual import virtual_time

NOW = 1_713_764_000.0
PLACE = {"roll_version": "2026-1", "state_code": "S13", "constituency_number": 209, "part_number": 2, "serial": 7}
NO_STORE: Any = None


class FixedClock(SystemClock):
    """A clock that stands at NOW."""

    def now(self) -> float:
        return NOW


def compute_signed_size(updates: PendingUpdates) -> int:
    """Return the size (bytes) of the signed command with these updates."""
    values = updates.build_fields_of_updates_command("PEERS.1713764000.0123456789ab")
    text = json.dumps(
        {"id": f"uplink-{'0' * 32}", "name": "import-peer-updates", "expires_at": 1713764000.123456, **values}
    )
    return len(Signer("uplink", b"k" * 32).create_command_payload("pune-1", text))


def make_full_updates(mark: dict[str, Any]) -> PendingUpdates:
    """Return pending updates with as many messages of ten equal marks as fit into one command."""
    updates = PendingUpdates(10**9)
    while updates.can_add_updates([mark] * 10):
        updates.add_pending_updates(updates.position + 1, [], [mark] * 10)
    return updates


def test_command_with_updates_of_other_centres_is_within_the_diallers_limit() -> None:
    mark = {"kind": "voted", "source": "correction", "at": 1713764000.123456, "centre": "pune-2", **PLACE}
    short = make_full_updates({**mark, "key": "k" * 32})
    assert len(short.marks) == MAX_UPDATES
    assert compute_signed_size(short) <= MAX_BYTES
    long = make_full_updates({**mark, "key": "k" * 128, "undoes": "u" * 128, "confidence": "told"})
    assert 40 <= len(long.marks) < MAX_UPDATES
    assert compute_signed_size(long) <= MAX_BYTES


async def test_subscriptions_to_updates_of_other_centres_restart_after_an_electoral_roll_import(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(peer_updates, "ROLL_CHECK_SECONDS", 0.0)
    here, there = ("S13", 209), ("S13", 210)

    async def checks_until_restart(*found: StoredRolls) -> int:
        rolls = list(found)

        async def next_rolls(_: object) -> StoredRolls:
            return rolls.pop(0)

        reading: Any = type("Reading", (), {"read_stored_rolls": next_rolls})()
        nobody: Any = None
        updates = PeerUpdates(SnapshotSource("pune-1", nobody), nobody, reading)
        await updates._wait_for_roll_change(StoredRolls((here,), 5))
        return len(found) - len(rolls)

    same, more, most = (StoredRolls((here,), last) for last in (5, 6, 7))
    other = StoredRolls((here, there), 6)
    assert await checks_until_restart(same, same, more, most, most, most) == 5
    assert await checks_until_restart(same, other, other) == 2


def opt_out_message(position: int, buffered: int, centre: str = "patna-1") -> StoredMessage:
    """Return a message with one opt-out."""
    opt_out = {"number_hash": f"{position:064x}", "at": NOW, "centre": centre}
    return StoredMessage(
        OPT_OUT_SUBJECT, json.dumps({"opt_outs": [opt_out]}).encode(), position, position - 1, 9, buffered, NOW
    )


@virtual_time()
async def test_updates_of_other_centres_share_one_command_and_own_updates_are_skipped() -> None:
    dialler = RecordingDialler("done")
    updates = PeerUpdates(SnapshotSource("pune-1", RecordingSession()), dialler, NO_STORE, FixedClock())
    pending: PendingUpdates | None = PendingUpdates(0)
    for message in (
        opt_out_message(1, 0, "pune-1"),
        opt_out_message(2, 2),
        opt_out_message(3, 1),
        opt_out_message(4, 0),
        opt_out_message(5, 0, "pune-1"),
    ):
        assert pending is not None
        pending = await updates._add_opt_outs_and_marks("PEERS.1", pending, message)
    sent = dialler.commands  # type: ignore[attr-defined]
    assert [(each["after"], each["position"], len(each["opt_outs"])) for each in sent] == [(0, 1, 0), (1, 4, 3)]


@pytest.mark.parametrize(
    ("status", "expected"), [("done", [("live.pune-1.peer-updates", {"opt_out_lag_seconds": 0.4})]), ("refused", [])]
)
@virtual_time()
async def test_delay_of_a_received_opt_out_is_published_once_stored(status: str, expected: list[Any]) -> None:
    session = RecordingSession()
    updates = PeerUpdates(SnapshotSource("pune-1", session), RecordingDialler(status), NO_STORE, FixedClock())
    opt_outs = [
        {"number_hash": f"{place:064x}", "at": NOW - late, "centre": "patna-1"} for place, late in enumerate((9.0, 0.4))
    ]
    message = StoredMessage(OPT_OUT_SUBJECT, json.dumps({"opt_outs": opt_outs, "marks": []}).encode(), 7, 6, 9, 0, NOW)
    await updates._add_opt_outs_and_marks("PEERS.1", PendingUpdates(6), message)
    assert session.published == expected


@virtual_time()
async def test_updates_for_a_new_centre_are_downloaded_again_after_a_full_disk() -> None:
    session, attempts = RecordingSession(), 0

    class FullDiskOnce(SnapshotSource):
        @contextlib.asynccontextmanager
        async def download_snapshot_of_updates(
            self, stream: str, place: tuple[str, int] | None, stored: int
        ) -> AsyncIterator[PeerSnapshot]:
            nonlocal attempts
            attempts += 1
            if attempts == 1:
                raise OSError(28, "No space left on device")
            yield PeerSnapshot("one", 7, iter(()))

    updates = PeerUpdates(FullDiskOnce("pune-1", session), RecordingDialler("done"), NO_STORE, FixedClock())
    assert await updates._download_and_send_snapshot("PEERS.1", None, 0) == 7
    expected = [{"problem": "[Errno 28] No space left on device"}, {"problem": ""}]
    assert session.published == [("live.pune-1.peer-updates", each) for each in expected]
