"""[recordings]: where recorded conversations are stored, and for how long."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import Field

from dialer.settings.fields import Section, create_pattern_constraint, create_validator_from_condition

PlainFolder = Annotated[
    Path,
    create_validator_from_condition(
        lambda path: re.fullmatch(r"(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+", str(path)),
        "must be an absolute folder of letters, digits, dots, - and _, without `..`",
    ),
]
"""A folder that is safe in the dialplan."""


class RecordingSettings(Section):
    """[recordings] - recorded conversations. Each campaign's `record` turns recording on."""

    directory: PlainFolder = Field(
        Path("/var/spool/asterisk/matdan"), description="folder that Asterisk writes to and the dialler reads"
    )
    keep_days: int = Field(
        30, ge=1, le=3650, description="retention (days); `dialer recordings purge` erases older ones"
    )
    prompt: (
        Annotated[
            str,
            create_pattern_constraint(
                r"^[a-z0-9][a-z0-9_-]*(/[a-z0-9][a-z0-9_-]*)*$",
                "must be the name of a prompt such as common/hold, in lowercase letters",
            ),
        ]
        | None
    ) = Field(
        None, description="sound that announces the recording before the agent is connected; none: no announcement"
    )
