"""What becomes of a changed setting when a dialler that runs reads its file again. What is not named here needs a restart."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class ReadAt(StrEnum):
    """When the dialler reads a changed setting."""

    RELOAD = "reload"  # from then on
    RESTART = "restart"  # of the dialler: a reload that finds it changed takes nothing
    ELSEWHERE = "elsewhere"  # the dialler does not read it: other programs do, and commands that write their files


def _section(rest: ReadAt, **others: str) -> Mapping[str, ReadAt]:
    """How a section's settings are taken: `others` names those that are taken otherwise, `rest` is of all that it does not."""
    return {"": rest, **{key: ReadAt(taken) for taken, keys in others.items() for key in keys.split()}}


TAKEN: Mapping[str, Mapping[str, ReadAt]] = {
    "agents": _section(ReadAt.RELOAD),
    "asterisk": _section(ReadAt.ELSEWHERE, restart="servers history seat_rtp_timeout_seconds"),
    "campaigns": _section(ReadAt.RELOAD, restart="connect_limit_seconds kind pacing purpose"),
    "centre": _section(ReadAt.RESTART, reload="organisation"),
    "desk": _section(ReadAt.ELSEWHERE),
    "dialling": _section(ReadAt.RELOAD),
    "floor": _section(ReadAt.RELOAD, elsewhere="log_in_code"),
    "headquarters": _section(
        ReadAt.ELSEWHERE, reload="campaigns_folder leaders zone", restart="outbox_megabytes user weights_folder"
    ),
    "hold": _section(ReadAt.ELSEWHERE),
    "inbound": _section(ReadAt.RELOAD),
    "metrics": _section(ReadAt.RESTART, elsewhere="desk_port uplink_port"),
    "mosquitto": _section(ReadAt.ELSEWHERE),
    "polling_day": _section(ReadAt.RELOAD, restart="weights"),
    "rules": _section(ReadAt.RELOAD, restart="opt_out_secret opt_out_secrets_known"),
    "seats": _section(ReadAt.RELOAD, restart="server", elsewhere="password srtp transport webrtc"),
    "sources": _section(ReadAt.ELSEWHERE),
    "supervisors": _section(ReadAt.RELOAD),
    "transfers": _section(ReadAt.RELOAD),
    "trunks": _section(
        ReadAt.RELOAD,
        restart="server carrier",
        elsewhere="host networks password port qualify_seconds registers srtp transport username",
    ),
}
"""By section and key; "": all other keys of the section. A table that comes or goes is taken as those."""


def how_taken(section: str, key: str = "") -> ReadAt:
    """When a changed setting is read; `key`: "" of a table as a whole."""
    keys = TAKEN.get(section, {})
    return keys.get(key, keys.get("", ReadAt.RESTART))
