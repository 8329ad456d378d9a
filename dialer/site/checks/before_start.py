"""`dialer check`: checks of settings, files and services before the dialler starts, which change nothing.

A dialler may be running.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import cache, partial
from pathlib import Path

from dialer.domain.clock import Clock, SystemClock
from dialer.domain.finding import Finding
from dialer.flows.audio_settings import make_playlist_reader
from dialer.settings.servers import split_settings_by_asterisk_server
from dialer.settings.site import Settings
from dialer.site.checks.asterisk import check_asterisk
from dialer.site.checks.audio import check_catalogue_of_recordings, check_sounds_of_dialplan, check_synthetic_voices
from dialer.site.checks.broker import check_broker_access
from dialer.site.checks.certificate import check_desk_certificate, check_signing_certificates
from dialer.site.checks.flows import check_sandbox_of_agi_scripts, list_flow_checks
from dialer.site.checks.network import check_fastagi_port, check_headquarters, check_twilio, check_voter_data_portals
from dialer.site.checks.rules import check_settings_against_profile
from dialer.site.checks.runner import Check, run_checks
from dialer.site.checks.settings import check_secrets, check_settings_tables
from dialer.site.checks.store import check_disk_space, check_encryption, check_store_and_rules


def check_site(settings: Settings, clock: Clock | None = None, *, file: Path | None = None) -> AsyncIterator[Finding]:
    """Run all checks of a site, and yield their results. `file` is the settings file, if there is one."""
    return run_checks(list_site_checks(settings, clock or SystemClock(), file))


def list_site_checks(settings: Settings, clock: Clock, file: Path | None) -> Iterator[Check]:
    """Yield each check that `dialer check` makes of a site, in the order of the settings."""
    reader = cache(lambda: make_playlist_reader(settings))  # parses and hashes each file once
    yield Check("secrets", lambda: check_secrets(settings, file))
    yield Check("settings", lambda: check_settings_tables(settings))
    yield Check("rules", lambda: check_settings_against_profile(settings))
    yield from list_flow_checks(settings)
    yield Check("audio", lambda: check_catalogue_of_recordings(settings, clock, reader))
    yield Check("synthetic voices", lambda: check_synthetic_voices(settings, clock, reader))
    if settings.uses_asterisk:
        yield Check("sounds", lambda: check_sounds_of_dialplan(settings))
    yield Check("disk", lambda: check_disk_space(settings))
    yield Check("store", lambda: check_store_and_rules(settings, clock.now()))
    yield Check("encryption", lambda: check_encryption(settings))
    yield Check("scripts", lambda: check_sandbox_of_agi_scripts(settings))
    yield Check("sources", lambda: check_voter_data_portals(settings))
    yield Check("desk certificate", lambda: check_desk_certificate(settings, clock.now()))
    yield Check("signing certificate", lambda: check_signing_certificates(settings, clock.now()))
    yield Check("fastagi", lambda: check_fastagi_port(settings))
    yield Check("headquarters", lambda: check_headquarters(settings))
    if settings.uses_asterisk and settings.ami.secret is not None:
        for server, site in split_settings_by_asterisk_server(settings).items():
            others = [each.name for each in settings.asterisk.servers if each.name != server]
            yield Check("asterisk", partial(check_asterisk, site, others, reader), server)
    if settings.twilio.enabled:
        yield Check("twilio", lambda: check_twilio(settings))
    if settings.broker.enabled:
        yield Check("broker", lambda: check_broker_access(settings, clock))
