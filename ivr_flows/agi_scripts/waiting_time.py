#!/usr/bin/env python3
"""A query of a web service: announces the present waiting time at the voter's polling station.

This is an example of an AGI script (docs/how-to/agi-scripts.md). It needs `flows.script_network = true`. Copy it, and put the
file `waiting_time.url` with the URL of the service next to it. The script requests URL?part=NUMBER, with the number of
the voter's part of the roll, and expects JSON such as {"minutes": 25}.

The script also needs the sounds waiting/the-queue-is ("The queue at your polling station is now some"), waiting/minutes
("minutes.") and waiting/not-known, and Asterisk's own sounds for numbers.
"""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

from asterisk.agi import AGI

SERVICE = Path(__file__).with_suffix(".url")
SERVICE_SECONDS = 3.0  # timeout of the request, during which the voter hears nothing


def main() -> None:
    """Announce the waiting time. If the service does not answer, announce that the waiting time is not known."""
    agi = AGI()
    part = agi.get_variable("MATDAN_FACT_booth_part")
    try:
        minutes = fetch_waiting_minutes(part)
    except (OSError, ValueError, KeyError):  # URLError and time-outs are OSErrors
        agi.stream_file("waiting/not-known")
        return
    agi.stream_file("waiting/the-queue-is")
    agi.say_number(minutes)
    agi.stream_file("waiting/minutes")
    agi.execute("SET VARIABLE", "MATDAN_ANSWER_waiting_minutes", minutes)


def fetch_waiting_minutes(part: str) -> int:
    """Return the waiting time (minutes) at the polling station of a part of the electoral roll. Raises OSError,
    ValueError or KeyError if the service has none.
    """
    address = f"{SERVICE.read_text(encoding='utf-8').strip()}?{urlencode({'part': part})}"
    with urllib.request.urlopen(address, timeout=SERVICE_SECONDS) as reply:  # noqa: S310 - the address is the site's own
        return int(json.load(reply)["minutes"])


if __name__ == "__main__":
    main()
