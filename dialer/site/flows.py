"""The IVR flows and agents' scripts that a site's settings name, loaded for a running dialler."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from dialer.domain.enums import Purpose
from dialer.errors import SettingError
from dialer.flows.errors import UnknownFlow
from dialer.flows.library import FlowLibrary
from dialer.flows.model import list_lawful_offers_to_voters
from dialer.flows.script_library import ScriptLibrary
from dialer.flows.texts import load_texts
from dialer.settings.jurisdiction import Profile
from dialer.settings.site import Settings
from dialer.site.reload import ReloadFunction
from dialer.switch.asterisk.fastagi.flow_handler import RecordingRules
from dialer.switch.asterisk.scripts.containment import ScriptRules
from dialer.switch.asterisk.scripts.runner import find_agi_script_in_flow_setting

NOBODY = "nobody"
"""The default user of AGI scripts if the dialler runs as root."""


def list_site_flows(settings: Settings) -> set[str]:
    """Return the names or files of the IVR flows that a site uses, in campaigns and for inbound calls."""
    named = [campaign.flow for campaign in settings.campaigns] + [each.flow for each in settings.inbound.numbers]
    return {flow for flow in named if flow is not None}


def list_site_scripts(settings: Settings) -> dict[str, tuple[str, Purpose]]:
    """Return the agents' script of each campaign (name or file), and the campaign's purpose."""
    return {each.id: (each.script, each.purpose) for each in settings.campaigns if each.script is not None}


def load_flow_library(settings: Settings, profile: Profile) -> FlowLibrary:
    """Load the IVR flows of a site and the scripts of its agents.

    Raises FlowError for the first invalid flow or script, and SettingError if the settings name an unknown one.
    """
    may_offer = list_lawful_offers_to_voters(profile)
    read_texts = partial(load_texts, settings.flows.texts)
    try:
        scripts = ScriptLibrary(list_site_scripts(settings), may_offer)
        return FlowLibrary(sorted(_list_flow_files(settings)), read_texts(), may_offer, scripts, read_texts)
    except UnknownFlow as error:
        for key, name in _list_settings_that_name_flows(settings):
            if name == error.name:
                problem, remedy = error.problem.split("; ", 1)
                problem = problem.replace("this name", f"the name {error.file}")
                raise SettingError("settings", key, problem, remedy) from error
        raise


def _list_settings_that_name_flows(settings: Settings) -> Iterator[tuple[str, str | None]]:
    """Yield the settings that may name a flow or an agents' script, each with its value."""
    for campaign in settings.campaigns:
        yield f"campaigns.{campaign.id}.flow", campaign.flow
        yield f"campaigns.{campaign.id}.script", campaign.script
    for place, number in enumerate(settings.inbound.numbers):
        yield f"inbound.numbers.{place}.flow", number.flow


def create_flows_reload_function(flows: FlowLibrary) -> ReloadFunction:
    """Return a function that loads and checks the flows and scripts of reloaded settings, and returns how to apply them."""

    def prepare_flows_reload(settings: Settings) -> Callable[[], None]:
        return flows.prepare_library_reload(_list_flow_files(settings), list_site_scripts(settings))

    return prepare_flows_reload


def _list_flow_files(settings: Settings) -> list[str]:
    """Return the files of a site's IVR flows, without AGI scripts, which are programs."""
    return [flow for flow in list_site_flows(settings) if find_agi_script_in_flow_setting(flow) is None]


def get_recording_rules_of_flows(settings: Settings) -> RecordingRules | None:
    """Return the folder and the sound format for messages that callers leave, or None if messages are not recorded."""
    flows = settings.flows
    return RecordingRules(flows.recording_directory, flows.recording_format) if flows.recordings else None


def get_limits_of_agi_scripts(settings: Settings) -> ScriptRules:
    """Return the limits for AGI scripts, and the files that are hidden from them: store, backups, key and settings."""
    flows, store = settings.flows, settings.store
    hidden = (
        store.path.parent,
        store.backup_folder,
        store.encryption_key_file,
        Path(settings.text_of_settings_file.name),
    )
    return ScriptRules(
        flows.script_seconds,
        flows.script_memory_megabytes,
        flows.script_user or (NOBODY if os.geteuid() == 0 else None),
        flows.script_processes,
        flows.script_network,
        errors=flows.script_errors,
        hidden=tuple(path.resolve() for path in hidden if path is not None),
    )
