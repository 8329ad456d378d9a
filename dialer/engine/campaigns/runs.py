"""The campaigns of this run of the dialler, with their state."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Collection, ItemsView, Mapping
from dataclasses import dataclass, field

import structlog

from dialer.domain.enums import CampaignKind, Purpose
from dialer.domain.errors import CommandRefused
from dialer.domain.judged_calls import JudgedCalls
from dialer.domain.model import (
    AbandonedRate,
    Booth,
    CampaignProgress,
    CampaignState,
    Claim,
    Outcome,
    calculate_abandoned_rate,
)
from dialer.domain.view import CampaignSpeed, Hold, HoldReason
from dialer.engine.core import Core
from dialer.engine.effects import UpdatePacer
from dialer.engine.plan import CampaignSpec
from dialer.pacing.port import Pacer, PacingEvent, PacingEventKind
from dialer.polling_day.priorities import BoothOrder
from dialer.rules.calling_hours import WeekHours

_log = structlog.get_logger(__name__)

_STARTING = Hold(HoldReason.STARTING)
_END_OF_RINGING = frozenset({PacingEventKind.ANSWERED, PacingEventKind.FAILED, PacingEventKind.CANCELLED})


@dataclass(slots=True)
class CampaignRun:
    """A campaign with its state in this run of the dialler: its pacer, its hopper (numbers reserved for dialling), and
    its figures.
    """

    spec: CampaignSpec
    purpose: Purpose
    pacer: Pacer
    state: CampaignState
    order: BoothOrder  # decides which booths are next; takes the claims in the hopper into account
    hopper: deque[Claim]  # numbers claimed under a lease, to be dialled next
    priorities_at: float = 0.0  # when the booths' priorities were last computed (epoch seconds)
    votes_until: float = 0.0  # end of the polling day of these priorities (epoch seconds)
    refilling: bool = False
    next_due_at: float = 0.0  # when the next number in the queue is due (epoch seconds)
    list_done: bool = False  # no number is left in the queue
    ran_dry: bool = False  # no number was due since numbers were last reserved in full batches
    must_check_refused: bool = True  # numbers that the rules refused return to the queue before it is read again
    returns: int = 0  # counts the returns of numbers to the queue
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    taken_for_machines: int = 0  # outbound calls of the day that machine detection ended
    judged: JudgedCalls = field(default_factory=JudgedCalls)  # of those of all days
    inbound: Counter[Outcome] = field(default_factory=Counter)  # outcomes of inbound calls
    progress: CampaignProgress = field(default_factory=lambda: CampaignProgress(0, 0, 0, 0))
    hold: Hold | None = _STARTING
    refused: Counter[str] = field(default_factory=Counter)  # calls that the rules forbade since the start, by reason
    speed: CampaignSpeed | None = None  # a supervisor's speed limit, with its end
    weight_set: tuple[float, str] | None = None  # the weight that a supervisor has set, and the supervisor's name
    hours_set: tuple[WeekHours, str] | None = (
        None  # the calling hours that a supervisor has set, and the supervisor's name
    )
    target_set_by: str | None = (
        None  # the supervisor who has set an abandoned-call target; None: that of the settings applies
    )
    inaudible_sound: str | None = None  # a required sound that could not be played to a voter

    def get_learned_state_of_pacer(self) -> str:
        """Return what the campaign's pacer has learned, as JSON for the store."""
        return json.dumps(self.pacer.get_learned_state())

    def restore_learned_state_of_pacer(self, learned: str) -> None:
        """Restore what the campaign's pacer learned in an earlier run. Damaged data is ignored: the pacer then starts
        from its defaults.
        """
        try:
            state = json.loads(learned)
        except ValueError:
            state = None
        if not isinstance(state, dict):
            _log.warning("pacer.state_damaged", campaign=self.spec.campaign_id)
            return
        self.pacer.restore_learned_state(state)

    def pass_event_to_pacer(self, update: UpdatePacer, now: float) -> PacingEvent:
        """Pass an event, such as an answered call, to the campaign's pacer, and return the event in the pacer's form.

        `now` is monotonic seconds.
        """
        call, kind, rang = update.call, update.kind, None
        if call is not None and kind in _END_OF_RINGING and call.ringing_monotonic_seconds is not None:
            until = now if call.leg.answered_seconds is None else call.leg.answered_seconds
            rang = max(0.0, until - call.ringing_monotonic_seconds)
        timed = call is None or not call.adopted
        share = self.false_positive_share if kind is PacingEventKind.TAKEN_FOR_MACHINE else 0.0
        event = PacingEvent(kind, now, max(0.0, update.seconds), timed, rang, update.closing_seconds, share)
        self.pacer.learn_from_pacing_event(event)
        return event

    def calculate_abandoned_rate_of_day(self) -> AbandonedRate:
        """Return the campaign's abandoned-call rate since midnight."""
        return calculate_abandoned_rate(self.outcomes, self.false_positive_share * self.taken_for_machines)

    @property
    def false_positive_share(self) -> float:
        """Return the false-positive share (0-1): how many of the calls taken for machines were answered by people.

        These calls count as abandoned. The share is measured from recordings that supervisors have judged. Until enough
        are judged, the rules profile sets it.
        """
        return self.judged.get_false_positive_share_to_count(self.spec.false_positive_share)

    @property
    def agent_time_weight(self) -> float:
        """Return the weight that determines the campaign's share of the agents' time: set by a supervisor, or else by
        the settings.
        """
        return self.spec.weight if self.weight_set is None else self.weight_set[0]

    @property
    def calling_hours(self) -> WeekHours:
        """Return the campaign's calling hours: set by a supervisor, or else by the settings. Each call must also be
        within the hours of the rules profile.
        """
        return self.spec.hours if self.hours_set is None else self.hours_set[0]

    @property
    def is_campaign_completed(self) -> bool:
        """Return whether the campaign has nobody left to call: no number is reserved, and its queue had none at the
        last read.
        """
        return self.list_done and not self.hopper

    @property
    def can_campaign_dial(self) -> bool:
        """Return whether the campaign still has numbers to call, and may dial according to the last pacing decision."""
        return self.hold is None and not self.is_campaign_completed

    def get_speed_limit_in_force(self, now: float) -> CampaignSpeed | None:
        """Return the supervisor's speed limit in force at `now` (epoch seconds), or None."""
        return self.speed if self.speed is not None and now < self.speed.until else None

    def set_due_time_of_next_number(self, at: float) -> None:
        """Record that a number in the campaign's queue is due at `at` (epoch seconds)."""
        self.returns += 1
        self.next_due_at = min(self.next_due_at, at)
        self.list_done = False

    def request_number_queue_reload(self) -> None:
        """Request that the next pacing decision reads the campaign's queue of numbers again, because numbers may have
        returned to it.
        """
        self.returns += 1
        self.next_due_at = 0.0
        self.list_done = False
        self.order.return_empty_booths_to_call_order()

    def recheck_refused_numbers(self) -> None:
        """Let the campaign check again the numbers that the calling rules have refused, for example after an import."""
        self.must_check_refused = True
        self.request_number_queue_reload()


class CampaignRuns:
    """The campaigns in the settings, and removed campaigns that still have calls in progress."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._runs: dict[str, CampaignRun] = {}

    def __getitem__(self, campaign_id: str) -> CampaignRun:
        """Return a campaign, even if it was removed from the settings. Raises KeyError."""
        return self._runs[campaign_id]

    def __contains__(self, campaign_id: object) -> bool:
        """Return whether a campaign is in the settings, or was removed and still has calls."""
        return campaign_id in self._runs

    def list_campaign_runs(self) -> Collection[CampaignRun]:
        """Return all campaigns in the order of the settings. Removed campaigns that still have calls come last."""
        return self._runs.values()

    def list_campaign_runs_by_id(self) -> ItemsView[str, CampaignRun]:
        """Return all campaigns with their ids, in the same order as `list_campaign_runs`."""
        return self._runs.items()

    def list_skills_of_dialling_campaigns(self) -> list[tuple[str | None, str]]:
        """Return the required skill and the id of each campaign that has agents and places calls now."""
        runs = [run for run in self._runs.values() if run.spec.kind is CampaignKind.AGENTS and run.can_campaign_dial]
        return [(run.spec.skill, run.spec.campaign_id) for run in runs]

    def require_campaign_in_settings(self, campaign_id: str) -> CampaignRun:
        """Return the campaign with this id in the settings. Raises CommandRefused if there is none."""
        if campaign_id not in self._core.plan.campaigns or campaign_id not in self._runs:
            campaign_ids = ", ".join(self._core.plan.campaigns) or "none"
            raise CommandRefused(
                f"campaign {campaign_id!r} is not in the settings. The campaigns there are: {campaign_ids}"
            )
        return self._runs[campaign_id]

    def add_or_replace_campaign(self, run: CampaignRun) -> None:
        """Add a campaign to this run of the dialler, or replace the campaign with the same id."""
        self._runs[run.spec.campaign_id] = run

    def apply_settings_of_campaigns(self, added: Mapping[str, CampaignRun]) -> list[CampaignRun]:
        """Apply the campaigns of the current settings. `added` has the new campaigns. Return the removed campaigns."""
        before, wanted = self._runs, self._core.plan.campaigns
        removed = {name: run for name, run in before.items() if name not in wanted}
        self._runs = {name: added.get(name) or before[name] for name in wanted} | removed
        return [*removed.values()]

    def add_booths_to_call_order(self, booths: Mapping[int, Booth]) -> None:
        """Add imported polling booths to each campaign's order of booths. The order decides which booth is called next."""
        for run in self._runs.values():
            run.order.add_imported_booths_to_call_order(booths)

    def recheck_refused_numbers(self) -> None:
        """Request that every campaign checks again the numbers that the rules refused."""
        for run in self._runs.values():
            run.recheck_refused_numbers()
        self._core.wake.set()

    def request_number_queue_reloads(self) -> None:
        """Request that every campaign reads its queue of numbers again, because completed numbers may have been
        reopened.
        """
        for run in self._runs.values():
            run.request_number_queue_reload()
        self._core.wake.set()
