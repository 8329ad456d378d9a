"""The checks that `dialer check` makes: voters who can be called, flows, scripts, folders and ports."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.finding import Finding, Level
from dialer.flows.script import SCRIPTS_DIRECTORY
from dialer.settings.site import Settings
from dialer.site.checks.before_start import check_site
from dialer.store.lock import StoreLock
from dialer.store.lock_holder import find_lock_holder
from tests.support.agi_scripts import skip_without_containment
from tests.support.roll_filler import fill_roll
from tests.support.rules import moment, site

NOON = "2024-04-22T12:00"  # a Monday, four days before the poll
POLL = {"day": "2024-04-26", "closes_at": "18:00"}
QUIET: dict[str, Any] = {
    "ami": {"port": 1, "secret": "mT4-a8Qk2_xWz9"},
    "fastagi": {"port": 0},
    "broker": {"enabled": False},
}
IVR = {"kind": "ivr", "flow": "turnout"}


@dataclass(frozen=True)
class At:
    """A clock that always shows the same time."""

    moment: str

    def now(self) -> float:
        return moment(self.moment)

    def monotonic(self) -> float:
        return 0.0

    def get_seconds_since_boot(self) -> float:
        return 0.0


async def list_findings(settings: Settings, at: str, subject: str = "campaign calls (") -> list[Finding]:
    """Return what the checks report at that time about one subject."""
    return [each async for each in check_site(settings, At(at)) if each.subject.startswith(subject)]


def make_site_without_roll(directory: Path, jurisdiction: str = "neutral", **sections: Any) -> Settings:
    return site(jurisdiction, store={"path": directory / "none.db"}, **QUIET, **sections)


def make_site_with_roll(
    directory: Path, jurisdiction: str = "neutral", closes_at: str = "18:00", **sections: Any
) -> Settings:
    """Return a site whose roll has six booths in constituency 174, where the poll closes at that hour."""
    path = directory / "centre.db"
    fill_roll(path, 54, voters_per_booth=9)
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE booth SET closes_at = ?", (closes_at,))
        db.commit()
    return site(jurisdiction, store={"path": path}, **QUIET, **sections)


@pytest.mark.parametrize(
    ("campaign", "poll", "at", "says"),
    [
        ({}, POLL, "2024-04-26T18:00", "the poll of the polling area closed on Fri 26 Apr 18:00"),
        ({}, POLL, "2024-04-26T17:50", "the last call of the polling day was due on Fri 26 Apr 17:30"),
        ({}, {"day": "2024-04-26"}, "2024-04-27T12:00", "the polling day 2024-04-26 is over"),
        ({"purpose": "survey"}, POLL, "2025-04-22T12:00", "names and numbers must be erased"),
        ({"purpose": "booth-workers"}, POLL, "2024-04-27T12:00", "the last call of the polling day was due"),
        ({"hours": []}, POLL, NOON, "its hours are empty, so it never calls"),
        # It may not call before it is too late: what stands against it passes, and then the poll is over.
        ({"hours": [{"start": "09:00", "until": "10:00"}]}, POLL, "2024-04-26T11:00", "the poll of the polling area"),
    ],
)
async def test_dialer_check_reports_a_campaign_that_can_call_nobody(
    tmp_path: Path, campaign: dict[str, Any], poll: dict[str, Any], at: str, says: str
) -> None:
    for settings in (
        make_site_without_roll(tmp_path, campaign=campaign, rules={"polls": [poll]}),
        make_site_with_roll(tmp_path, campaign=campaign, rules={"polls": [poll]}),
    ):
        found, *_ = await list_findings(settings, at)
        assert found.level is Level.ERROR
        if settings.store.path.name == "none.db" or poll is POLL:
            assert says in found.text


async def test_dialer_check_accepts_a_campaign_that_may_call_voters_of_an_open_poll(tmp_path: Path) -> None:
    settings = make_site_with_roll(tmp_path, rules={"polls": [{"day": "2024-04-26"}]})
    with closing(sqlite3.connect(settings.store.path)) as db:
        db.execute("UPDATE booth SET closes_at = '19:00' WHERE booth_id = 2")
        db.commit()
    found, *_ = await list_findings(settings, "2024-04-26T18:15")
    assert (found.level, found.text) == (Level.OK, "may call now; calling hours 09:00-21:00 (Asia/Kolkata)")
    found, *_ = await list_findings(settings, "2024-04-26T18:45")
    assert found.level is Level.ERROR


async def test_close_of_poll_is_needed_only_by_campaigns_with_a_silence_interval(tmp_path: Path) -> None:
    rules = {"polls": [{"day": "2024-04-26"}]}
    live = make_site_with_roll(tmp_path, "india", "", rules=rules)
    material = live.model_copy(update={"campaigns": site("india", campaign={"purpose": "material"}).campaigns})
    (campaign,), (silence,) = await list_findings(live, NOON), await list_findings(live, NOON, "silence interval")
    assert (campaign.level, silence.level) == (Level.OK, Level.OK)
    assert silence.text == "the silence interval applies to no campaign; 6 polling areas"
    (silence,) = await list_findings(material, NOON, "silence interval")
    assert silence.level is Level.ERROR


async def test_dialer_check_warns_of_caller_id_areas_without_booths_on_the_roll(tmp_path: Path) -> None:
    ours, others = "+911140000001", "+915224000001"
    areas = [
        {"states": ["S24"], "constituencies": [174], "caller_ids": [others]},
        {"states": ["UP"], "caller_ids": [others]},
    ]
    trunk = {"name": "carrier", "endpoint": "carrier", "caller_ids": [ours, others], "areas": areas}
    found = await list_findings(make_site_with_roll(tmp_path, trunks=[trunk]), NOON, "trunk carrier")
    assert [(each.level, each.subject) for each in found] == [
        (Level.OK, "trunk carrier, area 1"),
        (Level.WARNING, "trunk carrier, area 2"),
        (Level.OK, "trunk carrier"),
    ]
    assert found[0].text == "1 caller IDs for 6 of 6 booths"
    assert "the roll has S24" in found[1].remedy
    assert found[2].text == "1 caller IDs for all other voters"


async def test_dialer_check_warns_of_implausible_caller_ids_and_languages(tmp_path: Path) -> None:
    trunk = {"name": "carrier", "endpoint": "carrier", "caller_ids": ["+911140000001", "140"]}
    seat = {"name": "01", "endpoint": "agent01", "languages": ["hi", "xx"]}
    settings = make_site_with_roll(tmp_path, trunks=[trunk], seats=[seat])
    (number,) = await list_findings(settings, NOON, "trunks.carrier.caller_ids")
    (language,) = await list_findings(settings, NOON, "seats.01.languages")
    assert (number.level, language.level) == (Level.WARNING, Level.WARNING)
    assert number.text.startswith("140 is not in E.164 format")
    assert language.text.startswith("'xx' is not the code of a language")


async def test_dialer_check_reports_a_flows_folder_that_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "flows"
    settings = make_site_without_roll(tmp_path, desk={"flows_folder": file})
    assert await list_findings(settings, NOON, "desk.flows_folder") == []
    file.write_text("no folder", encoding="utf-8")
    (finding,) = await list_findings(settings, NOON, "desk.flows_folder")
    assert (finding.text, finding.remedy) == (f"{file} is a file", "name a folder")


async def test_dialer_check_names_the_time_from_which_a_campaign_may_call(tmp_path: Path) -> None:
    (found, _) = await list_findings(make_site_without_roll(tmp_path, rules={"polls": [POLL]}), "2024-04-22T22:00")
    assert found.level is Level.OK
    assert found.text.endswith("next: Tue 23 Apr 09:00")
    workers = make_site_with_roll(tmp_path, campaign={"purpose": "booth-workers"}, rules={"polls": [POLL]})
    (found, _) = await list_findings(workers, NOON)
    assert found.level is Level.OK
    assert found.text.startswith("in every polling area: it calls on the polling day 2024-04-26 only")
    assert found.text.endswith("next: Fri 26 Apr 09:00")


async def test_dialer_check_reports_a_campaign_without_certificate_or_close_of_poll(tmp_path: Path) -> None:
    rules = {"polls": [{"day": "2024-04-26"}]}
    settings = make_site_with_roll(tmp_path, "india", "", campaign=IVR, rules=rules)
    (found,) = await list_findings(settings, NOON)
    assert (found.level, "needs a certificate" in found.text) == (Level.ERROR, True)
    (silence,) = await list_findings(settings, NOON, "silence interval")
    assert silence.level is Level.ERROR
    assert silence.text.startswith("6 polling areas have no close of poll, so calls cannot call there")

    own = Path("config/jurisdictions/india.toml").read_text(encoding="utf-8")
    needed = 'needed_for = ["turnout", "material", "survey"]'
    assert own.count(needed) == 1
    (tmp_path / "own.toml").write_text(own.replace(needed, "needed_for = []"), encoding="utf-8")
    settings = settings.model_copy(
        update={"rules": settings.rules.model_copy(update={"jurisdiction": str(tmp_path / "own.toml")})}
    )
    (found,) = await list_findings(settings, NOON)
    assert (found.level, "close of poll of this polling area is unknown" in found.text) == (Level.ERROR, True)


@pytest.mark.parametrize(
    ("jurisdiction", "hours", "left"),
    [
        ("india", ("08:00", "23:00"), "calling hours 08:00-23:00 are limited by the profile india to 09:00-21:00"),
        ("india", ("06:00", "08:00"), "calling hours 06:00-08:00 are limited by the profile india to nothing"),
        ("india", ("10:00", "21:00"), None),
    ],
)
async def test_dialer_check_warns_of_calling_hours_that_the_jurisdiction_profile_shortens(
    tmp_path: Path, jurisdiction: str, hours: tuple[str, str], left: str | None
) -> None:
    campaign = {"hours": [{"start": hours[0], "until": hours[1]}]}
    found = await list_findings(make_site_without_roll(tmp_path, jurisdiction, campaign=campaign), NOON)
    notes = [each.text for each in found if each.level is Level.WARNING]
    assert notes == ([] if left is None else [left])
    assert (found[0].level is Level.ERROR) == (left is not None and "nothing" in left)


async def test_calling_hours_of_the_profile_apply_in_the_time_zone_of_the_called_number(tmp_path: Path) -> None:
    campaign = {"hours": [{"start": "06:00", "until": "23:00"}]}
    settings = make_site_without_roll(tmp_path, campaign=campaign, dialling={"allowed_prefixes": ["+1"]})
    *_, narrowed = await list_findings(settings, NOON)
    text = narrowed.text
    assert text.startswith("calling hours 06:00-23:00 are limited by the profile neutral to 09:00-20:00")
    assert text.endswith(" in the number's time zone")


async def test_dialer_check_warns_of_a_paused_campaign(tmp_path: Path) -> None:
    settings = make_site_with_roll(tmp_path)
    with closing(sqlite3.connect(settings.store.path)) as db:
        db.execute(
            "INSERT INTO campaign (campaign_id, kind, purpose, state) VALUES ('calls', 'agents', 'turnout', 'paused')"
        )
        db.commit()
    found, *_ = await list_findings(settings, NOON)
    assert (found.level, found.text) == (
        Level.WARNING,
        "the campaign is paused: an operator must resume it",
    )


async def test_dialer_check_warns_of_rules_without_a_confirmed_legal_text(tmp_path: Path) -> None:
    notes = [
        each.remedy
        for each in await list_findings(make_site_without_roll(tmp_path), NOON, "rules")
        if each.level is Level.WARNING
    ]
    assert "have a lawyer confirm them (`dialer rules show`)" in notes


# While a dialler runs


async def test_dialer_check_works_next_to_a_running_dialler_without_locking_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_site_with_roll(tmp_path)
    lock = StoreLock(settings.store.path, "a dialler")

    def refuse(self: StoreLock, path: Path, holder: str) -> None:
        raise AssertionError("a check locks nothing")

    monkeypatch.setattr(StoreLock, "__init__", refuse)
    try:
        (found,) = await list_findings(settings, NOON, "store")
    finally:
        lock.release_lock()
    assert (found.level, found.text) == (
        Level.OK,
        f"54 voters in 6 booths; a dialler (process {os.getpid()}) is using it",
    )
    (found,) = await list_findings(settings, NOON, "store")
    assert (found.level, found.text) == (Level.OK, "54 voters in 6 booths")


async def test_dialer_check_accepts_a_fastagi_port_in_use_by_the_running_dialler(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    import socket

    settings = make_site_with_roll(tmp_path)
    settings = settings.model_copy(update={"fastagi": settings.fastagi.model_copy(update={"port": unused_tcp_port})})
    with socket.create_server(("127.0.0.1", unused_tcp_port)):
        (alone,) = await list_findings(settings, NOON, "fastagi")
        lock = StoreLock(settings.store.path, "a dialler")
        try:
            (running,) = await list_findings(settings, NOON, "fastagi")
        finally:
            lock.release_lock()
    assert alone.level is Level.ERROR
    assert running.level is Level.OK


def test_lock_file_left_by_a_killed_dialler_is_not_reported_as_a_running_dialler(tmp_path: Path) -> None:
    store, lock = tmp_path / "centre.db", tmp_path / "centre.db.lock"
    assert find_lock_holder(store) is None
    for left in ("", "what is this", "a dialler (process 999999999)"):
        lock.write_text(left, encoding="utf-8")
        assert find_lock_holder(store) is None


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not show the open files of a process")
def test_reused_process_number_in_a_lock_file_is_not_the_dialler(tmp_path: Path) -> None:
    lock = tmp_path / "centre.db.lock"
    lock.write_text(f"a dialler (process {os.getpid()})\n", encoding="utf-8")
    assert find_lock_holder(tmp_path / "centre.db") is None
    with lock.open():
        assert find_lock_holder(tmp_path / "centre.db") == f"a dialler (process {os.getpid()})"


# Errors become findings


@pytest.mark.parametrize("blocked", ["store", "sounds"])
async def test_dialer_check_reports_an_unreadable_folder_and_continues(tmp_path: Path, blocked: str) -> None:
    """The folder's name is too long, which fails like an unreadable folder, but also for root."""
    nowhere = tmp_path / ("x" * 300) / "y"
    store = nowhere if blocked == "store" else tmp_path / "none.db"
    sounds = nowhere if blocked == "sounds" else tmp_path
    settings = site(store={"path": store}, audio={"sounds": sounds}, **QUIET)
    found = [each async for each in check_site(settings, At(NOON))]
    assert found[-1].subject == "asterisk"  # the last check
    about = [each for each in found if "x" * 300 in each.text]
    assert about
    assert all(each.level is Level.ERROR for each in about)


@pytest.mark.parametrize(
    ("flows", "problem"),
    [
        ({}, None),
        (
            {"script_user": "no-such-user"},
            "this machine has no user 'no-such-user'; create it, or change `flows.script_user`",
        ),
        (
            {"script_errors": "/no/such/errors"},
            "there is no directory /no/such; create it, or change `flows.script_errors`",
        ),
    ],
)
async def test_dialer_check_reports_an_agi_script_that_cannot_be_started(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, flows: dict[str, str], problem: str | None
) -> None:
    skip_without_containment()
    folder = tmp_path_factory.mktemp("scripts")
    script = folder / "survey.py"
    script.write_text("pass\n", encoding="utf-8")
    declared = {"by": "A. Person", "offers_transport": False, "asks_vote_choice": False}
    campaign = {"kind": "ivr", "flow": f"script:{script}", "declared": declared}
    settings = make_site_without_roll(tmp_path, campaign=campaign, flows=flows)
    if os.geteuid() == 0:
        found, *_ = await list_findings(settings, NOON, "campaign calls")
        assert "nobody" in found.text or problem is not None  # the test's folder is root's alone
        for directory in (folder, *folder.parents[:3]):
            directory.chmod(directory.stat().st_mode | 0o555)
        script.chmod(0o644)
    found, *_ = await list_findings(settings, NOON, "campaign calls")
    assert found.level is (Level.OK if problem is None else Level.ERROR)
    assert found.text == f"script {script} {'exists' if problem is None else f'cannot be run: {problem}'}"
    kept = await list_findings(settings, NOON, "scripts")
    assert ["bubblewrap" in each.text for each in kept] == ([True] if problem is None else [])


async def test_dialer_check_reports_mistakes_in_an_agents_script(tmp_path: Path) -> None:
    async def run_check(script: str) -> list[Finding]:
        settings = make_site_without_roll(tmp_path, campaign={"script": script})
        return [
            each
            for each in await list_findings(settings, "2026-04-20T12:00", "campaign ")
            if each.subject == "campaign calls"
        ]

    good = await run_check("polling_day")
    assert [each.level for each in good] == [Level.OK]
    assert "script polling_day " in good[0].text
    path = tmp_path / "own.yaml"
    text = (SCRIPTS_DIRECTORY / "polling_day.yaml").read_text(encoding="utf-8")
    path.write_text(text.replace("Have you been able to vote?", "Whom did you vote for?"), encoding="utf-8")
    bad = await run_check(str(path))
    assert [each.level for each in bad] == [Level.ERROR]
    assert "page question: asks for whom someone votes" in bad[0].text
    path.write_text(text.replace("languages: [en, hi]", "languages: [hi, en]"), encoding="utf-8")
    elsewhere = make_site_without_roll(tmp_path, centre={"id": "x", "language": "ta"}, campaign={"script": str(path)})
    _, note = [
        each
        for each in await list_findings(elsewhere, "2026-04-20T12:00", "campaign ")
        if each.subject == "campaign calls"
    ]
    assert note.level is Level.WARNING
    assert note.text.endswith("has no text in ta (`centre.language`): agents read it in hi")
    missing = await run_check("no_such")
    assert "no_such: no script has this name; use one of before_poll, polling_day" in missing[0].text


FLOW = """
flow: errand
purpose: information
start: first
no_input: {reprompts: 1, then: bye}
no_match: {reprompts: 1, then: bye}
nodes:
  first: {menu: [turnout.question], choices: {1: agent, 9: out}}
  agent: {transfer: agents, failed: bye}
  out: {opt_out: number, next: bye, failed: bye}
  bye: {disconnect: done, say: [common.goodbye]}
"""


async def test_dialer_check_reports_flows_with_a_wrong_name_or_no_agents_for_transfers(
    tmp_path: Path,
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(FLOW)
    calls = [{"id": "calls", "kind": "ivr", "flow": str(path)}]
    lone = await list_findings(make_site_without_roll(tmp_path, campaigns=calls), NOON, "campaign calls")
    assert (Level.ERROR, "flow errand transfers to agents, but there are no seats") in [
        (each.level, each.text) for each in lone
    ]
    note = f"{path.name} contains the flow errand: reports use that name, subdialogs use the file's"
    assert (Level.WARNING, note) in [(each.level, each.text) for each in lone]
    seats = [{"name": "01", "endpoint": "agent01"}]
    manned = await list_findings(make_site_without_roll(tmp_path, campaigns=calls, seats=seats), NOON, "campaign calls")
    assert not [each for each in manned if "transfers" in each.text]


async def test_dialer_check_reports_mistakes_in_the_headquarters_settings_of_a_centre(tmp_path: Path) -> None:
    key, leader = tmp_path / "pune-1.nk", {"name": "asha", "key": f"ed25519:{'A' * 43}="}
    known: dict[str, Any] = {"supervisors": [{"name": "uplink", "role": "uplink"}]}
    belongs = {"user": "uplink", "zone": "west", "nkey_file": key, "leaders": [leader]}
    material = {"material_url": "https://hq.example.org/material", "material_folder": tmp_path / "material"}

    async def run_check(**headquarters: Any) -> list[tuple[str, str]]:
        settings = make_site_without_roll(tmp_path, headquarters=headquarters, **known)
        return [(each.level.value, each.text) for each in await list_findings(settings, NOON, "headquarters")]

    assert await run_check() == []
    leaders, (level, text) = await run_check(**belongs)
    assert leaders == ("error", "[[headquarters.leaders]] has fewer than 2 leaders, so a stop could not be lifted")
    assert (level, f"{key} cannot be read" in text) == ("error", True)
    key.touch(mode=0o644)
    assert [verdict for verdict, _ in await run_check(**belongs, **material)] == ["error", "error", "warning", "ok"]
    key.chmod(0o600)
    (tmp_path / "material/current").mkdir(parents=True)
    both = [leader, {"name": "ravi", "key": f"ed25519:{'B' * 43}="}]
    assert await run_check(**{**belongs, "leaders": both}, **material) == [
        ("ok", "zone west; orders are accepted from asha, ravi")
    ]
