"""The page on which supervisors add, edit and remove agents, and give them new PINs.

The change is written to the file `desk.agents_file`, and the dialler reloads its settings. If the dialler refuses them,
the file is restored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter
from pydantic import Field, SecretStr

from dialer.desk.edited_files import save_file_and_reload
from dialer.domain.clock import Clock
from dialer.domain.schema import MESSAGE
from dialer.engine.command.base import SUPERVISOR_ONLY
from dialer.engine.seats.pins import hash_pin
from dialer.errors import MatdanError, SettingError, SettingMistakes
from dialer.mqtt.dialler_client import DiallerClient
from dialer.settings.agents_file import hide_pin_hashes, read_agents_of_file
from dialer.settings.file_change import EditedFileChanged
from dialer.settings.site import Settings, load_settings
from dialer.settings.site_time import get_site_zone
from dialer.site.agent_form import (
    HASH_OF_NO_PIN,
    PreparedAgentChange,
    list_offered_languages,
    list_skills_in_use,
    prepare_agent_addition_from_form,
    prepare_agent_edit_from_form,
    prepare_agent_removal_from_form,
)
from dialer.site.new_centre import create_agent_pin
from dialer.site.settings_changes import list_other_changes
from dialer.web.access import PageRoute, SignedIn, allow_users_with_roles
from dialer.web.page_requests import CommandId, PageRequest
from dialer.web.people import SignedInUser
from dialer.web.refusals import RequestRefused

_log = structlog.get_logger(__name__)

MAX_LISTED = 50
MAX_TEXT = 100


@dataclass(frozen=True, slots=True)
class ListedAgent:
    """An agent in the list of the page. The agent's seat is not included: the page gets it from the board's updates."""

    __pydantic_config__ = MESSAGE

    number: str
    full_name: str
    languages: tuple[str, ...]
    skills: tuple[str, ...]
    editable: bool  # whether the agent is in the file of the page


@dataclass(frozen=True, slots=True)
class AgentsPage:
    """The content of the page on which agents are edited."""

    __pydantic_config__ = MESSAGE

    agents: tuple[ListedAgent, ...]
    languages: tuple[str, ...]
    """the languages that the form offers"""
    skills: tuple[str, ...]
    """the skills that the form offers"""
    file: str | None
    """file to which new agents are added; null: desk.agents_file is not set"""
    settings_file: str
    """file with the agents that cannot be edited on the page"""


@dataclass(frozen=True, slots=True)
class AgentProblem:
    """A mistake that was entered in an agent's form. `field` is empty if it concerns the form as a whole; `text` is English."""

    __pydantic_config__ = MESSAGE

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class CheckedAgent:
    """The result of the check of a changed agent. If there are `problems`, the change cannot be saved, and the other
    fields are empty.
    """

    __pydantic_config__ = MESSAGE

    problems: tuple[AgentProblem, ...]
    difference: str = ""
    """the agent's lines in the file, each after + if saving adds it, - if it removes it, or a space"""
    digest: str = ""  # SHA-256 of the file at the time of the check
    also_applied: tuple[str, ...] = ()  # other changed settings that come into force with the agent
    needs_restart: tuple[str, ...] = ()  # changed settings because of which the dialler would refuse the change


@dataclass(frozen=True, slots=True)
class SavedAgent:
    """The dialler's reply to a saved change of an agent."""

    __pydantic_config__ = MESSAGE

    status: str
    text: str
    pin: str | None  # the PIN that was generated, which is stored nowhere; null: none, or nothing was saved


_Text = Annotated[str, Field(max_length=MAX_TEXT)]


class AgentForm(PageRequest):
    """The values that a supervisor has entered in the form of an agent, without the PIN."""

    kind: Literal["add", "edit"]
    number: _Text
    full_name: _Text
    languages: Annotated[list[_Text], Field(max_length=MAX_LISTED)]
    skills: Annotated[list[_Text], Field(max_length=MAX_LISTED)]
    new_pin: bool  # whether an edited agent gets a new PIN; a new agent always gets one


class AgentRemoval(PageRequest):
    """A request to remove an agent from the agents file."""

    kind: Literal["remove"]
    number: _Text


AgentChange = Annotated[AgentForm | AgentRemoval, Field(discriminator="kind")]


class AgentSaveRequest(PageRequest):
    """A request to save a changed agent. `digest` identifies the content of the agents file that was checked."""

    id: CommandId
    digest: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
    change: AgentChange
    pin: Annotated[SecretStr, Field(max_length=MAX_TEXT)] | None = None  # the new PIN; None: one is generated


class AgentSettingsRoutes:
    """The routes of the page on which agents are edited, for supervisors only."""

    def __init__(
        self,
        settings: Settings,
        dialler_client: DiallerClient,
        clock: Clock,
        reload_desk: Callable[[], Awaitable[None]],
    ) -> None:
        """Create the routes. `reload_desk` makes the desk itself use the changed settings."""
        self._settings = settings
        self._dialler_client = dialler_client
        self._clock = clock
        self._reload_desk = reload_desk
        self._one_at_a_time = asyncio.Lock()

    def create_http_router(self) -> APIRouter:
        """Return a router with the routes that list agents, and check and save changes."""
        router = APIRouter(
            prefix="/api/agents", route_class=PageRoute, dependencies=allow_users_with_roles(SUPERVISOR_ONLY)
        )
        router.get("")(self.describe_agents_page)
        router.post("/check")(self.check_changed_agent_form)
        router.post("")(self.save_changed_agent)
        return router

    def replace_agent_settings(self, settings: Settings) -> None:
        """Use the agents of these settings from now on."""
        self._settings = settings

    async def describe_agents_page(self) -> AgentsPage:
        """Return all agents, and the languages and skills that the form offers."""
        return await asyncio.to_thread(self._build_agents_page)

    def _build_agents_page(self) -> AgentsPage:
        settings, file = self._settings, self._settings.desk.agents_file
        try:
            editable = {} if file is None else read_agents_of_file(file)
        except SettingError:  # a check of the form reports the mistake, which may contain an agent's name
            _log.warning("agents.file_invalid", file=None if file is None else file.name)
            editable = {}
        return AgentsPage(
            tuple(
                ListedAgent(each.number, each.full_name, each.languages, each.skills, each.number in editable)
                for each in settings.agents
            ),
            list_offered_languages(settings),
            list_skills_in_use(settings),
            None if file is None else str(file),
            settings.text_of_settings_file.name,
        )

    async def check_changed_agent_form(self, asked: AgentChange, who: SignedIn) -> CheckedAgent:
        """Check a new, edited or removed agent. Return the result.

        The result has either the mistakes, or the lines that saving would change.
        """
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._build_checked_agent, asked, who)

    def _build_checked_agent(self, asked: AgentForm | AgentRemoval, who: SignedInUser) -> CheckedAgent:
        try:
            prepared = self._prepare_agent_change(asked, who, HASH_OF_NO_PIN)
        except SettingError as error:
            every = error.mistakes if isinstance(error, SettingMistakes) else (error,)
            return CheckedAgent(tuple(map(_convert_setting_error_to_problem, every)))
        also_applied, needs_restart = list_other_changes(self._settings, prepared.settings, f"agents.{prepared.number}")
        return CheckedAgent(
            (),
            hide_pin_hashes(prepared.change.difference),
            prepared.change.digest_before,
            tuple(also_applied),
            tuple(needs_restart),
        )

    def _prepare_agent_change(
        self, asked: AgentForm | AgentRemoval, who: SignedInUser, pin_hash: str
    ) -> PreparedAgentChange:
        path = self._settings.desk.agents_file
        if path is None:
            raise RequestRefused(409, "no-agents-file")
        if isinstance(asked, AgentRemoval):
            return prepare_agent_removal_from_form(self._settings, path, asked.number)
        values = asked.model_dump(exclude={"kind", "new_pin"}) | {"full_name": " ".join(asked.full_name.split())}
        if asked.kind == "edit":
            return prepare_agent_edit_from_form(self._settings, path, values, pin_hash if asked.new_pin else None)
        at = datetime.fromtimestamp(self._clock.now(), get_site_zone(self._settings))
        return prepare_agent_addition_from_form(
            self._settings, path, values, pin_hash, f"Added by {who.name} on {at:%Y-%m-%d}."
        )

    async def save_changed_agent(self, asked: AgentSaveRequest, who: SignedIn) -> SavedAgent:
        """Write a checked change to the file, and tell the dialler to reload its settings. Return the dialler's reply,
        and the PIN if a new one was generated.

        If the dialler refuses the change, the file is restored.
        """
        change = asked.change
        needs_pin = isinstance(change, AgentForm) and (change.kind == "add" or change.new_pin)
        generated = create_agent_pin() if needs_pin and asked.pin is None else None
        pin = generated if asked.pin is None else asked.pin.get_secret_value()
        async with self._one_at_a_time:
            try:
                pin_hash = HASH_OF_NO_PIN if not needs_pin or pin is None else await asyncio.to_thread(hash_pin, pin)
                prepared = await asyncio.to_thread(self._prepare_agent_change, change, who, pin_hash)
                if prepared.change.digest_before != asked.digest:
                    raise EditedFileChanged(prepared.change.path)
                reply = await save_file_and_reload(
                    prepared.change,
                    lambda: load_settings(Path(self._settings.text_of_settings_file.name)),
                    self._dialler_client,
                    who.name,
                    asked.id,
                    "reload-settings",
                )
            except EditedFileChanged as error:
                raise RequestRefused(409, "agents-changed") from error
            except MatdanError as error:
                raise RequestRefused(422, "agent-invalid", text=str(error)) from error
            if reply.status == "refused":
                return SavedAgent(reply.status, reply.text, None)
            await self._reload_desk()
            return SavedAgent(reply.status, reply.text, generated)


def _convert_setting_error_to_problem(error: SettingError) -> AgentProblem:
    text = f"{error.problem}; {error.remedy}" if error.remedy else error.problem
    if error.file:  # of another agent, or of another setting
        return AgentProblem("", f"{error.file}: {error.key}: {text}" if error.key else f"{error.file}: {text}")
    return AgentProblem(error.key.partition("[")[0].partition(".")[0], text)
