"""The [asterisk] section of the settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from dialer.settings.fields import Codec, FilePath, HostName, NetworkName, Port, Section, Slug, must

HistoryFile = Annotated[
    Path,
    must(
        lambda path: re.search(r"(^|/)cdr-custom/[A-Za-z0-9_-]+\.csv\Z", str(path)),
        "must end in cdr-custom/NAME.csv, as /var/log/asterisk/cdr-custom/matdan.csv",
    ),
]


class AsteriskServer(Section):
    """[[asterisk.servers]] - one of several Asterisks that carry a large centre's calls; [ami] says who the dialler is on each."""

    name: Slug = Field(description="name that trunks, seats and phones give as their server")
    host: HostName = Field(description="where its manager listens, and where the other servers reach its SIP")
    port: Port = Field(5038, description="TCP port of its manager")
    bind_address: HostName | None = Field(None, description="as in [asterisk]; none: as there, and so below")
    sip_port: Port | None = Field(None, description="SIP over UDP, by which the other servers reach it too")
    external_address: HostName | None = Field(None, description="its public address, where it is behind NAT")
    history: HistoryFile | None = Field(None, description="file in which it keeps how calls ended, one for each server")


class Asterisk(Section):
    """[asterisk] - what `dialer asterisk render` writes that no other section says."""

    dialler_address: HostName = Field("127.0.0.1", description="the dialler's address as Asterisk sees it")
    bind_address: HostName = Field("0.0.0.0", description="address that SIP and TLS listen on")  # noqa: S104
    sip_port: Port = Field(5060, description="SIP over UDP, and over TCP where a trunk or seat asks for it")
    tls_port: Port = Field(5061, description="SIP over TLS, where a trunk or seat asks for it")
    websocket_port: Port = Field(
        8088, description="the desk's own way to Asterisk, where a seat is webrtc: SIP over WebSocket on ami.host"
    )
    certificate: FilePath = Field("/etc/asterisk/keys/matdan.pem", description="certificate of TLS")
    private_key: FilePath = Field("/etc/asterisk/keys/matdan.key", description="its key")
    external_address: HostName | None = Field(None, description="our public address, where Asterisk is behind NAT")
    local_networks: tuple[NetworkName, ...] = Field((), description="networks that are not behind that NAT")
    seat_networks: tuple[NetworkName, ...] = Field(
        ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
        min_length=1,
        description="networks that seats' phones may come from; all others are refused",
    )
    codecs: tuple[Codec, ...] = Field(("alaw", "ulaw"), min_length=1, description="codecs, the preferred one first")
    rtp_first_port: Port = Field(10000, description="first UDP port of the voice")
    rtp_last_port: Port = Field(20000, description="last UDP port of the voice; two per call are used")
    rtp_timeout_seconds: int = Field(
        60, ge=0, le=3600, description="silence on the wire that ends a call; 0: none does"
    )
    seat_rtp_timeout_seconds: int = Field(
        5,
        ge=0,
        le=60,
        description="the same of an agent's phone, which must send sound in silence too; 0: a dead one is not noticed",
    )
    history: HistoryFile | None = Field(
        None,
        description="file in which Asterisk keeps how calls ended, without numbers: cdr-custom/NAME.csv below its log directory, "
        "as this machine sees it; none: a call that ended while no dialler was there stays unknown",
    )
    mixing_milliseconds: Literal[20, 40] = Field(
        20, description="how often a conference mixes; 40 above some 50 agents per processor core"
    )
    servers: tuple[AsteriskServer, ...] = Field((), description="several Asterisks in place of the one at ami.host")

    def _objections(self) -> Iterator[str]:
        if self.rtp_last_port - self.rtp_first_port < 100:
            yield "rtp_last_port must be at least 100 above rtp_first_port; widen the range"
