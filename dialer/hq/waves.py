"""The rollout of a version of campaign material to centres in steps (waves). Without I/O.

The next wave starts once the centres of the wave before work with the new version. A problem stops the rollout.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

FIRST_CENTRES = 3
_PROBLEM_ALERTS = ("flows", "no-audio-")
"""Alert codes of a centre that may be caused by its material: invalid flows, a sound that cannot be played."""


@dataclass(frozen=True, slots=True)
class Wave:
    """The centres to which one step of a rollout assigns a version of campaign material (a wave)."""

    to: tuple[str, ...]  # "centre:pune-1", "zone:west", "all"
    centres: frozenset[str]


class WaveState(StrEnum):
    """What the program that carries out a rollout must do next, after a check of the current step (wave)."""

    WAIT = "wait"
    NEXT = "next"  # the wave is well: start the next one
    STOPPED = "stopped"  # no further centre gets the version
    DONE = "done"


def plan_rollout_waves(zone_of_centre: Mapping[str, str], first: Collection[str] = ()) -> list[Wave]:
    """Return the steps (waves) of a rollout: first some centres, then all centres of a zone, then all centres.

    `first` has the centres of the first wave. If `first` is empty, three centres are chosen. The second wave has the
    zone of the first of these centres. A wave that would add no centre is left out. Raises ValueError for an unknown
    centre.
    """
    first_centres = [*first] or sorted(zone_of_centre)[:FIRST_CENTRES]
    if unknown := [centre for centre in first_centres if centre not in zone_of_centre]:
        raise ValueError(f"centre {unknown[0]} is unknown: choose a centre of [[centres]] in headquarters' settings")
    zone = zone_of_centre[first_centres[0]]
    in_zone = {centre for centre, its_zone in zone_of_centre.items() if its_zone == zone}
    waves = [
        Wave(tuple(f"centre:{centre}" for centre in first_centres), frozenset(first_centres)),
        Wave((f"zone:{zone}",), frozenset(first_centres) | in_zone),
        Wave(("all",), frozenset(zone_of_centre)),
    ]
    return [wave for place, wave in enumerate(waves) if not place or wave.centres > waves[place - 1].centres]


class Rollout:
    """The rollout of one version of campaign material to centres. Times are monotonic seconds."""

    def __init__(self, label: str, waves: Sequence[Wave], *, hold_seconds: float, patience_seconds: float) -> None:
        """Create a rollout of the version `label`.

        Once all centres of a step (wave) use the version, the step is observed for `hold_seconds`. Centres that do not
        use the version within `patience_seconds` stop the rollout. In the last step they do not stop it: the rollout is
        completed without them, and reports them.
        """
        self._label = label
        self._waves = waves
        self._hold_seconds = hold_seconds
        self._patience_seconds = patience_seconds
        self._place = -1
        self._started_at = 0.0
        self._well_since: float | None = None
        self._running: set[str] = set()
        self._stopped: frozenset[str] = frozenset()
        self.problem = ""

    def start_next_wave_of_rollout(self, now: float) -> Wave:
        """Start the next step of the rollout (wave) and return it. The caller must assign the version to its centres now."""
        self._place += 1
        self._started_at, self._well_since = now, None
        return self._waves[self._place]

    def record_version_reported_by_centre(
        self, centre: str, active: str | None, assigned: str | None, problem: str
    ) -> None:
        """Record which version of the campaign material a centre uses, and its problem with the material ("" = none).

        Centres outside the present step (wave) are ignored. A problem with the version that is rolled out stops the
        rollout.
        """
        if self._place < 0 or centre not in self._waves[self._place].centres:
            return
        if active == self._label:
            self._running.add(centre)
        else:
            self._running.discard(centre)
            self._well_since = None
        if problem and assigned in {None, self._label}:
            self.problem = self.problem or f"{centre}: {problem}"

    def record_centre_alerts(self, centre: str, codes: Collection[str]) -> None:
        """Record the active alerts of a centre.

        Only the alerts of centres that run this version of the campaign material can stop the rollout.
        """
        serious = sorted(code for code in codes if code.startswith(_PROBLEM_ALERTS))
        if centre in self._running and serious:
            self.problem = self.problem or f"{centre}: alert {serious[0]}"

    def record_stopped_centres(self, centres: frozenset[str]) -> None:
        """Record in which centres leaders have stopped all calls.

        The rollout waits for these centres, because problems show only while they make calls.
        """
        self._stopped = centres

    @property
    def stopped_centres_of_wave(self) -> list[str]:
        """The centres of this rollout step (wave) in which leaders have stopped all calls."""
        return sorted(self._waves[self._place].centres & self._stopped)

    @property
    def centres_of_wave_without_new_version(self) -> list[str]:
        """The centres of the present step (wave) that do not use the new version yet."""
        return sorted(self._waves[self._place].centres - self._running)

    def decide_next_rollout_step(self, now: float) -> WaveState:
        """Return whether the rollout waits, starts its next step (wave), stops or is done, at the time `now` (monotonic seconds).

        A problem, or centres that do not run the version in time, stop the rollout.
        """
        is_last = self._place == len(self._waves) - 1
        if self.problem:
            return WaveState.STOPPED
        if self.stopped_centres_of_wave:
            self._started_at, self._well_since = now, None
            return WaveState.WAIT
        if self.centres_of_wave_without_new_version:
            if now - self._started_at < self._patience_seconds:
                return WaveState.WAIT
            if is_last:
                return WaveState.DONE
            minutes = self._patience_seconds / 60
            self.problem = (
                f"not running after {minutes:g} minutes: {', '.join(self.centres_of_wave_without_new_version)}"
            )
            return WaveState.STOPPED
        if self._well_since is None:
            self._well_since = now
        if now - self._well_since < self._hold_seconds:
            return WaveState.WAIT
        return WaveState.DONE if is_last else WaveState.NEXT
