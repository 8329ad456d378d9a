"""Renamed settings, with their new names for error messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

RENAMED: Final[Mapping[str, str]] = {
    "agent_login.log_in_code": "code",
    "agent_login.wrong_pins": "max_failures",
    "asterisk.boxes": "[[asterisk.servers]]",
    "floor": "[agent_login]",
    "inbound.call_back_seconds": "call_back_delay_seconds",
    "polling_day.expected": "expected_turnout",
    "polling_day.expected_turnout.share": "voted",
    "polling_day.weights": "[polling_day.priority]",
    "rules.opt_out_secrets_known": "accepted_opt_out_secrets",
    "rules.sign_offs.what": "permits",
    "seats.box": "server",
    "store.backups_kept": "max_backups",
    "supervisors.box": "server",
    "transfers.box": "server",
    "trunk_rest.failure_share": "failure_rate",
    "trunk_rest.longest_rest_seconds": "max_rest_seconds",
    "trunks.box": "server",
    "twilio.longest_call_seconds": "max_call_seconds",
    "twilio.most_spend_per_day": "max_spend_per_day",
    # hq.toml
    "course": "[[expected_progress]]",
    "expected_progress.reached": "contacted",
    "targets.abandoned_share": "abandoned_rate",
    # profiles
    "gap": "[minimum_interval]",
}
"""The new name of each setting, by its old key without the indexes of tables."""


def find_new_setting_name(place: tuple[str, ...]) -> str | None:
    """Return the new name of a renamed setting, as `key` or `[table]`, or None if the setting was not renamed."""
    key = ".".join(part for part in place if not part.isdecimal())
    return RENAMED.get(key)
