"""Settings of the broker itself, for `dialer mqtt render`."""

from __future__ import annotations

from pydantic import Field

from config.fields import FilePath, HostName, Section


class Mosquitto(Section):
    """[mosquitto] - what `dialer mqtt render` writes for a Mosquitto broker."""

    listen: HostName = Field(
        "127.0.0.1", description="address that the broker listens on; beyond this machine only with a certificate"
    )
    certificate: FilePath | None = Field(None, description="the broker's certificate and its chain, PEM")
    private_key: FilePath | None = Field(None, description="key of that certificate, PEM, readable by the broker alone")
    data_directory: FilePath = Field(
        "/var/lib/mosquitto/", description="where the broker keeps what must survive its restart"
    )
    max_connections: int = Field(1_000, ge=10, le=100_000, description="clients at once; more are turned away")
