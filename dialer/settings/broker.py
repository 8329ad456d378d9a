"""[broker] and [mosquitto]: the MQTT broker, and the configuration files of Mosquitto."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr

from dialer.settings.fields import Applied, FilePath, HostName, Port, Section


class Broker(Section):
    """[broker] - the MQTT broker, through which supervisors watch and control the centre."""

    enabled: bool = Field(True, description="false: nothing is published; results are still stored")
    host: HostName = Field("127.0.0.1", description="address of the broker")
    port: Port = Field(1883, description="TCP port of the broker")
    username: str | None = Field(None, description="MQTT user")
    password: SecretStr | None = Field(None, description="password of that user")
    tls: bool = Field(False, description="encrypt the connection, and verify the broker's certificate")
    ca_file: Path | None = Field(None, description="CA certificates to verify the broker with; none: the system's")
    signed_commands: bool = Field(
        False, description="accept only commands that are signed by their sender (`key` of [[supervisors]])"
    )
    home_assistant: bool = Field(
        False, description="publish the centre's state for Home Assistant on the same broker (MQTT discovery)"
    )
    key_file: Path | None = Field(
        None,
        description="private key for signing commands on this machine, from `dialer mqtt key`",
    )


class Mosquitto(Section):
    """[mosquitto] - what `dialer mqtt render` writes into the files of a Mosquitto broker."""

    applied: ClassVar[Applied] = Applied.ELSEWHERE

    listen: HostName = Field(
        "127.0.0.1", description="address to listen on; any but this machine's own needs a certificate"
    )
    certificate: FilePath | None = Field(None, description="the broker's certificate and its chain, PEM")
    private_key: FilePath | None = Field(
        None, description="private key of that certificate, PEM, readable by the broker only"
    )
    data_directory: FilePath = Field("/var/lib/mosquitto/", description="folder for retained messages and sessions")
    max_connections: int = Field(1_000, ge=10, le=100_000, description="maximum concurrent clients")
