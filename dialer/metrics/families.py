"""The metrics of each process of a centre and of headquarters, named as Prometheus recommends.

See https://prometheus.io/docs/practices/naming. Labels are ids only. The metrics are created for each request, so that
nothing is counted twice and removed campaigns, seats and trunks disappear.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from dialer.domain.model import CampaignState
from dialer.domain.view import AlertLevel, CallState, CampaignView, CentreView, SeatState, TrunkState, TrunkView

Values = Iterable[tuple[tuple[str, ...], float]]
"""Values, each with the values of its labels."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """The state of a process at one moment."""

    families: tuple[Metric, ...]
    not_ready: str | None = None  # why it is not ready, in one line


def of_centre(view: CentreView, *, broker_up: bool | None, free_bytes: int) -> Readiness:
    """Return the state of a dialler. `broker_up`: None without a broker; `free_bytes`: on the store's disk."""
    critical = [alert.text for alert in view.alerts if alert.level is AlertLevel.CRITICAL]
    if not view.state.switch_up:
        critical.insert(0, "no connection to the switch")
    if view.state.draining:
        critical.insert(0, "it is stopping")
    families = (*_centre(view, broker_up), _gauge("store_free_bytes", "Free on the store's disk", free_bytes))
    return Readiness(families, critical[0] if critical else None)


def of_desk(centre: str, *, heard: bool, streams: int) -> Readiness:
    """Return the state of a desk: whether it is connected to the broker, and how many pages are open."""
    families = (
        _info(centre),
        _gauge("desk_hears_broker", "Whether the desk is connected to the broker", heard),
        _gauge("desk_streams", "Open pages", streams),
    )
    return Readiness(families, None if heard else "the desk does not hear the broker")


def of_uplink(centre: str, *, heard: bool, joined: bool) -> Readiness:
    """Return the state of an uplink: whether it is connected to the centre's broker and to headquarters."""
    families = (
        _info(centre),
        _gauge("uplink_hears_broker", "Whether the uplink is connected to the centre's broker", heard),
        _gauge("headquarters_up", "Whether the uplink is connected to headquarters", joined),
    )
    if not joined:
        return Readiness(families, "no connection to headquarters")
    return Readiness(families, None if heard else "the uplink does not hear the broker")


def of_gatherer(*, works: bool, joined: bool, kept_at: Mapping[str, float]) -> Readiness:
    """How a gatherer stands: whether it has the database's lock, whether it is connected to headquarters' server, and when it
    committed what a centre had announced (epoch seconds), by centre, since its start.
    """
    committed = (((centre,), at) for centre, at in kept_at.items())
    families = (
        _info("headquarters"),
        _gauge("gather_works", "Whether this gatherer has the database's lock, and works", works),
        _gauge("gather_server_up", "Whether it is connected to headquarters' server", joined),
        _gauges("gather_kept_timestamp_seconds", "When something of a centre was committed", ("centre",), committed),
    )
    if not joined:
        return Readiness(families, "no connection to headquarters' server")
    return Readiness(families, None if works else "it waits for the database, or for another gatherer to end")


def of_hq_desk(*, hears: bool) -> Readiness:
    """Return the state of headquarters' pages: whether they receive the centres' updates."""
    families = (_info("headquarters"), _gauge("hq_desk_hears_centres", "Whether the pages hear the centres", hears))
    return Readiness(families, None if hears else "the pages do not hear the centres: no connection to the server")


def _centre(view: CentreView, broker_up: bool | None) -> Iterator[Metric]:
    state = view.state
    yield _info(state.centre)
    yield _gauge("switch_up", "Whether there is a connection to the switch", state.switch_up)
    if broker_up is not None:
        yield _gauge("broker_up", "Whether there is a connection to the broker", broker_up)
    yield _gauge("draining", "Whether it is stopping and places no new calls", state.draining)
    seats = (((each,), state.seats.get(each, 0)) for each in SeatState)
    yield _gauges("seats", "Seats by state", ("state",), seats)
    if state.utilisation is not None:
        yield _gauge(
            "utilisation_ratio", "Talking and wrap-up among logged-in time, mean of the seats", state.utilisation
        )
    yield from _campaigns(view.campaigns)
    yield from _trunks(state.trunks)
    marks = (((kind,), count) for kind, count in state.marks.items())
    yield _counters("marks", "Marks of voters since the start", ("kind",), marks)
    yield _counters("opt_outs", "Numbers that opted out", (), [((), state.opt_outs)])
    alerts = (((alert.code, alert.level), 1) for alert in view.alerts)
    yield _gauges("alert", "Active alerts", ("code", "level"), alerts)
    waiting = (((each.sink,), each.rows) for each in state.outbox)
    yield _gauges("outbox_rows", "Pending announcements, by recipient", ("sink",), waiting)
    oldest = (((each.sink,), state.at - each.oldest_at) for each in state.outbox if each.oldest_at is not None)
    yield _gauges("outbox_oldest_seconds", "Age of the oldest pending announcement", ("sink",), oldest)
    lags = ((("0.5",), "loop_lag_median_seconds"), (("0.99",), "loop_lag_p99_seconds"))
    known = ((share, state.figures[name]) for share, name in lags if name in state.figures)
    yield _gauges("loop_lag_seconds", "Event-loop lag in the last minute", ("quantile",), known)


def _campaigns(all_of_them: tuple[CampaignView, ...]) -> Iterator[Metric]:
    by_id = [(each.campaign_id, each) for each in all_of_them]
    running = (((name,), each.state is CampaignState.RUNNING) for name, each in by_id)
    yield _gauges("campaign_running", "Whether a campaign is neither paused nor stopped", ("campaign",), running)
    held = (((name, each.hold.reason), 1) for name, each in by_id if each.hold is not None)
    yield _gauges("campaign_held", "Why a campaign does not dial now", ("campaign", "because"), held)
    calls = (((name, state), each.calls.get(state, 0)) for name, each in by_id for state in CallState)
    yield _gauges("calls", "Live calls by state", ("campaign", "state"), calls)
    outcomes = (((name, outcome), count) for name, each in by_id for outcome, count in each.outcomes.items())
    yield _counters("attempts", "Attempts of the day that have ended", ("campaign", "outcome"), outcomes)
    refused = (((name, reason), count) for name, each in by_id for reason, count in each.refused.items())
    yield _counters("refused_calls", "Calls that the rules forbade, since the start", ("campaign", "reason"), refused)
    shares = (((name,), each.abandoned_rate) for name, each in by_id)
    yield _gauges("abandoned_ratio", "Abandoned calls among the day's live answers", ("campaign",), shares)
    remaining = (((name,), each.progress.remaining) for name, each in by_id)
    yield _gauges("numbers_remaining", "Remaining numbers of a campaign's list", ("campaign",), remaining)


def _trunks(all_of_them: tuple[TrunkView, ...]) -> Iterator[Metric]:
    by_name = [((each.trunk,), each) for each in all_of_them]
    states = (((*name, state), each.state is state) for name, each in by_name for state in TrunkState)
    yield _gauges("trunk_state", "1 for the state of a trunk", ("trunk", "state"), states)
    for kind, figure, help_text in (
        (_gauges, "channels_used", "Channels in use"),
        (_gauges, "channels", "Channels available"),
        (_gauges, "answer_seizure_ratio", "Answered calls among all that were placed"),
        (_gauges, "calls_per_second", "Call starts, over the last ten seconds"),
        (_counters, "attempts", "Calls that were placed over a trunk, since the start"),
        (_counters, "failures", "Failures of the carrier, since the start"),
    ):
        values = [(name, getattr(each, figure)) for name, each in by_name]
        yield kind(f"trunk_{figure}", help_text, ("trunk",), values)


def _info(centre: str) -> Metric:
    return _gauges("info", "The centre and its version", ("centre", "version"), [((centre, version("matdan")), 1)])


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return _gauges(name, help_text, (), [((), value)])


def _family(
    kind: type[GaugeMetricFamily | CounterMetricFamily],
    name: str,
    help_text: str,
    labels: tuple[str, ...],
    values: Values,
) -> Metric:
    family = kind(f"matdan_{name}", help_text, labels=labels)
    for each, value in values:
        family.add_metric(each, float(value))
    return family


_gauges, _counters = partial(_family, GaugeMetricFamily), partial(_family, CounterMetricFamily)
