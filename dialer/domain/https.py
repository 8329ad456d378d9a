"""Requests to other people's servers: to the address that was named, and to no other that it may point to."""

from __future__ import annotations

import urllib.request
from typing import Any

ANSWER_SECONDS = 30.0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Tokens and results are for one address alone."""

    def redirect_request(self, *_: Any) -> None:
        return None


def answered(url: str, headers: dict[str, str], body: bytes | None = None) -> Any:
    """The answer to a GET, or to a POST of `body`, open to be read; `url` is encrypted, or of this machine (`PortalAddress`).

    Raises OSError, and its HTTPError for every status that is no success, a redirect among them.
    """
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310 - settings allow no other
    return urllib.request.build_opener(_NoRedirect).open(request, timeout=ANSWER_SECONDS)
