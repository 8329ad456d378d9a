"""The scenarios that pacing is judged on: plain data, one record each.

`SCENARIOS` holds every row of the design's tables and every trouble that a centre meets. A scenario of one's own is a
`Scenario` with other figures, or `replace` of one from here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from dialer.simulation.laws import (
    BreakLaw,
    Course,
    GammaRings,
    RingSource,
    SignalLaw,
    SwappedLists,
    TalkLaw,
    TalkTimes,
)


@dataclass(frozen=True, slots=True)
class CampaignModel:
    """What one campaign's voters are like."""

    answer_rate: Course | SwappedLists = field(default_factory=lambda: Course.constant(0.30))
    talk: TalkTimes = field(default_factory=lambda: TalkLaw(Course.constant(90.0)))


@dataclass(frozen=True, slots=True)
class FalseAnswers:
    """A carrier that, between two moments, answers everything at once and hangs up."""

    from_seconds: float
    to_seconds: float
    answer_seconds: float = 0.3
    talk_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """A centre and its day."""

    name: str
    seats: Course  # seats signed in; a step is a burst
    campaigns: tuple[CampaignModel, ...] = (CampaignModel(),)
    hours: float = 8.0
    first_hour: int = 9  # of day
    ring: RingSource = field(default_factory=GammaRings)
    wrap_up_mean_seconds: float = 15.0
    wrap_up_cv: float = 0.5
    connect_seconds: float = 2.0  # an answered voter without a seat for so long is abandoned
    voter_leaves_per_second: float = 0.0  # hazard of a waiting voter to hang up by himself
    signals: SignalLaw | None = None  # None: the desk tells no stage
    breaks: BreakLaw | None = None
    announced_leave_share: float = 0.7  # of the busy seats that a shift's end takes away
    channels: int = 1_000_000
    calls_per_second: float | None = None  # call starts that the carrier allows; None: any number
    slow_after_calls: int | None = None  # more calls than this in set-up slow the carrier
    slow_seconds_per_call: float = 0.5  # set-up time that each further one adds
    false_answers: FalseAnswers | None = None
    minimum_ring_seconds: float = 15.0  # a ringing call is not hung up sooner
    decision_interval_seconds: float = 0.0  # the engine gathers events for so long; 0: decides at each

    def seats_at_start(self) -> int:
        """Seats signed in at the day's start."""
        return round(self.seats.at(0.0))


def _plain(name: str, size: int, answer_rate: float = 0.30, /, **changes: Any) -> Scenario:
    campaign = CampaignModel(Course.constant(answer_rate))
    interval = 0.0 if size <= 50 else (0.1 if size <= 150 else 0.25)
    scenario = Scenario(name, Course.constant(size), (campaign,), decision_interval_seconds=interval)
    return replace(scenario, **changes)


def _rate(course: Course | SwappedLists, talk: TalkLaw | None = None) -> tuple[CampaignModel, ...]:
    return (CampaignModel(course, talk or TalkLaw(Course.constant(90.0))),)


_STEPS = Course(((0.0, 0.30), (5400.0, 0.18), (10800.0, 0.42), (16200.0, 0.15), (21600.0, 0.35), (25200.0, 0.22)))
_FLIPS = Course(tuple((600.0 * n, 0.40 if n % 2 else 0.20) for n in range(48)))
_DRIFT = Course(((0.0, 0.15), (7200.0, 0.45), (14400.0, 0.20), (21600.0, 0.40), (28800.0, 0.15)), joined=True)
_BY_HOUR = Course(tuple((3600.0 * n, rate) for n, rate in enumerate((0.16, 0.20, 0.26, 0.33, 0.28, 0.22, 0.30, 0.41))))
_TALK_DRIFT = TalkLaw(Course(((0.0, 60.0), (9600.0, 130.0), (19200.0, 70.0), (28800.0, 120.0)), joined=True))
_BIMODAL = TalkLaw(Course.constant(90.0), cv=0.4, shape="bimodal")
_SWAPPED = SwappedLists(1200.0, 0.12, 0.48)


def _shifts(full: int) -> Course:
    """A shift that comes and goes in bursts: half, full, two thirds, full again, half."""
    half, two_thirds = full // 2, (2 * full) // 3
    return Course(((0.0, half), (3600.0, full), (12600.0, two_thirds), (16200.0, full), (25200.0, half)))


def _mixed(name: str, seats: int) -> Scenario:
    talk = TalkLaw(_TALK_DRIFT.mean, cv=0.8)
    return _plain(name, seats, campaigns=_rate(_SWAPPED, talk), breaks=BreakLaw(), seats=_shifts(seats),
                  voter_leaves_per_second=0.05)  # fmt: skip


def _all() -> tuple[Scenario, ...]:
    sizes = [_plain(f"{seats} seats", seats) for seats in (3, 5, 10, 27, 100, 300)]
    rates = [_plain(f"27 seats, p {p:.2f}", 27, p) for p in (0.15, 0.20, 0.40, 0.50)]
    others = [_plain(f"{n} seats, p {p:.2f}", n, p) for n in (5, 10, 100) for p in (0.15, 0.50)]
    moving = [
        _plain("steps 27", 27, campaigns=_rate(_STEPS)),
        _plain("steps 100", 100, campaigns=_rate(_STEPS)),
        _plain("flips 27", 27, campaigns=_rate(_FLIPS)),
        _plain("drift 27", 27, campaigns=_rate(_DRIFT)),
        _plain("by hour 27", 27, campaigns=_rate(_BY_HOUR)),
        _plain("list swapped 27", 27, campaigns=_rate(_SWAPPED)),
        _plain("list swapped 10", 10, campaigns=_rate(_SWAPPED)),
        _plain("shifts 27", 27, seats=_shifts(27)),
        _plain("shifts 100", 100, seats=_shifts(100)),
        _plain("talk drifts 27", 27, campaigns=_rate(Course.constant(0.30), _TALK_DRIFT)),
        _plain("breaks 27", 27, breaks=BreakLaw()),
        _plain("bimodal 27", 27, campaigns=_rate(Course.constant(0.30), _BIMODAL)),
        _plain("gamma 27", 27, campaigns=_rate(Course.constant(0.30), TalkLaw(Course.constant(90.0), shape="gamma"))),
        _plain("stages known 27", 27, signals=SignalLaw()),
        _mixed("mixed 27", 27),
        _mixed("mixed 100", 100),
    ]
    lines = [
        _plain("trunk full 27", 27, channels=60),
        _plain("cps limit 27", 27, calls_per_second=0.75),
        _plain("slow carrier 27", 27, slow_after_calls=6),
        _plain("false answers 27", 27, false_answers=FalseAnswers(10800.0, 11400.0)),
        _plain("waiting voters leave 27", 27, voter_leaves_per_second=0.1),
        _plain("two campaigns 27", 27, campaigns=_rate(Course.constant(0.20)) + _rate(Course.constant(0.40))),
    ]
    return (*sizes, *rates, *others, *moving, *lines)


SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in _all()}
"""Every scenario by its name. The names without a rate mean 30 % answers."""
