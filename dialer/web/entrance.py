"""Pages and their files, and who comes in."""

from __future__ import annotations

import gzip
import mimetypes
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field

from dialer.web.doors import WebDoor, begun, problem
from dialer.web.people import MOST_PASSWORD, STATUS, NotSignedIn, People


class SignIn(BaseModel):
    """Name and password, as a page sends them; `new`: a password that takes its place."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, Field(min_length=1, max_length=64)]
    password: Annotated[str, Field(min_length=1, max_length=MOST_PASSWORD)]
    new: Annotated[str, Field(min_length=1, max_length=MOST_PASSWORD)] | None = None


@dataclass(frozen=True, slots=True)
class Asset:
    """A built file, in memory, as it goes out."""

    kind: str
    body: bytes
    packed: bytes | None  # with gzip; None: it is packed of itself

    def response(self, request: Request, cache: str) -> Response:
        """The file, packed where the browser takes it."""
        headers = {"cache-control": cache, "vary": "accept-encoding"}
        if self.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(self.packed, media_type=self.kind, headers={**headers, "content-encoding": "gzip"})
        return Response(self.body, media_type=self.kind, headers=headers)


def read_assets(folder: Path) -> dict[str, Asset]:
    """The built pages by their path below `folder`; empty: they are not built."""
    mimetypes.add_type("font/woff2", ".woff2")
    mimetypes.add_type("text/javascript", ".js")
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            body = path.read_bytes()
            kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            packed = None if path.suffix == ".woff2" else gzip.compress(body, 9, mtime=0)
            found[path.relative_to(folder).as_posix()] = Asset(kind, body, packed)
    return found


class Entrance:
    """Pages and their files, and who comes in."""

    def __init__(
        self, people: People, assets: dict[str, Asset], front: str, sign_out: Callable[[str], Awaitable[None]]
    ) -> None:
        """`front`: the page of who names none; `sign_out` takes a session's token, whosever it is."""
        self._people = people
        self._assets = assets
        self._front = front
        self._sign_out = sign_out

    def doors(self) -> list[WebDoor]:
        """What anybody may ask for."""
        return [
            WebDoor("GET", "/", self.front, None, {303: None}),
            WebDoor("GET", self._front, self.page, None, {200: "text/html"}),
            WebDoor("GET", "/assets/{name}", self.asset, None, {200: "*/*"}),
            WebDoor("POST", "/api/sign-in", self.sign_in, None, {204: None}, signs_in=True),
            WebDoor("POST", "/api/sign-out", self.sign_out, None, {204: None}),
        ]

    async def front(self) -> Response:
        """The way to the page."""
        return RedirectResponse(self._front, status_code=303)

    async def page(self, request: Request) -> Response:
        """A page, the same for all: what is shown in it comes after signing in."""
        return self._file(f"{request.url.path[1:]}.html", request, "no-cache")

    async def asset(self, name: str, request: Request) -> Response:
        """A file of the pages; its name changes with what is in it."""
        return self._file(f"assets/{name}", request, "public, max-age=31536000, immutable")

    def _file(self, path: str, request: Request, cache: str) -> Response:
        found = self._assets.get(path)
        return problem(404, "nothing-here") if found is None else found.response(request, cache)

    async def sign_in(self, asked: SignIn, request: Request) -> Response:
        """A session, in a cookie that no script can read."""
        try:
            token = await self._people.sign_in(asked.name, asked.password, asked.new)
        except NotSignedIn as refused:
            return problem(STATUS.get(refused.problem, 429), refused.problem, seconds=round(refused.seconds))
        return begun(request, token)

    async def sign_out(self, request: Request) -> Response:
        """No session."""
        if request.state.token is not None:
            await self._sign_out(request.state.token)
        return begun(request, None)
