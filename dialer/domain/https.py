"""HTTPS requests to other organisations' servers, without following redirects."""

from __future__ import annotations

import urllib.request
from typing import Any
from urllib.error import HTTPError

ANSWER_SECONDS = 30.0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """An HTTP handler that refuses redirects, because tokens and results must reach only the given address."""

    def redirect_request(self, *_: Any) -> None:
        return None


def send_https_request(url: str, headers: dict[str, str], body: bytes | None = None) -> Any:
    """Send a GET request, or a POST request with `body`, and return the open response.

    `url` comes from the settings, which accept only an https address or an address on this machine. Raises OSError, or
    HTTPError if the server answers with an error or a redirect.
    """
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310 - settings allow no other
    try:
        return urllib.request.build_opener(_NoRedirect).open(request, timeout=ANSWER_SECONDS)
    except HTTPError as error:
        error.close()  # only its status is read
        raise
