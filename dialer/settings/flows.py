"""[flows]: the texts of flows, recordings of callers, and limits of AGI scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from dialer.settings.fields import Section, pattern


class FlowSettings(Section):
    """[flows] - texts of flows, recordings of what callers say, and limits of AGI scripts."""

    texts: Path | None = Field(
        None,
        description="directory of your own texts, one <language>.yaml each, which override the shipped ones; none: only those",
    )
    recordings: bool = Field(False, description="allow flows to record callers; off where the law forbids it")
    recording_directory: Annotated[
        str,
        pattern(
            r"^[A-Za-z0-9/_.-]{1,200}$", "must be a path of 1 to 200 letters a-z, digits and the characters / _ . -"
        ),
    ] = Field(
        "matdan/recordings", description="where Asterisk stores recordings: absolute, or below its sounds directory"
    )
    recording_format: Literal["wav", "wav49", "gsm", "alaw", "ulaw", "sln16"] = Field(
        "wav", description="file format of recordings"
    )
    script_seconds: float = Field(
        300.0, ge=1, le=7200, description='longest call of an AGI script (`flow = "script:/..."`)'
    )
    script_memory_megabytes: int = Field(256, ge=32, le=4096, description="memory of each process of an AGI script")
    script_user: (
        Annotated[str, pattern(r"^[a-z_][a-z0-9_-]{0,31}$", "must be the name of a user of this machine")] | None
    ) = Field(
        None,
        description="user that AGI scripts run as, where the dialler runs as root; none: nobody. A dialler that is not root runs "
        "them as its own user",
    )
    script_processes: int = Field(
        16, ge=1, le=1000, description="processes and threads of one AGI script, including the script itself"
    )
    script_network: bool = Field(
        False, description="true: AGI scripts can use the machine's network; false: they have none"
    )
    script_errors: Path | None = Field(
        None, description="file for the standard error of AGI scripts; none: it is discarded"
    )
