"""The desk's doors: every route stands in the table, nobody comes in who may not, and no other page can ask for anybody."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute, APIWebSocketRoute
from structlog.testing import capture_logs

from dialer.deploy.systemd.render import FILTERS, fail2ban_files
from dialer.desk.board import COMMANDERS
from dialer.desk.figures import STRETCH_SECONDS
from dialer.domain.enums import SupervisorRole
from dialer.domain.errors import RefusedBecause
from dialer.mqtt.hearing import Reply
from dialer.settings.site import Settings
from dialer.store.desk_file import AgentRecords, DeskFile
from dialer.web.application import make_app
from dialer.web.doors import COOKIE, EVERY_ROLE, MOST_BODY_BYTES, SOCKET, cookie_of, token_in
from tests.support.desk import AGENT, ORIGIN, PASSWORD, DeskStand, desk_stand, full_disk

SIGN_IN = {"name": "supervisor", "password": PASSWORD}
OPEN = {"/", "/board", "/agent", "/assets/{name}", "/api/me", "/api/sign-in", "/api/sign-out", "/health"}
OPEN |= {"/api/sign-in/challenge", "/api/sign-in/passkey"}
OPEN |= {"/api/agent/sign-in", "/api/agent/seats", "/api/agent/me"}
OF_EVERYBODY = {
    "/api/board/events",
    "/api/board/booths",
    "/api/passkeys",
    "/api/passkeys/challenge",
    "/api/passkeys/remove",
}
OF_EVERYBODY |= {"/api/openapi.json"}
ENDLESS = {"/api/board/events", "/api/agent/events"}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[DeskStand]:
    async with desk_stand(tmp_path) as stand:
        yield stand


async def test_every_route_has_one_door_and_every_door_one_route(desk: DeskStand) -> None:
    routes = make_app(desk.doors).routes
    assert len(routes) == len(desk.doors)
    named = {(method, route.path) for route in routes if isinstance(route, APIRoute) for method in route.methods or ()}
    named |= {(SOCKET, route.path) for route in routes if isinstance(route, APIWebSocketRoute)}
    assert named == {(door.method, door.path) for door in desk.doors}
    assert {door.path for door in desk.doors if door.roles is None} == OPEN
    assert {door.path for door in desk.doors if door.roles == EVERY_ROLE} == OF_EVERYBODY


def test_a_role_comes_in_once_it_is_called_a_person_s() -> None:
    people = {"viewer", "listener", "coach", "booth-desk", "compliance", "supervisor"}
    assert people | {"headquarters", "zone", "media"} == EVERY_ROLE
    assert people - {"viewer", "booth-desk"} == COMMANDERS


async def test_nobody_comes_in_unless_signed_in_and_nobody_but_the_doors_own_roles(desk: DeskStand) -> None:
    for door in desk.doors:
        if door.roles is None:
            continue
        for role in [None, *SupervisorRole, AGENT]:
            if role in door.roles and door.path in ENDLESS:
                continue
            is_known = (role == AGENT) == (AGENT in door.roles)  # whom the door asks for: agents, or people
            if door.method == SOCKET:
                refused = "role" if role is not None and is_known else "signed-out"
                assert await desk.socket(door.path, role) == (None if role in door.roles else refused)
                continue
            if door.method == "GET":
                answer = await desk.get(door.path, role)
            else:
                answer = await desk.post(door.path, {}, role, method=door.method, content_type=door.takes)
            if role is None:
                assert answer.status_code == 401, door
            elif role not in door.roles:
                told = (403, {"problem": "role"}) if is_known else (401, {"problem": "signed-out"})
                assert (answer.status_code, answer.json()) == told, (door, role)
            else:
                assert answer.status_code in {200, 409, 422}, (door, role)
    assert SupervisorRole.DESK not in {role for door in desk.doors for role in door.roles or ()}
    # What is for agents is for nobody else, and the other way round.
    for door in desk.doors:
        if door.roles is not None:
            assert (door.roles == {AGENT}) == door.path.startswith("/api/agent/"), door
            assert door.roles == {AGENT} or AGENT not in door.roles, door


async def test_a_door_asks_for_agents_or_for_people_and_for_nobody_twice(
    desk: DeskStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    for role, path, other in (
        (AGENT, "/api/agent/phone", DeskFile),
        ("supervisor", "/api/passkeys/challenge", AgentRecords),
    ):
        await desk.cookie(role)
        with monkeypatch.context() as broken:
            broken.setattr(other, "session", full_disk)
            assert (await desk.post(path, {}, role)).status_code in {409, 422}


async def test_a_file_that_cannot_be_read_is_a_refusal_as_any_other(
    desk: DeskStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    for role in (AGENT, "supervisor"):
        await desk.cookie(role)
    monkeypatch.setattr(DeskFile, "session", full_disk)
    monkeypatch.setattr(AgentRecords, "session", full_disk)
    for role, path in ((AGENT, "/api/agent/command"), ("supervisor", "/api/board/commands")):
        answer = await desk.post(path, {"id": "0f9a7c1e-click", "name": "stop-all"}, role)
        assert (answer.status_code, answer.json()) == (503, {"problem": "not-kept"})
        assert answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
    assert await desk.socket("/api/agent/ws", AGENT) == "not-kept"
    assert not desk.hearing.asked


@pytest.mark.parametrize(
    "path", ["/api", "/api/board", "/assets/a/b", "/assets/..%2fx", "/docs", "/openapi.json", "/board/"]
)
async def test_what_is_not_in_the_table_is_not_there(desk: DeskStand, path: str) -> None:
    assert (await desk.get(path, "supervisor")).status_code == 404


async def test_a_page_of_another_site_can_ask_for_nothing(desk: DeskStand) -> None:
    for headers in (
        {"origin": "https://elsewhere.test"},
        {"origin": ""},
        {"sec_fetch_site": "cross-site"},
        {"origin": "null"},
    ):
        answer = await desk.post("/api/board/commands", {}, "supervisor", **headers)
        assert (answer.status_code, answer.json()) == (403, {"problem": "other-site"})
    assert (await desk.get("/api/board/events", "supervisor", **{"sec-fetch-site": "same-site"})).status_code == 403
    form = await desk.post("/api/sign-in", SIGN_IN, content_type="text/plain")
    assert (form.status_code, form.json()) == (403, {"problem": "not-json"})


async def test_a_link_from_elsewhere_leads_to_the_page(desk: DeskStand) -> None:
    assert (
        await desk.get("/board", None, **{"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"})
    ).status_code == 200


async def test_another_hosts_name_leads_nowhere(desk: DeskStand) -> None:
    assert (await desk.get("/board", None, host="rebound.test")).status_code == 421


async def test_every_answer_keeps_the_page_to_itself(desk: DeskStand) -> None:
    for path in ("/board", "/api/me", "/nothing"):
        headers = (await desk.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "require-trusted-types-for 'script'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["strict-transport-security"]
        assert headers["cache-control"]


async def test_the_agents_page_alone_may_ask_for_the_microphone(desk: DeskStand) -> None:
    told = {
        path: (await desk.get(path)).headers.get_list("permissions-policy") for path in ("/board", "/agent", "/api/me")
    }
    closed, open_to_it = "camera=(), geolocation=(), microphone=()", "camera=(), geolocation=(), microphone=(self)"
    assert told == {"/board": [closed], "/agent": [open_to_it], "/api/me": [closed]}


async def test_signing_in_gives_a_cookie_for_this_host_and_no_script(desk: DeskStand) -> None:
    answer = await desk.post("/api/sign-in", SIGN_IN)
    assert answer.status_code == 204
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert {"Path=/", "Secure", "HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
    token = token_in(cookie.split(";")[0])
    assert token
    asked = await desk.browser.get("/api/me", headers={"cookie": f"{COOKIE}={token}"})
    assert asked.json()["role"] == "supervisor"
    assert "pause" in asked.json()["may"]
    await desk.browser.post(
        "/api/sign-out",
        content="{}",
        headers={"origin": ORIGIN, "content-type": "application/json", "cookie": f"{COOKIE}={token}"},
    )
    assert (await desk.browser.get("/api/me", headers={"cookie": f"{COOKIE}={token}"})).json() is None


async def test_a_page_is_told_what_the_settings_say_and_offers_nothing_to_who_must_sign(tmp_path: Path) -> None:
    key = f"ed25519:{'A' * 43}="
    supervisors = [
        {"name": "coach", "role": "coach", "key": key, "endpoint": "coach"},
        {"name": "viewer", "role": "viewer", "key": key},
    ]
    given = {"supervisors": supervisors, "floor": {"pause_reasons": ["prayer"]}}
    async with desk_stand(tmp_path, Settings.model_validate(given)) as desk:
        told = {role: (await desk.get("/api/me", role)).json() for role in ("coach", "viewer", "supervisor")}
    assert [(each["may"] == [], each["signs"]) for each in told.values()] == [
        (True, True),
        (True, False),
        (False, False),
    ]
    assert told["coach"]["pause_reasons"] == ["prayer"]
    assert told["coach"]["stretch_seconds"] == STRETCH_SECONDS


async def test_who_has_no_phone_is_not_offered_to_listen(tmp_path: Path) -> None:
    supervisors = [{"name": "coach", "role": "coach", "endpoint": "coach"}]
    async with desk_stand(tmp_path, Settings.model_validate({"supervisors": supervisors})) as desk:
        told = {role: (await desk.get("/api/me", role)).json()["may"] for role in ("coach", "listener", "supervisor")}
    assert told["coach"] == ["listen", "whisper", "stop-listening"]
    assert told["listener"] == []
    assert {"pause", "seat-unlock"} <= set(told["supervisor"])
    assert not {"listen", "whisper", "barge", "stop-listening"} & set(told["supervisor"])


async def test_a_head_alone_is_not_there_either(desk: DeskStand) -> None:
    assert (await desk.browser.head("/board")).status_code == 404


async def test_a_password_is_repeated_by_no_refusal(desk: DeskStand) -> None:
    for body in (
        {"name": "asha"},
        {"name": "asha", "password": "s3cret" * 100},
        ["s3cret"],
        {**SIGN_IN, "more": "s3cret"},
    ):
        answer = await desk.post("/api/sign-in", body)
        assert (answer.status_code, answer.json()) == (422, {"problem": "values"})


async def test_a_body_that_is_too_long_is_not_read(desk: DeskStand) -> None:
    answer = await desk.post("/api/sign-in", {"name": "x" * MOST_BODY_BYTES, "password": "y"})
    assert (answer.status_code, answer.json()) == (413, {"problem": "too-long"})


def test_a_cookie_that_is_none_is_nobodys() -> None:
    for text in ("", "a=b", f"{COOKIE}", "\x00=;;;", f"other{COOKIE}=x"):
        assert token_in(text) is None
    assert token_in(cookie_of("abc")) == "abc"


async def test_a_watchdog_learns_whether_the_desk_hears_and_nothing_else(desk: DeskStand) -> None:
    assert (await desk.get("/health")).status_code == 503
    desk.picture.put("desk", {"heard": True, "since": 1.0})
    answer = await desk.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"broker": True})


async def test_the_openapi_document_names_every_door(desk: DeskStand) -> None:
    document = (await desk.get("/api/openapi.json", "viewer")).json()
    named = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert named == {(door.method, door.path) for door in desk.doors if door.method != SOCKET}


async def test_a_refused_sign_in_is_logged_with_its_address_and_without_a_name(desk: DeskStand) -> None:
    pin = {"agent": "101", "pin": "9999", "seat": "04", "phone": "own"}
    desk.hearing.reply = Reply("refused", "wrong", RefusedBecause.PIN_WRONG)
    wrong = {"name": "supervisor", "password": "mango-lorry-violin"}
    through = {"x_forwarded_for": "203.0.113.9, 198.51.100.7"}
    with capture_logs() as logs:
        assert (await desk.post("/api/sign-in", wrong)).status_code == 401
        assert (await desk.post("/api/agent/sign-in", pin, **through)).status_code == 401
        assert (await desk.post("/api/sign-in", {"name": "supervisor"})).status_code == 422
        assert (await desk.get("/api/board/booths")).status_code == 401
        assert (await desk.post("/api/sign-in", SIGN_IN)).status_code == 204
    assert [each for each in logs if each["event"] == "sign-in.refused"] == [
        {"event": "sign-in.refused", "log_level": "warning", "address": "127.0.0.1"},
        {"event": "sign-in.refused", "log_level": "warning", "address": "198.51.100.7"},
    ]


async def test_who_is_no_web_server_of_this_machine_says_no_address(desk: DeskStand) -> None:
    transport = httpx.ASGITransport(app=desk.guard, client=("192.0.2.8", 4711))
    sent = {"origin": ORIGIN, "sec-fetch-site": "same-origin", "x-forwarded-for": "203.0.113.9"}
    wrong = {"name": "supervisor", "password": "mango-lorry-violin"}
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as browser:
        with capture_logs() as logs:
            assert (await browser.post("/api/sign-in", json=wrong, headers=sent)).status_code == 401
    assert [each["address"] for each in logs if each["event"] == "sign-in.refused"] == ["192.0.2.8"]


@pytest.mark.skipif(shutil.which("fail2ban-regex") is None, reason="fail2ban is not installed")
@pytest.mark.parametrize(("address", "found"), [("198.51.100.7", 1), ("2001:db8::7", 1), ("unknown", 0)])
def test_fail2ban_finds_the_address_in_the_log(tmp_path: Path, address: str, found: int) -> None:
    write = "from dialer.cli.logs import json_logging, structlog; json_logging(verbose=False); log = structlog.get_logger()\n"
    write += (
        f"log.warning('sign-in.refused', address={address!r}); log.warning('desk.not-kept', problem='sign-in.refused')"
    )
    written = subprocess.run([sys.executable, "-c", write], capture_output=True, text=True, check=True).stderr
    log, rule = tmp_path / "journal", tmp_path / "filter.conf"
    log.write_text("".join(f"Nov 28 03:00:00 pune matdan-desk[71]: {line}\n" for line in written.splitlines()))
    rule.write_text(fail2ban_files(asterisk=False, desk_port=8470)[FILTERS / "matdan-desk.conf"])
    told = subprocess.run(["fail2ban-regex", log, rule], capture_output=True, text=True, check=False).stdout
    assert re.findall(r"^Lines: 2 lines, 0 ignored, (\d) matched", told, re.MULTILINE) == [str(found)], told
