"""What is rehearsed: the day's hours, the load, the faults; and the site's settings turned to simulated lines. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

from config.errors import MatdanError
from config.lines import Carrier
from config.settings import Settings

REHEARSAL_LOGIN = "dialler"
"""User and secret of the simulated Asterisk: with the site's own, a rehearsal could reach the site's own lines."""


class CannotRehearse(MatdanError):
    """The settings leave nothing to rehearse. The text says what is missing."""


class FaultKind(StrEnum):
    """What goes wrong on a rehearsed day."""

    LINK_CUT = "the manager link is cut"
    LINK_STALLED = "the manager link hangs for 20 s"
    TRUNK_DOWN = "a trunk is dead for five minutes"
    SWITCH_RESTARTED = "Asterisk restarts"
    PHONES_LOST = "a third of the phones are lost for two minutes"
    FLOWS_CUT = "calls in flows lose their server"
    SLOW_CARRIER = "the carrier takes 6 s longer for ten minutes"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong, `at_seconds` after the day's beginning."""

    kind: FaultKind
    at_seconds: float


@dataclass(frozen=True, slots=True)
class RehearsedDay:
    """One run of the day."""

    name: str
    starts_at: float  # epoch seconds
    ends_at: float
    load: int  # 1: the site as it is; 2: twice the seats, channels and call starts
    faults: tuple[Fault, ...] = ()
    seed: int = 1

    @property
    def seconds(self) -> float:
        """How long the day is."""
        return self.ends_at - self.starts_at


def days_of(
    settings: Settings, today: date, *, faults: bool, hours: float | None, seed: int
) -> tuple[RehearsedDay, ...]:
    """The runs: the day at the site's load and at twice it, and at that again with faults.

    The day is that of the first poll in the settings, else today; from the first campaign's opening hour to the last one's
    end, or `hours` of it.
    """
    if not settings.campaigns:
        raise CannotRehearse("the settings have no campaign to rehearse; add a [[campaigns]] table")
    if not any(trunk.carrier is Carrier.ASTERISK for trunk in settings.trunks):
        raise CannotRehearse("the settings have no trunk of Asterisk's to rehearse on; add a [[trunks]] table")
    day = min((poll.day for poll in settings.rules.polls), default=today)
    stretches = [stretch for campaign in settings.campaigns for stretch in campaign.hours]
    zone = ZoneInfo(settings.centre.time_zone)
    start = _moment(day, min(stretch.start for stretch in stretches), zone)
    end = _moment(day, max(stretch.until for stretch in stretches), zone)
    if hours is not None:
        end = min(end, start + hours * 3600.0)
    plain = [
        RehearsedDay("the site's load", start, end, 1, seed=seed),
        RehearsedDay("twice the load", start, end, 2, seed=seed),
    ]
    if faults:
        plain.append(RehearsedDay("twice the load, with faults", start, end, 2, tuple(_faults(end - start)), seed))
    return tuple(plain)


def _faults(seconds: float) -> Iterator[Fault]:
    """Every kind once, spread over the day with room to recover in between."""
    kinds = list(FaultKind)
    for place, kind in enumerate(kinds, 1):
        yield Fault(kind, seconds * place / (len(kinds) + 2))  # the last one too has time to pass


def _moment(day: date, local: time, zone: ZoneInfo) -> float:
    return datetime.combine(day, local, zone).timestamp()


def rehearsal_settings(settings: Settings, day: RehearsedDay, store: Path, ami_port: int) -> Settings:
    """The site's settings with its lines replaced: the simulated Asterisk, a copy of the store, no broker, no Twilio.

    At a load above 1 the seats come several times, and trunks and campaigns carry so much more.
    """
    kept = settings.model_dump()
    trunks = [
        {
            **trunk.model_dump(),
            "channels": min(10_000, trunk.channels * day.load),
            "calls_per_second": min(1000.0, trunk.calls_per_second * day.load),
        }
        for trunk in settings.trunks
        if trunk.carrier is Carrier.ASTERISK
    ]
    names = {trunk["name"] for trunk in trunks}
    campaigns = [
        {
            **campaign.model_dump(),
            "trunks": [name for name in campaign.trunks if name in names],
            "channels": None if campaign.channels is None else campaign.channels * day.load,
        }
        for campaign in settings.campaigns
    ]
    changed = {
        **kept,
        "store": {**settings.store.model_dump(), "path": store, "reserve_megabytes": 0},
        "ami": {
            **kept["ami"],
            "host": "127.0.0.1",
            "port": ami_port,
            "username": REHEARSAL_LOGIN,
            "secret": REHEARSAL_LOGIN,
        },
        "fastagi": {**kept["fastagi"], "host": "127.0.0.1", "port": 0},
        "broker": {"enabled": False},
        "twilio": {"enabled": False},
        "audio": {**kept["audio"], "catalogue": None},
        "trunks": trunks,
        "seats": [_seat(seat.name, copy) for copy in range(day.load) for seat in settings.seats],
        "agents": [],  # simulated agents have no PIN
        "campaigns": campaigns,
    }
    return Settings.model_validate(changed)


def _seat(name: str, copy: int) -> dict[str, object]:
    label = name if copy == 0 else f"{name}-{copy + 1}"[-20:]
    return {"name": label, "endpoint": f"rehearsed-{label}"}
