"""The page of users: who there is, and what a supervisor does about it. What changes rights is a command to the dialler."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any
from uuid import uuid4

import structlog
from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from config.words import SupervisorRole as Role
from dialer.domain.errors import StoreError
from dialer.mqtt.hearing import Hearing
from dialer.store.desk_file import DeskAccount, DeskFile
from dialer.web.directory import Directory
from dialer.web.doors import WebDoor, problem
from dialer.web.people import People, Who

_log = structlog.get_logger(__name__)

SUPERVISORS = frozenset({Role.SUPERVISOR})
_Name = Annotated[str, Field(min_length=1, max_length=64)]
_Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{8,64}$")]


class UserNamed(BaseModel):
    """Whom a supervisor means."""

    model_config = ConfigDict(extra="forbid")

    name: _Name


class UserSet(UserNamed):
    """A user, and the role that this one is to have. The same id again is the same command."""

    id: _Id
    role: _Name


class UserRemoved(UserNamed):
    """A user who is to be one no more."""

    id: _Id


class UsersPage:
    """What the page of users asks for."""

    def __init__(
        self,
        directory: Directory,
        people: People,
        file: DeskFile,
        hearing: Hearing,
        shut: Callable[[Iterable[str]], None],
    ) -> None:
        """`shut` ends the streams of the pages that somebody has open."""
        self._directory = directory
        self._people = people
        self._file = file
        self._hearing = hearing
        self._shut = shut

    def doors(self) -> list[WebDoor]:
        """All of them, for supervisors alone."""
        return [
            WebDoor("GET", "/api/users", self.listed, SUPERVISORS),
            WebDoor("POST", "/api/users", self.set, SUPERVISORS),
            WebDoor("POST", "/api/users/remove", self.remove, SUPERVISORS),
            WebDoor("POST", "/api/users/password", self.give_password, SUPERVISORS),
            WebDoor("POST", "/api/users/sign-out", self.sign_out, SUPERVISORS),
        ]

    async def run(self) -> None:
        """See changes that were made elsewhere, until cancelled."""
        await self._directory.run(self._follow)

    async def _follow(self, name: str) -> None:
        """Rights have changed: who has lost all keeps no password, and nobody goes on in a page that was opened with others."""
        self._shut([name])
        if self._directory.find(name) is None:
            await self._people.set_password(name, None)
        else:
            await self._people.sign_out_everywhere(name)

    async def listed(self) -> list[dict[str, Any]]:
        """Everybody, by name. `fixed`: of the settings, so that nothing here changes it; times are epoch seconds, null: never."""
        await self._directory.refresh()
        await self._directory.tell(self._follow)
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

    async def set(self, asked: UserSet, request: Request) -> Response:
        """Add a user, or give one another role."""
        return await self._command(request, asked.id, "user-set", {"user": asked.name, "role": asked.role})

    async def remove(self, asked: UserRemoved, request: Request) -> Response:
        """Remove a user."""
        return await self._command(request, asked.id, "user-remove", {"user": asked.name})

    async def _command(self, request: Request, command_id: str, name: str, values: dict[str, str]) -> Response:
        who: Who = request.state.who
        reply = await self._hearing.ask(who.name, command_id, name, values)
        if reply is None:
            return problem(503, "broker-away")
        try:
            await self._directory.refresh()
            await self._directory.tell(self._follow)
        except StoreError as error:  # what was done is done; it is looked at again within a second
            _log.warning("desk.users-not-read", problem=str(error))
        return JSONResponse({"status": reply.status, "text": reply.text})

    async def give_password(self, asked: UserNamed, request: Request) -> Response:
        """A password for one sign-in, told this once, and in the audit before it is. The passwords of the settings' names are
        set on the machine alone.
        """
        if (refused := self._refused(asked.name, request, fixed=False)) is not None:
            return refused
        who: Who = request.state.who
        noted = await self._hearing.ask(who.name, uuid4().hex, "user-password", {"user": asked.name})
        if noted is None:
            return problem(503, "broker-away")
        if noted.status != "done":
            return problem(409, "not-noted")
        password = await self._people.give_once(asked.name)
        self._shut([asked.name])
        _log.info("desk.password-given", user=asked.name, by=request.state.who.name)
        return JSONResponse({"password": password})

    async def sign_out(self, asked: UserNamed, request: Request) -> Response:
        """End every session of somebody."""
        if (refused := self._refused(asked.name, request, fixed=True)) is not None:
            return refused
        await self._people.sign_out_everywhere(asked.name)
        self._shut([asked.name])
        _log.info("desk.signed-out", user=asked.name, by=request.state.who.name)
        return Response(status_code=204)

    def _refused(self, name: str, request: Request, *, fixed: bool) -> Response | None:
        """Why that must not be done to this one."""
        if self._directory.find(name) is None:
            return problem(404, "no-user")
        if not fixed and self._directory.is_fixed(name):
            return problem(409, "of-the-settings")
        if name == request.state.who.name and not fixed:
            return problem(409, "own-account")
        return None
