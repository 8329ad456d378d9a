"""The application behind the guard: a route for each door and no other, with its OpenAPI document."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from http import HTTPStatus
from types import NoneType
from typing import Any, get_type_hints

import structlog
from fastapi import FastAPI, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyCookie
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from dialer.domain.errors import StoreError
from dialer.web.doors import COOKIE, SOCKET, PageRefused, WebDoor
from dialer.web.people import NotSignedIn

_log = structlog.get_logger(__name__)


class RequestRefused(BaseModel):
    """A refusal: a word, and what its sentence needs beside."""

    model_config = ConfigDict(extra="allow")

    problem: str


def _documented(door: WebDoor, returned: Any) -> dict[str, Any]:
    """What FastAPI is told of a door for the document alone: its answers, and the session that the guard looks for."""
    gives = dict(door.gives) if returned is Response else {204: None} if returned is NoneType else {200: returned}
    answers: dict[int | str, dict[str, Any]] = {"4XX": {"model": RequestRefused}, 503: {"model": RequestRefused}}
    for status, what in gives.items():
        said = {"description": HTTPStatus(status).phrase}
        if isinstance(what, str):
            answers[status] = said | {"content": {what: {}}}
        else:
            answers[status] = said if what is None else said | {"model": what}
    kind = Response if returned is Response else JSONResponse
    session = [] if door.roles is None else [Security(APIKeyCookie(name=COOKIE, auto_error=False))]
    return {
        "status_code": min(gives, default=200),
        "response_class": kind,
        "responses": answers,
        "dependencies": session,
    }


def make_app(doors: Sequence[WebDoor], *, documented: bool = False) -> FastAPI:
    """The application behind the guard: a route for each door and no other. `documented`: for its `openapi` alone, since the models
    of all answers take longer to make than all else.
    """
    app = FastAPI(title="Matdan desk", openapi_url=None, docs_url=None, redoc_url=None)
    for door in doors:
        if door.method == SOCKET:
            app.add_api_websocket_route(door.path, door.answer)
            continue
        returned = get_type_hints(door.answer)["return"]
        bare = {"response_class": JSONResponse, "status_code": 204 if returned is NoneType else 200}
        more = _documented(door, returned) if documented else bare
        app.add_api_route(door.path, door.answer, methods=[door.method], response_model=None, **more)

    async def refused(request: Request, error: Exception) -> Response:
        return _refusal(error).answer

    for kind in (PageRefused, NotSignedIn, RequestValidationError, HTTPException, StoreError):
        app.add_exception_handler(kind, refused)
    return app


def _refusal(error: Exception) -> PageRefused:
    match error:
        case PageRefused():
            return error
        case NotSignedIn():
            return PageRefused(error.status, error.problem, seconds=round(error.seconds))
        case HTTPException():
            return PageRefused(error.status_code, "too-long" if error.status_code == 413 else "values")
        case StoreError():
            _log.error("desk.not-kept", problem=str(error))
            return PageRefused(503, "not-kept")
    return PageRefused(422, "values")  # without what was given, which may be a password


def with_document(doors: Sequence[WebDoor]) -> list[WebDoor]:
    """These doors and one to the OpenAPI document of them all, which is made once somebody asks."""
    made = cache(lambda: make_app(every, documented=True).openapi())

    async def document() -> dict[str, Any]:
        """This document."""
        described: dict[str, Any] = made()
        return described

    every = [*doors, WebDoor("GET", "/api/openapi.json", document)]
    return every
