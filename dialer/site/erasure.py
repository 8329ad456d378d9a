"""The rules by which a site erases personal data, from its settings."""

from __future__ import annotations

from dialer.settings.site import Settings
from dialer.settings.site_rules import recordings_required_until
from dialer.settings.site_time import site_day
from dialer.store.number_erasure import ErasureRules


def create_erasure_rules(settings: Settings) -> ErasureRules:
    """Return the site's rules for erasing personal data: folders of recordings, retention, opt-out secrets."""
    return ErasureRules(
        settings.recordings.directory,
        settings.audio.sounds / settings.flows.recording_directory,
        lambda at: recordings_required_until(settings, site_day(settings, at)),
        settings.rules.secrets(),
    )
