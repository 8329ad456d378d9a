"""Pages and their files, and who comes in."""

from __future__ import annotations

import gzip
import mimetypes
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from pydantic import Field

from dialer.web.doors import PageAsked, PageRefused, begun, door
from dialer.web.people import MOST_PASSWORD, People


class SignIn(PageAsked):
    """Name and password, as a page sends them; `new`: a password that takes its place."""

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


PAGE: Mapping[int, str] = {200: "text/html"}


class Entrance:
    """Pages and their files, and who comes in. Anybody may ask for them. Each kind has doors of its own to its pages."""

    home: ClassVar[str]  # the page of who names none

    def __init__(self, people: People, assets: Mapping[str, Asset], sign_out: Callable[[str], Awaitable[None]]) -> None:
        """`sign_out` takes a session's token, whosever it is."""
        self._people = people
        self._assets = assets
        self._sign_out = sign_out

    @door("GET", "/", None, {303: None})
    async def front(self) -> Response:
        """The way to the page."""
        return RedirectResponse(self.home, status_code=303)

    async def page(self, request: Request) -> Response:
        """A page, the same for all: what is shown in it comes after signing in."""
        return self._file(f"{request.url.path[1:]}.html", request, "no-cache")

    @door("GET", "/assets/{name}", None, {200: "*/*"})
    async def asset(self, name: str, request: Request) -> Response:
        """A file of the pages; its name changes with what is in it."""
        return self._file(f"assets/{name}", request, "public, max-age=31536000, immutable")

    def _file(self, path: str, request: Request, cache: str) -> Response:
        if path not in self._assets:
            raise PageRefused(404, "nothing-here")
        return self._assets[path].response(request, cache)

    @door("POST", "/api/sign-in", None, signs_in=True)
    async def sign_in(self, asked: SignIn, request: Request) -> None:
        """A session, in a cookie that no script can read."""
        begun(request, await self._people.sign_in(asked.name, asked.password, asked.new))

    @door("POST", "/api/sign-out", None)
    async def sign_out(self, request: Request) -> None:
        """No session."""
        if request.state.token is not None:
            await self._sign_out(request.state.token)
        begun(request, None)
