"""[twilio]: a Twilio account that carries calls of ivr campaigns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, SecretStr

from dialer.settings.fields import Section, UrlWithoutSlash, create_pattern_constraint


class Twilio(Section):
    """[twilio] - the Twilio account for trunks with carrier = "twilio", which carry calls of IVR campaigns.

    It needs the extra `twilio`.
    """

    enabled: bool = Field(False, description="true: trunks may use Twilio")
    account_sid: Annotated[
        str,
        create_pattern_constraint(
            r"^(AC[0-9a-f]{32})?$", "must be Twilio's account SID: AC and 32 digits or letters a-f"
        ),
    ] = Field("", description="account SID, from Twilio's console")
    auth_token: SecretStr = Field(SecretStr(""), description="auth token, from Twilio's console")
    public_url: Annotated[
        str,
        create_pattern_constraint(
            r"^(https?://[^\s?#]{1,200}[^\s?#/])?$",
            "must be a URL such as https://dialler.example.org, without / at its end",
        ),
    ] = Field("", description="URL at which Twilio reaches the webhooks, without a slash at the end")
    host: str = Field("127.0.0.1", description="address that the webhooks listen on, behind an HTTPS proxy")
    port: int = Field(8480, ge=0, le=65535, description="TCP port of the webhooks; 0 picks a free one")
    api_url: str = Field("https://api.twilio.com", description="URL of Twilio's API; change it only for tests")
    calls_per_second: float = Field(
        1.0, gt=0, le=1000, description="maximum call starts per second (CPS) of the account, for all its trunks"
    )
    max_call_seconds: int = Field(600, ge=30, le=14_400, description="maximum duration of a call")
    max_spend_per_day: float | None = Field(
        None, gt=0, description="maximum spending on calls and SMS, in the account's currency; none: no limit"
    )
    price_per_minute: float = Field(
        0.05,
        ge=0,
        description="price of a call, for max_spend_per_day; a transferred call counts twice",
    )
    price_per_sms: float = Field(0.05, ge=0, description="price of an SMS segment, for max_spend_per_day")
    sms_from: (
        Annotated[
            str,
            create_pattern_constraint(
                r"^\+[0-9]{5,15}$",
                "must be a phone number in full: + and 5 to 15 digits without spaces, such as +911140000001",
            ),
        ]
        | None
    ) = Field(None, description="sender of flows' SMS, also for calls over Asterisk; none: no SMS")
    sounds_url: UrlWithoutSlash | None = Field(
        None, description="URL of the prepared sounds (.wav); none: Twilio speaks the texts"
    )
    transfer_to: (
        Annotated[
            str,
            create_pattern_constraint(
                r"^(sip:[^\s<>]{3,200}|\+[0-9]{5,15})$",
                "must be a phone number in full, such as +911140000001, or a sip: address",
            ),
        ]
        | None
    ) = Field(
        None, description="target of a flow's transfer: a SIP address or number; none: transfers find no free agent"
    )

    def _find_contradicting_settings(self) -> Iterator[str]:
        if self.enabled:
            for name in ("account_sid", "public_url"):
                if not getattr(self, name):
                    yield f"twilio.enabled needs {name}; set it, or enabled = false"
            if not self.auth_token.get_secret_value():
                yield "twilio.enabled needs auth_token; set MATDAN_TWILIO__AUTH_TOKEN"
