"""`dialer rules`: showing rules, checking a site, and explaining why a person is not called."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from dialer.settings.jurisdiction import apply_stricter_site_values_to_profile, load_profile
from dialer.settings.site import load_settings
from dialer.settings.site_rules import load_site_profile
from dialer.site.rules_in_force import format_rules_as_json
from dialer.store import audit, registers
from dialer.store.grounds import save_version_of_calling_rules
from tests.support.certified import certified_site
from tests.support.command_line import run as run_command
from tests.support.roll_filler import fill_roll
from tests.support.rules import moment

NOON = "2024-04-22T12:00"
SETTINGS = """
[store]
path = "{store}"
[rules]
jurisdiction = "{jurisdiction}"
polls = [{{ day = 2024-04-26, constituencies = {constituencies} }}]
[rules.stricter.ring]
minimum_seconds = 30
[[trunks]]
name = "carrier"
endpoint = "carrier"
caller_ids = ["+911140000001"]
[[campaigns]]
id = "turnout"
kind = "agents"
[[campaigns]]
id = "message"
kind = "ivr"
flow = "material"
purpose = "material"
candidate = "A. Candidate"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return written(tmp_path)


def written(directory: Path, jurisdiction: str = "neutral", constituencies: str = "[174]") -> Path:
    store, path = directory / "centre.db", directory / "centre.toml"
    if not store.exists():
        fill_roll(store, 54, voters_per_booth=9)
        change_store(
            store,
            "INSERT INTO campaign (campaign_id, kind, purpose) VALUES ('turnout', 'agents', 'turnout')",
            "INSERT INTO target (campaign_id, phone_id) SELECT 'turnout', phone_id FROM phone",
        )
    path.write_text(
        SETTINGS.format(store=store, jurisdiction=jurisdiction, constituencies=constituencies), encoding="utf-8"
    )
    return path


def add_certified_prompts(config: Path, directory: Path, **changes: Any) -> None:
    """Store a catalogue in which all Hindi prompts of the material flow are certified, except for `changes`."""
    audio = certified_site(directory, "material", **changes)
    lines = ["[audio]", *(f"{key} = {json.dumps(value)}" for key, value in audio.items())]
    config.write_text("\n".join([config.read_text(encoding="utf-8"), *lines, ""]), encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "output"),
    [
        ({"certificate": "", "certificate_sha256": None, "valid_until": None}, "has no certificate"),
        ({"certificate_sha256": "b" * 64}, "is not the recording to which certificate MCMC/7 was issued"),
        ({"valid_until": date(2024, 4, 21)}, "it expired on 2024-04-21"),
    ],
)
def test_campaign_does_not_dial_if_a_prompt_has_an_invalid_certificate(
    config: Path, tmp_path: Path, changes: dict[str, Any], output: str
) -> None:
    add_certified_prompts(config, tmp_path, **changes)
    code, text = run("check", "-c", config, "--at", NOON)
    assert code == 1
    assert "ERROR   campaign message (material, recorded): a recorded material call needs a certificate: " in text
    hindi = find_voter_with_language(tmp_path / "centre.db", "hi")
    _, (_, reason) = run_rules_explain(config, hindi, campaign="message")
    assert output in reason
    _, (_, reason) = run_rules_explain(
        config, find_voter_with_language(tmp_path / "centre.db", "bn"), campaign="message"
    )
    assert reason.endswith("no recording is certified in the language 'bn'")


def find_voter_with_language(store: Path, language: str) -> str:
    """Return the ID of a voter at a booth with that language."""
    with contextlib.closing(sqlite3.connect(store)) as db:
        question = "SELECT voter_id FROM voter JOIN booth USING (booth_id) WHERE booth.language = ? LIMIT 1"
        return str(db.execute(question, (language,)).fetchone()[0])


def change_store(store: Path, *statements: str, **values: float) -> None:
    with contextlib.closing(sqlite3.connect(store)) as db:
        for statement in statements:
            db.execute(statement, {name: value for name, value in values.items() if f":{name}" in statement})
        db.commit()


def run(*arguments: str | Path) -> tuple[int, str]:
    return run_command("rules", *arguments)


def run_rules_explain(config: Path, who: str, campaign: str = "turnout", at: str = NOON) -> tuple[str, list[str]]:
    """Return what `dialer rules explain` prints about one campaign: the verdict and the reasons."""
    code, text = run("explain", who, "-c", config, "--at", at)
    assert code == 0, text
    parts = [part.split("\t") for part in text.replace("\n          - ", "\t").splitlines()]
    [[head, *reasons]] = [part for part in parts if f" in {campaign}:" in part[0]]
    return head.split(maxsplit=1)[1], [reason for reason in reasons if not reason.startswith("based on: ")]


def test_rules_show_command_prints_every_legal_rule_with_the_source(config: Path) -> None:
    code, text = run("show", "india")
    assert code == 0
    for word in ("calling_hours", "weekday: 09:00-21:00", "hours_before_close: 48", "TRAI", "second-hand", "123(5)"):
        assert word in text
    assert "stricter at this site" not in text
    assert "yes" in text
    assert "lawgist.in" in text
    assert "Not confirmed by a legal text: connect, abandoned, information_message, redial_lock" in text
    assert "Not confirmed by a legal text: calling_hours" in run("show", "neutral")[1]
    code, text = run("show", "-c", config)
    assert "minimum_seconds: 30.0  stricter at this site (profile: 15.0)" in text
    assert run("show", "atlantis")[0] == 2


def test_rules_check_command_reports_missing_certificates_and_calling_hours(config: Path, tmp_path: Path) -> None:
    code, text = run("check", "-c", config, "--at", NOON)
    assert code == 1
    assert "ok      rules: profile neutral is in force, and no setting is looser" in text
    assert "ok      campaign turnout (turnout, live): may call now" in text
    assert "ERROR   campaign message (material, recorded): a recorded material call needs a certificate" in text
    assert "the close of poll is known for all 6 polling areas" in text
    assert "the prompts to be played are unknown (check `audio.catalogue`)" in text
    add_certified_prompts(config, tmp_path, valid_until=date(2024, 4, 30))
    code, text = run("check", "-c", config, "--at", NOON)
    assert (code, "all its prompts are certified in hi until 2024-04-30" in text) == (0, True), text
    code, text = run("check", "-c", config, "--at", "2024-04-22T23:00")
    assert code == 0
    assert "outside calling hours until Tue 23 Apr 09:00" in text
    code, text = run("check", "-c", config, "--at", "2024-05-02T12:00")
    assert (code, "needs a certificate" in text) == (1, True)
    hindi = find_voter_with_language(tmp_path / "centre.db", "hi")
    _, reasons = run_rules_explain(config, hindi, campaign="message", at="2024-05-02T12:00")
    assert reasons[1:] == ["a recorded material call needs a certificate: it expired on 2024-04-30"]


def test_rules_check_command_reports_areas_without_poll_or_closing_time(tmp_path: Path) -> None:
    config = written(tmp_path, constituencies="[9]")
    code, text = run("check", "-c", config, "--at", NOON)
    assert "ERROR   silence interval: constituencies 174 have no polling day, so message cannot call there" in text
    change_store(tmp_path / "centre.db", "UPDATE booth SET closes_at = '' WHERE booth_id < 3")
    code, text = run("check", "-c", written(tmp_path), "--at", NOON)
    assert (code, "ERROR   silence interval: 2 polling areas have no close of poll" in text) == (1, True)


def test_rules_check_command_reports_an_outdated_register(tmp_path: Path) -> None:
    config = written(tmp_path)
    dated = moment("2024-03-01T00:00")
    change_store(tmp_path / "centre.db", "INSERT INTO register VALUES ('own', :dated, 0, 5, '')", dated=dated)
    code, text = run("check", "-c", config, "--at", NOON)
    assert (code, "ERROR   register own: 5 numbers, dated Fri 01 Mar 00:00, 52 days old, at most 28" in text) == (
        1,
        True,
    )
    assert (
        "ERROR   campaign turnout (turnout, live): the do-not-call register 'own' is 52 days old; the limit is 28 days"
        in text
    )


def test_rules_check_command_names_a_setting_that_is_less_strict_than_the_profile(config: Path) -> None:
    text = config.read_text(encoding="utf-8").replace("minimum_seconds = 30", "minimum_seconds = 5")
    config.write_text(text, encoding="utf-8")
    code, output = run("check", "-c", config)
    assert code == 2
    assert "rules.stricter.ring.minimum_seconds: 5 is looser than the profile 'neutral' (15.0)" in output


@pytest.mark.parametrize("who", ["+917000000001", "07000000001", "1", "174/1/1"])
def test_rules_explain_command_finds_a_voter_by_number_id_or_roll_entry(config: Path, who: str) -> None:
    assert run_rules_explain(config, who) == ("+91…001 in turnout: can be called now", [])


def test_rules_explain_command_prints_why_and_how_long_calls_are_forbidden(config: Path, tmp_path: Path) -> None:
    store = tmp_path / "centre.db"
    assert run_rules_explain(config, "1", at="2024-04-22T22:00") == (
        "+91…001 in turnout: cannot be called now; next: Tue 23 Apr 09:00",
        [
            "outside calling hours in Asia/Calcutta until Tue 23 Apr 09:00",
            "outside the campaign's calling hours until Tue 23 Apr 09:00",
        ],
    )
    change_store(
        store,
        "UPDATE voter SET turnout = 'voted' WHERE voter_id = 1",
        "UPDATE target SET state = 'closed' WHERE phone_id = 1",
        "UPDATE phone SET opted_out_at = :out WHERE phone_id = 2",
        "INSERT INTO opt_out (e164, at, source, attempt_id) VALUES ('+917000000002', :out, 'agent', NULL)",
        "UPDATE target SET due_at = :due WHERE phone_id = 3",
        out=moment("2024-04-21T10:00"),
        due=moment("2024-04-22T15:00"),
    )
    head, reasons = run_rules_explain(config, "1")
    assert head.endswith("next: never, unless something changes")
    assert reasons == [
        "no voter of the number remains to be called: all have voted or are closed",
        "completed in this campaign",
    ]
    head, reasons = run_rules_explain(config, "2")
    assert head.endswith("next: never, unless something changes")
    assert reasons == ["opted out on Sun 21 Apr 10:00 (agent)"]
    assert run_rules_explain(config, "3") == (
        "+91…003 in turnout: cannot be called now; next: Mon 22 Apr 15:00",
        ["due again at Mon 22 Apr 15:00 in this campaign"],
    )


@pytest.mark.parametrize(
    ("due", "at", "next_at"),
    [
        ("2024-04-22T19:59:50", NOON, "Tue 23 Apr 09:00"),  # it would ring past the end of the hours
        ("2024-04-22T22:00", NOON, "Tue 23 Apr 09:00"),  # the queue's time lies outside the hours
        ("2024-04-26T12:00", NOON, "Fri 26 Apr 12:00"),
        ("2024-04-26T17:45", NOON, None),  # past the last call of the polling day
        ("2024-04-27T12:00", NOON, None),
    ],
)
def test_rules_explain_command_forecasts_the_next_call_from_call_queue_and_rules(
    config: Path, tmp_path: Path, due: str, at: str, next_at: str | None
) -> None:
    change_store(tmp_path / "centre.db", "UPDATE target SET due_at = :due WHERE phone_id = 3", due=moment(due))
    head, _ = run_rules_explain(config, "3", at=at)
    assert head.endswith(f"next: {next_at or 'never, unless something changes'}")


def test_rules_explain_command_reports_that_a_campaign_is_paused(config: Path, tmp_path: Path) -> None:
    change_store(tmp_path / "centre.db", "UPDATE campaign SET state = 'paused' WHERE campaign_id = 'turnout'")
    assert run_rules_explain(config, "1") == (
        "+91…001 in turnout: cannot be called now; next: never, unless something changes",
        ["the campaign is paused: an operator must resume it"],
    )


def test_rules_explain_command_names_the_event_that_the_next_call_waits_for(config: Path, tmp_path: Path) -> None:
    change_store(
        tmp_path / "centre.db",
        "DELETE FROM target WHERE phone_id = 3",
        "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id, created_at)"
        " VALUES ('a', 'turnout', 1, 1, 1, 't', 'c', :at)",
        at=moment(NOON) - 1.0,
    )
    assert run_rules_explain(config, "1") == (
        "+91…001 in turnout: cannot be called now; next: after the call in progress",
        ["the number is on a call now"],
    )
    head, _ = run_rules_explain(config, "+917000000003", at="2024-04-22T22:00")
    assert head.endswith("next: Tue 23 Apr 09:00, after the dialler's next start")
    head, _ = run_rules_explain(config, "+917000000003")
    assert head.endswith("next: after the dialler's next start")


def test_rules_explain_command_shows_the_time_from_which_all_rules_allow_a_call(config: Path, tmp_path: Path) -> None:
    """The number has an abandoned call on Saturday and three attempts today, Monday."""
    attempt = (
        "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id, created_at,"
        " ended_at, outcome) VALUES ('{0}', 'turnout', 1, 1, {1}, 't', 'c', :at{0}, :at{0}, '{2}')"
    )
    times = {"a": "2024-04-20T11:00", "b": "2024-04-22T10:00", "c": "2024-04-22T11:00", "d": "2024-04-22T11:30"}
    statements = [attempt.format(key, n, "abandoned" if key == "a" else "busy") for n, key in enumerate(times, start=1)]
    change_store(tmp_path / "centre.db", *statements, **{f"at{key}": moment(time) for key, time in times.items()})
    head, reasons = run_rules_explain(config, "1", at="2024-04-22T20:30")
    assert head.endswith("next: Tue 23 Apr 11:00")
    assert reasons == [
        "outside calling hours in Asia/Calcutta until Tue 23 Apr 09:00",
        "a call to the number was abandoned, so it is not redialled until Tue 23 Apr 11:00",
        "3 attempts today in all campaigns; the limit is 3",
    ]
    assert run_rules_explain(config, "1", at="2024-04-26T17:40")[1] == [
        "too late to go and vote: no turnout calls after Fri 26 Apr 17:30"
    ]
    assert run_rules_explain(config, "1", at="2024-04-26T18:10")[1] == [
        "the poll of the polling area closed on Fri 26 Apr 18:00"
    ]


@pytest.mark.parametrize(
    ("campaign", "rang", "held"),
    [
        ("message", True, True),  # another campaign called: the promised call waits as well
        ("turnout", True, True),  # tried, without an answer
        ("turnout", False, False),  # it never rang
        (None, False, False),  # no call since the promise
    ],
)
def test_promised_call_back_waits_the_minimum_interval_after_a_later_call_to_the_number(
    config: Path, tmp_path: Path, campaign: str | None, rang: bool, held: bool
) -> None:
    attempt = (
        "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id, created_at,"
        " ringing_at, answered_at, ended_at, outcome, disposition, disposed_at) VALUES ({})"
    )
    statements = [
        "INSERT INTO campaign (campaign_id, kind, purpose) VALUES ('message', 'ivr', 'material')",
        attempt.format(
            "'a', 'turnout', 1, 1, 1, 't', 'c', :asked, :asked, :asked, :asked, 'connected', 'call-back', :asked"
        ),
        "UPDATE target SET promised = 1, due_at = :due WHERE phone_id = 1",
    ]
    if campaign is not None:
        rung = ":since" if rang else "NULL"
        values = f"'b', '{campaign}', 1, 1, 2, 't', 'c', :since, {rung}, NULL, :since, 'no-answer', NULL, NULL"
        statements.append(attempt.format(values))
    times = {"asked": "2024-04-22T11:50", "due": "2024-04-22T11:55", "since": "2024-04-22T11:55"}
    change_store(tmp_path / "centre.db", *statements, **{name: moment(time) for name, time in times.items()})
    reason = "the number was called within the last 15 minutes: not redialled until Mon 22 Apr 12:10"
    expected = ("+91…001 in turnout: cannot be called now; next: Mon 22 Apr 12:10", [reason])
    assert run_rules_explain(config, "1") == (expected if held else ("+91…001 in turnout: can be called now", []))


def test_rules_explain_command_reports_the_silence_interval_before_the_close_of_poll(config: Path) -> None:
    _, reasons = run_rules_explain(config, "5", campaign="message", at="2024-04-25T12:00")
    assert "silence interval of the polling area: no material calls until Fri 26 Apr 18:00" in reasons
    assert any("needs a certificate" in reason for reason in reasons)


def test_rules_explain_command_finds_an_opted_out_number_that_is_on_no_electoral_roll(
    config: Path, tmp_path: Path
) -> None:
    change_store(
        tmp_path / "centre.db",
        "INSERT INTO opt_out (e164, at, source, attempt_id) VALUES ('+919812345678', 1713700000, 'import', NULL)",
    )
    _, reasons = run_rules_explain(config, "98123 45678")
    assert reasons == ["the number is not on the roll, so no campaign dials it", "the number has opted out"]


@pytest.mark.parametrize(
    ("who", "output"),
    [
        ("99999", "no voter 99999"),
        ("174/9/9", "the roll has no voter 174/9/9"),
        ("somebody", "not a phone number"),
        ("1234567890", "a made-up number"),
    ],
)
def test_rules_explain_command_gives_a_one_line_error_for_an_unknown_voter(config: Path, who: str, output: str) -> None:
    code, text = run("explain", who, "-c", config)
    assert code == 2
    assert output in text
    assert "\n" not in text


def test_rules_explain_command_without_a_store_is_refused(config: Path, tmp_path: Path) -> None:
    code, text = run("explain", "1", "-c", config, "--store", tmp_path / "none.db")
    assert code == 2
    assert "none.db" in text


# Explanations of a past time


def test_rules_explain_command_uses_registers_and_pauses_of_a_past_time(config: Path, tmp_path: Path) -> None:
    """An issue of 1 April was imported on the 10th, one of 20 April on the 22nd; the campaign was paused on the 15th."""
    store = tmp_path / "centre.db"
    with contextlib.closing(sqlite3.connect(store, isolation_level=None)) as db:
        for dated, at in (("2024-04-01", "2024-04-10T10:00"), ("2024-04-20", "2024-04-22T10:00")):
            what = {"register": "own", "dated": dated, "numbers": "1"}
            issued = moment(f"{dated}T00:00")
            registers.import_do_not_call_register(db, "own", ["+917000000001"], dated=issued, at=moment(at), sha256="")
            audit.append_entry(db, "register-import", "clerk", what, moment(at))
        for command, at in (("pause", "2024-04-15T10:00"), ("resume", "2024-04-15T12:00")):
            what = {"command": command, "campaign_id": "turnout", "status": "done", "id": command}
            audit.append_entry(db, "command", "sup", what, moment(at))
    listed = "the number is on a do-not-call register (own)"
    assert run_rules_explain(config, "1")[1] == [listed]
    assert run_rules_explain(config, "1", at="2024-04-09T12:00")[1] == []
    replaced = "unknown for that time, present state used: the numbers in the register 'own', which was replaced since"
    code, text = run("explain", "1", "-c", config, "--at", "2024-04-12T12:00")
    assert (code, replaced in text, "in turnout: can be called now" in text) == (0, True, True)
    assert "registers own@2024-04-01" in text
    assert replaced not in run("explain", "1", "-c", config, "--at", NOON)[1]
    assert replaced not in run("explain", "1", "-c", config)[1]
    assert (
        "the campaign is paused: an operator must resume it" in run_rules_explain(config, "1", at="2024-04-15T11:00")[1]
    )
    assert run_rules_explain(config, "1", at="2024-04-15T12:00")[1] == []


def test_rules_commands_use_the_calling_hours_that_a_supervisor_had_set(config: Path, tmp_path: Path) -> None:
    """A supervisor set other calling hours at 10:00 on the 15th, and reset them at 12:00 on the 22nd."""
    commands: tuple[tuple[str, dict[str, str]], ...] = (
        ("2024-04-15T10:00", {"hours": "10:00-11:00, 15:00-18:00"}),
        ("2024-04-22T12:00", {}),
    )
    with contextlib.closing(sqlite3.connect(tmp_path / "centre.db", isolation_level=None)) as db:
        for at, hours in commands:
            what = {"command": "calling-hours", "campaign_id": "turnout", "status": "done", "id": at, **hours}
            audit.append_entry(db, "command", "sup", what, moment(at))
    closed = "outside the campaign's calling hours until Mon 22 Apr 15:00"
    assert run_rules_explain(config, "1", at="2024-04-22T11:59")[1] == [closed]
    assert run_rules_explain(config, "1", at="2024-04-22T12:00")[1] == []
    assert run_rules_explain(config, "1", at="2024-04-15T09:59")[1] == []
    checked = run("check", "-c", config, "--at", "2024-04-22T10:30")[1]
    assert "may call now; calling hours 10:00-11:00, 15:00-18:00 (Asia/Kolkata)" in checked


def test_rules_explain_command_uses_the_rules_in_force_at_a_past_time(config: Path, tmp_path: Path) -> None:
    """The dialler started in the morning with later calling hours, and in the afternoon with those of the settings."""
    settings = load_settings(config)
    profile = apply_stricter_site_values_to_profile(
        load_profile("neutral"), {"calling_hours": {"weekday": [["13:00", "20:00"]]}}
    )
    with contextlib.closing(sqlite3.connect(tmp_path / "centre.db", isolation_level=None)) as db:
        late, own = format_rules_as_json(profile, settings), format_rules_as_json(load_site_profile(settings), settings)
        for text, at in ((late, "2024-04-22T08:00"), (own, "2024-04-22T15:00"), (late, "2024-04-23T08:00")):
            save_version_of_calling_rules(db, text, moment(at))
    closed = "outside calling hours in Asia/Calcutta until {} 13:00"
    assert run_rules_explain(config, "1")[1] == [closed.format("Mon 22 Apr")]
    assert run_rules_explain(config, "1", at="2024-04-22T16:00")[1] == []
    assert run_rules_explain(config, "1", at="2024-04-23T10:00")[1] == [closed.format("Tue 23 Apr")]
    assert run_rules_explain(config, "1", at="2024-04-20T12:00")[1] == []
    unknown = "unknown for that time, present state used: the rules: no dialler had started and stored them yet"
    assert unknown in run("explain", "1", "-c", config, "--at", "2024-04-20T12:00")[1]
    assert unknown not in run("explain", "1", "-c", config, "--at", NOON)[1]


def test_rules_check_command_reports_a_call_list_without_any_consent(config: Path, tmp_path: Path) -> None:
    text = config.read_text(encoding="utf-8")
    config.write_text(f'{text}[rules.stricter.consent]\nrecorded = ["material"]\n', encoding="utf-8")
    _, text = run("check", "-c", config, "--at", NOON)
    subject = "campaign message (material, recorded)"
    assert f"ERROR   {subject}: its calls need consent, which is recorded for 0 of " in text
    assert "import the consents (`dialer consent import`)" in text
    assert "campaign turnout (turnout, live): its calls need consent" not in text
    change_store(tmp_path / "centre.db", "UPDATE phone SET consent = 'given' WHERE phone_id = 1")
    _, text = run("check", "-c", config, "--at", NOON)
    assert f"warning {subject}: its calls need consent, which is recorded for 1 of " in text


def test_rules_explain_command_without_a_number_counts_refused_numbers_by_reason(config: Path, tmp_path: Path) -> None:
    refuse = "UPDATE target SET state = 'closed', refused_by = '{0}' WHERE phone_id = {1}"
    change_store(
        tmp_path / "centre.db",
        refuse.format("no-consent", 1),
        refuse.format("no-consent", 2),
        refuse.format("do-not-call-register", 3),
        "UPDATE target SET state = 'closed' WHERE phone_id = 4",
        "UPDATE target SET due_at = 4e9 WHERE phone_id = 5",
    )
    with contextlib.closing(sqlite3.connect(tmp_path / "centre.db")) as db:
        [total] = db.execute("SELECT count(*) FROM target").fetchone()
    code, text = run("explain", "-c", config)
    assert code == 0
    assert (
        f"warning list of turnout: {total} numbers: {total - 5} due now, 1 waiting for their time, 3 refused by the rules,"
        " 1 completed, 0 reserved for a call or on a call\n          - do-not-call-register: 1\n          - no-consent: 2\n"
    ) in text
    code, text = run("explain", "-c", config, "--at", NOON)
    assert code == 2
    assert "--at needs WHO" in text


def test_rules_explain_command_says_when_a_refused_number_is_rechecked(config: Path, tmp_path: Path) -> None:
    change_store(tmp_path / "centre.db", "UPDATE target SET state = 'closed', refused_by = 'no-consent'")
    code, text = run("explain", "1", "-c", config)
    assert code == 0
    assert "not in the queue since the rules refused it: it is checked again when the dialler starts" in text
    assert "completed in this campaign" not in text
