"""The IVR flows of a site and their files: shipped flows, flows in desk.flows_folder, and other files that the settings name.

Supervisors change the files in desk.flows_folder on the page /flows.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from dialer.flows.catalogue import FLOWS_DIRECTORY, list_shipped_flows
from dialer.flows.yaml_document import NAME
from dialer.settings.site import Settings


class FlowOrigin(StrEnum):
    """Where the file of a flow comes from."""

    SHIPPED = "shipped"  # part of Matdan
    OWN = "own"  # in desk.flows_folder, so that supervisors can change it
    NAMED = "named"  # another file that the settings name


@dataclass(frozen=True, slots=True)
class SiteFlow:
    """An IVR flow of a site. `source` is the value of the setting `flow`: the name of a shipped flow, or a path."""

    source: str
    path: Path
    origin: FlowOrigin
    used_by: tuple[str, ...] = ()  # campaigns


def list_changed_lines(before: bytes | None, text: str) -> tuple[str, ...]:
    """Return the difference between a flow's file and a new text, as a unified diff without file names."""
    old = (before or b"").decode("utf-8-sig", "replace").splitlines()
    return tuple(difflib.unified_diff(old, text.splitlines(), lineterm=""))[2:]


def list_flows_of_site(settings: Settings) -> list[SiteFlow]:
    """Return the flows of a site, each once, with the campaigns that use them. AGI scripts are not included."""
    users: dict[str, list[str]] = {name: [] for name in (*list_flows_in_flows_folder(settings), *list_shipped_flows())}
    for source, campaign in _list_flows_in_settings(settings):
        used_by = users.setdefault(source, [])
        if campaign not in used_by:
            used_by.append(campaign)
    return [_describe_flow_source(settings, source, used_by) for source, used_by in users.items()]


def list_flows_in_flows_folder(settings: Settings) -> list[str]:
    """Return the paths of the flows in desk.flows_folder, sorted; none if the folder is missing."""
    folder = settings.desk.flows_folder
    found = () if folder is None else sorted(folder.glob("*.yaml"))
    return [str(path) for path in found if NAME.fullmatch(path.stem)]


def is_flow_in_flows_folder(settings: Settings, source: str) -> bool:
    """Return whether `source` is the path of a flow in desk.flows_folder. The file need not exist yet."""
    folder, path = settings.desk.flows_folder, Path(source)
    return folder is not None and source == str(folder / f"{path.stem}.yaml") and bool(NAME.fullmatch(path.stem))


def _describe_flow_source(settings: Settings, source: str, used_by: list[str]) -> SiteFlow:
    if source in list_shipped_flows():
        return SiteFlow(source, FLOWS_DIRECTORY / f"{source}.yaml", FlowOrigin.SHIPPED, tuple(used_by))
    origin = FlowOrigin.OWN if is_flow_in_flows_folder(settings, source) else FlowOrigin.NAMED
    return SiteFlow(source, Path(source), origin, tuple(used_by))


def _list_flows_in_settings(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield each flow that the settings name, with its campaign."""
    named = [(each.flow, each.id) for each in settings.campaigns if not each.runs_agi_script]
    named += [(each.flow, each.campaign) for each in settings.inbound.numbers if not each.runs_agi_script]
    yield from ((flow, campaign) for flow, campaign in named if flow is not None)
