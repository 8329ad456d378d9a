"""The notation in which a carrier expects phone numbers: with or without + or country code, with a prefix or suffix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import phonenumbers

from dialer.settings.site import Settings
from dialer.settings.trunks import NumberFormat


@dataclass(frozen=True, slots=True)
class NumberNotation:
    """A carrier's notation of called numbers and caller IDs."""

    number_format: NumberFormat = NumberFormat.E164
    number_prefix: str = ""
    number_suffix: str = ""
    caller_id_format: NumberFormat = NumberFormat.E164
    country_code: str = ""  # such as "+91"; numbers of other countries are not written nationally

    def format_called_number(self, number: str) -> str:
        """Return an E.164 number as the carrier wants it in the request URI of a call.

        In the national format, prefix and suffix are added only to numbers of the centre's own country.
        """
        if self.number_format is NumberFormat.NATIONAL and not self._is_national_number(number):
            return number
        return f"{self.number_prefix}{self._format_number_for_carrier(number, self.number_format)}{self.number_suffix}"

    def format_caller_id(self, number: str) -> str:
        """Return an E.164 number as the carrier wants it as caller ID."""
        return self._format_number_for_carrier(number, self.caller_id_format)

    def _format_number_for_carrier(self, number: str, form: NumberFormat) -> str:
        if form is NumberFormat.NATIONAL and self._is_national_number(number):
            return number.removeprefix(self.country_code)
        return number.removeprefix("+") if form is NumberFormat.E164_WITHOUT_PLUS else number

    def _is_national_number(self, number: str) -> bool:
        return bool(self.country_code) and number.startswith(self.country_code)


def get_number_formats_of_trunks(settings: Settings) -> Mapping[str, NumberNotation]:
    """Return the number notation of each trunk, by its endpoint. National numbers are those of the centre's region."""
    code = f"+{phonenumbers.country_code_for_region(settings.centre.region)}"
    return {
        trunk.endpoint: NumberNotation(
            trunk.number_format, trunk.number_prefix, trunk.number_suffix, trunk.caller_id_format, code
        )
        for trunk in settings.trunks
    }
