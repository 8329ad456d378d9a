"""The file desk.agents_file, which contains the agents whom supervisors edit on the board."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from dialer.settings.edited_tables import EditedTables, TableChange
from dialer.settings.seats import Agent, list_agents_in_text

HEAD: Final = "# Agents whom supervisors have added on the board. The keys are those of [[agents]] in docs/reference/settings.md.\n"
_TABLES: Final = EditedTables("desk.agents_file", "agents", "number", "agent", HEAD)
_PIN_HASH: Final = re.compile(r"\$argon2id[^\"'\s]*")
HIDDEN: Final = "hash of a PIN, not shown"


def read_agents_of_file(path: Path) -> dict[str, Agent]:
    """Return the agents in the agents file by number, none if there is no file. Raises SettingError if the file is
    invalid.
    """
    return {each["number"]: Agent.model_validate(each) for each in list_agents_in_text(_TABLES.read_file(path))}


def prepare_agent_addition(path: Path, agent: Agent, comment: str) -> TableChange:
    """Return the change that adds an agent at the end of the file, below a comment of one line. Nothing is written.

    Raises SettingError if the file cannot be read.
    """
    return _TABLES.prepare_table_addition(path, _list_agent_values_to_write(agent), comment)


def prepare_agent_edit(path: Path, before: Agent, after: Agent) -> TableChange:
    """Return the change that gives an agent in the file other values. All other keys and all comments stay.

    Nothing is written. Raises SettingError if the file cannot be read or does not contain the agent.
    """
    written = _list_agent_values_to_write(after)
    changed = {key: written.get(key) for key in Agent.model_fields if getattr(before, key) != getattr(after, key)}
    return _TABLES.prepare_table_edit(path, before.number, changed)


def prepare_agent_removal(path: Path, number: str) -> TableChange:
    """Return the change that removes an agent from the file, with the comment lines directly above it.

    Nothing is written. Raises SettingError if the file cannot be read or does not contain the agent.
    """
    return _TABLES.prepare_table_removal(path, number)


def hide_pin_hashes(text: str) -> str:
    """Return lines of the agents file without the hashes of PINs, because a short PIN can be found from its hash."""
    return _PIN_HASH.sub(HIDDEN, text)


def _list_agent_values_to_write(agent: Agent) -> dict[str, Any]:
    values = agent.model_dump(exclude_defaults=True)
    return {key: agent.pin.get_secret_value() if key == "pin" else value for key, value in values.items()}
