"""All settings of a centre, from one TOML file (or a pipe) and from environment variables.

`MATDAN_<SECTION>__<KEY>`, such as `MATDAN_AMI__SECRET`, overrides a value in the file. Unknown keys and variables are
rejected, so that misspelt settings are noticed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import PrivateAttr, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from dialer.domain.enums import CampaignKind
from dialer.errors import SettingError, SettingMistakes
from dialer.settings.asterisk import DEFAULT_HISTORY_FILE, Ami, Asterisk, FastAgi
from dialer.settings.audio import Audio
from dialer.settings.broker import Broker, Mosquitto
from dialer.settings.campaigns import Campaign, list_campaigns_in_text, read_campaign_files
from dialer.settings.centre import CentreSettings, Dialling, StoreSettings
from dialer.settings.cross_checks import find_contradictions_between_tables
from dialer.settings.desk import Desk
from dialer.settings.environment import PREFIX, find_environment_variable, read_settings_in_environment
from dialer.settings.fields import Section, is_loopback_host
from dialer.settings.file_text import SettingsText, read_settings_file
from dialer.settings.flows import FlowSettings
from dialer.settings.inbound import InboundSettings
from dialer.settings.metrics import Metrics
from dialer.settings.mistakes import add_file_and_line_to_error, combine_setting_errors, list_setting_errors
from dialer.settings.polling_day import PollingDaySettings
from dialer.settings.recordings import RecordingSettings
from dialer.settings.report_mail import ReportMail
from dialer.settings.rules import Rules
from dialer.settings.seats import Agent, AgentLogin, SeatSettings, list_agents_in_text
from dialer.settings.sources import Source
from dialer.settings.supervision import Supervisor
from dialer.settings.transfers import HoldSettings, TransferSettings
from dialer.settings.trunks import Carrier, Trunk, TrunkRest
from dialer.settings.twilio import Twilio
from dialer.settings.uplink import Headquarters


class Settings(Section):
    """All settings of a centre, as in centre.toml."""

    _file: SettingsText = PrivateAttr(default_factory=SettingsText)

    centre: CentreSettings = CentreSettings()
    store: StoreSettings = StoreSettings()
    ami: Ami = Ami()
    fastagi: FastAgi = FastAgi()
    flows: FlowSettings = FlowSettings()
    twilio: Twilio = Twilio()
    asterisk: Asterisk = Asterisk()
    broker: Broker = Broker()
    mosquitto: Mosquitto = Mosquitto()
    desk: Desk = Desk()
    metrics: Metrics = Metrics()
    report_mail: ReportMail = ReportMail()
    headquarters: Headquarters = Headquarters()
    dialling: Dialling = Dialling()
    inbound: InboundSettings = InboundSettings()
    rules: Rules = Rules()
    polling_day: PollingDaySettings = PollingDaySettings()
    audio: Audio = Audio()
    agent_login: AgentLogin = AgentLogin()
    trunk_rest: TrunkRest = TrunkRest()
    trunks: tuple[Trunk, ...] = ()
    hold: HoldSettings = HoldSettings()
    recordings: RecordingSettings = RecordingSettings()
    seats: tuple[SeatSettings, ...] = ()
    transfers: tuple[TransferSettings, ...] = ()
    supervisors: tuple[Supervisor, ...] = ()
    agents: tuple[Agent, ...] = ()
    campaigns: tuple[Campaign, ...] = ()
    sources: tuple[Source, ...] = ()

    @property
    def text_of_settings_file(self) -> SettingsText:
        """The settings file that was read. The text is empty if the settings come from no file."""
        return self._file

    @model_validator(mode="before")
    @classmethod
    def _turn_on_asterisk_call_history(cls, tables: Any) -> Any:
        """Turn on `asterisk.history` if it is not set and Asterisk runs on this machine.

        The dialler can then look up how calls ended while it was down.
        """
        if not isinstance(tables, dict):
            return tables
        ami, asterisk = tables.get("ami", {}), tables.get("asterisk", {})
        if not isinstance(ami, dict) or not isinstance(asterisk, dict) or {"history", "servers"} & asterisk.keys():
            return tables
        host = ami.get("host", Ami.model_fields["host"].default)
        if not isinstance(host, str) or not is_loopback_host(host):
            return tables
        return {**tables, "asterisk": {**asterisk, "history": DEFAULT_HISTORY_FILE}}

    @model_validator(mode="after")
    def _check_consistency_between_tables(self) -> Self:
        """Raise one error about all mistakes that involve several tables of the settings."""
        wrong = [
            InitErrorDetails(type=PydanticCustomError("value_error", "{text}", {"text": text}), loc=place, input=None)
            for place, text in find_contradictions_between_tables(self)
        ]
        if wrong:
            raise ValidationError.from_exception_data("Settings", wrong)
        return self

    @property
    def uses_asterisk(self) -> bool:
        """Whether the site needs Asterisk, because it has a seat or a trunk on Asterisk."""
        return bool(self.seats) or not all(trunk.carrier is Carrier.TWILIO for trunk in self.trunks)

    @property
    def runs_agi_scripts(self) -> bool:
        """Whether a campaign or an inbound number runs an AGI script (a program)."""
        numbers = any(number.runs_agi_script for number in self.inbound.numbers)
        return numbers or any(campaign.runs_agi_script for campaign in self.campaigns)

    def list_campaign_trunks(self, campaign: Campaign) -> tuple[str, ...]:
        """Return the trunks that a campaign may use, in order of preference: those that it names, or else all that can
        carry its calls.
        """
        if campaign.trunks:
            return campaign.trunks
        return tuple(
            trunk.name
            for trunk in self.trunks
            if trunk.carrier is Carrier.ASTERISK or (campaign.kind is CampaignKind.IVR and not campaign.runs_agi_script)
        )


_last_loaded_file = [SettingsText()]


def add_settings_line_to_error(error: SettingError) -> SettingError:
    """Return an error about a setting, with the setting's line in the settings file that this process loaded last.

    An error that already names a file is not changed.
    """
    each = error.mistakes if isinstance(error, SettingMistakes) else [error]
    return combine_setting_errors([add_file_and_line_to_error(one, _last_loaded_file[0]) for one in each])


def load_settings(
    path: Path | None = None,
    *,
    campaigns_of_page: SettingsText | None = None,
    agents_of_page: SettingsText | None = None,
) -> Settings:
    """Load the settings of a centre from a TOML file or pipe, and from environment variables.

    Without a `path`, the defaults are used. Relative paths in the settings refer to the working directory. To check a
    changed file of a page before it is written, give it as `campaigns_of_page` or `agents_of_page`. Raises
    SettingError, or SettingMistakes for several mistakes.
    """
    text = SettingsText() if path is None else read_settings_file(path, "centre.toml", "create one with `dialer init`")
    variables = read_settings_in_environment(Settings)
    text.table = _append_agents_of_page(
        _append_campaigns_from_other_files(text.table, campaigns_of_page), agents_of_page
    )
    try:
        loaded = Settings.model_validate(_merge_setting_tables(text.table, variables))
    except ValidationError as error:
        raise combine_setting_errors(
            list(list_setting_errors(error, text, Settings, find_environment_variable))
        ) from error
    loaded._file = _last_loaded_file[0] = text
    return loaded


def _merge_setting_tables(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two tables of settings. If both have a setting, the value in `above` is used."""
    tables = [key for key, value in above.items() if isinstance(value, dict) and isinstance(below.get(key), dict)]
    within = {key: _merge_setting_tables(below[key], above[key]) for key in tables}
    return {**below, **above, **within}


def _append_campaigns_from_other_files(table: Mapping[str, Any], of_page: SettingsText | None) -> Mapping[str, Any]:
    """Return the settings table, with the campaigns of headquarters and of the page /campaigns added.

    If `of_page` is given, it is used in place of the file of the page /campaigns. Raises SettingError for an invalid
    file.
    """
    own = table.get("campaigns", [])
    if not isinstance(own, list):
        return table
    found = list(own)
    if (folder := _read_path_setting(table, "headquarters", "campaigns_folder")) is not None:
        found += read_campaign_files(folder)
    file = _read_path_setting(table, "desk", "campaigns_file")
    if file is not None and of_page is None and file.exists():
        of_page = read_settings_file(file, file.name, "add a campaign on the page /campaigns")
    if of_page is not None:
        found += list_campaigns_in_text(of_page)
    return table if found == own else {**table, "campaigns": found}


def _append_agents_of_page(table: Mapping[str, Any], of_page: SettingsText | None) -> Mapping[str, Any]:
    """Return the settings table, with the agents added whom supervisors edit on the board.

    If `of_page` is given, it is used in place of the file of these agents. Raises SettingError for an invalid file.
    """
    own = table.get("agents", [])
    file = _read_path_setting(table, "desk", "agents_file")
    if file is not None and of_page is None and file.exists():
        of_page = read_settings_file(file, file.name, "add an agent on the board")
    if of_page is None or not isinstance(own, list):
        return table
    return {**table, "agents": [*own, *list_agents_in_text(of_page)]}


def _read_path_setting(table: Mapping[str, Any], section: str, key: str) -> Path | None:
    """Return the path that a setting contains in the file or the environment, or None."""
    values = table.get(section)
    written = values.get(key) if isinstance(values, dict) else None
    path = os.environ.get(f"{PREFIX}{section.upper()}__{key.upper()}", written)
    return Path(path) if path and isinstance(path, str) else None
