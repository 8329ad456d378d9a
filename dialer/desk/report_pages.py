"""The reports page: the routes of all reports, the reports by e-mail, and the reader of the store that both use."""

from __future__ import annotations

from dialer.desk.call_reports import CallReportRoutes
from dialer.desk.report_mail import ReportMailer
from dialer.desk.report_reader import ReportReader
from dialer.desk.reports import ReportRoutes
from dialer.domain.clock import Clock
from dialer.mqtt.dialler_client import DiallerClient
from dialer.settings.site import Settings


class ReportPages:
    """The routes of the reports page, and the reports by e-mail."""

    def __init__(self, settings: Settings, clock: Clock, dialler_client: DiallerClient) -> None:
        self._reader = ReportReader(settings)
        self._parts = (
            ReportRoutes(settings, self._reader, clock),
            CallReportRoutes(settings, self._reader, clock, dialler_client),
        )
        self._mailer = ReportMailer(settings, self._reader, clock)
        self.routers = [part.create_http_router() for part in self._parts]

    def replace_report_settings(self, settings: Settings) -> None:
        """Use the campaigns and rules of these settings from now on."""
        for part in self._parts:
            part.replace_report_settings(settings)

    async def send_mails_until_cancelled(self) -> None:
        """Send the day's reports by e-mail every day until cancelled, if the settings name a mail server."""
        await self._mailer.send_mails_until_cancelled()

    def close(self) -> None:
        """Stop the thread that reads reports."""
        self._reader.close()
