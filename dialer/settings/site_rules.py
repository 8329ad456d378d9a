"""The rules that hold at a site: the profile, made stricter by the site, and a site's settings held against it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from dialer.domain.enums import CampaignKind, MachineDetection, Purpose
from dialer.errors import SettingError
from dialer.settings.campaigns import Campaign, SpokenBy
from dialer.settings.jurisdiction import Profile, load_profile, made_stricter
from dialer.settings.lines import Carrier
from dialer.settings.mistakes import all_together
from dialer.settings.site import Settings, key_in_environment

_HOUR_SECONDS = 3600.0


def site_profile(settings: Settings) -> Profile:
    """The profile of the site with what the site holds stricter. Raises SettingError in one line.

    A setting that would loosen a rule is refused here too: a campaign's ring time below the profile's, a cap above it, a
    caller ID of a forbidden series, a sign-off that the profile does not let a person give.
    """
    profile = made_stricter(load_profile(settings.rules.jurisdiction), settings.rules.stricter)
    hold_against(settings, profile)
    return profile


Objection = tuple[str, str, str]
"""The key of a setting, what is wrong with it, and what to do."""


def hold_against(settings: Settings, profile: Profile) -> None:
    """Raise SettingError for the settings that are looser than the profile, SettingMistakes for several.

    A default is no wish: where the stricter of setting and profile is taken anyway, only what somebody wrote is refused.
    """
    found = []
    for key, problem, remedy in _looser_than(settings, profile):
        place = tuple(key.split("."))
        variable = key_in_environment(place, of_wrong_type=False)
        where = (settings.file.where(place), key) if variable is None else ("environment", variable)
        found.append(SettingError(*where, problem, remedy))
    if found:
        raise all_together(found)


def _looser_than(settings: Settings, profile: Profile) -> Iterator[Objection]:
    dialling, the_profile = settings.dialling, f"the profile {profile.name!r}"
    if "max_attempts_per_day" in dialling.model_fields_set:
        yield from _past(
            "dialling.max_attempts_per_day", dialling.max_attempts_per_day, None, profile.attempts.per_day, the_profile
        )
    for trunk in settings.trunks:
        for caller_id in trunk.caller_ids:
            if profile.caller_id.series and not caller_id.startswith(profile.caller_id.series):
                problem = f"a caller ID is outside the series of {the_profile} ({', '.join(profile.caller_id.series)})"
                yield f"trunks.{trunk.name}.caller_ids", problem, "show a number of the series"
    for campaign in settings.campaigns:
        yield from _hold_campaign(campaign, profile, the_profile)
    yield from _hold_carriers(settings, profile, the_profile)
    # A script that answers callers is declared like one that calls them.
    declared = {campaign.id for campaign in settings.campaigns if campaign.declared is not None}
    for number in settings.inbound.numbers:
        if number.has_script and number.campaign not in declared:
            problem = f"runs a script, and campaign {number.campaign!r} does not say what it does"
            yield "inbound.numbers.flow", problem, "declare it in [campaigns.declared]"
    yield from _past(
        "recordings.keep_days", settings.recordings.keep_days, None, profile.retention.erase_after_days, the_profile
    )
    if settings.flows.recordings and not profile.recording.allowed:
        problem = f"{the_profile} lets nothing be recorded"
        yield "flows.recordings", problem, "turn it off, or write a profile of your own"
    known = {campaign.id: campaign for campaign in settings.campaigns}
    for sign_off in settings.rules.sign_offs:
        signed = known.get(sign_off.campaign)
        if signed is None or signed.kind is not CampaignKind.IVR:
            problem = f"there is no ivr campaign {sign_off.campaign!r}"
            yield "rules.sign_offs", problem, "name the campaign that it is for"
        elif not profile.silence.sign_off:
            yield "rules.sign_offs", f"{the_profile} lets nobody sign this off", "remove it"


def recordings_kept(settings: Settings, today: date) -> str | None:
    """Until when the rules make a site keep its recordings, in words with their source. None: they do not, or no longer."""
    retention = site_profile(settings).retention
    if not retention.keep_recordings:
        return None
    source = f"as the profile says ({retention.source})"
    if not settings.rules.polls:
        return (
            f"until {retention.keep_records_days} days after a polling day that [[rules.polls]] does not name, {source}"
        )
    until = max(poll.day for poll in settings.rules.polls) + timedelta(days=retention.keep_records_days)
    return f"until {until}, {source}" if today <= until else None


_STRICTER_IS_TAKEN = frozenset({"abandoned_lock_hours", "abandoned_target", "abandoned_limit"})


def _hold_campaign(campaign: Campaign, profile: Profile, the_profile: str) -> Iterator[Objection]:
    """What it does, says and offers, as far as settings tell. Flows are read where they are loaded."""
    key, declared = f"campaigns.{campaign.id}", campaign.declared
    if campaign.record and not profile.recording.allowed:
        remedy = "set it to false, or name a profile of your own that says by which law they may be"
        yield f"{key}.record", f"{the_profile} does not allow conversations to be recorded", remedy
    if campaign.machine_detection is MachineDetection.BEFORE_SEAT and not profile.machine_detection.allowed:
        yield f"{key}.machine_detection", f"{the_profile} lets nobody listen for machines", 'set "after-seat" or "off"'
    if declared is not None and declared.offers_transport and not profile.transport.may_offer:
        problem = f"{the_profile} lets nobody offer a ride to the poll"
        yield f"{key}.declared.offers_transport", problem, "take the offer out of the script"
    if declared is not None and declared.voice is SpokenBy.COMPUTER and profile.synthetic_voice.must_be_labelled:
        problem = f"{the_profile} wants a computer's voice to say that it is one"
        yield f"{key}.declared.voice", problem, "let the script say so before it speaks"
    if campaign.purpose is Purpose.MATERIAL and profile.exports.expenditure and not campaign.candidate:
        problem = f"{the_profile} wants calls accounted for, and this material is on nobody's account"
        yield f"{key}.candidate", problem, "name whom it is for"
    for name, least, most in (
        ("ring_seconds", profile.ring.minimum_seconds, None),
        ("abandoned_lock_hours", profile.redial_lock.hours, None),
        ("connect_limit_seconds", None, profile.connect.limit_seconds),
        ("abandoned_target", None, profile.abandoned.target),
        ("abandoned_limit", None, min(cap.share for cap in profile.abandoned.caps)),
    ):
        if name in campaign.model_fields_set or name not in _STRICTER_IS_TAKEN:
            yield from _past(f"{key}.{name}", getattr(campaign, name), least, most, the_profile)


def _hold_carriers(settings: Settings, profile: Profile, the_profile: str) -> Iterator[Objection]:
    """A voice of Twilio's own speaks texts: no certificate covers it."""
    spoken = {trunk.name for trunk in settings.trunks if trunk.carrier is Carrier.TWILIO}
    for campaign in settings.campaigns:
        certified = campaign.kind is CampaignKind.IVR and campaign.purpose in profile.certificate.needed_for
        if certified and settings.twilio.sounds_url is None and spoken & set(settings.trunks_of(campaign)):
            problem = f"{the_profile} wants recordings certified, and Twilio would speak the texts itself"
            remedy = "set twilio.sounds_url, or give the campaign other trunks"
            yield f"campaigns.{campaign.id}.trunks", problem, remedy


def _past(key: str, value: float, least: float | None, most: float | None, the_profile: str) -> Iterator[Objection]:
    if least is not None and value < least:
        yield key, f"{value:g} loosens the rule of {the_profile}", f"set at least {least:g}"
    if most is not None and value > most:
        yield key, f"{value:g} loosens the rule of {the_profile}", f"set at most {most:g}"


def abandoned_caps(campaign: Campaign, profile: Profile) -> list[tuple[float, float, float]]:
    """The caps that pacing holds: window in seconds, share to steer to, hard stop; the stricter of campaign and profile."""
    target = min(campaign.abandoned_target, profile.abandoned.target)
    return [
        (cap.window_hours * _HOUR_SECONDS, target, min(cap.share, campaign.abandoned_limit))
        for cap in profile.abandoned.caps
    ]


def shown_cap(settings: Settings, profile: Profile) -> float:
    """The abandoned share at which the first of the site's campaigns stops: the strictest of campaigns and profile, 0..1."""
    every = [limit for campaign in settings.campaigns for _, _, limit in abandoned_caps(campaign, profile)]
    return min(every, default=min(cap.share for cap in profile.abandoned.caps))
