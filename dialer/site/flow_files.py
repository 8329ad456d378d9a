"""The IVR flows of a site and their files: the shipped flows, and other files that the settings name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from dialer.flows.catalogue import FLOWS_DIRECTORY, list_shipped_flows
from dialer.settings.site import Settings


class FlowOrigin(StrEnum):
    """Where the file of a flow comes from."""

    SHIPPED = "shipped"  # part of Matdan
    NAMED = "named"  # a file that the settings name


@dataclass(frozen=True, slots=True)
class SiteFlow:
    """An IVR flow of a site. `source` is the value of the setting `flow`: the name of a shipped flow, or a path."""

    source: str
    path: Path
    origin: FlowOrigin
    used_by: tuple[str, ...] = ()  # campaigns


def list_flows_of_site(settings: Settings) -> list[SiteFlow]:
    """Return the flows of a site, each once, with the campaigns that use them. AGI scripts are not included."""
    users: dict[str, list[str]] = {name: [] for name in list_shipped_flows()}
    for source, campaign in _list_flows_in_settings(settings):
        used_by = users.setdefault(source, [])
        if campaign not in used_by:
            used_by.append(campaign)
    return [_describe_flow_source(source, used_by) for source, used_by in users.items()]


def _describe_flow_source(source: str, used_by: list[str]) -> SiteFlow:
    shipped = FLOWS_DIRECTORY / f"{source}.yaml"
    if source in list_shipped_flows():
        return SiteFlow(source, shipped, FlowOrigin.SHIPPED, tuple(used_by))
    return SiteFlow(source, Path(source), FlowOrigin.NAMED, tuple(used_by))


def _list_flows_in_settings(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield each flow that the settings name, with its campaign."""
    named = [(each.flow, each.id) for each in settings.campaigns if not each.runs_agi_script]
    named += [(each.flow, each.campaign) for each in settings.inbound.numbers if not each.runs_agi_script]
    yield from ((flow, campaign) for flow, campaign in named if flow is not None)
