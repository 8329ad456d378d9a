"""The rules in force at a site: its jurisdiction's profile, with stricter values of the site.

The settings are checked against these rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from dialer.domain.enums import CampaignKind, MachineDetection, Purpose
from dialer.domain.translatable import translatable
from dialer.errors import SettingError
from dialer.settings.campaigns import Campaign, ScriptVoice
from dialer.settings.environment import find_environment_variable
from dialer.settings.jurisdiction import Profile, apply_stricter_site_values_to_profile, load_profile
from dialer.settings.mistakes import add_file_and_line_to_error, combine_setting_errors
from dialer.settings.site import Settings
from dialer.settings.trunks import Carrier

_HOUR_SECONDS = 3600.0


def load_site_profile(settings: Settings) -> Profile:
    """Return the jurisdiction profile of a site, with the site's own stricter values.

    Raises SettingError for settings that are less strict than the profile.
    """
    try:
        profile = apply_stricter_site_values_to_profile(
            load_profile(settings.rules.jurisdiction), settings.rules.stricter
        )
    except SettingError as error:
        raise add_file_and_line_to_error(error, settings.text_of_settings_file) from error
    refuse_settings_looser_than_profile(settings, profile)
    return profile


Objection = tuple[str, str, str]
"""The key of a setting, what is wrong with it, and what to do."""


def refuse_settings_looser_than_profile(settings: Settings, profile: Profile) -> None:
    """Raise SettingError if a setting is less strict than the jurisdiction profile (SettingMistakes for several).

    Some settings may have a default that is less strict. The dialler then uses the profile's stricter value, so these
    defaults are not rejected.
    """
    found = []
    for key, problem, remedy in _find_looser_settings(settings, profile):
        place = tuple(key.split("."))
        variable = find_environment_variable(place, of_wrong_type=False)
        where = (
            (settings.text_of_settings_file.locate_setting(place), key)
            if variable is None
            else ("environment", variable)
        )
        found.append(SettingError(*where, problem, remedy))
    if found:
        raise combine_setting_errors(found)


def _find_looser_settings(settings: Settings, profile: Profile) -> Iterator[Objection]:
    dialling, named = settings.dialling, translatable("named-profile", "the profile '{profile}'", profile=profile.name)
    if "max_attempts_per_day" in dialling.model_fields_set:
        key, value = "dialling.max_attempts_per_day", dialling.max_attempts_per_day
        yield from _find_value_outside_profile_limits(key, value, None, profile.attempts.per_day, named)
    for trunk in settings.trunks:
        for caller_id in trunk.caller_ids:
            if profile.caller_id.series and not caller_id.startswith(profile.caller_id.series):
                problem = translatable(
                    "caller-id-of-trunk-outside-series",
                    "a caller ID is outside the number series of {profile} ({series})",
                    profile=named,
                    series=", ".join(profile.caller_id.series),
                )
                remedy = translatable("use-numbers-of-series", "use numbers of that series")
                yield f"trunks.{trunk.name}.caller_ids", problem, remedy
    for campaign in settings.campaigns:
        yield from _find_looser_campaign_settings(campaign, profile, named)
    yield from _find_campaigns_with_uncertified_voice(settings, profile, named)
    # Scripts for inbound calls need a declaration as well as those of campaigns.
    declared = {campaign.id for campaign in settings.campaigns if campaign.declared is not None}
    for number in settings.inbound.numbers:
        if number.runs_agi_script and number.campaign not in declared:
            problem = translatable(
                "agi-script-undeclared",
                "runs an AGI script, but campaign '{campaign}' has no declaration of what it does",
                campaign=number.campaign,
            )
            remedy = translatable("declare-script", "add `[campaigns.declared]` to that campaign")
            yield "inbound.numbers.flow", problem, remedy
    key, days = "recordings.keep_days", settings.recordings.keep_days
    yield from _find_value_outside_profile_limits(key, days, None, profile.retention.erase_after_days, named)
    if settings.flows.recordings and not profile.recording.allowed:
        problem = translatable("flow-recordings-forbidden", "{profile} does not allow recordings", profile=named)
        remedy = translatable("do-not-record-flows", "set it to `false`, or use a profile of your own")
        yield "flows.recordings", problem, remedy
    campaigns = {campaign.id: campaign for campaign in settings.campaigns}
    for sign_off in settings.rules.sign_offs:
        signed = campaigns.get(sign_off.campaign)
        if signed is None or signed.kind is not CampaignKind.IVR:
            problem = translatable(
                "sign-off-of-unknown-campaign", "there is no `ivr` campaign '{campaign}'", campaign=sign_off.campaign
            )
            yield "rules.sign_offs", problem, translatable("correct-campaign", "correct the campaign")
        elif not profile.silence.sign_off:
            problem = translatable("sign-off-forbidden", "{profile} does not allow this sign-off", profile=named)
            yield "rules.sign_offs", problem, translatable("remove-it", "remove it")


def describe_required_recording_retention(settings: Settings, today: date) -> str | None:
    """Return a text that says until when the rules require that recordings are kept, with the legal source. None = no
    rule requires it.
    """
    retention = load_site_profile(settings).retention
    if not retention.keep_recordings:
        return None
    source = f"as the profile requires ({retention.source})"
    if not settings.rules.polls:
        return (
            f"until {retention.keep_records_days} days after the polling day, {source}; set the day in [[rules.polls]]"
        )
    until = max(poll.day for poll in settings.rules.polls) + timedelta(days=retention.keep_records_days)
    return f"until {until}, {source}" if today <= until else None


_STRICTER_IS_USED = frozenset({"abandoned_lock_hours", "abandoned_target", "abandoned_limit"})


def _find_looser_campaign_settings(campaign: Campaign, profile: Profile, named: str) -> Iterator[Objection]:
    """Yield the settings of a campaign that the jurisdiction profile does not allow.

    The campaign's IVR flow is checked elsewhere, when it is loaded.
    """
    key, declared = f"campaigns.{campaign.id}", campaign.declared
    if campaign.record and not profile.recording.allowed:
        problem = translatable(
            "recording-forbidden", "{profile} does not allow recording of conversations", profile=named
        )
        remedy = translatable(
            "do-not-record", "set it to `false`, or use a profile of your own with the law that allows it"
        )
        yield f"{key}.record", problem, remedy
    if campaign.machine_sample and not profile.recording.allowed:
        problem = translatable("sample-forbidden", "{profile} does not allow recording of calls", profile=named)
        remedy = translatable("set-to-zero", "set it to 0, or use a profile of your own with the law that allows it")
        yield f"{key}.machine_sample", problem, remedy
    if campaign.machine_detection is MachineDetection.BEFORE_SEAT and not profile.machine_detection.allowed:
        problem = translatable(
            "machine-detection-forbidden", "{profile} does not allow answering-machine detection", profile=named
        )
        remedy = translatable("detect-no-machines", 'set `"after-seat"` or `"off"`')
        yield f"{key}.machine_detection", problem, remedy
    if declared is not None and declared.offers_transport and not profile.transport.may_offer:
        problem = translatable(
            "transport-forbidden", "{profile} does not allow offers of rides to the poll", profile=named
        )
        remedy = translatable("remove-offer-from-script", "remove the offer from the script")
        yield f"{key}.declared.offers_transport", problem, remedy
    if declared is not None and declared.voice is ScriptVoice.COMPUTER and profile.synthetic_voice.must_be_labelled:
        problem = translatable(
            "synthetic-voice-unannounced", "{profile} requires the announcement of a synthetic voice", profile=named
        )
        remedy = translatable("announce-synthetic-voice", 'announce it in the script, and set `"computer-labelled"`')
        yield f"{key}.declared.voice", problem, remedy
    if campaign.purpose is Purpose.MATERIAL and profile.exports.expenditure and not campaign.candidate:
        problem = translatable(
            "material-needs-candidate",
            "{profile} requires a candidate for campaign material, for the expenditure report",
            profile=named,
        )
        yield f"{key}.candidate", problem, translatable("name-candidate", "set it to the candidate's name")
    for name, least, most in (
        ("ring_seconds", profile.ring.minimum_seconds, None),
        ("abandoned_lock_hours", profile.redial_lock.hours, None),
        ("connect_limit_seconds", None, profile.connect.limit_seconds),
        ("abandoned_target", None, profile.abandoned.target),
        ("abandoned_limit", None, min(cap.share for cap in profile.abandoned.caps)),
    ):
        if name in campaign.model_fields_set or name not in _STRICTER_IS_USED:
            yield from _find_value_outside_profile_limits(f"{key}.{name}", getattr(campaign, name), least, most, named)


def _find_campaigns_with_uncertified_voice(settings: Settings, profile: Profile, named: str) -> Iterator[Objection]:
    """Yield an error for each campaign that needs certified recordings but would speak with Twilio's computer voice."""
    twilio = {trunk.name for trunk in settings.trunks if trunk.carrier is Carrier.TWILIO}
    for campaign in settings.campaigns:
        certified = campaign.kind is CampaignKind.IVR and campaign.purpose in profile.certificate.needed_for
        if certified and settings.twilio.sounds_url is None and twilio & set(settings.list_campaign_trunks(campaign)):
            problem = translatable(
                "voice-not-certified",
                "{profile} requires certified recordings, but Twilio would speak the texts with its own voice",
                profile=named,
            )
            remedy = translatable("set-sounds-url", "set `twilio.sounds_url`, or give the campaign other trunks")
            yield f"campaigns.{campaign.id}.trunks", problem, remedy


def _find_value_outside_profile_limits(
    key: str, value: float, least: float | None, most: float | None, named: str
) -> Iterator[Objection]:
    if least is not None and value < least:
        yield (
            key,
            _describe_looser_value(value, named),
            translatable("set-at-least", "set at least {least:g}", least=least),
        )
    if most is not None and value > most:
        yield key, _describe_looser_value(value, named), translatable("set-at-most", "set at most {most:g}", most=most)


def _describe_looser_value(value: float, named: str) -> str:
    return translatable("value-looser", "{value:g} is looser than {profile} allows", value=value, profile=named)


def list_caps_on_abandoned_rate(campaign: Campaign, profile: Profile) -> list[tuple[float, float, float]]:
    """Return the caps on a campaign's abandoned-call rate: (window in seconds, target, limit), rates as 0-1.

    Each value is the stricter one of the campaign's and the jurisdiction profile's.
    """
    target = min(campaign.abandoned_target, profile.abandoned.target)
    return [
        (cap.window_hours * _HOUR_SECONDS, target, min(cap.share, campaign.abandoned_limit))
        for cap in profile.abandoned.caps
    ]


def get_false_positive_share_of_campaign(campaign: Campaign, profile: Profile) -> float:
    """Return the estimated share of people (0-1) among the calls that a campaign takes for answering machines.

    The share is 0 if Asterisk does not analyse the audio of the campaign's calls.
    """
    listens = campaign.machine_detection is MachineDetection.BEFORE_SEAT
    return profile.machine_detection.false_positive_share if listens else 0.0


def find_lowest_cap_on_abandoned_rate(settings: Settings, profile: Profile) -> float:
    """Return the lowest limit (cap) on the abandoned-call rate among the site's campaigns (0-1), which the pages show."""
    every = [limit for campaign in settings.campaigns for _, _, limit in list_caps_on_abandoned_rate(campaign, profile)]
    return min(every, default=min(cap.share for cap in profile.abandoned.caps))
