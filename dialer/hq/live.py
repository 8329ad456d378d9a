"""What centres say of themselves about once a second, as headquarters' pages show it: the newest, with its time. Pure.

Nothing of it is kept: a centre that is not heard has what it said last, and the age of that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_SIGNED_IN = frozenset({"ready", "reserved", "talking", "wrap-up", "paused", "lost"})
_OF_ALERTS = {"code": 64, "level": 16, "text": 300}  # letters at most
MOST_BYTES = 65_536
MOST_CAMPAIGNS = 200
_LONGEST_LAG = 1e9  # seconds: a browser reads no JSON with NaN or Infinity in it, of any centre


@dataclass(slots=True)
class LiveCentre:
    """One centre's last words."""

    at: float = 0.0  # epoch seconds, by our clock
    state: Mapping[str, Any] = field(default_factory=dict)
    campaigns: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    alerts: list[Mapping[str, Any]] = field(default_factory=list)
    material: Mapping[str, Any] = field(default_factory=dict)
    lag_seconds: float | None = None  # of what other centres told, until it was kept here
    news_trouble: str = ""  # why what other centres told does not come

    def row(self) -> dict[str, Any]:
        """What the page shows of it. Raises nothing, whatever a centre said: what is none is left out."""
        seats = {str(name): count for name, count in _mapping(self.state.get("seats")).items() if _is_count(count)}
        campaigns = [
            each
            for each in self.campaigns.values()
            if each.get("state") != "stopped" or _progress(each).get("remaining")
        ]
        caps = [_mapping(each.get("abandoned_target")).get("maximum") for each in campaigns]
        return {
            "live_at": self.at or None,
            "online": bool(self.state.get("online")),
            "switch_up": bool(self.state.get("switch_up")),
            "signed_in": sum(count for state, count in seats.items() if state in _SIGNED_IN),
            "talking": seats.get("talking", 0),
            "calls": _count(self.state, "calls"),
            **{
                name: sum(_count(_progress(each), of_progress) for each in campaigns)
                for name, of_progress in (("numbers", "total"), ("closed", "completed"), ("due", "remaining"))
            },
            "cap": min((cap for cap in caps if isinstance(cap, float | int) and 0 < cap <= 1), default=None),
            "campaigns": {
                str(name)[:64]: str(state)[:16] for name, state in _mapping(self.state.get("campaigns")).items()
            },
            "alerts": [
                {name: str(each.get(name))[:most] for name, most in _OF_ALERTS.items()}
                for each in [*self._of_news(), *self.alerts[:20]]
            ],
            "running": _text(self.material, "running"),
            "wanted": _text(self.material, "wanted"),
            "material_trouble": _text(self.material, "trouble"),
            "lag_seconds": self.lag_seconds,
        }

    def _of_news(self) -> list[Mapping[str, Any]]:
        text = f"what other centres told does not come: {self.news_trouble}"
        return [{"code": "no-peer-updates", "level": "critical", "text": text}] if self.news_trouble else []


class LiveCentres:
    """All of them."""

    def __init__(self) -> None:
        self.centres: dict[str, LiveCentre] = {}

    def hear(self, subject: str, data: bytes, now: float) -> None:
        """Take in a message of `live.>`; one that is none of ours changes nothing. The server lets a centre speak for itself
        alone.
        """
        _, centre, kind, *rest = [*subject.split("."), ""]
        try:
            said = json.loads(data) if len(data) <= MOST_BYTES else None
        except (ValueError, RecursionError):
            return
        if not isinstance(said, dict):
            return
        of = self.centres.setdefault(centre, LiveCentre())
        match kind:
            case "state":
                of.state = said
            case "campaign" if rest[0] in of.campaigns or len(of.campaigns) < MOST_CAMPAIGNS:
                of.campaigns[rest[0]] = said
            case "alert":
                alerts = said.get("alerts")
                of.alerts = [each for each in alerts if isinstance(each, dict)] if isinstance(alerts, list) else []
            case "material":
                of.material = said
            case "peer-updates":
                if "trouble" in said:
                    of.news_trouble = _text(said, "trouble") or ""
                lag = said.get("lag_seconds", of.lag_seconds)
                of.lag_seconds = float(lag) if isinstance(lag, int | float) and abs(lag) < _LONGEST_LAG else None
            case _:
                return
        of.at = now


def _progress(campaign: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(campaign.get("progress"))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def _count(said: Mapping[str, Any], name: str) -> int:
    value = said.get(name)
    return value if isinstance(value, int) and _is_count(value) else 0


def _text(said: Mapping[str, Any], name: str) -> str | None:
    value = said.get(name)
    return value[:200] if isinstance(value, str) and value else None
