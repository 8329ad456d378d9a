"""[flows]: texts of flows, recordings of callers, and limits for AGI scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from dialer.settings.fields import Section, create_pattern_constraint


class FlowSettings(Section):
    """[flows] - texts of flows, recordings of what callers say, and limits of AGI scripts."""

    texts: Path | None = Field(
        None,
        description="folder with your own texts as LANGUAGE.yaml, which override the shipped ones",
    )
    recordings: bool = Field(False, description="allow flows to record callers, if the profile allows it")
    recording_directory: Annotated[
        str,
        create_pattern_constraint(
            r"^[A-Za-z0-9/_.-]{1,200}$", "must be a path of 1 to 200 letters a-z, digits and the characters / _ . -"
        ),
    ] = Field(
        "matdan/recordings", description="where Asterisk stores recordings: absolute, or below its sounds directory"
    )
    recording_format: Literal["wav", "wav49", "gsm", "alaw", "ulaw", "sln16"] = Field(
        "wav", description="file format of recordings"
    )
    script_seconds: float = Field(
        300.0, ge=1, le=7200, description='maximum duration of a call in an AGI script (`flow = "script:/..."`)'
    )
    script_memory_megabytes: int = Field(
        256, ge=32, le=4096, description="memory limit of each process of an AGI script"
    )
    script_user: (
        Annotated[
            str, create_pattern_constraint(r"^[a-z_][a-z0-9_-]{0,31}$", "must be the name of a user of this machine")
        ]
        | None
    ) = Field(
        None,
        description="user that AGI scripts run as, if the dialler runs as root; none: nobody",
    )
    script_processes: int = Field(
        16, ge=1, le=1000, description="maximum processes and threads of one AGI script, including itself"
    )
    script_network: bool = Field(False, description="true: AGI scripts can use the network")
    script_errors: Path | None = Field(
        None, description="file for the standard error of AGI scripts; none: it is discarded"
    )
