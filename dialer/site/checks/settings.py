"""Checks of the settings themselves: placeholders and weak secrets, missing tables, implausible values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dialer.domain.enums import CampaignKind
from dialer.domain.finding import Finding, make_error_finding, make_warning_finding
from dialer.settings.site import Settings
from dialer.settings.unfinished import find_placeholders_and_weak_secrets, find_unsafe_permissions
from dialer.site.implausible import find_implausible_settings
from dialer.site.open_files import find_open_files_problem


def check_secrets(settings: Settings, file: Path | None) -> Iterator[Finding]:
    """Check the settings for placeholders and weak secrets, and `file` for secrets that every user can read."""
    for each in find_placeholders_and_weak_secrets(settings):
        yield make_error_finding(each.key, each.problem, each.remedy)
    if file is not None and (readable := find_unsafe_permissions(settings, file)) is not None:
        yield make_error_finding("settings file", readable)


def check_settings_tables(settings: Settings) -> Iterator[Finding]:
    """Check that no required settings table is missing, values are plausible, the flows folder is no file, and the limit
    on open files is high enough.
    """
    if (problem := find_open_files_problem(settings)) is not None:
        yield make_error_finding("open files", problem)
    if not settings.campaigns:
        yield make_error_finding("campaigns", "the settings have no campaigns", "add a [[campaigns]] table")
    if not settings.trunks:
        yield make_error_finding("trunks", "the settings have no trunks", "add a [[trunks]] table")
    if any(campaign.kind is CampaignKind.AGENTS for campaign in settings.campaigns) and not settings.seats:
        yield make_error_finding("seats", "a campaign needs agents, but there are no seats", "add [[seats]] tables")
    if settings.seats and not settings.agents:
        remedy = "add an [[agents]] table for each, with the output of `dialer agent hash-pin`"
        yield make_error_finding("agents", "the settings have no agents, so nobody can log in", remedy)
    folder = settings.desk.flows_folder
    if folder is not None and folder.exists() and not folder.is_dir():
        yield make_error_finding("desk.flows_folder", f"{folder} is a file", "name a folder")
    for each in find_implausible_settings(settings):
        yield make_warning_finding(each.key, each.problem, each.remedy)
