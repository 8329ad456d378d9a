"""Whether the site is ready: what each rehearsed day showed, held against what a polling day needs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from dialer.domain.finding import Finding, Level, error, ok, warning
from dialer.domain.model import AbandonedRate, CampaignState
from dialer.reports.picture_file import check_picture_path, save_picture
from dialer.settings.site import Settings
from dialer.simulation.rehearsal.day import RehearsedDay
from dialer.simulation.rehearsal.site import rehearsed_campaigns

BUSY_SHARE = 0.97
"""Trunks whose channels are all taken for longer than a moment hold the dialling back: a peak above this says so."""

IDLE_SHARE = 0.5
"""Agents who wait more than half their time say that lines, hours or the list are short, not seats."""

HEADROOM = 2.0
"""The machine must get through the day at least so many times faster than it passes, at twice the load."""


@dataclass(frozen=True, slots=True)
class Sample:
    """How things stood at a moment of the day."""

    at: float  # epoch seconds
    reached: int  # voters with a mark
    talking: int  # seats in a conversation
    channels: int  # in use on all trunks


@dataclass(frozen=True, slots=True)
class CampaignOutcome:
    """What a rehearsed day came to for one campaign."""

    campaign_id: str
    attempts: int
    could_call: bool  # its hours and the rules left it some of the time
    why: str  # what held it most of that time; where it could not call, what stood against it; empty: nothing
    # Calls that the rules forbade until somebody mends it, by reason.
    refused: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DayOutcome:
    """What a rehearsed day came to."""

    day: RehearsedDay
    voters: int
    attempts: int
    answered: int
    connected: int
    abandoned: int
    live_answers: int
    reached: int
    utilisation: float | None  # mean of the seats', 0..1
    channels: int  # that the trunks have
    abandoned_limit: float
    took_seconds: float  # of this machine's time
    checks: Mapping[str, tuple[bool, str]]  # by rule: whether it held, and what broke it
    samples: Sequence[Sample] = ()
    recovered: Mapping[str, float] = field(default_factory=dict)  # by fault: seconds until calls went out again
    not_judged: Mapping[str, str] = field(default_factory=dict)  # by fault: why no call could have gone out after it
    campaigns: Sequence[CampaignOutcome] = ()

    @property
    def abandoned_share(self) -> float:
        """Abandoned calls over live answers."""
        return AbandonedRate(self.live_answers, self.abandoned).rate

    @property
    def speed(self) -> float:
        """How many times faster than the day itself this machine went through it."""
        return self.day.seconds / self.took_seconds if self.took_seconds > 0 else float("inf")


def findings(outcome: DayOutcome) -> list[Finding]:
    """Judge a rehearsed day, the most serious findings first."""
    found = [*_rules(outcome), *_reach(outcome), *_campaigns(outcome), *_resources(outcome), *_faults(outcome)]
    order = [Level.ERROR, Level.WARNING, Level.OK]
    return sorted(found, key=lambda finding: order.index(finding.level))


def is_ready(outcomes: Sequence[DayOutcome]) -> bool:
    """Return whether no day has an error."""
    return all(finding.level is not Level.ERROR for outcome in outcomes for finding in findings(outcome))


def _rules(outcome: DayOutcome) -> Iterator[Finding]:
    for rule, (holds, broken) in outcome.checks.items():
        yield ok("rules", rule) if holds else error("rules", f"broken: {rule}: {broken}")
    rate = f"{outcome.abandoned_share:.2%} of live answers were abandoned"
    if outcome.abandoned_share > outcome.abandoned_limit:
        yield error("rules", f"{rate}; the limit is {outcome.abandoned_limit:.1%}")
    else:
        yield ok("rules", f"{rate}, below the limit of {outcome.abandoned_limit:.1%}")


def _reach(outcome: DayOutcome) -> Iterator[Finding]:
    share = outcome.reached / outcome.voters if outcome.voters else 0.0
    text = f"{outcome.reached:,} of {outcome.voters:,} voters contacted ({share:.1%}) with {outcome.attempts:,} calls"
    if outcome.attempts == 0:
        remedy = "check calling hours, trunks and the rules (`dialer rules check`)"
        yield error("contacts", "no call was placed", remedy)
    elif outcome.reached:
        yield ok("contacts", text)
    elif outcome.answered == 0:
        yield error("contacts", f"{text}: no call was answered")
    else:
        yield warning("contacts", f"{text}: {outcome.answered:,} were answered, but their flows mark no voter")


def _campaigns(outcome: DayOutcome) -> Iterator[Finding]:
    """Yield which campaigns called nobody and why, and which calls of the others were forbidden."""
    for campaign in outcome.campaigns:
        subject = f"campaign {campaign.campaign_id}"
        if campaign.attempts:
            for reason, times in campaign.refused.items():
                text = f"{times:,} calls were forbidden ({reason})"
                yield warning(subject, text, "see `dialer rules check`")
        elif not campaign.could_call:
            yield warning(subject, f"called nobody: it may not call in this time ({campaign.why})")
        elif campaign.why:
            yield error(subject, f"called nobody: {campaign.why}")
        else:
            text = "called nobody: its list is empty, or other campaigns used all seats and channels"
            yield warning(subject, text)


def _resources(outcome: DayOutcome) -> Iterator[Finding]:
    peak = max((sample.channels for sample in outcome.samples), default=0)
    if outcome.channels and peak >= BUSY_SHARE * outcome.channels:
        yield warning("channels", f"all {outcome.channels} channels were in use at the peak", "more would help")
    else:
        yield ok("channels", f"at most {peak} of {outcome.channels} channels were in use")
    if outcome.utilisation is not None:
        level = warning if outcome.utilisation < IDLE_SHARE else ok
        yield level("agents", f"in conversation or wrap-up {outcome.utilisation:.0%} of their time")
    level = error if outcome.speed < HEADROOM else ok
    yield level("machine", f"this machine ran the day {outcome.speed:,.0f} times faster than real time")


def _faults(outcome: DayOutcome) -> Iterator[Finding]:
    for fault in outcome.day.faults:
        kind = fault.kind.value
        seconds = outcome.recovered.get(kind)
        if seconds is not None:
            yield ok(kind, f"calls were placed again after {seconds:.0f} s")
        elif kind in outcome.not_judged:
            yield warning(kind, f"not judged: {outcome.not_judged[kind]}")
        else:
            yield error(kind, "no call was placed after it")


def preparation_findings(settings: Settings, states: Mapping[str, CampaignState], today: date) -> Iterator[Finding]:
    """Yield what differs from the real day, and what must be done before it. `states`: of campaigns, from the site's store."""
    polls = [poll.day for poll in settings.rules.polls]
    if polls and max(polls) < today:
        yield warning(
            "polls", f"all polls of the settings are over, the last one on {max(polls)}", "correct [[rules.polls]]"
        )
    rehearsed = {campaign.id for campaign in rehearsed_campaigns(settings)}
    for campaign in settings.campaigns:
        subject, state = f"campaign {campaign.id}", states.get(campaign.id, CampaignState.RUNNING)
        if campaign.id not in rehearsed:
            yield warning(subject, "not rehearsed, because it has only Twilio trunks")
            continue
        if state is not CampaignState.RUNNING:
            yield warning(subject, f"{state.value}, but rehearsed as running", "an operator must resume it")
        if campaign.has_script:
            yield warning(subject, "a flow was rehearsed in place of its AGI script, which may do anything")
    agents, seats = len(settings.agents), len(settings.seats)
    if 0 < agents < seats:
        yield warning("agents", f"{agents} agents for {seats} seats: the other seats stayed empty")


# A picture of the rehearsed days: voters reached, seats in conversation, channels in use. Needs the extra `plots`.

_COLOURS = ("#0b6e4f", "#1d4e89", "#c1121f")


def draw_days(outcomes: Sequence[DayOutcome], zone: ZoneInfo, path: Path) -> None:
    """Draw the days' course into a .png or .svg file. Raises CannotPlot."""
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
    for axis, title in zip(axes, ("voters reached", "seats in conversation", "channels in use"), strict=True):
        axis.set_ylabel(title)
        axis.set_ylim(bottom=0)
        axis.grid(visible=True, alpha=0.25)
    axes[0].legend(fontsize=8)
    axes[-1].xaxis.set_major_formatter(DateFormatter("%H:%M", tz=zone))  # type: ignore[no-untyped-call]  # matplotlib's own
    save_picture(figure, path)
