"""Users at the desk: the list of users, one-time passwords, and pages that close when rights are removed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dialer.domain.errors import StoreError
from dialer.mqtt.dialler_client import Reply
from dialer.store.desk_file import DeskFile
from dialer.store.users import StoredUser
from dialer.web.directory import Directory
from dialer.web.people import ONE_TIME_PASSWORD_SECONDS, NotSignedIn, SignedInUser
from tests.support.desk import PASSWORD, DeskUnderTest, raise_disk_full, run_desk
from tests.support.stored import execute_in_store
from tests.support.waiting import HANG_SECONDS

NEW = "kettle-orbit-saffron"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[DeskUnderTest]:
    async with run_desk(tmp_path) as stand:
        yield stand


class Table:
    """The dialler's table of users, changed as the dialler does."""

    def __init__(self, folder: Path, desk: DeskUnderTest) -> None:
        self._path = folder / "centre.db"
        self._clock = desk.clock

    def add(self, name: str, role: str) -> None:
        now = self._clock.now()
        execute_in_store(self._path, "INSERT INTO user VALUES (?, ?, ?, ?)", name, role, now, now)

    def change(self, name: str, role: str) -> None:
        execute_in_store(
            self._path, "UPDATE user SET role = ?, changed_at = ? WHERE name = ?", role, self._clock.now(), name
        )

    def remove(self, name: str) -> None:
        execute_in_store(self._path, "DELETE FROM user WHERE name = ?", name)


@pytest.fixture
def table(tmp_path: Path, desk: DeskUnderTest) -> Table:
    return Table(tmp_path, desk)


async def find_sign_in_problem(desk: DeskUnderTest, name: str, password: str, new: str | None = None) -> str:
    with pytest.raises(NotSignedIn) as caught:
        await desk.people.sign_in_with_password(name, password, new)
    return caught.value.problem


@pytest.mark.parametrize(
    ("reply", "problem"),
    [(None, "broker-away"), (Reply("refused", ""), "not-audited"), (Reply("unanswered", ""), "not-audited")],
)
async def test_one_time_password_is_created_only_if_an_audit_entry_is_stored(
    desk: DeskUnderTest, table: Table, reply: Reply | None, problem: str
) -> None:
    table.add("meena", "coach")
    desk.dialler_client.reply = reply
    answer = await desk.post("/api/users/password", {"name": "meena"}, "supervisor")
    assert answer.json() == {"problem": problem}
    assert (await desk.file.read_accounts()).get("meena") is None


async def test_one_time_password_must_be_changed_at_sign_in(desk: DeskUnderTest, table: Table) -> None:
    table.add("meena", "coach")
    answer = await desk.post("/api/users/password", {"name": "meena"}, "supervisor")
    once = answer.json()["password"]
    assert len(once.replace("-", "")) >= 16
    assert [(sender, *asked) for sender, _, *asked in desk.dialler_client.asked] == [
        ("supervisor", "user-password", {"user": "meena"}),
    ]
    assert answer.headers["cache-control"] == "no-store"
    asked = {"name": "meena", "password": once}
    first = await desk.post("/api/sign-in", asked)
    assert (first.status_code, first.json()["problem"]) == (403, "once")
    assert "set-cookie" not in first.headers  # no session, not even for changing the password
    for weak in ("short", once, "meena", "aaaaaaaaaaaa"):
        answer = await desk.post("/api/sign-in", {**asked, "new": weak})
        assert (answer.status_code, answer.json()["problem"]) == (409, "weak")
    assert (await desk.post("/api/sign-in", {**asked, "new": NEW})).status_code == 204
    assert await find_sign_in_problem(desk, "meena", once) == "wrong"
    token = await desk.people.sign_in_with_password("meena", NEW)
    assert await desk.people.find_user_of_session(token) == SignedInUser("meena", "coach")


async def test_one_time_password_expires_and_appears_in_no_log(
    desk: DeskUnderTest, table: Table, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table.add("meena", "coach")
    once = await desk.people.create_one_time_password("meena")
    assert once != await desk.people.create_one_time_password("meena")
    assert await find_sign_in_problem(desk, "meena", once, NEW) == "wrong"  # replaced by a newer one
    once = await desk.people.create_one_time_password("meena")
    desk.clock.pass_seconds(ONE_TIME_PASSWORD_SECONDS + 1)
    assert await find_sign_in_problem(desk, "meena", once, NEW) == "expired"
    everything = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert once.encode() not in everything
    assert once not in capsys.readouterr().out


async def test_changing_the_password_ends_all_other_sessions(desk: DeskUnderTest) -> None:
    before = await desk.people.sign_in_with_password("coach", PASSWORD)
    assert await find_sign_in_problem(desk, "coach", "wrong", NEW) == "wrong"
    after = await desk.people.sign_in_with_password("coach", PASSWORD, NEW)
    assert await desk.people.find_user_of_session(before) is None
    assert await desk.people.find_user_of_session(after) == SignedInUser("coach", "coach")


async def test_removed_user_or_changed_role_is_signed_out_at_once(desk: DeskUnderTest, table: Table) -> None:
    for name in ("meena", "ravi"):
        table.add(name, "supervisor")
        await desk.people.sign_in_with_password(name, await desk.people.create_one_time_password(name), NEW)
    tokens = {name: await desk.people.sign_in_with_password(name, NEW) for name in ("meena", "ravi")}
    desk.clock.pass_seconds(10)
    table.remove("meena")
    table.change("ravi", "coach")
    answer = await desk.get("/api/users", "supervisor")  # makes the desk read the users, as it does each second
    assert "meena" not in {each["name"] for each in answer.json()}
    assert [await desk.people.find_user_of_session(token) for token in tokens.values()] == [None, None]
    assert await find_sign_in_problem(desk, "meena", NEW) == "wrong"
    again = await desk.people.sign_in_with_password("ravi", NEW)
    assert await desk.people.find_user_of_session(again) == SignedInUser("ravi", "coach")


async def test_new_user_inherits_nothing_from_a_removed_user_of_the_same_name(
    desk: DeskUnderTest, table: Table
) -> None:
    """This also holds if the desk was stopped while the user was removed and added."""
    table.add("meena", "supervisor")
    token = await desk.people.sign_in_with_password("meena", await desk.people.create_one_time_password("meena"), NEW)
    desk.clock.pass_seconds(10)
    table.remove("meena")
    table.add("meena", "viewer")
    assert await find_sign_in_problem(desk, "meena", NEW) == "wrong"
    assert await desk.people.find_user_of_session(token) is None
    (shown,) = [each for each in (await desk.get("/api/users", "supervisor")).json() if each["name"] == "meena"]
    assert shown == {
        "name": "meena",
        "role": "viewer",
        "fixed": False,
        "password": "none",
        "signed_in_at": None,
        "passkeys": 0,
    }


async def test_open_board_page_closes_when_the_role_of_its_user_is_removed(desk: DeskUnderTest, table: Table) -> None:
    table.add("meena", "coach")
    await desk.people.sign_in_with_password("meena", await desk.people.create_one_time_password("meena"), NEW)
    token = await desk.people.sign_in_with_password("meena", NEW)
    news = desk.events(token, SignedInUser("meena", "coach"))
    await anext(news)
    desk.clock.pass_seconds(10)
    table.remove("meena")
    watching = asyncio.create_task(desk.streams.apply_changed_user_rights_until_cancelled())
    async with asyncio.timeout(HANG_SECONDS):
        async for _ in news:
            pass
    watching.cancel()
    assert not len(desk.streams)


async def test_users_page_lists_users_and_sends_changes_as_commands(desk: DeskUnderTest, table: Table) -> None:
    table.add("meena", "coach")
    listed = {each["name"]: each for each in (await desk.get("/api/users", "supervisor")).json()}
    assert listed["meena"] == {
        "name": "meena",
        "role": "coach",
        "fixed": False,
        "password": "none",
        "signed_in_at": None,
        "passkeys": 0,
    }
    assert listed["supervisor"]["fixed"] is True
    assert listed["supervisor"]["signed_in_at"] == desk.clock.now()
    desk.dialler_client.reply = Reply("refused", "nobody changes their own rights: another supervisor can")
    answer = await desk.post("/api/users", {"id": "click-0001", "name": "lata", "role": "coach"}, "supervisor")
    assert answer.json() == {"status": "refused", "text": desk.dialler_client.reply.text}
    await desk.post("/api/users/remove", {"id": "click-0002", "name": "meena"}, "supervisor")
    assert desk.dialler_client.asked == [
        ("supervisor", "click-0001", "user-set", {"user": "lata", "role": "coach"}),
        ("supervisor", "click-0002", "user-remove", {"user": "meena"}),
    ]
    desk.dialler_client.reply = None
    answer = await desk.post("/api/users/remove", {"id": "click-0003", "name": "meena"}, "supervisor")
    assert (answer.status_code, answer.json()) == (503, {"problem": "broker-away"})


async def test_users_page_refuses_forbidden_changes_of_users(desk: DeskUnderTest, table: Table) -> None:
    for path, name, told in (
        ("password", "nobody", (404, {"problem": "no-user"})),
        ("sign-out", "nobody", (404, {"problem": "no-user"})),
        ("password", "coach", (409, {"problem": "user-in-settings"})),
    ):
        answer = await desk.post(f"/api/users/{path}", {"name": name}, "supervisor")
        assert (answer.status_code, answer.json()) == told
    assert await desk.people.sign_in_with_password("coach", PASSWORD)
    table.add("meena", "supervisor")
    token = await desk.people.sign_in_with_password("meena", await desk.people.create_one_time_password("meena"), NEW)
    desk.tokens["meena"] = token
    answer = await desk.post("/api/users/password", {"name": "meena"}, "meena")
    assert (answer.status_code, answer.json()) == (409, {"problem": "own-account"})


async def test_signing_out_everywhere_ends_all_sessions_of_the_user(desk: DeskUnderTest) -> None:
    tokens = [await desk.people.sign_in_with_password("coach", PASSWORD) for _ in range(3)]
    assert (await desk.post("/api/users/sign-out", {"name": "coach"}, "supervisor")).status_code == 204
    assert [await desk.people.find_user_of_session(token) for token in tokens] == [None] * 3
    assert await desk.people.sign_in_with_password("coach", PASSWORD)


async def test_user_stays_locked_after_a_thousand_failed_sign_ins(desk: DeskUnderTest, table: Table) -> None:
    table.add("meena", "coach")
    once = await desk.people.create_one_time_password("meena")
    told = [await find_sign_in_problem(desk, "meena", "wrong") for _ in range(1_000)]
    assert (told.count("wrong"), told.count("locked")) == (5, 995)
    assert await find_sign_in_problem(desk, "meena", once, NEW) == "locked"
    once = await desk.people.create_one_time_password("meena")  # a new password resets the count of failed attempts
    assert await desk.people.sign_in_with_password("meena", once, NEW)


async def test_no_user_is_changed_while_the_store_is_unreadable() -> None:
    users = [StoredUser("meena", "coach", 1.0, 1.0)]
    failing = False

    async def read_users() -> list[StoredUser]:
        if failing:
            raise StoreError("centre.db: the disk is gone")
        return list(users)

    directory = Directory([], read_users)
    await directory.reread_stored_users()
    failing = True
    with pytest.raises(StoreError):
        await directory.reread_stored_users()
    assert directory.find_user_by_name("meena") == users[0]
    told: list[str] = []

    async def record_change(name: str) -> None:
        told.append(name)

    await directory.report_changed_rights_or_log_error(record_change)
    assert not told
    failing = False
    users[:] = [StoredUser("meena", "viewer", 1.0, 2.0)]
    await directory.report_changed_user_rights(record_change)
    await directory.report_changed_user_rights(record_change)
    assert told == ["meena"]


async def test_failed_notification_about_one_user_does_not_delay_those_about_other_users() -> None:
    users = [StoredUser(name, "coach", 1.0, 1.0) for name in ("asha", "meena", "ravi")]

    async def read_users() -> list[StoredUser]:
        return list(users)

    directory = Directory([], read_users)
    await directory.reread_stored_users()
    users.clear()
    await directory.reread_stored_users()
    told: list[str] = []
    failing = {"meena"}

    async def record_change(name: str) -> None:
        if name in failing:
            raise StoreError("the disk is full")
        told.append(name)

    await directory.report_changed_user_rights(record_change)
    assert told == ["asha", "ravi"]
    failing.clear()
    await directory.report_changed_user_rights(record_change)
    await directory.report_changed_user_rights(record_change)
    assert told == ["asha", "ravi", "meena"]


async def test_open_page_of_a_user_ends_at_a_role_change_despite_a_full_disk(
    desk: DeskUnderTest, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("meena", "ravi"):
        table.add(name, "coach")
        await desk.people.sign_in_with_password(name, await desk.people.create_one_time_password(name), NEW)
    tokens = {name: await desk.people.sign_in_with_password(name, NEW) for name in ("meena", "ravi")}
    pages = [desk.events(token, SignedInUser(name, "coach")) for name, token in tokens.items()]
    for news in pages:
        await anext(news)
    desk.clock.pass_seconds(10)
    table.remove("meena")
    table.change("ravi", "viewer")
    with monkeypatch.context() as broken:
        broken.setattr(DeskFile, "set_password", raise_disk_full)
        broken.setattr(DeskFile, "end_sessions_of_person", raise_disk_full)
        assert (await desk.get("/api/users", "supervisor")).status_code == 200
        for news in pages:
            with pytest.raises(StopAsyncIteration):
                await anext(news)
    assert await desk.file.read_password("meena") is not None
    await desk.get("/api/users", "supervisor")
    assert await desk.file.read_password("meena") is None


async def test_user_command_is_confirmed_although_the_user_list_is_unreadable(
    desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.cookie("supervisor")
    monkeypatch.setattr(Directory, "reread_stored_users", raise_disk_full)
    answer = await desk.post("/api/users", {"id": "click-0001", "name": "lata", "role": "coach"}, "supervisor")
    assert (answer.status_code, answer.json()) == (200, {"status": "done", "text": "it was done"})


async def test_password_is_deleted_even_if_the_list_of_users_cannot_be_read(
    desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Directory, "reread_stored_users", raise_disk_full)
    await desk.people.set_password("coach", None)
    assert await desk.file.read_password("coach") is None
