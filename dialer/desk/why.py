"""Why is nothing dialled? One answer for each campaign, as a word that the pages have a sentence for, with its figures. Pure.

It is made of what the dialler itself announces; `detail` is what it says in its own words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

_UNTIL = re.compile(r" until (\d\d:\d\d)")
_PACED = re.compile(r"(?P<calls>\d+) calls, limited by (?P<limit>[a-z-]+)")
_UNDER_WAY = ("sending", "dialling", "ringing")


def why(
    centre: Mapping[str, Any] | None, campaign: Mapping[str, Any], seats: Iterable[Mapping[str, Any]], *, heard: bool
) -> dict[str, Any]:
    """`{"code", "figures", "detail"}` for one campaign, from the payloads of docs/topics.md; `heard`: the broker is there.

    "dialling" says that it is not so: calls are on their way.
    """
    if not heard:
        return _answer("unheard-broker")
    if centre is None or not centre.get("online"):
        return _answer("dialler-away")
    if campaign.get("held_because") is not None:
        return _held(campaign)
    calls = campaign.get("calls", {})
    under_way = sum(calls.get(state, 0) for state in _UNDER_WAY)
    if under_way:
        return _answer("dialling", calls=under_way)
    if not campaign.get("due"):
        return _answer("nothing-due", numbers=campaign.get("numbers", 0), closed=campaign.get("closed", 0))
    paced = _PACED.match(campaign.get("pacing", ""))
    states = Counter(str(seat.get("state")) for seat in seats)
    figures = {
        "ready": states["ready"],
        "talking": states["talking"] + states["reserved"],
        "wrapup": states["wrap-up"],
        "paused": states["paused"],
        "due": campaign.get("due", 0),
        "refused": sum(campaign.get("refused", {}).values()),
    }
    return _answer("waiting" if paced is None else f"limit-{paced['limit']}", **figures)


def _held(campaign: Mapping[str, Any]) -> dict[str, Any]:
    text = str(campaign["held_because"])
    until = _UNTIL.search(text)
    found = _answer(campaign.get("held_by") or "held", until=until[1] if until else "none")
    return {**found, "detail": text}


def _answer(code: str, **figures: int | str) -> dict[str, Any]:
    return {"code": code, "figures": figures, "detail": ""}
