"""When a changed setting takes effect: at a reload of the settings, after a restart, or in another program."""

from __future__ import annotations

from dialer.settings.fields import Applied, Section, find_class_of_settings_table
from dialer.settings.site import Settings


def find_when_setting_change_is_applied(section: str, key: str = "") -> Applied:
    """Return when a changed setting takes effect, such as at once or after a restart.

    `key` is the key in the settings table `section`; without it, the whole table was added or removed.
    """
    field = Settings.model_fields.get(section)
    model = None if field is None else find_class_of_settings_table(field.annotation)
    return (
        Applied.RESTART
        if model is None
        else list_settings_applied_at_other_time_than_table(model).get(key, model.applied)
    )


def list_settings_applied_at_other_time_than_table(model: type[Section]) -> dict[str, Applied]:
    """Return the exceptions in a settings table: the keys whose changes take effect at another time than those of the
    table as a whole, each with that time.
    """
    return {
        key: each for key, field in model.model_fields.items() for each in field.metadata if isinstance(each, Applied)
    }
