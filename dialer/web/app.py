"""The web application of the pages: routes, permission checks, error responses, and an OpenAPI document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket

from dialer.domain.errors import StoreError
from dialer.web.access import (
    EVERY_ROLE,
    PageRoute,
    Sessions,
    allow_users_with_roles,
    find_access_rules_of_route,
)
from dialer.web.people import NotSignedIn
from dialer.web.refusals import Refusal, RequestRefused

_log = structlog.get_logger(__name__)

_REFUSALS: dict[int | str, dict[str, Any]] = {"4XX": {"model": Refusal}, 503: {"model": Refusal}}


def make_web_application(routers: Sequence[APIRouter], sessions: Sessions) -> FastAPI:
    """Return a web application with the routes of `routers`.

    Raises TypeError for a route that declares no access rules.
    """
    for router in routers:
        for route in router.routes:
            find_access_rules_of_route(route)
    app = FastAPI(
        title="Matdan desk",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=_REFUSALS,
    )
    app.state.sessions = sessions
    for router in routers:
        app.include_router(router)
    for kind in (RequestRefused, NotSignedIn, RequestValidationError, HTTPException, StoreError):
        app.add_exception_handler(kind, _respond_with_refusal)
    return app


def create_openapi_router() -> APIRouter:
    """Return a router with the route of the application's OpenAPI document."""
    router = APIRouter(route_class=PageRoute)
    router.get("/api/openapi.json", dependencies=allow_users_with_roles(EVERY_ROLE))(_read_openapi_document)
    return router


async def _read_openapi_document(request: Request) -> dict[str, Any]:
    """Return the OpenAPI document of this server."""
    document: dict[str, Any] = request.app.openapi()
    return document


async def _respond_with_refusal(connection: HTTPConnection, error: Exception) -> Response:
    response = _convert_error_to_http_refusal(error).make_refusal_response()
    if isinstance(connection, WebSocket):
        await connection.send_denial_response(response)
    return response


def _convert_error_to_http_refusal(error: Exception) -> RequestRefused:
    match error:
        case RequestRefused():
            return error
        case NotSignedIn():
            return RequestRefused(error.status, error.problem, seconds=round(error.seconds))
        case HTTPException(status_code=404 | 405):
            return RequestRefused(404, "nothing-here")
        case HTTPException():
            return RequestRefused(error.status_code, "too-long" if error.status_code == 413 else "values")
        case StoreError():
            _log.error("store.access_failed", problem=str(error))
            return RequestRefused(503, "not-saved")
    return RequestRefused(422, "values")  # without the input, which may be a password
