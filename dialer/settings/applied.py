"""When a changed setting takes effect: at a reload of the settings, after a restart, or in another program."""

from __future__ import annotations

from dialer.settings.fields import Applied, Section, find_class_of_settings_table
from dialer.settings.site import Settings


def find_when_setting_takes_effect(section: str, key: str = "") -> Applied:
    """Return when a changed setting takes effect, such as at a reload or after a restart.

    `key` is the key in the settings table `section`. Without a key, the whole table was added or removed.
    """
    field = Settings.model_fields.get(section)
    model = None if field is None else find_class_of_settings_table(field.annotation)
    return Applied.RESTART if model is None else list_settings_with_own_apply_time(model).get(key, model.applied)


def list_settings_with_own_apply_time(model: type[Section]) -> dict[str, Applied]:
    """Return the keys of a settings table whose changes take effect at a time of their own, and this time for each.

    An example is a key that needs a restart, in a table that a reload applies.
    """
    return {
        key: each for key, field in model.model_fields.items() for each in field.metadata if isinstance(each, Applied)
    }
