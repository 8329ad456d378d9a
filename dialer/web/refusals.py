"""Replies to refused requests: an HTTP status and a problem code, for which the pages have a text."""

from __future__ import annotations

from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

RETRY_SECONDS = 5


class Refusal(BaseModel):
    """The response body of a refused request: a problem code, and the values for its text on the page."""

    model_config = ConfigDict(extra="allow")

    problem: str


class RequestRefused(Exception):
    """A request is refused with an HTTP status and a problem code (`Refusal`)."""

    def __init__(self, status: int, problem: str, **fields: Any) -> None:
        super().__init__(problem)
        self.status = status
        self.body = {"problem": problem, **fields}

    def make_refusal_response(self) -> JSONResponse:
        """Return the HTTP response to a refused request. Status 503 asks the client to retry."""
        headers = {"retry-after": str(RETRY_SECONDS)} if self.status == 503 else None
        return JSONResponse(self.body, status_code=self.status, headers=headers)
