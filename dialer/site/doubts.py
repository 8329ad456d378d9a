"""What settings say that hardly anybody means: `dialer check` notes it, and `dialer init` writes no new centre with it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dialer.errors import SettingError
from dialer.roll.columns import LANGUAGES
from dialer.settings.site import Settings

_WHOLE_NUMBER = re.compile(r"\+[1-9][0-9]{7,14}")  # E.164


def doubts(settings: Settings) -> Iterator[SettingError]:
    """Caller IDs that are no whole numbers, and languages that no roll has, so that nobody is ever called in them."""
    for trunk in settings.trunks:
        short = [each for each in trunk.caller_ids if not _WHOLE_NUMBER.fullmatch(each)]
        if short:
            remedy = "write each with its country code, such as +911140000001"
            yield SettingError("settings", f"trunks.{trunk.name}.caller_ids", f"{short[0]} is no whole number", remedy)
    spoken: dict[str, tuple[str, ...]] = {"centre.language": (settings.centre.language,)}
    spoken |= {f"seats.{seat.name}.languages": seat.languages for seat in settings.seats}
    spoken |= {f"agents.{agent.number}.languages": agent.languages for agent in settings.agents}
    for key, languages in spoken.items():
        unknown = sorted({*languages} - LANGUAGES.keys())
        if unknown:
            problem = f"{unknown[0]!r} is no language that a roll has, so nobody is called in it"
            yield SettingError("settings", key, problem, f"known: {', '.join(LANGUAGES)}")
