"""The file desk.campaigns_file, which contains the campaigns that supervisors set up on the page /campaigns."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from dialer.settings.campaigns import Campaign, list_campaigns_in_text
from dialer.settings.edited_tables import EditedTables, TableChange

HEAD: Final = (
    "# Campaigns that supervisors have set up on the page /campaigns. The keys are those of [[campaigns]] in"
    " docs/reference/settings.md.\n"
)
_TABLES: Final = EditedTables("desk.campaigns_file", "campaigns", "id", "campaign", HEAD)


def read_campaigns_of_file(path: Path) -> dict[str, Campaign]:
    """Return the campaigns in the campaigns file by id, none if there is no file. Raises SettingError if the file is
    invalid.
    """
    return {each["id"]: Campaign.model_validate(each) for each in list_campaigns_in_text(_TABLES.read_file(path))}


def prepare_campaign_addition(path: Path, campaign: Campaign, comment: str) -> TableChange:
    """Return the change that adds a campaign at the end of the file, below a comment of one line. Nothing is written.

    Raises SettingError if the file cannot be read.
    """
    return _TABLES.prepare_table_addition(path, _list_campaign_values_to_write(campaign), comment)


def prepare_campaign_edit(path: Path, before: Campaign, after: Campaign) -> TableChange:
    """Return the change that gives a campaign in the file other values. All other keys and all comments stay.

    Nothing is written. Raises SettingError if the file cannot be read or does not contain the campaign.
    """
    old, written = before.model_dump(), _list_campaign_values_to_write(after)
    changed = {key: written.get(key) for key, value in after.model_dump().items() if value != old[key]}
    return _TABLES.prepare_table_edit(path, before.id, changed)


def prepare_campaign_removal(path: Path, campaign_id: str) -> TableChange:
    """Return the change that removes a campaign from the file, with the comment lines directly above it.

    Nothing is written. Raises SettingError if the file cannot be read or does not contain the campaign.
    """
    return _TABLES.prepare_table_removal(path, campaign_id)


def format_campaign_as_toml(campaign: Campaign) -> str:
    """Return a campaign as a [[campaigns]] table with its identity and all values that differ from the defaults."""
    return _TABLES.format_table(_list_campaign_values_to_write(campaign))


def _list_campaign_values_to_write(campaign: Campaign) -> dict[str, Any]:
    return {
        key: value
        for key, value in campaign.model_dump().items()
        if key in {"id", "kind", "purpose"} or getattr(campaign, key) != Campaign.model_fields[key].get_default()
    }
