"""Checks of the settings themselves: placeholders and weak secrets, missing tables, implausible values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dialer.domain.enums import CampaignKind
from dialer.domain.finding import Finding, error, warning
from dialer.settings.site import Settings
from dialer.settings.unfinished import find_unfinished_settings, find_unsafe_permissions
from dialer.site.implausible import find_implausible_settings
from dialer.site.open_files import find_open_files_problem


def check_secrets(settings: Settings, file: Path | None) -> Iterator[Finding]:
    """Check the settings for placeholders and weak secrets, and `file` for secrets that every user can read."""
    for each in find_unfinished_settings(settings):
        yield error(each.key, each.problem, each.remedy)
    if file is not None and (readable := find_unsafe_permissions(settings, file)) is not None:
        yield error("settings file", readable)


def check_settings_tables(settings: Settings) -> Iterator[Finding]:
    """Check that no required settings table is missing, values are plausible, and the limit on open files is high
    enough.
    """
    if (problem := find_open_files_problem(settings)) is not None:
        yield error("open files", problem)
    if not settings.campaigns:
        yield error("campaigns", "the settings have no campaigns", "add a [[campaigns]] table")
    if not settings.trunks:
        yield error("trunks", "the settings have no trunks", "add a [[trunks]] table")
    if any(campaign.kind is CampaignKind.AGENTS for campaign in settings.campaigns) and not settings.seats:
        yield error("seats", "a campaign needs agents, but there are no seats", "add [[seats]] tables")
    if settings.seats and not settings.agents:
        remedy = "add an [[agents]] table for each, with the output of `dialer agent hash-pin`"
        yield error("agents", "the settings have no agents, so nobody can log in", remedy)
    for each in find_implausible_settings(settings):
        yield warning(each.key, each.problem, each.remedy)
