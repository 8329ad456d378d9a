"""Sends the day's reports by e-mail once a day, if `report_mail.host` is set."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from datetime import datetime, timedelta, tzinfo
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

import structlog

from dialer.desk.report_reader import ReportReader
from dialer.desk.reports import REPORTS, ReportContext, ReportFile, encode_report_file
from dialer.domain.clock import Clock
from dialer.domain.enums import ReportFormat
from dialer.domain.errors import StoreError
from dialer.reports.tables import Window
from dialer.settings.report_mail import ReportMail
from dialer.settings.site import Settings
from dialer.settings.site_time import get_site_zone
from dialer.store.connection import Connection
from dialer.web.refusals import RequestRefused

_log = structlog.get_logger(__name__)

SMTP_SECONDS = 30.0
RETRY_SECONDS = 300.0
MAX_TRIES = 3
LONGEST_SLEEP_SECONDS = 300.0  # so that a changed clock is noticed


class ReportMailer:
    """Sends e-mails with the reports in `report_mail.reports`, every day at the time `report_mail.at`.

    The reports cover the day from midnight to that time. If the desk is not running at that time, no mail is sent that
    day.
    """

    def __init__(self, settings: Settings, reader: ReportReader, clock: Clock) -> None:
        self._settings = settings
        self._mail = settings.report_mail
        self._zone = get_site_zone(settings)
        self._reader = reader
        self._clock = clock

    async def send_mails_until_cancelled(self) -> None:
        """Send the reports every day until cancelled. Failures are logged."""
        if self._mail.host is None:
            return
        while True:
            now = self._clock.now()
            at = find_next_mail_time(now, self._mail, self._zone)
            await asyncio.sleep(min(at - now, LONGEST_SLEEP_SECONDS))
            if self._clock.now() >= at:
                await self.send_reports_of_day()

    async def send_reports_of_day(self) -> bool:
        """Send the reports from midnight until now. Return whether the mail server has accepted them."""
        now = self._clock.now()
        for attempt in range(1, MAX_TRIES + 1):
            try:
                files = await self._reader.run_report_query(lambda db: self._make_report_files(db, now))
                await asyncio.to_thread(send_mail, self._mail, self._compose_mail(files, now))
            except (OSError, smtplib.SMTPException, StoreError, RequestRefused) as error:
                _log.warning("report_mail.failed", problem=f"{type(error).__name__}: {error}", attempt=attempt)
                if attempt < MAX_TRIES:
                    await asyncio.sleep(RETRY_SECONDS)
            else:
                _log.info("report_mail.sent", reports=len(files), recipients=len(self._mail.recipients))
                return True
        return False

    def _make_report_files(self, db: Connection, now: float) -> list[ReportFile]:
        midnight = datetime.fromtimestamp(now, self._zone).replace(hour=0, minute=0, second=0, microsecond=0)
        context = ReportContext(Window(midnight.timestamp(), now), self._zone, self._settings, now)
        form = ReportFormat(self._mail.format)
        return [encode_report_file(name, REPORTS[name].make(db, context), context, form) for name in self._mail.reports]

    def _compose_mail(self, files: list[ReportFile], now: float) -> EmailMessage:
        centre, made_at = self._settings.centre, datetime.fromtimestamp(now, self._zone)
        mail = EmailMessage()
        mail["From"], mail["To"] = self._mail.sender, ", ".join(self._mail.recipients)
        mail["Subject"] = f"Matdan {centre.id}: reports of {made_at:%Y-%m-%d}"
        mail["Date"], mail["Message-ID"] = format_datetime(made_at), make_msgid(domain="matdan.invalid")
        mail.set_content(
            f"Reports of {centre.organisation}, centre {centre.id}, from midnight to {made_at:%H:%M}:\n\n"
            + "".join(f"- {file.name}\n" for file in files)
        )
        for file in files:
            main, _, sub = file.media_type.partition(";")[0].partition("/")
            mail.add_attachment(file.body, maintype=main, subtype=sub, filename=file.name)
        return mail


def find_next_mail_time(now: float, mail: ReportMail, zone: tzinfo) -> float:
    """Return when the next mail with reports is due after `now` (both in epoch seconds): at the time `report_mail.at`."""
    today = datetime.fromtimestamp(now, zone)
    at = today.replace(hour=mail.at.hour, minute=mail.at.minute, second=mail.at.second, microsecond=0)
    return (at if at.timestamp() > now else at + timedelta(days=1)).timestamp()


def send_mail(settings: ReportMail, mail: EmailMessage) -> None:
    """Send a mail by the mail server of the settings. Blocks. Raises OSError, SMTPException."""
    host, context = settings.host or "", ssl.create_default_context()
    with (
        smtplib.SMTP_SSL(host, settings.port, timeout=SMTP_SECONDS, context=context)
        if settings.encryption == "tls"
        else smtplib.SMTP(host, settings.port, timeout=SMTP_SECONDS)
    ) as server:
        if settings.encryption == "starttls":
            server.starttls(context=context)
        if settings.username is not None:
            server.login(settings.username, "" if settings.password is None else settings.password.get_secret_value())
        server.send_message(mail)
