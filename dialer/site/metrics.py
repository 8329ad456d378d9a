"""Metrics of the dialler for a monitoring server, served if metrics.port is set."""

from __future__ import annotations

import shutil
from contextlib import AbstractAsyncContextManager, nullcontext

from dialer.engine.engine import Engine
from dialer.mqtt.monitor import Monitor
from dialer.settings.site import Settings


def serve_dialler_metrics(
    settings: Settings, engine: Engine, monitor: Monitor | None
) -> AbstractAsyncContextManager[int | None]:
    """Serve the dialler's metrics for Prometheus until the context ends. Yields the port (None = metrics.port is not
    set).
    """
    if settings.metrics.port is None:
        return nullcontext()
    from dialer.metrics.families import ProcessStatus, build_centre_metrics  # noqa: PLC0415 - slow to import
    from dialer.metrics.server import serve_metrics  # noqa: PLC0415

    directory = settings.store.path.resolve().parent

    def get_metrics_and_readiness_of_dialler() -> ProcessStatus:
        broker_up = None if monitor is None else monitor.is_connected_to_broker
        return build_centre_metrics(
            engine.make_centre_view(),
            broker_up=broker_up,
            free_bytes=shutil.disk_usage(directory).free,
        )

    return serve_metrics(settings.metrics.host, settings.metrics.port, get_metrics_and_readiness_of_dialler)
