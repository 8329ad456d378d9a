"""The reply to a command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from dialer.domain.errors import RefusedBecause
from dialer.domain.schema import MESSAGE, Time


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandReply:
    """The dialler's reply to a command."""

    __pydantic_config__ = MESSAGE

    id: str
    """the command's id, as its sender chose it"""
    status: Literal["done", "refused"]
    text: str
    """one line: what was done, or why it was refused"""
    at: Time
    code: Annotated[
        str | None, Field(description=f"of some refusals, a code for programs: {', '.join(RefusedBecause)}")
    ] = None
