"""Passkeys: created with the password, one use of each challenge, this host only, and only for existing users."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from dialer.web.passkeys import CHALLENGE_SECONDS, MAX_CHALLENGES, MAX_PASSKEYS_PER_USER, PasskeyHost, find_passkey_host
from dialer.web.people import ALLOWED_FAILURES
from tests.support.authenticator import PRESENT, VERIFIED, SoftKey
from tests.support.desk import ORIGIN, PASSWORD, DeskUnderTest, run_desk
from tests.support.stored import execute_in_store

HOST = "desk.test"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[DeskUnderTest]:
    async with run_desk(tmp_path) as stand:
        yield stand


async def request_creation_options(desk: DeskUnderTest, role: str = "coach") -> dict[str, Any]:
    answer = await desk.post("/api/passkeys/challenge", {"password": PASSWORD}, role)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def register_passkey(desk: DeskUnderTest, role: str = "coach") -> SoftKey:
    key = SoftKey(ORIGIN, HOST)
    answer = await desk.post(
        "/api/passkeys", {"credential": key.register(await request_creation_options(desk, role))}, role
    )
    assert answer.status_code == 204, answer.text
    return key


async def request_challenge(desk: DeskUnderTest) -> dict[str, Any]:
    told: dict[str, Any] = (await desk.post("/api/sign-in/challenge", {})).json()
    return told


async def sign_in_with_passkey(desk: DeskUnderTest, credential: dict[str, Any]) -> tuple[int, str]:
    desk.browser.cookies.clear()
    answer = await desk.post("/api/sign-in/passkey", {"credential": credential})
    desk.browser.cookies.clear()
    return answer.status_code, "" if answer.status_code == 204 else answer.json()["problem"]


async def test_user_can_create_use_and_remove_a_passkey(desk: DeskUnderTest) -> None:
    options = await request_creation_options(desk)
    assert options["rp"] == {"name": "Matdan", "id": HOST}
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["authenticatorSelection"]["residentKey"] == "required"
    key = await register_passkey(desk)
    for _ in range(3):
        desk.clock.pass_seconds(60)
        asked = await request_challenge(desk)
        assert asked["userVerification"] == "required"
        assert asked["allowCredentials"] == []  # does not reveal who has a passkey
        assert await sign_in_with_passkey(desk, key.sign(asked)) == (204, "")
    (kept,) = (await desk.get("/api/passkeys", "coach")).json()
    assert kept["used_at"] == desk.clock.now()
    assert (await desk.get("/api/passkeys", "listener")).json() == []
    await desk.post("/api/passkeys/remove", {"id": kept["id"]}, "listener")  # another user's passkey is not removed
    assert await sign_in_with_passkey(desk, key.sign(await request_challenge(desk))) == (204, "")
    assert (await desk.post("/api/passkeys/remove", {"id": kept["id"]}, "coach")).status_code == 204
    assert await sign_in_with_passkey(desk, key.sign(await request_challenge(desk))) == (401, "passkey-wrong")


async def test_creating_a_passkey_needs_the_password_and_is_locked_after_wrong_passwords(desk: DeskUnderTest) -> None:
    for _ in range(ALLOWED_FAILURES):
        answer = await desk.post("/api/passkeys/challenge", {"password": "guessed"}, "coach")
        assert (answer.status_code, answer.json()["problem"]) == (401, "wrong")
    answer = await desk.post("/api/passkeys/challenge", {"password": PASSWORD}, "coach")
    assert (answer.status_code, answer.json()["problem"]) == (429, "locked")


def change_response(credential: dict[str, Any], name: str, change: Callable[[str], str]) -> dict[str, Any]:
    other = copy.deepcopy(credential)
    other["response"][name] = change(other["response"][name])
    return other


async def test_forged_or_repeated_response_of_a_passkey_is_refused(desk: DeskUnderTest) -> None:
    key = await register_passkey(desk)
    asked = await request_challenge(desk)
    good = key.sign(asked)
    forged = change_response(good, "signature", lambda text: text[:-8] + "AAAAAAAA")
    assert await sign_in_with_passkey(desk, forged) == (401, "passkey-wrong")
    assert await sign_in_with_passkey(desk, good) == (401, "passkey-stale")  # the challenge has been used
    good = key.sign(await request_challenge(desk))
    assert await sign_in_with_passkey(desk, good) == (204, "")
    assert await sign_in_with_passkey(desk, good) == (401, "passkey-stale")
    other = SoftKey(ORIGIN, HOST)
    other.id, other.handle, other.count = key.id, key.handle, 100  # another user's key with this key's id
    assert await sign_in_with_passkey(desk, other.sign(await request_challenge(desk))) == (401, "passkey-wrong")
    for of_no_challenge in ({"challenge": "AAAA"}, {"challenge": "x" * 43}):
        assert await sign_in_with_passkey(desk, key.sign(of_no_challenge)) == (401, "passkey-stale")
    registration = await request_creation_options(desk)
    assert await sign_in_with_passkey(desk, key.sign(registration)) == (
        401,
        "passkey-stale",
    )  # a registration challenge does not sign in
    asked = await request_challenge(desk)
    desk.clock.pass_seconds(CHALLENGE_SECONDS + 1)
    assert await sign_in_with_passkey(desk, key.sign(asked)) == (401, "passkey-stale")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("origin", "https://desk.test.evil.example"),
        ("origin", "http://desk.test"),
        ("host", "evil.example"),
        ("flags", PRESENT),  # without user verification
        ("flags", VERIFIED),
        ("handle", b"another's"),
        ("count", -1),
    ],
)
async def test_passkey_response_with_an_old_counter_or_of_another_user_is_refused(
    desk: DeskUnderTest, field: str, value: object
) -> None:
    key = await register_passkey(desk)
    key.count = 5
    assert await sign_in_with_passkey(desk, key.sign(await request_challenge(desk))) == (204, "")
    if field == "count":
        value = 2  # an older copy of the key
    setattr(key, field, value)
    assert await sign_in_with_passkey(desk, key.sign(await request_challenge(desk))) == (401, "passkey-wrong")


@pytest.mark.parametrize(
    ("field", "value"), [("origin", "https://evil.example"), ("host", "evil.example"), ("flags", PRESENT)]
)
async def test_passkey_of_another_host_is_not_stored(desk: DeskUnderTest, field: str, value: object) -> None:
    key = SoftKey(ORIGIN, HOST)
    setattr(key, field, value)
    answer = await desk.post(
        "/api/passkeys", {"credential": key.register(await request_creation_options(desk))}, "coach"
    )
    assert (answer.status_code, answer.json()["problem"]) == (409, "passkey-wrong")
    assert (await desk.get("/api/passkeys", "coach")).json() == []


async def test_passkey_registration_challenge_is_valid_once_and_for_its_user(desk: DeskUnderTest) -> None:
    key = SoftKey(ORIGIN, HOST)
    credential = key.register(await request_creation_options(desk, "coach"))
    answer = await desk.post("/api/passkeys", {"credential": credential}, "listener")
    assert (answer.status_code, answer.json()["problem"]) == (409, "passkey-stale")
    answer = await desk.post("/api/passkeys", {"credential": credential}, "coach")
    assert (answer.status_code, answer.json()["problem"]) == (409, "passkey-stale")
    key = await register_passkey(desk, "coach")
    again = key.register(await request_creation_options(desk, "listener"))  # an id of another user's key
    answer = await desk.post("/api/passkeys", {"credential": again}, "listener")
    assert (answer.status_code, answer.json()["problem"]) == (409, "passkey-wrong")


async def test_number_of_passkeys_of_a_user_is_limited(desk: DeskUnderTest) -> None:
    for _ in range(MAX_PASSKEYS_PER_USER):
        await register_passkey(desk)
    answer = await desk.post("/api/passkeys/challenge", {"password": PASSWORD}, "coach")
    assert (answer.status_code, answer.json()["problem"]) == (409, "passkeys-full")


async def test_removing_a_user_deletes_the_passkeys(desk: DeskUnderTest, tmp_path: Path) -> None:
    def table(sql: str, *values: object) -> None:
        execute_in_store(tmp_path / "centre.db", sql, *values)

    now = desk.clock.now()
    table("INSERT INTO user VALUES ('meena', 'coach', ?, ?)", now, now)
    desk.tokens["meena"] = await desk.people.sign_in_with_password(
        "meena", await desk.people.create_one_time_password("meena"), PASSWORD
    )
    key = await register_passkey(desk, "meena")
    assert await sign_in_with_passkey(desk, key.sign(await request_challenge(desk))) == (204, "")
    desk.clock.pass_seconds(10)
    table("DELETE FROM user")
    assert await sign_in_with_passkey(desk, key.sign(await request_challenge(desk))) == (401, "passkey-wrong")
    table("INSERT INTO user VALUES ('meena', 'coach', ?, ?)", desk.clock.now(), desk.clock.now())
    assert await sign_in_with_passkey(desk, key.sign(await request_challenge(desk))) == (
        401,
        "passkey-wrong",
    )  # the removed user's


async def test_one_time_password_deletes_the_passkeys(desk: DeskUnderTest) -> None:
    key = await register_passkey(desk)
    await desk.people.create_one_time_password("coach")
    assert await sign_in_with_passkey(desk, key.sign(await request_challenge(desk))) == (401, "passkey-wrong")


THINGS: list[Any] = [None, 7, [], {}, "", "!", "AAAA", "A" * 3_000, [[]] * 50, {"type": 1}]
WHOLE = ("id", "rawId", "type", "response")
REFUSED = {"passkey-wrong", "passkey-stale"}


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: f"{thing!r:.8}")
async def test_response_of_a_passkey_with_any_invalid_part_is_refused(desk: DeskUnderTest, thing: Any) -> None:
    key = await register_passkey(desk)
    for part in (*WHOLE, "clientDataJSON", "authenticatorData", "signature", "userHandle"):
        broken = key.sign(await request_challenge(desk))
        (broken if part in WHOLE else broken["response"])[part] = thing
        status, told = await sign_in_with_passkey(desk, broken)
        if part == "userHandle" and thing is None:  # optional for devices
            assert (status, told) == (204, "")
        else:
            assert (status, told in REFUSED) == (401, True), part
    for part in (*WHOLE, "clientDataJSON", "attestationObject"):
        registering = SoftKey(ORIGIN, HOST).register(await request_creation_options(desk))
        (registering if part in WHOLE else registering["response"])[part] = thing
        answer = await desk.post("/api/passkeys", {"credential": registering}, "coach")
        assert (answer.status_code, answer.json()["problem"] in REFUSED) == (409, True), part
    assert len((await desk.get("/api/passkeys", "coach")).json()) == 1
    assert await sign_in_with_passkey(desk, key.sign(await request_challenge(desk))) == (204, "")


async def test_number_of_unanswered_passkey_challenges_is_limited(desk: DeskUnderTest) -> None:
    for _ in range(MAX_CHALLENGES + 50):
        await request_challenge(desk)
    assert len(desk.passkeys._sign_ins._issued) == MAX_CHALLENGES
    key = await register_passkey(desk)  # this desk has other challenges
    assert await sign_in_with_passkey(desk, key.sign(await request_challenge(desk))) == (204, "")


def test_passkeys_are_bound_to_a_host_name_not_an_ip_address() -> None:
    local = ["http://127.0.0.1:8470", "http://localhost:8470"]
    assert find_passkey_host(local) == PasskeyHost("localhost", ("http://localhost:8470",))
    assert find_passkey_host(["https://10.0.0.5:8470"]) is None
    assert find_passkey_host(["https://[::1]:8470"]) is None
    assert find_passkey_host(["https://desk.example.org"]) == PasskeyHost(
        "desk.example.org", ("https://desk.example.org",)
    )
