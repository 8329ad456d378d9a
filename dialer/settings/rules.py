"""[rules]: the jurisdiction of a centre, its own stricter rules, polling days, and sign-offs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, SecretStr, StringConstraints

from dialer.settings.fields import Applied, LocalTime, Section, ZoneName

EARLIEST_DAY = date(2000, 1, 1)
LATEST_DAY = date(3000, 1, 1)


class Poll(Section):
    """[[rules.polls]] - a polling day and the area that votes on it, from the official notification."""

    day: date = Field(ge=EARLIEST_DAY, lt=LATEST_DAY, description="the polling day")
    closes_at: LocalTime | None = Field(None, description="close of poll; none: each booth's own, from the roll")
    constituencies: tuple[int, ...] = Field(
        (), description="constituencies that vote on this day; empty: all on the roll"
    )
    time_zone: ZoneName | None = Field(None, description="IANA time zone of the polling area; none: the centre's")


class SignOff(Section):
    """[[rules.sign_offs]] - an exception from a rule, for which a named person is responsible.

    The profile must allow it.
    """

    permits: Literal["recorded-turnout-in-silence"] = Field(
        description="recorded-turnout-in-silence: recorded turnout calls in the silence interval"
    )
    campaign: str = Field(description="campaign that the exception is for")
    by: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=80)] = Field(
        description="name of the responsible person"
    )
    day: date = Field(description="day of the signature")


class Rules(Section):
    """[rules] - the legal rules of the centre: its jurisdiction, polling days and own stricter values.

    No setting can loosen the profile.
    """

    applied: ClassVar[Applied] = Applied.RELOAD

    jurisdiction: str = Field("neutral", description="a shipped profile's name, or a .toml file of your own")
    stricter: dict[str, dict[str, Any]] = Field(
        {}, description="stricter values, by rule: `[rules.stricter.ring]` with `minimum_seconds = 35`"
    )
    holidays: tuple[date, ...] = Field((), description="public holidays, on which the profile's holiday hours apply")
    polls: tuple[Poll, ...] = Field((), description="polling days")
    sign_offs: tuple[SignOff, ...] = Field((), description="exceptions signed by a named person")
    opt_out_secret: Annotated[SecretStr | None, Applied.RESTART] = Field(
        None,
        min_length=20,
        description="secret of all centres, with which opt-outs are shared as keyed hashes; none: they are not shared",
    )
    accepted_opt_out_secrets: Annotated[tuple[Annotated[SecretStr, Field(min_length=20)], ...], Applied.RESTART] = (
        Field(
            (),
            description="old or next secrets that are also accepted while the secret is changed",
        )
    )

    def list_opt_out_secrets(self) -> tuple[bytes, ...]:
        """Return the secrets with which opted-out numbers are hashed for other centres, the current one first.

        The result is empty if opt-outs are not shared.
        """
        if self.opt_out_secret is None:
            return ()
        every = (self.opt_out_secret, *self.accepted_opt_out_secrets)
        return tuple(dict.fromkeys(secret.get_secret_value().encode() for secret in every))

    def _find_contradicting_settings(self) -> Iterator[str]:
        if self.accepted_opt_out_secrets and self.opt_out_secret is None:
            yield "accepted_opt_out_secrets needs opt_out_secret"
        named = Counter(number for poll in self.polls for number in poll.constituencies)
        twice = [number for number, count in named.items() if count > 1]
        if twice:
            yield f"constituency {twice[0]} must not have two polls; list it in only one of [[rules.polls]]"
        if sum(not poll.constituencies for poll in self.polls) > 1:
            yield "only one poll may be for all constituencies; list the constituencies of the others"
