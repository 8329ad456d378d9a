"""Failing trunks: they rest, are probed and recover; the next trunk takes over, and numbers lose no attempts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.alerts import AlertKind
from dialer.domain.model import NewAttempt, Outcome
from dialer.domain.view import AlertRaised, CallChange, CallState, SeatState
from dialer.engine.campaigns.commands import PauseCampaign, ResumeCampaign
from dialer.engine.transfers.commands import SeatCancelConsult, SeatConsult
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, SimulatedTrunk, make_seat_phones
from dialer.simulation.asterisk.voters import Behaviour
from dialer.store.attempts import Refusal
from tests.support.breaking import FailingStore
from tests.support.centre import Site, a_site
from tests.support.command_line import run
from tests.support.roll_filler import fill_roll
from tests.support.rules import neutral_with
from tests.support.stored import query_site_store
from tests.support.virtual import virtual_time
from tests.support.voters import IVR, make_answering_switch, make_scripted_switch

CALLER_ID = "+911140000001"
SHORT_RINGS = neutral_with(ring={"minimum_seconds": 10.0})


def make_trunk(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "endpoint": name,
        "channels": 4,
        "calls_per_second": 5,
        "caller_ids": [CALLER_ID],
        **changes,
    }


def add_second_trunk(config: SimulatedAsteriskConfig) -> SimulatedAsteriskConfig:
    return replace(config, trunks=(SimulatedTrunk("carrier"), SimulatedTrunk("second")))


def count_calls_by_trunk(site: Site) -> Counter[str]:
    return Counter(call.trunk for call in site.switch.placed_calls)


@contextlib.asynccontextmanager
async def run_centre_with_resting_trunk(directory: Path) -> AsyncIterator[Site]:
    """Run a centre with one trunk, which has failed and is suspended."""
    config = make_answering_switch(answer_after=1.0, hang_up_after=5.0)
    campaign = {**IVR, "channels": 4, "ring_seconds": 10}
    async with a_site(
        directory, config, trunks=[make_trunk("carrier")], campaign=campaign, profile=SHORT_RINGS
    ) as site:
        site.switch.take_trunk_down("carrier")
        await site.until(lambda: site.centre_view.state.trunks[0].state == "resting", seconds=120)
        yield site


@virtual_time()
async def test_calls_use_the_next_trunk_until_the_failing_first_trunk_recovers(tmp_path: Path) -> None:
    config = add_second_trunk(make_answering_switch(answer_after=1.0, hang_up_after=5.0))
    trunks = [make_trunk("carrier"), make_trunk("second")]
    campaign = {**IVR, "channels": 4, "ring_seconds": 10}
    async with a_site(tmp_path, config, trunks=trunks, campaign=campaign, profile=SHORT_RINGS) as site:
        site.switch.take_trunk_down("carrier")
        await site.until(lambda: site.centre_view.state.trunks[0].state == "resting", seconds=120)
        assert count_calls_by_trunk(site)["second"] <= 4
        await site.until(lambda: count_calls_by_trunk(site)["second"] >= 12, seconds=120)
        assert "trunk-carrier" in {alert.code for alert in site.centre_view.alerts}
        failures = site.centre_view.state.trunks[0].failures
        assert failures >= 5
        assert site.centre_view.state.trunks[0].attempts - failures <= 1  # one call was placed before the trunk failed
        site.switch.bring_trunk_up("carrier")
        await site.until(lambda: site.centre_view.state.trunks[0].state == "working", seconds=120)
        assert "trunk-carrier" not in {alert.code for alert in site.centre_view.alerts}
        assert site.centre_view.state.trunks[0].calls_per_second > 0


@virtual_time()
async def test_call_shows_and_stores_the_caller_id_for_the_voters_federal_state(tmp_path: Path) -> None:
    fill_roll(tmp_path / "centre.db", 90, voters_per_booth=45)
    with closing(sqlite3.connect(tmp_path / "centre.db")) as db:
        db.execute("UPDATE booth SET state_code = 'S10' WHERE booth_id = 2")
        db.commit()
    ids = ["+911140000001", "+918040000001", "+918040000002"]
    line = make_trunk("carrier", caller_ids=ids, areas=[{"states": ["s10"], "caller_ids": ids[1:]}])
    config = make_answering_switch(answer_after=1.0, hang_up_after=3.0)
    async with a_site(tmp_path, config, trunks=[line], campaign={**IVR, "channels": 4}) as site:
        await site.until(lambda: len(site.switch.placed_calls) >= 60, seconds=300)
    shown = query_site_store(
        tmp_path,
        "SELECT state_code, caller_id, count(*) FROM attempt JOIN voter USING (voter_id)"
        " JOIN booth USING (booth_id) GROUP BY 1, 2 ORDER BY 1, 2",
    )
    assert [(state, caller_id) for state, caller_id, _ in shown] == [("S10", ids[1]), ("S10", ids[2]), ("S24", ids[0])]
    assert abs(shown[0][2] - shown[1][2]) <= 1
    code, told = run("report", "calls", "--each", "--format", "json", "--store", tmp_path / "centre.db")
    assert code == 0
    assert {each["caller_id"] for each in json.loads(told)["rows"]} == set(ids)


@virtual_time()
async def test_report_of_each_call_has_the_stir_shaken_attestation_of_its_trunk(tmp_path: Path) -> None:
    files = {"private_key": "/keys/shaken.key", "certificate": "/keys/shaken.pem"}
    signing = {"attestation": "B", "certificate_url": "https://certificates.example.org/shaken.pem", **files}
    config = add_second_trunk(make_answering_switch(answer_after=1.0, hang_up_after=3.0))
    lines = [make_trunk("carrier", stir_shaken=signing), make_trunk("second")]
    async with a_site(tmp_path, config, trunks=lines, campaign={**IVR, "channels": 8}) as site:
        await site.until(lambda: len(site.switch.placed_calls) >= 20, seconds=300)
    code, told = run("report", "calls", "--each", "--format", "json", "--store", tmp_path / "centre.db")
    assert code == 0
    assert {(each["trunk"], each["attestation"]) for each in json.loads(told)["rows"]} == {
        ("carrier", "B"),
        ("second", ""),
    }


@virtual_time()
async def test_alert_names_an_unregistered_trunk_until_the_carrier_accepts_its_registration(tmp_path: Path) -> None:
    trunks = (SimulatedTrunk("carrier", registration="Rejected"), SimulatedTrunk("second", registration="Registered"))
    config = replace(make_answering_switch(answer_after=1.0, hang_up_after=5.0), trunks=trunks)
    line = [make_trunk("north", endpoint="carrier"), make_trunk("south", endpoint="second")]

    def list_alerts() -> set[str]:
        return {alert.code for alert in site.centre_view.alerts if alert.kind is AlertKind.REGISTRATION}

    async with a_site(tmp_path, config, trunks=line, campaign=IVR) as site:
        await site.until(lambda: list_alerts() == {"registration-north"}, seconds=10)
        assert "Trunk north is not registered" in next(
            a.text for a in site.centre_view.alerts if a.code == "registration-north"
        )
        site.switch.set_registration_of_trunk("carrier", "Registered")
        await site.until(lambda: not list_alerts(), seconds=10)
        site.switch.set_registration_of_trunk("second", "Unregistered")
        await site.until(lambda: list_alerts() == {"registration-south"}, seconds=10)
        site.switch.reset_ami_connections()
        site.switch.set_registration_of_trunk("second", "Registered")  # while the dialler is not connected
        await site.until(lambda: not list_alerts(), seconds=20)


@virtual_time()
@pytest.mark.parametrize("status", [406, 488, 606])
async def test_alert_about_a_missing_common_codec_clears_after_ten_answered_calls(tmp_path: Path, status: int) -> None:
    answers, fails = Behaviour(answer_after=1.0, hang_up_after=3.0), Behaviour(answer_after=1.0, fails_with=status)
    config = make_scripted_switch(*[answers] * 60)
    line = [make_trunk("north", endpoint="carrier")]

    def set_behaviour(behaviour: Behaviour) -> None:
        for number in config.scripts:
            site.switch.caller.set_behaviours_of_next_calls(number, (behaviour,))

    def has_alert() -> bool:
        return "no-codec-north" in {alert.code for alert in site.centre_view.alerts}

    def list_outcomes() -> list[Outcome | None]:
        return [change.outcome for change in site.ended()]

    async with a_site(tmp_path, config, trunks=line, campaign={**IVR, "channels": 1}) as site:
        await site.until(lambda: len(site.ended()) >= 2, seconds=60)
        assert not has_alert()
        set_behaviour(fails)
        await site.until(has_alert, seconds=60)
        assert list_outcomes().count(Outcome.CARRIER_FAILURE) == 1
        set_behaviour(answers)
        await site.until(lambda: not has_alert(), seconds=300)
        *_, last = (place for place, each in enumerate(list_outcomes()) if each is Outcome.CARRIER_FAILURE)
        assert len(list_outcomes()) - last - 1 == 10
        assert site.centre_view.state.trunks[0].state == "working"


@virtual_time()
async def test_dialling_is_held_while_all_trunks_are_suspended_until_a_test_call_succeeds(tmp_path: Path) -> None:
    async with run_centre_with_resting_trunk(tmp_path) as site:
        await asyncio.sleep(2)
        held = str(site.centre_view.campaigns[0].hold)
        assert "all trunks are suspended until" in held and "calls failed" in held
        assert "trunks-ivr" in {alert.code for alert in site.centre_view.alerts}
        before = len(site.switch.placed_calls)
        await asyncio.sleep(20)
        assert len(site.switch.placed_calls) == before
        await site.until(lambda: len(site.switch.placed_calls) > before, seconds=15)
        await asyncio.sleep(8)
        assert (
            len(site.switch.placed_calls) == before + 1
        )  # only the probe, which fails: the next rest is twice as long
        await site.until(lambda: site.centre_view.state.trunks[0].state == "resting", seconds=5)
        assert site.centre_view.state.trunks[0].rest_seconds > 50
        site.switch.bring_trunk_up("carrier")
        await site.until(lambda: bool(site.centre_view.campaigns[0].calls), seconds=90)
        await site.until(lambda: site.centre_view.campaigns[0].hold is None, seconds=20)
        assert not {"trunks-ivr", "trunk-carrier"} & {alert.code for alert in site.centre_view.alerts}
    cleared = {c.alert.code for c in site.changes if isinstance(c, AlertRaised) and c.alert.cleared}
    assert {"trunks-ivr", "trunk-carrier"} <= cleared


@virtual_time()
async def test_calls_that_fail_at_the_trunk_do_not_count_as_attempts_of_their_numbers(tmp_path: Path) -> None:
    config = make_answering_switch(fails_with=503, rings=False)
    campaign = {**IVR, "channels": 2, "max_attempts": 1}
    async with a_site(tmp_path, config, voters=30, trunks=[make_trunk("carrier")], campaign=campaign) as site:
        await site.until(lambda: site.centre_view.state.trunks[0].state == "resting", seconds=60)
        await asyncio.sleep(5)
    closed = query_site_store(tmp_path, "SELECT count(*) FROM target WHERE state = 'closed'")[0][0]
    outcomes = Counter(row[0] for row in query_site_store(tmp_path, "SELECT outcome FROM attempt"))
    assert outcomes == {Outcome.CONGESTION.value: 5}
    # The first failure alone counted against the number, and this campaign makes only one attempt.
    assert closed == 1
    given_back = query_site_store(tmp_path, "SELECT count(*) FROM attempt WHERE attempt_number IS NULL")
    assert given_back == [(4,)]


@virtual_time()
async def test_missing_asterisk_endpoint_counts_as_a_trunk_failure(tmp_path: Path) -> None:
    config = add_second_trunk(make_answering_switch(answer_after=1.0, hang_up_after=5.0))
    trunks = [make_trunk("missing"), make_trunk("second")]
    async with a_site(tmp_path, config, trunks=trunks, campaign={**IVR, "channels": 2}) as site:
        await site.until(lambda: site.centre_view.state.trunks[0].state == "resting", seconds=60)
        await site.until(lambda: count_calls_by_trunk(site)["second"] >= 3, seconds=60)


@virtual_time()
async def test_trunk_of_a_slow_carrier_starts_fewer_calls_per_second(tmp_path: Path) -> None:
    config = make_answering_switch(post_dial_seconds=0.5, answer_after=0.5, hang_up_after=0.5)
    campaign = {**IVR, "channels": 40}
    carrier = make_trunk("carrier", channels=40, calls_per_second=2)
    async with a_site(tmp_path, config, voters=400, trunks=[carrier], campaign=campaign) as site:
        await site.until(lambda: len(site.ended()) >= 15, seconds=60)
        assert site.centre_view.state.trunks[0].calls_per_second_limit == pytest.approx(2.0)
        site.switch.caller.slow_down_ringing(8.0)
        await site.until(lambda: site.centre_view.state.trunks[0].calls_per_second_limit < 1.0, seconds=120)
        site.switch.caller.slow_down_ringing(-16.0)
        ringing = site.centre_view.state.trunks[0].ringing_seconds
        assert ringing is not None and ringing > 4.0


@virtual_time()
async def test_call_with_early_media_does_not_count_as_a_trunk_failure(tmp_path: Path) -> None:
    """The carrier sends 183 instead of 180. Nobody answers; each number is called once, and again after the no-answer
    retry.
    """
    people = [
        Behaviour(answer_after=6.0, hang_up_after=20.0) if n % 4 == 0 else Behaviour(fails_with=0) for n in range(12)
    ]
    config = replace(make_scripted_switch(*people), trunks=(SimulatedTrunk("carrier", rings_with=(183,)),))
    campaign = {**IVR, "channels": 4, "ring_seconds": 20, "max_attempts": 2, "no_answer_retry_minutes": 60}
    async with a_site(
        tmp_path, config, voters=12, trunks=[make_trunk("carrier")], campaign=campaign, profile=SHORT_RINGS
    ) as site:
        await asyncio.sleep(2 * 3600)
        assert (site.centre_view.state.trunks[0].state, site.centre_view.state.trunks[0].failures) == ("working", 0)
        times: dict[str, list[float]] = {}
        for call in site.switch.placed_calls:
            times.setdefault(call.number, []).append(call.placed_at)
    outcomes = query_site_store(
        tmp_path, "SELECT outcome, count(*), count(attempt_number) FROM attempt GROUP BY outcome"
    )
    assert outcomes == [("left", 3, 3), ("no-answer", 12, 12)]  # nine numbers, because some voters share one
    assert sorted(len(placed) for placed in times.values()) == [1] * 3 + [2] * 6
    assert all(placed[-1] - placed[0] >= 3600 for placed in times.values() if len(placed) > 1)
    assert query_site_store(tmp_path, "SELECT count(*) FROM attempt WHERE ringing_at IS NULL") == [(0,)]


@virtual_time()
async def test_sip_5xx_after_early_media_is_a_trunk_failure_and_an_attempt(
    tmp_path: Path,
) -> None:
    """The early media may announce that the number does not exist. If it cost no attempt, such a number would be called
    again and again.
    """
    people = [
        Behaviour(answer_after=6.0, fails_with=503) if n % 2 else Behaviour(answer_after=6.0, hang_up_after=5.0)
        for n in range(60)
    ]
    config = replace(make_scripted_switch(*people), trunks=(SimulatedTrunk("carrier", rings_with=(183,)),))
    campaign = {**IVR, "channels": 4, "max_attempts": 1}
    async with a_site(
        tmp_path, config, voters=60, trunks=[make_trunk("carrier")], campaign=campaign, profile=SHORT_RINGS
    ) as site:
        await asyncio.sleep(3600)
        called = Counter(call.number for call in site.switch.placed_calls)
        assert site.centre_view.state.trunks[0].failures >= 15
    assert set(called.values()) == {1}
    ((given_back,),) = query_site_store(tmp_path, "SELECT count(*) FROM attempt WHERE attempt_number IS NULL")
    assert given_back == 0


@virtual_time()
async def test_ring_time_starts_at_the_ringing_that_follows_early_media(tmp_path: Path) -> None:
    """The carrier sends 183, and 180 a second later. The minimum ring time counts from 180, and the pacer gets one
    ringing.
    """
    config = make_scripted_switch(Behaviour(answer_after=6.0, hang_up_after=5.0, rings_with=(183, 180)))
    async with a_site(tmp_path, config, voters=1, campaign={**IVR, "channels": 1}) as site:
        await site.until(lambda: bool(site.ended()), seconds=60)
        assert (
            site.centre_view.state.trunks[0].ringing_seconds or 9.0
        ) < 0.5  # the carrier accepted the call at the 183
        ringing = [change for change in site.changes if isinstance(change, CallChange)]
        assert [change.state for change in ringing].count(CallState.RINGING) == 1
    ((rang_for,),) = query_site_store(tmp_path, "SELECT answered_at - ringing_at FROM attempt")
    assert rang_for == pytest.approx(5.0, abs=0.1)


@virtual_time()
async def test_busy_invalid_or_declined_numbers_do_not_suspend_the_trunk(tmp_path: Path) -> None:
    scripts = {f"+91{7_000_000_001 + n}": Behaviour(fails_with=(404, 486, 603, 0, 480)[n % 5]) for n in range(90)}
    config = replace(make_answering_switch(), scripts=scripts)
    campaign = {**IVR, "channels": 4, "ring_seconds": 10}
    async with a_site(tmp_path, config, trunks=[make_trunk("carrier")], campaign=campaign, profile=SHORT_RINGS) as site:
        await site.until(lambda: len(site.ended()) >= 40, seconds=400)
        assert site.centre_view.state.trunks[0].state == "working"
        assert site.centre_view.state.trunks[0].failures == 0


@virtual_time()
async def test_suspended_trunk_is_tested_again_if_the_store_refused_the_test_call(tmp_path: Path) -> None:
    async with run_centre_with_resting_trunk(tmp_path) as site:
        site.switch.bring_trunk_up("carrier")
        store = site.centre.store
        refused: list[NewAttempt] = []
        whole = store.commit_new_attempts

        async def refuse_one(attempts: Sequence[NewAttempt], **limits: Any) -> list[Refusal | None]:
            if refused:
                return await whole(attempts, **limits)
            refused.extend(attempts)
            return [Refusal.CLAIM_LOST] * len(attempts)

        store.commit_new_attempts = refuse_one  # type: ignore[method-assign]  # as the store replies for a lost claim
        await site.until(lambda: bool(refused), seconds=120)
        await site.until(lambda: site.centre_view.state.trunks[0].state == "working", seconds=60)


@virtual_time()
async def test_suspended_trunk_is_tested_again_if_the_test_call_was_not_committed(tmp_path: Path) -> None:
    async with run_centre_with_resting_trunk(tmp_path) as site:
        site.switch.bring_trunk_up("carrier")
        failing = FailingStore(site, "commit_new_attempts")
        await site.until(lambda: site.centre_view.state.trunks[0].state == "probing", seconds=120)
        await asyncio.sleep(10)
        failing.failing = False
        await site.until(lambda: site.centre_view.state.trunks[0].state == "working", seconds=120)


@virtual_time()
async def test_transfer_call_over_a_suspended_trunk_does_not_count_as_a_test_call(tmp_path: Path) -> None:
    outside = "+911140009999"
    first = Behaviour(answer_after=1.0, talk_seconds=4_000.0)
    voters = {f"+91{7_000_000_001 + n}": first if n == 0 else replace(first, talk_seconds=5.0) for n in range(80)}
    config = replace(
        make_answering_switch(), seats=make_seat_phones(2), scripts={**voters, outside: Behaviour(answer_after=2.0)}
    )
    target = {"name": "party-office", "kind": "outside", "number": outside, "trunk": "carrier"}
    campaign = {"wrap_up_seconds": 1, "ring_seconds": 10}
    async with a_site(
        tmp_path,
        config,
        seats=2,
        trunks=[make_trunk("carrier")],
        campaign=campaign,
        profile=SHORT_RINGS,
        transfers=[target],
    ) as site:
        execute = site.centre.engine.execute_command
        await site.log_in("01")
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.TALKING, seconds=60)
        await asyncio.sleep(3)
        await site.log_in("02")
        site.switch.take_trunk_down("carrier")
        await site.until(lambda: site.centre_view.state.trunks[0].state == "resting", seconds=300)
        await execute(PauseCampaign(campaign_id="agents"))
        site.switch.bring_trunk_up("carrier")
        await site.until(lambda: site.centre_view.state.trunks[0].state == "probing", seconds=300)
        await execute(SeatConsult(seat="01", to="party-office"))
        await asyncio.sleep(10)
        assert site.centre_view.seats[0].transfer == "consult"
        await execute(SeatCancelConsult(seat="01"))
        await execute(ResumeCampaign(campaign_id="agents"))
        await site.until(lambda: site.centre_view.state.trunks[0].state == "working", seconds=60)
