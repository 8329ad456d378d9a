"""The page permissions.md, generated from commands and routes: `python -m dialer.cli.document_permissions DIR`."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from fastapi import APIRouter
from fastapi.routing import APIRoute, APIWebSocketRoute

from dialer.desk.agents.commands import AgentCommands
from dialer.desk.agents.notes import AgentNotes
from dialer.desk.agents.phone import AgentPhones
from dialer.desk.agents.sign_in import AgentSignInRoutes
from dialer.desk.agents.streams import AgentStreams
from dialer.desk.board import Board
from dialer.desk.board_account import BoardAccount
from dialer.desk.numbers import NumberRoutes
from dialer.desk.recordings import RecordingsPage
from dialer.desk.rolls import RollRoutes
from dialer.desk.users import UsersPage
from dialer.domain.enums import HqRole, SupervisorRole
from dialer.engine.command.catalogue import COMMANDS
from dialer.hq.actions import HqActions
from dialer.hq.pages import HqAccount, HqBoard
from dialer.web.access import find_access_rules
from dialer.web.passkeys import Passkeys
from dialer.web.people import AGENTS
from dialer.web.sign_in import PasswordSignIn

PAGE = "permissions.md"
_HEAD = """# Permissions

For those who assign [roles](../how-to/supervisors.md#commands-and-roles). The dialler refuses a command, and a page a request, of
any role that is not listed. This page is generated from the commands and the pages' routes
(`python -m dialer.cli.document_permissions docs/reference`).

## Commands

[What each command does](topics.md#commandsuser)."""
_DESK_HEAD = """
## Pages of a centre

Requests to [the desk](../how-to/desk.md). "Anyone" needs no session; what such a request returns is decided by its content, such as
a password."""
_HQ_HEAD = """
## Pages of headquarters

Requests to [headquarters' pages](../how-to/headquarters.md#headquarters-pages). An account for one
zone sees and changes that zone only."""


class HasRouter(Protocol):
    """A class of the pages that has routes."""

    def create_router(self) -> APIRouter:
        """Return the routes."""
        ...


_DESK: tuple[type[HasRouter], ...] = (
    PasswordSignIn,
    Passkeys,
    BoardAccount,
    Board,
    UsersPage,
    RollRoutes,
    NumberRoutes,
    RecordingsPage,
    AgentSignInRoutes,
    AgentStreams,
    AgentCommands,
    AgentNotes,
    AgentPhones,
)
_HEADQUARTERS: tuple[type[HasRouter], ...] = (HqAccount, HqBoard, HqActions)
_DESK_ROLES: frozenset[str] = frozenset(SupervisorRole) | AGENTS
_HQ_ROLES: frozenset[str] = frozenset(HqRole)


def render_permissions_page() -> str:
    """Return the page."""
    commands = ((f"`{name}`", frozenset(command.roles)) for name, command in COMMANDS.items())
    lines = [
        _HEAD,
        *_permission_table("commands", commands),
        _DESK_HEAD,
        *_permission_table("requests", _list_routes_and_roles(_DESK, _DESK_ROLES)),
        _HQ_HEAD,
        *_permission_table("requests", _list_routes_and_roles(_HEADQUARTERS, _HQ_ROLES)),
    ]
    return "\n".join(lines) + "\n"


def _list_routes_and_roles(
    parts: Iterable[type[HasRouter]], existing: frozenset[str]
) -> Iterator[tuple[str, frozenset[str] | None]]:
    """Yield each request with those of the `existing` roles that may send it; None stands for anyone."""
    for part in parts:
        # The routes are the class's methods; an instance would need a running desk.
        for route in part.__new__(part).create_router().routes:
            if isinstance(route, APIRoute | APIWebSocketRoute):
                methods = sorted(route.methods or ()) if isinstance(route, APIRoute) else ["WebSocket"]
                roles = find_access_rules(route).roles
                yield f"`{' '.join(methods)} {route.path}`", None if roles is None else roles & existing


def _permission_table(what: str, allowed: Iterable[tuple[str, frozenset[str] | None]]) -> Iterator[str]:
    """Yield a table with one row for each set of roles, the largest set first."""
    by_roles: defaultdict[frozenset[str] | None, list[str]] = defaultdict(list)
    for name, roles in allowed:
        by_roles[roles].append(name)
    yield ""
    yield f"|roles|{what}|"
    yield "|---|---|"
    for roles in sorted(by_roles, key=lambda roles: (roles is not None, -len(roles or ()), sorted(roles or ()))):
        who = "anyone" if roles is None else ", ".join(f"`{role}`" for role in sorted(roles))
        yield f"|{who}|{', '.join(sorted(by_roles[roles]))}|"


if __name__ == "__main__":
    (Path(sys.argv[1]) / PAGE).write_text(render_permissions_page(), encoding="utf-8")
