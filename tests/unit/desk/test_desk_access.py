"""Access to the desk: every route declares its rules, nobody gets in without a right, and no other site can send a request."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter
from structlog.testing import capture_logs

from dialer.deploy.systemd.render import FILTERS, render_fail2ban_files
from dialer.desk.board import COMMAND_ROLES
from dialer.desk.figures import INTERVAL_SECONDS
from dialer.domain.enums import SupervisorRole
from dialer.domain.errors import RefusedBecause
from dialer.mqtt.dialler_client import Reply
from dialer.settings.site import Settings
from dialer.store.agent_records import AgentRecords
from dialer.store.desk_file import DeskFile
from dialer.web.access import DESK_COOKIE, EVERY_ROLE, MAX_BODY_BYTES, PageRoute, Sessions
from dialer.web.app import make_web_application
from tests.support.desk import AGENT, CONNECTED, ORIGIN, PASSWORD, WEBSOCKET, DeskUnderTest, raise_disk_full, run_desk

SIGN_IN = {"name": "supervisor", "password": PASSWORD}
FOR_ANYONE = {
    "/",
    "/agent",
    "/api/agent/me",
    "/api/agent/seats",
    "/api/agent/sign-in",
    "/api/me",
    "/api/sign-in",
    "/api/sign-in/challenge",
    "/api/sign-in/passkey",
    "/api/sign-out",
    "/assets/{name}",
    "/board",
    "/campaigns",
    "/flows",
    "/health",
    "/reports",
}
FOR_EVERY_ROLE = {
    "/api/board/booths",
    "/api/board/events",
    "/api/openapi.json",
    "/api/passkeys",
    "/api/passkeys/challenge",
    "/api/passkeys/remove",
    "/api/reports",
    "/api/reports/dispositions",
    "/api/reports/dispositions/file",
    "/api/reports/hours",
    "/api/reports/hours/file",
    "/api/reports/list-attempts",
    "/api/reports/list-attempts/file",
    "/api/reports/list-due",
    "/api/reports/list-due/file",
    "/api/reports/outcomes",
    "/api/reports/outcomes/file",
    "/api/reports/trunk-hours",
    "/api/reports/trunk-hours/file",
    "/api/reports/trunk-statuses",
    "/api/reports/trunk-statuses/file",
    "/api/reports/trunks",
    "/api/reports/trunks/file",
    "/api/reports/windows",
    "/api/reports/windows/file",
}
ENDLESS = {"/api/board/events", "/api/agent/events"}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[DeskUnderTest]:
    async with run_desk(tmp_path) as stand:
        yield stand


async def test_every_page_route_declares_the_roles_that_may_use_the_route(desk: DeskUnderTest) -> None:
    assert len(desk.routes) == len({(route.method, route.path) for route in desk.routes}) > 30
    assert {route.path for route in desk.routes if route.access.roles is None} == FOR_ANYONE
    assert {route.path for route in desk.routes if route.access.roles == EVERY_ROLE} == FOR_EVERY_ROLE


@pytest.mark.parametrize("route_class", [PageRoute, None])
def test_desk_does_not_start_with_a_page_route_without_access_rules(route_class: type[PageRoute] | None) -> None:
    async def find_no_user(token: str) -> None:
        return None

    async def answer() -> None: ...

    router = APIRouter()
    with pytest.raises(TypeError, match="must declare once who may use it"):
        if route_class is None:
            router.websocket("/open")(answer)
        else:
            router.add_api_route("/open", answer, route_class_override=route_class)
        make_web_application([router], Sessions(DESK_COOKIE, find_no_user, find_no_user))


def test_desk_knows_every_role_of_centre_and_headquarters_users() -> None:
    people = {"viewer", "listener", "coach", "booth-desk", "compliance", "supervisor"}
    assert people | {"headquarters", "zone", "media"} == EVERY_ROLE
    assert people - {"viewer", "booth-desk"} == COMMAND_ROLES


async def test_each_page_route_refuses_every_role_not_declared_for_the_route(desk: DeskUnderTest) -> None:
    for route in desk.routes:
        roles = route.access.roles
        if roles is None:
            continue
        for role in [None, *SupervisorRole, AGENT]:
            if role in roles and route.path in ENDLESS:
                continue
            is_known = (role == AGENT) == (AGENT in roles)  # a route accepts sessions either of agents or of users
            if route.method == WEBSOCKET:
                refused = "role" if role is not None and is_known else "signed-out"
                assert await desk.socket(route.path, role) == (None if role in roles else refused)
                continue
            if route.method == "GET":
                answer = await desk.get(route.path, role)
            else:
                content_type = route.access.content_type
                answer = await desk.post(route.path, {}, role, method=route.method, content_type=content_type)
            if role is None:
                assert answer.status_code == 401, route
            elif role not in roles:
                expected = (403, {"problem": "role"}) if is_known else (401, {"problem": "signed-out"})
                assert (answer.status_code, answer.json()) == expected, (route, role)
            else:
                assert answer.status_code in {200, 409, 422}, (route, role)
    assert SupervisorRole.DESK not in {role for route in desk.routes for role in route.access.roles or ()}


async def test_agent_pages_and_supervisor_pages_have_separate_routes(desk: DeskUnderTest) -> None:
    for route in desk.routes:
        if route.access.roles is not None:
            assert (route.access.roles == {AGENT}) == route.path.startswith("/api/agent/"), route
            assert route.access.roles == {AGENT} or AGENT not in route.access.roles, route


async def test_role_of_a_user_is_checked_before_the_request_body_is_read(desk: DeskUnderTest) -> None:
    for path, role, expected in (
        ("/api/board/commands", None, (401, "signed-out")),
        ("/api/board/commands", "viewer", (403, "role")),
        ("/api/agent/command", None, (401, "signed-out")),
    ):
        for body in (b"{", b"x" * (MAX_BODY_BYTES + 1)):
            answer = await desk.post(path, body, role)
            assert (answer.status_code, answer.json()["problem"]) == expected


async def test_agents_can_work_if_supervisor_sessions_are_unreadable_and_vice_versa(
    desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for role, path, other, method in (
        (AGENT, "/api/agent/phone", DeskFile, "read_sign_in_session"),
        ("supervisor", "/api/passkeys/challenge", AgentRecords, "read_agent_session"),
    ):
        await desk.cookie(role)
        with monkeypatch.context() as broken:
            broken.setattr(other, method, raise_disk_full)
            assert (await desk.post(path, {}, role)).status_code in {409, 422}


async def test_request_is_answered_with_503_if_the_session_file_is_unreadable(
    desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for role in (AGENT, "supervisor"):
        await desk.cookie(role)
    monkeypatch.setattr(DeskFile, "read_sign_in_session", raise_disk_full)
    monkeypatch.setattr(AgentRecords, "read_agent_session", raise_disk_full)
    for role, path in ((AGENT, "/api/agent/command"), ("supervisor", "/api/board/commands")):
        answer = await desk.post(path, {"id": "0f9a7c1e-click", "name": "stop-all"}, role)
        assert (answer.status_code, answer.json()) == (503, {"problem": "not-saved"})
        assert answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
    assert await desk.socket("/api/agent/ws", AGENT) == "not-saved"
    assert not desk.dialler_client.asked


@pytest.mark.parametrize(
    "path", ["/api", "/api/board", "/assets/a/b", "/assets/..%2fx", "/docs", "/openapi.json", "/board/"]
)
async def test_unknown_page_path_is_answered_with_404(desk: DeskUnderTest, path: str) -> None:
    assert (await desk.get(path, "supervisor")).status_code == 404


async def test_desk_refuses_requests_that_pages_of_other_web_sites_send(desk: DeskUnderTest) -> None:
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


async def test_link_on_another_web_site_may_open_the_page_of_the_desk(desk: DeskUnderTest) -> None:
    assert (
        await desk.get("/board", None, **{"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"})
    ).status_code == 200


async def test_page_request_with_an_unknown_host_name_is_refused(desk: DeskUnderTest) -> None:
    assert (await desk.get("/board", None, host="rebound.test")).status_code == 421


async def test_every_response_of_the_desk_has_security_headers(desk: DeskUnderTest) -> None:
    for path in ("/board", "/api/me", "/nothing"):
        headers = (await desk.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "require-trusted-types-for 'script'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["strict-transport-security"]
        assert headers["cache-control"]


async def test_only_the_agents_page_may_ask_for_the_microphone(desk: DeskUnderTest) -> None:
    told = {
        path: (await desk.get(path)).headers.get_list("permissions-policy") for path in ("/board", "/agent", "/api/me")
    }
    closed, open_to_it = "camera=(), geolocation=(), microphone=()", "camera=(), geolocation=(), microphone=(self)"
    assert told == {"/board": [closed], "/agent": [open_to_it], "/api/me": [closed]}


async def test_desk_session_has_a_secure_cookie_and_ends_at_sign_out(desk: DeskUnderTest) -> None:
    answer = await desk.post("/api/sign-in", SIGN_IN)
    assert answer.status_code == 204
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{DESK_COOKIE}=")
    assert {"Path=/", "Secure", "HttpOnly", "SameSite=strict"} <= set(cookie.split("; "))
    token = answer.cookies[DESK_COOKIE]
    assert token
    asked = await desk.browser.get("/api/me", headers={"cookie": f"{DESK_COOKIE}={token}"})
    assert asked.json()["role"] == "supervisor"
    assert "pause" in asked.json()["may"]
    await desk.browser.post(
        "/api/sign-out",
        content="{}",
        headers={"origin": ORIGIN, "content-type": "application/json", "cookie": f"{DESK_COOKIE}={token}"},
    )
    assert (await desk.browser.get("/api/me", headers={"cookie": f"{DESK_COOKIE}={token}"})).json() is None


async def test_account_details_list_no_commands_for_a_user_who_must_sign_commands(tmp_path: Path) -> None:
    key = f"ed25519:{'A' * 43}="
    supervisors = [
        {"name": "coach", "role": "coach", "key": key, "endpoint": "coach"},
        {"name": "viewer", "role": "viewer", "key": key},
    ]
    given = {"supervisors": supervisors, "agent_login": {"pause_reasons": ["prayer"]}}
    async with run_desk(tmp_path, Settings.model_validate(given)) as desk:
        told = {role: (await desk.get("/api/me", role)).json() for role in ("coach", "viewer", "supervisor")}
    assert [(each["may"] == [], each["signs"]) for each in told.values()] == [
        (True, True),
        (True, False),
        (False, False),
    ]
    assert told["coach"]["pause_reasons"] == ["prayer"]
    assert told["coach"]["stretch_seconds"] == INTERVAL_SECONDS


async def test_page_offers_listening_to_calls_only_to_supervisors_with_a_phone(tmp_path: Path) -> None:
    supervisors = [{"name": "coach", "role": "coach", "endpoint": "coach"}]
    async with run_desk(tmp_path, Settings.model_validate({"supervisors": supervisors})) as desk:
        told = {role: (await desk.get("/api/me", role)).json()["may"] for role in ("coach", "listener", "supervisor")}
    assert told["coach"] == ["listen", "whisper", "stop-listening"]
    assert told["listener"] == []
    assert {"pause", "seat-unlock"} <= set(told["supervisor"])
    assert not {"listen", "whisper", "barge", "stop-listening"} & set(told["supervisor"])


async def test_desk_answers_http_head_requests_with_404(desk: DeskUnderTest) -> None:
    assert (await desk.browser.head("/board")).status_code == 404


async def test_refused_sign_in_does_not_repeat_the_password(desk: DeskUnderTest) -> None:
    for body in (
        {"name": "asha"},
        {"name": "asha", "password": "s3cret" * 100},
        ["s3cret"],
        {**SIGN_IN, "more": "s3cret"},
    ):
        answer = await desk.post("/api/sign-in", body)
        assert (answer.status_code, answer.json()) == (422, {"problem": "values"})


async def test_desk_refuses_a_request_body_over_the_size_limit(desk: DeskUnderTest) -> None:
    answer = await desk.post("/api/sign-in", {"name": "x" * MAX_BODY_BYTES, "password": "y"})
    assert (answer.status_code, answer.json()) == (413, {"problem": "too-long"})


async def test_desk_refuses_a_too_large_declared_request_body_at_once(
    desk: DeskUnderTest,
) -> None:
    answer = await desk.post("/api/sign-in", b"{", content_length=str(MAX_BODY_BYTES + 1))
    assert (answer.status_code, answer.json()) == (413, {"problem": "too-long"})


async def test_request_with_unknown_cookies_is_not_signed_in(desk: DeskUnderTest) -> None:
    for cookie in ("", "a=b", DESK_COOKIE, "%00=;;;", f"other{DESK_COOKIE}=x"):
        assert (await desk.get("/api/board/booths", cookie=cookie)).json() == {"problem": "signed-out"}


async def test_health_check_of_the_desk_says_only_whether_the_broker_is_connected(desk: DeskUnderTest) -> None:
    assert (await desk.get("/health")).status_code == 503
    desk.page_state.set_value_of_key("desk", CONNECTED)
    answer = await desk.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"broker": True})


async def test_openapi_document_of_the_desk_has_every_page_route(desk: DeskUnderTest) -> None:
    document = (await desk.get("/api/openapi.json", "viewer")).json()
    named = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert named == {(route.method, route.path) for route in desk.routes if route.method != WEBSOCKET}


async def test_refused_sign_in_is_logged_with_address_and_without_name(desk: DeskUnderTest) -> None:
    pin = {"agent": "101", "pin": "9999", "seat": "04", "phone": "own"}
    desk.dialler_client.reply = Reply("refused", "wrong", RefusedBecause.PIN_WRONG)
    wrong = {"name": "supervisor", "password": "mango-lorry-violin"}
    through = {"x_forwarded_for": "203.0.113.9, 198.51.100.7"}
    with capture_logs() as logs:
        assert (await desk.post("/api/sign-in", wrong)).status_code == 401
        assert (await desk.post("/api/agent/sign-in", pin, **through)).status_code == 401
        assert (await desk.post("/api/sign-in", {"name": "supervisor"})).status_code == 422
        assert (await desk.get("/api/board/booths")).status_code == 401
        assert (await desk.post("/api/sign-in", SIGN_IN)).status_code == 204
    assert [each for each in logs if each["event"] == "sign_in.refused"] == [
        {"event": "sign_in.refused", "log_level": "warning", "address": "127.0.0.1"},
        {"event": "sign_in.refused", "log_level": "warning", "address": "198.51.100.7"},
    ]


async def test_forwarded_client_address_is_ignored_unless_sent_by_a_proxy_on_this_machine(desk: DeskUnderTest) -> None:
    transport = httpx.ASGITransport(app=desk.app, client=("192.0.2.8", 4711))
    sent = {"origin": ORIGIN, "sec-fetch-site": "same-origin", "x-forwarded-for": "203.0.113.9"}
    wrong = {"name": "supervisor", "password": "mango-lorry-violin"}
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as browser:
        with capture_logs() as logs:
            assert (await browser.post("/api/sign-in", json=wrong, headers=sent)).status_code == 401
    assert [each["address"] for each in logs if each["event"] == "sign_in.refused"] == ["192.0.2.8"]


@pytest.mark.skipif(shutil.which("fail2ban-regex") is None, reason="fail2ban is not installed")
@pytest.mark.parametrize("event", ["sign_in.refused", "connection.refused"])
@pytest.mark.parametrize(("address", "found"), [("198.51.100.7", 1), ("2001:db8::7", 1), ("unknown", 0)])
def test_fail2ban_filter_finds_the_address_of_a_failed_sign_in_in_the_log(
    tmp_path: Path, event: str, address: str, found: int
) -> None:
    write = (
        "from dialer.cli.logs import configure_json_logging, structlog; "
        "configure_json_logging(verbose=False); log = structlog.get_logger()\n"
    )
    write += f"log.warning({event!r}, address={address!r}); log.warning('desk.not-kept', problem='sign_in.refused')"
    written = subprocess.run([sys.executable, "-c", write], capture_output=True, text=True, check=True).stderr
    log, rule = tmp_path / "journal", tmp_path / "filter.conf"
    log.write_text("".join(f"Nov 28 03:00:00 pune matdan-desk[71]: {line}\n" for line in written.splitlines()))
    rule.write_text(render_fail2ban_files(asterisk=False, desk_port=8470)[FILTERS / "matdan-desk.conf"])
    told = subprocess.run(["fail2ban-regex", log, rule], capture_output=True, text=True, check=False).stdout
    assert re.findall(r"^Lines: 2 lines, 0 ignored, (\d) matched", told, re.MULTILINE) == [str(found)], told
