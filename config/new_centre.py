"""A settings file for a centre that has none yet: what a few answers leave open is derived, what is secret is made."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from config.templates import templates_in
from config.unfinished import why_trivial

PIN_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Country:
    """What goes with a shipped profile of rules."""

    region: str
    time_zone: str | None  # None: it has several
    languages: str
    prefix: str
    denied: tuple[str, ...]  # series that cost the caller a premium


_NANP_PREMIUM: Final = ("+1900",)
COUNTRIES: Final = {
    "india": Country("IN", "Asia/Kolkata", "hi", "+91", ("+911900", "+911901")),
    "uk": Country("GB", "Europe/London", "en", "+44", ("+449",)),
    "us": Country("US", None, "en", "+1", _NANP_PREMIUM),
    "canada": Country("CA", None, "en", "+1", _NANP_PREMIUM),
}
"""By jurisdiction. Every other one asks for region, prefix and time zone."""


@dataclass(frozen=True, slots=True)
class NewSeat:
    """A seat, and an agent who may log in at it or at any other."""

    name: str
    agent: str  # the number that is keyed in
    pin_hash: str


def centre_text(answers: Mapping[str, Any]) -> str:
    """The settings as TOML, with secrets of 192 bits made; `answers`: what the template names, to be checked as settings are."""
    environment = templates_in(Path(__file__).parent)
    environment.filters["toml"] = _toml  # every text goes through it
    made = {name: secrets.token_urlsafe(24) for name in ("ami_secret", "broker_password", "desk_password")}
    organisation = " ".join(answers["organisation"].split())
    return environment.get_template("new_centre.toml.j2").render({**answers, **made, "organisation": organisation})


def new_pin() -> str:
    """A PIN by chance, none of the first that anybody would try."""
    while True:
        pin = f"{secrets.randbelow(10**PIN_DIGITS):0{PIN_DIGITS}}"
        if why_trivial(pin) is None:
            return pin


def _toml(value: str | Sequence[str]) -> str:
    """A text or a list of them: TOML's basic strings are JSON's, but for U+007F."""
    return json.dumps(value if isinstance(value, str) else list(value), ensure_ascii=False).replace("\x7f", "\\u007f")
