"""Routes of the board with which supervisors block or erase a phone number.

No phone number is in a command or a log. The number is encrypted and stored in the spool, where the dialler finds it by
the id in the command.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from dialer.desk.board import OTHER_COMMANDS, format_command_reply, send_command_to_dialler
from dialer.domain.errors import RollError
from dialer.mqtt.dialler_client import DiallerClient
from dialer.roll.phone_numbers import parse_single_phone_number
from dialer.settings.site import Settings
from dialer.store.keys import read_store_key_of_site
from dialer.store.spool import Spool
from dialer.web.access import PageRoute, SignedIn, allow_users_with_roles
from dialer.web.page_requests import CommandId, PageRequest
from dialer.web.people import SignedInUser
from dialer.web.refusals import RequestRefused


class NumberBlock(PageRequest):
    """A phone number, in any spelling, that must never be called again."""

    id: CommandId
    number: Annotated[str, Field(min_length=1, max_length=40)]


class NumberErasure(NumberBlock):
    """A phone number to erase. If `names` is true, the names of its voters are erased too."""

    names: bool


class NumberRoutes:
    """Routes that block and erase phone numbers."""

    def __init__(self, settings: Settings, dialler_client: DiallerClient) -> None:
        self._spool = Spool(settings.store.path, read_store_key_of_site(settings))
        self._region = settings.centre.region
        self._dialler_client = dialler_client

    def create_http_router(self) -> APIRouter:
        """Return a router with the routes that block and erase phone numbers."""
        router = APIRouter(prefix="/api/numbers", route_class=PageRoute)
        router.post("/suppress", dependencies=allow_users_with_roles(OTHER_COMMANDS["suppress"]))(
            self.suppress_phone_number
        )
        router.post("/erase", dependencies=allow_users_with_roles(OTHER_COMMANDS["erase-number"]))(
            self.erase_phone_number
        )
        return router

    async def suppress_phone_number(self, asked: NumberBlock, who: SignedIn) -> dict[str, str]:
        """Tell the dialler never to call a number again. Return the dialler's reply."""
        return await self._send_phone_number_command(asked, who, "suppress", {"source": "board"})

    async def erase_phone_number(self, asked: NumberErasure, who: SignedIn) -> dict[str, str]:
        """Tell the dialler to erase a number and its recordings and notes. Return the dialler's reply."""
        return await self._send_phone_number_command(asked, who, "erase-number", {"names": asked.names})

    async def _send_phone_number_command(
        self, asked: NumberBlock, who: SignedInUser, name: str, values: dict[str, str | bool]
    ) -> dict[str, str]:
        try:
            number = parse_single_phone_number(asked.number, self._region)
        except RollError as error:
            raise RequestRefused(422, "no-number") from error
        # Derived from the request, so that a repeated request names the same list.
        list_id = hashlib.sha256(f"{who.name}/{asked.id}".encode()).hexdigest()[:32]
        await asyncio.to_thread(self._spool.store_uploaded_number_list, [number], list_id)
        try:
            fields = {"list": list_id, "who": who.name, **values}
            return format_command_reply(
                await send_command_to_dialler(self._dialler_client, who.name, asked.id, name, fields)
            )
        finally:
            await asyncio.to_thread(self._spool.remove_spooled_file, list_id)
