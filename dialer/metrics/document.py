"""Generate the page docs/reference/metrics.md: `python -m dialer.metrics.document docs/reference`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from dialer.domain.alerts import AlertKind, create_alert
from dialer.domain.results import OutboxWait
from dialer.domain.view import CampaignView, CentreState, CentreView, Hold, HoldReason
from dialer.metrics.families import (
    ProcessStatus,
    build_centre_metrics,
    build_metrics_of_centre_pages,
    build_metrics_of_headquarters_pages,
    build_metrics_of_result_import,
    build_uplink_metrics,
)
from dialer.mqtt import topics
from dialer.mqtt.examples import create_example_messages

PAGE = "metrics.md"
_HEAD = """# Metrics

For those who run [monitoring](../how-to/monitoring.md). Labels are ids; no metric has a name or phone number. Each process also has
the metrics of its process: CPU, memory, open files.
"""


def render_metrics_page() -> str:
    """Return the page docs/reference/metrics.md, with a row for each metric."""
    lines = [_HEAD, "|metric|labels|process|meaning|", "|---|---|---|---|"]
    described: set[str] = set()
    for process, status in _make_example_process_statuses():
        for family in status.families:
            sample = family.samples[0]
            if sample.name in described:
                continue
            described.add(sample.name)
            labels = ", ".join(f"`{label}`" for label in sample.labels)
            shown = "all" if sample.name == "matdan_info" else process
            lines.append(f"|`{sample.name}`|{labels}|{shown}|{family.documentation}|")
    return "\n".join(lines) + "\n"


def _make_example_process_statuses() -> Iterator[tuple[str, ProcessStatus]]:
    """Yield each process's name, and an example of its status that has a value for every metric."""
    messages = create_example_messages()
    campaign: CampaignView = messages[topics.STATISTICS.key]
    state: CentreState = messages[topics.CENTRE_STATE.key]
    view = CentreView(
        replace(
            state,
            outbox=(OutboxWait("broker", 1, state.at),),
            figures={"loop_lag_median_seconds": 0.0, "loop_lag_p99_seconds": 0.0},
        ),
        (replace(campaign, hold=Hold(HoldReason.NO_AGENT)),),
        (),
        (),
        (create_alert(AlertKind.BROKER_DOWN, 0.0, problem=""),),
    )
    yield "dialler", build_centre_metrics(view, broker_up=True, free_bytes=0)
    yield "desk", build_metrics_of_centre_pages("pune-1", broker_up=True, streams=0)
    yield "uplink", build_uplink_metrics("pune-1", broker_up=True, headquarters_up=True)
    yield (
        "gatherer",
        build_metrics_of_result_import(
            is_active=True,
            server_up=True,
            committed_at={"pune-1": 0.0},
            contradicted_centres=["pune-1"],
            replaced_centres=["pune-1"],
            centres_with_unstored_results=["pune-1"],
            servers_with_outdated_copies=["hq-1"],
        ),
    )
    yield "headquarters' pages", build_metrics_of_headquarters_pages(server_up=True)


if __name__ == "__main__":
    (Path(sys.argv[1]) / PAGE).write_text(render_metrics_page(), encoding="utf-8")
