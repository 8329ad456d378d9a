"""A settings file for a centre that has none yet: what a few answers leave open is derived, what is secret is made."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Final

from config.templates import templates_in
from config.unfinished import why_trivial

PIN_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Country:
    """What goes with a shipped profile of rules."""

    region: str
    time_zone: str | None  # None: it has several
    language: str
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


@dataclass(frozen=True, slots=True)
class NewCentre:
    """The answers. Nothing is checked here: what is made of them is read as any settings file."""

    id: str
    organisation: str
    jurisdiction: str
    region: str
    time_zone: str
    languages: Sequence[str]  # the first: where neither voter nor booth has one
    allowed_prefixes: Sequence[str]
    denied_prefixes: Sequence[str]
    poll: date | None
    trunk_host: str
    trunk_user: str  # "": the carrier knows us by our address
    trunk_password: str
    channels: int
    calls_per_second: float
    caller_ids: Sequence[str]
    phones_from: Sequence[str]
    broker_host: str
    supervisor: str
    data: str  # folder of the store, recordings and the catalogue
    sounds: str  # Asterisk's own, of its default language
    seats: Sequence[NewSeat]


def centre_text(centre: NewCentre) -> str:
    """The settings as TOML, with secrets of 192 bits made for Asterisk's manager, the broker and the desk."""
    environment = templates_in(Path(__file__).parent)
    environment.filters["toml"] = _toml  # every text goes through it
    made = {name: secrets.token_urlsafe(24) for name in ("ami_secret", "broker_password", "desk_password")}
    template = environment.get_template("new_centre.toml.j2")
    return template.render({**asdict(centre), **made, "organisation": " ".join(centre.organisation.split())})


def new_pin() -> str:
    """A PIN by chance, none of the first that anybody would try."""
    while True:
        pin = f"{secrets.randbelow(10**PIN_DIGITS):0{PIN_DIGITS}}"
        if why_trivial(pin) is None:
            return pin


def _toml(value: str | Sequence[str]) -> str:
    """A text or a list of them: TOML's basic strings are JSON's, but for U+007F."""
    return json.dumps(value if isinstance(value, str) else list(value), ensure_ascii=False).replace("\x7f", "\\u007f")
