"""Protection of the web pages against requests from other sites: host, origin and response headers."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dialer.web.refusals import RequestRefused

SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
"""No scripts but the pages' own files, no frames, no requests to other sites."""
_HTTPS_ONLY = {"strict-transport-security": "max-age=31536000"}


class PageProtection:
    """ASGI middleware that refuses requests for other hosts or from other sites.

    It also adds security headers to every response.
    """

    def __init__(self, app: ASGIApp, origins: frozenset[str]) -> None:
        """Create the middleware. `origins` are the permitted URLs of the pages, such as `https://desk.example.org`."""
        self._app = app
        self._origins = origins
        self._hosts = frozenset(urlsplit(origin).netloc for origin in origins)
        is_https = all(origin.startswith("https:") for origin in origins)
        self._headers = {"cache-control": "no-store", **SECURITY_HEADERS, **(_HTTPS_ONLY if is_https else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request, or one WebSocket for as long as it is open."""
        send = _add_default_headers_to_response(send, self._headers)
        try:
            self._check_host_and_origin(scope, Headers(scope=scope))
        except RequestRefused as refused:
            await refused.make_refusal_response()(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _check_host_and_origin(self, scope: Scope, headers: Headers) -> None:
        # Joined, so that a repeated header is refused whichever of its values is right.
        host, origin = (",".join(headers.getlist(name)) for name in ("host", "origin"))
        if host not in self._hosts:
            raise RequestRefused(421, "host")
        reads = scope["type"] == "http" and scope["method"] in {"GET", "HEAD"}
        # Following a link from another site to a page is fine: the page is the same for everybody.
        navigates = reads and headers.get("sec-fetch-mode") == "navigate"
        is_foreign = headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"} and not navigates
        if is_foreign or (not reads and origin not in self._origins):
            raise RequestRefused(403, "other-site")


def _add_default_headers_to_response(send: Send, defaults: Mapping[str, str]) -> Send:
    """Add security headers to a response. Headers that the response sets itself stay."""

    async def send_with_headers(message: Message) -> None:
        if message["type"].endswith("http.response.start"):
            headers = MutableHeaders(scope=message)
            for name, value in defaults.items():
                headers.setdefault(name, value)
        await send(message)

    return send_with_headers
