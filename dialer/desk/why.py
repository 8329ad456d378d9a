"""What a supervisor should know without looking for it. Pure.

Why is nothing dialled? One answer for each campaign, as a word that the pages have a sentence for, with its figures. And what is
about to go wrong, beside the alerts of the dialler, which come once it has.

It is made of what the dialler itself announces; `detail` is what it says in its own words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

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
    limit = campaign.get("limited_by")
    states = Counter(str(seat.get("state")) for seat in seats)
    figures = {
        "ready": states["ready"],
        "talking": states["talking"] + states["reserved"],
        "wrapup": states["wrap-up"],
        "paused": states["paused"],
        "due": campaign.get("due", 0),
        "refused": sum(campaign.get("refused", {}).values()),
    }
    return _answer("waiting" if limit is None else f"limit-{limit}", **figures)


def _held(campaign: Mapping[str, Any]) -> dict[str, Any]:
    until = campaign.get("held_until")
    found = _answer(campaign.get("held_by") or "held", until="none" if until is None else until)
    return {**found, "detail": str(campaign["held_because"])}


def _answer(code: str, **figures: float | str) -> dict[str, Any]:
    return {"code": code, "figures": figures, "detail": ""}


# What is about to go wrong.

LEAST_ANSWERS = 50  # of a window, before its share means anything
NEAR_SHARE = 0.8  # of a cap's hard stop
LOW_SHARE = 0.05  # of a list


def warnings(
    campaigns: Mapping[str, Mapping[str, Any]],
    abandoned: Mapping[str, Iterable[Mapping[str, float]]],
    seats: Iterable[Mapping[str, Any]],
) -> dict[str, str]:
    """What stands now: codes with their levels (`notice`, `warning`). `abandoned`: the windows of each campaign's caps."""
    found: dict[str, str] = {}
    for name, windows in abandoned.items():
        for window in windows:
            answers = window["answers"]
            if answers >= LEAST_ANSWERS and window["abandoned"] / answers >= NEAR_SHARE * window["stop"]:
                found[f"cap-near-{name}"] = "warning"
    for name, campaign in campaigns.items():
        numbers, due = campaign.get("numbers", 0), campaign.get("due", 0)
        if campaign.get("state") == "running" and 0 < due < LOW_SHARE * numbers:
            found[f"list-low-{name}"] = "notice"
    for seat in seats:
        if seat.get("state") == "lost":
            found[f"seat-lost-{seat.get('seat')}"] = "warning"
    return found
