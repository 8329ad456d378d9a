"""Reload of the settings file while the dialler runs. Either all changes are applied, or none of them.

If one change is invalid or needs a restart, no change is applied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from dialer.domain.errors import CommandRefused
from dialer.engine.plan import ReloadedSettings
from dialer.errors import MatdanError, SettingError, SettingMistakes
from dialer.flows.audio_settings import create_play_rules, requires_notice_before_synthetic_speech
from dialer.flows.model import list_lawful_offers_to_voters
from dialer.settings.fields import Applied
from dialer.settings.jurisdiction import Profile
from dialer.settings.site import Settings, load_settings
from dialer.settings.site_rules import list_caps_on_abandoned_rate, load_site_profile
from dialer.settings.trunks import Carrier
from dialer.site.plan import make_engine_plan_from_settings
from dialer.site.settings_changes import Change, list_setting_changes, list_settings_by_key

ReloadFunction = Callable[[Settings], Callable[[], object]]
"""A function that prepares a part of the running centre for new settings, and returns a function that puts it into use.

It raises MatdanError if the part cannot use the settings.
"""

RefuseSettings = Callable[[Settings, Profile], None]
"""A check that raises MatdanError for settings with which the dialler must not dial."""


class SettingsReload:
    """Reads the settings file of a running dialler again, and applies what has changed."""

    def __init__(
        self,
        settings: Settings,
        profile: Profile,
        *,
        fixed_profile: Profile | None = None,
        recorded: Mapping[str, str] | None = None,
        refuse: RefuseSettings | None = None,
    ) -> None:
        """Prepare reloads of the settings file. `settings` and `profile` are those in force now.

        `fixed_profile`, if given, replaces the profile in the settings. `recorded` has further texts that the audit
        recorded at the start, such as the imported files of voters' weights. `refuse` raises an error if the dialler
        must not dial with changed settings.
        """
        self._settings, self._profile = settings, profile
        self._fixed_profile = fixed_profile
        self._recorded = recorded or {}
        self._refuse = refuse
        self._reload_functions: list[ReloadFunction] = []
        self._switches = _map_trunks_and_seats_to_switches(
            settings
        )  # of this run: a trunk or seat keeps its switch and server until a restart

    def add_settings_reload_functions(self, functions: Iterable[ReloadFunction]) -> None:
        """Add functions that each update a part of the dialler at a reload."""
        self._reload_functions.extend(functions)

    def __call__(self) -> ReloadedSettings:
        """Read the settings file again. Return the changes, and a function that applies them.

        Raises CommandRefused if the file is invalid, a setting is less strict than the jurisdiction's profile (legal
        rules), or a change needs a restart. The error contains no values of settings, because it is published at the
        broker.
        """
        try:
            settings = load_settings(Path(self._settings.text_of_settings_file.name))
            profile = self._fixed_profile or load_site_profile(settings)
        except SettingError as error:
            raise _convert_setting_error_to_refusal(error) from error
        changed = list(list_setting_changes(self._settings, settings))
        changed += self._find_profile_changes(settings, profile, changed)
        need_restart = [change.name for change in changed if change.takes_effect is Applied.RESTART]
        need_restart += self._find_other_reasons_for_restart(settings)
        if need_restart:
            changes, need_or_needs = ", ".join(need_restart), "needs" if len(need_restart) == 1 else "need"
            raise CommandRefused(
                f"no change was applied: {changes} {need_or_needs} a restart;"
                " restart the dialler, or undo these changes"
            )
        try:
            if changed and self._refuse is not None:
                self._refuse(settings, profile)
            prepared = [prepare(settings) for prepare in self._reload_functions]
        except SettingError as error:
            raise _convert_setting_error_to_refusal(error) from error
        except MatdanError as error:
            raise CommandRefused(f"no change was applied: {error}") from error

        def apply_reloaded_settings() -> None:
            self._settings, self._profile = settings, profile
            self._switches |= _map_trunks_and_seats_to_switches(settings)
            for activate in prepared:
                activate()

        recorded = {**list_settings_by_key(settings), **self._recorded}
        ours = tuple(change.name for change in changed if change.takes_effect is not Applied.ELSEWHERE)
        others = tuple(change.name for change in changed if change.takes_effect is Applied.ELSEWHERE)
        return ReloadedSettings(
            make_engine_plan_from_settings(settings, profile), ours, others, recorded, apply_reloaded_settings
        )

    def _find_profile_changes(self, settings: Settings, profile: Profile, found: Sequence[Change]) -> Iterator[Change]:
        """Yield a change if the reloaded profile (legal rules) differs from the profile in force.

        The change needs a restart if the dialler copies one of the changed rules only at its start.
        """
        before = self._profile
        same_copies = _list_rules_fixed_until_restart(settings, before) == _list_rules_fixed_until_restart(
            settings, profile
        )
        if profile != before and not (same_copies and any(change.name.startswith("rules.") for change in found)):
            yield Change("rules.jurisdiction (the profile)", Applied.RELOAD if same_copies else Applied.RESTART)

    def _find_other_reasons_for_restart(self, settings: Settings) -> Iterator[str]:
        before = self._settings
        if bool(before.agents) is not bool(settings.agents):  # without [[agents]] any agent number may log in
            yield "agents"
        for name, switch in _map_trunks_and_seats_to_switches(settings).items():
            known = self._switches.get(name)
            if known != switch and (known is not None or switch[0] is Carrier.TWILIO):
                yield name
        for supervisor in {each.name for each in settings.supervisors} - {each.name for each in before.supervisors}:
            yield f"supervisors.{supervisor}"  # the store may have a user of that name, which only a start resolves
        if not before.runs_agi_scripts and settings.runs_agi_scripts:  # the sandbox of scripts is chosen at the start
            yield "the first AGI script"
        if settings.uses_asterisk is not before.uses_asterisk:
            yield "the first seat or Asterisk trunk, or the last"


def _list_rules_fixed_until_restart(settings: Settings, profile: Profile) -> tuple[object, ...]:
    """Return the legal rules on IVR flows, sounds and abandoned calls, which the dialler reads only at its start.

    A change of one of them needs a restart.
    """
    windows = [window for each in settings.campaigns for window, _, _ in list_caps_on_abandoned_rate(each, profile)]
    return (
        list_lawful_offers_to_voters(profile),
        requires_notice_before_synthetic_speech(settings, profile),
        create_play_rules(settings.audio, profile),
        windows,
    )


def _convert_setting_error_to_refusal(error: SettingError) -> CommandRefused:
    every = error.mistakes if isinstance(error, SettingMistakes) else (error,)
    where = ", ".join(f"{each.file}: {each.key}" for each in every)
    return CommandRefused(f"no change was applied: {where} is invalid; `dialer check` shows why")


def _map_trunks_and_seats_to_switches(settings: Settings) -> dict[str, tuple[Carrier, str | None]]:
    """Return which switch has each trunk and seat: Asterisk with its server, or Twilio with its endpoint."""
    trunks = {
        f"trunks.{each.name}": (each.carrier, each.endpoint if each.carrier is Carrier.TWILIO else each.server)
        for each in settings.trunks
    }
    return trunks | {f"seats.{each.name}": (Carrier.ASTERISK, each.server) for each in settings.seats}
