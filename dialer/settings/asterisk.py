"""[ami], [fastagi] and [asterisk]: how the dialler and Asterisk reach each other, and what Asterisk's files contain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from dialer.settings.fields import (
    Applied,
    Codec,
    EndpointName,
    FilePath,
    HostName,
    NetworkName,
    Password,
    PeerNetwork,
    Port,
    PositiveSeconds,
    Section,
    Slug,
    create_validator_from_condition,
)

DEFAULT_HISTORY_FILE = Path("/var/log/asterisk/cdr-custom/matdan.csv")
HISTORY_OFF = "off"
HistoryFile = Annotated[
    Path,
    create_validator_from_condition(
        lambda path: re.search(r"(^|/)cdr-custom/[A-Za-z0-9_-]+\.csv\Z", str(path)),
        "must end in cdr-custom/NAME.csv, such as /var/log/asterisk/cdr-custom/matdan.csv",
    ),
]


def _convert_call_history_off_to_none(value: object) -> object:
    return None if value == HISTORY_OFF else value


class Ami(Section):
    """[ami] - Asterisk's manager interface (AMI)."""

    host: HostName = Field("127.0.0.1", description="address of Asterisk's manager; loopback if possible")
    port: Port = Field(5038, description="TCP port of the manager")
    username: EndpointName = Field("matdan", description="user, a section of manager.conf")
    secret: Password | None = Field(None, description="the user's secret, at least 12 characters")
    ping_seconds: PositiveSeconds = Field(
        5.0,
        description="interval between pings; the connection is closed after two missing replies",
    )


class FastAgi(Section):
    """[fastagi] - where Asterisk reaches the dialler's flows."""

    host: HostName = Field(
        "127.0.0.1",
        description="address to listen on, unencrypted: loopback, or a private network if Asterisk runs elsewhere",
    )
    port: Port = Field(4573, description="TCP port to listen on; 0 picks a free one")
    allowed: tuple[PeerNetwork, ...] = Field(
        (),
        description="addresses and networks that may connect, in addition to this machine and ami.host",
    )
    max_connections: int = Field(
        2000, ge=1, le=50_000, description="maximum concurrent calls in flows; more are rejected"
    )


class AsteriskServer(Section):
    """[[asterisk.servers]] - one of several Asterisk servers of a large centre; [ami] has the user for all of them."""

    name: Slug = Field(description="name, used as `server` by trunks, seats and phones")
    host: HostName = Field(description="address of its manager, and of its SIP for the other servers")
    port: Port = Field(5038, description="TCP port of its manager")
    bind_address: HostName | None = Field(None, description="as in [asterisk]; none: the value there")
    sip_port: Port | None = Field(None, description="as in [asterisk]; the other servers use it too")
    external_address: HostName | None = Field(None, description="as in [asterisk]")
    history: HistoryFile | None = Field(None, description="as in [asterisk]; each server needs its own")


class Asterisk(Section):
    """[asterisk] - what `dialer asterisk render` writes into Asterisk's files, beyond trunks and seats."""

    applied: ClassVar[Applied] = Applied.ELSEWHERE

    dialler_address: HostName = Field("127.0.0.1", description="the dialler's address as seen by Asterisk")
    bind_address: HostName = Field("0.0.0.0", description="address that SIP and TLS listen on")  # noqa: S104
    sip_port: Port = Field(5060, description="UDP port of SIP, and TCP port where a trunk or seat uses TCP")
    tls_port: Port = Field(5061, description="port of SIP over TLS, where a trunk or seat uses it")
    websocket_port: Port = Field(
        8088, description="port of SIP over WebSocket, by which the desk connects browser phones (`webrtc` seats)"
    )
    certificate: FilePath = Field("/etc/asterisk/keys/matdan.pem", description="certificate for TLS")
    private_key: FilePath = Field("/etc/asterisk/keys/matdan.key", description="private key of that certificate")
    ca_file: FilePath = Field(
        "/etc/ssl/certs/ca-certificates.crt",
        description="certificate authorities of carriers, for trunks over TLS (PEM); "
        "on Red Hat /etc/pki/tls/certs/ca-bundle.crt",
    )
    external_address: HostName | None = Field(None, description="public address, if Asterisk is behind NAT")
    local_networks: tuple[NetworkName, ...] = Field((), description="networks on this side of the NAT")
    seat_networks: tuple[NetworkName, ...] = Field(
        ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
        min_length=1,
        description="networks that agents' phones may register from; all others are rejected",
    )
    codecs: tuple[Codec, ...] = Field(("alaw", "ulaw"), min_length=1, description="codecs, in order of preference")
    rtp_first_port: Port = Field(10000, description="first UDP port for audio")
    rtp_last_port: Port = Field(20000, description="last UDP port for audio; a call uses two")
    rtp_timeout_seconds: int = Field(
        60, ge=0, le=3600, description="a call without audio packets ends after this time; 0: never"
    )
    seat_rtp_timeout_seconds: Annotated[int, Applied.RESTART] = Field(
        5,
        ge=0,
        le=60,
        description="the same for agents' phones, which must send packets during silence too; 0: off",
    )
    history: Annotated[HistoryFile | None, BeforeValidator(_convert_call_history_off_to_none), Applied.RESTART] = Field(
        None,
        description="Asterisk's call history (without numbers), cdr-custom/NAME.csv in its log directory; where ami.host is this "
        f"machine the default is {DEFAULT_HISTORY_FILE}; none or `{HISTORY_OFF}`: calls that end while the dialler is down stay "
        "unknown",
    )
    mixing_milliseconds: Literal[20, 40] = Field(
        20, description="interval of audio mixing in conferences (ms); 40 for more than 50 agents per CPU core"
    )
    servers: Annotated[tuple[AsteriskServer, ...], Applied.RESTART] = Field(
        (), description="several Asterisk servers instead of the one at ami.host"
    )

    def _find_contradicting_settings(self) -> Iterator[str]:
        if self.rtp_last_port - self.rtp_first_port < 100:
            yield "rtp_last_port must be at least 100 above rtp_first_port"
