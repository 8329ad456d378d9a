"""Settings of the rules: which jurisdiction, what the site holds stricter, when the polls are, who signed what off."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, StringConstraints, model_validator

from config.fields import LocalTime, Section, ZoneName


class Poll(Section):
    """[[rules.polls]] - a polling day, from the official notification."""

    day: date = Field(description="the polling day")
    closes_at: LocalTime | None = Field(None, description="close of poll here; none: each booth's own, from the roll")
    constituencies: tuple[int, ...] = Field((), description="constituencies that vote then; empty: all of the roll")
    time_zone: ZoneName | None = Field(None, description="IANA zone of the polling area; none: the centre's")


class SignOff(Section):
    """[[rules.sign_offs]] - what a named person answers for, where the profile lets a person decide."""

    what: Literal["recorded-turnout-in-silence"] = Field(description="recorded-turnout-in-silence")
    campaign: str = Field(description="the campaign that it is for")
    by: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=80)] = Field(
        description="name of the person who answers for it"
    )
    day: date = Field(description="day on which it was signed")


class Rules(Section):
    """[rules] - the law and the caution that hold here. Nothing in it can loosen the profile."""

    jurisdiction: str = Field("neutral", description="a shipped profile's name, or a .toml file of the site's own")
    stricter: dict[str, dict[str, Any]] = Field(
        {}, description="the site's stricter values by rule: `[rules.stricter.ring]` with `minimum_seconds = 35`"
    )
    holidays: tuple[date, ...] = Field((), description="public holidays, on which the holiday's hours hold")
    polls: tuple[Poll, ...] = Field((), description="polling days")
    sign_offs: tuple[SignOff, ...] = Field((), description="what named persons answer for")
    opt_out_secret: SecretStr | None = Field(
        None,
        min_length=20,
        description="shared by all centres: opt-outs travel between them as hashes under it; none: they do not; "
        "better given by MATDAN_RULES__OPT_OUT_SECRET",
    )
    opt_out_secrets_known: tuple[Annotated[SecretStr, Field(min_length=20)], ...] = Field(
        (),
        description="other secrets that are understood beside it: the next one before a change, the earlier one after it",
    )

    def secrets(self) -> tuple[bytes, ...]:
        """The centres' shared secrets, that which is told under first; none: they share none."""
        if self.opt_out_secret is None:
            return ()
        every = (self.opt_out_secret, *self.opt_out_secrets_known)
        return tuple(dict.fromkeys(secret.get_secret_value().encode() for secret in every))

    @model_validator(mode="after")
    def _a_secret_to_tell_under(self) -> Self:
        if self.opt_out_secrets_known and self.opt_out_secret is None:
            raise ValueError("opt_out_secrets_known needs opt_out_secret beside it, the one that is told under")
        return self

    @model_validator(mode="after")
    def _one_poll_each(self) -> Self:
        named = Counter(number for poll in self.polls for number in poll.constituencies)
        twice = [number for number, count in named.items() if count > 1]
        if twice:
            raise ValueError(f"constituency {twice[0]} votes on two days; name it in one of [[rules.polls]]")
        if sum(not poll.constituencies for poll in self.polls) > 1:
            raise ValueError("two polls are for all constituencies; name the constituencies of each")
        return self
