"""The file desk.campaigns_file, which contains the campaigns that supervisors set up on the page /campaigns.

A new campaign is appended to the file. An edit changes the lines of the edited values only: all comments, and keys that
the page does not have, stay as they are.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from difflib import unified_diff
from pathlib import Path
from typing import Any, Final

from dialer.errors import SettingError
from dialer.settings.campaigns import Campaign, list_campaigns_in_text
from dialer.settings.file_change import FileChange, read_edited_file
from dialer.settings.file_text import SettingsText
from dialer.settings.files import NotToml, parse_toml_table

_SETTING: Final = "desk.campaigns_file"
HEAD: Final = (
    "# Campaigns that supervisors have set up on the page /campaigns. The keys are those of [[campaigns]] in"
    " docs/reference/settings.md.\n"
)


@dataclass(frozen=True, slots=True)
class CampaignsFileChange(FileChange):
    """A change of the campaigns file that is not written yet: one campaign is added, edited or removed."""

    old_lines: str  # the lines of the campaign in the file as it was read; empty: it is added
    new_lines: str  # its lines after the change; empty: it is removed

    @property
    def difference(self) -> str:
        """The lines of the campaign before and after the change, as a unified diff without its header lines."""
        old, new = (text.split("\n") if text else [] for text in (self.old_lines, self.new_lines))
        return "\n".join([*unified_diff(old, new, n=len(old), lineterm="")][3:])

    @property
    def digest_of_lines(self) -> str:
        """The SHA-256 digest of the campaign's lines before and after the change, in hexadecimal."""
        return hashlib.sha256(f"{self.old_lines}\0{self.new_lines}".encode()).hexdigest()

    def make_settings_text(self) -> SettingsText:
        """Return the settings in the changed file. Raises SettingError if the original file is invalid."""
        table = _parse_campaigns_file(self.path, self.content)
        return SettingsText(str(self.path), self.content.decode(), table)


def read_campaigns_of_file(path: Path) -> dict[str, Campaign]:
    """Return the campaigns in the campaigns file by id, none if there is no file. Raises SettingError if the file is
    invalid.
    """
    content = read_edited_file(path) or b""
    text = SettingsText(str(path), content.decode(errors="replace"), _parse_campaigns_file(path, content))
    return {each["id"]: Campaign.model_validate(each) for each in list_campaigns_in_text(text)}


def prepare_campaign_addition(path: Path, campaign: Campaign, comment: str) -> CampaignsFileChange:
    """Return the change that adds a campaign at the end of the file, below a comment of one line. Nothing is written.

    Raises SettingError if the file cannot be read.
    """
    before = read_edited_file(path)
    start = HEAD if before is None else "" if not before or before.endswith(b"\n") else "\n"
    one_line = " ".join(comment.split())
    added = f"# {one_line}\n{format_campaign_as_toml(campaign)}"
    return CampaignsFileChange(
        path, _SETTING, before, (before or b"") + f"{start}\n{added}".encode(), "", added.strip()
    )


def prepare_campaign_edit(path: Path, before: Campaign, after: Campaign) -> CampaignsFileChange:
    """Return the change that gives a campaign in the file other values. All other keys and all comments stay.

    Nothing is written. Raises SettingError if the file cannot be read or does not contain the campaign.
    """
    old, written = before.model_dump(), _list_values_to_write(after)
    changed = {key: written.get(key) for key, value in after.model_dump().items() if value != old[key]}
    content = read_edited_file(path)
    statements, start, end = _find_campaign_in_file(path, content, before.id)
    own = _replace_values_in_statements(statements[start:end], changed)
    return _make_change(path, content, statements, start, end, own)


def prepare_campaign_removal(path: Path, campaign_id: str) -> CampaignsFileChange:
    """Return the change that removes a campaign from the file, with the comment lines directly above it.

    Nothing is written. Raises SettingError if the file cannot be read or does not contain the campaign.
    """
    content = read_edited_file(path)
    statements, start, end = _find_campaign_in_file(path, content, campaign_id)
    while start and statements[start - 1].lstrip().startswith("#"):
        start -= 1
    if start and not "".join((statements[start - 1], *statements[end : end + 1])).strip():
        start -= 1  # of the empty lines above and below it, one is enough
    return _make_change(path, content, statements, start, end, [])


def _make_change(
    path: Path, before: bytes | None, statements: list[str], start: int, end: int, replacement: list[str]
) -> CampaignsFileChange:
    old, new = "".join(statements[start:end]), "".join(replacement)
    content = "".join((*statements[:start], new, *statements[end:])).encode()
    return CampaignsFileChange(path, _SETTING, before, content, old.strip("\n"), new.strip("\n"))


def _find_campaign_in_file(path: Path, content: bytes | None, campaign_id: str) -> tuple[list[str], int, int]:
    """Return the statements of the file, and the positions of the campaign's first statement and of the first one after
    it. Comments below the campaign belong to what follows.
    """
    campaigns = _parse_campaigns_file(path, content or b"").get("campaigns", [])
    statements = _split_toml_into_statements((content or b"").decode())
    starts = [place for place, each in enumerate(statements) if tomllib.loads(each) == {"campaigns": [{}]}]
    for number, start in enumerate(starts):
        if campaigns[number].get("id") == campaign_id:
            end = starts[number + 1] if number + 1 < len(starts) else len(statements)
            while not tomllib.loads(statements[end - 1]):
                end -= 1
            return statements, start, end
    problem = f"has no table [[campaigns]] with the id {campaign_id!r}"
    raise SettingError(str(path), "", problem, "edit that campaign in its own file")


def _split_toml_into_statements(text: str) -> list[str]:
    """Split valid TOML into comments, empty lines, table heads, and keys with their values, each with its newline."""
    statements, unfinished = list[str](), ""
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        unfinished += line
        try:
            tomllib.loads(unfinished)
        except tomllib.TOMLDecodeError:  # a value of several lines
            continue
        statements.append(unfinished if unfinished.endswith("\n") else f"{unfinished}\n")
        unfinished = ""
    return statements


def _replace_values_in_statements(statements: list[str], changed: Mapping[str, Any]) -> list[str]:
    """Return the statements of a campaign with other values. None removes a key. Comments stay."""
    lines = {key: f"{key} = {_format_toml_value(value)}" for key, value in changed.items() if value is not None}
    result, after_keys, table = list[str](), 0, ""  # table: the one within the campaign, such as declared
    for each in statements:
        values: Any = tomllib.loads(each)
        if each.lstrip().startswith("["):
            inner = values["campaigns"]
            table = "" if isinstance(inner, list) else next(iter(inner))
        key = table or next(iter(values), "")
        if not values or key not in changed:
            result.append(each)
        elif not table and (line := "  ".join(filter(None, (lines.pop(key, ""), _find_comment_after_value(each))))):
            result.append(f"{line}\n")
        if values and not table:
            after_keys = len(result)
    result[after_keys:after_keys] = [f"{line}\n" for line in lines.values()]
    return result


def _find_comment_after_value(statement: str) -> str:
    """Return the comment at the end of a key with its value, or an empty text."""
    values = tomllib.loads(statement)
    for found in re.finditer("#", statement):
        try:
            if tomllib.loads(statement[: found.start()]) == values:
                return statement[found.start() :].rstrip()
        except tomllib.TOMLDecodeError:  # the # is within the value
            continue
    return ""


def format_campaign_as_toml(campaign: Campaign) -> str:
    """Return a campaign as a [[campaigns]] table with its identity and all values that differ from the defaults."""
    lines = (f"{key} = {_format_toml_value(value)}\n" for key, value in _list_values_to_write(campaign).items())
    return f"[[campaigns]]\n{''.join(lines)}"


def _list_values_to_write(campaign: Campaign) -> dict[str, Any]:
    return {
        key: value
        for key, value in campaign.model_dump().items()
        if key in {"id", "kind", "purpose"} or getattr(campaign, key) != Campaign.model_fields[key].get_default()
    }


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


def _parse_campaigns_file(path: Path, content: bytes) -> dict[str, Any]:
    try:
        return parse_toml_table(content)
    except (NotToml, UnicodeDecodeError) as error:
        raise SettingError(str(path), "", f"is not TOML: {error}", "correct that line") from error
