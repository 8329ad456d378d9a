"""The reports by name, for commands and pages. Each needs only the store, a period, the centre's time zone and its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import NamedTuple

from dialer.reports import accounts, agents, tables
from dialer.reports.evidence import report_compliance_with_abandoned_caps
from dialer.reports.formats import Report
from dialer.reports.tables import Window
from dialer.settings.site import Settings
from dialer.settings.site_rules import load_site_profile
from dialer.store.connection import Connection


class ReportSource(NamedTuple):
    """The data from which a report is made: the store's database, a period and campaign, the time zone and the settings."""

    db: Connection
    window: Window
    zone: tzinfo
    settings: Settings

    @property
    def false_positive_share(self) -> float:
        """The share of people (0-1) among the calls that detection took for machines, as the profile estimates it."""
        return load_site_profile(self.settings).machine_detection.false_positive_share


REPORTS: Mapping[str, Callable[[ReportSource], Report]] = {
    "trunks": lambda of: tables.report_trunks(of.db, of.window),
    "agents": lambda of: agents.report_agents(of.db, of.window),
    "dispositions": lambda of: tables.report_dispositions(of.db, of.window),
    "abandonment": lambda of: tables.report_abandoned_calls(of.db, of.window, of.zone, of.false_positive_share),
    "machines": lambda of: tables.report_calls_taken_for_machines(of.db, of.window, of.false_positive_share),
    "evidence": lambda of: report_compliance_with_abandoned_caps(
        of.db, of.window, of.zone, load_site_profile(of.settings)
    ),
    "hours": lambda of: accounts.report_calls_by_hour(of.db, of.window, of.zone, of.false_positive_share),
    "expenditure": lambda of: accounts.report_expenditure(
        of.db, of.window, of.zone, {campaign.id: campaign.candidate for campaign in of.settings.campaigns}
    ),
    "opt-outs": lambda of: accounts.report_opt_outs(of.db, of.window, of.zone),
    "workers": lambda of: accounts.report_booth_workers(of.db, of.window, of.zone),
    "complaints": lambda of: accounts.report_complaints(of.db, of.window, of.zone),
    "compliance": lambda of: accounts.report_compliance(of.db, of.window, of.zone),
    "imports": lambda of: accounts.report_roll_imports(of.db, of.window, of.zone),
    "recordings": lambda of: tables.report_recordings(of.db, of.window, of.zone, of.settings.recordings.directory),
}
