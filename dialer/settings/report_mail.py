"""[report_mail]: reports that the desk sends by e-mail once a day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time
from typing import Annotated, ClassVar, Literal

from pydantic import Field, SecretStr

from dialer.settings.fields import Applied, HostName, Port, Section, create_pattern_constraint, is_loopback_host

MailAddress = Annotated[
    str,
    create_pattern_constraint(
        r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}$",
        "must be an e-mail address without a name, such as reports@example.org",
    ),
]
ReportName = Literal[
    "hours",
    "outcomes",
    "dispositions",
    "windows",
    "agents",
    "pauses",
    "agent-dispositions",
    "list-due",
    "list-attempts",
    "trunks",
    "trunk-hours",
    "trunk-statuses",
]


class ReportMail(Section):
    """[report_mail] - reports of the day that the desk sends by e-mail; off unless `host` is set."""

    applied: ClassVar[Applied] = Applied.ELSEWHERE

    host: HostName | None = Field(None, description="mail server (SMTP); none: no report is sent")
    port: Port = Field(587, description="port of the mail server")
    encryption: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="starttls, tls, or none for a mail server on this machine"
    )
    username: str | None = Field(None, max_length=256, description="user name at the mail server; none: no sign-in")
    password: SecretStr | None = Field(None, description="password of that user")
    sender: MailAddress | None = Field(None, description="address from which the reports come")
    recipients: tuple[MailAddress, ...] = Field((), max_length=50, description="addresses that get the reports")
    at: time = Field(time(20, 30), description="time of the day, in the centre's time zone")
    reports: tuple[ReportName, ...] = Field(("hours", "windows"), min_length=1, description="reports, as in /reports")
    format: Literal["csv", "xlsx", "pdf"] = Field("xlsx", description="csv, xlsx or pdf")

    def _find_contradicting_settings(self) -> Iterator[str]:
        if self.host is None:
            return
        if self.sender is None or not self.recipients:
            yield "host needs a sender and recipients"
        if self.encryption == "none" and not is_loopback_host(self.host):
            yield f'host {self.host} needs encryption = "starttls" or "tls", because it is on another machine'
        if self.username is None and self.password is not None:
            yield "password needs a username"
