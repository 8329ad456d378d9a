"""Stores of every earlier schema open with all their rows, and a copy is left for going back to the earlier version."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.errors import StoreError, StoreFull
from dialer.settings.site import Settings
from dialer.site.checks.store import check_encryption
from dialer.store import audit, identity, migrate, seal_verification, seals
from dialer.store.backup import restore_backup, verify_backup
from dialer.store.connection import open_store_exclusively
from dialer.store.copying import STORE, list_store_copies_made_before_upgrades
from dialer.store.migrate import load_migrations
from dialer.store.store import open_store
from tests.support.stores import BACKENDS, TEST_KEY

ROWS = {
    1: [
        "INSERT INTO booth (booth_id, roll_version, state_code, constituency_number, part_number) VALUES (1, 'r', 'S13', 7, 1)",
        "INSERT INTO voter (voter_id, booth_id, serial, name, turnout, reached)"
        " VALUES (1, 1, 1, 'Asha', 'voted', 1), (2, 1, 2, 'Ravi', 'pending', 0)",
        "INSERT INTO phone (phone_id, e164, opted_out_at) VALUES (1, '+917000000001', NULL), (2, '+917000000002', 5.0)",
        "INSERT INTO link (voter_id, phone_id) VALUES (1, 1), (2, 2)",
        "INSERT INTO opt_out VALUES ('+917000000002', 5.0, 'agent', NULL), ('+917000000009', 6.0, 'letter', NULL)",
        "INSERT INTO import_run VALUES (1, 1.0, 'roll.csv', 'ab', 2, 2, 2, 2, 0, 0)",
        "INSERT INTO campaign (campaign_id, kind, purpose) VALUES ('calls', 'agents', 'turnout')",
        "INSERT INTO target (campaign_id, phone_id, state, due_at, rank, attempts) VALUES ('calls', 1, 'due', 9.0, -1, 1)",
        "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id, created_at,"
        " ended_at, outcome) VALUES ('a', 'calls', 1, 1, 1, 't', '+91', 2.0, 3.0, 'connected'),"
        " ('b', 'calls', 2, 2, 1, 't', '+91', 4.0, NULL, NULL)",
        "INSERT INTO mark (key, voter_id, kind, source, at, attempt_id) VALUES ('k', 1, 'voted', 'agent', 3.0, 'a')",
        "INSERT INTO seat_interval (seat, agent, state, from_at, until_at) VALUES ('01', '17', 'ready', 1.0, 2.0)",
        "INSERT INTO outbox (topic, payload, at) VALUES ('results/marks', '{}', 3.0)",
        "INSERT INTO command (command_id, at, name, reply) VALUES ('asha/1', 3.0, 'pause', '{}')",
    ],
    3: [
        "INSERT INTO register VALUES ('ncpr', 1.0, 2.0, 1, 'ff')",
        "INSERT INTO registered VALUES ('+917000000008', 'ncpr')",
        "INSERT INTO opt_out_hash (number_hash, at, centre) VALUES ('9f', 1.0, 'nashik')",
        "INSERT INTO hash_secret (fingerprint) VALUES ('0a')",
        "INSERT INTO phone_hash (phone_id, number_hash) VALUES (1, '9e')",
        "UPDATE phone SET consent = 'given', consent_source = 'form', consent_at = 1.0 WHERE phone_id = 1",
    ],
    4: ["UPDATE voter SET weight = 2.5 WHERE voter_id = 2", "UPDATE target SET booth_id = 1"],
    5: ["INSERT INTO flow_answer VALUES ('a', 'how-many', '3', 3.0)"],
    6: ["INSERT INTO log_in VALUES ('01', '17', 1, 'tea', 2.0)"],
    7: ["INSERT INTO inbound_call (at, called, e164, mode, campaign_id) VALUES (2.0, '+9120', '+917000000007', 'flow', 'calls')"],
    8: ["INSERT INTO recording VALUES ('a', 2.5)"],
    9: [
        "INSERT INTO official_turnout (day, constituency_number, by_time, share, entered_at, who)"
        " VALUES ('2024-04-22', 7, '11:00', 0.25, 4.0, 'asha')",
        "INSERT INTO complaint (key, at, about, channel, entered_at, who) VALUES ('c', 1.0, 'other', 'call', 2.0, 'asha')",
        "INSERT INTO complaint_answer (key, complaint_id, at, answer, who) VALUES ('d', 1, 3.0, 'apology', 'asha')",
    ],
    10: [
        "INSERT INTO worker (worker_id, phone_id, name) VALUES (1, 2, 'Sunil')",
        "INSERT INTO worker_booth VALUES (1, 1)",
        "INSERT INTO unknown_serial VALUES ('u', 'a', 1, 99, 1, 3.0)",
    ],
    12: ["INSERT INTO consent_ahead (e164, consent, source, at) VALUES ('+917000000006', 'given', 'form', 1.0)"],
    17: ["INSERT INTO released_unknown VALUES ('a', 5.0, 'asha', 'not on the carrier''s list')"],
    18: ["INSERT INTO rules_version VALUES ('d1', '{}', 1.0)", "INSERT INTO lawful (digest, grounds) VALUES ('d2', '{}')"],
    19: ["INSERT INTO setting VALUES ('centre.id', 'pune-1')"],
    21: ["INSERT INTO consent_before VALUES (1, 'withdrawn', 'call', 0.5)"],
    22: ["UPDATE attempt SET note = 'n1' WHERE attempt_id = 'a'"],
    23: ["INSERT INTO user VALUES ('ravi', 'coach', 1.0, 2.0)"],
    24: ["INSERT INTO standing_order VALUES ('campaign/calls', 'speed', '{}', 1.0, NULL)"],
    25: ["INSERT INTO outbox_sink VALUES ('mqtt', 0, NULL)", "INSERT INTO news_position VALUES ('side', 7)"],
    26: ["INSERT INTO headquarters_order VALUES ('o', 'e1', 'pause', 1.0, NULL, NULL)"],
    27: ["INSERT INTO own_call_back VALUES ('calls', 1, '17', 'a', 8.0, 9.0)"],
    29: ["INSERT INTO store_identity VALUES (1, 'i1', NULL, 0, '', '')"],
    31: ["INSERT INTO peer_call VALUES (1, 5.0, NULL, NULL)"],
    33: ["INSERT INTO judged_call VALUES ('a', 'person', 6.0, 'asha')"],
}  # fmt: skip
"""What is put in at each schema, for what is new in it."""

VERSIONS = [each.version for each in load_migrations()]
Dump = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Return a store file of each schema version, with rows that were written by the first version."""
    folder, found = tmp_path_factory.mktemp("stores"), {}
    growing = folder / "growing.db"
    with closing(sqlite3.connect(growing, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        for each in load_migrations():
            for statement in (*migrate.split_sql_script(each.script), *ROWS.get(each.version, ())):
                db.execute(statement)
            if each.version == 2:
                audit.append_entry(db, "import", "asha", {"rows": "2"}, 1.0)
            db.execute(f"PRAGMA user_version = {each.version}")
            db.execute(f"PRAGMA application_id = {migrate.APPLICATION_ID}")
            found[each.version] = Path(shutil.copy(growing, folder / f"{each.version}.db"))
    return found


def dump_rows(path: Path) -> Dump:
    with closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()]
        own = [name for name in tables if not name.startswith("sqlite_")]
        return {name: [dict(row) for row in db.execute(f'SELECT * FROM "{name}"')] for name in own}  # noqa: S608


def find_missing_rows(before: Dump, after: Dump) -> list[str]:
    """Return the rows that an upgrade lost or changed, compared in the columns that still exist."""
    found = []
    for table, rows in before.items():
        for row in rows if table != "store_identity" else ():  # its token changes at each opening
            same = [each for each in after[table] if all(each[name] == row[name] for name in row.keys() & each.keys())]
            if not same:
                found.append(f"{table}: {row}")
    return found


def test_example_store_of_each_schema_version_has_rows_in_every_table(stores: dict[int, Path]) -> None:
    filled_by_others = {
        *("seal", "consent_taken", "rules_use", "shuffle", "consent_forgotten"),
        *("seal_change", "seal_salt", "seal_epoch", "seal_tail"),
    }
    for version, path in stores.items():
        assert {name for name, rows in dump_rows(path).items() if not rows} <= filled_by_others, version


@pytest.mark.parametrize("version", VERSIONS)
async def test_store_of_every_schema_version_opens_without_losing_rows(
    stores: dict[int, Path], version: int, tmp_path: Path
) -> None:
    path = Path(shutil.copy(stores[version], tmp_path / "live.db"))
    before = dump_rows(path)
    async with await open_store(path) as store:
        assert [each.attempt_id for each in await store.read_unfinished_attempts()] == ["b"]
    assert find_missing_rows(before, dump_rows(path)) == []
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        assert [str(each) for each in seal_verification.verify_seals(db).findings] == []
    copies = list_store_copies_made_before_upgrades(path)
    assert [each.name for each in copies] == ([] if version == VERSIONS[-1] else [f"live.db.schema-{version}"])
    for copy in copies:
        assert dump_rows(verify_backup(copy, None).store) == before


async def test_earlier_version_opens_only_the_copy_made_before_an_upgrade(
    stores: dict[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(shutil.copy(stores[VERSIONS[-2]], tmp_path / "live.db"))
    before = dump_rows(path)
    async with await open_store(path):
        pass
    shipped = load_migrations()
    monkeypatch.setattr(migrate, "load_migrations", lambda: shipped[:-1])
    monkeypatch.setattr(identity, "ensure_store_has_own_identity", lambda *_, **__: None)
    monkeypatch.setattr(seals, "attach_sealer_to_connection", lambda *_, **__: None)
    monkeypatch.setattr(seals, "sign_all_unsigned_changes", lambda *_: None)
    with pytest.raises(StoreError) as refused:
        await open_store(path)
    assert str(refused.value) == (
        f"{path}: a newer Matdan wrote this store (schema {VERSIONS[-1]}; this one reads up to"
        f" {VERSIONS[-2]}):"
        " install the newer Matdan, or move the store away and restore its older copy"
        " (`dialer restore live.db.schema-N`)"
    )
    desk = path.with_name("live.desk.db")
    desk.write_bytes(b"stays, for no copy of it is put back")
    path.rename(tmp_path / "aside.db")
    (copy,) = list_store_copies_made_before_upgrades(path)
    assert restore_backup(copy, path, None, who="ops", at=9.0) == ["calls"]
    after = dump_rows(path)
    assert (
        find_missing_rows({name: rows for name, rows in before.items() if name not in {"campaign", "outbox"}}, after)
        == []
    )
    assert [each["state"] for each in after["campaign"]] == ["stopped"]
    assert desk.read_bytes().startswith(b"stays")
    assert list_store_copies_made_before_upgrades(path) == [copy]


def test_store_is_not_upgraded_without_disk_space_for_a_copy(
    stores: dict[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(shutil.copy(stores[20], tmp_path / "live.db"))
    monkeypatch.setattr("dialer.store.copying.shutil.disk_usage", lambda _: type("Disk", (), {"free": 10}))
    no_room = pytest.raises(StoreFull, match="no room for a copy of the store before its schema changes")
    with no_room, open_store_exclusively(path, "a test", create=False):
        pass
    assert path.read_bytes() == stores[20].read_bytes()
    assert list_store_copies_made_before_upgrades(path) == []


def test_copy_of_an_encrypted_store_made_before_an_upgrade_is_encrypted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, shipped = BACKENDS["encrypted"](tmp_path), load_migrations()
    with monkeypatch.context() as earlier:
        earlier.setattr(migrate, "load_migrations", lambda: shipped[:-1])
        earlier.setattr(identity, "ensure_store_has_own_identity", lambda *_, **__: None)
        earlier.setattr(seals, "attach_sealer_to_connection", lambda *_, **__: None)
        earlier.setattr(seals, "sign_all_unsigned_changes", lambda *_: None)
        with open_store_exclusively(backend.path, "a test", key=TEST_KEY):
            pass
    with open_store_exclusively(backend.path, "a test", key=TEST_KEY):
        pass
    (copy,) = list_store_copies_made_before_upgrades(backend.path)
    assert not (copy / STORE).read_bytes().startswith(b"SQLite")
    assert verify_backup(copy, TEST_KEY).newest is None
    key_file = tmp_path / "key"
    key_file.write_text(TEST_KEY.digits)
    key_file.chmod(0o600)
    settings = Settings.model_validate({"store": {"path": backend.path, "encryption_key_file": key_file}})
    assert [each.level for each in check_encryption(settings)] == ["ok"]
    (copy / STORE).write_bytes(b"SQLite format 3\0")
    (finding,) = check_encryption(settings)
    assert (finding.level, finding.text) == (
        "error",
        f"copies from before upgrades are not encrypted: {copy.name}",
    )
