"""All commands of the MQTT interface, by name."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules

from dialer import engine
from dialer.engine.command.base import Command, registry


def _load_commands_of_all_features() -> dict[str, type[Command]]:
    """Import `commands.py` of every feature, and return the commands by name, sorted by feature."""
    for feature in iter_modules(engine.__path__, f"{engine.__name__}."):
        if feature.ispkg and find_spec(f"{feature.name}.commands") is not None:
            import_module(f"{feature.name}.commands")
    return dict(sorted(registry.items(), key=lambda item: item[1].__module__))


COMMANDS: Mapping[str, type[Command]] = _load_commands_of_all_features()
"""All commands by name, in the order used by docs and help."""
