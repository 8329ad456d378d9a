"""The page that lists what has changed in the settings files, and lets supervisors reload the settings."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field

from dialer.desk.board import OTHER_COMMANDS, format_command_reply, send_command_to_dialler
from dialer.domain.schema import MESSAGE
from dialer.domain.translatable import ShownText, get_error_text
from dialer.errors import SettingError, SettingMistakes
from dialer.mqtt.dialler_client import DiallerClient
from dialer.settings.fields import Applied
from dialer.settings.site import Settings, load_settings
from dialer.site.settings_changes import HIDDEN, list_changed_values
from dialer.store.audit import read_settings_of_last_start
from dialer.store.connection import open_store_snapshot
from dialer.store.keys import read_store_key_of_site
from dialer.web.access import PageRoute, SignedIn, allow_users_with_roles
from dialer.web.page_requests import CommandId, PageRequest
from dialer.web.refusals import RequestRefused

SECTIONS_WITH_DESK_RESTART = frozenset({"broker", "centre", "desk", "metrics", "report_mail", "store"})
"""Sections of the settings that the desk (the pages' server) reads only when it starts."""
MAX_READ_SECONDS = 20.0

TakesEffect = Literal["reload", "restart", "desk-restart", "elsewhere"]


@dataclass(frozen=True, slots=True)
class ChangedSetting:
    """A setting whose value in the settings files differs from the value in force."""

    __pydantic_config__ = MESSAGE

    name: str
    before: str | None  # value in force, as JSON; null: not set
    after: str | None  # value in the files
    secret: bool  # its values are hidden
    takes_effect: TakesEffect


@dataclass(frozen=True, slots=True)
class ChangedSettings:
    """The changes in the settings files that are not in force yet."""

    __pydantic_config__ = MESSAGE

    changes: tuple[ChangedSetting, ...]
    digest: str  # SHA-256 of the changes
    mistakes: tuple[ShownText, ...]  # why the files cannot be read; empty: they are valid


class SettingsReloadRequest(PageRequest):
    """A request to reload the settings. `digest` is the digest of the changes that the user has seen."""

    id: CommandId
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ChangedSettingsRoutes:
    """The routes that list changed settings and reload them, for supervisors only."""

    def __init__(
        self,
        get_settings_in_force: Callable[[], Settings],
        dialler_client: DiallerClient,
        reload_desk: Callable[[], Awaitable[None]],
    ) -> None:
        """Create the routes. `get_settings_in_force` returns the settings that the desk uses, `reload_desk` reloads them."""
        self._get_settings_in_force = get_settings_in_force
        self._dialler_client = dialler_client
        self._reload_desk = reload_desk

    def create_http_router(self) -> APIRouter:
        """Return a router with the routes that list changed settings and reload them."""
        router = APIRouter(
            prefix="/api/settings",
            route_class=PageRoute,
            dependencies=allow_users_with_roles(OTHER_COMMANDS["reload-settings"]),
        )
        router.get("/changes")(self.list_changed_settings)
        router.post("/reload")(self.reload_settings)
        return router

    async def list_changed_settings(self) -> ChangedSettings:
        """Return the changes in the settings files that are not in force yet, without secrets."""
        try:
            changes = await asyncio.to_thread(self._find_changed_settings)
        except SettingError as error:
            every = error.mistakes if isinstance(error, SettingMistakes) else (error,)
            return ChangedSettings((), _calculate_digest_of_changes(()), tuple(map(get_error_text, every)))
        return ChangedSettings(changes, _calculate_digest_of_changes(changes), ())

    async def reload_settings(self, asked: SettingsReloadRequest, who: SignedIn) -> dict[str, str]:
        """Let the dialler reload its settings. Return the dialler's reply. Raises RequestRefused if the settings files
        have changed since the user saw the changes.
        """
        if (await self.list_changed_settings()).digest != asked.digest:
            raise RequestRefused(409, "settings-differ")
        reply = await send_command_to_dialler(self._dialler_client, who.name, asked.id, "reload-settings", {})
        if reply.status != "refused":
            await self._reload_desk()
        return format_command_reply(reply)

    def _find_changed_settings(self) -> tuple[ChangedSetting, ...]:
        running = self._get_settings_in_force()
        if not running.text_of_settings_file.table:
            raise RequestRefused(409, "no-settings-file")
        new = load_settings(Path(running.text_of_settings_file.name))
        # The desk has the store open already: a check of the file's header would drop SQLite's locks on it.
        with open_store_snapshot(
            running.store.path, read_store_key_of_site(running), opened_here=True, max_seconds=MAX_READ_SECONDS
        ) as db:
            in_force = read_settings_of_last_start(db)
        return tuple(
            ChangedSetting(
                each.name,
                None if each.before == "null" else each.before,
                None if each.after == "null" else each.after,
                each.after == HIDDEN,
                _find_when_change_takes_effect(each.name, each.takes_effect),
            )
            for each in list_changed_values(in_force, running, new)
        )


def _find_when_change_takes_effect(name: str, at_dialler: Applied) -> TakesEffect:
    if at_dialler is Applied.RESTART:
        return "restart"
    if name.partition(".")[0] in SECTIONS_WITH_DESK_RESTART:
        return "desk-restart"
    return "reload" if at_dialler is Applied.RELOAD else "elsewhere"


def _calculate_digest_of_changes(changes: tuple[ChangedSetting, ...]) -> str:
    return hashlib.sha256(repr(changes).encode()).hexdigest()
