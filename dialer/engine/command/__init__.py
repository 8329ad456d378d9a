"""Commands: what people and programs may ask of the engine. Each feature has its own in `commands.py`."""

from __future__ import annotations

from importlib import import_module

MODULES = (
    *(
        "campaigns.commands",
        "seats.commands",
        "campaigns.speed_commands",
        "call_flows.commands",
        "booth_workers.commands",
    ),
    *("transfers.commands", "supervision.commands", "external_records.commands", "dispositions.commands"),
    *("preview.commands", "roll_import.commands", "external_records.unknown_commands", "users.commands"),
    *("headquarters.commands", "headquarters.uplink_commands"),
)
"""The modules that hold commands, in the order in which pages and docs list them."""


def find_commands() -> None:
    """Import every module that holds commands: each command registers itself."""
    for name in MODULES:
        import_module(f"dialer.engine.{name}")


find_commands()
