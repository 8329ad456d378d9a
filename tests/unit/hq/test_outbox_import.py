"""Outbox files from `dialer carry` to headquarters: accepted only from a known centre, signed with its key."""

from __future__ import annotations

import asyncio
from pathlib import Path

import nkeys
import pytest

from dialer.domain.errors import HeadquartersUnreachable, OutputRefused
from dialer.domain.model import Announcement
from dialer.hq.outbox_import import read_outbox_files
from dialer.nats.messages import InvalidMessage
from dialer.nats.nkey import read_private_key
from dialer.settings.headquarters import HqSettings
from dialer.store import outbox
from dialer.store.store import open_store
from tests.support.command_line import run


def seed_file(path: Path, letter: bytes) -> str:
    """Write a seed file and return its public nkey."""
    seed = nkeys.encode_seed(letter * 32, nkeys.PREFIX_BYTE_USER)
    path.parent.mkdir(exist_ok=True)
    path.write_text(seed.decode() + "\n", encoding="ascii")
    return str(nkeys.from_seed(bytearray(seed)).public_key.decode())


def centre_file(folder: Path, *, with_key: bool = True) -> Path:
    """Write the settings of a centre connected to headquarters."""
    settings = f'[centre]\nid = "pune-1"\n[store]\npath = "{folder / "centre.db"}"\n[headquarters]\nuser = "uplink"\n'
    settings += 'servers = ["nats://127.0.0.1:1"]\n' + (f'nkey_file = "{folder / "own.nk"}"\n' if with_key else "")
    path = folder / "centre.toml"
    path.write_text(f'{settings}[[supervisors]]\nname = "uplink"\nrole = "uplink"\n', encoding="utf-8")
    return path


async def announce(path: Path) -> None:
    async with await open_store(path) as store:
        await store.set_byte_limit_of_headquarters_queue(1 << 20)
        await store.add_messages_to_outbox(
            [Announcement(topic, "{}") for topic in ("results/marks", "replies/asha", "results/x")], 5
        )
        await store.add_messages_to_outbox([Announcement("replies/asha", "{}")], 6.0)


def make_hq_settings(tmp_path: Path, *centres: dict[str, str], keys: bool = True) -> HqSettings:
    named = [{"zone": "z1", **centre} for centre in centres]
    return HqSettings.model_validate({"centres": named, **({"nkey_file": tmp_path / "hq.nk"} if keys else {})})


def test_results_file_is_accepted_only_with_its_centres_signature(tmp_path: Path) -> None:
    own = seed_file(tmp_path / "own.nk", b"o")
    theirs = seed_file(tmp_path / "theirs" / "other.nk", b"t")
    settings = centre_file(tmp_path)
    asyncio.run(announce(tmp_path / "centre.db"))
    path = tmp_path / "pune-1-1-4.csv"
    assert run("carry", tmp_path, "-c", settings) == (0, f"{path}: 2 rows, signed\n")
    assert run("carry", tmp_path, "-c", settings)[0] == OutputRefused.exit_code
    [file] = read_outbox_files(make_hq_settings(tmp_path, {"id": "pune-1", "nkey": own}), [path])
    assert [row.id for batch in file.read_batches_of_outbox_file() for row in batch.rows] == [1, 3]
    for centre, problem in (
        ({"id": "pune-2", "nkey": own}, "centre pune-1 is not in headquarters' settings"),
        ({"id": "pune-1", "nkey": theirs}, "not signed with the key of centre pune-1"),
        ({"id": "pune-1"}, "headquarters has no public key of centre pune-1"),
    ):
        with pytest.raises(InvalidMessage, match=problem):
            read_outbox_files(make_hq_settings(tmp_path, centre), [path])
    seed_file(tmp_path / "centres" / "pune-1.nk", b"o")  # as rendered by `dialer hq render`
    assert read_outbox_files(make_hq_settings(tmp_path, {"id": "pune-1"}), [path]) == [file]


def test_unsigned_file_of_results_is_accepted_only_by_a_headquarters_without_keys(tmp_path: Path) -> None:
    own = seed_file(tmp_path / "own.nk", b"o")
    settings = centre_file(tmp_path, with_key=False)
    asyncio.run(announce(tmp_path / "centre.db"))
    path = tmp_path / "pune-1-1-4.csv"
    assert run("carry", tmp_path, "-c", settings) == (0, f"{path}: 2 rows, not signed: nkey_file is not set\n")
    assert len(read_outbox_files(make_hq_settings(tmp_path, {"id": "pune-1"}, keys=False), [path])) == 1
    with pytest.raises(InvalidMessage, match="not signed"):
        read_outbox_files(make_hq_settings(tmp_path, {"id": "pune-1", "nkey": own}), [path])


def test_file_of_results_is_not_written_if_no_results_wait_for_headquarters(tmp_path: Path) -> None:
    settings = centre_file(tmp_path, with_key=False)

    async def start_store(*, kept: bool) -> None:
        async with await open_store(tmp_path / "centre.db") as store:
            await store.set_byte_limit_of_headquarters_queue(1 << 20 if kept else None)

    asyncio.run(start_store(kept=False))
    assert "has no messages for headquarters" in run("carry", tmp_path, "-c", settings)[1]
    asyncio.run(start_store(kept=True))
    assert run("carry", tmp_path, "-c", settings)[0] == 0
    assert [*tmp_path.glob("*.csv")] == []


def test_file_of_results_is_not_written_while_the_uplink_delivers_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = centre_file(tmp_path, with_key=False)
    asyncio.run(announce(tmp_path / "centre.db"))
    passed = iter([0, 3])
    monkeypatch.setattr(outbox, "read_last_outbox_id_at_headquarters", lambda _: next(passed))
    code, told = run("carry", tmp_path, "-c", settings)
    assert code == HeadquartersUnreachable.exit_code
    assert "the connection to headquarters works again and the messages are being sent" in told
    assert [*tmp_path.glob("*.csv*")] == [*tmp_path.glob(".*.part")] == []


def test_invalid_file_of_a_private_key_seed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.nk"
    for text, problem in (("SU!!", "no valid key of a NATS user"), ("nothing", "starts with SU")):
        path.write_text(text, encoding="ascii")
        with pytest.raises(HeadquartersUnreachable, match=problem):
            read_private_key(path)
