"""Users: changes and refusals. A change, its receipt and its audit entry are one transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dialer.domain.clock import SystemClock
from dialer.domain.enums import SupervisorRole as Role
from dialer.domain.errors import CommandRefused, StoreError
from dialer.domain.model import Receipt
from dialer.engine.command.base import CommandContext
from dialer.engine.users.commands import RemoveUser, SetUser, UserCommand
from dialer.engine.users.service import MAX_USERS, Users
from dialer.store.store import Store, open_store
from tests.support.stored import query_store

FIXED = frozenset({"asha", "desk"})


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(tmp_path / "centre.db")
    yield opened
    await opened.close()


@pytest.fixture
async def users(store: Store) -> Users:
    made = Users(store, SystemClock(), lambda: FIXED)
    await made.load_users()
    return made


def make_receipt(key: str) -> Receipt:
    return Receipt(f"asha/{key}", "user-set", "0f", "{}")


def read_audit(tmp_path: Path) -> list[tuple[str, str, str]]:
    return query_store(tmp_path / "centre.db", "SELECT kind, who, what FROM audit ORDER BY number")


async def test_change_of_a_user_is_stored_with_the_reply_and_an_audit_entry(users: Users, tmp_path: Path) -> None:
    added = SetUser(user="meena", role=Role.COACH)
    assert await added.save_user_change(users, CommandContext("asha", make_receipt("1"))) == "meena has the role coach"
    assert users.roles == {"meena": Role.COACH}
    await SetUser(user="meena", role=Role.SUPERVISOR).save_user_change(users, CommandContext("asha", make_receipt("2")))
    unchanged = SetUser(user="meena", role=Role.SUPERVISOR)
    await unchanged.save_user_change(users, CommandContext("asha", make_receipt("3")))
    assert (
        await RemoveUser(user="meena").save_user_change(users, CommandContext("asha", make_receipt("4")))
        == "meena is removed"
    )
    assert users.roles == {}
    assert read_audit(tmp_path) == [
        ("user-set", "asha", '{"before":"none","role":"coach","user":"meena"}'),
        ("user-set", "asha", '{"before":"coach","role":"supervisor","user":"meena"}'),
        ("user-remove", "asha", '{"before":"supervisor","user":"meena"}'),
    ]
    kept = query_store(tmp_path / "centre.db", "SELECT command_id FROM command ORDER BY command_id")
    assert kept == [(f"asha/{number}",) for number in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("sender", "command", "says"),
    [
        ("meena", SetUser(user="asha", role=Role.VIEWER), "asha is in the settings"),
        ("meena", RemoveUser(user="desk"), "desk is in the settings"),
        ("meena", SetUser(user="meena", role=Role.VIEWER), "nobody can change their own role"),
        ("meena", RemoveUser(user="meena"), "nobody can change their own role"),
        ("asha", RemoveUser(user="nobody"), "There is no user nobody"),
    ],
)
async def test_change_of_a_user_that_is_not_permitted_is_refused(
    users: Users, tmp_path: Path, sender: str, command: UserCommand, says: str
) -> None:
    await users.add_or_change_user("meena", Role.SUPERVISOR, "asha", None)
    before = read_audit(tmp_path)
    with pytest.raises(CommandRefused, match=says):
        await command.save_user_change(users, CommandContext(sender))
    assert users.roles == {"meena": Role.SUPERVISOR}
    assert read_audit(tmp_path) == before


async def test_number_of_users_in_the_store_is_limited(users: Users) -> None:
    for number in range(MAX_USERS):
        await users.add_or_change_user(f"user-{number}", Role.VIEWER, "asha", None)
    with pytest.raises(CommandRefused, match="limit of 500 users is reached"):
        await users.add_or_change_user("one-more", Role.VIEWER, "asha", None)
    await users.add_or_change_user("user-7", Role.COACH, "asha", None)


async def test_user_in_the_settings_file_replaces_the_stored_user(users: Users, store: Store, tmp_path: Path) -> None:
    await users.add_or_change_user("meena", Role.SUPERVISOR, "asha", None)
    await users.add_or_change_user("ravi", Role.COACH, "asha", None)
    taken = Users(store, SystemClock(), lambda: FIXED | {"meena"})
    await taken.load_users()
    assert taken.roles == {"ravi": Role.COACH}
    again = Users(store, SystemClock(), lambda: FIXED)
    await again.load_users()
    assert again.roles == {"ravi": Role.COACH}
    assert read_audit(tmp_path)[-1][:2] == ("user-remove", "dialler")


async def test_user_is_unchanged_if_the_change_cannot_be_stored(
    users: Users, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await users.add_or_change_user("meena", Role.SUPERVISOR, "asha", None)

    async def fail_for_lack_of_space(*_: object) -> None:
        raise StoreError("no room")

    monkeypatch.setattr(store, "remove_user", fail_for_lack_of_space)
    with pytest.raises(StoreError):
        await users.remove_user("meena", "asha", None)
    assert users.roles == {"meena": Role.SUPERVISOR}


async def test_stored_change_of_a_user_takes_effect_even_if_the_reply_is_lost(
    users: Users, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await users.add_or_change_user("meena", Role.SUPERVISOR, "asha", None)
    remove = store.remove_user

    async def remove_and_lose_reply(*given: object) -> None:
        await remove(*given)  # type: ignore[arg-type]
        raise StoreError("the commit's reply was lost")

    monkeypatch.setattr(store, "remove_user", remove_and_lose_reply)
    with pytest.raises(StoreError):
        await users.remove_user("meena", "asha", None)
    assert users.roles == {}


async def test_creating_a_one_time_password_is_audited(users: Users, tmp_path: Path) -> None:
    await users.add_or_change_user("meena", Role.COACH, "asha", None)
    await users.add_password_reset_to_audit_log("meena", "asha")
    assert read_audit(tmp_path)[-1] == ("user-password", "asha", '{"user":"meena"}')
    for user, sender in (("asha", "meena"), ("meena", "meena"), ("nobody", "asha")):
        with pytest.raises(CommandRefused):
            await users.add_password_reset_to_audit_log(user, sender)
    assert len(read_audit(tmp_path)) == 2
