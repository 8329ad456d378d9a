"""A version's way to the centres, wave by wave: it goes on while the centres that have it are well, and stops by itself. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

FIRST_CENTRES = 3
_TROUBLE = ("flows", "no-audio-")
"""Codes of a centre's alerts that speak against what it plays: flows that are wrong, a sound that is not heard."""


@dataclass(frozen=True, slots=True)
class WaveStep:
    """A wave: to whom it goes, and which centres those are."""

    to: tuple[str, ...]  # "centre:pune-1", "zone:west", "all"
    centres: frozenset[str]


class WaveState(StrEnum):
    """What is to be done next."""

    WAIT = "wait"
    NEXT = "next"  # the wave is well: give the next one
    STOPPED = "stopped"  # nobody else gets it
    DONE = "done"


def wave_steps(zones: dict[str, str], first: Collection[str] = ()) -> list[WaveStep]:
    """Three centres (or those of `first`), then the zone of the first of them, then all; `zones`: of each centre. A wave that would
    bring it to nobody new is left out. Raises ValueError for a centre that there is not.
    """
    begins = [*first] or sorted(zones)[:FIRST_CENTRES]
    if strange := [centre for centre in begins if centre not in zones]:
        raise ValueError(f"{strange[0]} is no centre: [[centres]] of headquarters' file names them")
    zone = zones[begins[0]]
    steps = [
        WaveStep(tuple(f"centre:{centre}" for centre in begins), frozenset(begins)),
        WaveStep((f"zone:{zone}",), frozenset(begins) | {centre for centre, its in zones.items() if its == zone}),
        WaveStep(("all",), frozenset(zones)),
    ]
    return [step for place, step in enumerate(steps) if not place or step.centres > steps[place - 1].centres]


class WaveCourse:
    """The course of one version. Times are monotonic seconds."""

    def __init__(self, label: str, steps: Sequence[WaveStep], *, hold_seconds: float, patience_seconds: float) -> None:
        """Each wave is watched for `hold_seconds` once all its centres run the version, and given up where some do not after
        `patience_seconds`; of the last one those are named.
        """
        self._label = label
        self._steps = steps
        self._hold_seconds = hold_seconds
        self._patience_seconds = patience_seconds
        self._place = -1
        self._given_at = 0.0
        self._well_since: float | None = None
        self._running: set[str] = set()
        self._stopped: frozenset[str] = frozenset()
        self.trouble = ""

    def give(self, now: float) -> WaveStep:
        """The next wave, which is given now."""
        self._place += 1
        self._given_at, self._well_since = now, None
        return self._steps[self._place]

    def says(self, centre: str, running: str | None, wanted: str | None, trouble: str) -> None:
        """A centre says what it runs. Trouble counts where it was given this version."""
        if self._place < 0 or centre not in self._steps[self._place].centres:
            return
        if running == self._label:
            self._running.add(centre)
        else:
            self._running.discard(centre)
            self._well_since = None
        if trouble and wanted in {None, self._label}:
            self.trouble = self.trouble or f"{centre}: {trouble}"

    def alerts(self, centre: str, codes: Collection[str]) -> None:
        """The alerts that stand in a centre. Those of one that runs this version count."""
        against = sorted(code for code in codes if code.startswith(_TROUBLE))
        if centre in self._running and against:
            self.trouble = self.trouble or f"{centre}: alert {against[0]}"

    def stopped(self, centres: frozenset[str]) -> None:
        """Leaders have stopped these: while one of the wave is among them nothing is seen of what is wrong, and nobody else gets
        it.
        """
        self._stopped = centres

    @property
    def held(self) -> list[str]:
        """The centres of this wave that leaders have stopped."""
        return sorted(self._steps[self._place].centres & self._stopped)

    @property
    def missing(self) -> list[str]:
        """The centres of this wave that do not run it."""
        return sorted(self._steps[self._place].centres - self._running)

    def look(self, now: float) -> WaveState:
        """What is to be done now."""
        last = self._place == len(self._steps) - 1
        if self.trouble:
            return WaveState.STOPPED
        if self.held:
            self._given_at, self._well_since = now, None
            return WaveState.WAIT
        if self.missing:
            if now - self._given_at < self._patience_seconds:
                return WaveState.WAIT
            if last:
                return WaveState.DONE
            self.trouble = f"not running after {self._patience_seconds / 60:g} minutes: {', '.join(self.missing)}"
            return WaveState.STOPPED
        if self._well_since is None:
            self._well_since = now
        if now - self._well_since < self._hold_seconds:
            return WaveState.WAIT
        return WaveState.DONE if last else WaveState.NEXT
