"""HTTPS requests to other organisations' servers, without following redirects."""

from __future__ import annotations

import urllib.request
from typing import Any
from urllib.error import HTTPError

ANSWER_SECONDS = 30.0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuses redirects: tokens and results are for one address only."""

    def redirect_request(self, *_: Any) -> None:
        return None


def answered(url: str, headers: dict[str, str], body: bytes | None = None) -> Any:
    """Open the response to a GET, or to a POST of `body`. The settings' type ensures that `url` is https, or of this machine.

    Raises OSError; its subclass HTTPError for every status that is no success, redirects included.
    """
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310 - settings allow no other
    try:
        return urllib.request.build_opener(_NoRedirect).open(request, timeout=ANSWER_SECONDS)
    except HTTPError as error:
        error.close()  # only its status is read
        raise
