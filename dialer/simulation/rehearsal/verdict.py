"""The verdict on a rehearsal: the problems found on each rehearsed day, and whether the site is ready. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from dialer.domain.finding import Finding, Level, make_error_finding, make_ok_finding, make_warning_finding
from dialer.domain.model import AbandonedRate, CampaignState
from dialer.reports.picture_file import check_picture_path, save_picture
from dialer.settings.site import Settings
from dialer.simulation.rehearsal.day import RehearsedDay
from dialer.simulation.rehearsal.site import list_campaigns_to_rehearse

BUSY_SHARE = 0.97
"""A peak above this share of the channels (0-1) means that trunks limit the dialling."""

IDLE_SHARE = 0.5
"""Below this utilisation (0-1) agents wait mostly: channels, hours or numbers are short, not seats."""

HEADROOM = 2.0
"""The machine must run the day at least this many times faster than real time."""


@dataclass(frozen=True, slots=True)
class CentreSample:
    """The state of the rehearsed centre at one moment of the day."""

    at: float  # epoch seconds
    reached: int  # contacted voters: those with a mark
    talking: int  # seats in conversation
    channels: int  # in use on all trunks


@dataclass(frozen=True, slots=True)
class CampaignOutcome:
    """The outcome of a rehearsed day for one campaign."""

    campaign_id: str
    attempts: int
    could_call: bool  # whether hours and rules allowed any call
    why: str  # most frequent hold reason, or why no call was allowed; "" if none
    # Calls forbidden for a reason that somebody must correct, by reason.
    refused: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DayOutcome:
    """The outcome of a rehearsed day."""

    day: RehearsedDay
    voters: int
    attempts: int
    answered: int
    connected: int
    abandoned: int
    live_answers: int
    reached: int
    utilisation: float | None  # mean of all seats (0-1)
    channels: int  # of all trunks
    abandoned_limit: float
    took_seconds: float  # real time
    checks: Mapping[str, tuple[bool, str]]  # by rule: (whether it held, examples of violations)
    samples: Sequence[CentreSample] = ()
    recovered: Mapping[str, float] = field(default_factory=dict)  # by fault: seconds until calls were placed again
    not_judged: Mapping[str, str] = field(default_factory=dict)  # by fault: why no call could have been placed after it
    campaigns: Sequence[CampaignOutcome] = ()

    @property
    def abandoned_rate(self) -> float:
        """The abandoned-call rate: abandoned calls / live answers (0-1)."""
        return AbandonedRate(self.live_answers, self.abandoned).abandoned_rate

    @property
    def speed_up_over_real_time(self) -> float:
        """How many times faster than real time the rehearsed day ran on this machine."""
        return self.day.day_length_seconds / self.took_seconds if self.took_seconds > 0 else float("inf")


def judge_rehearsed_day(outcome: DayOutcome) -> list[Finding]:
    """Return the problems (findings) of a rehearsed day, the most serious first."""
    found = [
        *_judge_calling_rules(outcome),
        *_judge_number_of_contacted_voters(outcome),
        *_judge_calls_of_campaigns(outcome),
        *_judge_use_of_channels_and_seats(outcome),
        *_judge_recovery_from_faults(outcome),
    ]
    order = [Level.ERROR, Level.WARNING, Level.OK]
    return sorted(found, key=lambda finding: order.index(finding.level))


def is_site_ready(outcomes: Sequence[DayOutcome]) -> bool:
    """Return whether the site is ready for polling day: no rehearsed day has an error."""
    return all(finding.level is not Level.ERROR for outcome in outcomes for finding in judge_rehearsed_day(outcome))


def _judge_calling_rules(outcome: DayOutcome) -> Iterator[Finding]:
    for rule, (holds, broken) in outcome.checks.items():
        yield make_ok_finding("rules", rule) if holds else make_error_finding("rules", f"violated: {rule}: {broken}")
    rate = f"{outcome.abandoned_rate:.2%} of live answers were abandoned"
    if outcome.abandoned_rate > outcome.abandoned_limit:
        yield make_error_finding("rules", f"{rate}; the limit is {outcome.abandoned_limit:.1%}")
    else:
        yield make_ok_finding("rules", f"{rate}, below the limit of {outcome.abandoned_limit:.1%}")


def _judge_number_of_contacted_voters(outcome: DayOutcome) -> Iterator[Finding]:
    share = outcome.reached / outcome.voters if outcome.voters else 0.0
    text = f"{outcome.reached:,} of {outcome.voters:,} voters contacted ({share:.1%}) with {outcome.attempts:,} calls"
    if outcome.attempts == 0:
        remedy = "check calling hours, trunks and the rules (`dialer rules check`)"
        yield make_error_finding("contacts", "no call was placed", remedy)
    elif outcome.reached:
        yield make_ok_finding("contacts", text)
    elif outcome.answered == 0:
        yield make_error_finding("contacts", f"{text}: no call was answered")
    else:
        yield make_warning_finding(
            "contacts", f"{text}: {outcome.answered:,} were answered, but no flow recorded a mark"
        )


def _judge_calls_of_campaigns(outcome: DayOutcome) -> Iterator[Finding]:
    """Yield findings about campaigns that placed no call (with the reason), and about forbidden calls."""
    for campaign in outcome.campaigns:
        subject = f"campaign {campaign.campaign_id}"
        if campaign.attempts:
            for reason, times in campaign.refused.items():
                text = f"{times:,} calls were forbidden ({reason})"
                yield make_warning_finding(subject, text, "see `dialer rules check`")
        elif not campaign.could_call:
            yield make_warning_finding(subject, f"placed no call: not allowed in these hours ({campaign.why})")
        elif campaign.why:
            yield make_error_finding(subject, f"placed no call: {campaign.why}")
        else:
            text = "placed no call: its list is empty, or other campaigns used all seats and channels"
            yield make_warning_finding(subject, text)


def _judge_use_of_channels_and_seats(outcome: DayOutcome) -> Iterator[Finding]:
    peak = max((sample.channels for sample in outcome.samples), default=0)
    if outcome.channels and peak >= BUSY_SHARE * outcome.channels:
        yield make_warning_finding(
            "channels", f"all {outcome.channels} channels were in use at the peak", "add channels"
        )
    else:
        yield make_ok_finding("channels", f"at most {peak} of {outcome.channels} channels were in use")
    if outcome.utilisation is not None:
        level = make_warning_finding if outcome.utilisation < IDLE_SHARE else make_ok_finding
        yield level("agents", f"in conversation or wrap-up {outcome.utilisation:.0%} of their time")
    level = make_error_finding if outcome.speed_up_over_real_time < HEADROOM else make_ok_finding
    yield level(
        "machine", f"this machine ran the day {outcome.speed_up_over_real_time:,.0f} times faster than real time"
    )


def _judge_recovery_from_faults(outcome: DayOutcome) -> Iterator[Finding]:
    for fault in outcome.day.faults:
        kind = fault.kind.value
        seconds = outcome.recovered.get(kind)
        if seconds is not None:
            yield make_ok_finding(kind, f"calls were placed again after {seconds:.0f} s")
        elif kind in outcome.not_judged:
            yield make_warning_finding(kind, f"not judged: {outcome.not_judged[kind]}")
        else:
            yield make_error_finding(kind, "no call was placed after it")


def find_preparations_for_polling_day(
    settings: Settings, states: Mapping[str, CampaignState], today: date
) -> Iterator[Finding]:
    """Yield findings for the polling day: what must still be done, and how the rehearsal differed from that day.

    An example is a campaign that must be resumed. `states` are the campaigns' states in the site's store.
    """
    polls = [poll.day for poll in settings.rules.polls]
    if polls and max(polls) < today:
        yield make_warning_finding(
            "polls",
            f"all polls in the settings are in the past, the last one on {max(polls)}",
            "correct [[rules.polls]]",
        )
    rehearsed = {campaign.id for campaign in list_campaigns_to_rehearse(settings)}
    for campaign in settings.campaigns:
        subject, state = f"campaign {campaign.id}", states.get(campaign.id, CampaignState.RUNNING)
        if campaign.id not in rehearsed:
            yield make_warning_finding(subject, "not rehearsed, because it has only Twilio trunks")
            continue
        if state is not CampaignState.RUNNING:
            yield make_warning_finding(
                subject, f"{state.value}, but rehearsed as running", "an operator must resume it"
            )
        if campaign.runs_agi_script:
            yield make_warning_finding(subject, "rehearsed with a flow instead of its AGI script")
    agents, seats = len(settings.agents), len(settings.seats)
    if 0 < agents < seats:
        yield make_warning_finding("agents", f"{agents} agents for {seats} seats: the other seats stayed offline")


_COLOURS = ("#0b6e4f", "#1d4e89", "#c1121f")


def plot_rehearsed_days(outcomes: Sequence[DayOutcome], zone: ZoneInfo, path: Path) -> None:
    """Plot contacted voters, seats in conversation and channels in use over each day, into a .png or .svg file.

    Needs the extra `plots`. Raises CannotPlot.
    """
    check_picture_path(path)
    from matplotlib.dates import DateFormatter  # noqa: PLC0415 - an optional extra
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(8.0, 7.5), layout="constrained")
    axes = figure.subplots(3, 1, sharex=True)
    for outcome, colour in zip(outcomes, _COLOURS, strict=False):
        times = [datetime.fromtimestamp(sample.at, zone) for sample in outcome.samples]
        for axis, name in zip(axes, ("reached", "talking", "channels"), strict=True):
            values = [getattr(sample, name) for sample in outcome.samples]
            axis.plot(times, values, color=colour, lw=1.2, label=outcome.day.name)
        for fault in outcome.day.faults:
            at = datetime.fromtimestamp(outcome.day.starts_at + fault.at_seconds, zone)
            for axis in axes:
                axis.axvline(at, color=colour, lw=0.5, ls=":")
    for axis, title in zip(axes, ("contacted voters", "seats in conversation", "channels in use"), strict=True):
        axis.set_ylabel(title)
        axis.set_ylim(bottom=0)
        axis.grid(visible=True, alpha=0.25)
    axes[0].legend(fontsize=8)
    axes[-1].xaxis.set_major_formatter(DateFormatter("%H:%M", tz=zone))  # type: ignore[no-untyped-call]  # matplotlib's own
    save_picture(figure, path)
