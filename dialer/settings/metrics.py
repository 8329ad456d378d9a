"""[metrics]: ports at which a centre's processes serve their metrics."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dialer.settings.fields import Applied, HostName, Port, Section


class Metrics(Section):
    """[metrics] - ports for a monitoring server: `/metrics` for Prometheus, `/health`, `/ready`."""

    host: HostName = Field(
        "127.0.0.1", description="address to listen on, unencrypted; metrics have no names or phone numbers"
    )
    port: Port | None = Field(None, description="TCP port of the dialler's metrics; none: off")
    desk_port: Annotated[Port | None, Applied.ELSEWHERE] = Field(
        None, description="TCP port of the desk's metrics; none: off"
    )
    uplink_port: Annotated[Port | None, Applied.ELSEWHERE] = Field(
        None, description="TCP port of the uplink's metrics; none: off"
    )
