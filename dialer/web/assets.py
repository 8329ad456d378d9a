"""The built files of the web pages, served from memory to anyone. The data in the pages needs a session."""

from __future__ import annotations

import gzip
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from dialer.web.access import PageRoute, allow_anyone
from dialer.web.protection import SECURITY_HEADERS
from dialer.web.refusals import RequestRefused

MICROPHONE = {
    "permissions-policy": SECURITY_HEADERS["permissions-policy"].replace("microphone=()", "microphone=(self)")
}
"""Response headers of a page that may ask for the microphone."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A built file of the web pages, such as a script."""

    media_type: str
    body: bytes
    gzipped: bytes | None  # None if the format is already compressed

    def make_file_response(self, request: Request, cache_control: str) -> Response:
        """Return an HTTP response with the file, compressed if the browser accepts that."""
        headers = {"cache-control": cache_control, "vary": "accept-encoding"}
        if self.gzipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(self.gzipped, media_type=self.media_type, headers={**headers, "content-encoding": "gzip"})
        return Response(self.body, media_type=self.media_type, headers=headers)


def read_built_page_files(folder: Path) -> dict[str, Asset]:
    """Return the built files of the pages by their path below `folder`.

    The result is empty if the pages are not built.
    """
    mimetypes.add_type("font/woff2", ".woff2")
    mimetypes.add_type("text/javascript", ".js")
    assets = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            body = path.read_bytes()
            media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            gzipped = None if path.suffix == ".woff2" else gzip.compress(body, 9, mtime=0)
            assets[path.relative_to(folder).as_posix()] = Asset(media_type, body, gzipped)
    return assets


class StaticPages:
    """The routes that serve the web pages and their files. The pages load their data through other routes."""

    def __init__(self, assets: Mapping[str, Asset], pages: Mapping[str, Mapping[str, str]]) -> None:
        """Create the routes. `pages` has the URL path of each page with its additional headers, the home page first."""
        self._assets = assets
        self._pages = pages

    def create_http_router(self) -> APIRouter:
        """Return a router with the routes of the web pages and their files."""
        router = APIRouter(route_class=PageRoute, dependencies=allow_anyone())
        router.get("/", response_class=RedirectResponse, status_code=303)(self.redirect_to_home_page)
        for path in self._pages:
            router.get(path, response_class=HTMLResponse)(self.read_html_page)
        any_type: dict[int | str, dict[str, Any]] = {200: {"content": {"*/*": {}}}}
        router.get("/assets/{name}", response_class=Response, responses=any_type)(self.read_page_file)
        return router

    async def redirect_to_home_page(self) -> RedirectResponse:
        """Redirect the browser to the home page."""
        return RedirectResponse(next(iter(self._pages)), status_code=303)

    async def read_html_page(self, request: Request) -> Response:
        """Return the HTML of the page at the requested path."""
        path = request.url.path
        response = self._find_page_file(f"{path[1:]}.html").make_file_response(request, "no-cache")
        response.headers.update(self._pages[path])
        return response

    async def read_page_file(self, name: str, request: Request) -> Response:
        """Return a file of the pages. Browsers may cache it for ever, because its name changes with its content."""
        return self._find_page_file(f"assets/{name}").make_file_response(request, "public, max-age=31536000, immutable")

    def _find_page_file(self, path: str) -> Asset:
        if path not in self._assets:
            raise RequestRefused(404, "nothing-here")
        return self._assets[path]
