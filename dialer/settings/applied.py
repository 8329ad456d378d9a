"""When a changed setting is applied while the dialler runs, as its field in the settings' models says."""

from __future__ import annotations

from dialer.settings.fields import Applied, Section, section_of
from dialer.settings.site import Settings


def when_applied(section: str, key: str = "") -> Applied:
    """Return when a changed setting is applied; without a `key`: a table that was added or removed."""
    field = Settings.model_fields.get(section)
    model = None if field is None else section_of(field.annotation)
    return Applied.RESTART if model is None else applied_otherwise(model).get(key, model.applied)


def applied_otherwise(model: type[Section]) -> dict[str, Applied]:
    """Return the keys of a section that are applied at another time than the rest of it."""
    return {
        key: each for key, field in model.model_fields.items() for each in field.metadata if isinstance(each, Applied)
    }
