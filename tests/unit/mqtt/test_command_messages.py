"""Command messages: which are accepted, which are refused and why, and that each is executed once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.clock import SystemClock
from dialer.domain.enums import ComplaintChannel, ComplaintRemedy, ComplaintTopic, Confidence, MarkKind, SupervisorRole
from dialer.domain.errors import CommandRefused, StoreBusy
from dialer.domain.model import Mark, MarkSource
from dialer.domain.official_turnout import OfficialFigure
from dialer.engine.booth_workers.commands import SeatSerials
from dialer.engine.call_flows.commands import ReloadFlows
from dialer.engine.campaigns.commands import ApproveCampaign, PauseCampaign, ResumeCampaign, StopAll, StopCampaign
from dialer.engine.command.base import Command, CommandContext
from dialer.engine.command.catalogue import COMMANDS
from dialer.engine.command.reading import read_command
from dialer.engine.external_records.commands import (
    MAX_MARKS,
    MAX_OPT_OUTS,
    AnswerReport,
    ComplaintReport,
    FigureReport,
    MarkReport,
    RecordMarks,
    RecordOfficialTurnout,
)
from dialer.engine.seats.commands import SeatCall, SeatUnlock
from dialer.engine.settings_reload.commands import ReloadSettings
from dialer.engine.transfers.commands import SeatTransfer
from dialer.mqtt.commands.audit import create_audit_entry
from dialer.mqtt.commands.checks import AcceptedCommand, CheckedCommand, RefusedCommand, parse_and_check_payload
from dialer.mqtt.commands.gateway import CommandGateway
from dialer.mqtt.commands.senders import Senders
from dialer.roll.mark_lists import KINDS
from dialer.store.store import Store, open_store
from tests.support.command_messages import (
    ANSWER,
    COMPLAINT,
    FIGURE,
    MARK,
    NOW,
    make_command,
    make_message,
    required_fields,
)
from tests.support.fake_centre import FakeEngine
from tests.support.mqtt import BOSS, SENDERS


def check_command(
    payload: bytes, user: str = BOSS, *, retained: bool = False, senders: Senders = SENDERS
) -> CheckedCommand:
    return parse_and_check_payload(payload, user, senders, "pune-1", retained=retained, now=NOW)


@pytest.mark.parametrize(
    ("payload", "command"),
    [
        (make_message(), PauseCampaign(campaign_id="turnout-ivr")),
        (make_message(name="resume"), ResumeCampaign(campaign_id="turnout-ivr")),
        (make_message(name="stop"), StopCampaign(campaign_id="turnout-ivr")),
        (make_message(name="stop-all", campaign_id=None), StopAll()),
        (make_message(name="reload-flows", campaign_id=None), ReloadFlows()),
        (make_message(name="reload-settings", campaign_id=None), ReloadSettings()),
        (make_message(campaign_id="मतदान १"), PauseCampaign(campaign_id="मतदान १")),
    ],
)
def test_valid_mqtt_command_is_accepted_with_its_fields_and_id(payload: bytes, command: object) -> None:
    parsed = check_command(payload)
    assert isinstance(parsed, AcceptedCommand)
    assert parsed.command == command
    assert parsed.command_id == "c-1"


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (make_message(expires_at=NOW), "expired"),
        (make_message(expires_at=NOW - 3600), "expired"),
        (make_message(expires_at=NOW * 1000), "more than a day ahead"),
        (make_message(expires_at="soon"), "epoch seconds"),
        (make_message(expires_at=True), "epoch seconds"),
        (make_message(expires_at=None), "epoch seconds"),
        (make_message(expires_at=float("nan")), "epoch seconds"),
        (make_message(expires_at=float("inf")), "epoch seconds"),
        (make_message(expires_at=10**400), "more than a day ahead"),
        (make_message(expires_at=-(10**400)), "expired"),
        (make_message(name="originate"), "unknown command `originate`: use one of seat-serials, "),
        (make_message(name="originate", number="+919876543210"), "unknown command `originate`"),
        (make_message(name="stop_all"), "`name` is unknown: use one of "),
        (make_message(name="stopall"), "unknown command `stopall`; did you mean `stop-all`?"),
        (make_message(name="+919876543210"), "`name` is unknown: use one of "),
        (make_message(name=["pause"]), "`name` is unknown: use one of "),
        (make_message(name=None), "the command has no `name`: use one of "),
        (make_message(campaign_id=None), "`pause` needs `campaign_id` (ID of the campaign"),
        (make_message(campaign_id=7), "`pause`: `campaign_id` must be a text"),
        (make_message(campaign_id="a\nb"), "`pause`: `campaign_id` is not valid (ID of the campaign"),
        (make_message(campaign_id="\ud800"), "`pause`: a text has a character that is not valid Unicode"),
        (make_message(campaign_id="x" * 200), "`campaign_id` is not valid"),
        (make_message(campaign_id=json.loads("[" * 300 + "]" * 300)), "`pause`: the fields are nested too deeply"),
        (make_message(name="stop-all"), "leave `campaign_id` out"),
        (make_message(name="reload-flows"), "leave `campaign_id` out"),
        (
            make_message(role="supervisor"),
            "the command has the field `role`, which senders must not set: it comes from [[supervisors]]",
        ),
        (
            make_message(user="supervisor"),
            "the command has the field `user`, which senders must not set: it is the last level of the topic",
        ),
        (make_command("user-remove", role="viewer"), "the command has the field `role`, which senders must not set"),
        (
            make_command("user-set", role="desk"),
            "`role` must be 'viewer', 'listener', 'coach', 'compliance' or 'supervisor'",
        ),
        (make_command("user-set", role=["supervisor"]), "`role` must be 'viewer'"),
        (make_command("user-set", user="Meena"), "`user` is not valid (name of the user: 1 to 32 lower-case letters"),
        (make_command("user-set", user="../state"), "`user` is not valid"),
        (make_command("user-set", user=7), "`user` must be a text"),
        (
            make_command("seat-message", seat="01", text="call 98765 43210"),
            "`text` has more than 6 digits, which may be a phone number",
        ),
        (
            make_command("seat-message", seat="01", text="९८७६५४३२१०"),
            "`text` has more than 6 digits, which may be a phone number",
        ),
        (
            make_command("seat-message", seat="01", text="a" * 201),
            "`text` is not valid (one line, at most 200 characters",
        ),
        (make_command("seat-message", seat="01", text="one\nmore"), "`text` is not valid"),
        (
            make_command("seat-message", seat=None),
            "`seat-message`: a message needs either `seat` or `campaign_id`, which say who gets it",
        ),
        (
            make_command("seat-message", campaign_id="turnout"),
            "`seat-message`: a message needs either `seat` or `campaign_id`, which say who gets it",
        ),
        (make_command("seat-message", seat="01", text="  "), "`text` must not be blank"),
        (
            make_command("speed", max_calls=0),
            "`max_calls` must be at least 1 (maximum concurrent calls of the campaign",
        ),
        (make_command("speed", max_calls=1.5), "`max_calls` must be a whole number"),
        (make_command("calling-hours", hours=[]), "`hours` must have at least 1 item"),
        (make_command("calling-hours", hours=["09:00-12:00"] * 9), "`hours` must have at most 8 items"),
        (make_command("calling-hours", hours="09:00-12:00"), "`hours` must be a list"),
        (make_command("calling-hours", hours=["9-12"]), "`hours[0]` is not valid (1 to 8 periods such as 09:00-13:00"),
        (make_command("calling-hours", hours=["09:00-24:01"]), "`hours[0]` is not valid"),
        (make_command("calling-hours", hours=["09:00-12:00\n"]), "`hours[0]` is not valid"),
        (make_command("calling-hours", hours=["12:00-12:00"]), "`hours[0]` must end after it starts"),
        (make_command("speed", max_calls=True), "`max_calls` must be a whole number"),
        (make_command("speed", calls_per_seat=11), "`calls_per_seat` must be at most 10"),
        (make_command("speed", calls_per_seat=float("nan")), "`calls_per_seat` must be a finite number"),
        (
            make_command("seat-campaigns", campaigns="turnout"),
            "`campaigns` must be a list (IDs of at most 50 campaigns",
        ),
        (make_command("seat-campaigns", campaigns=["a\nb"]), "`campaigns[0]` is not valid"),
        (make_command("seat-campaigns", campaigns=["a"] * 51), "`campaigns` must have at most 50 items"),
        (make_command("seat-message-read", message_at="now"), "`message_at` must be a number"),
        (make_command("user-set", user="dialler"), "`user` must not be 'dialler'"),
        (make_command("user-set", user="a919876543210"), "`user` must not have more than 6 digits"),
        (
            make_message(name="listen", campaign_id=None, seat="01", supervisor="asha"),
            "the command has the field `supervisor`, which senders must not set: it is the sender",
        ),
        (
            make_message(campain="t"),
            "unknown field: `campain`; did you mean `campaign_id`?; the fields of `pause` are expires_at, id, name, campaign_id",
        ),
        (make_message(**{"+919876543210": 1}), "unknown field: one that is not a word; the fields of `pause` are"),
    ],
)
def test_invalid_command_is_refused_with_a_reply(payload: bytes, says: str) -> None:
    parsed = check_command(payload)
    assert isinstance(parsed, RefusedCommand)
    assert parsed.command_id == "c-1"
    assert says in parsed.text
    assert "\n" not in parsed.text
    assert "98765" not in parsed.text


@pytest.mark.parametrize(
    "payload",
    [
        b"pause",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"[" * 4000,
        b'{"id": "c-1", "id": "c-2", "name": "pause"}',
        b"{" + b" " * 5000 + b"}",
        make_message(id=None),
        make_message(id=""),
        make_message(id="../state"),
        make_message(id="c/+/#"),
        make_message(id="x" * 65),
        make_message(id=17),
    ],
)
def test_mqtt_command_without_a_valid_id_gets_no_reply(payload: bytes) -> None:
    parsed = check_command(payload)
    assert isinstance(parsed, RefusedCommand)
    assert parsed.command_id is None


@pytest.mark.parametrize("name", COMMANDS)
def test_each_mqtt_command_is_accepted_only_from_users_with_its_roles(name: str) -> None:
    kind = COMMANDS[name]
    assert kind.roles
    for role in (*SupervisorRole, "agent", "Supervisor", ""):
        parsed = check_command(make_command(name), user=str(role))
        assert isinstance(parsed, AcceptedCommand if role in kind.roles else RefusedCommand), (name, role)
        if isinstance(parsed, AcceptedCommand):
            assert parsed.command == read_command(name, required_fields(name))
            assert parsed.command_context == CommandContext(str(role))
        elif role in set(SupervisorRole):
            assert f"`{name}` needs the role" in parsed.text
        else:
            assert "the sender may not send commands" in parsed.text


def test_each_user_role_may_send_exactly_the_mqtt_commands_listed_for_the_role() -> None:
    """A command that becomes available to a role shows here."""
    may = {role: {name for name, kind in COMMANDS.items() if role in kind.roles} for role in SupervisorRole}
    assert may[SupervisorRole.VIEWER] == set()
    assert may[SupervisorRole.LISTENER] == {"listen", "stop-listening"}
    assert may[SupervisorRole.COACH] == {"listen", "whisper", "stop-listening"}
    assert may[SupervisorRole.BOOTH_DESK] == {"marks", "official-turnout", "roll-import"}
    assert may[SupervisorRole.COMPLIANCE] == {
        *("pause", "stop", "stop-all", "complaint", "complaint-answer", "opt-outs", "unknown-release"),
        *("suppress", "erase-number", "number-search", "recording-play", "recording-judge"),
    }
    assert may[SupervisorRole.DESK] == {name for name in COMMANDS if name.startswith("seat-")} - {
        "seat-unlock",
        "seat-message",
        "seat-campaigns",
    }
    assert may[SupervisorRole.UPLINK] == {
        *(
            "confirm-uplink",
            "report-uplink",
            "import-peer-updates",
            "headquarters-order",
            "reload-flows",
            "reload-settings",
        )
    }
    assert may[SupervisorRole.SUPERVISOR] == set(COMMANDS) - {"confirm-uplink", "import-peer-updates", "report-uplink"}


def test_audit_entry_about_a_complaint_names_the_responsible_person_and_the_sender() -> None:
    parsed = check_command(make_command("complaint"), user="compliance")
    assert isinstance(parsed, AcceptedCommand)
    assert parsed.command_context.describe_responsible_person("ops.1") == "ops.1 by compliance"
    assert create_audit_entry(parsed, "done")[1]["who"] == "ops.1 by compliance"
    own = check_command(make_command("complaint"), user="dialler")
    assert isinstance(own, AcceptedCommand)
    assert own.command_context.describe_responsible_person("ops.1") == "ops.1"
    assert create_audit_entry(own, "done")[1]["who"] == "ops.1"


def test_audit_entry_about_downloaded_rejected_rows_names_the_roll_and_their_number() -> None:
    parsed = check_command(make_command("rejects-download"))
    who, details = create_audit_entry(parsed, "done")
    assert (who, details["sha256"], details["rejects"]) == (BOSS, "0f" * 32, "2")


def test_audit_entry_about_an_approved_campaign_names_its_author_and_the_approved_lines() -> None:
    parsed = check_command(make_command("campaign-approve"), user=BOSS)
    assert isinstance(parsed, AcceptedCommand)
    who, what = create_audit_entry(parsed, "done")
    assert who == BOSS
    assert (what["campaign_id"], what["author"], what["digest"]) == ("turnout-ivr", "asha", "0f" * 32)


async def test_approval_of_a_campaign_by_its_author_is_refused() -> None:
    command = ApproveCampaign(campaign_id="turnout-ivr", author="asha", digest="0f" * 32)
    services: Any = None  # an approval uses none
    assert "is recorded" in await command.execute_command(services, CommandContext("meena"))
    with pytest.raises(CommandRefused, match="nobody can approve their own campaign"):
        await command.execute_command(services, CommandContext("asha"))


def test_only_the_listed_mqtt_commands_are_declared_idempotent() -> None:
    assert {name for name, kind in COMMANDS.items() if kind.is_idempotent} == {
        "pause",
        "resume",
        "stop",
        "stop-all",
        "accept-clock",
        "reload-flows",
        "reload-settings",
        "campaign-approve",
        "number-search",
        "coaching-note",
        "recording-play",
        "recording-judge",
        "seat-message-read",
        "seat-campaigns",
        "seat-preview-dial",
        "seat-preview-skip",
        "speed",
        "abandoned-target",
        "weight",
        "calling-hours",
        "marks",  # these have keys of their own for what they bring
        "official-turnout",
        "complaint",
        "complaint-answer",
        "opt-outs",
        "rejects-download",
        "roll-import",  # and these change nothing of what is so already
        "suppress",
        "erase-number",
        "seat-dispose",  # and these a receipt
        "seat-undo-disposition",
        "user-set",
        "user-remove",
        "user-password",
        "confirm-uplink",  # and these a position
        "report-uplink",
        "import-peer-updates",
        "headquarters-order",  # the order in it has an id of its own
        "test-mark",  # and of this the latest alone counts
    }


def test_desk_may_call_an_agents_phone_but_not_unlock_a_seat() -> None:
    called = check_command(make_command("seat-call"), user="desk")
    assert isinstance(called, AcceptedCommand)
    assert called.command == SeatCall(seat="01")
    unlocked = check_command(make_command("seat-unlock"))
    assert isinstance(unlocked, AcceptedCommand)
    assert unlocked.command == SeatUnlock(seat="01")
    refused = check_command(make_command("seat-unlock"), user="desk")
    assert isinstance(refused, RefusedCommand)
    assert "`seat-unlock` needs the role" in refused.text


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (make_command("seat-transfer", to="+919001234567"), "`to` is not valid (name of a target in `[[transfers]]`"),
        (make_command("seat-transfer", to=None), "`seat-transfer` needs `to`"),
        (make_command("seat-consult", to="../etc"), "`to` is not valid"),
        (make_command("seat-pause-recording", seat="../01"), "`seat` is not valid"),
        (make_command("seat-hold", seat="${EVAL}"), "`seat` is not valid"),
        (make_command("seat-hold", seat="x" * 21), "`seat` is not valid"),
        (make_command("seat-pause", reason="a\nb"), "`reason` is not valid"),
        (make_command("seat-dispose", attempt_id=None), "`seat-dispose` needs `attempt_id` (ID of the call attempt"),
        (make_command("seat-dispose", disposition="none"), "`disposition` must be 'voted', 'not-yet', 'later', "),
        (make_command("seat-dispose", disposition=["voted"]), "`disposition` must be 'voted', "),
        (make_command("seat-dispose", disposition="later"), "the disposition `later` needs `hour`"),
        (make_command("seat-dispose", disposition="later", hour=24), "`hour` must be at most 23"),
        (make_command("seat-dispose", disposition="later", hour=True), "`hour` must be a whole number"),
        (make_command("seat-dispose", hour=9), "`hour` is allowed with the disposition later only: leave `hour` out"),
        (
            make_command("seat-dispose", call_back_at=NOW + 60),
            "`call_back_at` is allowed with the disposition call-back only",
        ),
        (
            make_command("seat-dispose", disposition="call-back", call_back_at=float("inf")),
            "`call_back_at` must be a finite number",
        ),
        (
            make_command("seat-dispose", disposition="call-back", call_back_at=10**400),
            "`call_back_at` must be a finite number",
        ),
        (make_command("seat-dispose", language="ta"), "`language` is allowed with the disposition language only"),
        (make_command("seat-dispose", disposition="language", language="tamil"), "`language` is not valid"),
        (make_command("seat-dispose", note="+919876543210"), "`note` is not valid"),
        (make_command("seat-dispose", note="n" * 65), "`note` is not valid"),
        (
            make_command("seat-dispose", voters=[]),
            "`voters` must have at least 1 item",
        ),
        (
            make_command("seat-dispose", voters=[{"voter_id": 7, "mark": "voted"}] * 2),
            "`voters` must have each voter once",
        ),
        (
            make_command("seat-dispose", voters=[{"voter_id": 7, "mark": "later"}]),
            "`voters[0]` must have `hour` (0 to 23) if `mark` is `later`, and no `hour` if `mark` has another value",
        ),
        (
            make_command("seat-dispose", voters=[{"voter_id": 7, "mark": "voted", "hour": 9}]),
            "`voters[0]` must have `hour` (0 to 23) if `mark` is `later`, and no `hour` if `mark` has another value",
        ),
        (
            make_command("seat-dispose", voters=[{"voter_id": 7, "mark": "voted", "name": "Asha"}]),
            "`voters[0].name` is not a known field",
        ),
        (
            make_command("seat-dispose", voters=[{"voter_id": 0, "mark": "voted"}]),
            "`voters[0].voter_id` must be at least 1",
        ),
        (make_command("seat-dispose", answers={}), "`answers` must have at least 1 item"),
        (
            make_command("seat-dispose", answers={f"q{n}": "a" for n in range(51)}),
            "`answers` must have at most 50 items",
        ),
        (make_command("seat-dispose", answers=["told"]), "`answers` must be an object (1 to 50 answers"),
        (make_command("seat-dispose", answers={"knows_booth": "+919876543210"}), "`answers.knows_booth` is not valid"),
        (make_command("seat-dispose", answers={"knows_booth": "a" * 41}), "`answers.knows_booth` is not valid"),
        (make_command("seat-dispose", answers={"knows_booth": None}), "`answers.knows_booth` must be a text"),
        (make_command("seat-dispose", answers={"Knows": "told"}), "`answers` is not valid"),
        (make_command("seat-dispose", answers={"Q919001234567": "told"}), "`answers` is not valid"),
        (
            make_command("seat-dispose", voters=[{"voter_id": 7, "mark": "voted", "n9001234567": 1}]),
            "is not a known field",
        ),
        (make_command("seat-serials", serials="12,,15"), "`serials` is not valid (1 to 200 serial numbers"),
        (make_command("seat-serials", serials="12 15"), "`serials` is not valid"),
        (make_command("seat-serials", serials=",".join(["7"] * 201)), "`serials` is not valid"),
        (make_command("seat-hold", to="boss"), "`seat-hold` has no field `to`: leave `to` out"),
        (make_command("pause", seat="01"), "`pause` has no field `seat`: leave `seat` out"),
    ],
)
def test_invalid_seat_command_is_refused(payload: bytes, says: str) -> None:
    parsed = check_command(payload)
    assert isinstance(parsed, RefusedCommand)
    assert says in parsed.text
    assert "9001234567" not in parsed.text


@pytest.mark.parametrize(("told", "part", "serials"), [("12", None, (12,)), ("7:12,0015,12", 7, (12, 15, 12))])
async def test_voters_serial_number_in_a_command_includes_the_roll_part(
    told: str, part: int | None, serials: tuple[int, ...]
) -> None:
    parsed = check_command(make_command("seat-serials", serials=told))
    assert isinstance(parsed, AcceptedCommand)
    assert parsed.command == SeatSerials(seat="01", serials=told)
    taken: list[object] = []

    async def mark_voters_as_voted(*values: object) -> str:
        taken.extend(values)
        return "noted"

    services: Any = SimpleNamespace(booth_workers=SimpleNamespace(mark_voters_as_voted=mark_voters_as_voted))
    await parsed.command.execute_command(services, parsed.command_context)
    assert taken == ["01", serials, part]


def test_voter_statuses_and_turnout_figures_in_a_command_are_converted_to_records() -> None:
    parsed = check_command(make_command("marks", batch="b-1"))
    assert isinstance(parsed, AcceptedCommand)
    report = MarkReport(
        key="import/1", voter_id=7, kind="voted", source="booth-worker", at=NOW - 60, reported_by="worker-12"
    )
    assert parsed.command == RecordMarks(marks=(report,), batch="b-1", who="ops.1")
    mark = report.create_voter_mark_from_imported_report()
    assert mark == Mark("import/1", 7, MarkKind.VOTED, MarkSource.BOOTH_WORKER, NOW - 60, agent="worker-12")
    assert mark.confidence_in_voter_mark is Confidence.SEEN
    parsed = check_command(make_command("official-turnout"))
    assert isinstance(parsed, AcceptedCommand)
    report_of = FigureReport(day="2024-04-22", constituency_number=174, part_number=None, hour="09:00", share=0.11)
    assert parsed.command == RecordOfficialTurnout(figures=(report_of,), who="ops.1")
    assert report_of.create_turnout_figure_from_imported_report() == OfficialFigure(
        date(2024, 4, 22), 174, None, "09:00", 0.11
    )
    of_state = check_command(make_command("official-turnout", figures=[{**FIGURE, "state_code": "s13"}]))
    assert isinstance(of_state, AcceptedCommand)
    assert isinstance(of_state.command, RecordOfficialTurnout)
    assert of_state.command.figures[0].create_turnout_figure_from_imported_report().state_code == "S13"


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (make_command("marks", marks=[]), "`marks` must have at least 1 item (1 to 100 marks, all saved or none)"),
        (make_command("marks", marks=[MARK] * 101), "`marks` must have at most 100 items"),
        (make_command("marks", marks=[{**MARK, "voter_id": "7"}]), "`marks[0].voter_id` must be a whole number"),
        (make_command("marks", marks=[{**MARK, "voter_id": 0}]), "`marks[0].voter_id`"),
        (make_command("marks", marks=[{**MARK, "voter_id": 10**20}]), "`marks[0].voter_id`"),
        (make_command("marks", marks=[{**MARK, "at": 1e300}]), "`marks[0].at`"),
        (make_command("official-turnout", figures=[{**FIGURE, "part_number": 2**63}]), "`figures[0].part_number`"),
        (
            make_command("official-turnout", figures=[{**FIGURE, "constituency_number": 10**30}]),
            "`figures[0].constituency_number`",
        ),
        (make_command("complaint", complaint={**COMPLAINT, "phone_id": 10**20}), "`complaint.phone_id`"),
        (make_command("complaint-answer", answer={**ANSWER, "complaint": 10**20}), "`answer.complaint`"),
        (make_command("marks", marks=[MARK, {**MARK, "kind": "later"}]), "`marks[1].kind` must be 'voted', 'not-yet'"),
        (make_command("marks", marks=[{**MARK, "source": "voter-key"}]), "`marks[0].source`"),
        (make_command("marks", marks=[{**MARK, "at": float("nan")}]), "`marks[0].at`"),
        (make_command("marks", marks=[{**MARK, "party": "a"}]), "`marks[0].party` is not a known field"),
        (make_command("marks", marks=[{**MARK, "reported_by": "Sita Devi"}]), "`marks[0].reported_by` is not valid"),
        (make_command("marks", marks=[{**MARK, "reported_by": "9001234567"}]), "`marks[0].reported_by` is not valid"),
        (make_command("marks", who="+919001234567"), "`who` is not valid"),
        (make_command("official-turnout", figures=[{**FIGURE, "share": 11}]), "`figures[0].share`"),
        (make_command("official-turnout", figures=[{**FIGURE, "day": "2024-02-30"}]), "`figures[0].day` is not a date"),
        (make_command("official-turnout", figures=[{**FIGURE, "hour": "9"}]), "`figures[0].hour` is not valid"),
        (
            make_command("official-turnout", figures=[{**FIGURE, "state_code": "S13\n"}]),
            "`figures[0].state_code` is not valid",
        ),
        (
            make_command("complaint", complaint={**COMPLAINT, "text": "from +919001234567"}),
            "`complaint.text` is not a known field",
        ),
        (make_command("complaint", complaint="loud"), "`complaint` must be an object"),
        (make_command("complaint-answer", answer={**ANSWER, "answer": "sorry"}), "`answer.answer` must be 'explained'"),
        (
            make_command("opt-outs", hashes=["+919001234567"]),
            "`hashes[0]` is not valid (1 to 100 hashes",
        ),
        (make_command("opt-outs", hashes=["0f" * 32] * 101), "`hashes` must have at most 100 items"),
        (make_command("opt-outs", source="asked by Sita Devi"), "`source` is not valid (where the numbers come from"),
        (make_command("opt-outs", source="9001234567"), "`source` is not valid"),
        (make_command("opt-outs", fingerprint="x"), "`fingerprint` is not valid"),
        (make_command("unknown-release", attempts=[]), "`attempts` must have at least 1 item"),
        (make_command("unknown-release", attempts=["a"] * 101), "`attempts` must have at most 100 items"),
        (
            make_command("unknown-release", attempts=["+919001234567"]),
            "`attempts[0]` is not valid (IDs of 1 to 100",
        ),
        (make_command("unknown-release", attempts="a"), "`attempts` must be a list"),
        (make_command("unknown-release", who="Sita Devi"), "`who` is not valid"),
    ],
)
def test_invalid_records_in_a_command_are_refused_without_repeating_their_content(payload: bytes, says: str) -> None:
    parsed = check_command(payload)
    assert isinstance(parsed, RefusedCommand)
    assert says in parsed.text
    assert "\n" not in parsed.text
    assert "9001234567" not in parsed.text
    assert "Sita" not in parsed.text


def test_values_allowed_in_command_messages_match_the_enums_of_the_dialler() -> None:
    for payload, field, words in (
        (ComplaintReport, "about", ComplaintTopic),
        (ComplaintReport, "channel", ComplaintChannel),
        (AnswerReport, "answer", ComplaintRemedy),
    ):
        assert set(get_args(get_type_hints(payload)[field])) == set(words)
    assert set(get_args(get_type_hints(MarkReport)["kind"])) == set(KINDS)


def test_largest_batch_of_voter_statuses_fits_into_a_command() -> None:
    longest = {
        **MARK,
        "key": "k" * 40,
        "voter_id": 3_200_000,
        "reported_by": "w" * 40,
        "source": "booth-worker",
        "confidence": "seen",
    }
    parsed = check_command(make_command("marks", marks=[longest] * MAX_MARKS))
    assert isinstance(parsed, AcceptedCommand)
    parsed = check_command(make_command("opt-outs", hashes=["0f" * 32] * MAX_OPT_OUTS))
    assert isinstance(parsed, AcceptedCommand)


def test_command_sent_as_a_retained_mqtt_message_is_refused() -> None:
    parsed = check_command(make_message(), retained=True)
    assert isinstance(parsed, RefusedCommand)
    assert "retain" in parsed.text


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.binary(max_size=200)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("id", "name", "campaign_id", "expires_at", "role", "command", "signature"), JSON)
    ).map(lambda fields: json.dumps(fields).encode())
)
@settings(deadline=None, derandomize=True)
def test_command_message_with_arbitrary_bytes_is_refused_without_an_exception(payload: bytes) -> None:
    assert isinstance(check_command(payload), AcceptedCommand | RefusedCommand)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(tmp_path / "centre.db")
    yield opened
    await opened.close()


def make_gateway(store: Store, engine: FakeEngine, execute: Any = None) -> CommandGateway:
    """Return a gateway for that engine, or for one with another `execute`."""
    stand_in = SimpleNamespace(
        execute_command=execute or engine.execute_command,
        mqtt_message_stored_event=engine.mqtt_message_stored_event,
        raise_or_clear_alert=engine.raise_or_clear_alert,
    )
    return CommandGateway(stand_in, store, SystemClock(), SENDERS, "pune-1")


def make_checked_command(**changes: Any) -> CheckedCommand:
    return check_command(make_message(**changes))


async def read_replies(store: Store) -> list[dict[str, Any]]:
    return [
        json.loads(row.payload)
        for row in await store.read_outbox_rows_for_broker(100)
        if row.topic == "replies/supervisor/c-1"
    ]


async def test_duplicate_command_is_executed_once_and_answered_twice(store: Store) -> None:
    engine = FakeEngine()
    gateway = make_gateway(store, engine, engine.execute_command)
    await gateway.execute_command_once_and_reply(make_checked_command())
    await gateway.execute_command_once_and_reply(make_checked_command())
    assert engine.executed == [PauseCampaign(campaign_id="turnout-ivr")]
    first, second = await read_replies(store)
    assert first == second
    assert first["status"] == "done"
    assert engine.mqtt_message_stored_event.is_set()


async def test_audit_contains_each_command_with_sender_and_status(store: Store, tmp_path: Path) -> None:
    engine = FakeEngine()
    gateway = make_gateway(store, engine)
    for checked in (
        make_checked_command(),
        make_checked_command(),  # again
        make_checked_command(id="c-1", campaign_id="other"),
        make_checked_command(id="c-2", campaign_id="no-such"),
        make_checked_command(id="c-3", name="originate"),
        check_command(make_command("seat-hang-up", id="c-4")),
        check_command(make_command("calling-hours", id="c-6", hours=["10:00-13:00", "14:00-18:00"])),
        check_command(make_command("marks", id="c-5"), user="listener"),
        check_command(b"pause", user="eve"),
    ):
        await gateway.execute_command_once_and_reply(checked)
    await store.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "centre.db")) as db:
        rows = db.execute("SELECT kind, who, what FROM audit ORDER BY number").fetchall()
    entries = [(who, json.loads(what)) for kind, who, what in rows if kind == "command"]
    assert [(who, what["command"], what["id"], what.get("role"), what["status"]) for who, what in entries] == [
        ("supervisor", "pause", "c-1", "supervisor", "done"),
        ("supervisor", "pause", "c-1", "supervisor", "repeated"),
        ("supervisor", "pause", "c-1", "supervisor", "refused"),
        ("supervisor", "pause", "c-2", "supervisor", "refused"),
        ("supervisor", "unknown", "c-3", "supervisor", "refused"),
        ("supervisor", "seat-hang-up", "c-4", "supervisor", "begun"),
        ("supervisor", "seat-hang-up", "c-4", "supervisor", "done"),
        ("supervisor", "calling-hours", "c-6", "supervisor", "done"),
        ("listener", "marks", "c-5", "listener", "refused"),
        ("eve", "unknown", "none", None, "refused"),
    ]
    assert (entries[0][1]["campaign_id"], entries[5][1]["seat"]) == ("turnout-ivr", "01")
    assert entries[7][1]["hours"] == "10:00-13:00, 14:00-18:00"
    assert "another command has this ID" in entries[2][1]["why"]


async def test_duplicate_command_is_recognised_after_a_restart(store: Store, tmp_path: Path) -> None:
    before = FakeEngine()
    await make_gateway(store, before, before.execute_command).execute_command_once_and_reply(make_checked_command())
    await store.close()
    again = await open_store(tmp_path / "centre.db")
    after = FakeEngine()
    await make_gateway(again, after, after.execute_command).execute_command_once_and_reply(make_checked_command())
    assert after.executed == []
    assert len(await read_replies(again)) == 2
    await again.close()


async def test_command_refused_by_the_engine_is_answered_with_its_reason(store: Store) -> None:
    engine = FakeEngine()
    gateway = make_gateway(store, engine, engine.execute_command)
    await gateway.execute_command_once_and_reply(make_checked_command(campaign_id="no-such"))
    assert engine.executed == []
    (reply,) = await read_replies(store)
    assert reply["status"] == "refused"
    assert "no-such" in reply["text"]


async def test_command_refused_because_the_store_was_busy_can_be_resent(store: Store) -> None:
    engine = FakeEngine()
    troubles = [StoreBusy("another process holds the store")]

    async def execute(command: Any, context: CommandContext) -> str:
        if troubles:
            raise troubles.pop()
        return await engine.execute_command(command, context)

    gateway = make_gateway(store, engine, execute)
    running = asyncio.create_task(gateway.execute_commands_until_cancelled())
    payload = json.loads(make_message())
    payload["expires_at"] = SystemClock().now() + 60
    gateway.queue_command_message(BOSS, json.dumps(payload).encode(), retained=False)
    gateway.queue_command_message(BOSS, json.dumps(payload).encode(), retained=False)
    await engine.mqtt_message_stored_event.wait()
    running.cancel()
    assert engine.executed == [PauseCampaign(campaign_id="turnout-ivr")]
    assert [reply["status"] for reply in await read_replies(store)] == ["done"]


async def test_unexpected_error_refuses_the_command_and_the_next_command_is_executed(
    store: Store,
) -> None:
    engine = FakeEngine()

    async def execute(command: Any, context: CommandContext) -> str:
        if command == PauseCampaign(campaign_id="odd"):
            raise OverflowError("Python int too large to convert to SQLite INTEGER")
        return await engine.execute_command(command, context)

    gateway = make_gateway(store, engine, execute)
    running = asyncio.create_task(gateway.execute_commands_until_cancelled())
    soon = {"expires_at": SystemClock().now() + 60}
    for changes in ({"id": "c-0", "campaign_id": "odd"}, {}):
        gateway.queue_command_message(
            BOSS, json.dumps({**json.loads(make_message()), **soon, **changes}).encode(), retained=False
        )
    while not await read_replies(store):
        await engine.mqtt_message_stored_event.wait()
        engine.mqtt_message_stored_event.clear()
    assert not running.done()
    running.cancel()
    assert engine.executed == [PauseCampaign(campaign_id="turnout-ivr")]
    answers = {row.topic: json.loads(row.payload)["status"] for row in await store.read_outbox_rows_for_broker(10)}
    assert answers == {"replies/supervisor/c-0": "refused", "replies/supervisor/c-1": "done"}


async def test_hang_up_command_interrupted_by_a_crash_is_not_repeated(store: Store, tmp_path: Path) -> None:
    done: list[object] = []

    async def crash(command: object, context: CommandContext) -> str:
        done.append(command)
        raise asyncio.CancelledError

    parsed = check_command(make_command("seat-hang-up", id="c-1"))
    engine = FakeEngine()
    with pytest.raises(asyncio.CancelledError):
        await make_gateway(store, engine, crash).execute_command_once_and_reply(parsed)
    await store.close()
    again = await open_store(tmp_path / "centre.db")
    await make_gateway(again, engine, engine.execute_command).execute_command_once_and_reply(parsed)
    assert len(done) == 1
    assert engine.executed == []
    (reply,) = await read_replies(again)
    assert reply["status"] == "refused"
    assert "the dialler stopped while it executed the command" in reply["text"]
    await again.close()


async def test_duplicate_seat_command_is_executed_once(store: Store) -> None:
    engine = FakeEngine()
    gateway = make_gateway(store, engine, engine.execute_command)
    parsed = check_command(make_command("seat-transfer", id="c-1"))
    await gateway.execute_command_once_and_reply(parsed)
    await gateway.execute_command_once_and_reply(parsed)
    assert engine.executed == [SeatTransfer(seat="01", to="boss")]
    first, second = await read_replies(store)
    assert first == second
    assert first["status"] == "done"


async def test_seat_command_is_refused_when_the_store_fails(store: Store) -> None:
    async def fail_while_store_is_busy(*_: object) -> str:
        raise StoreBusy("another process holds the store")

    engine = FakeEngine()
    gateway = make_gateway(store, engine, fail_while_store_is_busy)
    await gateway.execute_command_once_and_reply(check_command(make_command("seat-hold", id="c-1")))
    (reply,) = await read_replies(store)
    assert (reply["status"], reply["text"]) == ("refused", "it was not saved: another process holds the store")


async def test_queue_of_waiting_commands_is_limited_during_a_flood_of_commands(store: Store) -> None:
    engine = FakeEngine()
    gateway = make_gateway(store, engine, engine.execute_command)
    for number in range(1_000):
        gateway.queue_command_message(
            BOSS, make_message(id=f"c-{number}", expires_at=SystemClock().now() + 60), retained=False
        )
    gateway.queue_command_message(BOSS, b"", retained=True)  # the clearing of a retained message
    assert sum(len(queues) for queues in gateway._queues.values()) == 100


@pytest.mark.parametrize("name", COMMANDS)
def test_too_large_integer_is_refused_in_every_field_of_a_command(name: str) -> None:
    kind = COMMANDS[name]
    for key in (*kind.list_required_field_names(), *kind.list_optional_field_names()):
        for value in (10**400, -(10**400), 1e308):
            found = check_command(make_command(name, **{key: value}), user=min(kind.roles))
            assert isinstance(found, RefusedCommand), (name, key)
            assert "needs the role" not in found.text


async def test_command_with_updates_of_other_centres_is_audited_only_if_refused(store: Store, tmp_path: Path) -> None:
    async def refuse(command: Command, context: CommandContext) -> str:
        raise CommandRefused("news of SIDE are missing: ask from 7")

    def read_audited_statuses() -> list[str]:
        with contextlib.closing(sqlite3.connect(tmp_path / "centre.db")) as db:
            return [json.loads(what)["status"] for (what,) in db.execute("SELECT what FROM audit ORDER BY number")]

    engine = FakeEngine()
    done, refused = make_gateway(store, engine), make_gateway(store, engine, refuse)
    await done.execute_command_once_and_reply(check_command(make_command("confirm-uplink"), user="uplink"))
    assert read_audited_statuses() == []
    await refused.execute_command_once_and_reply(check_command(make_command("import-peer-updates"), user="uplink"))
    assert read_audited_statuses() == ["refused"]
    for gateway, status in ((done, "done"), (refused, "refused")):
        answer = gateway.unstored_replies.get_nowait()
        assert answer.topic == "dialer/v1/pune-1/replies/uplink/c-1"
        assert json.loads(answer.payload)["status"] == status
    assert await store.read_outbox_rows_for_broker(10) == []
    assert await store.find_executed_command("uplink/c-1") is None
