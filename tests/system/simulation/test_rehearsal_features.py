"""Rehearsals of different sites: certificates, skills, booth workers, stricter rules and faults."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dialer.cli.main import app
from dialer.domain.finding import Level
from dialer.engine.seats.pins import hash_pin
from dialer.settings.site import Settings
from dialer.simulation.asterisk.voters import VoterProfile
from dialer.simulation.rehearsal.day import plan_rehearsed_days
from dialer.simulation.rehearsal.faults import NOBODY_LEFT, NOT_OVER
from dialer.simulation.rehearsal.run import rehearse_day
from dialer.simulation.rehearsal.site import read_store_data_for_rehearsal
from dialer.simulation.rehearsal.verdict import DayOutcome, is_site_ready, judge_rehearsed_day
from tests.support.centre import site_settings
from tests.support.certified import certified_site
from tests.support.roll_filler import fill_roll

POLL = date(2024, 4, 26)
HOURS = [{"start": "09:00", "until": "21:00"}]
CLOSES_AT_SIX: dict[str, Any] = {"polls": [{"day": POLL, "closes_at": "18:00"}]}
TEN_MINUTES = 1 / 6


def make_site(directory: Path, *, voters: int = 400, **changes: Any) -> Settings:
    fill_roll(directory / "centre.db", voters, voters_per_booth=100)
    values = {"seats": 3, "campaign": {"pacing": "predictive", "hours": HOURS}, "rules": CLOSES_AT_SIX, **changes}
    return site_settings(directory, 5038, **values)


def rehearse(
    settings: Settings, *, hours: float = TEN_MINUTES, run: int = 0, faults: bool = False, answer_rate: float = 0.6
) -> DayOutcome:
    directory = settings.store.path.parent
    facts = read_store_data_for_rehearsal(settings.store.path, None, 1800.0)
    day = plan_rehearsed_days(settings, POLL, faults=faults, hours=hours, seed=3, areas=facts.areas)[run]
    voters = VoterProfile(answer_rate=answer_rate, talk_mean_seconds=20.0)
    return rehearse_day(settings, settings.store.path, directory, day, voters, lambda _: None)


def list_finding_texts(outcome: DayOutcome, verdict: Level) -> list[str]:
    return [f"{each.subject} {each.text}" for each in judge_rehearsed_day(outcome) if each.level is verdict]


# Certificates


def make_certified_site_settings(directory: Path, **prompt: Any) -> Settings:
    """Return a site whose profile requires certified recordings. The sounds themselves are not installed."""
    audio = certified_site(directory, "turnout", **prompt)
    shutil.rmtree(audio["sounds"])
    sign_off = {
        "permits": "recorded-turnout-in-silence",
        "campaign": "calls",
        "by": "A. Person",
        "day": date(2024, 4, 20),
    }
    settings = make_site(
        directory,
        audio=audio,
        rules={"jurisdiction": "india", "sign_offs": [sign_off], **CLOSES_AT_SIX},
        campaigns=[{"id": "calls", "kind": "ivr", "flow": "turnout", "candidate": "A. Candidate", "hours": HOURS}],
    )
    with closing(sqlite3.connect(settings.store.path, isolation_level=None)) as db:
        db.execute("UPDATE booth SET language = 'hi'")
    return settings


def test_site_with_certified_recordings_is_rehearsed_without_the_sound_files(tmp_path: Path) -> None:
    outcome = rehearse(make_certified_site_settings(tmp_path))
    assert outcome.attempts > 50
    assert is_site_ready([outcome])


@pytest.mark.parametrize(
    ("prompt", "problem"),
    [
        ({"source_sha256": "b" * 64}, "is not the recording to which certificate MCMC/7 was issued"),
        ({"valid_until": date(2024, 4, 25)}, "it expired on 2024-04-25"),
    ],
)
def test_rehearsal_reports_a_missing_or_expired_certificate_of_a_campaign(
    tmp_path: Path, prompt: dict[str, Any], problem: str
) -> None:
    outcome = rehearse(make_certified_site_settings(tmp_path, **prompt))
    assert outcome.attempts == 0
    (text,) = [each for each in list_finding_texts(outcome, Level.ERROR) if "campaign calls" in each]
    assert text.startswith("campaign calls placed no call: a recorded turnout call needs a certificate: ")
    assert problem in text


def test_rehearsal_reports_calls_forbidden_by_missing_prompt_certificates(tmp_path: Path) -> None:
    settings = make_certified_site_settings(tmp_path)
    with closing(sqlite3.connect(settings.store.path, isolation_level=None)) as db:
        db.execute("UPDATE booth SET language = 'mr' WHERE booth_id % 2 = 0")
    outcome = rehearse(settings)
    assert outcome.attempts > 20
    assert any("calls were forbidden (certificate)" in text for text in list_finding_texts(outcome, Level.WARNING))


# Agents


def test_rehearsed_calls_that_require_a_skill_go_only_to_agents_with_the_skill(tmp_path: Path) -> None:
    agents = [
        {"number": "11", "pin": hash_pin("4711")},
        {"number": "12", "pin": hash_pin("4711"), "skills": ["tamil"]},
    ]
    outcome = rehearse(make_site(tmp_path, campaign={"hours": HOURS, "skill": "tamil"}, agents=agents))
    assert outcome.connected > 2
    assert is_site_ready([outcome])
    with closing(sqlite3.connect(tmp_path / "1-0.db")) as db:
        assert {agent for (agent,) in db.execute("SELECT DISTINCT agent FROM attempt WHERE agent IS NOT NULL")} == {"2"}
        assert db.execute("SELECT count(DISTINCT seat) FROM seat_interval WHERE agent IS NOT NULL").fetchone() == (2,)


def test_simulated_agents_enter_the_voter_serial_numbers_that_booth_workers_report(tmp_path: Path) -> None:
    campaign = {"id": "workers", "kind": "agents", "purpose": "booth-workers", "hours": HOURS}
    settings = make_site(tmp_path, campaigns=[campaign])
    workers = tmp_path / "workers.csv"
    rows = [f"{constituency},{part},+91 98200 001{part:02d},Asha,hi" for constituency, part in _read_booths(settings)]
    workers.write_text("\n".join(["constituency,part,number,name,language", *rows]))
    (tmp_path / "import.toml").write_text(f'[store]\npath = "{settings.store.path}"\n')
    result = CliRunner().invoke(app, ["workers", "import", str(workers), "-c", str(tmp_path / "import.toml")])
    assert result.exit_code == 0, result.output
    outcome = rehearse(settings, answer_rate=0.95)
    assert outcome.connected > 0
    assert is_site_ready([outcome])
    with closing(sqlite3.connect(tmp_path / "1-0.db")) as db:
        serials = "SELECT (SELECT count(*) FROM mark) + (SELECT count(*) FROM unknown_serial)"
        assert db.execute(serials).fetchone()[0] >= outcome.connected


def _read_booths(settings: Settings) -> list[tuple[int, int]]:
    with closing(sqlite3.connect(settings.store.path)) as db:
        return list(db.execute("SELECT constituency_number, part_number FROM booth"))


# Rules


def test_rules_profile_stricter_than_a_default_setting_can_be_rehearsed(tmp_path: Path) -> None:
    rules = {**CLOSES_AT_SIX, "stricter": {"redial_lock": {"hours": 100}}}
    assert rehearse(make_site(tmp_path, rules=rules), hours=0.1).attempts > 10


def test_rehearsal_applies_the_strictest_abandoned_call_cap_of_the_profile(tmp_path: Path) -> None:
    caps = [{"window_hours": hours, "share": 0.015} for hours in (24, 720)]
    rules = {**CLOSES_AT_SIX, "stricter": {"abandoned": {"caps": caps}}}
    outcome = rehearse(make_site(tmp_path, rules=rules), hours=0.1)
    assert outcome.abandoned_limit == 0.015


# Faults


def test_fault_recovery_is_not_judged_once_all_numbers_were_called(tmp_path: Path) -> None:
    outcome = rehearse(make_site(tmp_path, voters=12), hours=0.12, run=2, faults=True, answer_rate=0.95)
    assert is_site_ready([outcome]), list_finding_texts(outcome, Level.ERROR)
    assert NOBODY_LEFT in outcome.not_judged.values()


def test_fault_recovery_after_the_end_of_a_rehearsal_is_not_judged(tmp_path: Path) -> None:
    careful = {"hours": HOURS, "pacing": "progressive"}  # one abandoned call of thirty would be more than 3 %
    outcome = rehearse(make_site(tmp_path, campaign=careful), run=2, faults=True)
    assert is_site_ready([outcome]), list_finding_texts(outcome, Level.ERROR)
    assert NOT_OVER in outcome.not_judged.values()


# The command


def test_rehearsal_command_reports_what_must_be_done_before_the_polling_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_site(tmp_path)
    with closing(sqlite3.connect(settings.store.path, isolation_level=None)) as db:
        db.execute(
            "INSERT INTO campaign (campaign_id, kind, purpose, state) VALUES ('agents', 'agents', 'turnout', 'paused')"
        )
        db.execute("UPDATE booth SET closes_at = '09:36'")
    config = tmp_path / "centre.toml"
    config.write_text(
        f"""
        store = {{ path = "{settings.store.path}", reserve_megabytes = 1 }}
        broker = {{ enabled = false }}
        rules = {{ polls = [{{ day = 2024-04-26 }}] }}
        trunks = [{{ name = "carrier", endpoint = "carrier", caller_ids = ["+911140000001"] }}]
        seats = [{{ name = "01", endpoint = "agent01" }}]
        campaigns = [{{ id = "agents", kind = "agents" }}]
        """
    )
    # Logging would go to the runner's output, which is closed afterwards.
    monkeypatch.setattr("dialer.cli.logs.configure_quiet_logging", lambda: None)
    ran = CliRunner().invoke(app, ["rehearse", "-c", str(config), "--no-faults", "--answer-rate", "0.9"])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.output
    assert "polls: all polls in the settings are in the past, the last one on 2024-04-26" in ran.output
    assert "campaign agents: paused, but rehearsed as running" in ran.output
    assert "the site's load: 2024-04-26 09:00 to 09:06" in ran.output  # the last call is half an hour before the close
