"""The rules for erasing personal data of a site, from its settings."""

from __future__ import annotations

from dialer.settings.site import Settings
from dialer.settings.site_rules import recordings_required_until
from dialer.settings.site_time import site_day
from dialer.store.number_erasure import ErasureRules


def create_erasure_rules(settings: Settings) -> ErasureRules:
    """Return what the erasure of personal data needs: folders of recordings, retention periods, and opt-out secrets."""
    return ErasureRules(
        settings.recordings.directory,
        settings.audio.sounds / settings.flows.recording_directory,
        lambda at: recordings_required_until(settings, site_day(settings, at)),
        settings.rules.secrets(),
    )
