"""Reports by e-mail: what is sent when, and what happens if the mail server refuses."""

from __future__ import annotations

import asyncio
import csv
import io
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from dialer.desk import report_mail
from dialer.desk.report_mail import ReportMailer, find_next_mail_time
from dialer.desk.report_reader import ReportReader
from dialer.desk.reports import REPORTS
from dialer.settings.report_mail import ReportMail, ReportName
from dialer.settings.site import Settings
from tests.support.desk import SetClock
from tests.support.mail_server import MailServer, run_mail_server
from tests.support.report_store import HOUR, INDIA, NOON, HandFilled
from tests.support.waiting import HANG_SECONDS

ON_THIS_MACHINE = {
    "host": "127.0.0.1",
    "encryption": "none",
    "sender": "reports@centre.test",
    "recipients": ["boss@party.test", "audit@party.test"],
}


def mail_settings(folder: Path, mails: MailServer, **more: Any) -> Settings:
    """Return settings that send reports to a mail server."""
    chosen = {**ON_THIS_MACHINE, "port": mails.port, "reports": ["hours", "outcomes"], "format": "csv", **more}
    return Settings.model_validate(
        {"centre": {"id": "pune-1"}, "store": {"path": folder / "centre.db"}, "report_mail": chosen}
    )


async def send_reports(settings: Settings) -> bool:
    """Send the reports of the day until noon. Return whether the mail server has accepted them."""
    clock = SetClock()
    clock.at = NOON
    reader = ReportReader(settings)
    with closing(reader):
        return await ReportMailer(settings, reader, clock).send_reports_of_day()


@pytest.fixture(autouse=True)
def store(tmp_path: Path) -> None:
    """Fill a store with one call of yesterday and two of today, one of them after noon."""
    made = HandFilled(tmp_path / "centre.db")
    with closing(made.db):
        made.answered(1, NOON - 24 * HOUR)
        made.answered(2, NOON - HOUR)
        made.answered(3, NOON + HOUR)


async def test_report_mail_covers_the_time_from_midnight_until_now(tmp_path: Path) -> None:
    async with run_mail_server() as mails:
        assert await send_reports(mail_settings(tmp_path, mails))
        [mail] = mails.received
    assert mail.recipients == ["boss@party.test", "audit@party.test"]
    assert mail.message["Subject"] == "Matdan pune-1: reports of 2026-04-22"
    attached = {part.get_filename(): part.get_content() for part in mail.message.iter_attachments()}
    assert [*attached] == ["hours-2026-04-22.csv", "outcomes-2026-04-22.csv"]
    [row] = csv.DictReader(io.StringIO(attached["hours-2026-04-22.csv"]))
    assert (row["day"], row["hour"], row["attempts"]) == ("2026-04-22", "11:00", "1")


async def test_rejected_report_mail_is_retried_a_limited_number_of_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_mail, "RETRY_SECONDS", 0.0)
    async with run_mail_server(refusals=report_mail.MAX_TRIES - 1) as mails:
        assert await send_reports(mail_settings(tmp_path, mails))
        assert len(mails.received) == 1
        mails.refusals = report_mail.MAX_TRIES
        assert not await send_reports(mail_settings(tmp_path, mails))
        assert (len(mails.received), mails.refusals) == (1, 0)


async def test_report_mail_is_not_sent_unencrypted_if_the_settings_require_encryption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_mail, "RETRY_SECONDS", 0.0)
    async with run_mail_server() as mails:
        assert not await send_reports(mail_settings(tmp_path, mails, encryption="starttls"))
        assert not mails.received


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-04-22T20:29:59", "2026-04-22T20:30"),
        ("2026-04-22T20:30", "2026-04-23T20:30"),
        ("2026-12-31T23:00", "2027-01-01T20:30"),
    ],
)
def test_report_mail_is_due_at_the_same_time_every_day(now: str, expected: str) -> None:
    at, next_at = (datetime.fromisoformat(each).replace(tzinfo=INDIA).timestamp() for each in (now, expected))
    assert find_next_mail_time(at, ReportMail(), INDIA) == next_at


async def test_no_report_is_sent_without_a_mail_server_in_the_settings(tmp_path: Path) -> None:
    settings = Settings.model_validate({"store": {"path": tmp_path / "centre.db"}})
    with closing(ReportReader(settings)) as reader:
        async with asyncio.timeout(HANG_SECONDS):
            await ReportMailer(settings, reader, SetClock()).send_mails_until_cancelled()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"recipients": []}, "host needs a sender and recipients"),
        ({"host": "mail.example.org"}, 'needs encryption = "starttls"'),
        ({"password": "mango-lorry"}, "password needs a username"),
        ({"sender": "Reports <reports@centre.test>"}, "must be an e-mail address"),
    ],
)
def test_contradictory_settings_of_the_report_mail_are_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises((ValidationError, ValueError)) as refused:
        ReportMail.model_validate({**ON_THIS_MACHINE, **wrong})
    assert says in str(refused.value) or "pattern" in str(refused.value)


def test_every_report_on_the_reports_page_can_be_sent_by_mail() -> None:
    assert {*get_args(ReportName)} == REPORTS.keys()
