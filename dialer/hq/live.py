"""The live status that centres publish about once a second, for headquarters' pages. Without I/O.

Nothing is stored on disk. For a disconnected centre, the pages show the last status and its age.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dialer.domain.alerts import CLOCKS_APART_SECONDS, AlertKind, create_alert
from dialer.domain.schema import convert_record_to_json_values
from dialer.hq.page_records import LiveFields, ShownAlert

_SIGNED_IN = frozenset({"ready", "reserved", "talking", "wrap-up", "paused", "lost"})
_MAX_LETTERS_OF_ALERT = {"code": 64, "kind": 64, "level": 16, "text": 500}
_MAX_FIELDS_OF_ALERT = 16
_MAX_ALERTS = 20
MAX_BYTES = 65_536
MAX_CAMPAIGNS = 200
_MAX_TIME = 1e11  # epoch seconds
_MAX_NUMBER = 1e9  # excludes NaN and Infinity: with one of them a browser could not read the figures of any centre


@dataclass(slots=True)
class LiveCentre:
    """The last live status of a centre."""

    at: float = 0.0  # when it arrived (epoch seconds)
    state: Mapping[str, Any] = field(default_factory=dict)
    campaigns: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    alerts: list[Mapping[str, Any]] = field(default_factory=list)
    material: Mapping[str, Any] = field(default_factory=dict)
    opt_out_lag_seconds: float | None = None  # from an opt-out in another centre until it was stored here
    clock_ahead_seconds: float = 0.0
    server_problem: str = ""  # why headquarters' server does not store its results
    peer_update_problem: str = ""  # why no updates of other centres are imported

    def build_live_status_for_pages(self) -> LiveFields:
        """Return the centre's live status as the pages show it. Invalid values are left out. Never raises."""
        seats = {
            str(name): count
            for name, count in _get_mapping_or_empty(self.state.get("seats")).items()
            if _is_valid_count(count)
        }
        campaigns = [
            each
            for each in self.campaigns.values()
            if each.get("state") != "stopped" or _get_progress_of_campaign(each).get("remaining")
        ]
        limits = [_get_mapping_or_empty(each.get("abandoned_target")).get("maximum") for each in campaigns]
        return {
            "live_at": self.at or None,
            "online": bool(self.state.get("online")),
            "switch_up": bool(self.state.get("switch_up")),
            "signed_in": sum(count for state, count in seats.items() if state in _SIGNED_IN),
            "talking": seats.get("talking", 0),
            "calls": _get_count_or_zero(self.state, "calls"),
            "total": _sum_progress_of_campaigns(campaigns, "total"),
            "completed": _sum_progress_of_campaigns(campaigns, "completed"),
            "remaining": _sum_progress_of_campaigns(campaigns, "remaining"),
            "abandoned_limit": min(
                (limit for limit in limits if isinstance(limit, float | int) and 0 < limit <= 1), default=None
            ),
            "campaigns": {
                str(name)[:64]: str(state)[:16]
                for name, state in _get_mapping_or_empty(self.state.get("campaigns")).items()
            },
            "alerts": [
                _shorten_texts_of_alert(each)
                for each in [*self._create_headquarters_alerts(), *self.alerts[:_MAX_ALERTS]]
            ],
            "material": _get_short_text_or_none(self.material, "active"),
            "assigned_material": _get_short_text_or_none(self.material, "assigned"),
            "material_problem": _get_short_text_or_none(self.material, "problem"),
            "opt_out_lag_seconds": self.opt_out_lag_seconds,
        }

    def _create_headquarters_alerts(self) -> list[Mapping[str, Any]]:
        """Return the alerts that headquarters itself raises about the centre."""
        alerts = []
        if problem := self.peer_update_problem:
            alerts.append(create_alert(AlertKind.NO_PEER_UPDATES, self.at, problem=problem))
        if problem := self.server_problem:
            alerts.append(create_alert(AlertKind.HEADQUARTERS_FULL, self.at, problem=problem))
        if (seconds := abs(self.clock_ahead_seconds)) > CLOCKS_APART_SECONDS:
            alerts.append(create_alert(AlertKind.HEADQUARTERS_CLOCK, self.at, seconds=round(seconds)))
        return [convert_record_to_json_values(each) for each in alerts]


class LiveCentres:
    """The last live status of each centre."""

    def __init__(self) -> None:
        self.centres: dict[str, LiveCentre] = {}

    def store_centre_status(self, subject: str, data: bytes, now: float) -> None:
        """Store in memory the live status that a centre has sent. An invalid message is ignored.

        The server allows each centre to publish its own status only.
        """
        _, name, kind, *rest = [*subject.split("."), ""]
        try:
            fields = json.loads(data) if len(data) <= MAX_BYTES else None
        except (ValueError, RecursionError):
            return
        if not isinstance(fields, dict):
            return
        centre = self.centres.setdefault(name, LiveCentre())
        match kind:
            case "state":
                centre.state = fields
            case "campaign" if rest[0] in centre.campaigns or len(centre.campaigns) < MAX_CAMPAIGNS:
                centre.campaigns[rest[0]] = fields
            case "alert":
                alerts = fields.get("alerts")
                centre.alerts = [each for each in alerts if isinstance(each, dict)] if isinstance(alerts, list) else []
            case "material":
                centre.material = fields
            case "store":
                at = fields.get("at")
                centre.server_problem = _get_short_text_or_none(fields, "server_problem") or ""
                centre.clock_ahead_seconds = at - now if isinstance(at, int | float) and abs(at) < _MAX_TIME else 0.0
            case "peer-updates":
                if "problem" in fields:
                    centre.peer_update_problem = _get_short_text_or_none(fields, "problem") or ""
                lag = fields.get("opt_out_lag_seconds", centre.opt_out_lag_seconds)
                if isinstance(lag, int | float) and abs(lag) < _MAX_NUMBER:
                    centre.opt_out_lag_seconds = float(lag)
                else:
                    centre.opt_out_lag_seconds = None
            case _:
                return
        centre.at = now


def _shorten_texts_of_alert(alert: Mapping[str, Any]) -> ShownAlert:
    """Return an alert for the pages, with every text shortened to the allowed length."""
    fields = [*_get_mapping_or_empty(alert.get("fields")).items()][:_MAX_FIELDS_OF_ALERT]
    shown = {name[:32]: value if _is_valid_number(value) else str(value)[:300] for name, value in fields}
    texts = {name: str(alert.get(name))[:letters] for name, letters in _MAX_LETTERS_OF_ALERT.items()}
    return {
        "code": texts["code"],
        "kind": texts["kind"],
        "level": texts["level"],
        "text": texts["text"],
        "fields": shown,
    }


def _sum_progress_of_campaigns(campaigns: Iterable[Mapping[str, Any]], name: str) -> int:
    return sum(_get_count_or_zero(_get_progress_of_campaign(each), name) for each in campaigns)


def _get_progress_of_campaign(campaign: Mapping[str, Any]) -> Mapping[str, Any]:
    return _get_mapping_or_empty(campaign.get("progress"))


def _get_mapping_or_empty(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_valid_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def _is_valid_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _MAX_NUMBER


def _get_count_or_zero(fields: Mapping[str, Any], name: str) -> int:
    value = fields.get(name)
    return value if isinstance(value, int) and _is_valid_count(value) else 0


def _get_short_text_or_none(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return value[:200] if isinstance(value, str) and value else None
