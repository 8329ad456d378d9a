"""Settings that are valid but probably a mistake: `dialer check` warns of them, `dialer init` refuses them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dialer.errors import SettingError
from dialer.roll.languages import LANGUAGES
from dialer.settings.site import Settings

_E164 = re.compile(r"\+[1-9][0-9]{7,14}")


def find_implausible_settings(settings: Settings) -> Iterator[SettingError]:
    """Yield an error for each caller ID that is not in E.164 format, and each language that no electoral roll uses."""
    for trunk in settings.trunks:
        wrong = [each for each in trunk.caller_ids if not _E164.fullmatch(each)]
        if wrong:
            key, problem = f"trunks.{trunk.name}.caller_ids", f"{wrong[0]} is not in E.164 format"
            yield SettingError("settings", key, problem, "write +<country code>..., such as +911140000001")
    languages_by_key: dict[str, tuple[str, ...]] = {"centre.language": (settings.centre.language,)}
    languages_by_key |= {f"seats.{seat.name}.languages": seat.languages for seat in settings.seats}
    languages_by_key |= {f"agents.{agent.number}.languages": agent.languages for agent in settings.agents}
    for key, languages in languages_by_key.items():
        unknown = sorted({*languages} - LANGUAGES.keys())
        if unknown:
            problem = f"{unknown[0]!r} is not the code of a language on electoral rolls"
            yield SettingError("settings", key, problem, f"use one of {', '.join(LANGUAGES)}")
