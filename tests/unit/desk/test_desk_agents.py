"""Agents at the desk: sign-in, sessions, the state of their page and their commands."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import httpx
import pytest

from dialer.desk.agents.commands import AGENT_COMMANDS
from dialer.desk.agents.figures import AgentDayFigures, AgentFigures
from dialer.desk.agents.page_records import AgentScreenPop
from dialer.desk.agents.screen_pop import ScreenPopBuilder, SeatCall
from dialer.desk.agents.sessions import EMPTY_SEAT_SECONDS
from dialer.desk.agents.streams import SESSION_CHECK_SECONDS
from dialer.desk.figures import find_midnight_before_time
from dialer.domain.enums import MachineDetection, PacingPolicy, Purpose
from dialer.domain.errors import LogInRefused, RefusedBecause
from dialer.domain.model import Disposition
from dialer.domain.pin_proof import parse_pin_proof
from dialer.domain.schema import convert_record_to_json_values
from dialer.domain.view import SeatState
from dialer.engine.command.base import SEAT_ROLES
from dialer.engine.command.catalogue import COMMANDS
from dialer.flows.script_library import ScriptLibrary
from dialer.mqtt.dialler_client import Reply
from dialer.store.agent_reading import AgentDay, CallOnScreen, CallScreenData
from dialer.store.agent_records import AgentRecords
from dialer.web.access import DESK_COOKIE
from dialer.web.devices import DEVICE_COOKIE, DEVICE_SECONDS
from dialer.web.people import AGENT, USE_RECORDED_SECONDS, SignedInUser
from tests.support.desk import (
    CONNECTED,
    OFFLINE,
    ONLINE,
    PIN,
    PIN_HASH,
    SEATED,
    DeskUnderTest,
    desk_settings,
    raise_disk_full,
    run_desk,
    two_agent_settings,
)
from tests.support.fake_centre import campaign_view
from tests.support.screen_pop import (
    ATTEMPT,
    GROUNDS,
    NUMBER,
    VOTERS,
    close_after,
    fill_household,
    read_event,
    seat_with_live_call,
    until,
)
from tests.support.stored import execute_in_store

ID = "0f9a7c1e-click"
SIGN_IN = {"agent": "101", "pin": PIN, "seat": "04", "phone": "own"}


CAMPAIGN = campaign_view("turnout-agents")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[DeskUnderTest]:
    async with run_desk(tmp_path) as stand:
        stand.page_state.set_value_of_key("centre", ONLINE)
        yield stand


def command(name: str, **values: Any) -> dict[str, Any]:
    return {"id": ID, "name": name, "values": values}


# Sign-in


async def test_desk_sends_the_dialler_a_keyed_hash_instead_of_the_pin(desk: DeskUnderTest) -> None:
    answer = await desk.post("/api/agent/sign-in", SIGN_IN)
    assert answer.status_code == 204
    assert {"Secure", "HttpOnly", "SameSite=strict"} <= set(answer.headers["set-cookie"].split("; "))
    ((user, _, name, values),) = desk.dialler_client.asked
    assert (user, name, values["seat"], values["agent"]) == ("desk", "seat-sign-in", "04", "101")
    assert PIN not in str({**values, "proof": "hexadecimal digits, which may include those of the PIN"})
    assert parse_pin_proof(values["proof"]).is_valid_pin_proof(PIN_HASH, "pune-1", "04", "101")


async def test_sign_in_page_lists_seats_only_on_known_devices(desk: DeskUnderTest) -> None:
    desk.page_state.set_value_of_key("seat/05", replace(SEATED, seat="05", agent="102"))
    assert (await desk.get("/api/agent/seats")).json() == []
    device = read_device_cookie(await desk.post("/api/agent/sign-in", {**SIGN_IN, "phone": None}))
    assert (await desk.get("/api/agent/seats", cookie=device)).json() == [
        {"seat": "04", "taken": True, "phone": "own"},
        {"seat": "05", "taken": True, "phone": "own"},
        {"seat": "06", "taken": False, "phone": "browser"},
    ]
    assert (await desk.get("/api/agent/seats", cookie=f"{device}0")).json() == []


def read_device_cookie(answer: httpx.Response) -> str:
    [cookie] = [each for each in answer.headers.get_list("set-cookie") if each.startswith(DEVICE_COOKIE)]
    return cookie.partition(";")[0]


async def test_sign_in_command_says_whether_the_agent_used_this_device_before(
    desk: DeskUnderTest,
) -> None:
    first = await desk.post("/api/agent/sign-in", SIGN_IN)
    device = read_device_cookie(first)
    for agent in ("101", "102"):
        await desk.post("/api/agent/sign-in", {**SIGN_IN, "agent": agent}, cookie=device)
    sources = [(values["known_device"], values["source"]) for _, _, _, values in desk.dialler_client.asked]
    assert [is_known for is_known, _ in sources] == [False, True, False]
    assert sources[0][1] == sources[2][1] != sources[1][1]  # of the network, and of the device


async def test_desk_recognises_the_device_of_an_agent_after_restarts_until_expiry(tmp_path: Path) -> None:
    """A restart on a polling day must not let wrong PINs of strangers lock agents out of their own devices."""
    async with run_desk(tmp_path) as before:
        cookie = read_device_cookie(await before.post("/api/agent/sign-in", SIGN_IN))
    secret = cookie.partition("=")[2]
    assert secret.encode() not in (tmp_path / "centre.desk.db").read_bytes()
    async with run_desk(tmp_path) as after:

        async def is_known(agent: str, device: str) -> bool:
            answer = await after.post("/api/agent/sign-in", {**SIGN_IN, "agent": agent}, cookie=device)
            assert answer.status_code == 204
            return bool(after.dialler_client.asked[-1][3]["known_device"])

        assert await is_known("101", cookie)
        assert not await is_known("102", cookie)
        assert not await is_known("101", f"{cookie[:-1]}{'A' if cookie[-1] != 'A' else 'B'}")
        after.clock.pass_seconds(DEVICE_SECONDS + 1.0)
        assert not await is_known("101", cookie)


@pytest.mark.parametrize(
    ("reply", "status", "told"),
    [
        (None, 503, {"problem": "away"}),
        (Reply("unanswered", ""), 503, {"problem": "unanswered"}),
        (Reply("refused", "no", LogInRefused().why), 401, {"problem": "pin-wrong"}),
        (
            Reply("refused", "no", RefusedBecause.LOG_IN_LOCKED),
            429,
            {"problem": "seat-locked", "seat": "04", "minutes": 15.0},
        ),
        (Reply("refused", "no", RefusedBecause.SEAT_TAKEN), 409, {"problem": "seat-taken"}),
        (
            Reply("refused", "no", RefusedBecause.AGENT_ELSEWHERE),
            409,
            {"problem": "agent-elsewhere", "seat": "05"},
        ),
        (
            Reply("refused", "no", RefusedBecause.CLOCKS_DIFFER),
            409,
            {"problem": "clocks"},
        ),
        (Reply("refused", "no", RefusedBecause.NO_SEAT), 404, {"problem": "no-seat"}),
        (Reply("refused", "something new"), 409, {"problem": "refused", "text": "something new"}),
    ],
)
async def test_each_refused_agent_sign_in_is_answered_with_a_problem_code(
    desk: DeskUnderTest, reply: Reply | None, status: int, told: dict[str, str]
) -> None:
    desk.dialler_client.reply = reply
    desk.page_state.set_value_of_key("seat/05", replace(SEATED, seat="05", agent=SIGN_IN["agent"]))
    answer = await desk.post("/api/agent/sign-in", SIGN_IN)
    given = {"text": answer.json()["text"], **told} if "text" in answer.json() else told
    assert (answer.status_code, answer.json()) == (status, given)
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "changed", [{"pin": "24 68"}, {"pin": "2" * 13}, {"agent": "a"}, {"seat": "../x"}, {"phone": "both"}, {"more": 1}]
)
async def test_invalid_agent_sign_in_is_not_sent_to_the_dialler(desk: DeskUnderTest, changed: dict[str, Any]) -> None:
    answer = await desk.post("/api/agent/sign-in", {**SIGN_IN, **changed})
    assert (answer.status_code, answer.json()) == (422, {"problem": "values"})
    assert not desk.dialler_client.asked


async def test_agent_sign_in_with_the_wrong_kind_of_phone_is_refused(desk: DeskUnderTest) -> None:
    answer = await desk.post("/api/agent/sign-in", {**SIGN_IN, "seat": "06"})
    assert (answer.status_code, answer.json()) == (409, {"problem": "phone-kind"})
    assert (await desk.post("/api/agent/sign-in", {**SIGN_IN, "seat": "06", "phone": "browser"})).status_code == 204


async def test_agent_sign_in_is_refused_without_agents_in_the_settings(tmp_path: Path) -> None:
    async with run_desk(tmp_path, desk_settings(tmp_path / "centre.db")) as desk:
        answer = await desk.post("/api/agent/sign-in", SIGN_IN)
        assert (answer.status_code, answer.json()) == (409, {"problem": "no-agents"})
        assert not desk.dialler_client.asked


# Sessions


async def test_agents_page_receives_its_agent_seat_and_settings(desk: DeskUnderTest) -> None:
    assert (await desk.get("/api/agent/me")).json() is None
    me = (await desk.get("/api/agent/me", AGENT)).json()
    assert (me["agent"], me["seat"], me["phone"], me["language"], me["languages"]) == (
        "101",
        "04",
        "own",
        "mr",
        ["mr", "hi"],
    )
    assert me["wrap_up_seconds"] == {"turnout-agents": 45.0}
    assert me["transfer_targets"] == [{"name": "help", "kind": "supervisor"}]
    assert me["pause_reasons"][0] == "break"
    assert (me["undo_seconds"], me["other_tab"]) == (5, False)
    assert (await desk.get("/api/me", AGENT)).json() is None  # the board's routes ignore agents' sessions


async def test_agent_session_ends_when_its_seat_stays_without_an_agent(desk: DeskUnderTest) -> None:
    token = await desk.agent_token()
    desk.page_state.set_value_of_key("seat/04", replace(SEATED, agent=None))
    assert await desk.agents.find_user_of_session(token) == SignedInUser("101", AGENT, "04")
    desk.clock.pass_seconds(EMPTY_SEAT_SECONDS - 1)
    assert await desk.agents.find_user_of_session(token) is not None
    desk.page_state.set_value_of_key("centre", OFFLINE)  # a disconnected dialler does not end sessions
    desk.clock.pass_seconds(EMPTY_SEAT_SECONDS * 2)
    assert await desk.agents.find_user_of_session(token) is not None
    desk.page_state.set_value_of_key("centre", ONLINE)
    assert await desk.agents.find_user_of_session(token) is not None
    desk.clock.pass_seconds(EMPTY_SEAT_SECONDS + 1)
    assert await desk.agents.find_user_of_session(token) is None
    desk.page_state.set_value_of_key("seat/04", SEATED)
    assert await desk.agents.find_user_of_session(token) is None  # the session has ended


async def test_agent_session_ends_when_idle_or_replaced_at_the_seat(desk: DeskUnderTest) -> None:
    token = await desk.agent_token()
    desk.page_state.set_value_of_key("seat/04", replace(SEATED, agent="102"))
    assert await desk.agents.find_user_of_session(token) is None
    token = await desk.agent_token("101", "05")
    desk.clock.pass_seconds(13 * 3600.0)
    assert await desk.agents.find_user_of_session(token) is None


async def test_full_disk_ends_no_agent_session(desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    token = await desk.agent_token()
    monkeypatch.setattr(AgentRecords, "record_agent_session_use", raise_disk_full)
    monkeypatch.setattr(AgentRecords, "end_agent_session", raise_disk_full)
    desk.clock.pass_seconds(USE_RECORDED_SECONDS + 1)
    assert await desk.agents.find_user_of_session(token) == SignedInUser("101", AGENT, "04")
    desk.page_state.set_value_of_key("seat/04", replace(SEATED, agent="102"))
    assert await desk.agents.find_user_of_session(token) is None


async def test_new_sign_in_of_an_agent_ends_the_earlier_session(desk: DeskUnderTest) -> None:
    first = await desk.agent_token()
    second = await desk.agent_token()
    assert await desk.agents.find_user_of_session(first) is None
    assert await desk.agents.find_user_of_session(second) is not None


async def test_agent_session_after_log_off_lasts_until_the_last_call_ends(desk: DeskUnderTest) -> None:
    token = await desk.agent_token()
    desk.tokens[AGENT] = token
    desk.page_state.set_value_of_key("seat/04", seat_with_live_call())
    assert (await desk.post("/api/agent/command", command("seat-log-off"), AGENT)).json()["status"] == "done"
    assert await desk.agents.find_user_of_session(token) is not None
    desk.page_state.set_value_of_key("seat/04", replace(SEATED, agent=None, state=SeatState.OFFLINE))
    assert await desk.agents.find_user_of_session(token) is None


# State of the page

SCREEN_POP = AgentScreenPop(
    attempt=ATTEMPT,
    campaign="turnout-agents",
    purpose="turnout",
    phone=7,
    masked="•••• 4321",
    addressed=None,
    worker=False,
    language="en",
    opted_out=False,
    voters=(),
    booth=None,
    calls=(),
    lawful=None,
    script=None,
    outcomes=(Disposition.VOTED,),
    call_back_times=True,
)


async def test_agents_page_receives_only_the_updates_of_its_own_seat(desk: DeskUnderTest) -> None:
    token = await desk.agent_token()
    desk.page_state.set_value_of_key("seat/05", replace(SEATED, seat="05", agent="102"))
    desk.page_state.set_value_of_key("pop/05", SCREEN_POP)
    desk.page_state.set_value_of_key("figures/102", {"calls": 3})
    desk.page_state.set_value_of_key("call-backs/102", [{"name": "somebody"}])
    desk.page_state.set_value_of_key("campaign/turnout-agents", CAMPAIGN)
    desk.page_state.set_value_of_key("desk", CONNECTED)
    async with close_after(
        desk.agents.streams._stream_events_of_seat(token, SignedInUser("101", AGENT, "04"), "")
    ) as news:
        first = read_event(await anext(news))
        assert first.keys() == {"desk", "seat", "centre", "pop", "figures", "call_backs", "coaching"}
        assert first["seat"]["seat"] == "04"
        assert (first["pop"], first["figures"], first["call_backs"]) == (None, None, None)
        desk.page_state.set_value_of_key("pop/05", None)
        desk.page_state.set_value_of_key("pop/04", SCREEN_POP)
        assert read_event(await anext(news)) == {"pop": convert_record_to_json_values(SCREEN_POP)}
        desk.page_state.set_value_of_key("pop/04", None)
        assert read_event(await anext(news)) == {"pop": None}


async def test_opening_a_second_page_of_a_seat_closes_the_first_page(desk: DeskUnderTest) -> None:
    token = desk.tokens[AGENT] = await desk.agent_token()
    who = SignedInUser("101", AGENT, "04")
    async with close_after(desk.agents.streams._stream_events_of_seat(token, who, "tab-1")) as first:
        await anext(first)
        assert (await desk.get("/api/agent/me", AGENT)).json()["other_tab"] is True
        refused = await desk.get("/api/agent/events?tab=tab-2", AGENT)
        assert (refused.status_code, refused.json()) == (409, {"problem": "open-elsewhere"})
        async with close_after(desk.agents.streams._stream_events_of_seat(token, who, "tab-2")) as second:
            await anext(second)
            assert read_event(await anext(first)) == {"ended": "taken"}
            with pytest.raises(StopAsyncIteration):
                await anext(first)
            assert (await desk.get("/api/agent/me", AGENT)).json()["other_tab"] is True
            desk.page_state.set_value_of_key("seat/04", seat_with_live_call())
            assert "seat" in read_event(await anext(second))
    assert (await desk.get("/api/agent/me", AGENT)).json()["other_tab"] is False


async def test_agent_page_stream_ends_before_the_next_agents_voter_is_shown(desk: DeskUnderTest) -> None:
    token = await desk.agent_token()
    async with close_after(
        desk.agents.streams._stream_events_of_seat(token, SignedInUser("101", AGENT, "04"), "")
    ) as news:
        await anext(news)
        desk.page_state.set_value_of_key("seat/04", seat_with_live_call(agent="102"))
        desk.page_state.set_value_of_key("pop/04", SCREEN_POP)
        assert read_event(await anext(news)) == {"ended": "signed-out"}
        with pytest.raises(StopAsyncIteration):
            await anext(news)


async def test_agent_page_ends_at_a_change_of_agent_even_if_sessions_are_unreadable(
    desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await desk.agent_token()
    monkeypatch.setattr(AgentRecords, "read_agent_session", raise_disk_full)
    async with close_after(
        desk.agents.streams._stream_events_of_seat(token, SignedInUser("101", AGENT, "04"), "")
    ) as news:
        await anext(news)
        desk.clock.pass_seconds(SESSION_CHECK_SECONDS)
        desk.page_state.set_value_of_key("seat/04", replace(SEATED, agent=None))
        assert "seat" in read_event(await anext(news))
        desk.page_state.set_value_of_key("seat/04", seat_with_live_call(agent="102"))
        desk.page_state.set_value_of_key("pop/04", SCREEN_POP)
        assert read_event(await anext(news)) == {"ended": "signed-out"}


async def test_voter_details_are_read_from_the_store_with_a_masked_number(desk: DeskUnderTest, tmp_path: Path) -> None:
    fill_household(tmp_path / "centre.db", desk.clock.now())
    token = await desk.agent_token()
    running = asyncio.create_task(desk.agents.update_agent_pages_until_cancelled())
    async with close_after(
        desk.agents.streams._stream_events_of_seat(token, SignedInUser("101", AGENT, "04"), "")
    ) as news:
        await anext(news)
        script = ScriptLibrary({"turnout-agents": ("polling_day", Purpose.TURNOUT)}).get_script_version(
            "turnout-agents"
        )
        desk.page_state.set_value_of_key("campaign/turnout-agents", replace(CAMPAIGN, script=script))
        desk.page_state.set_value_of_key("seat/04", seat_with_live_call(SeatState.RESERVED))
        pop = await until(news, "pop")
        assert script == f"{pop['script']['name']} {pop['script']['version']}"
        assert (pop["attempt"], pop["masked"], pop["addressed"], pop["worker"]) == (ATTEMPT, "•••• 4321", 2, False)
        assert "98765" not in str(pop)
        assert "EPIC" not in str(pop)
        assert [each["name"] for each in pop["voters"]] == [*VOTERS]  # unchanged, even if a name contains HTML
        assert [each["pending"] for each in pop["voters"]] == [False, True, True]
        assert [[mark["kind"] for mark in each["marks"]] for each in pop["voters"]] == [["voted"], [], []]
        assert pop["voters"][0]["marks"][0]["source"] == "booth-worker"
        assert (pop["booth"]["name"], pop["booth"]["part"], pop["booth"]["closes_at"]) == ("School", 118, None)
        assert [each["outcome"] for each in pop["calls"]] == ["no-answer"]
        assert pop["lawful"] == {
            "code": "not-listed",
            "profile": GROUNDS["profile"],
            "purpose": "turnout",
            "consent": "unknown",
            "registers": [{"name": "ncpr", "dated": "2024-04-01"}],
            "gap_seconds": 4995.0,
        }
        # Elsewhere the second voter is recorded as voted and the number opts out. Stored answers belong to another script.
        desk.page_state.set_value_of_key("campaign/turnout-agents", replace(CAMPAIGN, script="polling_day of-tomorrow"))
        desk.page_state.set_value_of_key("seat/04", seat_with_live_call(voters=(3,), settled=(2,), opted_out=True))
        pop = await until(news, "pop")
        assert ([each["pending"] for each in pop["voters"]], pop["opted_out"]) == ([False, False, True], True)
        assert pop["script"] is None
        desk.page_state.set_value_of_key("seat/04", SEATED)
        await until(news, "seat")
        assert read_event(await anext(news)) == {"pop": None}
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize(
    ("detection", "of_worker", "attempt_number", "outcomes", "call_back_times"),
    [
        ("off", 0, 2, "voted not-yet later will-not wrong-number call-back language refused opt-out", True),
        (
            "after-seat",
            0,
            3,
            "voted not-yet later will-not wrong-number call-back language refused opt-out machine",
            False,
        ),
        ("off", 1, 3, "wrong-number call-back language refused opt-out", True),
    ],
)
def test_screen_pop_offers_only_the_outcomes_that_the_campaign_accepts(
    detection: str, of_worker: int, attempt_number: int, outcomes: str, call_back_times: bool
) -> None:
    settings = two_agent_settings()
    campaign = settings.campaigns[0].model_copy(update={"machine_detection": MachineDetection(detection)})
    builder = ScreenPopBuilder(settings.model_copy(update={"campaigns": (campaign,)}))
    call = CallOnScreen(
        ATTEMPT, campaign.id, 1, None, of_worker, attempt_number, "outbound", None, "4321", None, 0, None, ""
    )
    line = CallScreenData(call, None, [], {}, [], None)
    pop = builder.build_screen_pop(line, SeatCall(ATTEMPT, campaign.id, 1, frozenset(), False), None)
    assert (" ".join(pop.outcomes), pop.call_back_times) == (outcomes, call_back_times)


async def test_agents_contacts_per_hour_are_compared_with_the_team_average(desk: DeskUnderTest) -> None:
    class Day:
        """A store with the work of two agents."""

        async def read_agents_work_since(self, since: float, now: float, before: float) -> dict[str, AgentDay]:
            hour = {"talking": 1_800.0, "wrap-up": 600.0, "ready": 1_200.0, "paused": 9_000.0}
            marks = Counter({"voted": 9, "later": 1, "wrong-number": 5})
            return {
                "101": AgentDay(marks=marks, seconds=defaultdict(float, hour)),
                "102": AgentDay(marks=Counter(voted=2), seconds=defaultdict(float, talking=899.0)),
            }

    await AgentFigures(desk.page_state, cast(Any, Day()), ZoneInfo("Asia/Kolkata")).refresh_agent_figures()
    figures = desk.page_state.get_values_of_keys_with_prefix("figures", AgentDayFigures)
    assert (figures["101"].contacts, figures["101"].contacts_per_hour) == (10, 10.0)
    assert (figures["102"].contacts, figures["102"].contacts_per_hour) == (2, None)  # too little working time
    assert figures["102"].team_contacts_per_hour == pytest.approx(12 * 3_600 / 4_499)


async def test_agents_figures_of_the_day_restart_at_midnight(desk: DeskUnderTest) -> None:
    zone = ZoneInfo("Asia/Kolkata")
    midnight = find_midnight_before_time(desk.clock.at + 86_400, zone)

    class Day:
        """A store with seven calls before midnight."""

        async def read_agents_work_since(self, since: float, now: float, before: float) -> dict[str, AgentDay]:
            return {"101": AgentDay(Counter(voted=7))} if since < midnight else {}

    figures = AgentFigures(desk.page_state, cast(Any, Day()), zone)
    for at, calls in ((midnight - 1, 7), (midnight + 1, 0)):
        desk.clock.at = at
        await figures.refresh_agent_figures()
        shown = desk.page_state.get_value_of_key("figures/101", AgentDayFigures)
        assert shown is not None
        assert shown.calls == calls
    assert shown is not None
    assert shown.since == midnight


# Commands


async def test_agents_command_is_sent_by_the_desk_for_the_agents_own_seat(desk: DeskUnderTest) -> None:
    answer = await desk.post("/api/agent/command", command("seat-pause", reason="break"), AGENT)
    assert answer.json() == {"status": "done", "text": "it was done", "code": None}
    assert desk.dialler_client.asked == [("desk", f"04.{ID}", "seat-pause", {"reason": "break", "seat": "04"})]


async def test_agents_may_send_only_commands_for_a_seat(desk: DeskUnderTest) -> None:
    for name, kind in COMMANDS.items():
        answer = await desk.post("/api/agent/command", command(name), AGENT)
        if name not in AGENT_COMMANDS:
            assert (answer.status_code, answer.json()) == (404, {"problem": "no-command"})
        else:
            assert kind.roles == SEAT_ROLES
            assert answer.status_code in {200, 422}
    # Sign-in has its own route. The others belong to phones and to booth workers' calls.
    at_the_seat = {name for name, kind in COMMANDS.items() if kind.roles == SEAT_ROLES}
    assert at_the_seat - AGENT_COMMANDS == {"seat-sign-in", "seat-call", "seat-serials", "seat-undo-serial"}


@pytest.mark.parametrize(
    "body",
    [
        command("seat-pause"),
        command("seat-pause", reason="break", seat="05"),
        command("seat-pause", reason="break", agent="102"),
        command("seat-ready", role="supervisor"),
        command("seat-dispose", disposition="voted"),
        {**command("seat-ready"), "id": "x"},
        {**command("seat-ready"), "seat": "05"},
        command("seat-dispose", attempt_id=ATTEMPT, disposition="voted", voters=[[[]]]),
        [],
    ],
)
async def test_invalid_command_of_an_agent_is_not_sent(desk: DeskUnderTest, body: object) -> None:
    answer = await desk.post("/api/agent/command", body, AGENT)
    assert (answer.status_code, answer.json()) == (422, {"problem": "values"})
    assert not desk.dialler_client.asked


async def test_command_of_an_agent_for_an_earlier_call_is_refused(desk: DeskUnderTest) -> None:
    token = desk.tokens[AGENT] = await desk.agent_token()
    assert token
    desk.page_state.set_value_of_key("seat/04", seat_with_live_call())
    late = await desk.post("/api/agent/command", command("seat-hang-up", attempt_id="another"), AGENT)
    assert (late.status_code, late.json()) == (409, {"problem": "late"})
    assert not desk.dialler_client.asked
    assert (
        await desk.post("/api/agent/command", command("seat-hang-up", attempt_id=ATTEMPT), AGENT)
    ).status_code == 200
    said = command("seat-dispose", attempt_id="another", disposition="voted", voters=[{"voter_id": 2, "mark": "voted"}])
    await desk.post("/api/agent/command", said, AGENT)  # the dialler decides, because the wrap-up may have just ended
    assert [values for *_, values in desk.dialler_client.asked] == [{"seat": "04"}, {**said["values"], "seat": "04"}]


async def test_command_to_dial_a_typed_number_contains_only_the_id_of_the_number(tmp_path: Path) -> None:
    settings = two_agent_settings()
    campaign = settings.campaigns[0].model_copy(update={"pacing": PacingPolicy.PREVIEW, "manual_dialling": True})
    settings = settings.model_copy(update={"campaigns": (campaign,)})
    async with run_desk(tmp_path, settings) as desk:
        fill_household(tmp_path / "centre.db", desk.clock.now())
        execute_in_store(
            tmp_path / "centre.db", "INSERT INTO target (campaign_id, phone_id) VALUES ('turnout-agents', 1)"
        )
        typed = NUMBER.removeprefix("+91")
        answer = await desk.post("/api/agent/dial", {"id": ID, "number": f"{typed[:5]} {typed[5:]}"}, AGENT)
        assert answer.json()["status"] == "done"
        values = {"campaign_id": "turnout-agents", "phone_id": 1, "seat": "04"}
        assert desk.dialler_client.asked == [("desk", f"04.{ID}", "seat-dial", values)]
        for number, problem in (("12", "no-number"), (f"{typed}, 9811111111", "no-number"), ("x" * 41, "values")):
            answer = await desk.post("/api/agent/dial", {"id": ID, "number": number}, AGENT)
            assert (answer.status_code, answer.json()) == (422, {"problem": problem})
        answer = await desk.post("/api/agent/dial", {"id": ID, "number": "9811111111"}, AGENT)
        assert (answer.json()["status"], answer.json()["code"]) == ("refused", "not-listed")
        assert len(desk.dialler_client.asked) == 1


async def test_typed_number_is_refused_without_a_campaign_for_manual_dialling(desk: DeskUnderTest) -> None:
    answer = await desk.post("/api/agent/dial", {"id": ID, "number": NUMBER}, AGENT)
    assert (answer.status_code, answer.json()) == (404, {"problem": "no-command"})


async def test_reply_to_an_agent_command_names_an_unreachable_broker_or_a_refusal_code(desk: DeskUnderTest) -> None:
    assert (await desk.get("/api/agent/me", AGENT)).json() is not None
    desk.dialler_client.reply = None
    answer = await desk.post("/api/agent/command", command("seat-ready"), AGENT)
    assert (answer.status_code, answer.json()) == (503, {"problem": "away"})
    text = "seat 04: the disposition was not saved, because that call and its wrap-up have ended"
    desk.dialler_client.reply = Reply("refused", text, RefusedBecause.CALL_OVER)
    answer = await desk.post("/api/agent/command", command("seat-dispose", attempt_id="x", disposition="voted"), AGENT)
    assert answer.json() == {"status": "refused", "text": text, "code": "call-over"}


async def test_request_with_a_forged_session_token_has_no_user(desk: DeskUnderTest) -> None:
    answer = await desk.browser.get("/api/agent/events", headers={"cookie": f"{DESK_COOKIE}=forged"})
    assert answer.status_code == 401
