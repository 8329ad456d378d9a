"""When a changed setting takes effect while the dialler runs: at once, at a reload, or after a restart."""

from __future__ import annotations

from dialer.settings.fields import Applied, Section, find_section_type
from dialer.settings.site import Settings


def when_applied(section: str, key: str = "") -> Applied:
    """Return when a changed setting takes effect. Without a `key`, the change is a table that was added or removed."""
    field = Settings.model_fields.get(section)
    model = None if field is None else find_section_type(field.annotation)
    return Applied.RESTART if model is None else keys_applied_at_other_times(model).get(key, model.applied)


def keys_applied_at_other_times(model: type[Section]) -> dict[str, Applied]:
    """Return the keys of a section that take effect at another time than the section itself."""
    return {
        key: each for key, field in model.model_fields.items() for each in field.metadata if isinstance(each, Applied)
    }
