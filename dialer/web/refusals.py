"""Replies to refused requests: an HTTP status and a problem code, for which the pages have a text."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from dialer.domain.translatable import TranslatableText, make_page_text

RETRY_SECONDS = 5


class Refusal(BaseModel):
    """The response body of a refused request: a problem code, and the values for its text on the page."""

    model_config = ConfigDict(extra="allow")

    problem: str


class RequestRefused(Exception):
    """Raised to refuse a request with an HTTP status and a problem code (`Refusal`)."""

    def __init__(self, status: int, problem: str, **fields: Any) -> None:
        super().__init__(problem)
        self.status = status
        self.body = {"problem": problem, **fields}

    def make_refusal_response(self) -> JSONResponse:
        """Return the HTTP response to a refused request. Status 503 asks the client to retry."""
        headers = {"retry-after": str(RETRY_SECONDS)} if self.status == 503 else None
        shown = {
            name: asdict(make_page_text(value)) if isinstance(value, TranslatableText) else value
            for name, value in self.body.items()
        }
        return JSONResponse(shown, status_code=self.status, headers=headers)
