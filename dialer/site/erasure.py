"""The rules by which a site erases personal data, from its settings."""

from __future__ import annotations

from dialer.settings.site import Settings
from dialer.settings.site_rules import describe_required_recording_retention
from dialer.settings.site_time import get_site_day
from dialer.store.number_erasure import ErasureRules


def create_erasure_rules(settings: Settings) -> ErasureRules:
    """Return the site's rules for erasing personal data: folders of recordings, retention, opt-out secrets."""
    return ErasureRules(
        settings.recordings.directory,
        settings.audio.sounds / settings.flows.recording_directory,
        lambda at: describe_required_recording_retention(settings, get_site_day(settings, at)),
        settings.rules.list_opt_out_secrets(),
    )
