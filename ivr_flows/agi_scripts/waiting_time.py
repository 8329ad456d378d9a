#!/usr/bin/env python3
"""A call to a web service: tells the voter how long the queue at the polling station is now.

An example of an AGI script (docs/how-to/agi-scripts.md). It needs `flows.script_network = true`. Copy it, and put next to it
`waiting_time.url` with the address of the service on one line. The service is asked for ADDRESS?part=NUMBER, the number of the
voter's part of the roll, and answers with JSON such as {"minutes": 25}.

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
SERVICE_SECONDS = 3.0  # the voter hears nothing for so long


def main() -> None:
    """Ask the service and say what it answers. A service that does not answer is no reason to hang up on the voter."""
    agi = AGI()
    part = agi.get_variable("MATDAN_FACT_booth_part")
    try:
        minutes = waiting_minutes(part)
    except (OSError, ValueError, KeyError):  # URLError and time-outs are OSErrors
        agi.stream_file("waiting/not-known")
        return
    agi.stream_file("waiting/the-queue-is")
    agi.say_number(minutes)
    agi.stream_file("waiting/minutes")
    agi.execute("SET VARIABLE", "MATDAN_ANSWER_waiting_minutes", minutes)


def waiting_minutes(part: str) -> int:
    """Return what the service says for a part. Raises OSError, ValueError or KeyError where it gives no number."""
    address = f"{SERVICE.read_text(encoding='utf-8').strip()}?{urlencode({'part': part})}"
    with urllib.request.urlopen(address, timeout=SERVICE_SECONDS) as reply:  # noqa: S310 - the address is the site's own
        return int(json.load(reply)["minutes"])


if __name__ == "__main__":
    main()
