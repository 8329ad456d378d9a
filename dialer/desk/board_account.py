"""The signed-in user of the board, and the settings that the board needs."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter, Request

from dialer.desk.board import list_commands_allowed_to_role
from dialer.desk.figures import INTERVAL_SECONDS
from dialer.domain.schema import MESSAGE
from dialer.mqtt.dialler_client import DeskStatus
from dialer.settings.site import Settings
from dialer.web.access import PageRoute, allow_anyone
from dialer.web.page_state import PageState
from dialer.web.people import People


@dataclass(frozen=True, slots=True)
class SpokenLanguages:
    """The languages of seats and agents. A seat or an agent without an entry takes calls in any language."""

    __pydantic_config__ = MESSAGE

    seats: Mapping[str, tuple[str, ...]]
    agents: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class BoardUser:
    """The signed-in user of the board, with the permitted commands and the settings that the board needs."""

    __pydantic_config__ = MESSAGE

    name: str
    role: str
    may: tuple[str, ...]
    """the commands that the user may send"""
    signs: bool
    """whether the dialler accepts the user's commands only with a signature, which a page cannot make"""
    centre: str
    zone: str
    """the centre's time zone"""
    pause_reasons: tuple[str, ...]
    stretch_seconds: float
    """length of an interval of the day's figures"""
    languages: SpokenLanguages
    agents: Mapping[str, str]
    """the names of agents, by their numbers; an agent without a name is missing"""


class BoardAccount:
    """The HTTP route that tells the supervisors' board who is signed in."""

    def __init__(self, settings: Settings, people: People) -> None:
        self._people = people
        self.replace_board_settings(settings)

    def create_http_router(self) -> APIRouter:
        """Return a router with the route that describes the board's signed-in user."""
        router = APIRouter(route_class=PageRoute)
        router.get("/api/me", dependencies=allow_anyone())(self.describe_signed_in_user)
        return router

    def replace_board_settings(self, settings: Settings) -> None:
        """Use these settings for the data that boards receive from now on."""
        self._settings = settings
        self._all_must_sign = settings.broker.signed_commands
        self._signers = frozenset(each.name for each in settings.supervisors if each.key is not None)
        self._with_phone = frozenset(each.name for each in settings.supervisors if each.endpoint is not None)

    async def describe_signed_in_user(self, request: Request) -> BoardUser | None:
        """Return the signed-in user and the commands this user may send; null = nobody is signed in."""
        token = request.state.token
        who = None if token is None else await self._people.find_user_of_session(token)
        if who is None:
            return None
        offered = list_commands_allowed_to_role(who.role, has_phone=who.name in self._with_phone)
        signs = self._all_must_sign or who.name in self._signers
        settings = self._settings
        return BoardUser(
            name=who.name,
            role=who.role,
            may=() if signs else tuple(offered),
            signs=signs and bool(offered),
            centre=settings.centre.id,
            zone=settings.centre.time_zone,
            pause_reasons=tuple(settings.agent_login.pause_reasons),
            stretch_seconds=INTERVAL_SECONDS,
            languages=SpokenLanguages(
                seats={each.name: tuple(each.languages) for each in settings.seats if each.languages},
                agents={each.number: tuple(each.languages) for each in settings.agents if each.languages},
            ),
            agents={each.number: each.full_name for each in settings.agents if each.full_name},
        )


def serve_desk_metrics(settings: Settings, page_state: PageState) -> contextlib.AbstractAsyncContextManager[int | None]:
    """Serve the metrics of the page server (desk) for Prometheus while the context is open, if metrics.desk_port is
    set.
    """
    port = settings.metrics.desk_port
    if port is None:
        return contextlib.nullcontext()
    from dialer.metrics.families import build_metrics_of_centre_pages  # noqa: PLC0415 - 60 ms of CPU
    from dialer.metrics.server import serve_metrics  # noqa: PLC0415

    return serve_metrics(
        settings.metrics.host,
        port,
        lambda: build_metrics_of_centre_pages(
            settings.centre.id, broker_up=_is_desk_connected_to_broker(page_state), streams=page_state.open_page_count
        ),
    )


def _is_desk_connected_to_broker(page_state: PageState) -> bool:
    status = page_state.get_value_of_key("desk", DeskStatus)
    return status is not None and status.connected
