"""Legal grounds: stored with every call, and reported call by call."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from dialer.domain.phone_facts import Consent
from dialer.settings.site import Settings
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.voters import VoterProfile
from dialer.site.checks.explain import CallExplanation, explain_whether_numbers_can_be_called
from dialer.store.consents import set_consent_of_number
from tests.support.centre import START_EPOCH, a_site, agents_at_work, site_settings
from tests.support.command_line import run
from tests.support.stored import query_site_store
from tests.support.virtual import virtual_time
from tests.support.voters import make_answering_switch


@virtual_time()
async def run_four_calls(directory: Path) -> None:
    async with a_site(directory, make_answering_switch(talk_seconds=5.0), seats=2) as site, agents_at_work(site):
        await site.until(lambda: site.centre_view.campaigns[0].connected >= 4)


def test_each_call_is_stored_with_its_legal_grounds_and_the_version_of_the_rules(tmp_path: Path) -> None:
    run_four_calls(tmp_path)
    [(digest, text)] = query_site_store(tmp_path, "SELECT digest, text FROM rules_version")
    assert hashlib.sha256(text.encode()).hexdigest() == digest
    assert json.loads(text)["profile"]["abandoned"]["denominator"] == "live-answers"
    attempts = query_site_store(tmp_path, "SELECT attempt_id, grounds FROM attempt LEFT JOIN lawful USING (lawful_id)")
    assert len(attempts) >= 4
    found = [json.loads(grounds) for _, grounds in attempts]
    assert {(each["verdict"], each["rules"], each["voice"], each["purpose"]) for each in found} == {
        ("allowed", digest, "live", "turnout")
    }
    assert all(each["zones"] and each["consent"] == "unknown" for each in found)
    assert query_site_store(tmp_path, "SELECT count(*) < 3 FROM lawful") == [(1,)]  # equal grounds are stored once
    where = ("--store", tmp_path / "centre.db")
    code, told = run("report", "calls", "--each", "--format", "csv", *where)
    assert code == 0
    listed = {row["attempt"]: row for row in csv.DictReader(io.StringIO(told))}
    assert set(listed) == {attempt for attempt, _ in attempts}
    assert {row["rules"] for row in listed.values()} == {digest}
    assert {row["gap_seconds"] for row in listed.values()} == {""}  # first calls
    for ending in ("json", "xlsx", "pdf"):
        assert run("report", "calls", "--each", "--out", tmp_path / f"calls.{ending}", *where)[0] == 0
    assert run("report", "calls", *where)[0] == 0
    assert run("audit", "verify", *where)[0] == 0


# Decisions checked later, with the facts known at that time

CONSENT_NEEDED = {
    "stricter": {
        "consent": {"live": ["turnout"]},
        "calling_hours": {"weekday": [["09:45", "20:00"]]},
        "minimum_interval": {"minutes": 45},
    }
}


@virtual_time()
async def run_half_an_hour_of_calls(directory: Path, begins: float, rules: dict[str, Any], seed: int) -> None:
    """Run half an hour of calls. Some people opt out in the calls, and some numbers are opted out from outside."""
    config = SimulatedAsteriskConfig(
        seats=make_seat_phones(3), start_epoch=begins, profile=VoterProfile(answer_rate=0.6), seed=seed
    )
    campaign = {
        "pacing": "predictive",
        "busy_retry_minutes": 1,
        "no_answer_retry_minutes": 2,
        "other_retry_minutes": 20,
    }
    async with (
        a_site(directory, config, voters=100, seats=3, rules=rules, campaign=campaign) as site,
        agents_at_work(site),
    ):
        await asyncio.sleep(900)
        for phone_id in range(seed, 60, 9):
            await site.centre.store.save_opt_out(phone_id, at=site.clock.now(), source="letter")
        await asyncio.sleep(900)


def store_consents(directory: Path, status: Consent, phones: range, at: float) -> None:
    with closing(sqlite3.connect(directory / "centre.db", isolation_level=None)) as db:
        for phone_id in phones:
            set_consent_of_number(db, f"+91{7_000_000_000 + phone_id}", status, source="form-7", at=at)


def explain_past_decision(settings: Settings, db: sqlite3.Connection, phone_id: int, at: float) -> CallExplanation:
    """Return what the rule check says about a past call, from what is in the store now."""
    [told] = explain_whether_numbers_can_be_called(settings, db, f"+91{7_000_000_000 + phone_id}", at, past=True)
    return told


def test_rules_explain_command_repeats_the_diallers_decision_of_a_past_time(tmp_path: Path) -> None:
    """The rules change twice and back; consents are given, withdrawn and given again; opt-outs come in between."""
    hour = 3600.0
    run_half_an_hour_of_calls(tmp_path, START_EPOCH, {}, 1)
    store_consents(tmp_path, Consent.GIVEN, range(1, 61), START_EPOCH + 1.5 * hour)
    run_half_an_hour_of_calls(tmp_path, START_EPOCH + 2 * hour, CONSENT_NEEDED, 2)
    store_consents(tmp_path, Consent.WITHDRAWN, range(20, 41), START_EPOCH + 3 * hour)
    run_half_an_hour_of_calls(tmp_path, START_EPOCH + 4 * hour, {}, 3)
    store_consents(tmp_path, Consent.GIVEN, range(30, 81), START_EPOCH + 5 * hour)
    assert len(query_site_store(tmp_path, "SELECT 1 FROM rules_version")) == 2
    attempts = query_site_store(
        tmp_path, "SELECT phone_id, created_at, grounds FROM attempt JOIN lawful USING (lawful_id)"
    )
    consents_of_calls = {json.loads(grounds)["consent"] for *_, grounds in attempts}
    assert (len(attempts) > 100, consents_of_calls) == (True, {"unknown", "given"})
    opted_out = query_site_store(tmp_path, "SELECT phone_id, opted_out_at FROM phone WHERE opted_out_at IS NOT NULL")
    assert len(opted_out) > 12
    settings = site_settings(
        tmp_path, 1, rules=CONSENT_NEEDED, campaign={"other_retry_minutes": 120}
    )  # the grounds of the day after
    with closing(sqlite3.connect(tmp_path / "centre.db")) as db:
        for phone_id, created_at, grounds in attempts:
            told = explain_past_decision(settings, db, phone_id, created_at)
            assert (told.reasons, told.grounds) == ((), grounds)
            assert told.allowed
        for phone_id, at in opted_out:
            before, after = (explain_past_decision(settings, db, phone_id, moment) for moment in (at - 0.001, at))
            assert not any("opted out" in reason for reason in before.reasons)
            assert any("opted out" in reason for reason in after.reasons)
        # By the current rules nobody may be called before 09:45. The person who withdrew at noon had agreed at 11:30.
        told = explain_past_decision(settings, db, 25, START_EPOCH + 60)
        assert not any("calling hours" in reason for reason in told.reasons)
        for at, withdrawn in ((2.5, False), (3.0, True), (4.5, True)):
            told = explain_past_decision(settings, db, 25, START_EPOCH + at * hour)
            assert any("withdrawn" in reason for reason in told.reasons) == withdrawn
        no_consent = "a live turnout call needs consent, and none is recorded"
        assert no_consent in explain_past_decision(settings, db, 75, START_EPOCH + 2.1 * hour).reasons
        assert no_consent not in explain_past_decision(settings, db, 75, START_EPOCH + 4.1 * hour).reasons
