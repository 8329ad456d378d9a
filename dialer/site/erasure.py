"""What erasure must find outside the store, from a site's settings."""

from __future__ import annotations

from dialer.settings.site import Settings
from dialer.settings.site_rules import recordings_required_until
from dialer.settings.site_time import site_day
from dialer.store.number_erasure import ErasureRules


def erasure_rules(settings: Settings) -> ErasureRules:
    """Return where recordings and callers' messages are (absolute, or below Asterisk's sounds), and until when they must stay."""
    return ErasureRules(
        settings.recordings.directory,
        settings.audio.sounds / settings.flows.recording_directory,
        lambda at: recordings_required_until(settings, site_day(settings, at)),
        settings.rules.secrets(),
    )
