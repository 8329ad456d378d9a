"""Base types of the JSON bodies that pages send."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from dialer.domain.model import ATTEMPT_ID_PATTERN


class PageRequest(BaseModel):
    """The JSON body of a page's request, with exactly the declared fields.

    Validation errors omit the input, which may be a password.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


CommandId = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{8,64}$")]
"""The id that a page gives a command. A command sent again with the same id is carried out once."""
RequestedAttemptId = Annotated[str, Field(pattern=ATTEMPT_ID_PATTERN)]
"""The ID of a call attempt in a page's request."""
