"""A rehearsal of a small site: its runs, faults, and the verdict on a site that is not ready."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dialer.domain.finding import Level
from dialer.settings.site import Settings
from dialer.simulation.asterisk.voters import VoterProfile
from dialer.simulation.rehearsal.day import CannotRehearse, FaultKind, RehearsedDay, plan_rehearsed_days
from dialer.simulation.rehearsal.run import rehearse_day
from dialer.simulation.rehearsal.site import make_rehearsal_settings
from dialer.simulation.rehearsal.verdict import DayOutcome, is_site_ready, judge_rehearsed_day, plot_rehearsed_days
from dialer.store.exports import append_export_to_audit
from dialer.store.keys import create_store_key_file
from dialer.store.roll import copy_electoral_roll_to_new_store
from tests.support.centre import site_settings
from tests.support.roll_filler import fill_roll

POLL = date(2024, 4, 26)
LIVELY = VoterProfile(answer_rate=0.6, talk_mean_seconds=20.0)


@pytest.fixture
def site(tmp_path: Path) -> Settings:
    fill_roll(tmp_path / "centre.db", 1500, voters_per_booth=100)
    return site_settings(
        tmp_path,
        5038,
        seats=3,
        campaign={"pacing": "predictive", "hours": [{"start": "09:00", "until": "18:00"}]},
        rules={"polls": [{"day": POLL, "closes_at": "18:00"}]},
    )


def test_rehearsal_simulates_the_polling_day_three_times(site: Settings) -> None:
    days = plan_rehearsed_days(site, date(2024, 1, 1), faults=True, hours=2.0, seed=7)
    assert [(day.load, len(day.faults), day.day_length_seconds, day.seed) for day in days] == [
        (1, 0, 7200.0, 7),
        (2, 0, 7200.0, 7),
        (2, len(FaultKind), 7200.0, 7),
    ]
    assert {fault.kind for fault in days[2].faults} == set(FaultKind)
    assert days[0].starts_at == 1_714_102_200.0  # 26 April 2024, 09:00 in India


def test_rehearsal_settings_contain_no_real_asterisk_store_or_broker(site: Settings, tmp_path: Path) -> None:
    rehearsed = make_rehearsal_settings(site, 2, tmp_path / "copy.db", 15_038)
    assert (rehearsed.ami.host, rehearsed.ami.port, rehearsed.fastagi.port) == ("127.0.0.1", 15_038, 0)
    assert rehearsed.store.path == tmp_path / "copy.db"
    assert not rehearsed.broker.enabled
    assert not rehearsed.twilio.enabled
    assert len(rehearsed.seats) == 6
    assert (rehearsed.trunks[0].channels, rehearsed.trunks[0].calls_per_second) == (60, 10.0)


def test_store_copied_for_a_rehearsal_has_the_electoral_roll_without_recorded_votes(
    site: Settings, tmp_path: Path
) -> None:
    store = tmp_path / "centre.db"
    append_export_to_audit(store, "a worker", {"list": "not-yet"}, 1.0)
    with closing(sqlite3.connect(store, isolation_level=None)) as db:
        db.execute("UPDATE voter SET turnout = 'voted', reached = 1 WHERE voter_id < 100")
    assert copy_electoral_roll_to_new_store(store, tmp_path / "copy.db", None) == 1500
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy, closing(sqlite3.connect(store)) as kept:
        assert copy.execute("SELECT count(*) FROM voter WHERE turnout <> 'pending'").fetchone() == (0,)
        assert kept.execute("SELECT count(*) FROM voter WHERE turnout = 'voted'").fetchone() == (99,)


def test_rehearsal_of_an_encrypted_site_leaves_no_unencrypted_files(site: Settings, tmp_path: Path) -> None:
    (tmp_path / "centre.db").unlink()
    key = create_store_key_file(tmp_path / "key")
    fill_roll(tmp_path / "centre.db", 1500, voters_per_booth=100, key=key)
    encrypted = site.model_copy(update={"store": site.store.model_copy(update={"encryption_key_file": key.file})})
    day = plan_rehearsed_days(encrypted, POLL, faults=False, hours=0.2, seed=3)[0]
    outcome = rehearse_day(encrypted, tmp_path / "centre.db", tmp_path, day, LIVELY, lambda _: None)
    assert outcome.attempts > 10
    assert all(holds for holds, _ in outcome.checks.values())
    for store in tmp_path.glob("*.db*"):
        assert b"Voter 4" not in store.read_bytes()
        assert b"+91700000000" not in store.read_bytes()


def test_rehearsed_day_recovers_from_each_simulated_fault(site: Settings, tmp_path: Path) -> None:
    day = plan_rehearsed_days(site, POLL, faults=True, hours=1.0, seed=3)[2]
    done: list[float] = []
    outcome = rehearse_day(site, tmp_path / "centre.db", tmp_path, day, LIVELY, done.append)
    assert outcome.attempts > 100
    assert outcome.reached > 20
    assert all(holds for holds, _ in outcome.checks.values())
    assert set(outcome.recovered) == {kind.value for kind in FaultKind}
    assert done == sorted(done)
    assert done[-1] > 0.95
    assert len(outcome.samples) >= 60  # one a minute
    bad = [finding.text for finding in judge_rehearsed_day(outcome) if finding.level is Level.ERROR]
    assert bad == []
    plot_rehearsed_days([outcome], ZoneInfo("Asia/Kolkata"), tmp_path / "day.svg")
    assert (tmp_path / "day.svg").read_text().startswith("<?xml")


def convert_to_voter_outcome(**changes: object) -> DayOutcome:
    good = DayOutcome(
        day=RehearsedDay("a day", 0.0, 3600.0, 1),
        voters=1000,
        attempts=500,
        answered=150,
        connected=149,
        abandoned=1,
        live_answers=150,
        reached=149,
        utilisation=0.8,
        channels=30,
        abandoned_limit=0.03,
        took_seconds=30.0,
        checks={"nobody was called twice at once": (True, "")},
    )
    return replace(good, **changes)  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"abandoned": 6}, "4.00% of live answers were abandoned; the limit is 3.0%"),
        ({"attempts": 0, "reached": 0}, "no call was placed"),
        ({"took_seconds": 3000.0}, "1 times faster"),
        (
            {"checks": {"nobody was called twice at once": (False, "a-1")}},
            "violated: nobody was called twice at once: a-1",
        ),
    ],
)
def test_rehearsal_lists_errors_first_and_reports_that_the_site_is_not_ready(
    changes: dict[str, object], text: str
) -> None:
    outcome = convert_to_voter_outcome(**changes)
    first = judge_rehearsed_day(outcome)[0]
    assert first.level is Level.ERROR
    assert text in first.text
    assert not is_site_ready([convert_to_voter_outcome(), outcome])


def test_rehearsal_without_errors_reports_that_the_site_is_ready() -> None:
    assert is_site_ready([convert_to_voter_outcome()])
    assert all(finding.level is Level.OK for finding in judge_rehearsed_day(convert_to_voter_outcome()))


@pytest.mark.parametrize(("section", "text"), [("campaigns", "no campaign"), ("trunks", "no Asterisk trunk")])
def test_rehearsal_of_settings_without_campaigns_or_trunks_is_rejected(site: Settings, section: str, text: str) -> None:
    with pytest.raises(CannotRehearse, match=text):
        plan_rehearsed_days(site.model_copy(update={section: ()}), POLL, faults=True, hours=None, seed=1)
