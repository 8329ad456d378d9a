"""The page of users: who there is, and what a supervisor does about it. What changes rights is a command to the dialler."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import uuid4

import structlog
from fastapi import APIRouter
from pydantic import Field

from dialer.desk.board import answered, reply_to
from dialer.engine.command.base import SUPERVISOR_ONLY
from dialer.mqtt.dialler_client import DiallerClient
from dialer.store.desk_file import DeskAccount, DeskFile
from dialer.web.access import PageRoute, SignedIn, allow
from dialer.web.page_requests import CommandId, PageRequest
from dialer.web.people import People, SignedInUser
from dialer.web.refusals import RequestRefused
from dialer.web.streams import Streams

_log = structlog.get_logger(__name__)

_Name = Annotated[str, Field(min_length=1, max_length=64)]


class UserNamed(PageRequest):
    """Whom a supervisor means."""

    name: _Name


class UserRemoved(UserNamed):
    """A user who is to be one no more."""

    id: CommandId


class UserSet(UserRemoved):
    """A user, and the role that this one is to have."""

    role: _Name


class UsersPage:
    """What the page of users asks for: it is for supervisors alone."""

    def __init__(self, people: People, file: DeskFile, dialler_client: DiallerClient, streams: Streams) -> None:
        self._directory = people.directory
        self._people = people
        self._file = file
        self._dialler_client = dialler_client
        self._streams = streams

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(prefix="/api/users", route_class=PageRoute, dependencies=allow(SUPERVISOR_ONLY))
        router.get("")(self.listed)
        router.post("")(self.set)
        router.post("/remove")(self.remove)
        router.post("/password")(self.create_one_time_password)
        router.post("/sign-out", status_code=204)(self.sign_out)
        return router

    async def listed(self) -> list[dict[str, Any]]:
        """Everybody, by name. `fixed`: of the settings, so that nothing here changes it; times are epoch seconds, null: never."""
        await self._directory.report_changes(self._streams.apply_changed_rights)
        accounts = await self._file.accounts()
        return [self._shown(name, accounts.get(name, DeskAccount())) for name in self._directory.names()]

    def _shown(self, name: str, account: DeskAccount) -> dict[str, Any]:
        user = self._directory.find(name)
        assert user is not None  # noqa: S101 - the name is the directory's
        own = account.of_user(user)
        return {
            "name": name,
            "role": user.role,
            "fixed": self._directory.is_fixed(name),
            "password": own.password,
            "signed_in_at": own.signed_in_at,
            "passkeys": own.passkeys,
        }

    async def set(self, asked: UserSet, who: SignedIn) -> dict[str, str]:
        """Add a user, or give one another role."""
        return await self._command(who, asked.id, "user-set", {"user": asked.name, "role": asked.role})

    async def remove(self, asked: UserRemoved, who: SignedIn) -> dict[str, str]:
        """Remove a user."""
        return await self._command(who, asked.id, "user-remove", {"user": asked.name})

    async def _command(self, who: SignedInUser, command_id: str, name: str, values: dict[str, str]) -> dict[str, str]:
        reply = await reply_to(self._dialler_client, who.name, command_id, name, values)
        await self._directory.report_changes_or_log(self._streams.apply_changed_rights)
        return answered(reply)

    async def create_one_time_password(self, asked: UserNamed, who: SignedIn) -> dict[str, str]:
        """A password for one sign-in, told this once, and in the audit before it is. The passwords of the settings' names are
        set on the machine alone.
        """
        self._refuse_stranger(asked.name)
        if self._directory.is_fixed(asked.name):
            raise RequestRefused(409, "user-in-settings")
        if asked.name == who.name:
            raise RequestRefused(409, "own-account")
        noted = await reply_to(self._dialler_client, who.name, uuid4().hex, "user-password", {"user": asked.name})
        if noted.status != "done":
            raise RequestRefused(409, "not-audited")
        password = await self._people.create_one_time_password(asked.name)
        self._streams.end_streams_of(asked.name)
        _log.info("desk.password-given", user=asked.name, by=who.name)
        return {"password": password}

    async def sign_out(self, asked: UserNamed, who: SignedIn) -> None:
        """End every session of somebody."""
        self._refuse_stranger(asked.name)
        await self._people.sign_out_everywhere(asked.name)
        self._streams.end_streams_of(asked.name)
        _log.info("desk.signed-out", user=asked.name, by=who.name)

    def _refuse_stranger(self, name: str) -> None:
        if self._directory.find(name) is None:
            raise RequestRefused(404, "no-user")
