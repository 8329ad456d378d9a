"""Settings from environment variables named MATDAN_<SECTION>__<KEY>. Unknown and invalid variables are errors."""

from __future__ import annotations

import os
from typing import Any

from dialer.errors import SettingError
from dialer.settings.fields import Section

PREFIX = "MATDAN_"
DELIMITER = "__"


def read_settings_in_environment(model: type[Section]) -> dict[str, Any]:
    """Return the settings from environment variables such as MATDAN_AMI__SECRET, as nested dictionaries.

    Raises SettingError for the first variable that is not a setting of the model or cannot be decoded. Each variable is
    read by itself, because pydantic-settings does not name variables that it cannot decode or that it ignores.
    """
    names = _list_matdan_variables()
    if not names:
        return {}
    from pydantic_settings import EnvSettingsSource, SettingsError  # noqa: PLC0415 - slow, and seldom needed

    any_model: Any = model  # the library's type is its own settings class, but it uses only the fields
    source = EnvSettingsSource(any_model, env_prefix=PREFIX, env_nested_delimiter=DELIMITER)
    every = source.env_vars
    for name in names:
        source.env_vars = {name.lower(): os.environ[name]}
        try:
            settings = source()
        except (SettingsError, RecursionError) as error:  # the value may be a secret, and is not repeated
            problem = "must be a list or a table in JSON"
            remedy = """write a list as ["+91"], a table as {"key": "value"}"""
            raise SettingError("environment", name, problem, remedy) from error
        if not settings:
            remedy = (
                f"remove it or correct its spelling, {PREFIX}<SECTION>{DELIMITER}<KEY>; see docs/reference/settings.md"
            )
            raise SettingError("environment", name, "is not a setting", remedy)
    source.env_vars = every
    return source()


def find_environment_variable(place: tuple[str, ...], *, of_wrong_type: bool) -> str | None:
    """Return the environment variable that set the setting at the path `place`, or None.

    If the variable set a whole table, the rest of the path is appended to the variable's name. With `of_wrong_type`, a
    variable that set only one key below `place` counts too.
    """
    for name in _list_matdan_variables():
        path = tuple(name[len(PREFIX) :].lower().split(DELIMITER))
        if place[: len(path)] == path or (of_wrong_type and path[: len(place)] == place):
            return ".".join((name, *place[len(path) :]))
    return None


def _list_matdan_variables() -> list[str]:
    """Return the names of all environment variables that begin with MATDAN_, in upper or lower case."""
    return sorted(name for name in os.environ if name.upper().startswith(PREFIX))
