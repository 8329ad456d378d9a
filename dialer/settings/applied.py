"""The time at which changed settings take effect: at a reload, after a restart, or in another program."""

from __future__ import annotations

from dialer.settings.fields import Applied, Section, find_class_of_settings_table
from dialer.settings.site import Settings


def find_when_setting_takes_effect(section: str, key: str = "") -> Applied:
    """Return when a changed setting takes effect, such as at a reload or after a restart.

    `section` is the settings table and `key` the key in it. Without a key, the whole table was added or removed.
    """
    field = Settings.model_fields.get(section)
    model = None if field is None else find_class_of_settings_table(field.annotation)
    return Applied.RESTART if model is None else list_settings_with_other_effect_time(model).get(key, model.applied)


def list_settings_with_other_effect_time(model: type[Section]) -> dict[str, Applied]:
    """Return the settings that take effect at another time than the rest of their table, each with that time.

    An example is a key that needs a restart, in a table that takes effect at a reload.
    """
    return {
        key: each for key, field in model.model_fields.items() for each in field.metadata if isinstance(each, Applied)
    }
