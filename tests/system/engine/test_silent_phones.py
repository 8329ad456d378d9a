"""Silent agents' phones: detected early, replaced by the same agent's next call, and their talks count as abandoned."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from dialer.domain.errors import CommandRefused
from dialer.domain.model import Outcome
from dialer.domain.switch_events import PhoneRegistered, PhoneUnreachable, SeatDown, SeatPhoneSilent, SeatUp
from dialer.domain.view import CallChange, CallState, Change, SeatState, SeatView
from dialer.engine.seats.commands import SeatLogIn
from dialer.simulation.asterisk.config import PhoneMode
from dialer.simulation.asterisk.voters import Behaviour
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.tracking.seats import SeatTracker
from tests.support.centre import Site
from tests.support.seats import log_in_by_phone, run_site_with_pins, seat, wait_until_talking
from tests.support.virtual import virtual_time

STAYS = Behaviour(talk_seconds=600.0)


def list_outcomes(site: Site) -> list[Outcome | None]:
    return [call.outcome for call in site.ended()]


@pytest.mark.parametrize("stays", [0.5, 2.0, 600.0])
def test_conversation_without_audio_from_the_agent_counts_as_abandoned(tmp_path: Path, stays: float) -> None:
    """Either the voter hangs up, or Asterisk hangs up the phone."""

    @virtual_time()
    async def run() -> None:
        voters = Behaviour(answer_after=1.0, talk_seconds=stays), Behaviour(answer_after=200.0)
        async with run_site_with_pins(tmp_path, *voters, agents=[]) as site:
            await site.centre.engine.execute_command(SeatLogIn(seat="01", agent="asha"))
            await site.until(lambda: bool(site.switch.placed_calls))
            site.switch.silence_phone("agent01")
            site.switch.set_reaction_of_seat_phone("agent01", PhoneMode.UNREGISTERED)
            await site.until(lambda: bool(site.ended()), seconds=20)
            assert list_outcomes(site) == [Outcome.ABANDONED]
            await asyncio.sleep(2)
            assert seat(site).state in {SeatState.LOST, SeatState.WRAP_UP}

    run()


@pytest.mark.parametrize("stays", [0.5, 3.0, 20.0])
def test_short_conversation_with_audio_from_the_agent_counts_as_connected(tmp_path: Path, stays: float) -> None:
    @virtual_time()
    async def run() -> None:
        async with run_site_with_pins(
            tmp_path, Behaviour(answer_after=1.0, talk_seconds=stays), Behaviour(answer_after=200.0)
        ) as site:
            await log_in_by_phone(site, "101", "2468")
            await site.until(lambda: bool(site.ended()), seconds=60)
            assert list_outcomes(site) == [Outcome.CONNECTED]
            assert site.switch.find_phone_channel("agent01") is not None

    run()


@virtual_time()
async def test_conversation_that_ends_when_the_agents_phone_dies_counts_as_connected(tmp_path: Path) -> None:
    voters = Behaviour(answer_after=1.0, talk_seconds=3.0), Behaviour(answer_after=200.0)
    async with run_site_with_pins(tmp_path, *voters, agents=[]) as site:
        await site.centre.engine.execute_command(SeatLogIn(seat="01", agent="asha"))
        await wait_until_talking(site)
        await asyncio.sleep(1.8)
        site.switch.silence_phone("agent01")
        site.switch.set_reaction_of_seat_phone("agent01", PhoneMode.UNREGISTERED)
        await site.until(lambda: bool(site.ended()), seconds=10)
        assert list_outcomes(site) == [Outcome.CONNECTED]
        await site.until(lambda: seat(site).state in {SeatState.LOST, SeatState.WRAP_UP}, seconds=10)


@virtual_time()
async def test_conversation_counts_as_connected_when_the_agents_audio_stops_after_a_second(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path, STAYS, Behaviour(answer_after=200.0)) as site:
        await log_in_by_phone(site, "101", "2468")
        await wait_until_talking(site)
        await asyncio.sleep(1)
        site.switch.silence_phone("agent01")
        site.switch.set_reaction_of_seat_phone("agent01", PhoneMode.UNREGISTERED)
        await site.until(lambda: bool(site.ended()), seconds=30)
        assert list_outcomes(site) == [Outcome.CONNECTED]


@virtual_time()
async def test_voter_stays_connected_when_the_agent_reloads_the_page_of_the_browser_phone(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path, STAYS, Behaviour(answer_after=200.0)) as site:
        site.switch.config.prompt_seconds.update(  # type: ignore[attr-defined]  # the agent is quicker than the timeout
            {f"matdan/hi/seat/{what}": 0.1 for what in ("number", "pin", "welcome")}
        )
        await log_in_by_phone(site, "101", "2468")
        await wait_until_talking(site)
        dead = site.switch.find_phone_channel("agent01")
        assert dead is not None
        site.switch.silence_phone("agent01")
        assert site.switch.dial_extension_from_phone("agent01", "*1") is not None
        for keyed in ("101#", "2468#"):
            await asyncio.sleep(0.4)
            site.switch.press_phone_keys("agent01", keyed, every_seconds=0.15)
            await asyncio.sleep(1.0)
        await site.until(lambda: dead.uniqueid not in site.switch.channels, seconds=2)
        phone = site.switch.find_phone_channel("agent01")
        room = site.switch.conferences.by_name["seat-01"]
        assert phone is not None
        assert {member.channel.seat or "voter" for member in room.members} == {"agent01", "voter"}
        assert (len(room.members), room.members[-1].channel) == (2, phone)
        assert seat(site).state is SeatState.TALKING
        await asyncio.sleep(30)
        assert seat(site).state is SeatState.TALKING
        assert not site.ended()


@virtual_time()
async def test_repeated_log_in_calls_the_agents_dead_phone_again(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path, Behaviour(answer_after=200.0), agents=[]) as site:
        await site.centre.engine.execute_command(SeatLogIn(seat="01", agent="asha"))
        await site.until(lambda: seat(site).state is SeatState.READY)
        with pytest.raises(CommandRefused, match="is already in use"):
            await site.centre.engine.execute_command(SeatLogIn(seat="01", agent="asha"))
        dead = site.switch.find_phone_channel("agent01")
        site.switch.silence_phone("agent01")
        said = await site.centre.engine.execute_command(SeatLogIn(seat="01", agent="asha"))
        assert said == "seat 01: the phone is called again"
        await site.until(lambda: site.switch.find_phone_channel("agent01") not in {None, dead}, seconds=10)
        await site.until(lambda: seat(site).state is SeatState.READY)


@pytest.mark.parametrize("dead", [True, False])
def test_phone_that_loses_its_registration_during_a_call_is_replaced_only_if_silent(tmp_path: Path, dead: bool) -> None:
    @virtual_time()
    async def run() -> None:
        async with run_site_with_pins(tmp_path, Behaviour(answer_after=200.0)) as site:
            await log_in_by_phone(site, "101", "2468")
            channel = site.switch.find_phone_channel("agent01")
            if dead:
                site.switch.silence_phone("agent01")
            await asyncio.sleep(0.5)
            site.switch.unregister_phone("agent01")
            await asyncio.sleep(2)
            assert (site.switch.find_phone_channel("agent01") is channel) is not dead

    run()


@pytest.mark.parametrize("dead", [True, False])
def test_seat_whose_phone_may_be_dead_gets_no_answered_voter(tmp_path: Path, dead: bool) -> None:
    """The agent has closed the browser tab: the phone's registration ends at once, its channel stays."""

    @virtual_time()
    async def run() -> None:
        voters = Behaviour(answer_after=1.0, talk_seconds=20.0), Behaviour(answer_after=200.0)
        async with run_site_with_pins(tmp_path, *voters, agents=[]) as site:
            await site.centre.engine.execute_command(SeatLogIn(seat="01", agent="asha"))
            await site.until(lambda: bool(site.switch.placed_calls))
            await asyncio.sleep(0.95)
            channel = site.switch.find_phone_channel("agent01")
            assert channel is not None
            if dead:
                site.switch.silence_phone("agent01")
                site.switch.set_reaction_of_seat_phone("agent01", PhoneMode.UNREGISTERED)
            site.switch.unregister_phone("agent01")
            await asyncio.sleep(0.1)  # the voter has answered
            assert seat(site).state is SeatState.READY
            await asyncio.sleep(1.4)
            assert (channel.uniqueid in site.switch.channels) is not dead
            assert seat(site).state is (SeatState.LOST if dead else SeatState.TALKING)
            await site.until(lambda: bool(site.ended()), seconds=60)
            assert list_outcomes(site) == [Outcome.ABANDONED if dead else Outcome.CONNECTED]
            talked = [each for each in site.changes if isinstance(each, CallChange) and each.state is CallState.TALKING]
            assert bool(talked) is not dead

    run()


@virtual_time()
async def test_phone_of_a_reloaded_agent_page_is_called_when_the_phone_registers(tmp_path: Path) -> None:
    """The page reported that it closes, so its channel ended; then it registered again."""
    async with run_site_with_pins(tmp_path, Behaviour(answer_after=200.0), agents=[]) as site:
        await site.centre.engine.execute_command(SeatLogIn(seat="01", agent="asha"))
        await site.until(lambda: seat(site).state is SeatState.READY)
        site.switch.set_reaction_of_seat_phone("agent01", PhoneMode.UNREGISTERED)
        site.switch.hang_up_phone("agent01")
        site.switch.unregister_phone("agent01")
        await asyncio.sleep(0.7)
        assert seat(site).state is SeatState.LOST
        site.switch.register_phone("agent01")
        await asyncio.sleep(0.1)
        assert seat(site).state is SeatState.READY
        phone = site.switch.find_phone_channel("agent01")
        await asyncio.sleep(20)
        assert site.switch.find_phone_channel("agent01") is phone  # only once


@virtual_time()
async def test_browser_phone_is_called_after_its_page_was_reloaded_during_the_check(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path, Behaviour(answer_after=200.0), agents=[]) as site:
        await site.centre.engine.execute_command(SeatLogIn(seat="01", agent="asha"))
        await site.until(lambda: seat(site).state is SeatState.READY)
        dead = site.switch.find_phone_channel("agent01")
        site.switch.silence_phone("agent01")
        site.switch.register_phone("agent01")  # in either order of the two events
        site.switch.unregister_phone("agent01")
        await asyncio.sleep(1.5)
        assert site.switch.find_phone_channel("agent01") not in {None, dead}
        assert seat(site).state is SeatState.READY


@virtual_time()
async def test_second_browser_phone_is_called_when_the_first_is_silent(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path, Behaviour(answer_after=200.0), agents=[]) as site:
        await site.centre.engine.execute_command(SeatLogIn(seat="01", agent="asha"))
        await site.until(lambda: seat(site).state is SeatState.READY)
        first = site.switch.find_phone_channel("agent01")
        site.switch.register_phone("agent01")
        site.switch.unregister_phone("agent01")
        await asyncio.sleep(0.5)
        site.switch.silence_phone("agent01")
        await asyncio.sleep(2.0)
        assert site.switch.find_phone_channel("agent01") not in {None, first}
        assert seat(site).state is SeatState.READY


@virtual_time()
async def test_seats_phone_that_registers_twice_quickly_is_called_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run_site_with_pins(tmp_path, Behaviour(answer_after=200.0), agents=[]) as site:
        await site.centre.engine.execute_command(SeatLogIn(seat="01", agent="asha"))
        await site.until(lambda: seat(site).state is SeatState.READY)
        switch, called = site.centre.engine.features.switch, []
        call_seat_phone = switch.call_seat_phone

        async def count_seat_calls(seat_name: str, endpoint: str) -> None:
            called.append(seat_name)
            await call_seat_phone(seat_name, endpoint)

        monkeypatch.setattr(switch, "call_seat_phone", count_seat_calls)
        site.switch.silence_phone("agent01")
        site.switch.register_phone("agent01")
        await asyncio.sleep(0.3)
        site.switch.register_phone("agent01")
        await asyncio.sleep(20.0)
        assert called == ["01"]
        assert seat(site).state is SeatState.READY


@virtual_time()
async def test_no_calls_are_placed_for_a_seat_whose_phone_may_be_dead(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path, Behaviour(answer_after=200.0), agents=[]) as site:
        await site.centre.engine.execute_command(SeatLogIn(seat="01", agent="asha"))
        await site.until(lambda: seat(site).state is SeatState.READY)
        engine = site.centre.engine
        (run,) = engine.features.loaded_campaigns.list_campaign_runs()

        def count_free_seats() -> int:
            return engine.features.pacing_input_collector.collect_pacing_input(run, Counter(), Counter()).free_seats

        assert count_free_seats() == 1
        site.switch.unregister_phone("agent01")
        await asyncio.sleep(0.1)
        assert (seat(site).state, count_free_seats()) == (SeatState.READY, 0)
        await asyncio.sleep(2.0)  # audio arrived from the phone
        assert count_free_seats() == 1


@virtual_time()
async def test_seat_gets_voters_after_its_phone_was_unreachable_while_on_hold(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path, Behaviour(answer_after=200.0), agents=[]) as site:
        await site.centre.engine.execute_command(SeatLogIn(seat="01", agent="asha"))
        await site.until(lambda: seat(site).state is SeatState.READY)
        features = site.centre.engine.features
        features.call_distributor.set_seat_phone_on_hold("01", True)
        site.switch.unregister_phone("agent01")
        await asyncio.sleep(2.0)
        features.call_distributor.set_seat_phone_on_hold("01", False)
        (run,) = features.loaded_campaigns.list_campaign_runs()
        assert features.pacing_input_collector.collect_pacing_input(run, Counter(), Counter()).free_seats == 1


@virtual_time()
async def test_voter_stays_at_the_seat_when_its_page_is_reloaded_while_the_voter_is_being_connected(
    tmp_path: Path,
) -> None:
    voters = Behaviour(answer_after=1.0, talk_seconds=20.0), Behaviour(answer_after=200.0)
    async with run_site_with_pins(tmp_path, *voters, agents=[]) as site:
        await site.centre.engine.execute_command(SeatLogIn(seat="01", agent="asha"))
        await site.until(lambda: seat(site).state is SeatState.READY)
        dead = site.switch.find_phone_channel("agent01")
        assert dead is not None
        closed = asyncio.Event()

        def close_page_when_the_voter_is_being_connected(change: Change) -> None:
            if isinstance(change, CallChange) and change.state is CallState.CONNECTING:
                site.switch.silence_phone("agent01")
                site.switch.unregister_phone("agent01")
                closed.set()

        site.centre.engine.subscribe_to_changes(close_page_when_the_voter_is_being_connected)
        await closed.wait()
        await asyncio.sleep(1.5)  # a busy computer loads the page slowly
        assert seat(site).state is SeatState.TALKING
        site.switch.register_phone("agent01")
        await asyncio.sleep(0.5)
        assert site.switch.find_phone_channel("agent01") not in {None, dead}
        room = site.switch.conferences.by_name["seat-01"]
        assert {member.channel.seat or "voter" for member in room.members} == {"agent01", "voter"}
        await site.until(lambda: bool(site.ended()), seconds=30)
        assert list_outcomes(site) == [Outcome.CONNECTED]
        assert CallState.MESSAGE not in [each.state for each in site.changes if isinstance(each, CallChange)]


@pytest.mark.parametrize("back_first", [True, False])
def test_voter_stays_connected_when_the_agent_reloads_the_phone_page(tmp_path: Path, back_first: bool) -> None:
    @virtual_time()
    async def run() -> None:
        voters = Behaviour(answer_after=1.0, talk_seconds=20.0), Behaviour(answer_after=200.0)
        async with run_site_with_pins(tmp_path, *voters, agents=[]) as site:
            await site.centre.engine.execute_command(SeatLogIn(seat="01", agent="asha"))
            await wait_until_talking(site)
            dead = site.switch.find_phone_channel("agent01")
            assert dead is not None
            site.switch.silence_phone("agent01")
            told = [site.switch.register_phone, site.switch.unregister_phone]
            for tell in told if back_first else reversed(told):
                tell("agent01")
                await asyncio.sleep(0.4)
            await asyncio.sleep(0.6)
            assert dead.uniqueid not in site.switch.channels
            assert site.switch.find_phone_channel("agent01") not in {None, dead}
            room = site.switch.conferences.by_name["seat-01"]
            assert {member.channel.seat or "voter" for member in room.members} == {"agent01", "voter"}
            await site.until(lambda: bool(site.ended()), seconds=30)
            assert list_outcomes(site) == [Outcome.CONNECTED]
            assert SeatState.LOST not in [each.state for each in site.changes if isinstance(each, SeatView)][1:]

    run()


@virtual_time()
async def test_voter_stays_at_the_seat_when_the_browser_phones_page_is_reloaded_twice(tmp_path: Path) -> None:
    """The second reload comes while the first new phone is still awaited."""
    voters = Behaviour(answer_after=1.0, talk_seconds=20.0), Behaviour(answer_after=200.0)
    async with run_site_with_pins(tmp_path, *voters, agents=[]) as site:
        await site.centre.engine.execute_command(SeatLogIn(seat="01", agent="asha"))
        await wait_until_talking(site)
        before = set()
        for port in (59_980, 59_996):
            before.add(site.switch.find_phone_channel("agent01"))
            site.switch.silence_phone("agent01")
            site.switch.register_phone("agent01", port)
            await asyncio.sleep(0.9)
            assert site.switch.find_phone_channel("agent01") not in {None, *before}
        await site.until(lambda: bool(site.ended()), seconds=30)
        assert list_outcomes(site) == [Outcome.CONNECTED]
        assert SeatState.LOST not in [each.state for each in site.changes if isinstance(each, SeatView)][1:]


@virtual_time()
async def test_registered_phone_of_a_seat_without_an_agent_is_not_called(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path, Behaviour(answer_after=200.0)) as site:
        site.switch.register_phone("agent01")
        await asyncio.sleep(10)
        assert site.switch.find_phone_channel("agent01") is None


def make_ami_event(name: str, **fields: str) -> AmiMessage:
    return AmiMessage("\r\n".join([f"Event: {name}", *(f"{key}: {value}" for key, value in fields.items())]).encode())


def test_phone_hang_up_with_cause_44_is_reported_as_a_silent_phone() -> None:
    """The events come in the order of Asterisk 22: the phone leaves the conference, and 3 ms later its Hangup has cause
    44.
    """
    for cause, told in (("44", [SeatPhoneSilent("01")]), ("16", []), ("", [])):
        tracker = SeatTracker()
        joined = make_ami_event("ConfbridgeJoin", Conference="seat-01", Context="matdan-agent", Uniqueid="a")
        assert tracker.handle_ami_event(joined) == [SeatUp("01")]
        assert tracker.handle_ami_event(make_ami_event("ConfbridgeLeave", Conference="seat-01", Uniqueid="a")) == [
            SeatDown("01")
        ]
        assert tracker.handle_ami_event(make_ami_event("Hangup", Uniqueid="a", Cause=cause)) == told
        assert tracker.handle_ami_event(make_ami_event("Hangup", Uniqueid="a", Cause=cause)) is None


CONTACT = (
    "Event: ContactStatus\r\nPrivilege: system,all\r\nURI: sip:agent01@127.0.0.1:{port};transport=WS\r\n"
    "ContactStatus: {status}\r\nAOR: agent01\r\nEndpointName: agent01\r\nRoundtripUsec: 0"
)


def test_new_browser_phone_registration_is_reported_before_the_old_one_is_lost() -> None:
    """The events come in the order of Asterisk 22.10.1, for a page whose second WebSocket registered before the first
    one closed. Renewals on the same WebSocket give no event.
    """
    tracker = SeatTracker()
    heard = [(59996, "NonQualified"), (59980, "Removed"), (59996, "Updated")]
    told = [
        tracker.handle_ami_event(AmiMessage(CONTACT.format(port=port, status=status).encode()))
        for port, status in heard
    ]
    assert told == [
        [PhoneRegistered("agent01", "sip:agent01@127.0.0.1:59996;transport=WS")],
        [PhoneUnreachable("agent01")],
        None,
    ]


@pytest.mark.parametrize(
    ("status", "told"),
    [("Unreachable", PhoneUnreachable("agent01")), ("Reachable", PhoneRegistered("agent01", "sip:a@b"))],
)
def test_phone_that_stops_or_resumes_answering_sip_qualify_is_reported(
    status: str, told: PhoneUnreachable | PhoneRegistered
) -> None:
    message = make_ami_event("ContactStatus", ContactStatus=status, EndpointName="agent01", URI="sip:a@b")
    assert SeatTracker().handle_ami_event(message) == [told]
