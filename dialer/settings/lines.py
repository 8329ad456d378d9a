"""[[trunks]], [trunk_rest] and [inbound]: the lines to the telephone network, and what comes in on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from dialer.domain.enums import InboundMode
from dialer.settings.fields import (
    AccountName,
    EndpointName,
    HostName,
    NetworkName,
    NumberPrefix,
    Password,
    PhoneNumber,
    Port,
    PositiveSeconds,
    Section,
    Share,
    Slug,
)


class Carrier(StrEnum):
    """What a trunk is reached by."""

    ASTERISK = "asterisk"
    TWILIO = "twilio"


class Transport(StrEnum):
    """How SIP travels."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


StateCode = Annotated[str, StringConstraints(strip_whitespace=True, to_upper=True, min_length=1, max_length=40)]


@dataclass(frozen=True, slots=True)
class Called:
    """Whom a call is for, as far as the caller ID goes by it."""

    number: str  # E.164
    state_code: str = ""  # as the roll has it, in capitals; "": it has none
    constituency_number: int = 0


class CallerIdArea(Section):
    """[[trunks.areas]] - where some of the trunk's caller IDs are shown; the first table that fits a voter counts."""

    states: tuple[StateCode, ...] = Field((), description="states as the roll has them (S24): any of these")
    constituencies: tuple[int, ...] = Field((), description="constituencies by number: any of these")
    prefixes: tuple[NumberPrefix, ...] = Field((), description="what the voter's number begins with: any of these")
    caller_ids: tuple[PhoneNumber, ...] = Field(
        min_length=1, description="of the trunk's caller_ids those that are shown there, and nowhere else"
    )

    def _objections(self) -> Iterator[str]:
        if not (self.states or self.constituencies or self.prefixes):
            yield "an area names no place; give states, constituencies or prefixes"

    def has(self, called: Called) -> bool:
        """Whether somebody is there: of each kind of place that is named, in one of them."""
        return (
            (not self.states or called.state_code in self.states)
            and (not self.constituencies or called.constituency_number in self.constituencies)
            and (not self.prefixes or called.number.startswith(self.prefixes))
        )


def caller_ids_shown(
    caller_ids: tuple[str, ...], areas: Sequence[CallerIdArea], called: Called | None
) -> tuple[str, ...]:
    """Those of a trunk's caller IDs that may be shown: the first area's, else those of no area, else all. None: no voter."""
    if called is not None:
        for area in areas:
            if area.has(called):
                return area.caller_ids
    local = {caller_id for area in areas for caller_id in area.caller_ids}
    return tuple(caller_id for caller_id in caller_ids if caller_id not in local) or caller_ids


class Trunk(Section):
    """[[trunks]] - a line to the telephone network."""

    name: Slug = Field(description="name of the trunk in reports")
    endpoint: EndpointName = Field(description="PJSIP endpoint on the switch; of a Twilio trunk any name of its own")
    carrier: Carrier = Field(Carrier.ASTERISK, description="asterisk, or twilio for ivr campaigns")
    server: Slug | None = Field(None, description="the Asterisk that it is a line of; of [[asterisk.servers]]")
    channels: int = Field(30, ge=1, le=10_000, description="calls at once that the carrier allows")
    calls_per_second: float = Field(
        2.0, gt=0, le=1000, description="call starts a second (CPS) that the carrier allows"
    )
    caller_ids: tuple[PhoneNumber, ...] = Field(min_length=1, description="the owned numbers that may be shown")
    areas: tuple[CallerIdArea, ...] = Field((), description="caller IDs that are shown to some voters alone")
    host: HostName | None = Field(None, description="the carrier's SIP host; `dialer asterisk render` needs it")
    port: Port | None = Field(None, description="its SIP port; none: 5060, with TLS 5061")
    networks: tuple[NetworkName, ...] = Field((), description="addresses its calls may come from, beside host's own")
    username: AccountName | None = Field(None, description="account at the carrier; none: it knows us by our address")
    password: Password | None = Field(None, description="the account's password")
    registers: bool = Field(False, description="register the account there, so that calls come in")
    transport: Transport = Field(Transport.UDP, description="udp, tcp or tls")
    srtp: bool = Field(False, description="encrypt the voice; the keys travel in SIP, so with transport tls")
    qualify_seconds: int = Field(60, ge=0, le=3600, description="how often the carrier is probed; 0: never")

    def _objections(self) -> Iterator[str]:
        if (self.username is None) != (self.password is None):
            yield "username and password of a trunk go together; give both or neither"
        if self.registers and self.username is None:
            yield "a trunk that registers needs username and password"
        if self.srtp and self.transport is not Transport.TLS:
            yield 'srtp sends its keys in SIP: set transport = "tls" as well'
        for number, area in enumerate(self.areas, start=1):
            if not set(area.caller_ids) <= set(self.caller_ids):
                yield (
                    f"area {number} shows a number that is not of the trunk's caller_ids; add it there, or take it away"
                )


class TrunkRest(Section):
    """[trunk_rest] - when a failing trunk is rested: for failures of the carrier's own (5xx, 403, no answer), never a number's."""

    failures_in_a_row: int = Field(5, ge=2, le=100, description="so many failed calls in a row rest a trunk")
    window_calls: int = Field(20, ge=5, le=1000, description="calls over which the share of failures is looked at")
    failure_share: Share = Field(0.5, description="a trunk rests when more than this share of those calls failed")
    first_rest_seconds: PositiveSeconds = Field(
        30.0, description="the first rest; one call probes the trunk after it, and each failed probe doubles the rest"
    )
    longest_rest_seconds: PositiveSeconds = Field(600.0, description="no rest is longer")
    slow_ringing_seconds: PositiveSeconds = Field(
        4.0,
        description="from originate to ringing: when it takes longer, and three times as long as usual, fewer calls start",
    )

    def _objections(self) -> Iterator[str]:
        if self.first_rest_seconds > self.longest_rest_seconds:
            yield "first_rest_seconds is above longest_rest_seconds; lower it"


class InboundNumber(Section):
    """[[inbound.numbers]] - one of our numbers, and what a call to it is for."""

    number: NumberPrefix = Field(description="the number that is called, E.164: +911140000001")
    mode: InboundMode = Field(
        description="flow: meets the flow; agent: waits for a seat, else hears the message; "
        "missed-call: hung up unanswered and called back"
    )
    campaign: Slug = Field(description="whose list and purpose the number is for; it alone calls a missed call back")
    flow: str | None = Field(None, description='of mode flow: a shipped one\'s name ("inbound") or a YAML file')

    def _objections(self) -> Iterator[str]:
        if (self.mode is InboundMode.FLOW) != (self.flow is not None):
            yield 'flow goes with mode = "flow" and with no other; for example flow = "inbound"'

    @property
    def has_script(self) -> bool:
        """Whether the flow is an AGI script."""
        return self.flow is not None and self.flow.startswith("script:")


class InboundSettings(Section):
    """[inbound] - calls that come in. Numbers that are not named here are hung up unanswered."""

    channels: int = Field(10, ge=0, le=10_000, description="calls that come in at once; more are hung up unanswered")
    call_back_seconds: float = Field(60.0, ge=0, description="from a missed call to its number being due")
    numbers: tuple[InboundNumber, ...] = Field(
        (), description="our numbers that are answered, each with what a call to it is for"
    )
