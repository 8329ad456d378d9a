"""The rules gate in the engine, in virtual time on the simulated Asterisk: forbidden calls are not dialled or
connected.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.errors import CommandRefused
from dialer.domain.model import Outcome
from dialer.domain.view import CallState
from dialer.engine.external_records.commands import RecordOptOuts
from dialer.errors import SettingError
from dialer.rules.number_hash import compute_secret_fingerprint, hash_number
from dialer.settings.jurisdiction import load_profile
from dialer.simulation.asterisk.voters import Behaviour
from dialer.simulation.site import create_profile_without_calling_hours
from tests.support.centre import START_EPOCH, a_site, agents_at_work
from tests.support.certified import certified_site
from tests.support.roll_filler import fill_roll
from tests.support.rules import moment
from tests.support.stored import query_site_store
from tests.support.virtual import virtual_time
from tests.support.voters import make_answering_switch, make_scripted_switch

RINGS_OUT: dict[str, Any] = {"fails_with": 0, "answer_after": 10.0}
IVR = {"id": "ivr", "kind": "ivr", "flow": "turnout", "pacing": "broadcast", "channels": 5}
MATERIAL = {"purpose": "material", "candidate": "A. Candidate"}
POLL = {"polls": [{"day": "2024-04-23"}]}  # tomorrow; at 09:30 the silence interval has lasted since 18:00 on Sunday


def prepare_store(directory: Path, *statements: str, voters_per_booth: int = 100) -> None:
    """Create a roll, and the other contents of the store before the dialler starts."""
    fill_roll(directory / "centre.db", 90, voters_per_booth=voters_per_booth)
    with contextlib.closing(sqlite3.connect(directory / "centre.db")) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


@virtual_time()
async def test_campaign_with_political_material_is_held_in_the_silence_interval_before_the_poll(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(**RINGS_OUT), campaign=MATERIAL, rules=POLL) as site:
        await site.log_in("01")
        await asyncio.sleep(30)
        assert not site.switch.placed_calls
        held = "silence interval of the polling area: no material calls until Tue 23 Apr 18:00"
        assert str(site.centre_view.campaigns[0].hold) == held
    assert query_site_store(tmp_path, "SELECT count(*) FROM target WHERE state <> 'due' OR due_at > 0") == [(0,)]


@virtual_time()
async def test_silence_interval_forbids_calls_only_in_the_areas_of_the_poll(tmp_path: Path) -> None:
    """Of 90 voters those of the first booth vote tomorrow, those of the second booth in June."""
    prepare_store(tmp_path, "UPDATE booth SET constituency_number = 9 WHERE booth_id = 1", voters_per_booth=45)
    rules = {"polls": [{"day": "2024-04-23", "constituencies": [9]}, {"day": "2024-06-01"}]}
    async with a_site(tmp_path, make_answering_switch(**RINGS_OUT), campaign=MATERIAL, rules=rules) as site:
        await site.log_in("01", "02")
        await site.until(lambda: len(site.switch.placed_calls) > 20)
        assert site.centre_view.campaigns[0].refused["silence"] > 5
        assert set(site.centre_view.campaigns[0].refused) == {"silence"}
    assert query_site_store(tmp_path, "SELECT DISTINCT booth_id FROM attempt JOIN voter USING (voter_id)") == [(2,)]
    put_off = query_site_store(tmp_path, "SELECT DISTINCT due_at FROM target WHERE booth_id = 1 AND due_at > 0")
    assert put_off == [(moment("2024-04-23T18:00"),)]


@virtual_time()
async def test_area_without_a_known_polling_date_raises_an_alert(tmp_path: Path) -> None:
    prepare_store(tmp_path, "UPDATE booth SET constituency_number = 9 WHERE booth_id = 2", voters_per_booth=45)
    rules = {"polls": [{"day": "2024-06-01", "constituencies": [9]}]}
    async with a_site(
        tmp_path,
        make_answering_switch(fails_with=0, answer_after=1.0),
        campaign=MATERIAL,
        rules=rules,
    ) as site:
        await site.log_in("01")
        await site.until(lambda: bool(site.centre_view.alerts) and len(site.switch.placed_calls) > 3)
        [alert] = site.centre_view.alerts
        assert alert.code == "rules-poll-unknown"
        assert "its polling day is unknown. Ask the administrator to add it" in alert.text


@virtual_time()
async def test_turnout_campaign_may_dial_in_the_silence_interval_before_the_poll(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(**RINGS_OUT), rules=POLL) as site:
        await site.log_in("01")
        await site.until(lambda: len(site.switch.placed_calls) > 3)
        assert not site.centre_view.campaigns[0].refused


@virtual_time()
async def test_numbers_that_the_rules_forbid_are_postponed_and_permitted_numbers_are_dialled(
    tmp_path: Path,
) -> None:
    attempt = (
        "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id, created_at,"
        " ended_at, outcome) VALUES ('{0}', 'other', {1}, {1}, {2}, 't', 'c', {3}, {3}, '{4}')"
    )
    register = "INSERT INTO register VALUES ('own', {0}, {0}, 1, '')"
    earlier = START_EPOCH - 1000
    prepare_store(
        tmp_path,
        "INSERT INTO campaign (campaign_id, kind, purpose) VALUES ('other', 'agents', 'turnout')",
        register.format(earlier),
        "INSERT INTO registered VALUES ('+917000000001', 'own')",
        attempt.format("a", 2, 1, START_EPOCH - 3600 * 71, "abandoned"),
        *(attempt.format(f"b{number}", 3, number, earlier, "busy") for number in (1, 2, 3)),
        "UPDATE phone SET consent = 'withdrawn' WHERE phone_id = 4",
    )
    async with a_site(tmp_path, make_answering_switch(**RINGS_OUT)) as site:
        await site.log_in("01", "02")
        await site.until(lambda: len(site.switch.placed_calls) > 20)
        dialled = {call.number for call in site.switch.placed_calls}
        assert not dialled & {f"+91700000000{number}" for number in (1, 2, 3, 4)}
        assert dict(site.centre_view.campaigns[0].refused) == {
            "do-not-call-register": 1,
            "redial-lock": 1,
            "attempts": 1,
            "consent-withdrawn": 1,
        }
        refused = {"do-not-call-register": 1, "consent-withdrawn": 1}
        await site.until(lambda: dict(site.centre_view.campaigns[0].progress.refused) == refused)
    due = dict(query_site_store(tmp_path, "SELECT phone_id, due_at FROM target WHERE phone_id <= 4"))
    assert due[2] == START_EPOCH + 3600
    assert due[3] == moment("2024-04-23T09:00")


@virtual_time()
async def test_campaign_without_certificate_or_register_is_held(
    tmp_path: Path,
) -> None:
    dialling = {"drain_seconds": 1, "max_attempts_per_day": 3}
    both = [
        {**IVR, "hours": [{"start": "09:00", "until": "20:00"}]},
        {"id": "agents", "kind": "agents", "purpose": "material", "candidate": "A. Candidate"},
    ]
    rules = {"jurisdiction": "india", "polls": [{"day": "2024-05-20"}]}
    async with a_site(tmp_path, make_answering_switch(), campaigns=both, rules=rules, dialling=dialling) as site:
        await site.log_in("01")
        await asyncio.sleep(10)
        assert not site.switch.placed_calls
        ivr, agents = site.centre_view.campaigns
        assert ivr.hold is not None
        assert "needs a certificate: the prompts to be played are unknown (check `audio.catalogue`)" in str(ivr.hold)
        assert agents.hold is not None
        assert "the do-not-call register 'ncpr' is not imported" in str(agents.hold)
    assert query_site_store(tmp_path, "SELECT count(*) FROM target WHERE state <> 'due' OR due_at > 0") == [(0,)]


@virtual_time()
async def test_campaign_is_held_when_the_certificate_of_a_recording_expires(
    tmp_path: Path,
) -> None:
    """The catalogue alone contains the certificate, the recording's hash and the last day of validity."""
    audio = certified_site(tmp_path, "turnout")
    rules = {"jurisdiction": "india", "polls": [{"day": "2024-05-20"}]}
    dialling = {"drain_seconds": 1, "max_attempts_per_day": 3}
    ivr = {**IVR, "hours": [{"start": "09:00", "until": "20:00"}]}
    prepare_store(tmp_path, "UPDATE booth SET language = 'bn' WHERE booth_id = 1", voters_per_booth=45)
    with contextlib.closing(sqlite3.connect(tmp_path / "centre.db")) as db:
        db.execute("UPDATE booth SET language = 'hi' WHERE booth_id = 2")
        db.commit()
    async with a_site(
        tmp_path, make_answering_switch(**RINGS_OUT), campaigns=[ivr], rules=rules, dialling=dialling, audio=audio
    ) as site:
        await site.until(lambda: len(site.switch.placed_calls) >= 5)
        assert set(site.centre_view.campaigns[0].refused) <= {"certificate"}
        certified_site(tmp_path, "turnout", source_sha256="b" * 64)  # recorded again, with the old certificate
        await site.until(lambda: site.centre_view.campaigns[0].hold is not None, seconds=60.0)
        assert "is not the recording to which certificate MCMC/7 was issued" in str(site.centre_view.campaigns[0].hold)
        placed = len(site.switch.placed_calls)
        await asyncio.sleep(60)
        assert len(site.switch.placed_calls) == placed
    assert query_site_store(tmp_path, "SELECT DISTINCT booth_id FROM attempt JOIN voter USING (voter_id)") == [(2,)]


@virtual_time()
async def test_daily_cap_on_conversations_counts_the_calls_of_all_campaigns_to_a_voter(
    tmp_path: Path,
) -> None:
    """Two campaigns have the same numbers in their hoppers. The cap of two conversations a day applies to both
    together.
    """
    two = [
        {"id": name, "kind": "agents", "pacing": "progressive", "other_retry_minutes": 1, "max_attempts": 9}
        for name in ("first", "second")
    ]
    answers = make_answering_switch(answer_after=2.0, talk_seconds=5.0)
    async with a_site(tmp_path, answers, voters=3, campaigns=two) as site, agents_at_work(site):
        await asyncio.sleep(1800)
    talks = query_site_store(
        tmp_path,
        "SELECT count(*), count(DISTINCT campaign_id) FROM attempt WHERE connected_at IS NOT NULL GROUP BY phone_id",
    )
    assert talks
    assert max(count for count, _ in talks) <= 2
    assert max(campaigns for _, campaigns in talks) == 2
    assert all(count <= 3 for (count,) in query_site_store(tmp_path, "SELECT count(*) FROM attempt GROUP BY phone_id"))


@virtual_time()
async def test_voter_who_answers_after_calling_hours_hears_the_information_message(tmp_path: Path) -> None:
    """Calling hours include the ring time, so this happens only if the clock is set forward meanwhile."""
    async with a_site(tmp_path, make_answering_switch(answer_after=10.0, talk_seconds=60.0), seats=1) as site:
        await site.log_in("01")
        await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.RINGING, 0) == 1)
        site.clock.set_wall_clock_forward_or_back(moment("2024-04-22T20:30") - site.clock.now())
        await site.until(lambda: bool(site.ended()))
        await asyncio.sleep(5)
        assert [change.outcome for change in site.ended()] == [Outcome.ABANDONED]
        assert site.centre_view.campaigns[0].connected == 0
        assert site.centre_view.campaigns[0].refused["calling-hours"] == 1


@virtual_time()
async def test_voter_who_opts_out_while_the_phone_rings_is_not_connected_to_an_agent(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(answer_after=10.0), campaign=IVR) as site:
        await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.RINGING, 0) == 5)
        for phone_id in range(1, 1000):  # the hang-up comes too late
            site.centre.engine.features.recent_calls_and_opt_outs.remember_opt_out_of_number(phone_id)
        await site.until(lambda: len(site.ended()) >= 5)
        assert site.centre_view.campaigns[0].refused["opted-out"] >= 5
        assert not site.centre_view.state.marks
        outcomes = {change.outcome for change in site.ended()[:5]}
        assert outcomes == {Outcome.LEFT}


@virtual_time()
async def test_other_centres_opt_out_cancels_the_ringing_call_and_blocks_the_number(tmp_path: Path) -> None:
    secret = "twenty characters, at least"
    rules = {"opt_out_secret": secret}
    async with a_site(tmp_path, make_answering_switch(answer_after=25.0), campaign=IVR, rules=rules) as site:
        await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.RINGING, 0) == 5)
        number = site.switch.placed_calls[0].number
        began = site.clock.monotonic()
        await site.centre.engine.import_opt_out_from_other_centre(
            hash_number(secret.encode(), number), at=began, centre="pune-2"
        )
        await site.until(lambda: bool(site.ended()), seconds=1.0)
        assert [change.outcome for change in site.ended()] == [Outcome.CANCELLED]
        assert site.centre_view.state.opt_outs == 1
        await site.centre.engine.import_opt_out_from_other_centre(
            "0" * 64, at=began, centre="pune-2"
        )  # a number on no roll of this centre
        assert site.centre_view.state.opt_outs == 1
    assert query_site_store(tmp_path, "SELECT e164, source FROM opt_out") == [(number, "centre pune-2")]
    placed = [call.number for call in site.switch.placed_calls]
    assert placed.count(number) == 1


@virtual_time()
async def test_opt_out_from_the_command_line_cancels_a_ringing_call(tmp_path: Path) -> None:
    secret = "twenty characters, at least"
    async with a_site(
        tmp_path, make_answering_switch(answer_after=25.0), campaign=IVR, rules={"opt_out_secret": secret}
    ) as site:
        await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.RINGING, 0) == 5)
        number = site.switch.placed_calls[0].number
        hashes = (hash_number(secret.encode(), number), "0" * 64)
        told = RecordOptOuts(
            hashes=hashes,
            fingerprint=compute_secret_fingerprint(secret.encode()),
            source="letter-12",
            batch="b-1",
            who="asha",
        )
        assert await site.centre.engine.execute_command(told) == "2 numbers suppressed, 0 were already suppressed"
        await site.until(lambda: bool(site.ended()), seconds=1.0)
        assert [change.outcome for change in site.ended()] == [Outcome.CANCELLED]
        assert site.centre_view.state.opt_outs == 1
        with pytest.raises(CommandRefused, match="hashed with a secret that the dialler does not have"):
            await site.centre.engine.execute_command(told.model_copy(update={"fingerprint": "0" * 16}))
    assert query_site_store(tmp_path, "SELECT e164, source FROM opt_out") == [(number, "letter-12")]
    assert query_site_store(tmp_path, "SELECT DISTINCT centre FROM opt_out_hash") == [(site.centre_view.state.centre,)]
    assert query_site_store(tmp_path, "SELECT count(*) FROM outbox WHERE topic = 'results/opt-outs'") == [(2,)]
    assert [call.number for call in site.switch.placed_calls].count(number) == 1


@virtual_time()
async def test_opt_out_entered_by_a_voter_is_published_as_a_hash_of_the_number(tmp_path: Path) -> None:
    secret = "twenty characters, at least"
    config = make_scripted_switch(Behaviour(keys=((4.0, "9"),)))
    async with a_site(tmp_path, config, campaign=IVR, rules={"opt_out_secret": secret}) as site:
        await site.until(lambda: site.centre_view.state.opt_outs == 1)
    [(payload,)] = query_site_store(tmp_path, "SELECT payload FROM outbox WHERE topic = 'results/opt-outs'")
    assert json.loads(payload)["number_hash"] == hash_number(secret.encode(), "+917000000001")
    assert "7000000001" not in payload


@virtual_time()
async def test_dialler_does_not_start_with_settings_looser_than_the_rules_profile(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"abandoned_limit: 0\.05 is looser"):
        async with a_site(tmp_path, campaign={"abandoned_limit": 0.05}):
            pass


def test_simulated_centre_uses_the_neutral_rules_profile_except_for_calling_hours() -> None:
    profile, neutral = create_profile_without_calling_hours(), load_profile("neutral")
    assert profile.calling_hours != neutral.calling_hours
    assert profile.model_copy(update={"calling_hours": neutral.calling_hours}) == neutral
