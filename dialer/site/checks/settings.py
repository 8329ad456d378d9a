"""Checks of the settings alone: placeholders and weak secrets, missing tables, values that are probably mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dialer.domain.enums import CampaignKind
from dialer.domain.finding import Finding, error, warning
from dialer.settings.site import Settings
from dialer.settings.unfinished import find_unsafe_permissions, unfinished
from dialer.site.implausible import implausible_settings
from dialer.site.open_files import too_few


def check_secrets(settings: Settings, file: Path | None) -> Iterator[Finding]:
    """Check for placeholders, weak secrets, and a settings `file` that every user can read."""
    for each in unfinished(settings):
        yield error(each.key, each.problem, each.remedy)
    if file is not None and (readable := find_unsafe_permissions(settings, file)) is not None:
        yield error("settings file", readable)


def check_tables(settings: Settings) -> Iterator[Finding]:
    """Check that every table that the others need is there, and that this process may open enough files for the channels."""
    if (problem := too_few(settings)) is not None:
        yield error("open files", problem)
    if not settings.campaigns:
        yield error("campaigns", "there are none", "add a [[campaigns]] table")
    if not settings.trunks:
        yield error("trunks", "there are none", "add a [[trunks]] table")
    if any(campaign.kind is CampaignKind.AGENTS for campaign in settings.campaigns) and not settings.seats:
        yield error("seats", "a campaign needs agents and there are no seats", "add [[seats]] tables")
    if settings.seats and not settings.agents:
        remedy = "add an [[agents]] table for each, with the output of `dialer agent hash-pin`"
        yield error("agents", "there are none, so nobody can log in", remedy)
    for each in implausible_settings(settings):
        yield warning(each.key, each.problem, each.remedy)
