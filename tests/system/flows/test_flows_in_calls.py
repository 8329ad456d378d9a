"""Flows on the simulated Asterisk: transfers, recordings, scripts, and reloads between calls."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dialer.app import assemble_centre
from dialer.domain.errors import SwitchError
from dialer.domain.model import Disposition, Outcome
from dialer.domain.view import CallChange, CallState, SeatState
from dialer.engine.call_flows.commands import ReloadFlows
from dialer.engine.dispositions.commands import PhoneKeyDisposition
from dialer.engine.settings_reload.commands import ReloadSettings
from dialer.flows.errors import FlowError
from dialer.flows.library import FlowLibrary
from dialer.flows.texts import load_shipped_texts, load_texts
from dialer.simulation.asterisk.voters import Behaviour
from dialer.site.reload_signal import reload_on_sighup, reload_settings_and_flows
from dialer.switch.asterisk.agi_call import AgiCall
from tests.support.agi_scripts import skip_without_containment
from tests.support.breaking import FailingStore
from tests.support.centre import SCRIPTS_AS_WE_ARE, START_EPOCH, a_site, site_settings
from tests.support.live_flows import ASK, DECLARED, ivr_campaign, scripted_voters
from tests.support.rules import neutral_with
from tests.support.stored import query_site_store
from tests.support.virtual import virtual_time


@virtual_time()
async def test_household_number_is_called_again_after_only_some_voters_are_marked_as_voted(tmp_path: Path) -> None:
    nobody = Behaviour(fails_with=0)
    config = scripted_voters(*[nobody] * 5, Behaviour(keys=((4.0, "2"), (5.0, "1"), (5.5, "#"))))
    async with a_site(tmp_path, config, campaign=ivr_campaign("household", channels=30)) as site:
        await site.until(lambda: site.centre_view.state.marks.get("not-yet", 0) == 1)
        await site.until(lambda: any(change.outcome is Outcome.COMPLETED for change in site.ended()))
    (attempt_id, phone_id), *others = query_site_store(
        tmp_path, "SELECT attempt_id, phone_id FROM attempt WHERE outcome = 'completed'"
    )
    assert (phone_id, others) == (6, [])
    assert query_site_store(tmp_path, "SELECT kind, source FROM mark") == [("not-yet", "relative")]
    assert query_site_store(tmp_path, "SELECT attempt_id, name, value FROM flow_answer") == [
        (attempt_id, "still_to_vote", "1")
    ]
    ((state, due_at),) = query_site_store(tmp_path, "SELECT state, due_at FROM target WHERE phone_id = 6")
    assert state == "due"
    assert due_at > START_EPOCH


@virtual_time()
async def test_answers_entered_in_a_flow_before_a_hang_up_are_stored(tmp_path: Path) -> None:
    config = scripted_voters(Behaviour(keys=((3.0, "1"),), hang_up_after=3.6))
    async with a_site(tmp_path, config, campaign=ivr_campaign("missed_call")) as site:
        await site.until(lambda: len(site.ended()) >= 1)
    assert query_site_store(tmp_path, "SELECT outcome, left_at FROM attempt WHERE phone_id = 1") == [
        ("left", "noted_wanted")
    ]
    assert query_site_store(tmp_path, "SELECT name, value FROM flow_answer") == [("missed_call", "1")]


@virtual_time()
async def test_flow_transfers_the_call_and_the_agent_sees_the_answers(tmp_path: Path) -> None:
    flow = tmp_path / "ask.yaml"
    flow.write_text(ASK)
    config = scripted_voters(Behaviour(keys=((1.2, "3"),), hang_up_after=40.0))
    async with a_site(tmp_path, config, campaign=ivr_campaign(flow)) as site:
        await site.log_in("01", "02")
        await site.until(lambda: any(seat.state is SeatState.TALKING for seat in site.centre_view.seats))
        (seat,) = (seat for seat in site.centre_view.seats if seat.state is SeatState.TALKING)
        assert seat.attempt_id is not None
        assert query_site_store(tmp_path, "SELECT attempt_id, name, value FROM flow_answer") == [
            (seat.attempt_id, "wanted", "3")
        ]
        await site.until(lambda: len(site.ended()) >= 1)
        await site.centre.engine.execute_command(PhoneKeyDisposition(seat=seat.seat, disposition=Disposition.VOTED))
    ((outcome, left_at, disposition),) = query_site_store(
        tmp_path, "SELECT outcome, left_at, disposition FROM attempt WHERE phone_id = 1"
    )
    assert (outcome, left_at, disposition) == ("connected", None, "voted")
    assert query_site_store(tmp_path, "SELECT kind, source FROM mark") == [("voted", "agent")]


@virtual_time()
async def test_ivr_flow_continues_if_no_agent_is_free_for_a_transfer(tmp_path: Path) -> None:
    flow = tmp_path / "ask.yaml"
    flow.write_text(ASK)
    config = scripted_voters(Behaviour(keys=((1.2, "3"),)))
    async with a_site(tmp_path, config, campaign=ivr_campaign(flow)) as site:
        await site.until(lambda: len(site.ended()) >= 1)
    assert query_site_store(tmp_path, "SELECT outcome FROM attempt WHERE phone_id = 1") == [("completed",)]
    assert query_site_store(tmp_path, "SELECT value FROM flow_answer WHERE name = 'wanted'") == [("3",)]


@virtual_time()
async def test_call_past_calling_hours_is_not_transferred_to_an_agent(tmp_path: Path) -> None:
    """The clock is set past the calling hours while the voter listens, and then the voter asks for an agent."""
    flow = tmp_path / "ask.yaml"
    flow.write_text(ASK)
    config = scripted_voters(Behaviour(keys=((1.2, "3"),)))
    async with a_site(tmp_path, config, campaign=ivr_campaign(flow)) as site:
        await site.log_in("01")
        await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.IN_FLOW, 0) == 1)
        site.clock.set_wall_clock_forward_or_back(11 * 3600.0)
        await site.until(lambda: len(site.ended()) >= 1)
        assert site.centre_view.campaigns[0].refused["calling-hours"] == 1
        assert [seat.calls for seat in site.centre_view.seats if seat.seat == "01"] == [0]
    assert query_site_store(tmp_path, "SELECT outcome FROM attempt WHERE phone_id = 1") == [("completed",)]
    assert query_site_store(tmp_path, "SELECT value FROM flow_answer WHERE name = 'wanted'") == [("3",)]


@virtual_time()
async def test_voters_message_is_recorded_if_the_site_allows_recordings(tmp_path: Path) -> None:
    config = scripted_voters(Behaviour(keys=((2.0, "4"),)), Behaviour(keys=((2.0, "4"),)))
    records = neutral_with(recording={"allowed": True})
    flows = {"recordings": True, "recording_directory": "matdan/recordings"}
    async with a_site(
        tmp_path, config, campaign=ivr_campaign("inbound", channels=2), flows=flows, profile=records
    ) as site:
        await site.until(lambda: len(site.ended()) >= 2)
    kept = query_site_store(tmp_path, "SELECT attempt_id, value FROM flow_answer WHERE name = 'message'")
    assert len(kept) == 2
    assert all(value == f"{attempt_id}-1" for attempt_id, value in kept)


@virtual_time()
async def test_voters_message_is_not_recorded_unless_the_site_allows_recordings(tmp_path: Path) -> None:
    config = scripted_voters(Behaviour(keys=((2.0, "4"),)))
    async with a_site(tmp_path, config, campaign=ivr_campaign("inbound")) as site:
        await site.until(lambda: len(site.ended()) >= 1)
    assert not query_site_store(tmp_path, "SELECT 1 FROM flow_answer")


@virtual_time()
async def test_ivr_flow_takes_its_failure_path_after_a_failed_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def fail_to_record(_call: AgiCall, name: str, *_: object, **__: object) -> None:
        asked.append(name)
        raise SwitchError("RECORD FILE failed")

    monkeypatch.setattr(AgiCall, "record_file", fail_to_record)
    config = scripted_voters(Behaviour(keys=tuple((2.0 + 4.0 * n, "4") for n in range(20)), hang_up_after=120.0))
    records = neutral_with(recording={"allowed": True})
    flows = {"recordings": True, "recording_directory": "matdan/recordings"}
    async with a_site(tmp_path, config, campaign=ivr_campaign("inbound"), flows=flows, profile=records) as site:
        await site.until(lambda: len(site.ended()) >= 1, seconds=200)
    assert len(asked) == 1
    assert not query_site_store(tmp_path, "SELECT 1 FROM flow_answer")


# Scripts

SCRIPT = """
import sys

def ask(line):
    print(line, flush=True)
    return sys.stdin.readline().strip()

while sys.stdin.readline().strip():
    pass
ask("STREAM FILE survey/question 12")
if ask("WAIT FOR DIGIT 5000") == "200 result=49" and ask("SET VARIABLE MATDAN_MARK voted") == "200 result=1":
    ask("STREAM FILE survey/thanks #")
"""


async def test_ivr_campaign_runs_an_agi_script(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """This runs in real time, as a process has no virtual clock."""
    skip_without_containment()
    script = tmp_path_factory.mktemp("scripts") / "survey.py"
    script.write_text(SCRIPT)
    config = replace(
        scripted_voters(Behaviour(answer_after=0.05, keys=((0.5, "1"),))),
        prompt_seconds={"survey/question": 0.1, "survey/thanks": 0.1},
    )
    async with a_site(
        tmp_path, config, campaign=ivr_campaign(f"script:{script}", declared=DECLARED), flows=SCRIPTS_AS_WE_ARE
    ) as site:
        await site.until(lambda: len(site.ended()) >= 1, 20)
        assert site.centre_view.state.marks == {"voted": 1}
    assert query_site_store(tmp_path, "SELECT outcome, flow, left_at FROM attempt WHERE phone_id = 1") == [
        ("completed", "script:survey.py", None)
    ]


def test_dialler_does_not_start_if_the_agi_script_of_a_campaign_is_missing(tmp_path: Path) -> None:
    settings = site_settings(tmp_path, 1, campaign=ivr_campaign("script:/nowhere/survey.py", declared=DECLARED))

    async def start_centre() -> None:
        async with assemble_centre(settings):
            pass

    with pytest.raises(FlowError, match="is not a file"):
        asyncio.run(start_centre())


# Reload

OLD = """
flow: ask
purpose: inbound
start: question
no_input: {reprompts: 3, then: bye}
no_match: {reprompts: 0, then: bye}
nodes:
  question: {menu: [inbound.question], choices: {9: opt_out}, timeout_seconds: 10}
  opt_out: {opt_out: number, next: bye, failed: bye}
  bye: {disconnect: old, say: [common.goodbye]}
"""


@virtual_time()
async def test_reloaded_flow_does_not_change_calls_in_progress(tmp_path: Path) -> None:
    flow = tmp_path / "ask.yaml"
    flow.write_text(OLD)
    async with a_site(tmp_path, scripted_voters(Behaviour(), Behaviour()), campaign=ivr_campaign(flow)) as site:
        await site.until(
            lambda: "in-flow" in {change.state.value for change in site.changes if isinstance(change, CallChange)}
        )
        flow.write_text(OLD.replace("disconnect: old", "disconnect: new"))
        assert await site.centre.engine.execute_command(ReloadFlows()) == "flows reloaded; changed: ask"
        assert await site.centre.engine.execute_command(ReloadFlows()) == "flows reloaded; changed: none"
        await site.until(lambda: len(site.ended()) >= 2)
    first, second = query_site_store(tmp_path, "SELECT flow FROM attempt WHERE phone_id <= 2 ORDER BY answered_at")
    assert first != second


@virtual_time()
@pytest.mark.parametrize(
    ("new", "words"),
    [
        ("flow: [", "is not YAML"),
        (
            OLD.replace("choices: {9: opt_out}", "choices: {9: bye}").replace("  opt_out: {opt", "  out: {opt"),
            "without an opt-out",
        ),
        (OLD.replace("next: bye", "next: nowhere"), "nowhere"),
        ("x" * 5_000_000, "larger than"),
    ],
)
async def test_reload_of_flows_with_one_invalid_file_changes_no_flow(tmp_path: Path, new: str, words: str) -> None:
    good, other = tmp_path / "ask.yaml", tmp_path / "other.yaml"
    good.write_text(OLD)
    other.write_text(OLD.replace("flow: ask", "flow: other"))
    both = [ivr_campaign(good), ivr_campaign(other, id="other")]
    for campaign in both:
        campaign["hours"] = [{"start": "00:00", "until": "00:00:01"}]
    async with a_site(tmp_path, scripted_voters(), campaigns=both) as site:
        flows = site.centre.engine.features.ivr_flow_service.flows
        before = flows.get_current_flow(str(good)), flows.get_current_flow(str(other))
        good.write_text(OLD.replace("disconnect: old", "disconnect: new"))
        other.write_text(new)
        with pytest.raises(FlowError, match=words):
            await site.centre.engine.execute_command(ReloadFlows())
        assert (flows.get_current_flow(str(good)), flows.get_current_flow(str(other))) == before
        await reload_settings_and_flows(site.centre.engine)
        (alert,) = (alert for alert in site.centre_view.alerts if alert.code == "flows")
        assert alert.text.startswith("The call flows were not reloaded. Cause: ")
        other.write_text(OLD.replace("flow: ask", "flow: other"))
        await reload_settings_and_flows(site.centre.engine)
        assert not any(alert.code == "flows" for alert in site.centre_view.alerts)


async def test_sighup_signal_reloads_flows(tmp_path: Path) -> None:
    asked, told = asyncio.Event(), list[object]()

    class Engine:
        def make_centre_view(self) -> Any:
            return SimpleNamespace(state=SimpleNamespace(at=0.0))

        async def execute_command(self, command: object) -> str:
            told.append(command)
            if command == ReloadFlows():
                asked.set()
            return "done"

        def raise_or_clear_alert(self, alert: object) -> None:
            assert alert is not None

    loop = asyncio.get_running_loop()
    reload_on_sighup(Engine())  # type: ignore[arg-type]  # what a reload needs of an engine
    try:
        os.kill(os.getpid(), signal.SIGHUP)
        async with asyncio.timeout(5):
            await asked.wait()
        assert told == [ReloadSettings(), ReloadFlows()]
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


@virtual_time()
async def test_transfer_from_an_ivr_flow_fails_if_the_voters_answers_cannot_be_stored(tmp_path: Path) -> None:
    (tmp_path / "ask.yaml").write_text(ASK)
    keys = tuple((3.0 + 5.0 * n, "3") for n in range(4))
    config = scripted_voters(Behaviour(keys=keys, hang_up_after=60.0))
    async with a_site(tmp_path, config, campaign=ivr_campaign(tmp_path / "ask.yaml")) as site:
        desk = site.centre.engine.features.ivr_flow_service
        begun: list[str] = []
        begin = desk.start_flow_of_call

        def count_started_call(attempt_id: str) -> Any:
            begun.append(attempt_id)
            return begin(attempt_id)

        desk.start_flow_of_call = count_started_call  # type: ignore[method-assign]
        FailingStore(site, "save_flow_answers")
        await site.until(lambda: bool(site.ended()), seconds=100)
        assert begun.count(begun[0]) == 1
        assert site.ended()[0].outcome is Outcome.COMPLETED


@virtual_time()
async def test_running_dialler_speaks_the_sites_own_announcement_texts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "texts").mkdir()
    own = 'errand.until: "It goes on until {closes_at} today. Press 9 for no further calls."\n'
    (tmp_path / "texts" / "en.yaml").write_text(own, encoding="utf-8")
    flow = tmp_path / "errand.yaml"
    asks = ASK.replace("[inbound.question]", "[{text: errand.until, with: [closes_at]}]")
    flow.write_text(asks.replace("start:", "facts: {closes_at: hour}\nstart:"), encoding="utf-8")
    played: list[str] = []
    stream_file = AgiCall.play_sound_file

    async def record_played_sound(self: AgiCall, name: str, *rest: Any, **more: Any) -> str | None:
        played.append(name)
        return await stream_file(self, name, *rest, **more)

    monkeypatch.setattr(AgiCall, "play_sound_file", record_played_sound)
    texts = {"texts": tmp_path / "texts"}
    async with a_site(
        tmp_path, scripted_voters(Behaviour(hang_up_after=9.0)), campaign=ivr_campaign(flow), flows=texts
    ) as site:
        await site.until(lambda: len(site.ended()) >= 1)
    assert [sound for sound in played if "until" in sound] == ["matdan/en/errand/until-1", "matdan/en/errand/until-2"]


def test_sites_own_announcement_texts_are_checked_before_the_dialler_starts(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "hi.yaml").write_text('inbound.question: "Which party did you vote for?"\n', encoding="utf-8")
    flow = tmp_path / "ask.yaml"
    flow.write_text(ASK, encoding="utf-8")
    FlowLibrary([str(flow)], load_shipped_texts())
    with pytest.raises(FlowError, match="forbidden-question"):
        FlowLibrary([str(flow)], load_texts(tmp_path / "texts"))


def test_flow_assigned_again_to_a_campaign_is_loaded_from_its_current_file(tmp_path: Path) -> None:
    flow = tmp_path / "ask.yaml"
    flow.write_text(ASK, encoding="utf-8")
    library = FlowLibrary([str(flow)], load_shipped_texts())
    before = library.get_current_flow(str(flow))
    library.prepare_library_reload([], {})()
    assert library.get_current_flow(str(flow)) is before  # for the calls that it has
    flow.write_text(ASK + "# changed\n", encoding="utf-8")
    library.prepare_library_reload([str(flow)], {})()
    assert library.get_current_flow(str(flow)).version != before.version


def test_reload_reads_and_checks_announcement_texts_together_with_flows(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    own, flow = tmp_path / "texts" / "hi.yaml", tmp_path / "ask.yaml"
    own.write_text('inbound.question: "Press 1."\n', encoding="utf-8")
    flow.write_text(ASK, encoding="utf-8")
    read = partial(load_texts, tmp_path / "texts")
    library = FlowLibrary([str(flow)], read(), read_texts=read)
    first = library.texts
    assert library.reload_flows_and_scripts() == []
    assert library.texts is first
    own.write_text('inbound.question: "Press 2."\n', encoding="utf-8")
    assert library.reload_flows_and_scripts() == ["texts"]
    assert library.texts.find_text_in_language("inbound.question", "hi") == "Press 2."
    held = library.texts
    own.write_text('inbound.question: "Which party did you vote for?"\n', encoding="utf-8")
    with pytest.raises(FlowError, match="forbidden-question"):
        library.reload_flows_and_scripts()
    assert library.texts is held
