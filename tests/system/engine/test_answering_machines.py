"""Answering machines: detected by the switch before the seat, or reported by the agent. They never count as abandoned."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from dialer.deploy.asterisk.render import render_dialplan
from dialer.domain import judged_calls
from dialer.domain.errors import CommandRefused
from dialer.domain.judged_calls import JudgedCalls, WhoAnswered
from dialer.domain.model import LIVE_ANSWERS, AttemptId, Disposition, Outcome
from dialer.domain.view import CallState, SeatState
from dialer.engine.campaigns.commands import PauseCampaign
from dialer.engine.dispositions.commands import PhoneKeyDisposition
from dialer.engine.recordings.commands import JudgeRecordedCall
from dialer.engine.seats.commands import SeatHangUp
from dialer.pacing.governed import GovernedPacer
from dialer.pacing.predictive import PredictivePacer
from dialer.settings.recordings import RecordingSettings
from dialer.simulation.asterisk.voters import Behaviour
from tests.support.centre import START_EPOCH, Site, a_site
from tests.support.rules import neutral_with
from tests.support.stored import query_site_store
from tests.support.virtual import virtual_time
from tests.support.voters import IVR, make_answering_switch, make_scripted_switch

SHARE = 0.05
LISTENS = neutral_with(machine_detection={"allowed": True, "false_positive_share": SHARE})
RECORDS = neutral_with(machine_detection={"allowed": True, "false_positive_share": SHARE}, recording={"allowed": True})
BEFORE = {"machine_detection": "before-seat"}
SAMPLED = {**BEFORE, "machine_sample": 1.0}
AFTER = {"machine_detection": "after-seat", "wrap_up_seconds": 20}


def list_outcomes(site: Site) -> list[Outcome | None]:
    return [change.outcome for change in site.ended()]


@virtual_time()
async def test_answering_machines_are_detected_and_hung_up_before_an_agent_is_connected(tmp_path: Path) -> None:
    config = make_scripted_switch(
        Behaviour(machine=True, amd_seconds=1.5, hang_up_after=60.0),
        Behaviour(talk_seconds=5.0, amd_seconds=1.1),
    )
    campaign = {**BEFORE, "pacing": "predictive"}
    async with a_site(tmp_path, config, seats=1, campaign=campaign, profile=LISTENS) as site:
        await site.log_in("01")
        await site.until(lambda: len(site.ended()) >= 2, seconds=60)
        assert list_outcomes(site)[:2] == [Outcome.MACHINE, Outcome.CONNECTED]
        machine, person = site.switch.placed_calls[:2]
        assert machine.answered_at is not None and machine.ended_at is not None
        assert machine.ended_at - machine.answered_at == pytest.approx(1.5, abs=0.05)
        assert person.answered_at is not None and person.connected_at is not None
        assert person.connected_at - person.answered_at == pytest.approx(1.1, abs=0.05)
        counted = (1 + SHARE, SHARE)  # a part of the machine's call counts as an abandoned person
        assert count_answers_and_abandoned_calls(site) == pytest.approx(counted)
        assert site.centre_view.campaigns[0].abandoned_rate == pytest.approx(SHARE / (1 + SHARE))
        await site.centre.engine.execute_command(PauseCampaign(campaign_id="agents"))
    shares = "SELECT DISTINCT payload ->> 'false_positive_share' FROM outbox WHERE topic = 'results/attempts'"
    assert query_site_store(tmp_path, shares) == [(SHARE,)]  # so that headquarters counts the same
    later = replace(config, start_epoch=START_EPOCH + 3600.0)
    async with a_site(tmp_path, later, seats=1, campaign=campaign, profile=LISTENS) as site:
        await site.until(lambda: site.centre_view.state.switch_up, seconds=60)
        assert count_answers_and_abandoned_calls(site) == pytest.approx(counted)  # from the store
        assert site.centre_view.campaigns[0].abandoned_rate == pytest.approx(SHARE / (1 + SHARE))


@virtual_time()
async def test_only_calls_taken_for_machines_are_recorded_to_check_the_detection(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    config = make_scripted_switch(
        Behaviour(machine=True, amd_seconds=1.5, hang_up_after=60.0),
        Behaviour(hang_up_after=0.6),
        Behaviour(talk_seconds=5.0, amd_seconds=1.1),
    )
    config = replace(config, dialplan=render_dialplan(recordings=RecordingSettings(directory=folder)))
    async with a_site(tmp_path, config, seats=1, campaign=SAMPLED, profile=LISTENS) as site:
        await site.log_in("01")
        await site.until(lambda: len(site.ended()) >= 3, seconds=60)
        assert list_outcomes(site)[:3] == [Outcome.MACHINE, Outcome.DROPPED, Outcome.CONNECTED]
        machine, *people = [AttemptId(call.channel_id) for call in site.switch.placed_calls[:3]]
        judge = JudgeRecordedCall(attempt_id=machine, answered_by=WhoAnswered.MACHINE)
        assert await site.centre.engine.execute_command(judge) == "1 calls judged, 0 of them answered by people"
        for person in people:
            with pytest.raises(CommandRefused, match="was not taken for an answering machine"):
                await site.centre.engine.execute_command(judge.model_copy(update={"attempt_id": person}))
    lengths = [(folder / f"{attempt}.wav").stat().st_size for attempt in (machine, *people)]
    assert lengths == [44 + 2 * 12_000, 0, 0]  # the header, and 1.5 s
    recorded = "SELECT attempt_id, started_at - answered_at FROM recording JOIN attempt USING (attempt_id)"
    assert query_site_store(tmp_path, recorded) == [(machine, 0.0)]


@virtual_time()
async def test_ivr_flow_records_only_an_answering_machine_and_its_message_to_check_the_detection(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    machine = Behaviour(machine=True, amd_seconds=1.6, hang_up_after=120.0)
    config = make_scripted_switch(machine, Behaviour(hang_up_after=0.6), Behaviour(hang_up_after=5.0, amd_seconds=1.1))
    config = replace(config, dialplan=render_dialplan(recordings=RecordingSettings(directory=folder)))
    campaign = {**IVR, **SAMPLED, "machine_message": True, "channels": 1}
    async with a_site(tmp_path, config, campaign=campaign, profile=LISTENS) as site:
        await site.until(lambda: len(site.ended()) >= 3, seconds=120)
        assert list_outcomes(site)[:3] == [Outcome.MACHINE, Outcome.LEFT, Outcome.LEFT]
        calls = [call.channel_id for call in site.switch.placed_calls[:3]]
    lengths = [(folder / f"{attempt}.wav").stat().st_size for attempt in calls]
    assert lengths == [44 + 2 * 16_000, 0, 0]  # the simulated Asterisk writes 2 s at most
    assert query_site_store(tmp_path, "SELECT attempt_id FROM recording") == [(calls[0],)]


@virtual_time()
async def test_judged_calls_replace_the_profiles_share_of_people_taken_for_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judged_calls, "LEAST_JUDGED", 3)
    machine = Behaviour(machine=True, amd_seconds=1.5, hang_up_after=60.0)
    config = make_scripted_switch(Behaviour(talk_seconds=5.0, amd_seconds=1.1), machine, machine, machine)
    campaign = {**SAMPLED, "pacing": "predictive"}
    profile = neutral_with(
        machine_detection={"allowed": True, "false_positive_share": 0.001}, recording={"allowed": True}
    )
    async with a_site(tmp_path, config, seats=1, campaign=campaign, profile=profile) as site:
        await site.log_in("01")
        await site.until(lambda: len(site.ended()) >= 4, seconds=600)
        assert list_outcomes(site)[:4] == [Outcome.CONNECTED, *[Outcome.MACHINE] * 3]
        await site.centre.engine.execute_command(PauseCampaign(campaign_id="agents"))
        machines = [AttemptId(call.channel_id) for call in site.switch.placed_calls[1:4]]

        async def judge(place: int, who: WhoAnswered) -> None:
            await site.centre.engine.execute_command(JudgeRecordedCall(attempt_id=machines[place], answered_by=who))

        await judge(0, WhoAnswered.PERSON)
        await judge(1, WhoAnswered.MACHINE)
        assert count_answers_and_abandoned_calls(site) == pytest.approx((1.003, 0.003))
        await judge(2, WhoAnswered.MACHINE)
        charged = 3 * JudgedCalls(3, 1).false_positive_upper_bound
        assert count_answers_and_abandoned_calls(site) == pytest.approx((1 + charged, charged))
        assert site.centre_view.campaigns[0].abandoned_rate == pytest.approx(charged / (1 + charged))
        await judge(0, WhoAnswered.MACHINE)  # the person has listened to it again
        charged = 3 * JudgedCalls(3, 0).false_positive_upper_bound
        assert count_answers_and_abandoned_calls(site) == pytest.approx((1 + charged, charged))
    later = replace(config, start_epoch=START_EPOCH + 3600.0)
    async with a_site(tmp_path, later, seats=1, campaign=campaign, profile=profile) as site:
        assert count_answers_and_abandoned_calls(site) == pytest.approx((1 + charged, charged))  # from the store


@virtual_time()
async def test_time_limit_to_connect_a_voter_includes_answering_machine_detection(tmp_path: Path) -> None:
    async with a_site(
        tmp_path, make_answering_switch(answer_after=1.0, amd_seconds=9.0), seats=1, campaign=BEFORE, profile=LISTENS
    ) as site:
        await site.log_in("01")
        await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.WAITING, 0) == 1, seconds=60)
        site.switch.hang_up_phone("agent01")  # the seat is lost during machine detection
        await site.until(lambda: bool(site.ended()), seconds=30)
        call = site.switch.placed_calls[0]
        assert list_outcomes(site)[0] is Outcome.ABANDONED
        assert call.answered_at is not None and call.ended_at is not None
        assert call.ended_at - call.answered_at < 2.0 + site.switch.config.message_seconds


@virtual_time()
async def test_voter_who_hangs_up_during_machine_detection_counts_as_a_dropped_live_answer(tmp_path: Path) -> None:
    config = make_scripted_switch(Behaviour(hang_up_after=0.6))
    async with a_site(tmp_path, config, seats=1, campaign=BEFORE, profile=LISTENS) as site:
        await site.log_in("01")
        await site.until(lambda: bool(site.ended()), seconds=60)
        assert list_outcomes(site)[0] is Outcome.DROPPED


@pytest.mark.parametrize(
    ("message", "stays", "seconds", "left_at"),
    [
        (False, 120.0, 1.6, None),
        (True, 120.0, 1.6 + 1.5 + 6.0, "message left"),
        (True, 5.0, 5.0, "no message left"),
    ],
)
def test_ivr_flow_is_not_started_for_an_answering_machine(
    tmp_path: Path, message: bool, stays: float, seconds: float, left_at: str | None
) -> None:
    @virtual_time()
    async def run() -> None:
        config = make_scripted_switch(Behaviour(machine=True, amd_seconds=1.6, hang_up_after=stays))
        campaign = {**IVR, **BEFORE, "machine_message": message, "channels": 1}
        async with a_site(tmp_path, config, campaign=campaign, profile=LISTENS) as site:
            await site.until(lambda: bool(site.ended()), seconds=60)
            call = site.switch.placed_calls[0]
            assert list_outcomes(site)[0] is Outcome.MACHINE
            assert call.answered_at is not None and call.ended_at is not None
            assert call.ended_at - call.answered_at == pytest.approx(seconds, abs=0.1)

    run()
    assert query_site_store(tmp_path, "SELECT count(*) FROM mark") == [(0,)]
    first = query_site_store(
        tmp_path,
        "SELECT flow, left_at, state FROM attempt JOIN target USING (phone_id, campaign_id) ORDER BY created_at LIMIT 1",
    )
    assert first == [(None, left_at, "closed" if left_at == "message left" else "due")]


@virtual_time()
async def test_silent_voter_gets_the_flow_or_an_agent_despite_machine_detection(tmp_path: Path) -> None:
    silent = Behaviour(silent=True, hang_up_after=60.0)
    for name, campaign, outcome in (
        ("flow", {**IVR, **BEFORE, "channels": 1}, Outcome.COMPLETED),
        ("agent", BEFORE, Outcome.CONNECTED),
    ):
        directory = tmp_path / name
        directory.mkdir()
        async with a_site(directory, make_scripted_switch(silent), seats=1, campaign=campaign, profile=LISTENS) as site:
            await site.log_in("01")
            await site.until(lambda ended=site.ended: bool(ended()), seconds=120)  # type: ignore[misc]
            assert list_outcomes(site)[0] is outcome


@virtual_time()
async def test_agent_reports_an_answering_machine_and_undoes_the_report(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(), seats=1, campaign=AFTER) as site:
        await site.log_in("01")
        for last, wanted in ((Disposition.MACHINE, Outcome.MACHINE), (Disposition.VOTED, Outcome.CONNECTED)):
            ended = len(site.ended())
            await site.until(lambda: site.centre_view.seats[0].state is SeatState.TALKING, seconds=60)
            await site.centre.engine.execute_command(PhoneKeyDisposition(seat="01", disposition=Disposition.MACHINE))
            await site.centre.engine.execute_command(PhoneKeyDisposition(seat="01", disposition=last))
            await site.centre.engine.execute_command(SeatHangUp(seat="01"))
            await site.until(lambda count=ended: len(site.ended()) > count, seconds=10)  # type: ignore[misc]
            assert list_outcomes(site)[-1] is wanted
            await site.until(lambda: site.centre_view.seats[0].state is SeatState.READY, seconds=60)
        view = site.centre_view.campaigns[0]
        assert (view.outcomes[Outcome.MACHINE], view.outcomes[Outcome.CONNECTED]) == (1, 1)


@virtual_time()
async def test_agent_reports_an_answering_machine_during_wrap_up(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(talk_seconds=4.0), seats=1, campaign=AFTER) as site:
        await site.log_in("01")
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.WRAP_UP, seconds=60)
        await site.centre.engine.execute_command(PhoneKeyDisposition(seat="01", disposition=Disposition.MACHINE))
        await site.until(lambda: Outcome.MACHINE in site.centre_view.campaigns[0].outcomes, seconds=10)
        assert not site.centre_view.campaigns[0].outcomes.get(Outcome.CONNECTED)
        await asyncio.sleep(1)
    first = query_site_store(tmp_path, "SELECT outcome, disposition FROM attempt ORDER BY created_at LIMIT 1")
    assert first == [("machine", "machine")]


@virtual_time()
async def test_phone_key_for_an_answering_machine_is_refused_without_machine_detection(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(talk_seconds=4.0), seats=1) as site:
        await site.log_in("01")
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.TALKING, seconds=60)
        with pytest.raises(CommandRefused, match="machine_detection"):
            await site.centre.engine.execute_command(PhoneKeyDisposition(seat="01", disposition=Disposition.MACHINE))


def count_answers_and_abandoned_calls(site: Site) -> tuple[float, float]:
    """Return the live answers and abandoned calls in the pacer's window of a day."""
    pacer = site.centre.engine.features.loaded_campaigns["agents"].pacer
    assert isinstance(pacer, GovernedPacer)
    (day,) = (each for each in pacer.governor.tallies if each.window_seconds == 86_400.0)
    return day.answers, day.abandoned


def count_recently_answered_and_abandoned_calls(site: Site) -> tuple[float, int]:
    """Return the live answers in the pacer's window, and those in the campaign's outcomes."""
    run = site.centre.engine.features.loaded_campaigns["agents"]
    assert isinstance(run.pacer, PredictivePacer)
    (day,) = (each for each in run.pacer.governor.tallies if each.window_seconds == 86_400.0)
    return day.answers, sum(run.outcomes[outcome] for outcome in LIVE_ANSWERS)


@virtual_time()
async def test_repeated_answering_machine_reports_of_a_call_lower_the_answered_count_once(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(), seats=1, campaign={**AFTER, "pacing": "predictive"}) as site:
        await site.log_in("01")
        for words, answers in (
            ("vv", 1),
            ("mvmvmv", 1),
            ("m", 1),
            ("v", 2),
        ):  # the pacer's count, once the call has ended
            await site.until(lambda: site.centre_view.seats[0].state is SeatState.TALKING, seconds=60)
            for word in words:
                said = Disposition.MACHINE if word == "m" else Disposition.VOTED
                await site.centre.engine.execute_command(PhoneKeyDisposition(seat="01", disposition=said))
            await site.centre.engine.execute_command(SeatHangUp(seat="01"))
            await site.until(lambda: site.centre_view.seats[0].state is SeatState.READY, seconds=60)
            assert count_recently_answered_and_abandoned_calls(site)[0] == answers
        assert count_recently_answered_and_abandoned_calls(site)[1] == 3  # the outcomes follow the last report


@virtual_time()
async def test_answering_machine_report_on_an_inbound_call_keeps_the_outbound_answered_count(tmp_path: Path) -> None:
    caller, number = "+917000000060", "+911140000012"
    inbound = {"channels": 3, "numbers": [{"number": number, "mode": "agent", "campaign": "agents"}]}
    campaign = {**AFTER, "pacing": "predictive"}
    async with a_site(
        tmp_path, make_answering_switch(talk_seconds=5.0), seats=1, campaign=campaign, inbound=inbound
    ) as site:
        await site.log_in("01")
        await site.until(lambda: count_recently_answered_and_abandoned_calls(site)[0] == 3, seconds=300)
        await site.centre.engine.execute_command(PauseCampaign(campaign_id="agents"))
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.READY, seconds=90)
        before = count_recently_answered_and_abandoned_calls(site)[0]
        site.switch.place_inbound_call(caller, called=number)
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.TALKING, seconds=30)
        await site.centre.engine.execute_command(PhoneKeyDisposition(seat="01", disposition=Disposition.MACHINE))
        assert count_recently_answered_and_abandoned_calls(site)[0] == before
