"""The engine with the simulated Asterisk: complete calls in virtual time, over loopback TCP."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from dialer.domain.enums import MarkKind
from dialer.domain.errors import CommandRefused
from dialer.domain.model import CampaignState, Disposition, Mark, MarkSource, Outcome
from dialer.domain.view import CallChange, CallState, Hold, HoldReason, SeatState
from dialer.engine.campaigns.commands import PauseCampaign, ResumeCampaign, StopAll, StopCampaign
from dialer.engine.dispositions.commands import PhoneKeyDisposition
from dialer.engine.seats.commands import SeatHangUp, SeatLogOff, SeatPause, SeatReady
from dialer.settings.jurisdiction import AbandonedCap
from dialer.simulation.asterisk.config import PhoneMode
from dialer.simulation.asterisk.voters import Behaviour
from tests.support.centre import START_EPOCH, a_site, agents_at_work
from tests.support.referees import assert_no_simultaneous_calls
from tests.support.rules import neutral_with
from tests.support.stored import query_site_store
from tests.support.virtual import virtual_time
from tests.support.voters import IVR, make_answering_switch, make_scripted_switch


@virtual_time()
async def test_simulated_centre_runs_for_half_an_hour_without_errors(tmp_path: Path) -> None:
    async with a_site(tmp_path, voters=2000, seats=5, campaign={"pacing": "predictive"}) as site:
        async with agents_at_work(site):
            await asyncio.sleep(1800)
        view = site.centre_view.campaigns[0]
        assert view.connected > 30
        assert sum(seat.calls for seat in site.centre_view.seats) >= view.connected
        assert sum(site.centre_view.state.marks.values()) > 10
    assert_no_simultaneous_calls(site)
    kept = Counter(outcome for (outcome,) in query_site_store(tmp_path, "SELECT outcome FROM attempt"))
    assert kept == Counter(change.outcome for change in site.ended())
    assert kept.total() == len(site.switch.placed_calls)
    assert not query_site_store(tmp_path, "SELECT 1 FROM attempt WHERE ended_at IS NULL")
    assert query_site_store(tmp_path, "SELECT count(*) FROM outbox")[0][0] >= kept.total()
    assert query_site_store(tmp_path, "SELECT count(*) FROM seat_interval WHERE state = 'talking'")[0][0] > 30


@virtual_time()
async def test_call_answered_by_a_person_counts_as_answered_and_connected(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(talk_seconds=600.0)) as site, agents_at_work(site):
        await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.TALKING) == 2)
        view = site.centre_view.campaigns[0]
        assert not view.outcomes
        assert view.connected == 2
        assert view.answered == sum(
            n for state, n in view.calls.items() if state in {CallState.TALKING, CallState.WAITING}
        )
        assert view.attempts == sum(view.calls.values())


@virtual_time()
async def test_ivr_campaign_stores_the_answers_that_voters_enter_by_keypad(tmp_path: Path) -> None:
    config = make_scripted_switch(
        Behaviour(keys=((4.0, "1"),)),  # voted
        Behaviour(keys=((4.0, "9"),)),  # never again
        Behaviour(keys=((4.0, "2"),), hang_up_after=60),  # not yet, then silence
        Behaviour(hang_up_after=2.0),  # leaves in the greeting
    )
    async with a_site(tmp_path, config, campaign=IVR) as site:
        await site.until(lambda: len(site.ended()) >= 4)
        assert site.centre_view.state.marks["voted"] == 1
        assert site.centre_view.state.marks["not-yet"] == 1
        assert site.centre_view.state.opt_outs == 1
        booth = site.centre_view.booths[0]
        assert (booth.voted, booth.not_yet) == (1, 1)
    outcomes = dict(query_site_store(tmp_path, "SELECT phone_id, outcome FROM attempt WHERE phone_id <= 4"))
    assert outcomes == {1: "completed", 2: "completed", 3: "completed", 4: "left"}
    (left_at,) = query_site_store(tmp_path, "SELECT left_at FROM attempt WHERE phone_id = 4")[0]
    assert left_at in {"greeting", "question"}
    assert query_site_store(tmp_path, "SELECT e164 FROM opt_out") == [("+917000000002",)]
    assert query_site_store(tmp_path, "SELECT voter.turnout FROM voter WHERE voter_id = 1") == [("voted",)]


@virtual_time()
async def test_agent_and_ivr_campaigns_place_calls_at_the_same_time(tmp_path: Path) -> None:
    agents = {"id": "agents", "kind": "agents", "pacing": "progressive"}
    hours = [{"start": "00:00", "until": "23:59:59"}]
    both = [{**agents, "hours": hours}, {**IVR, "hours": hours}]
    async with a_site(tmp_path, voters=1000, seats=3, campaigns=both) as site:
        async with agents_at_work(site):
            await asyncio.sleep(600)
        assert all(campaign.attempts > 20 for campaign in site.centre_view.campaigns)
    assert_no_simultaneous_calls(site)


@virtual_time()
async def test_voter_without_a_free_agent_hears_the_information_message_in_2_seconds(tmp_path: Path) -> None:
    config = make_answering_switch(answer_after=2.0, talk_seconds=300.0)
    campaign = {"pacing": "ratio", "abandoned_target": 1.0, "abandoned_limit": 1.0}
    cap = AbandonedCap(window_hours=24, share=1.0)
    reckless = neutral_with(abandoned={"target": 1.0, "caps": (cap,)})
    async with a_site(tmp_path, config, seats=1, campaign=campaign, profile=reckless) as site:
        await site.log_in("01")
        await site.until(lambda: any(change.outcome is Outcome.ABANDONED for change in site.ended()))
        abandoned = next(change for change in site.ended() if change.outcome is Outcome.ABANDONED)
        states = {
            change.state: change.at
            for change in site.changes
            if isinstance(change, CallChange) and change.attempt_id == abandoned.attempt_id
        }
        assert states[CallState.MESSAGE] - states[CallState.WAITING] <= 2.0
        await site.centre.engine.execute_command(StopAll())
    (retry,) = query_site_store(
        tmp_path,
        "SELECT due_at - ended_at FROM target JOIN attempt USING (campaign_id, phone_id) WHERE outcome = 'abandoned'",
    )[0]
    assert retry == 72 * 3600


@virtual_time()
async def test_campaign_without_agents_places_no_calls(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch()) as site:
        await asyncio.sleep(60)
        assert not site.switch.placed_calls
        assert site.centre_view.campaigns[0].hold == Hold(HoldReason.NO_AGENT)
        await site.log_in("01")
        await site.until(lambda: bool(site.switch.placed_calls))


@virtual_time()
async def test_simultaneous_log_offs_of_agents_cancel_ringing_calls(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(answer_after=20.0)) as site:
        await site.log_in("01", "02")
        await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.RINGING, 0) == 2)
        for seat in ("01", "02"):
            await site.centre.engine.execute_command(SeatLogOff(seat=seat))
        await site.until(lambda: not site.centre_view.campaigns[0].calls, seconds=3)
        placed = len(site.switch.placed_calls)
        await asyncio.sleep(60)
        assert len(site.switch.placed_calls) == placed
        assert {change.outcome for change in site.ended()} == {Outcome.CANCELLED}


@virtual_time()
async def test_no_number_is_dialled_outside_calling_hours(tmp_path: Path) -> None:
    hours = {"hours": [{"start": "11:00", "until": "20:00"}]}  # it is half past nine
    async with a_site(tmp_path, make_answering_switch(), campaign=hours) as site:
        await site.log_in("01")
        await asyncio.sleep(5300)
        assert not site.switch.placed_calls
        hold = site.centre_view.campaigns[0].hold
        assert hold is not None
        assert str(hold) == "outside calling hours until 11:00"
        assert hold.until == START_EPOCH + 5_400  # an hour and a half later
        await site.until(lambda: bool(site.switch.placed_calls), seconds=200)
        site.clock.set_wall_clock_forward_or_back(-7200)  # an operator sets the clock back
        await asyncio.sleep(5)
        placed = len(site.switch.placed_calls)
        await asyncio.sleep(600)
        assert len(site.switch.placed_calls) == placed


@virtual_time()
async def test_campaign_is_paused_resumed_and_stopped_by_commands(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(answer_after=25.0, talk_seconds=5.0)) as site:
        execute = site.centre.engine.execute_command
        await site.log_in("01")
        await site.until(lambda: bool(site.centre_view.campaigns[0].calls.get(CallState.RINGING)))
        assert await execute(PauseCampaign(campaign_id="agents")) == "campaign agents: paused"
        await asyncio.sleep(40)
        placed = len(site.switch.placed_calls)
        await asyncio.sleep(40)
        assert len(site.switch.placed_calls) == placed
        assert site.ended()[0].outcome is not Outcome.CANCELLED  # a pause lets ringing calls ring
        await execute(SeatReady(seat="01"))
        await execute(ResumeCampaign(campaign_id="agents"))
        await site.until(lambda: len(site.switch.placed_calls) > placed)
        await execute(StopCampaign(campaign_id="agents"))
        await site.until(lambda: not site.centre_view.campaigns[0].calls, seconds=3)
        assert site.ended()[-1].outcome is Outcome.CANCELLED
        with pytest.raises(CommandRefused, match="campaign 'x' is not in the settings"):
            await execute(PauseCampaign(campaign_id="x"))
    async with a_site(tmp_path, switch=None) as again:
        assert (
            again.centre_view.campaigns[0].state is CampaignState.STOPPED
        )  # the state set by an operator survives the restart


@virtual_time()
async def test_disposition_entered_by_an_agent_is_stored_and_applied(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(), seats=1) as site:
        execute = site.centre.engine.execute_command
        await site.log_in("01")
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.TALKING)
        with pytest.raises(CommandRefused, match="hour 24"):
            await execute(PhoneKeyDisposition(seat="01", disposition=Disposition.LATER, hour=24))
        await execute(SeatHangUp(seat="01"))
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.WRAP_UP)
        await execute(SeatPause(seat="01", reason="tea"))
        await execute(PhoneKeyDisposition(seat="01", disposition=Disposition.VOTED))
        assert site.centre_view.seats[0].state is SeatState.PAUSED
        with pytest.raises(CommandRefused, match="no connected call"):
            await execute(PhoneKeyDisposition(seat="01", disposition=Disposition.VOTED))
        await asyncio.sleep(60)
        assert len(site.switch.placed_calls) == 1
    assert query_site_store(tmp_path, "SELECT disposition FROM attempt") == [("voted",)]
    assert query_site_store(tmp_path, "SELECT kind, source FROM mark") == [("voted", "agent")]
    assert query_site_store(tmp_path, "SELECT state FROM target WHERE phone_id = 1") == [("closed",)]


@virtual_time()
async def test_wrap_up_without_a_disposition_ends_at_the_wrap_up_limit(tmp_path: Path) -> None:
    async with a_site(
        tmp_path, make_answering_switch(talk_seconds=5.0), seats=1, campaign={"wrap_up_seconds": 12}
    ) as site:
        await site.log_in("01")
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.WRAP_UP)
        await site.until(lambda: site.centre_view.seats[0].state is not SeatState.WRAP_UP, seconds=13)


@virtual_time()
async def test_recorded_vote_cancels_a_ringing_call_to_the_same_voter(tmp_path: Path) -> None:
    """While the call rings, a mark from elsewhere says that the voter has voted. The call is cancelled within a second."""
    async with a_site(tmp_path, make_answering_switch(answer_after=25.0), seats=1) as site:
        await site.log_in("01")
        await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.RINGING, 0) == 1)
        call = next(iter(site.centre.engine.features.live_calls.list_live_calls()))
        mark = Mark("booth/1", call.voter_id, MarkKind.VOTED, MarkSource.BOOTH_WORKER, site.clock.now())
        await site.centre.engine.features.voter_mark_recorder.store_voter_mark(mark)
        await site.until(lambda: bool(site.ended()), seconds=1)
        assert site.ended()[0].outcome is Outcome.CANCELLED
    assert (call.phone_id, "closed") in query_site_store(tmp_path, "SELECT phone_id, state FROM target")


@virtual_time()
async def test_voter_hears_the_information_message_when_the_agents_phone_dies(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(), seats=1) as site:
        await site.log_in("01")
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.TALKING)
        site.switch.set_reaction_of_seat_phone("agent01", PhoneMode.UNREGISTERED)
        site.switch.hang_up_phone("agent01")
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.LOST, seconds=2)
        await site.until(lambda: bool(site.ended()), seconds=15)
        assert site.ended()[0].outcome is Outcome.CONNECTED  # one outcome; it was not abandoned
        await asyncio.sleep(20)
        assert site.centre_view.seats[0].state is SeatState.LOST
        site.switch.set_reaction_of_seat_phone("agent01", PhoneMode.ANSWERS)
        await site.until(lambda: site.centre_view.seats[0].state is not SeatState.LOST, seconds=30)


@virtual_time()
async def test_sigterm_signal_lets_live_calls_end_and_stops_the_dialler(tmp_path: Path) -> None:
    async with a_site(
        tmp_path, make_answering_switch(talk_seconds=20.0), seats=1, dialling={"drain_seconds": 60}
    ) as site:
        await site.log_in("01")
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.TALKING)
        site.stop.set()
        began = site.clock.monotonic()
    assert 5 < site.clock.monotonic() - began < 30
    assert Counter(change.outcome for change in site.ended())[Outcome.CONNECTED] == 1
    assert not query_site_store(tmp_path, "SELECT 1 FROM attempt WHERE ended_at IS NULL")


@virtual_time()
async def test_campaign_without_remaining_numbers_is_reported_as_completed(tmp_path: Path) -> None:
    campaign = {"max_attempts": 1}
    config = make_answering_switch(talk_seconds=3.0)
    async with a_site(tmp_path, config, voters=30, seats=2, campaign=campaign) as site, agents_at_work(site):
        await site.until(lambda: site.centre_view.campaigns[0].hold == Hold(HoldReason.LIST_COMPLETED), seconds=3000)
    placed = Counter(call.number for call in site.switch.placed_calls)
    assert set(placed.values()) == {1}
    assert len(placed) == query_site_store(tmp_path, "SELECT count(*) FROM phone")[0][0]


def test_simulated_centre_is_deterministic_for_a_seed(tmp_path: Path) -> None:
    def simulate_day(directory: Path) -> list[tuple[str, float]]:
        directory.mkdir()
        placed: list[tuple[str, float]] = []

        @virtual_time()
        async def run() -> None:
            async with a_site(directory, voters=500, seats=3) as site:
                async with agents_at_work(site):
                    await asyncio.sleep(900)
                placed.extend((call.number, round(call.placed_at, 3)) for call in site.switch.placed_calls)

        run()
        return placed

    first = simulate_day(tmp_path / "a")
    assert len(first) > 30
    assert first == simulate_day(tmp_path / "b")
