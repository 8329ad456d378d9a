"""`dialer check`: whom the campaigns can call, a dialler that runs meanwhile, and folders that may not be entered."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dialer.flows.script import SCRIPTS_DIRECTORY
from dialer.settings.site import Settings
from dialer.site.check import check_site
from dialer.site.checks.finding import Finding, Verdict
from dialer.store.lock import StoreLock, holder_of
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
    """A clock that stands still."""

    moment: str

    def now(self) -> float:
        return moment(self.moment)

    def monotonic(self) -> float:
        return 0.0

    def since_boot(self) -> float:
        return 0.0


async def told(settings: Settings, at: str, what: str = "campaign calls (") -> list[Finding]:
    """What a check at that moment finds of one thing."""
    return [each async for each in check_site(settings, At(at)) if each.what.startswith(what)]


def without_roll(directory: Path, jurisdiction: str = "neutral", **sections: Any) -> Settings:
    return site(jurisdiction, store={"path": directory / "none.db"}, **QUIET, **sections)


def with_roll(directory: Path, jurisdiction: str = "neutral", closes_at: str = "18:00", **sections: Any) -> Settings:
    """A site whose six booths, all of constituency 174, close at that hour."""
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
        ({"purpose": "survey"}, POLL, "2025-04-22T12:00", "names and numbers had to be erased"),
        ({"purpose": "booth-workers"}, POLL, "2024-04-27T12:00", "the last call of the polling day was due"),
        ({"hours": []}, POLL, NOON, "its hours are empty, so it never calls"),
        # It may not call before it is too late: what stands against it passes, and then the poll is over.
        ({"hours": [{"start": "09:00", "until": "10:00"}]}, POLL, "2024-04-26T11:00", "the poll of the polling area"),
    ],
)
async def test_a_campaign_that_can_call_nobody_is_bad(
    tmp_path: Path, campaign: dict[str, Any], poll: dict[str, Any], at: str, says: str
) -> None:
    for settings in (
        without_roll(tmp_path, campaign=campaign, rules={"polls": [poll]}),
        with_roll(tmp_path, campaign=campaign, rules={"polls": [poll]}),
    ):
        found, *_ = await told(settings, at)
        assert found.verdict is Verdict.BAD
        if settings.store.path.name == "none.db" or poll is POLL:
            assert says in found.text


async def test_a_poll_that_is_over_in_some_booths_alone_leaves_the_campaign_its_calls(tmp_path: Path) -> None:
    settings = with_roll(tmp_path, rules={"polls": [{"day": "2024-04-26"}]})
    with closing(sqlite3.connect(settings.store.path)) as db:
        db.execute("UPDATE booth SET closes_at = '19:00' WHERE booth_id = 2")
        db.commit()
    found, *_ = await told(settings, "2024-04-26T18:15")
    assert (found.verdict, found.text) == (Verdict.GOOD, "may call now; calling hours 09:00-21:00 (Asia/Kolkata)")
    found, *_ = await told(settings, "2024-04-26T18:45")
    assert found.verdict is Verdict.BAD


async def test_a_live_campaign_that_no_silence_touches_needs_no_close_of_poll(tmp_path: Path) -> None:
    rules = {"polls": [{"day": "2024-04-26"}]}
    live = with_roll(tmp_path, "india", "", rules=rules)
    material = live.model_copy(update={"campaigns": site("india", campaign={"purpose": "material"}).campaigns})
    (campaign,), (silence,) = await told(live, NOON), await told(live, NOON, "silence")
    assert (campaign.verdict, silence.verdict) == (Verdict.GOOD, Verdict.GOOD)
    assert silence.text == "it touches no campaign here; 6 polling areas"
    (silence,) = await told(material, NOON, "silence")
    assert silence.verdict is Verdict.BAD


async def test_caller_ids_of_areas_are_held_against_the_roll(tmp_path: Path) -> None:
    ours, others = "+911140000001", "+915224000001"
    areas = [
        {"states": ["S24"], "constituencies": [174], "caller_ids": [others]},
        {"states": ["UP"], "caller_ids": [others]},
    ]
    trunk = {"name": "carrier", "endpoint": "carrier", "caller_ids": [ours, others], "areas": areas}
    found = await told(with_roll(tmp_path, trunks=[trunk]), NOON, "trunk carrier")
    assert [(each.verdict, each.what) for each in found] == [
        (Verdict.GOOD, "trunk carrier, area 1"),
        (Verdict.NOTE, "trunk carrier, area 2"),
        (Verdict.GOOD, "trunk carrier"),
    ]
    assert found[0].text == "1 caller IDs for 6 of 6 booths"
    assert "the roll has S24" in found[1].text
    assert found[2].text == "1 caller IDs for everybody else"


async def test_what_hardly_anybody_means_is_noted(tmp_path: Path) -> None:
    trunk = {"name": "carrier", "endpoint": "carrier", "caller_ids": ["+911140000001", "140"]}
    seat = {"name": "01", "endpoint": "agent01", "languages": ["hi", "xx"]}
    settings = with_roll(tmp_path, trunks=[trunk], seats=[seat])
    (number,) = await told(settings, NOON, "trunks.carrier.caller_ids")
    (language,) = await told(settings, NOON, "seats.01.languages")
    assert (number.verdict, language.verdict) == (Verdict.NOTE, Verdict.NOTE)
    assert number.text.startswith("140 is no whole number")
    assert language.text.startswith("'xx' is no language that a roll has")


async def test_a_campaign_whose_time_will_come_is_told_when(tmp_path: Path) -> None:
    (found, _) = await told(without_roll(tmp_path, rules={"polls": [POLL]}), "2024-04-22T22:00")
    assert found.verdict is Verdict.GOOD
    assert found.text.endswith("next: Tue 23 Apr 09:00")
    workers = with_roll(tmp_path, campaign={"purpose": "booth-workers"}, rules={"polls": [POLL]})
    (found, _) = await told(workers, NOON)
    assert found.verdict is Verdict.GOOD
    assert found.text.startswith("in every polling area: it calls on the polling day 2024-04-26 alone")
    assert found.text.endswith("next: Fri 26 Apr 09:00")


async def test_a_recorded_campaign_without_certificate_or_close_of_poll_is_bad(tmp_path: Path) -> None:
    rules = {"polls": [{"day": "2024-04-26"}]}
    settings = with_roll(tmp_path, "india", "", campaign=IVR, rules=rules)
    (found,) = await told(settings, NOON)
    assert (found.verdict, "needs a certificate" in found.text) == (Verdict.BAD, True)
    (silence,) = await told(settings, NOON, "silence")
    assert silence.verdict is Verdict.BAD
    assert silence.text.startswith("6 polling areas have no close time: calls may not call there")

    own = Path("config/jurisdictions/india.toml").read_text(encoding="utf-8")
    needed = 'needed_for = ["turnout", "material", "survey"]'
    assert own.count(needed) == 1
    (tmp_path / "own.toml").write_text(own.replace(needed, "needed_for = []"), encoding="utf-8")
    settings = settings.model_copy(
        update={"rules": settings.rules.model_copy(update={"jurisdiction": str(tmp_path / "own.toml")})}
    )
    (found,) = await told(settings, NOON)
    assert (found.verdict, "close of poll of this polling area is not known" in found.text) == (Verdict.BAD, True)


@pytest.mark.parametrize(
    ("jurisdiction", "hours", "left"),
    [
        ("india", ("08:00", "23:00"), "of its calling hours 08:00-23:00 the profile india leaves 09:00-21:00"),
        ("india", ("06:00", "08:00"), "of its calling hours 06:00-08:00 the profile india leaves nothing"),
        ("india", ("10:00", "21:00"), None),
    ],
)
async def test_hours_that_the_profile_narrows_are_told(
    tmp_path: Path, jurisdiction: str, hours: tuple[str, str], left: str | None
) -> None:
    campaign = {"hours": [{"start": hours[0], "until": hours[1]}]}
    found = await told(without_roll(tmp_path, jurisdiction, campaign=campaign), NOON)
    notes = [each.text for each in found if each.verdict is Verdict.NOTE]
    assert notes == ([] if left is None else [left])
    assert (found[0].verdict is Verdict.BAD) == (left is not None and "nothing" in left)


async def test_hours_are_narrowed_where_the_number_is(tmp_path: Path) -> None:
    campaign = {"hours": [{"start": "06:00", "until": "23:00"}]}
    settings = without_roll(tmp_path, campaign=campaign, dialling={"allowed_prefixes": ["+1"]})
    *_, narrowed = await told(settings, NOON)
    text = narrowed.text
    assert text.startswith("of its calling hours 06:00-23:00 the profile neutral leaves what lies within 09:00-20:00")
    assert text.endswith(", where the number is")


async def test_a_campaign_that_an_operator_has_paused_is_told(tmp_path: Path) -> None:
    settings = with_roll(tmp_path)
    with closing(sqlite3.connect(settings.store.path)) as db:
        db.execute(
            "INSERT INTO campaign (campaign_id, kind, purpose, state) VALUES ('calls', 'agents', 'turnout', 'paused')"
        )
        db.commit()
    found, *_ = await told(settings, NOON)
    assert (found.verdict, found.text) == (
        Verdict.NOTE,
        "the campaign is paused: an operator must let it run",
    )


async def test_what_counsel_must_do_is_told_to_the_end(tmp_path: Path) -> None:
    notes = [each.text for each in await told(without_roll(tmp_path), NOON, "rules") if each.verdict is Verdict.NOTE]
    assert any(text.endswith("counsel must confirm them") for text in notes)


# Beside a dialler that runs


async def test_a_dialler_that_runs_is_no_fault_and_is_not_kept_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = with_roll(tmp_path)
    lock = StoreLock(settings.store.path, "a dialler")

    def refuse(self: StoreLock, path: Path, holder: str) -> None:
        raise AssertionError("a check locks nothing")

    monkeypatch.setattr(StoreLock, "__init__", refuse)
    try:
        (found,) = await told(settings, NOON, "store")
    finally:
        lock.release()
    assert (found.verdict, found.text) == (
        Verdict.GOOD,
        f"54 voters in 6 booths; a dialler (process {os.getpid()}) is using it",
    )
    (found,) = await told(settings, NOON, "store")
    assert (found.verdict, found.text) == (Verdict.GOOD, "54 voters in 6 booths")


async def test_the_port_of_a_dialler_that_runs_is_no_fault(tmp_path: Path, unused_tcp_port: int) -> None:
    import socket

    settings = with_roll(tmp_path)
    settings = settings.model_copy(update={"fastagi": settings.fastagi.model_copy(update={"port": unused_tcp_port})})
    with socket.create_server(("127.0.0.1", unused_tcp_port)):
        (alone,) = await told(settings, NOON, "fastagi")
        lock = StoreLock(settings.store.path, "a dialler")
        try:
            (running,) = await told(settings, NOON, "fastagi")
        finally:
            lock.release()
    assert alone.verdict is Verdict.BAD
    assert running.verdict is Verdict.GOOD


def test_a_lock_that_was_left_behind_is_nobodys(tmp_path: Path) -> None:
    store, lock = tmp_path / "centre.db", tmp_path / "centre.db.lock"
    assert holder_of(store) is None
    for left in ("", "what is this", "a dialler (process 999999999)"):
        lock.write_text(left, encoding="utf-8")
        assert holder_of(store) is None


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody can see what a process has open")
def test_another_program_under_the_number_of_the_one_that_locked_is_no_holder(tmp_path: Path) -> None:
    lock = tmp_path / "centre.db.lock"
    lock.write_text(f"a dialler (process {os.getpid()})\n", encoding="utf-8")
    assert holder_of(tmp_path / "centre.db") is None
    with lock.open():
        assert holder_of(tmp_path / "centre.db") == f"a dialler (process {os.getpid()})"


# Never raises


@pytest.mark.parametrize("blocked", ["store", "sounds"])
async def test_a_folder_that_may_not_be_entered_is_bad_and_not_the_end(tmp_path: Path, blocked: str) -> None:
    """A name that is too long stands for it: it fails alike, and for root too."""
    nowhere = tmp_path / ("x" * 300) / "y"
    store = nowhere if blocked == "store" else tmp_path / "none.db"
    sounds = nowhere if blocked == "sounds" else tmp_path
    settings = site(store={"path": store}, audio={"sounds": sounds}, **QUIET)
    found = [each async for each in check_site(settings, At(NOON))]
    assert found[-1].what == "asterisk"  # it went on to the end
    about = [each for each in found if "x" * 300 in each.text]
    assert about
    assert all(each.verdict is Verdict.BAD for each in about)


@pytest.mark.parametrize(
    ("flows", "problem"),
    [
        ({}, None),
        (
            {"script_user": "no-such-user"},
            "this machine has no user 'no-such-user'; create it, or change flows.script_user",
        ),
        (
            {"script_errors": "/no/such/errors"},
            "there is no directory /no/such; create it, or change flows.script_errors",
        ),
    ],
)
async def test_a_script_that_cannot_be_started_is_bad(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, flows: dict[str, str], problem: str | None
) -> None:
    skip_without_containment()
    folder = tmp_path_factory.mktemp("scripts")
    script = folder / "survey.py"
    script.write_text("pass\n", encoding="utf-8")
    declared = {"by": "A. Person", "offers_transport": False, "asks_vote_choice": False}
    campaign = {"kind": "ivr", "flow": f"script:{script}", "declared": declared}
    settings = without_roll(tmp_path, campaign=campaign, flows=flows)
    if os.geteuid() == 0:
        found, *_ = await told(settings, NOON, "campaign calls")
        assert "nobody" in found.text or problem is not None  # the test's folder is root's alone
        for directory in (folder, *folder.parents[:3]):
            directory.chmod(directory.stat().st_mode | 0o555)
        script.chmod(0o644)
    found, *_ = await told(settings, NOON, "campaign calls")
    assert found.verdict is (Verdict.GOOD if problem is None else Verdict.BAD)
    assert found.text == f"script {script} {'is there' if problem is None else f'cannot be run: {problem}'}"
    kept = await told(settings, NOON, "scripts")
    assert ["bubblewrap" in each.text for each in kept] == ([True] if problem is None else [])


async def test_the_script_of_agents_is_looked_at(tmp_path: Path) -> None:
    async def found(script: str) -> list[Finding]:
        settings = without_roll(tmp_path, campaign={"script": script})
        return [each for each in await told(settings, "2026-04-20T12:00", "campaign ") if each.what == "campaign calls"]

    good = await found("polling_day")
    assert [each.verdict for each in good] == [Verdict.GOOD]
    assert "script polling_day " in good[0].text
    path = tmp_path / "own.yaml"
    text = (SCRIPTS_DIRECTORY / "polling_day.yaml").read_text(encoding="utf-8")
    path.write_text(text.replace("Have you been able to vote?", "Whom did you vote for?"), encoding="utf-8")
    bad = await found(str(path))
    assert [each.verdict for each in bad] == [Verdict.BAD]
    assert "page question: asks whom somebody votes for" in bad[0].text
    path.write_text(text.replace("languages: [en, hi]", "languages: [hi, en]"), encoding="utf-8")
    elsewhere = without_roll(tmp_path, centre={"id": "x", "language": "ta"}, campaign={"script": str(path)})
    _, note = [each for each in await told(elsewhere, "2026-04-20T12:00", "campaign ") if each.what == "campaign calls"]
    assert note.verdict is Verdict.NOTE
    assert note.text.endswith("is not in ta (centre.language): agents read it in hi")
    missing = await found("no_such")
    assert "no_such: no such script; use one of before_poll, polling_day" in missing[0].text


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


async def test_a_flow_that_needs_agents_or_has_another_name_than_its_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(FLOW)
    calls = [{"id": "calls", "kind": "ivr", "flow": str(path)}]
    lone = await told(without_roll(tmp_path, campaigns=calls), NOON, "campaign calls")
    assert (Verdict.BAD, "flow errand transfers to agents, and there is no seat; add [[seats]]") in [
        (each.verdict, each.text) for each in lone
    ]
    note = f"{path} is the flow errand: reports have that name, and a subdialog is found by its file's"
    assert (Verdict.NOTE, note) in [(each.verdict, each.text) for each in lone]
    seats = [{"name": "01", "endpoint": "agent01"}]
    manned = await told(without_roll(tmp_path, campaigns=calls, seats=seats), NOON, "campaign calls")
    assert not [each for each in manned if "transfers" in each.text]


async def test_what_a_centre_of_a_headquarters_lacks_is_told(tmp_path: Path) -> None:
    key, leader = tmp_path / "pune-1.nk", {"name": "asha", "key": f"ed25519:{'A' * 43}="}
    known: dict[str, Any] = {"supervisors": [{"name": "uplink", "role": "uplink"}]}
    belongs = {"user": "uplink", "zone": "west", "nkey_file": key, "leaders": [leader]}
    material = {"material_url": "https://hq.example.org/material", "material_folder": tmp_path / "material"}

    async def found(**headquarters: Any) -> list[tuple[str, str]]:
        settings = without_roll(tmp_path, headquarters=headquarters, **known)
        return [(each.verdict.value, each.text) for each in await told(settings, NOON, "headquarters")]

    assert await found() == []
    ((verdict, text),) = await found(**belongs)
    assert (verdict, f"{key} cannot be looked at" in text) == ("bad", True)
    key.touch(mode=0o644)
    assert [verdict for verdict, _ in await found(**belongs, **material)] == ["bad", "bad", "note", "good"]
    key.chmod(0o600)
    (tmp_path / "material/current").mkdir(parents=True)
    both = [leader, {"name": "ravi", "key": f"ed25519:{'B' * 43}="}]
    assert await found(**{**belongs, "leaders": both}, **material) == [
        ("good", "zone west; it is ordered by asha, ravi")
    ]
