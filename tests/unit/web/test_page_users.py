"""Sign-in to the desk: passwords, the end of sessions, and the lock after failed attempts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dialer.domain.errors import StoreError
from dialer.errors import SettingError
from dialer.store.desk_file import DeskFile, StoredPassword, open_desk_file
from dialer.web.devices import KnownDevice
from dialer.web.directory import Directory
from dialer.web.people import (
    ALLOWED_FAILURES,
    ALLOWED_FAILURES_OF_ALL,
    FIRST_LOCK_SECONDS,
    LONGEST_LOCK_SECONDS,
    MAX_UNKNOWN_NAMES,
    MAX_WAITING,
    USE_RECORDED_SECONDS,
    NotSignedIn,
    People,
    SignedInUser,
)
from dialer.web.slow_work import CLIENT, WebClient
from tests.support.desk import EVERYBODY, PASSWORD, DeskUnderTest, raise_disk_full, run_desk
from tests.support.seats import CHEAP


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[DeskUnderTest]:
    async with run_desk(tmp_path) as stand:
        yield stand


async def get_problem_code(desk: DeskUnderTest, name: str, password: str) -> NotSignedIn:
    with pytest.raises(NotSignedIn) as caught:
        await desk.people.sign_in_with_password(name, password)
    return caught.value


async def test_signed_in_user_has_the_role_given_in_the_settings(desk: DeskUnderTest) -> None:
    token = await desk.people.sign_in_with_password("coach", PASSWORD)
    assert await desk.people.find_user_of_session(token) == SignedInUser("coach", "coach")
    assert await desk.people.find_user_of_session(token + "x") is None
    await desk.people.end_session(token)
    assert await desk.people.find_user_of_session(token) is None


async def test_session_of_a_page_user_expires_only_after_a_time_without_use(desk: DeskUnderTest) -> None:
    token = await desk.people.sign_in_with_password("coach", PASSWORD)
    for _ in range(4):
        desk.clock.pass_seconds(3000)
        assert await desk.people.find_user_of_session(token) is not None
    desk.clock.pass_seconds(3601)
    assert await desk.people.find_user_of_session(token) is None
    desk.clock.at -= 3601  # setting the clock back does not revive it
    assert await desk.people.find_user_of_session(token) is None


async def test_sessions_of_page_users_survive_a_restart_and_are_stored_as_digests(
    desk: DeskUnderTest, tmp_path: Path
) -> None:
    token = await desk.people.sign_in_with_password("coach", PASSWORD)
    again = await DeskFile.open(tmp_path / "centre.desk.db", None)
    people = People(again, Directory(EVERYBODY), desk.clock, 3600.0, CHEAP)
    assert await people.find_user_of_session(token) is not None
    everything = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert token.encode() not in everything
    assert PASSWORD.encode() not in everything
    assert oct((tmp_path / "centre.desk.db").stat().st_mode)[-3:] == "600"
    people.close()
    await again.close()


async def test_user_removed_from_the_settings_is_signed_out(desk: DeskUnderTest) -> None:
    token = await desk.people.sign_in_with_password("coach", PASSWORD)
    people = People(desk.file, Directory([]), desk.clock, 3600.0, CHEAP)
    assert await people.find_user_of_session(token) is None
    people.close()


async def test_full_disk_does_not_change_when_page_sessions_end(
    desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = desk.tokens["supervisor"] = await desk.people.sign_in_with_password("supervisor", PASSWORD)
    monkeypatch.setattr(DeskFile, "record_sign_in_session_use", raise_disk_full)
    monkeypatch.setattr(DeskFile, "end_sign_in_session", raise_disk_full)
    desk.clock.pass_seconds(USE_RECORDED_SECONDS + 1)
    asked = {"id": "0f9a7c1e-click", "name": "stop-all"}
    assert (await desk.post("/api/board/commands", asked, "supervisor")).json()["status"] == "done"
    desk.clock.pass_seconds(3600)
    assert await desk.people.find_user_of_session(token) is None


async def test_setting_a_new_password_ends_all_sessions_of_the_user(desk: DeskUnderTest) -> None:
    token = await desk.people.sign_in_with_password("coach", PASSWORD)
    await desk.people.set_password("coach", "another-good-password")
    assert await desk.people.find_user_of_session(token) is None
    assert (await get_problem_code(desk, "coach", PASSWORD)).problem == "wrong"
    await desk.people.set_password("coach", None)
    assert (await get_problem_code(desk, "coach", "another-good-password")).problem == "wrong"


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaa", "abcdefghijkl", "changeme-changeme", "x" * 201])
async def test_weak_password_of_a_page_user_is_refused(desk: DeskUnderTest, password: str) -> None:
    with pytest.raises(SettingError):
        await desk.people.set_password("coach", password)


async def test_password_cannot_be_set_for_an_unknown_page_user(desk: DeskUnderTest) -> None:
    with pytest.raises(SettingError, match="have no user 'nobody', and neither has the store"):
        await desk.people.set_password("nobody", PASSWORD)


async def test_lock_time_of_a_user_grows_with_each_failed_sign_in(
    desk: DeskUnderTest,
) -> None:
    for _ in range(ALLOWED_FAILURES):
        assert (await get_problem_code(desk, "coach", "wrong")).problem == "wrong"
    waits = []
    for _ in range(8):
        locked = await get_problem_code(desk, "coach", PASSWORD)  # the right password too, or the lock would reveal it
        assert locked.problem == "locked"
        waits.append(locked.seconds)
        desk.clock.pass_seconds(locked.seconds)
        assert (await get_problem_code(desk, "coach", "wrong")).problem == "wrong"
    assert waits[0] == FIRST_LOCK_SECONDS
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_LOCK_SECONDS
    assert await desk.people.sign_in_with_password("listener", PASSWORD)  # other users are not locked
    desk.clock.pass_seconds(LONGEST_LOCK_SECONDS)
    assert await desk.people.sign_in_with_password("coach", PASSWORD)
    assert (await get_problem_code(desk, "coach", "wrong")).problem == "wrong"
    assert await desk.people.sign_in_with_password("coach", PASSWORD)


async def test_failed_sign_ins_with_unknown_names_do_not_unlock_a_locked_user(desk: DeskUnderTest) -> None:
    for _ in range(ALLOWED_FAILURES):
        await get_problem_code(desk, "coach", "wrong")
    for number in range(MAX_UNKNOWN_NAMES + 5):
        desk.people._find_failed_sign_ins(f"stranger-{number}")
    assert len(desk.people._unknown_names) == MAX_UNKNOWN_NAMES
    assert (await get_problem_code(desk, "coach", PASSWORD)).problem == "locked"


async def test_simultaneous_failed_sign_ins_of_one_user_are_all_counted(desk: DeskUnderTest) -> None:
    every = await asyncio.gather(*(get_problem_code(desk, "coach", f"guess-{number}") for number in range(MAX_WAITING)))
    told = [each.problem for each in every]
    assert (told.count("wrong"), told.count("locked")) == (ALLOWED_FAILURES, MAX_WAITING - ALLOWED_FAILURES)


async def test_user_locked_after_failed_sign_ins_is_refused_even_with_the_valid_password(desk: DeskUnderTest) -> None:
    every = await asyncio.gather(
        *(get_problem_code(desk, "coach", "wrong") for _ in range(ALLOWED_FAILURES)),
        get_problem_code(desk, "coach", PASSWORD),
    )
    assert every[-1].problem == "locked"


async def test_sign_in_is_refused_if_the_password_changes_during_the_check(
    desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await desk.file.read_password("coach")
    await desk.people.set_password("coach", "another-good-password")
    after = await desk.file.read_password("coach")
    for then in (after, None):
        read = iter([before, then])

        async def read_password(*_: object, read: Iterator[StoredPassword | None] = read) -> StoredPassword | None:
            return next(read)

        monkeypatch.setattr(DeskFile, "read_password", read_password)
        assert (await get_problem_code(desk, "coach", PASSWORD)).problem == "wrong"


async def test_password_check_returns_the_stored_hash_that_matched(desk: DeskUnderTest) -> None:
    kept = await desk.people.require_correct_password("coach", PASSWORD)
    assert kept == await desk.file.read_password("coach")


async def test_full_sign_in_queue_refuses_without_looking_up_the_user(
    desk: DeskUnderTest,
) -> None:
    waiting = [asyncio.create_task(get_problem_code(desk, f"s{number}", "wrong")) for number in range(MAX_WAITING + 1)]
    while desk.people._slow_work.queued_job_count < MAX_WAITING:
        await asyncio.sleep(0)
    assert (await get_problem_code(desk, "stranger", "wrong")).problem == "busy"
    assert "stranger" not in desk.people._unknown_names
    await asyncio.gather(*waiting)


async def test_unknown_user_name_is_refused_like_a_wrong_password(desk: DeskUnderTest) -> None:
    assert (
        (await get_problem_code(desk, "nobody", "wrong")).problem
        == (await get_problem_code(desk, "coach", "wrong")).problem
        == "wrong"
    )


async def test_desk_limits_the_number_of_sign_ins_that_wait_for_a_password_check(desk: DeskUnderTest) -> None:
    names = [f"stranger-{number}" for number in range(MAX_WAITING + 20)]
    every = await asyncio.gather(*(get_problem_code(desk, name, "wrong") for name in names))
    assert sorted({each.problem for each in every}) == ["busy", "wrong"]
    assert sum(each.problem == "busy" for each in every) <= 20


def test_sqlite_database_of_the_desk_is_never_in_wal_mode(tmp_path: Path) -> None:
    for _ in range(2):
        with closing(open_desk_file(tmp_path / "x.desk.db", None)) as db:
            assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
            db.execute("PRAGMA journal_mode = WAL").fetchone()


async def test_desk_database_of_a_newer_version_is_rejected(tmp_path: Path) -> None:
    with closing(open_desk_file(tmp_path / "x.desk.db", None)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="newer version"):
        await DeskFile.open(tmp_path / "x.desk.db", None)


async def test_failed_sign_ins_of_one_address_do_not_lock_other_addresses_or_known_devices(desk: DeskUnderTest) -> None:
    CLIENT.set(WebClient("203.0.113.9"))
    for _ in range(ALLOWED_FAILURES):
        await get_problem_code(desk, "coach", "wrong")
    assert (await get_problem_code(desk, "coach", PASSWORD)).problem == "locked"
    CLIENT.set(WebClient("10.0.0.5"))
    assert await desk.people.sign_in_with_password("coach", PASSWORD)
    device = await create_device_of_user(desk, "coach")
    for number in range(ALLOWED_FAILURES_OF_ALL):  # from many addresses
        CLIENT.set(WebClient(f"198.51.100.{number}"))
        await get_problem_code(desk, "coach", "wrong")
    CLIENT.set(WebClient("10.0.0.6"))
    assert (await get_problem_code(desk, "coach", PASSWORD)).problem == "locked"
    CLIENT.set(WebClient("203.0.113.9", device))
    assert await desk.people.sign_in_with_password("coach", PASSWORD)


async def create_device_of_user(desk: DeskUnderTest, name: str) -> KnownDevice | None:
    return await desk.people.devices.find_device_of_cookie(
        await desk.people.devices.remember_user_on_device(name, None)
    )


async def test_failed_sign_ins_are_counted_separately_for_each_device(
    desk: DeskUnderTest,
) -> None:
    device = await create_device_of_user(desk, "somebody")
    CLIENT.set(WebClient("10.0.0.5", device))
    for _ in range(ALLOWED_FAILURES):
        await get_problem_code(desk, "coach", "wrong")
    assert (await get_problem_code(desk, "coach", PASSWORD)).problem == "locked"
    CLIENT.set(WebClient("10.0.0.5", await create_device_of_user(desk, "coach")))
    for _ in range(ALLOWED_FAILURES):
        await get_problem_code(desk, "coach", "wrong")
    assert (await get_problem_code(desk, "coach", PASSWORD)).problem == "locked"
