"""Turnout figures: polling booths, voter marks, contacted voters and dialling time of the polling day."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from dialer.domain.enums import Purpose
from dialer.domain.model import BoothTurnout, Mark, MarkSource
from dialer.engine.campaigns.runs import CampaignRuns
from dialer.engine.core import Core
from dialer.engine.effects import Notify
from dialer.engine.turnout.polls import Polls
from dialer.store.marks import MarkEffect


class TurnoutFigures:
    """The turnout figures of a centre: figures loaded from the store, plus what this run of the dialler has recorded.

    Contacted voters and dialling time are counted since midnight, or since the start of the dialler if that is later.
    """

    def __init__(self, core: Core, polls: Polls, campaigns: CampaignRuns) -> None:
        self._core = core
        self._polls = polls
        self._campaigns = campaigns
        self.booths: dict[int, BoothTurnout] = {}
        self.marks: Counter[str] = Counter()
        self.opt_outs = 0
        self._contacted_by: Counter[MarkSource] = Counter()  # voters whose first mark was made in a call of ours
        self._dialling_seconds = 0.0  # time in which a turnout campaign could dial
        self._dialling_since: float | None = None  # monotonic; None: no turnout campaign can dial
        self._day_number = 0

    @property
    def contacted_voters_by_source(self) -> Counter[MarkSource]:
        """Return how many voters were contacted today, by the source of their first mark (a fact about a voter)."""
        self._reset_figures_for_new_day()
        return self._contacted_by

    @property
    def dialling_seconds(self) -> float:
        """Return for how many seconds today a turnout campaign was able to dial."""
        self._reset_figures_for_new_day()
        return self._dialling_seconds

    def _reset_figures_for_new_day(self) -> None:
        if self._day_number != self._polls.day_number:
            self._day_number = self._polls.day_number
            self._contacted_by.clear()
            self._dialling_seconds = 0.0

    def count_stored_voter_mark(self, mark: Mark, effect: MarkEffect) -> None:
        """Count a stored mark (a fact about a voter). `effect` says what the mark has changed in the store."""
        self.marks[mark.kind.value] += 1
        if mark.attempt_id is not None:  # marks from outside our calls do not count for their pace
            self.contacted_voters_by_source[mark.source] += effect.contacted_change
        booth = self.booths.get(effect.booth_id)
        if booth is not None:
            self.set_booth_turnout(
                replace(
                    booth,
                    contacted=booth.contacted + effect.contacted_change,
                    voted=booth.voted + effect.voted_change,
                    not_yet=booth.not_yet + effect.not_yet_change,
                    without_number=booth.without_number + effect.without_number_change,
                )
            )

    def set_booth_turnout(self, booth: BoothTurnout) -> None:
        """Replace the turnout of a polling booth and notify subscribers."""
        self.booths[booth.booth_id] = booth
        self._core.request_side_effects(Notify(booth))

    def add_voters_without_number(self, voters: dict[int, int]) -> None:
        """Add to the counts of voters who have no number left to call. `voters` has the increase for each booth id."""
        for booth_id in voters.keys() & self.booths.keys():
            booth = self.booths[booth_id]
            self.booths[booth_id] = replace(booth, without_number=booth.without_number + voters[booth_id])

    def update_dialling_time(self) -> None:
        """Add the time since the last pacing decision to the dialling time, if a turnout campaign was able to dial in
        that time.
        """
        now = self._core.clock.monotonic()
        self._polls.find_booths_voting_today()  # raises the day number on a new polling day, which resets the count
        self._reset_figures_for_new_day()
        if self._dialling_since is not None:
            self._dialling_seconds += now - self._dialling_since
        can_dial = any(
            run.can_campaign_dial for run in self._campaigns.list_campaign_runs() if run.purpose is Purpose.TURNOUT
        )
        self._dialling_since = now if can_dial else None
