"""`dialer monitoring`: print alerting rules and a dashboard for a monitoring server (Prometheus, Grafana)."""

from __future__ import annotations

import typer

from dialer.cli.group import CommandGroup

app = CommandGroup()


@app.command("alerts")
def print_alert_rules() -> None:
    """Print the alerting rules for Prometheus."""
    _print_file_shipped_with_dialler("alerts.yml")


@app.command("dashboard")
def print_dashboard() -> None:
    """Print a dashboard for Grafana, as JSON for its import page."""
    _print_file_shipped_with_dialler("dashboard.json")


def _print_file_shipped_with_dialler(name: str) -> None:
    from dialer import content

    typer.echo((content.CONFIG / "prometheus" / name).read_text("utf-8"), nl=False)
