"""[[trunks]] and [trunk_rest]: the trunks to the telephone network, their caller IDs, and when a failing trunk is suspended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import Field, StringConstraints, model_validator

from dialer.settings.carrier_presets import PresetName, add_carrier_preset_to_trunk_settings
from dialer.settings.fields import (
    AccountName,
    Applied,
    Codec,
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
    create_pattern_constraint,
)
from dialer.settings.stir_shaken import StirShaken


class Carrier(StrEnum):
    """The system that carries the calls of a trunk, such as Asterisk or Twilio."""

    ASTERISK = "asterisk"
    TWILIO = "twilio"


class Transport(StrEnum):
    """The transport protocol of SIP messages."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


class DtmfMode(StrEnum):
    """The method by which a carrier transmits the keys that a voter presses."""

    AUTO = "auto"
    RFC4733 = "rfc4733"
    INBAND = "inband"
    INFO = "info"


class NumberFormat(StrEnum):
    """The format of a number in SIP messages to a carrier."""

    E164 = "e164"
    E164_WITHOUT_PLUS = "e164-without-plus"
    NATIONAL = "national"


class IdentityHeader(StrEnum):
    """The SIP header, besides From, that has the caller ID of a call to a carrier."""

    PAI = "p-asserted-identity"
    RPID = "remote-party-id"
    BOTH = "both"
    NONE = "none"


class SipExtension(StrEnum):
    """The use of a SIP extension on calls to a carrier: never, if the carrier supports it, or always."""

    NO = "no"
    YES = "yes"
    REQUIRED = "required"


ProxyAddress = Annotated[
    str,
    create_pattern_constraint(
        r"^[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?$",
        "must be a host name or an IPv4 address, without a scheme, such as proxy.carrier.net or proxy.carrier.net:5080",
    ),
]
NumberAffix = Annotated[
    str, create_pattern_constraint(r"^[0-9+*]{0,10}$", "must be up to 10 digits and the characters + and *")
]
WrittenReason = Annotated[
    str,
    create_pattern_constraint(
        r"^[^\x00-\x1f\x7f]{15,200}$", "must be a reason in words: 15 to 200 characters on one line"
    ),
]
StateCode = Annotated[str, StringConstraints(strip_whitespace=True, to_upper=True, min_length=1, max_length=40)]


@dataclass(frozen=True, slots=True)
class CalledVoter:
    """The facts about a called voter that determine the caller ID."""

    number: str  # E.164
    state_code: str = ""  # as on the roll, in capitals; "" if unknown
    constituency_number: int = 0


class CallerIdArea(Section):
    """[[trunks.areas]] - caller IDs for voters of one area. The first area that contains a voter is used."""

    states: tuple[StateCode, ...] = Field((), description="any of these states, as on the roll (S24)")
    constituencies: tuple[int, ...] = Field((), description="any of these constituencies, by number")
    prefixes: tuple[NumberPrefix, ...] = Field((), description="any of these prefixes of the voter's number")
    caller_ids: tuple[PhoneNumber, ...] = Field(
        min_length=1, description="the trunk's caller IDs for this area, which no other area uses"
    )

    def _find_contradicting_settings(self) -> Iterator[str]:
        if not (self.states or self.constituencies or self.prefixes):
            yield "an area needs states, constituencies or prefixes"

    def is_voter_in_area(self, called: CalledVoter) -> bool:
        """Return whether a voter is in this area by every criterion that is set: number prefix, state, constituency."""
        return (
            (not self.states or called.state_code in self.states)
            and (not self.constituencies or called.constituency_number in self.constituencies)
            and (not self.prefixes or called.number.startswith(self.prefixes))
        )


def find_caller_ids_for_voter(
    caller_ids: tuple[str, ...], areas: Sequence[CallerIdArea], called: CalledVoter | None
) -> tuple[str, ...]:
    """Return the caller IDs of a trunk that may be used for a call. `called` is None if the call is not to a voter.

    The first area that contains the voter determines the caller IDs. If no area contains the voter, the caller IDs that
    belong to no area are used. If there are no such caller IDs, all are used.
    """
    if called is not None:
        for area in areas:
            if area.is_voter_in_area(called):
                return area.caller_ids
    local = {caller_id for area in areas for caller_id in area.caller_ids}
    return tuple(caller_id for caller_id in caller_ids if caller_id not in local) or caller_ids


class Trunk(Section):
    """[[trunks]] - a trunk to the telephone network."""

    applied: ClassVar[Applied] = Applied.RELOAD

    name: Slug = Field(description="name of the trunk in reports")
    preset: Annotated[PresetName | None, Applied.ELSEWHERE] = Field(
        None,
        description="carrier whose published values are the defaults of this trunk ([presets](../how-to/carriers.md#presets))",
    )
    endpoint: EndpointName = Field(description="PJSIP endpoint in Asterisk; for a Twilio trunk any unique name")
    carrier: Annotated[Carrier, Applied.RESTART] = Field(
        Carrier.ASTERISK, description="asterisk, or twilio for ivr campaigns"
    )
    server: Annotated[Slug | None, Applied.RESTART] = Field(
        None, description="the trunk's Asterisk server, if there are [[asterisk.servers]]"
    )
    channels: int = Field(30, ge=1, le=10_000, description="maximum concurrent calls that the carrier allows")
    calls_per_second: float = Field(
        2.0,
        gt=0,
        le=1000,
        description="maximum call starts per second (CPS) that the carrier allows; they are spread over 1.05 s",
    )
    caller_ids: tuple[PhoneNumber, ...] = Field(min_length=1, description="numbers you own, used as caller IDs")
    areas: tuple[CallerIdArea, ...] = Field((), description="caller IDs for voters of certain areas only")
    number_format: NumberFormat = Field(
        NumberFormat.E164,
        description="how the carrier wants called numbers: e164 (+919812345678), e164-without-plus, or national "
        "(9812345678; numbers of other countries as e164, without prefix and suffix)",
    )
    number_prefix: NumberAffix = Field(
        "", description="digits that the carrier wants before each called number, such as 0"
    )
    number_suffix: NumberAffix = Field("", description="digits that the carrier wants after each called number")
    caller_id_format: NumberFormat = Field(NumberFormat.E164, description="the same as number_format for caller IDs")
    host: Annotated[HostName | None, Applied.ELSEWHERE] = Field(
        None, description="the carrier's SIP host; `dialer asterisk render` needs it"
    )
    port: Annotated[Port | None, Applied.ELSEWHERE] = Field(
        None,
        description="its SIP port; none: from SRV records if host is a name that has them, otherwise 5060, with TLS 5061",
    )
    backup_hosts: Annotated[tuple[HostName, ...], Applied.ELSEWHERE] = Field(
        (),
        description="further SIP hosts of the carrier, in order; a call goes to the first one that answers OPTIONS "
        "(qualify_seconds)",
    )
    outbound_proxy: Annotated[ProxyAddress | None, Applied.ELSEWHERE] = Field(
        None, description="host or host:port that all SIP messages for host are sent to"
    )
    networks: Annotated[tuple[NetworkName, ...], Applied.ELSEWHERE] = Field(
        (), description="addresses of inbound calls, in addition to those of host"
    )
    username: Annotated[AccountName | None, Applied.ELSEWHERE] = Field(
        None, description="account at the carrier; none: the carrier authenticates the IP address"
    )
    password: Annotated[Password | None, Applied.ELSEWHERE] = Field(None, description="the account's password")
    from_user: Annotated[AccountName | None, Applied.ELSEWHERE] = Field(
        None, description="user in the From header; none: the caller ID"
    )
    from_domain: Annotated[HostName | None, Applied.ELSEWHERE] = Field(
        None, description="domain in the From header; none: host if there is an account, otherwise Asterisk's address"
    )
    registers: Annotated[bool, Applied.ELSEWHERE] = Field(
        False, description="register the account, so that inbound calls arrive"
    )
    transport: Annotated[Transport, Applied.ELSEWHERE] = Field(Transport.UDP, description="udp, tcp or tls")
    unverified_tls: Annotated[WrittenReason | None, Applied.ELSEWHERE] = Field(
        None,
        description="with TLS, why calls may go to a server whose certificate does not prove that it is host; none: they may not",
    )
    codecs: Annotated[tuple[Codec, ...], Applied.ELSEWHERE] = Field(
        (), description="codecs of this trunk, in order of preference; none: those of asterisk.codecs"
    )
    identity_header: Annotated[IdentityHeader, Applied.ELSEWHERE] = Field(
        IdentityHeader.PAI,
        description="header that also has the caller ID: p-asserted-identity, remote-party-id, both or none",
    )
    trust_identity: Annotated[bool, Applied.ELSEWHERE] = Field(
        True,
        description="take an inbound caller's number from P-Asserted-Identity or Remote-Party-ID, if the carrier sends one; "
        "From may be anonymous",
    )
    session_timers: Annotated[SipExtension, Applied.ELSEWHERE] = Field(
        SipExtension.YES,
        description="session timers (RFC 4028), by which a lost end of a call is noticed: no, yes (offered), or required",
    )
    prack: Annotated[SipExtension, Applied.ELSEWHERE] = Field(
        SipExtension.YES,
        description="PRACK (100rel, RFC 3262), which acknowledges ringing and early media: no, yes (offered), or required",
    )
    dtmf: Annotated[DtmfMode, Applied.ELSEWHERE] = Field(
        DtmfMode.AUTO,
        description="how voters' keys arrive: rfc4733, inband (as tones) or info; auto: rfc4733, or inband if the carrier has no "
        "rfc4733",
    )
    srtp: Annotated[bool, Applied.ELSEWHERE] = Field(
        False, description="encrypt audio; needs transport tls, because the keys are sent in SIP"
    )
    jitter_buffer: Annotated[bool, Applied.ELSEWHERE] = Field(
        False,
        description="delay voters' voices so that none is lost if packets arrive more than 80 ms late or out of order "
        "([figures](../how-to/asterisk.md#jitter))",
    )
    qualify_seconds: Annotated[int, Applied.ELSEWHERE] = Field(
        60, ge=0, le=3600, description="interval of Asterisk's OPTIONS checks of the carrier; 0: off"
    )

    stir_shaken: Annotated[StirShaken | None, Applied.ELSEWHERE] = Field(
        None, description="signature of the caller ID, where the carrier does not sign calls"
    )

    @model_validator(mode="before")
    @classmethod
    def _add_carrier_preset_values(cls, values: Any) -> Any:
        return add_carrier_preset_to_trunk_settings(values) if isinstance(values, Mapping) else values

    def _find_contradicting_settings(self) -> Iterator[str]:
        if (self.username is None) != (self.password is None):
            yield "a trunk needs both username and password, or neither"
        if self.registers and self.username is None:
            yield "a trunk that registers needs username and password"
        if self.srtp and self.transport is not Transport.TLS:
            yield 'srtp needs transport = "tls", because its keys are sent in SIP'
        if self.backup_hosts and not (self.host and self.qualify_seconds):
            yield "backup_hosts need host, and qualify_seconds above 0 to notice that it does not answer"
        if self.unverified_tls is not None and self.transport is not Transport.TLS:
            yield 'unverified_tls needs transport = "tls"; remove it'
        if self.stir_shaken is not None and self.carrier is not Carrier.ASTERISK:
            yield "stir_shaken needs a trunk of Asterisk; remove it"
        if (
            self.stir_shaken is not None
            and self.stir_shaken.are_outbound_calls_signed
            and not self._are_numbers_sent_as_e164()
        ):
            yield (
                "a signature (stir_shaken) covers numbers in E.164: number_format and caller_id_format must not be "
                "national, and number_prefix and number_suffix must be empty"
            )
        for number, area in enumerate(self.areas, start=1):
            if not set(area.caller_ids) <= set(self.caller_ids):
                yield f"area {number} has a number that is not in the trunk's caller_ids; add it there, or remove it"

    def _are_numbers_sent_as_e164(self) -> bool:
        formats = {self.number_format, self.caller_id_format}
        return NumberFormat.NATIONAL not in formats and not (self.number_prefix or self.number_suffix)


class TrunkRest(Section):
    """[trunk_rest] - when a trunk is not used for a while because of carrier failures (5xx, 403, no response)."""

    applied: ClassVar[Applied] = Applied.RELOAD

    failures_in_a_row: int = Field(5, ge=2, le=100, description="consecutive failures that suspend a trunk")
    window_calls: int = Field(20, ge=5, le=1000, description="number of recent calls for the failure rate")
    failure_rate: Share = Field(0.5, description="share of those calls (0-1) above which a trunk is suspended")
    first_rest_seconds: PositiveSeconds = Field(
        30.0,
        description="duration of the first suspension; then a call probes the trunk, and each failed probe doubles it",
    )
    max_rest_seconds: PositiveSeconds = Field(600.0, description="maximum duration of a suspension")
    slow_ringing_seconds: PositiveSeconds = Field(
        4.0,
        description="post-dial delay above which fewer calls are started, if it is also three times the usual",
    )

    def _find_contradicting_settings(self) -> Iterator[str]:
        if self.first_rest_seconds > self.max_rest_seconds:
            yield "first_rest_seconds must not be above max_rest_seconds"
