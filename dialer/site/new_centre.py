"""The settings file of a new centre, created from a few answers, the country's defaults and generated secrets."""

from __future__ import annotations

import json
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from dialer.deploy.templates import load_configuration_templates
from dialer.errors import SettingError
from dialer.settings.site import load_settings
from dialer.settings.site_rules import load_site_profile
from dialer.settings.unfinished import find_pin_weakness, refuse_placeholders_and_weak_secrets
from dialer.site.countries import COUNTRIES
from dialer.site.implausible import find_implausible_settings

PIN_DIGITS: Final = 6
MAX_SEATS: Final = 99
_SOUNDS = (Path("/usr/share/asterisk/sounds/en"), Path("/var/lib/asterisk/sounds/en"))
_PLACEHOLDER_HASH = (
    "$argon2id$v=19$m=65536,t=3,p=4$AAAA$AAAA"  # used until the answers are valid, because a real hash is slow
)

Answers = dict[str, Any]
"""The answers to the questions of `dialer init`, by option."""


@dataclass(frozen=True, slots=True)
class NewSeat:
    """A seat of a new centre, together with one agent. Agents may log in at any seat."""

    name: str
    agent: str  # the number that the agent enters
    pin_hash: str


def get_store_path_of_new_centre(data: Path) -> Path:
    """Return the path of the store of a new centre, in its folder `data`."""
    return data / "centre.db"


def make_settings_template_values(answers: Answers, data: Path) -> Answers:
    """Return the values that the settings template needs, from the answers of a user.

    Raises SettingError for an invalid number of seats or polling day.
    """
    country = COUNTRIES.get(answers["jurisdiction"])
    prefixes = _split_answer_at_commas(answers["prefix"])
    if not 1 <= answers["seats"] <= MAX_SEATS:
        raise SettingError(
            "", "seats.number", f"must be 1 to {MAX_SEATS}", "add further [[seats]] tables by hand later"
        )
    try:
        poll = date.fromisoformat(answers["poll"]) if answers["poll"] else None
    except ValueError as error:
        raise SettingError(
            "", "rules.polls", f"{answers['poll']!r} is not a date", "write a date such as 2029-05-06"
        ) from error
    return {
        **answers,
        "languages": _split_answer_at_commas(answers["languages"]) or ("",),
        "allowed_prefixes": prefixes,
        "denied_prefixes": country.denied if country is not None and prefixes == (country.prefix,) else (),
        "poll": poll,
        "caller_ids": _split_answer_at_commas(answers["caller_ids"]),
        "phones_from": _split_answer_at_commas(answers["phones_from"]),
        "data": str(data),
        "store": str(get_store_path_of_new_centre(data)),
        "sounds": str(next((path for path in _SOUNDS if path.is_dir()), _SOUNDS[0])),
        "seats": [
            NewSeat(f"{number:02}", f"{100 + number}", _PLACEHOLDER_HASH) for number in range(1, answers["seats"] + 1)
        ],
    }


def _split_answer_at_commas(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def refuse_unusable_settings_of_new_centre(centre: Answers) -> None:
    """Raise SettingError for a setting of a new centre that `dialer run` would refuse, or that is probably a mistake."""
    with tempfile.TemporaryDirectory(prefix="matdan-") as folder:
        trial = Path(folder) / "centre.toml"
        try:
            trial.write_text(render_centre_settings_file(centre), encoding="utf-8")
        except UnicodeEncodeError as error:
            raise SettingError("", "centre.organisation", "is not in UTF-8", "write it in UTF-8") from error
        settings = load_settings(trial)
    refuse_placeholders_and_weak_secrets(settings, trial)
    load_site_profile(settings)
    for problem in find_implausible_settings(settings):
        raise problem


def render_centre_settings_file(centre: Mapping[str, Any]) -> str:
    """Return the settings file of a new centre as TOML, with new secrets of 192 bits."""
    environment = load_configuration_templates()
    environment.filters["toml"] = _format_text_as_toml  # the template uses it for every string
    made = {name: secrets.token_urlsafe(24) for name in ("ami_secret", "broker_password", "desk_password")}
    organisation = " ".join(centre["organisation"].split())
    return environment.get_template("new_centre.toml.j2").render({**centre, **made, "organisation": organisation})


def create_agent_pin() -> str:
    """Return a new random PIN for an agent, which is not easily guessed."""
    while True:
        pin = f"{secrets.randbelow(10**PIN_DIGITS):0{PIN_DIGITS}}"
        if find_pin_weakness(pin) is None:
            return pin


def _format_text_as_toml(value: str | Sequence[str]) -> str:
    """Format a string or a list of strings as TOML.

    TOML's strings are those of JSON except for U+007F.
    """
    return json.dumps(value if isinstance(value, str) else list(value), ensure_ascii=False).replace("\x7f", "\\u007f")
