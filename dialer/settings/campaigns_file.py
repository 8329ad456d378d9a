"""The file desk.campaigns_file, which contains the campaigns that supervisors set up on the page /campaigns.

A new campaign is appended to the file. Existing lines do not change.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import Any, Final

from dialer.domain.output import write_file
from dialer.errors import SettingError
from dialer.settings.campaigns import Campaign
from dialer.settings.file_text import SettingsText
from dialer.settings.files import MAX_TOML_BYTES, NotToml, parse_toml_table, read_whole_file

HEAD: Final = (
    "# Campaigns that supervisors have set up on the page /campaigns. The keys are those of [[campaigns]] in"
    " docs/reference/settings.md.\n"
)


class CampaignsFileChanged(SettingError):
    """The campaigns file was changed after the new campaign was checked."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), "", "has changed since the campaign was checked", "check the campaign again")


@dataclass(frozen=True, slots=True)
class CampaignsFileChange:
    """A campaign that is to be added to the campaigns file."""

    path: Path
    before: bytes | None  # the file as it was read; None: there was none
    added: str  # text at the end of the file

    @property
    def content(self) -> bytes:
        """The content of the file with the campaign."""
        return (self.before or b"") + self.added.encode()

    @property
    def digest_before(self) -> str:
        """The digest of the file as it was read."""
        return _calculate_digest(self.before)

    def make_settings_text(self) -> SettingsText:
        """Return the changed file as settings. Raises SettingError if the original file is invalid."""
        try:
            table = parse_toml_table(self.content)
            return SettingsText(str(self.path), self.content.decode(), table)
        except (NotToml, UnicodeDecodeError) as error:
            raise SettingError(str(self.path), "", f"is not TOML: {error}", "correct that line") from error

    def write_file_with_campaign(self) -> None:
        """Replace the file on disk. Raises CampaignsFileChanged, or OutputRefused if it cannot be written."""
        if _read_file_if_it_exists(self.path) != self.before:
            raise CampaignsFileChanged(self.path)
        write_file(self.path, self.content, "desk.campaigns_file")

    def restore_file_without_campaign(self) -> None:
        """Undo `write_file_with_campaign`. Raises CampaignsFileChanged if somebody has changed the file meanwhile."""
        if _read_file_if_it_exists(self.path) != self.content:
            raise CampaignsFileChanged(self.path)
        if self.before is None:
            self.path.unlink()
        else:
            write_file(self.path, self.before, "desk.campaigns_file")


def prepare_campaigns_file_change(path: Path, campaign: Campaign, comment: str) -> CampaignsFileChange:
    """Return the change that adds a campaign to the file, below a comment of one line. Nothing is written.

    Raises SettingError if the file cannot be read.
    """
    before = _read_file_if_it_exists(path)
    start = HEAD if before is None else "" if not before or before.endswith(b"\n") else "\n"
    one_line = " ".join(comment.split())
    return CampaignsFileChange(path, before, f"{start}\n# {one_line}\n{format_campaign_as_toml(campaign)}")


def format_campaign_as_toml(campaign: Campaign) -> str:
    """Return a campaign as a [[campaigns]] table with its identity and all values that differ from the defaults."""
    values = {
        key: value
        for key, value in campaign.model_dump().items()
        if key in {"id", "kind", "purpose"} or getattr(campaign, key) != Campaign.model_fields[key].get_default()
    }
    return "[[campaigns]]\n" + "".join(f"{key} = {_format_toml_value(value)}\n" for key, value in values.items())


def _format_toml_value(value: Any) -> str:
    """Return a value as TOML on one line."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{key} = {_format_toml_value(each)}' for key, each in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_format_toml_value, value))}]"
    if isinstance(value, time):
        return value.isoformat()
    if isinstance(value, str):  # JSON's escapes are TOML's, but JSON leaves DEL as it is
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)


def _read_file_if_it_exists(path: Path) -> bytes | None:
    try:
        return read_whole_file(path, MAX_TOML_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
        raise SettingError(str(path), "", problem, "check the path and its permissions") from error


def _calculate_digest(content: bytes | None) -> str:
    return "" if content is None else hashlib.sha256(content).hexdigest()
