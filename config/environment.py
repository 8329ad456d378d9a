"""Variables of the environment that stand in for settings: none of ours is passed over, and each is named where it is wrong."""

from __future__ import annotations

import os

from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsError

from config.errors import SettingError

PREFIX = "MATDAN_"
DELIMITER = "__"


def refuse_stray_variables(model: type[BaseSettings]) -> None:
    """Raise SettingError for the first variable named MATDAN_... that is no setting of `model`, or that cannot be read.

    Each is read by itself, as the library names neither a variable that it cannot decode nor one that it has no use for.
    """
    source = EnvSettingsSource(model)
    for name in _ours():
        source.env_vars = {name.lower(): os.environ[name]}
        try:
            settings = source()
        except (SettingsError, RecursionError) as error:  # the value may be a secret, and is not repeated
            problem = "is neither a list nor a table in JSON"
            remedy = """write a list as ["+91"], a table as {"key": "value"}"""
            raise SettingError("environment", name, problem, remedy) from error
        if not settings:
            remedy = f"remove it or correct its spelling: {PREFIX}<SECTION>{DELIMITER}<KEY> (docs/settings.md)"
            raise SettingError("environment", name, "is not a setting", remedy)


def key_in_environment(place: tuple[str, ...], *, of_wrong_type: bool) -> str | None:
    """The variable that gave the setting at `place` (section, key, ...), and what of it; None: the environment did not.

    A variable for something within that setting has to do with it only where no table can stand (`of_wrong_type`).
    """
    for name in _ours():
        path = tuple(name[len(PREFIX) :].lower().split(DELIMITER))
        if place[: len(path)] == path or (of_wrong_type and path[: len(place)] == place):
            return ".".join((name, *place[len(path) :]))
    return None


def _ours() -> list[str]:
    """As the library reads them: in capital and small letters alike."""
    return sorted(name for name in os.environ if name.upper().startswith(PREFIX))
