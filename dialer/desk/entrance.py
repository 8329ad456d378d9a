"""Who is signed in to the supervisors' page, and the site's values that the page needs."""

from __future__ import annotations

import contextlib
from typing import Any

from fastapi import APIRouter, Request

from dialer.desk.board import may
from dialer.desk.figures import STRETCH_SECONDS
from dialer.mqtt.dialler_client import DeskStatus
from dialer.settings.site import Settings
from dialer.web.access import PageRoute, allow_anyone
from dialer.web.page_state import PageState
from dialer.web.people import People


class BoardAccount:
    """Answers the board's question who is signed in."""

    def __init__(self, settings: Settings, people: People) -> None:
        self._people = people
        self.use(settings)

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(route_class=PageRoute)
        router.get("/api/me", dependencies=allow_anyone())(self.me)
        return router

    def use(self, settings: Settings) -> None:
        """These are in force from now on."""
        self._site = {
            "centre": settings.centre.id,
            "zone": settings.centre.time_zone,
            "pause_reasons": settings.agent_login.pause_reasons,
            "stretch_seconds": STRETCH_SECONDS,
            "languages": {
                "seats": {each.name: each.languages for each in settings.seats if each.languages},
                "agents": {each.number: each.languages for each in settings.agents if each.languages},
            },
        }
        self._all_sign = settings.broker.signed_commands
        self._signing = frozenset(each.name for each in settings.supervisors if each.key is not None)
        self._with_phone = frozenset(each.name for each in settings.supervisors if each.endpoint is not None)

    async def me(self, request: Request) -> dict[str, Any] | None:
        """Who has signed in, and what this one may do; null: nobody. `signs`: only with a signature, which no page has."""
        token = request.state.token
        who = None if token is None else await self._people.find_user(token)
        if who is None:
            return None
        offered = may(who.role, has_phone=who.name in self._with_phone)
        signs = self._all_sign or who.name in self._signing
        held = {"may": [] if signs else offered, "signs": signs and bool(offered)}
        return {"name": who.name, "role": who.role, **held, **self._site}


def metrics_of(settings: Settings, page_state: PageState) -> contextlib.AbstractAsyncContextManager[int | None]:
    """What a monitoring server is told, where the settings have it told."""
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
