"""The IVR flows of a site and their files: shipped flows, flows in desk.flows_folder, and other files of the settings.

Supervisors change the files in desk.flows_folder on the page /flows.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from dialer.domain.output import write_file
from dialer.errors import MatdanError
from dialer.flows.catalogue import FLOWS_DIRECTORY, list_shipped_flows
from dialer.flows.yaml_document import MAX_BYTES, NAME
from dialer.settings.files import read_whole_file
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


class FlowFileChanged(MatdanError):
    """The file of a flow was changed after it was opened for editing."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path}: the file has changed since it was opened; open it again")


@dataclass(frozen=True, slots=True)
class FlowFileChange:
    """A new text for the file of a flow."""

    path: Path
    before: bytes | None  # the file as it was read; None: there was none
    text: str

    @property
    def digest_before(self) -> str:
        """The digest of the file as it was read, or "" if there was none."""
        return calculate_flow_digest(self.before)

    def list_changed_lines(self) -> tuple[str, ...]:
        """Return the difference between the file and the new text, in the unified format without file names."""
        before = (self.before or b"").decode("utf-8-sig", "replace").splitlines()
        return tuple(difflib.unified_diff(before, self.text.splitlines(), lineterm=""))[2:]

    def write_changed_file(self) -> None:
        """Replace the file on disk. Raises FlowFileChanged, or OutputRefused if it cannot be written, or OSError."""
        if read_flow_file_if_it_exists(self.path) != self.before:
            raise FlowFileChanged(self.path)
        self.path.parent.mkdir(exist_ok=True)
        write_file(self.path, self.text.encode(), "desk.flows_folder")

    def restore_file_before_change(self) -> None:
        """Undo `write_changed_file`. Raises FlowFileChanged if somebody has changed the file meanwhile."""
        if read_flow_file_if_it_exists(self.path) != self.text.encode():
            raise FlowFileChanged(self.path)
        if self.before is None:
            self.path.unlink()
        else:
            write_file(self.path, self.before, "desk.flows_folder")


def list_flows_of_site(settings: Settings) -> list[SiteFlow]:
    """Return the flows of a site, each once, with the campaigns that use them. AGI scripts are not included."""
    users: dict[str, list[str]] = {name: [] for name in (*list_own_flows(settings), *list_shipped_flows())}
    for source, campaign in _list_flows_in_settings(settings):
        used_by = users.setdefault(source, [])
        if campaign not in used_by:
            used_by.append(campaign)
    return [_describe_flow_source(settings, source, used_by) for source, used_by in users.items()]


def list_own_flows(settings: Settings) -> list[str]:
    """Return the paths of the flows in desk.flows_folder, sorted. A missing folder has none."""
    folder = settings.desk.flows_folder
    found = () if folder is None else sorted(folder.glob("*.yaml"))
    return [str(path) for path in found if NAME.fullmatch(path.stem)]


def is_own_flow(settings: Settings, source: str) -> bool:
    """Return whether a path is that of a flow in desk.flows_folder, which may not exist yet."""
    folder, path = settings.desk.flows_folder, Path(source)
    return folder is not None and source == str(folder / f"{path.stem}.yaml") and bool(NAME.fullmatch(path.stem))


def read_flow_file_if_it_exists(path: Path) -> bytes | None:
    """Return the content of a flow's file, or None if there is none. Raises OSError if it cannot be read."""
    try:
        return read_whole_file(path, MAX_BYTES)
    except FileNotFoundError:
        return None


def calculate_flow_digest(content: bytes | None) -> str:
    """Return the digest of a flow's file, or "" if there is none."""
    return "" if content is None else hashlib.sha256(content).hexdigest()


def _describe_flow_source(settings: Settings, source: str, used_by: list[str]) -> SiteFlow:
    if source in list_shipped_flows():
        return SiteFlow(source, FLOWS_DIRECTORY / f"{source}.yaml", FlowOrigin.SHIPPED, tuple(used_by))
    origin = FlowOrigin.OWN if is_own_flow(settings, source) else FlowOrigin.NAMED
    return SiteFlow(source, Path(source), origin, tuple(used_by))


def _list_flows_in_settings(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield each flow that the settings name, with its campaign."""
    named = [(each.flow, each.id) for each in settings.campaigns if not each.runs_agi_script]
    named += [(each.flow, each.campaign) for each in settings.inbound.numbers if not each.runs_agi_script]
    yield from ((flow, campaign) for flow, campaign in named if flow is not None)
