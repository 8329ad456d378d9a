"""The pacer's input: stages of conversations, ring times, and its state after a restart."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import structlog

from dialer.domain.errors import CommandRefused
from dialer.domain.model import Disposition
from dialer.domain.view import CallState, SeatState
from dialer.engine.campaigns.runs import CampaignRun
from dialer.engine.dispositions.commands import PhoneKeyDisposition
from dialer.engine.seats.commands import SeatClosing, SeatHangUp, SeatLogOff
from dialer.pacing.governed import RatioPacer
from dialer.pacing.port import PacingEvent, PacingEventKind, PacingSnapshot, SeatStage
from dialer.pacing.predictive import PredictivePacer
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import Behaviour
from tests.support.breaking import run_until_killed
from tests.support.centre import START_EPOCH, Site, a_site, agents_at_work
from tests.support.rules import neutral_with
from tests.support.transfers import TRANSFERS
from tests.support.virtual import virtual_time

PREDICTIVE = {"pacing": "predictive"}


def get_campaign_run(site: Site) -> CampaignRun:
    return site.centre.engine.features.loaded_campaigns["agents"]


def collect_pacing_input(site: Site) -> PacingSnapshot:
    features = site.centre.engine.features
    return features.pacing_input_collector.collect_pacing_input(
        get_campaign_run(site),
        features.used_channel_counter.count_used_channels(),
        features.used_channel_counter.count_unsent_calls(),
    )


def make_answering_switch(**script: object) -> SimulatedAsteriskConfig:
    each = Behaviour(**script)  # type: ignore[arg-type]  # a script's own fields
    return SimulatedAsteriskConfig(
        seats=make_seat_phones(2),
        start_epoch=START_EPOCH,
        scripts={f"+91{7_000_000_001 + n}": each for n in range(100)},
    )


@pytest.fixture
def told() -> Iterator[list[PacingEvent]]:
    """Record the events that pacers get, in order."""
    events: list[PacingEvent] = []
    observe = PredictivePacer.learn_from_pacing_event

    def record_event(self: PredictivePacer, event: PacingEvent) -> None:
        events.append(event)
        observe(self, event)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PredictivePacer, "learn_from_pacing_event", record_event)
        yield events


# Stages


async def wait_for_talk(site: Site) -> None:
    await site.until(lambda: any(seat.state is SeatState.TALKING for seat in site.centre_view.seats))
    await asyncio.sleep(10.0)


@virtual_time()
async def record_talk_is_ending(directory: Path, how: str) -> None:
    async with a_site(directory, make_answering_switch(talk_seconds=300.0), seats=1, campaign=PREDICTIVE) as site:
        execute = site.centre.engine.execute_command
        with pytest.raises(CommandRefused, match="no call or wrap-up, so the agent cannot announce its end"):
            await execute(SeatClosing(seat="01"))
        await site.log_in("01")
        await wait_for_talk(site)
        (seat,) = collect_pacing_input(site).busy_seats
        assert seat.stage is SeatStage.TALKING
        match how:
            case "command":
                assert await execute(SeatClosing(seat="01")) == "seat 01: pacing knows that the call is about to end"
            case "key":
                for key in "*8":
                    site.switch.press_phone_keys("agent01", key)
                    await asyncio.sleep(1.0)
            case "disposition":
                await execute(PhoneKeyDisposition(seat="01", disposition=Disposition.NOT_YET))
        await asyncio.sleep(3.0)
        (seat,) = collect_pacing_input(site).busy_seats
        assert seat.stage is SeatStage.CLOSING
        assert 2.9 < seat.elapsed_seconds < 4.1
        await execute(SeatHangUp(seat="01"))
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.WRAP_UP)
        assert collect_pacing_input(site).busy_seats[0].stage is SeatStage.WRAP_UP
        await execute(SeatClosing(seat="01"))
        assert collect_pacing_input(site).busy_seats[0].stage is SeatStage.WRAP_UP_FILLED
        await asyncio.sleep(2.0)
        await execute(PhoneKeyDisposition(seat="01", disposition=Disposition.VOTED))
        await site.until(lambda: site.centre_view.seats[0].state is not SeatState.WRAP_UP)
        await wait_for_talk(site)
        assert (
            collect_pacing_input(site).busy_seats[0].stage is SeatStage.TALKING
        )  # a new conversation starts without a closing stage


@pytest.mark.parametrize("how", ["command", "key", "disposition"])
def test_pacing_learns_when_a_conversation_is_about_to_end(tmp_path: Path, told: list[PacingEvent], how: str) -> None:
    record_talk_is_ending(tmp_path, how)
    ends = (PacingEventKind.TALK_ENDED, PacingEventKind.WRAP_UP_ENDED)
    talk, wrap_up = [event for event in told if event.kind in ends][:2]
    assert (talk.kind, wrap_up.kind) == ends
    assert talk.closing_seconds == pytest.approx(3.0, abs=1.2)
    assert talk.seconds > 13.0
    assert wrap_up.closing_seconds == pytest.approx(2.0, abs=0.1)


# Learned state after a restart


def test_learned_pacing_state_survives_a_restart_of_the_dialler(tmp_path: Path) -> None:
    learned: dict[str, object] = {}

    @virtual_time()
    async def run_first_dialler() -> None:
        async with a_site(tmp_path, voters=2000, seats=5, campaign=PREDICTIVE) as site:
            async with agents_at_work(site):
                await asyncio.sleep(1200)
            assert " calls, limited by " in site.centre_view.campaigns[0].pacing
            assert "alpha=" in site.centre_view.campaigns[0].pacing
            learned["run"] = get_campaign_run(site)

    @virtual_time()
    async def run_restarted_dialler() -> None:
        async with a_site(tmp_path, voters=2000, seats=5, campaign=PREDICTIVE) as site:
            before, now = learned["run"], get_campaign_run(site)
            assert isinstance(before, CampaignRun)
            assert now is not before
            saved, taken = (json.loads(run.get_learned_state_of_pacer())["knowledge"] for run in (before, now))
            assert saved["answer_rate"] == taken["answer_rate"]
            assert saved["rings"] == taken["rings"]
            assert saved["hazards"] == taken["hazards"]
            assert now.pacer.knowledge.hazards[SeatStage.TALKING].number_of_learned_durations > 20  # type: ignore[attr-defined]  # of the predictive pacer

    run_first_dialler()
    run_restarted_dialler()


@pytest.mark.parametrize(
    ("change", "share"),
    [
        # killed before the state was saved
        ("UPDATE campaign SET pacer_state = NULL", 1.0),
        # the night has passed
        ("UPDATE attempt SET created_at = created_at - 90000, answered_at = answered_at - 90000", 0.0),
    ],
)
@pytest.mark.parametrize("pacing", ["predictive", "ratio"])
def test_abandoned_call_cap_counts_stored_calls_after_a_restart(
    tmp_path: Path, pacing: str, change: str, share: float
) -> None:
    counted: list[tuple[float, float]] = []

    @virtual_time()
    async def run_shift(seconds: float) -> None:
        async with a_site(tmp_path, voters=2000, seats=5, campaign={"pacing": pacing}) as site:
            if seconds:
                async with agents_at_work(site):
                    await asyncio.sleep(seconds)
            pacer = get_campaign_run(site).pacer
            assert isinstance(pacer, PredictivePacer | RatioPacer)
            (day,) = (each for each in pacer.governor.tallies if each.window_seconds == 86_400.0)
            counted.append((day.answers, day.abandoned))

    run_shift(1200.0)
    with closing(sqlite3.connect(tmp_path / "centre.db")) as db:
        answers, abandoned = db.execute(
            "SELECT count(*), total(outcome = 'abandoned') FROM attempt WHERE outcome IN ('connected', 'dropped', 'abandoned')"
        ).fetchone()
        db.execute(change)
        db.commit()
    assert counted == [(answers, abandoned)]
    run_shift(0.0)
    assert counted[1] == (answers * share, abandoned * share)


@virtual_time()
async def test_damaged_stored_pacing_state_is_ignored(tmp_path: Path) -> None:
    async with a_site(tmp_path, seats=1, campaign=PREDICTIVE) as site:
        run = get_campaign_run(site)
        for damaged in (
            "",
            "{",
            "[]",
            "null",
            '{"version": 3}',
            json.dumps({**json.loads(run.get_learned_state_of_pacer()), "usual": 3}),
        ):
            begun = run.get_learned_state_of_pacer()
            run.restore_learned_state_of_pacer(damaged)
            assert run.get_learned_state_of_pacer() == begun


@virtual_time()
async def test_pacing_decisions_are_explained_in_the_log(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logs:
        async with a_site(tmp_path, make_answering_switch(talk_seconds=20.0), seats=1, campaign=PREDICTIVE) as site:
            await site.log_in("01")
            await site.until(lambda: bool(site.switch.placed_calls))
            await asyncio.sleep(130.0)
    at_each_placing = [line for line in logs if line["event"] == "campaign.paced"]
    each_minute = [line for line in logs if line["event"] == "campaign.pacing"]
    assert {line["log_level"] for line in at_each_placing} == {"debug"}
    assert [line["log_level"] for line in each_minute] == ["info", "info"]
    assert all("limited by" in line["pacing"] for line in (*at_each_placing, *each_minute))


# New lists


@virtual_time()
async def test_pacing_treats_many_newly_due_numbers_as_a_new_voter_list(
    tmp_path: Path, told: list[PacingEvent]
) -> None:
    def count_new_lists() -> int:
        return sum(event.kind is PacingEventKind.LIST_CHANGED for event in told)

    config = make_answering_switch(fails_with=486, rings=False, post_dial_seconds=1.0)
    campaign = {**PREDICTIVE, "busy_retry_minutes": 60}
    async with a_site(tmp_path, config, voters=40, seats=2, campaign=campaign) as site:
        await site.log_in("01", "02")
        await site.until(lambda: get_campaign_run(site).next_due_at > START_EPOCH + 1_800.0)
        assert count_new_lists() == 0
        for seat in ("01", "02"):
            await site.centre.engine.execute_command(SeatLogOff(seat=seat))
        await asyncio.sleep(4_000.0)  # all numbers are due again
        called_once = len(site.ended())
        await site.log_in("01", "02")
        await site.until(lambda: len(site.ended()) > called_once + 15)
        assert count_new_lists() == 1


# Ring times


RINGS = PacingEventKind.ANSWERED, PacingEventKind.FAILED, PacingEventKind.CANCELLED
LISTENS = neutral_with(machine_detection={"allowed": True})


@virtual_time()
async def run_until_first_call_ends(directory: Path, config: SimulatedAsteriskConfig, **campaign: str) -> None:
    async with a_site(directory, config, seats=1, campaign={**PREDICTIVE, **campaign}, profile=LISTENS) as site:
        await site.log_in("01")
        await site.until(lambda: bool(site.ended()))


@pytest.mark.parametrize("detection", ["off", "before-seat"])
@pytest.mark.parametrize("machine", [False, True])
def test_pacing_receives_the_ring_time_of_answered_calls(
    tmp_path: Path, told: list[PacingEvent], detection: str, machine: bool
) -> None:
    """The test runs with and without machine detection, whose result comes when the call no longer rings."""
    config = make_answering_switch(
        answer_after=8.0,
        post_dial_seconds=2.0,
        talk_seconds=5.0,
        amd_seconds=1.5,
        machine=machine,
        hang_up_after=9.0,
    )
    run_until_first_call_ends(tmp_path, config, machine_detection=detection)
    kind, event = next((each.kind, each) for each in told if each.kind in RINGS)
    found_out = machine and detection == "before-seat"
    assert kind is (PacingEventKind.FAILED if found_out else PacingEventKind.ANSWERED)
    assert event.seconds == pytest.approx(10.0, abs=0.1)
    assert event.ringing_seconds == pytest.approx(8.0, abs=0.1)


@virtual_time()
async def test_pacing_receives_the_ring_time_of_calls_with_machine_detection(tmp_path: Path) -> None:
    config = make_answering_switch(answer_after=8.0, post_dial_seconds=2.0, talk_seconds=20.0, amd_seconds=1.5)
    campaign = {**PREDICTIVE, "machine_detection": "before-seat"}
    async with a_site(tmp_path, config, seats=2, campaign=campaign, profile=LISTENS) as site:
        await site.log_in("01", "02")
        async with agents_at_work(site):
            await asyncio.sleep(300.0)
        pacer = get_campaign_run(site).pacer
        assert isinstance(pacer, PredictivePacer)
        rang, _, answered, *_ = pacer.knowledge.rings._counts.sum(axis=1).tolist()
        assert rang > 0.8 * answered  # in the prior, half of the calls rang


@virtual_time()
async def test_pacing_receives_the_ring_time_of_cancelled_calls(tmp_path: Path, told: list[PacingEvent]) -> None:
    config = make_answering_switch(answer_after=28.0, post_dial_seconds=2.0)
    async with a_site(tmp_path, config, seats=2, campaign=PREDICTIVE) as site:
        await site.log_in("01", "02")
        await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.RINGING, 0) == 2)
        await asyncio.sleep(10.0)
        for seat in ("01", "02"):
            await site.centre.engine.execute_command(SeatLogOff(seat=seat))
        await site.until(lambda: len(site.ended()) == 2)
    ends = [event for event in told if event.kind in RINGS]
    assert [event.kind for event in ends] == [PacingEventKind.CANCELLED] * 2
    for event in ends:
        assert event.ringing_seconds is not None
        assert 9.0 < event.ringing_seconds < 12.0
        assert event.seconds - event.ringing_seconds == pytest.approx(2.0, abs=0.1)


@virtual_time()
async def test_pacing_receives_no_ring_time_of_a_call_that_never_rang(tmp_path: Path, told: list[PacingEvent]) -> None:
    async with a_site(
        tmp_path,
        make_answering_switch(fails_with=486, rings=False, post_dial_seconds=3.0),
        seats=1,
        campaign=PREDICTIVE,
    ) as site:
        await site.log_in("01")
        await site.until(lambda: bool(site.ended()))
    event = told[0]  # no policy needs to know that a call was placed: ringing calls are in its snapshots
    assert (event.kind, event.ringing_seconds) == (PacingEventKind.FAILED, None)


@pytest.mark.parametrize("killed_while", [CallState.RINGING, CallState.TALKING])
@virtual_time()
async def test_pacing_receives_no_ring_time_of_a_call_recovered_after_a_restart(
    tmp_path: Path, told: list[PacingEvent], killed_while: CallState
) -> None:
    """The monotonic clock of the earlier run is gone: only the time when the call was found is known."""
    config = make_answering_switch(answer_after=12.0, post_dial_seconds=2.0, talk_seconds=20.0)
    async with SimulatedAsterisk(config) as switch:
        async with run_until_killed(tmp_path, switch, seats=1, transfers=TRANSFERS, campaign=PREDICTIVE) as first:
            await first.log_in("01")
            await first.until(lambda: first.centre_view.campaigns[0].calls.get(killed_while, 0) == 1)
            await asyncio.sleep(9.0)
        told.clear()
        async with a_site(tmp_path, switch=switch, seats=1, campaign=PREDICTIVE) as again:
            pacer = get_campaign_run(again).pacer
            assert isinstance(pacer, PredictivePacer)
            learned = pacer.knowledge.rings.get_learned_state()
            await again.until(lambda: again.centre_view.seats[0].state is SeatState.WRAP_UP)
            assert pacer.knowledge.rings.get_learned_state() == learned
            assert pacer.knowledge.hazards[SeatStage.TALKING].number_of_learned_durations == 0
            assert not any(event.timed for event in told)
            (day,) = (each for each in pacer.governor.tallies if each.window_seconds == 86_400.0)
            assert day.answers == 1  # the answer still counts
            told.clear()
            await again.until(lambda: len(again.ended()) == 2)
            times = {event.kind: event.seconds for event in told if event.timed}
            assert times[PacingEventKind.ANSWERED] == pytest.approx(14.0, abs=0.1)
            assert times[PacingEventKind.TALK_ENDED] == pytest.approx(20.0, abs=1.0)
