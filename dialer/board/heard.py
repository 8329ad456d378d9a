"""The centre as its messages on the broker tell of it (docs/topics.md), for a board on any machine. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from enum import StrEnum
from typing import Any, TypeVar

from dialer.domain.enums import CampaignKind
from dialer.domain.forecast import Forecast
from dialer.domain.model import BoothTurnout, CampaignProgress, CampaignState, Outcome
from dialer.domain.view import (
    Alert,
    AlertLevel,
    CallState,
    CampaignView,
    CentreView,
    Hold,
    HoldReason,
    SeatState,
    SeatView,
    TrunkState,
    TrunkView,
)
from dialer.mqtt.publisher import HEARTBEAT_SECONDS
from dialer.pacing.port import Limit

E = TypeVar("E", bound=StrEnum)
R = TypeVar("R", BoothTurnout, CampaignView, Forecast, TrunkView)

SILENT_SECONDS = HEARTBEAT_SECONDS + 5.0

Heard = Mapping[str, Mapping[str, Any]]
"""Messages by "centre", "alerts", "campaign/NAME", "seat/NAME", "booth/ID"."""


def heard_view(centre: str, heard: Heard, now: float) -> CentreView:
    """The centre at `now`, epoch seconds. Words of a newer dialler are left out; names of booths are on no broker."""
    state = heard.get("centre", {})
    known = state.get("campaigns", {}) if state.get("online") else None  # what is retained of others is of another day
    ahead = state.get("forecast", {})
    return CentreView(
        centre=centre,
        at=now,
        switch_up=bool(state.get("switch_up")),
        draining=bool(state.get("draining")),
        campaigns=tuple(
            _campaign(each) for each in _of(heard, "campaign/") if known is None or each["campaign"] in known
        ),
        seats=tuple(_seat(each, now) for each in _of(heard, "seat/")),
        trunks=tuple(
            _made(TrunkView, each, state=_word(TrunkState, each["state"], TrunkState.WORKING))
            for each in state.get("trunks", ())
        ),
        booths=tuple(_made(BoothTurnout, each, booth_id=each["booth"]) for each in _of(heard, "booth/")),
        marks=state.get("marks", {}),
        opt_outs=state.get("opt_outs", 0),
        alerts=tuple(
            Alert(each["code"], _word(AlertLevel, each["level"], AlertLevel.WARNING), each["text"], each["at"])
            for each in heard.get("alerts", {}).get("alerts", ())
        ),
        figures=state.get("figures", {}),
        forecast=_forecast(ahead) if ahead else None,
    )


def trouble(heard: Heard, now: float) -> str:
    """What is wrong with who tells us, in a few words; "": nothing is."""
    state = heard.get("centre")
    if state is None:
        return "no dialler was heard yet"
    if not state.get("online"):
        return "the dialler is away"
    silent = now - float(state["at"])
    return f"no word for {silent:.0f} s" if silent > SILENT_SECONDS else ""


def _of(heard: Heard, kind: str) -> list[Mapping[str, Any]]:
    return [heard[key] for key in sorted(heard) if key.startswith(kind)]


def _made(kind: type[R], given: Mapping[str, Any], /, **others: Any) -> R:
    """A record of what a message has under the record's own names, and of `others`."""
    return kind(**{**{each.name: given[each.name] for each in fields(kind) if each.name in given}, **others})


def _word(kind: type[E], text: str, other: E) -> E:
    return kind(text) if text in {each.value for each in kind} else other


def _counts(kind: type[E], given: Mapping[str, int]) -> dict[E, int]:
    return {each: given[each.value] for each in kind if each.value in given}


def _campaign(given: Mapping[str, Any]) -> CampaignView:
    limits = {each.value: each.words for each in Limit}
    held = given["held_because"]
    return _made(
        CampaignView,
        given,
        campaign_id=given["campaign"],
        kind=_word(CampaignKind, given["kind"], CampaignKind.AGENTS),
        state=_word(CampaignState, given["state"], CampaignState.RUNNING),
        calls=_counts(CallState, given["calls"]),
        outcomes=_counts(Outcome, given["outcomes"]),
        progress=CampaignProgress(given["numbers"], given["closed"], given["due"], given["attempts"]),
        placing=given["placing"] or 0,
        limited_by=given["limited_by"] or "",
        pacing_words=limits.get(given["limited_by"] or "", given["pacing"]),
        hold=None if held is None else Hold(HoldReason.RULES, held, given["held_until"]),
        speed=None,
        abandoned_target=None,
    )


def _seat(given: Mapping[str, Any], now: float) -> SeatView:
    since = given["at"] if given["since"] is None else given["since"]
    return SeatView(
        given["seat"],
        given["agent"],
        _word(SeatState, given["state"], SeatState.OFFLINE),
        max(0.0, now - since),
        given["campaign"],
        given["attempt"],
        given["utilisation"],
        given["calls"],
        given["reason"],
    )


def _forecast(given: Mapping[str, float]) -> Forecast:
    made = _made(Forecast, given)
    counts = {each.name: int(getattr(made, each.name)) for each in fields(Forecast) if each.name != "until"}
    return replace(made, **counts)
