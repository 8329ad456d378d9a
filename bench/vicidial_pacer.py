"""VICIdial's outbound pacing, re-implemented from a reading of AST_VDadapt.pl and AST_VDauto_dial.pl (svn 3884, 2024).

Two loops on timers share one number, the dial level. The adapter samples the agents once a second, sets the level every
15 samples and counts drops every 60. The placer runs every 2.5 s plus the time its own calls took. Neither uses answer
rate, ring time, talk time or wrap-up time. One difference to the original: a caller counts as abandoned after the
scenario's connect limit (2 s) instead of about 5.7 s, so that every policy is measured by the same rule.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from dialer.centre_model.schedule import SelfTimedPacer
from dialer.pacing.port import PacingEvent, PacingEventKind, PacingSnapshot, SeatStage

SAMPLE_SECONDS = 1.0
LEVEL_SAMPLES = 15
DROP_SAMPLES = 60
PLACE_SECONDS = 2.5


class DialMethod(StrEnum):
    """The dial_method values of VICIdial that place calls automatically."""

    RATIO = "ratio"
    HARD_LIMIT = "hard-limit"
    AVERAGE = "average"
    TAPERED = "tapered"


@dataclass(frozen=True, slots=True)
class VicidialSettings:
    """The campaign settings that affect pacing, with VICIdial's defaults."""

    method: DialMethod = DialMethod.HARD_LIMIT
    level: float = 1.0  # auto_dial_level: RATIO's constant, the others' first value
    available_only: bool = False  # available_only_ratio_tally
    dropped_percentage: float = 3.0
    maximum_level: float = 3.0
    intensity: float = 0.0
    difference_target: float = 0.0
    first_hour: int = 9  # hour of day at which the snapshots' clock begins
    latest_server_time: int = 2100  # HHMM
    calls_per_second: float = 5.0


@dataclass(frozen=True, slots=True)
class DropFigures:
    """The adapter's drop statistics (percentages, 0-100)."""

    calls_last_minute: int = 0
    drops_last_minute_percentage: float = 0.0  # of all calls
    calls_today: int = 0
    drops_today_percentage: float = 0.0  # of human answers, drops among them


def next_level(
    level: float, ready: float, waiting: float, total: float, settings: VicidialSettings, drops: DropFigures, hhmm: int
) -> float:
    """Return the new dial level from the means of the last samples: agents ready, calls waiting, agents in any state."""
    target = ready - waiting + settings.difference_target
    percentage = 100.0 * target / total if target and total else 0.0
    gain = settings.intensity / 100.0
    adjustment = percentage * abs(gain - 1.0) if percentage < 0.0 else percentage * (gain + 1.0)
    new = max(1.0, min(round(level * (1.0 + adjustment / 100.0), 3), settings.maximum_level))
    if drops.calls_last_minute > 20 and drops.drops_last_minute_percentage > 50.0:
        new /= 2.0
    if drops.calls_today > 50 and drops.drops_today_percentage > settings.dropped_percentage:
        if settings.method is DialMethod.HARD_LIMIT:
            new = 1.0
        elif settings.method is DialMethod.AVERAGE:
            new /= 2.0
        elif settings.method is DialMethod.TAPERED:
            left = settings.latest_server_time - hhmm  # a difference of HHMM numbers, as in the original
            new = 1.0 if left < 0 else new * min(1.0, left / 1000.0)
    return float(str(max(1.0, new))[:6])  # the column holds six characters


def calls_to_make(level: float, free: int, talking: int, ringing: int, waiting: int, settings: VicidialSettings) -> int:
    """Return the calls that one run of the placer places; negative if too many are in flight. Wrap-up seats do not count."""
    agents = free if settings.available_only else free + talking
    goal = level * agents + (talking if settings.available_only else 0)
    return round(goal) - (ringing + waiting + talking)


class VicidialPacer(SelfTimedPacer):
    """VICIdial's adapter and placer. One call is placed every 1 / calls_per_second seconds, as by the placer."""

    def __init__(self, settings: VicidialSettings) -> None:
        super().__init__()
        self._settings = settings
        self.level = settings.level
        """The current dial level."""
        self._samples: deque[tuple[int, int, int]] = deque(maxlen=LEVEL_SAMPLES)
        self._loops = 0
        self._next_sample: float | None = None
        self._next_place = 0.0
        self._pending = 0
        self._rows: deque[float] = deque()  # times of the calls logged in the last minute
        self._minute_drops: deque[float] = deque()
        self._calls_today = 0
        self._answers_today = 0
        self._drops_today = 0
        self._drops = DropFigures()

    def count_calls_to_place(self, snapshot: PacingSnapshot) -> int:
        """Return 0 or 1: the calls of one placer run are placed one by one."""
        now = snapshot.now_seconds
        if self._next_sample is None:
            self._next_sample = self._next_place = now
        if now >= self._next_sample - 1e-9:
            self._next_sample += SAMPLE_SECONDS
            self._adapt(snapshot)
        if now < self._next_place - 1e-9:
            return 0
        if self._pending == 0:
            talking = sum(seat.stage in (SeatStage.TALKING, SeatStage.CLOSING) for seat in snapshot.busy_seats)
            wanted = calls_to_make(
                self.level,
                snapshot.free_seats,
                talking,
                len(snapshot.ringing),
                len(snapshot.waiting_seconds),
                self._settings,
            )
            self._pending = max(0, min(wanted, snapshot.free_channels))
        if self._pending == 0:
            self._next_place = now + PLACE_SECONDS
            return 0
        if snapshot.cps_budget < 1:
            self._next_place = now + 1.0 / self._settings.calls_per_second
            return 0
        self._pending -= 1
        pause = 1.0 / self._settings.calls_per_second
        self._next_place = now + pause + (PLACE_SECONDS if self._pending == 0 else 0.0)
        return 1

    def get_time_of_next_decision(self) -> float:
        """Return the time of the next sample or placer run, whichever is earlier."""
        return min(self._next_sample or 0.0, self._next_place)

    def _adapt(self, snapshot: PacingSnapshot) -> None:
        total = snapshot.free_seats + len(snapshot.busy_seats) + snapshot.paused_seats
        self._samples.append((snapshot.free_seats, len(snapshot.waiting_seconds), total))
        if self._loops % DROP_SAMPLES == 0:
            self._count_drops(snapshot.now_seconds)
        self._loops += 1
        if self._settings.method is DialMethod.RATIO or self._loops % LEVEL_SAMPLES or total == 0:
            return
        ready, waiting, all_agents = (sum(column) / len(self._samples) for column in zip(*self._samples, strict=True))
        hours, seconds = divmod(snapshot.now_seconds, 3600.0)
        hhmm = 100 * (int(self._settings.first_hour + hours) % 24) + int(seconds // 60.0)
        self.level = next_level(self.level, ready, waiting, all_agents, self._settings, self._drops, hhmm)

    def _count_drops(self, now: float) -> None:
        for times in (self._rows, self._minute_drops):
            while times and times[0] <= now - 60.0:
                times.popleft()
        calls, dropped = len(self._rows), len(self._minute_drops)
        self._drops = DropFigures(
            calls_last_minute=calls,
            drops_last_minute_percentage=100.0 * dropped / calls if calls else 0.0,
            calls_today=self._calls_today,
            drops_today_percentage=round(100.0 * self._drops_today / max(1, self._answers_today), 2),
        )

    def learn_from_pacing_event(self, event: PacingEvent) -> None:
        """Log each ended or answered call. An answer counts once the agent has saved its disposition."""
        match event.kind:
            case PacingEventKind.ANSWERED | PacingEventKind.FAILED:
                self._rows.append(event.at_seconds)
                self._calls_today += 1
            case PacingEventKind.ABANDONED:
                self._minute_drops.append(event.at_seconds)
                self._drops_today += 1
                self._answers_today += 1
            case PacingEventKind.WRAP_UP_ENDED:
                self._answers_today += 1
            case _:
                pass
