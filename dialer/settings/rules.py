"""[rules]: the jurisdiction of a centre, its own stricter rules, polling days, and what named persons signed off."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, SecretStr, StringConstraints

from dialer.settings.fields import Applied, LocalTime, Section, ZoneName


class Poll(Section):
    """[[rules.polls]] - a polling day, from the official notification."""

    day: date = Field(description="the polling day")
    closes_at: LocalTime | None = Field(None, description="close of poll; none: each booth's own, from the roll")
    constituencies: tuple[int, ...] = Field(
        (), description="constituencies that vote on this day; empty: all of the roll"
    )
    time_zone: ZoneName | None = Field(None, description="IANA time zone of the polling area; none: the centre's")


class SignOff(Section):
    """[[rules.sign_offs]] - an exception that a named person answers for, where the profile allows that."""

    permits: Literal["recorded-turnout-in-silence"] = Field(
        description="recorded-turnout-in-silence: recorded turnout calls in the silence interval"
    )
    campaign: str = Field(description="the campaign that it is for")
    by: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=80)] = Field(
        description="name of the person who answers for it"
    )
    day: date = Field(description="day on which it was signed")


class Rules(Section):
    """[rules] - the rules in force here. No setting can loosen the jurisdiction's profile."""

    applied: ClassVar[Applied] = Applied.RELOAD

    jurisdiction: str = Field("neutral", description="a shipped profile's name, or a .toml file of your own")
    stricter: dict[str, dict[str, Any]] = Field(
        {}, description="stricter values, by rule: `[rules.stricter.ring]` with `minimum_seconds = 35`"
    )
    holidays: tuple[date, ...] = Field((), description="public holidays, with calling hours of their own")
    polls: tuple[Poll, ...] = Field((), description="polling days")
    sign_offs: tuple[SignOff, ...] = Field((), description="exceptions that named persons answer for")
    opt_out_secret: Annotated[SecretStr | None, Applied.RESTART] = Field(
        None,
        min_length=20,
        description="secret shared by all centres: opt-outs travel between them as keyed hashes; none: they are not shared; "
        "preferably set by MATDAN_RULES__OPT_OUT_SECRET",
    )
    accepted_opt_out_secrets: Annotated[tuple[Annotated[SecretStr, Field(min_length=20)], ...], Applied.RESTART] = (
        Field(
            (),
            description="other secrets that are accepted during a change: the next one before it, the old one after it",
        )
    )

    def secrets(self) -> tuple[bytes, ...]:
        """Return the secrets that centres share, the one to hash with first; empty: they share none."""
        if self.opt_out_secret is None:
            return ()
        every = (self.opt_out_secret, *self.accepted_opt_out_secrets)
        return tuple(dict.fromkeys(secret.get_secret_value().encode() for secret in every))

    def _objections(self) -> Iterator[str]:
        if self.accepted_opt_out_secrets and self.opt_out_secret is None:
            yield "accepted_opt_out_secrets needs opt_out_secret"
        named = Counter(number for poll in self.polls for number in poll.constituencies)
        twice = [number for number, count in named.items() if count > 1]
        if twice:
            yield f"constituency {twice[0]} must not have two polls; name it in one of [[rules.polls]]"
        if sum(not poll.constituencies for poll in self.polls) > 1:
            yield "only one poll may be for all constituencies; name the constituencies of the others"
