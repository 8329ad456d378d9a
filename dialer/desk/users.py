"""The page where supervisors manage users. Changes of users' rights are sent to the dialler as commands."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import uuid4

import structlog
from fastapi import APIRouter
from pydantic import Field

from dialer.desk.board import format_command_reply, send_command_to_dialler
from dialer.engine.command.base import SUPERVISOR_ONLY
from dialer.mqtt.dialler_client import DiallerClient
from dialer.store.desk_file import DeskAccount, DeskFile
from dialer.web.access import PageRoute, SignedIn, allow_users_with_roles
from dialer.web.page_requests import CommandId, PageRequest
from dialer.web.people import People, SignedInUser
from dialer.web.refusals import RequestRefused
from dialer.web.streams import Streams

_log = structlog.get_logger(__name__)

_Name = Annotated[str, Field(min_length=1, max_length=64)]


class UserReference(PageRequest):
    """A request that names a user."""

    name: _Name


class UserRemoval(UserReference):
    """A request to remove a user."""

    id: CommandId


class UserRole(UserRemoval):
    """A request to add a user, or to change a user's role."""

    role: _Name


class UsersPage:
    """The routes of the page of users, for supervisors only."""

    def __init__(self, people: People, file: DeskFile, dialler_client: DiallerClient, streams: Streams) -> None:
        self._directory = people.directory
        self._people = people
        self._file = file
        self._dialler_client = dialler_client
        self._streams = streams

    def create_http_router(self) -> APIRouter:
        """Return a router with the routes that manage users."""
        router = APIRouter(
            prefix="/api/users", route_class=PageRoute, dependencies=allow_users_with_roles(SUPERVISOR_ONLY)
        )
        router.get("")(self.list_users)
        router.post("")(self.set_user_role)
        router.post("/remove")(self.remove_user)
        router.post("/password")(self.create_one_time_password)
        router.post("/sign-out", status_code=204)(self.sign_out_user)
        return router

    async def list_users(self) -> list[dict[str, Any]]:
        """Return all users by name. `fixed` marks users from the settings. Times are epoch seconds; null means never."""
        await self._directory.report_changed_user_rights(self._streams.end_sessions_after_rights_change)
        accounts = await self._file.read_accounts()
        return [
            self._collect_details_of_user(name, accounts.get(name, DeskAccount()))
            for name in self._directory.list_user_names()
        ]

    def _collect_details_of_user(self, name: str, account: DeskAccount) -> dict[str, Any]:
        user = self._directory.find_user_by_name(name)
        assert user is not None  # noqa: S101 - the name is the directory's
        own = account.copy_account_without_earlier_sign_ins(user)
        return {
            "name": name,
            "role": user.role,
            "fixed": self._directory.is_user_defined_in_settings(name),
            "password": own.sign_in_password_kind,
            "signed_in_at": own.signed_in_at,
            "passkeys": own.passkeys,
        }

    async def set_user_role(self, asked: UserRole, who: SignedIn) -> dict[str, str]:
        """Tell the dialler to add a user, or to change the role of an existing one. Return the dialler's reply."""
        return await self._send_user_command(who, asked.id, "user-set", {"user": asked.name, "role": asked.role})

    async def remove_user(self, asked: UserRemoval, who: SignedIn) -> dict[str, str]:
        """Tell the dialler to remove a user. Return the dialler's reply."""
        return await self._send_user_command(who, asked.id, "user-remove", {"user": asked.name})

    async def _send_user_command(
        self, who: SignedInUser, command_id: str, name: str, values: dict[str, str]
    ) -> dict[str, str]:
        reply = await send_command_to_dialler(self._dialler_client, who.name, command_id, name, values)
        await self._directory.report_changed_rights_or_log_error(self._streams.end_sessions_after_rights_change)
        return format_command_reply(reply)

    async def create_one_time_password(self, asked: UserReference, who: SignedIn) -> dict[str, str]:
        """Create a one-time password for a user and return it. The dialler first records this in the audit log.

        Users from the settings are refused: their passwords can only be set by a command on the centre's machine.
        """
        self._refuse_unknown_user(asked.name)
        if self._directory.is_user_defined_in_settings(asked.name):
            raise RequestRefused(409, "user-in-settings")
        if asked.name == who.name:
            raise RequestRefused(409, "own-account")
        recorded = await send_command_to_dialler(
            self._dialler_client, who.name, uuid4().hex, "user-password", {"user": asked.name}
        )
        if recorded.status != "done":
            raise RequestRefused(409, "not-audited")
        password = await self._people.create_one_time_password(asked.name)
        self._streams.end_streams_of_user(asked.name)
        _log.info("password.created", user=asked.name, by=who.name)
        return {"password": password}

    async def sign_out_user(self, asked: UserReference, who: SignedIn) -> None:
        """End all sessions of a user."""
        self._refuse_unknown_user(asked.name)
        await self._people.end_all_sessions_of_user(asked.name)
        self._streams.end_streams_of_user(asked.name)
        _log.info("user.signed_out", user=asked.name, by=who.name)

    def _refuse_unknown_user(self, name: str) -> None:
        if self._directory.find_user_by_name(name) is None:
            raise RequestRefused(404, "no-user")
