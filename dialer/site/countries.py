"""The countries that `dialer init` knows, and its default answers for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Country:
    """The default answers of `dialer init` for a country for which Matdan has a profile of legal rules."""

    region: str
    time_zone: str | None  # None if the country has several
    languages: str
    prefix: str
    denied: tuple[str, ...]  # prefixes of premium numbers


_NANP_PREMIUM: Final = ("+1900",)
COUNTRIES: Final = {
    "india": Country("IN", "Asia/Kolkata", "hi", "+91", ("+911900", "+911901")),
    "uk": Country("GB", "Europe/London", "en", "+44", ("+449",)),
    "us": Country("US", None, "en", "+1", _NANP_PREMIUM),
    "canada": Country("CA", None, "en", "+1", _NANP_PREMIUM),
}
"""Country defaults by jurisdiction. For other jurisdictions region, prefix and time zone must be given."""
