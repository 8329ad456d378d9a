"""Agents whom a supervisor adds, edits or removes on a web page: the check of the settings before they are saved."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from dialer.errors import SettingError
from dialer.roll.languages import LANGUAGES
from dialer.settings.agents_file import (
    prepare_agent_addition,
    prepare_agent_edit,
    prepare_agent_removal,
    read_agents_of_file,
)
from dialer.settings.edited_tables import TableChange
from dialer.settings.file_text import SettingsText
from dialer.settings.mistakes import combine_setting_errors, ignore_environment_variables, list_setting_errors
from dialer.settings.seats import Agent
from dialer.settings.site import Settings, load_settings

HASH_OF_NO_PIN: Final = "$argon2id$v=19$m=1,t=1,p=1$0000$0000"
"""A value in the form of a PIN hash that no PIN matches, for the check of an agent before the PIN is known."""


@dataclass(frozen=True, slots=True)
class PreparedAgentChange:
    """A valid change of one agent, and the change of the agents file that saves it."""

    number: str
    change: TableChange
    settings: Settings  # the site's settings after the change


def list_offered_languages(settings: Settings) -> tuple[str, ...]:
    """Return all languages that a voter on a roll can have, for the form of an agent.

    The languages of the centre, its seats and its agents come first.
    """
    in_use = {settings.centre.language}
    in_use.update(*(each.languages for each in settings.seats), *(each.languages for each in settings.agents))
    return (*sorted(in_use), *sorted(LANGUAGES.keys() - in_use))


def list_skills_in_use(settings: Settings) -> tuple[str, ...]:
    """Return the skills of all agents in alphabetical order. A campaign can only require one of these."""
    return tuple(sorted({skill for agent in settings.agents for skill in agent.skills}))


def prepare_agent_addition_from_form(
    settings: Settings, path: Path, values: Mapping[str, Any], pin_hash: str, comment: str
) -> PreparedAgentChange:
    """Return the change that adds an agent with these values of the form to the agents file `path`.

    Nothing is written yet. Raises SettingError or SettingMistakes, whose keys are the form's fields.
    """
    agent = _read_agent_from_form({**values, "pin": pin_hash}, list_offered_languages(settings))
    if not settings.agents:
        problem = "the centre has no agents yet, and the dialler cannot add the first one while it runs"
        raise SettingError("", "", problem, "add it as [[agents]] to the settings file and restart the dialler")
    if any(each.number == agent.number for each in settings.agents):
        raise SettingError("", "number", f"{agent.number} is the number of another agent", "choose another number")
    return _load_settings_with_change(settings, agent.number, prepare_agent_addition(path, agent, comment))


def prepare_agent_edit_from_form(
    settings: Settings, path: Path, values: Mapping[str, Any], pin_hash: str | None
) -> PreparedAgentChange:
    """Return the change of one agent in the agents file `path` to these values of the form.

    The number in the form identifies the agent. If `pin_hash` is None, the PIN stays. Nothing is written yet. Raises
    SettingError or SettingMistakes, whose keys are the form's fields.
    """
    before = _find_agent_in_file(path, values["number"])
    pin = before.pin.get_secret_value() if pin_hash is None else pin_hash
    agent = _read_agent_from_form({**values, "pin": pin}, (*list_offered_languages(settings), *before.languages))
    return _load_settings_with_change(settings, agent.number, prepare_agent_edit(path, before, agent))


def prepare_agent_removal_from_form(settings: Settings, path: Path, number: str) -> PreparedAgentChange:
    """Return the change that removes an agent from the agents file `path`. Nothing is written yet.

    Raises SettingError, also if the agent is the only one.
    """
    _find_agent_in_file(path, number)
    prepared = _load_settings_with_change(settings, number, prepare_agent_removal(path, number))
    if not prepared.settings.agents:
        problem = f"agent {number} is the only one, and the dialler cannot remove the last agent while it runs"
        raise SettingError("", "", problem, "add another agent first")
    return prepared


def _find_agent_in_file(path: Path, number: str) -> Agent:
    found = read_agents_of_file(path).get(number)
    if found is None:
        raise SettingError(str(path), "", f"has no agent {number!r}", "reload the page")
    return found


def _read_agent_from_form(values: Mapping[str, Any], languages: Collection[str]) -> Agent:
    """Return the agent with these values of the form. Raises SettingError for a language that is not one of
    `languages`.
    """
    try:
        agent = Agent.model_validate(values)
    except ValidationError as error:
        found = list_setting_errors(error, SettingsText(""), Agent, ignore_environment_variables)
        raise combine_setting_errors(
            [SettingError("", each.key.replace("(settings)", ""), each.problem, each.remedy) for each in found]
        ) from error
    if unknown := [each for each in agent.languages if each not in languages]:
        problem = f"{unknown[0]!r} is not offered"
        raise SettingError("", "languages", problem, f"choose some of: {', '.join(languages)}")
    return agent


def _load_settings_with_change(settings: Settings, number: str, change: TableChange) -> PreparedAgentChange:
    after = load_settings(Path(settings.text_of_settings_file.name), agents_of_page=change.make_settings_text())
    return PreparedAgentChange(number, change, after)
