"""The signed-in user of the board, and the settings that the board needs."""

from __future__ import annotations

import contextlib
from typing import Any

from fastapi import APIRouter, Request

from dialer.desk.board import list_allowed_commands
from dialer.desk.figures import INTERVAL_SECONDS
from dialer.mqtt.dialler_client import DeskStatus
from dialer.settings.site import Settings
from dialer.web.access import PageRoute, allow_anyone
from dialer.web.page_state import PageState
from dialer.web.people import People


class BoardAccount:
    """The route that tells the board who is signed in."""

    def __init__(self, settings: Settings, people: People) -> None:
        self._people = people
        self.use_settings(settings)

    def create_router(self) -> APIRouter:
        """Return a router with the route that describes the board's signed-in user."""
        router = APIRouter(route_class=PageRoute)
        router.get("/api/me", dependencies=allow_anyone())(self.describe_user)
        return router

    def use_settings(self, settings: Settings) -> None:
        """Use these settings from now on."""
        self._site = {
            "centre": settings.centre.id,
            "zone": settings.centre.time_zone,
            "pause_reasons": settings.agent_login.pause_reasons,
            "stretch_seconds": INTERVAL_SECONDS,
            "languages": {
                "seats": {each.name: each.languages for each in settings.seats if each.languages},
                "agents": {each.number: each.languages for each in settings.agents if each.languages},
            },
        }
        self._all_must_sign = settings.broker.signed_commands
        self._signers = frozenset(each.name for each in settings.supervisors if each.key is not None)
        self._with_phone = frozenset(each.name for each in settings.supervisors if each.endpoint is not None)

    async def describe_user(self, request: Request) -> dict[str, Any] | None:
        """Return the signed-in user and the commands this user may send; null = nobody is signed in.

        `signs` = the dialler accepts this user's commands only with a signature, which a page cannot make.
        """
        token = request.state.token
        who = None if token is None else await self._people.find_user(token)
        if who is None:
            return None
        offered = list_allowed_commands(who.role, has_phone=who.name in self._with_phone)
        signs = self._all_must_sign or who.name in self._signers
        permissions = {"may": [] if signs else offered, "signs": signs and bool(offered)}
        return {"name": who.name, "role": who.role, **permissions, **self._site}


def serve_desk_metrics(settings: Settings, page_state: PageState) -> contextlib.AbstractAsyncContextManager[int | None]:
    """Serve the desk's metrics while the context is open, if the settings have a port for them."""
    port = settings.metrics.desk_port
    if port is None:
        return contextlib.nullcontext()
    from dialer.metrics.families import describe_desk  # noqa: PLC0415 - 60 ms of CPU
    from dialer.metrics.server import serve_metrics  # noqa: PLC0415

    return serve_metrics(
        settings.metrics.host,
        port,
        lambda: describe_desk(settings.centre.id, broker_up=_is_connected(page_state), streams=page_state.pages),
    )


def _is_connected(page_state: PageState) -> bool:
    status = page_state.get("desk", DeskStatus)
    return status is not None and status.connected
