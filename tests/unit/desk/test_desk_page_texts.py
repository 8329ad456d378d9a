"""Messages of the pages: each message that a page uses exists in every language of the page."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import get_args

import pytest

from dialer.desk.board import BOARD_COMMANDS, OTHER_COMMANDS
from dialer.desk.pages_built import DESK_FOLDER, SOURCES
from dialer.desk.reports import REPORTS
from dialer.desk.rolls import RollProblem, RollState
from dialer.domain.alerts import AlertField, AlertKind, AlertValues
from dialer.domain.enums import HqRole, MarkKind
from dialer.domain.enums import SupervisorRole as Role
from dialer.domain.errors import RefusedBecause
from dialer.domain.finding import Level
from dialer.domain.model import CampaignState, Disposition, MarkSource, Outcome
from dialer.domain.orders import OrderKind
from dialer.domain.view import CallState, HoldReason, SeatState, TransferStage
from dialer.engine.command.catalogue import COMMANDS
from dialer.flows.model import FlowPurpose
from dialer.flows.try_out import LineKind
from dialer.flows.turns import Ending
from dialer.hq.proposals import CONFIRM_ACTIONS
from dialer.pacing.port import Limit
from dialer.reports import call_lists
from dialer.reports.calls import GROUNDS, CallDetails
from dialer.roll.cells import RELATIONS, SEXES
from dialer.roll.fields import Field as RollField
from dialer.rules.gate import Reason
from dialer.settings.seats import AgentLogin
from dialer.settings.site import Settings
from dialer.site.campaign_form import describe_campaign_form
from dialer.site.flow_files import FlowOrigin
from tests.support.page_texts import LOCALES, read_english_messages, read_messages, read_server_texts

WEB = DESK_FOLDER.parent / "web"
FILES = sorted(LOCALES.rglob("*.ftl"))


def message_ids(path: Path) -> set[str]:
    return {*read_messages(path)}


def english_message_ids(*folders: str) -> set[str]:
    return {name for folder in folders for name in message_ids(LOCALES / folder / "en.ftl")}


def used_message_ids(folder: str) -> set[str]:
    sources = [each.read_text("utf-8") for each in (SOURCES / "src" / folder).glob("*.ts*")]
    return {name for text in sources for name in re.findall(r'\bt\("([a-z][a-z0-9-]*)"', text)}


def find_problem_ids(*paths: Path) -> set[str]:
    """Return the message ids of the problems with which these files and the shared web parts refuse requests."""
    said = r'RequestRefused\(\d+, "([a-z-]+)"'
    texts = [path.read_text("utf-8") for path in (*paths, WEB / "access.py", WEB / "app.py", WEB / "protection.py")]
    return {f"problem-{word}" for text in texts for word in re.findall(said, text)}


REPORT_MODULES = {"reports", "report_reader", "call_reports", "coaching_notes"}
"""Modules of the desk whose refusals only the reports page shows."""
SETUP_MODULES = {"campaigns", "campaign_drafts", "flows"}
"""Modules of the desk whose refusals only the pages of campaigns and flows show."""
UNTRANSLATED = {
    *(
        "Matdan",
        "https",
        "desk.address",
        "dialer",
        "user",
        "password",
        "command",
        "CSV",
        "XLSX",
        "csv",
        "xlsx",
        "ASR",
        "SIP",
        "EPIC",
        "FastAGI",
        "hq",  # words of commands
        "order",
        "resume",
        "audit",
    ),
}
"""Names, and what is typed or read as it is."""
LETTERS = {
    "as": "BENGALI",
    "bn": "BENGALI",
    "gu": "GUJARATI",
    "hi": "DEVANAGARI",
    "kn": "KANNADA",
    "ml": "MALAYALAM",
    "mr": "DEVANAGARI",
    "or": "ORIYA",
    "pa": "GURMUKHI",
    "ta": "TAMIL",
    "te": "TELUGU",
    "ur": "ARABIC",
}
"""What Unicode calls the letters of each language."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_language_has_all_page_messages_in_its_own_writing_system(path: Path) -> None:
    said, english = read_messages(path), read_english_messages(path)
    assert said.keys() == english.keys()
    for name, text in said.items():
        assert find_fields(text) == find_fields(english[name]), name
        if path.stem != "en":
            own = {unicodedata.name(each).split()[0] for each in strip_fields(text) if each.isalpha()} - {"LATIN"}
            assert own <= {LETTERS[path.stem]}, name
            assert own or find_latin_words(english[name]) <= UNTRANSLATED, name
            assert find_latin_words(text) <= UNTRANSLATED, name
            assert (":" in text) >= (":" in english[name]), f"{name}: English gives a reason, or what follows"
    shared = LOCALES / "shared" / path.name
    assert path == shared or not said.keys() & message_ids(shared)


def test_ids_of_server_texts_and_of_page_messages_differ() -> None:
    on_pages = {name for path in LOCALES.glob("*/en.ftl") for name in message_ids(path)}
    assert not on_pages & {*read_server_texts()}


def test_agents_page_exists_in_thirteen_languages() -> None:
    for folder in ("agent", "shared"):
        assert {path.stem for path in FILES if path.parent.name == folder} == {"en", *LETTERS}


def find_fields(text: str) -> set[str]:
    """Return the fields of a message, the commands and settings that it names, and whether it has a variant for none."""
    return {*re.findall(r"\$[a-z-]+|\[0\]|`[^`]+`", text)}


def strip_fields(text: str) -> str:
    """Return a message without its fields, and without the commands and settings that it names."""
    return re.sub(r"\{[^{}]*?(?:->|\})|\*?\[[\w-]+\]|`[^`]+`", " ", text)


def find_latin_words(text: str) -> set[str]:
    return {*re.findall(r"[A-Za-z][A-Za-z.]*[A-Za-z]", strip_fields(text))}


@pytest.mark.parametrize("kind", sorted(set(AlertKind) - {AlertKind.OTHER}))
def test_each_alert_has_a_page_message_with_exactly_its_fields(kind: AlertKind) -> None:
    english, hindi = (read_messages(LOCALES / f"staff/{language}.ftl")[f"alert-{kind}"] for language in ("en", "hi"))
    assert english == re.sub(r"\{(\w+)\}", r"{ $\1 }", kind.sentence)
    fields = {*re.findall(r"\{(\w+)\}", kind.sentence)}
    assert {*re.findall(r"\$(\w+)", hindi)} == fields <= {*AlertField} == AlertValues.__optional_keys__


def test_board_page_has_a_text_for_every_code_that_the_server_sends() -> None:
    words = (
        used_message_ids("board")
        | used_message_ids("staff")
        | used_message_ids("shared")
        | find_problem_ids(
            *(path for path in DESK_FOLDER.glob("*.py") if path.stem not in REPORT_MODULES | SETUP_MODULES),
            *WEB.glob("*.py"),
        )
    )
    words |= {f"call-{state}" for state in CallState if state is not CallState.ENDED}
    words |= {f"seat-{state}" for state in SeatState} | {f"rule-{reason}" for reason in Reason}
    words |= {f"why-{reason}" for reason in HoldReason}
    words |= {f"why-limit-{limit}" for limit in Limit} | {f"pacing-{limit}" for limit in Limit}
    words |= {f"role-{role}" for role in Role if role not in {Role.DESK, Role.UPLINK}}
    words |= {f"do-{name}" for name in (*BOARD_COMMANDS, *OTHER_COMMANDS)}
    page = (SOURCES / "src/board/rolls_and_numbers.tsx").read_text("utf-8")
    figures = page.partition("FIGURES = ")[2].partition(";")[0]
    words |= {f"roll-is-{state}" for state in get_args(RollState)}
    words |= {f"roll-problem-{problem}" for problem in get_args(RollProblem)}
    words |= {f"roll-field-{field.replace('_', '-')}" for field in RollField}
    offered = (SOURCES / "src/board/roll_mapping.tsx").read_text("utf-8").partition("FIELDS: ")[2].partition(";")[0]
    assert sorted(re.findall(r'"([a-z_]+)"', offered)) == sorted(RollField)
    words |= {f"roll-{name.replace('_', '-')}" for name in re.findall(r'"([a-z_]+)"', figures)}
    words |= {f"pause-{reason}" for reason in AgentLogin().pause_reasons}
    reasons = (DESK_FOLDER / "idle_reasons.py").read_text("utf-8")
    words |= {f"why-{code}" for code in re.findall(r'IdleReason\("([a-z-]+)"', reasons)}
    assert len(words) > 150
    assert not words - english_message_ids("board", "staff", "shared")


def test_reports_page_has_a_text_for_every_code_that_the_server_sends() -> None:
    own, others = english_message_ids("reports"), english_message_ids("board", "staff", "shared")
    page = (SOURCES / "src/reports/main.tsx").read_text("utf-8")
    views = re.findall(r"^  (\w+): \[", page.partition("VIEWS")[2].partition("};")[0], re.MULTILINE)
    server = [DESK_FOLDER / f"{name}.py" for name in REPORT_MODULES]
    words = used_message_ids("reports") | find_problem_ids(*server)
    words |= {f"report-{name}" for name in (*REPORTS, "calls")} | {f"view-{name}" for name in views}
    words |= {f"ended-{outcome}" for outcome in (*Outcome, "live")} | {f"outcome-{each}" for each in Disposition}
    words |= {f"ground-{name.replace('_', '-')}" for name in GROUNDS}
    words |= {f"moment-{name.removesuffix('_at')}" for name in CallDetails._fields if name.endswith("_at")}
    words |= {f"mark-{kind}" for kind in MarkKind} | {f"source-{source}" for source in MarkSource}
    statement = call_lists.SQL.numbers_by_due_time.sql
    words |= {f"waits-{word}" for word in re.findall(r"(?:THEN|ELSE) '([a-z-]+)'", statement)}
    assert views
    assert not words - own - others
    assert not own & others, "the page loads the texts of the board too"


def test_campaigns_page_has_a_text_for_every_setting_and_choice_of_the_form() -> None:
    own, others = english_message_ids("campaigns"), english_message_ids("board", "staff", "shared")
    words = used_message_ids("campaigns") | find_problem_ids(
        DESK_FOLDER / "campaigns.py", DESK_FOLDER / "campaign_drafts.py"
    )
    for field in describe_campaign_form(Settings()):
        name = field.name.replace("_", "-")
        words |= {f"field-{name}", f"help-{name}"}
        if field.name not in {"script", "flow"}:  # names of files
            words |= {f"{name}-is-{choice}" for choice in field.choices}
    words |= {f"finding-{level}" for level in Level}
    assert len(words) > 50
    assert not words - own - others
    assert not own & others, "the page loads the texts of the board too"


def test_flows_page_has_a_text_for_every_code_that_the_server_sends() -> None:
    own, others = english_message_ids("flows"), english_message_ids("board", "staff", "shared")
    words = used_message_ids("flows") | find_problem_ids(DESK_FOLDER / "flows.py")
    words |= {f"flow-purpose-{each}" for each in FlowPurpose} | {f"origin-{each}" for each in FlowOrigin}
    words |= {f"line-{each}" for each in LineKind} | {f"ending-{each}" for each in Ending}
    assert len(words) > 50
    assert not words - own - others
    assert not own & others, "the page loads the texts of the board too"


def test_headquarters_page_has_a_text_for_every_code_that_the_server_sends() -> None:
    words = used_message_ids("hq") | used_message_ids("staff") | used_message_ids("shared")
    words |= find_problem_ids(*(DESK_FOLDER.parent / "hq").glob("*.py"), *WEB.glob("*.py"))
    sources = "".join(path.read_text("utf-8") for path in (SOURCES / "src/hq").glob("*.ts*"))
    wire = (SOURCES / "src/hq/state.ts").read_text("utf-8")
    words |= {f"fault-{word}" for word in re.findall(r'(?:push\(|words: \[)"([a-z-]+)"', wire)}
    words |= {f"view-{name}" for name in re.findall(r"^  (\w+): [A-Z][a-z]\w*,$", sources, re.MULTILINE)}
    words |= {f"role-{role}" for role in HqRole} | {f"order-{kind}" for kind in OrderKind}
    words |= {f"proposal-is-{state}" for state in ("confirmed", "declined", "done", "failed", "expired")}
    words |= {f"campaign-{state}" for state in CampaignState}
    actions = re.findall(
        r'append_audit_entry\(\s*db, "([a-z-]+)"',
        "".join(path.read_text("utf-8") for path in (DESK_FOLDER.parent / "hq").glob("*.py")),
    )
    words |= {
        f"action-{kind}"
        for kind in [*actions, *(f"{what}-{done}" for what in CONFIRM_ACTIONS for done in ("proposed", "answered"))]
    }
    assert len(words) > 150
    assert not words - english_message_ids("hq", "staff", "shared")


def test_agents_page_has_a_text_for_every_code_that_the_server_sends() -> None:
    words = used_message_ids("agent") | used_message_ids("shared")
    words |= find_problem_ids(*(path for path in (DESK_FOLDER / "agents").glob("*.py") if path.stem != "phone"))
    words |= {f"seat-{state}" for state in SeatState} | {
        f"help-{stage}" for stage in TransferStage if stage in AT_A_SEAT
    }
    words |= {f"outcome-{each}" for each in Disposition if each is not Disposition.NONE}
    words |= {f"mark-{kind}" for kind in MarkKind} | {f"source-{source}" for source in MarkSource}
    words |= {f"idle-{state}" for state in SeatState}
    words |= {f"ended-{outcome}" for outcome in Outcome}
    words |= {f"relation-{each.lower()}" for each in RELATIONS} | {f"gender-{each.lower()}" for each in SEXES}
    words |= {f"pause-{reason}" for reason in AgentLogin().pause_reasons}
    words |= {f"refused-{why}" for why in RefusedBecause if why not in OF_SIGNING_IN}
    lawful = re.findall(r'word = "([a-z-]+)"', (DESK_FOLDER / "agents/screen_pop.py").read_text("utf-8"))
    words |= {f"lawful-{word}" for word in [*lawful, "not-listed", "allowed"]}
    phone = (SOURCES / "src/agent/phone.ts").read_text("utf-8")
    words |= {
        f"phone-state-{word}" for word in re.findall(r'"([a-z-]+)"', phone.partition("state: ")[2].partition(";")[0])
    }
    words |= {f"phone-problem-{word}" for word in re.findall(r'(?:refuse|Error|stands)\("([a-z-]+)"\)', phone)}
    commands = {name for name, kind in COMMANDS.items() if name.startswith("seat-") and Role.DESK in kind.roles}
    words |= {f"{what}-{name}" for name in commands & GIVEN for what in ("do", "done")}
    assert len(words) > 150
    assert not words - message_ids(LOCALES / "agent/en.ftl") - message_ids(LOCALES / "shared/en.ftl")


AT_A_SEAT = frozenset(TransferStage) - {TransferStage.TRANSFER, TransferStage.HANDING_OVER, TransferStage.TRANSFERRED}
GIVEN = {
    name
    for name in re.findall(r'"(seat-[a-z-]+)"', (SOURCES / "src/agent/controls.tsx").read_text(encoding="utf-8"))
    if name not in {"seat-menu", "seat-controls", "seat-closing"}
}
OF_SIGNING_IN = {
    RefusedBecause.PIN_WRONG,
    RefusedBecause.LOG_IN_LOCKED,
    RefusedBecause.AGENT_ELSEWHERE,
    RefusedBecause.SEAT_TAKEN,
    RefusedBecause.NO_SEAT,
    RefusedBecause.CLOCKS_DIFFER,
}
