"""The Prometheus metrics of each process, and whether the process is ready.

Names follow https://prometheus.io/docs/practices/naming. Labels are IDs only. Metrics are created for each request, so
that removed campaigns, seats and trunks disappear.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from dialer.domain.alerts import AlertLevel
from dialer.domain.model import CampaignState
from dialer.domain.view import CallState, CampaignView, CentreView, SeatState, TrunkState, TrunkView

Values = Iterable[tuple[tuple[str, ...], float]]
"""Pairs of label values and a metric's value."""


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """The metrics of a process at one moment, and whether it is ready."""

    families: tuple[Metric, ...]
    problem: str | None = None  # why it is not ready, in one line; None: it is ready


def build_centre_metrics(view: CentreView, *, broker_up: bool | None, free_bytes: int) -> ProcessStatus:
    """Return the metrics and the readiness of a centre's dialler. `broker_up` is None without a broker. `free_bytes` is
    the free space on the store's disk.
    """
    critical = [alert.text for alert in view.alerts if alert.level is AlertLevel.CRITICAL]
    if not view.state.switch_up:
        critical.insert(0, "no connection to the switch")
    if view.state.draining:
        critical.insert(0, "the dialler is stopping")
    free = _create_gauge_with_one_value("store_free_bytes", "Free space on the store's disk", free_bytes)
    families = (*_create_centre_metrics(view, broker_up), free)
    return ProcessStatus(families, critical[0] if critical else None)


def build_metrics_of_centre_pages(centre: str, *, broker_up: bool, streams: int) -> ProcessStatus:
    """Return the metrics and readiness of a desk (the server of a centre's pages), from its connection to the broker
    and the number of open pages.
    """
    families = (
        _create_version_metric(centre),
        _create_gauge_with_one_value("desk_broker_up", "Whether the desk is connected to the broker", broker_up),
        _create_gauge_with_one_value("desk_streams", "Open pages", streams),
    )
    return ProcessStatus(families, None if broker_up else "no connection to the broker")


def build_uplink_metrics(centre: str, *, broker_up: bool, headquarters_up: bool) -> ProcessStatus:
    """Return the metrics and readiness of an uplink (the process that connects a centre to headquarters), from its
    connections to the centre's broker and to headquarters.
    """
    families = (
        _create_version_metric(centre),
        _create_gauge_with_one_value(
            "uplink_broker_up", "Whether the uplink is connected to the centre's broker", broker_up
        ),
        _create_gauge_with_one_value(
            "headquarters_up", "Whether the uplink is connected to headquarters", headquarters_up
        ),
    )
    if not headquarters_up:
        return ProcessStatus(families, "no connection to headquarters")
    return ProcessStatus(families, None if broker_up else "no connection to the broker")


def build_metrics_of_result_import(
    *,
    is_active: bool,
    server_up: bool,
    committed_at: Mapping[str, float],
    set_back_at: float = 0.0,
    contradicted_centres: Iterable[str] = (),
    replaced_centres: Iterable[str] = (),
    centres_with_unstored_results: Iterable[str] = (),
    has_unstored_updates: bool = False,
    servers_with_outdated_copies: Iterable[str] = (),
) -> ProcessStatus:
    """Return the metrics and readiness of a gatherer, the process that imports the centres' results at headquarters.

    Args:
        is_active: whether it has the database's lock.
        server_up: whether it is connected to headquarters' nats-server.
        committed_at: the time of the last commit of each centre's results since the start (epoch seconds).
        set_back_at: when the server was found to run on an older copy of its data (0 = never).
        contradicted_centres: the centres whose signed log contradicts itself.
        replaced_centres: the centres with a new store that no person has confirmed.
        centres_with_unstored_results: the centres whose results the server does not store.
        has_unstored_updates: whether the server does not store opt-outs, votes and calls for other centres.
        servers_with_outdated_copies: the servers of a cluster whose copy of a stream lacks messages.
    """
    committed = (((centre,), at) for centre, at in committed_at.items())
    families = (
        _create_version_metric("headquarters"),
        _create_gauge_with_one_value("gather_active", "Whether this gatherer has the database's lock", is_active),
        _create_gauge_with_one_value(
            "gather_server_up", "Whether the gatherer is connected to headquarters' server", server_up
        ),
        _create_gauge_with_one_value(
            "gather_set_back_timestamp_seconds",
            "When headquarters' server was last found to be set back to a copy; 0: not since the start",
            set_back_at,
        ),
        _gauges(
            "gather_committed_timestamp_seconds",
            "Time of the last commit of a centre's results",
            ("centre",),
            committed,
        ),
        _gauges(
            "gather_seals_contradict",
            "1 for each centre whose signed log contradicts what the centre sent earlier, until a person accepts the store",
            ("centre",),
            (((centre,), 1) for centre in sorted(contradicted_centres)),
        ),
        _gauges(
            "gather_store_replaced",
            "1 for each centre whose store replaced another, until a person confirms it",
            ("centre",),
            (((centre,), 1) for centre in sorted(replaced_centres)),
        ),
        _gauges(
            "gather_results_not_stored",
            "1 for each centre that reports that headquarters' server does not store its results",
            ("centre",),
            (((centre,), 1) for centre in sorted(centres_with_unstored_results)),
        ),
        _create_gauge_with_one_value(
            "gather_updates_not_stored",
            "Whether headquarters' server does not store opt-outs, votes and calls for other centres",
            has_unstored_updates,
        ),
        _gauges(
            "gather_copies_outdated",
            "1 for each server of headquarters' cluster whose copy of a stream lacks messages",
            ("server",),
            (((server,), 1) for server in sorted(servers_with_outdated_copies)),
        ),
    )
    if not server_up:
        return ProcessStatus(families, "no connection to headquarters' server")
    return ProcessStatus(families, None if is_active else "waiting for the database or for another gatherer to end")


def build_metrics_of_headquarters_pages(*, server_up: bool) -> ProcessStatus:
    """Return the metrics and readiness of headquarters' pages, from their connection to headquarters' server."""
    connected = _create_gauge_with_one_value(
        "hq_desk_server_up", "Whether the pages are connected to headquarters' server", server_up
    )
    families = (_create_version_metric("headquarters"), connected)
    return ProcessStatus(families, None if server_up else "no connection to headquarters' server")


def _create_centre_metrics(view: CentreView, broker_up: bool | None) -> Iterator[Metric]:
    state = view.state
    yield _create_version_metric(state.centre)
    yield _create_gauge_with_one_value("switch_up", "Whether the dialler is connected to the switch", state.switch_up)
    if broker_up is not None:
        yield _create_gauge_with_one_value("broker_up", "Whether the dialler is connected to the broker", broker_up)
    yield _create_gauge_with_one_value(
        "draining", "Whether the dialler is stopping and places no new calls", state.draining
    )
    seats = (((each,), state.seats.get(each, 0)) for each in SeatState)
    yield _gauges("seats", "Seats by state", ("state",), seats)
    if state.utilisation is not None:
        yield _create_gauge_with_one_value(
            "utilisation_ratio", "Talking and wrap-up time / logged-in time, mean of the seats", state.utilisation
        )
    yield from _create_campaign_metrics(view.campaigns)
    yield from _create_trunk_metrics(state.trunks)
    marks = (((kind,), count) for kind, count in state.marks.items())
    yield _counters("marks", "Marks (facts about voters) stored since the start", ("kind",), marks)
    yield _counters("opt_outs", "Numbers that opted out", (), [((), state.opt_outs)])
    alerts = (((alert.code, alert.level), 1) for alert in view.alerts)
    yield _gauges("alert", "Active alerts", ("code", "level"), alerts)
    waiting = (((each.sink,), each.rows) for each in state.outbox)
    yield _gauges("outbox_rows", "Messages waiting to be sent, by recipient", ("sink",), waiting)
    oldest = (((each.sink,), state.at - each.oldest_at) for each in state.outbox if each.oldest_at is not None)
    yield _gauges("outbox_oldest_seconds", "Age of the oldest message waiting to be sent", ("sink",), oldest)
    lags = ((("0.5",), "loop_lag_median_seconds"), (("0.99",), "loop_lag_p99_seconds"))
    known = ((share, state.figures[name]) for share, name in lags if name in state.figures)
    yield _gauges("loop_lag_seconds", "Event-loop lag in the last minute", ("quantile",), known)


def _create_campaign_metrics(campaigns: tuple[CampaignView, ...]) -> Iterator[Metric]:
    by_id = [(each.campaign_id, each) for each in campaigns]
    running = (((name,), each.state is CampaignState.RUNNING) for name, each in by_id)
    yield _gauges("campaign_running", "Whether a campaign is neither paused nor stopped", ("campaign",), running)
    held = (((name, each.hold.reason), 1) for name, each in by_id if each.hold is not None)
    yield _gauges("campaign_held", "1 for the reason for which a campaign is held", ("campaign", "reason"), held)
    calls = (((name, state), each.calls.get(state, 0)) for name, each in by_id for state in CallState)
    yield _gauges("calls", "Live calls by state", ("campaign", "state"), calls)
    outcomes = (((name, outcome), count) for name, each in by_id for outcome, count in each.outcomes.items())
    yield _counters("attempts", "Ended call attempts of the day, by outcome", ("campaign", "outcome"), outcomes)
    refused = (((name, reason), count) for name, each in by_id for reason, count in each.refused.items())
    yield _counters("refused_calls", "Calls refused by the rules since the start", ("campaign", "reason"), refused)
    rates = (((name,), each.abandoned_rate) for name, each in by_id)
    yield _gauges("abandoned_ratio", "Abandoned calls / live answers of the day", ("campaign",), rates)
    remaining = (((name,), each.progress.remaining) for name, each in by_id)
    yield _gauges("numbers_remaining", "Remaining numbers of a campaign's list", ("campaign",), remaining)


def _create_trunk_metrics(trunks: tuple[TrunkView, ...]) -> Iterator[Metric]:
    by_name = [((each.trunk,), each) for each in trunks]
    states = (((*name, state), each.state is state) for name, each in by_name for state in TrunkState)
    yield _gauges("trunk_state", "1 for the state of a trunk", ("trunk", "state"), states)
    for kind, figure, help_text in (
        (_gauges, "channels_used", "Channels in use"),
        (_gauges, "channels", "Channels available"),
        (_gauges, "answer_seizure_ratio", "Answered calls / placed calls"),
        (_gauges, "calls_per_second", "Call starts per second over the last 10 seconds"),
        (_counters, "attempts", "Calls placed over a trunk since the start"),
        (_counters, "failures", "Failures caused by the carrier since the start"),
    ):
        values = [(name, getattr(each, figure)) for name, each in by_name]
        yield kind(f"trunk_{figure}", help_text, ("trunk",), values)


def _create_version_metric(centre: str) -> Metric:
    return _gauges("info", "The centre and its version", ("centre", "version"), [((centre, version("matdan")), 1)])


def _create_gauge_with_one_value(name: str, help_text: str, value: float) -> Metric:
    return _gauges(name, help_text, (), [((), value)])


def _create_metric_family(
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


_gauges, _counters = (
    partial(_create_metric_family, GaugeMetricFamily),
    partial(_create_metric_family, CounterMetricFamily),
)
