"""Settings of what flows may do, and of Twilio as a carrier of their calls."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints

from dialer.settings.fields import Section

PhoneNumber = Annotated[str, StringConstraints(pattern=r"^\+[0-9]{5,15}$")]


class FlowSettings(Section):
    """[flows] - what flows may do beyond sounds and keys."""

    texts: Path | None = Field(
        None,
        description="directory of texts of your own, one <language>.yaml each, before the shipped ones; none: those alone",
    )
    recordings: bool = Field(
        False, description="whether a flow may record what a caller says; off where the law forbids it"
    )
    recording_directory: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9/_.-]{1,200}$")] = Field(
        "matdan/recordings", description="where Asterisk keeps recordings: absolute, or below its sounds directory"
    )
    recording_format: Literal["wav", "wav49", "gsm", "alaw", "ulaw", "sln16"] = Field(
        "wav", description="file format of recordings"
    )
    script_seconds: float = Field(
        300.0, ge=1, le=7200, description='longest call of an AGI script (`flow = "script:/..."`)'
    )
    script_memory_megabytes: int = Field(256, ge=32, le=4096, description="memory of each process of an AGI script")
    script_user: Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")] | None = Field(
        None,
        description="user that AGI scripts run as, where the dialler runs as root; none: nobody. A dialler that is not root runs "
        "them as its own user",
    )
    script_processes: int = Field(
        16, ge=1, le=1000, description="processes and threads of one AGI script, including the script itself"
    )
    script_network: bool = Field(
        False,
        description="true: AGI scripts have the machine's network; false: they have none",
    )
    script_errors: Path | None = Field(
        None, description="file for the standard error of AGI scripts; none: it is dropped"
    )


class Twilio(Section):
    """[twilio] - an account that carries ivr campaigns: trunks with carrier = "twilio". Needs the extra `twilio`."""

    enabled: bool = Field(False, description="true: trunks may name this carrier")
    account_sid: Annotated[str, StringConstraints(pattern=r"^(AC[0-9a-f]{32})?$")] = Field(
        "", description="the account, as Twilio's console shows it"
    )
    auth_token: SecretStr = Field(SecretStr(""), description="better given by MATDAN_TWILIO__AUTH_TOKEN")
    public_url: Annotated[str, StringConstraints(pattern=r"^(https?://[^\s?#]{1,200}[^\s?#/])?$")] = Field(
        "", description="address under which Twilio reaches our webhooks, without a slash at its end"
    )
    host: str = Field("127.0.0.1", description="address that the webhooks listen on, behind your HTTPS proxy")
    port: int = Field(8480, ge=0, le=65535, description="TCP port of the webhooks; 0 picks a free one")
    api_url: str = Field("https://api.twilio.com", description="another address only for tests")
    calls_per_second: float = Field(
        1.0, gt=0, le=1000, description="call starts a second of the account; its trunks together stay below it"
    )
    longest_call_seconds: int = Field(600, ge=30, le=14_400, description="a call is ended by Twilio after this")
    most_spend_per_day: float | None = Field(
        None, gt=0, description="no call and no SMS beyond this, in the account's currency; none: no cap"
    )
    price_per_minute: float = Field(
        0.05, ge=0, description="of a call, for the cap, in the account's currency; a transferred call counts twice"
    )
    price_per_sms: float = Field(0.05, ge=0, description="of each segment, for the cap, in the account's currency")
    sms_from: PhoneNumber | None = Field(
        None, description="number that SMS of flows are sent from, on Asterisk's calls too; none: no SMS"
    )
    sounds_url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s?#]{1,200}[^\s?#/]$")] | None = Field(
        None, description="where the prepared sounds are served as .wav; none: Twilio speaks the texts"
    )
    transfer_to: Annotated[str, StringConstraints(pattern=r"^(sip:[^\s<>]{3,200}|\+[0-9]{5,15})$")] | None = Field(
        None, description="whom a flow's transfer dials: sip:agents@example.org or a number; none: nobody is free"
    )

    def _objections(self) -> Iterator[str]:
        if self.enabled:
            for name in ("account_sid", "public_url"):
                if not getattr(self, name):
                    yield f"twilio is enabled without {name}; set it, or enabled = false"
            if not self.auth_token.get_secret_value():
                yield "twilio is enabled without auth_token; set MATDAN_TWILIO__AUTH_TOKEN"
