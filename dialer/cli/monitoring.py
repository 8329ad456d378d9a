"""`dialer monitoring ...`: what ships for a monitoring server, printed."""

from __future__ import annotations

import typer

from dialer import content
from dialer.cli.group import CommandGroup

app = CommandGroup()


@app.command()
def alerts() -> None:
    """Print the alerting rules for Prometheus."""
    _print("alerts.yml")


@app.command()
def dashboard() -> None:
    """Print the dashboard for Grafana, for its import page."""
    _print("dashboard.json")


def _print(name: str) -> None:
    typer.echo((content.CONFIG / "prometheus" / name).read_text("utf-8"), nl=False)
