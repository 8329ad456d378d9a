"""The legal rules in force at a site, now or at an earlier time (as they were stored with its calls)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from dialer.rules.calling_hours import parse_period_of_day
from dialer.rules.gate import Gate
from dialer.rules.rulebook import CampaignRules, CertificateStatus, build_campaign_rules, build_rulebook
from dialer.settings.campaigns import Campaign, Hours
from dialer.settings.jurisdiction import Profile
from dialer.settings.site import Settings
from dialer.settings.site_rules import load_site_profile
from dialer.store import number_history, registers
from dialer.store.connection import Connection

_CAMPAIGN_KEYS = ("kind", "purpose", "flow", "hours", "ring_seconds", "other_retry_minutes")
_DIALLING_KEYS = ("allowed_prefixes", "denied_prefixes", "max_attempts_per_day")


def format_rules_as_json(profile: Profile, settings: Settings) -> str:
    """Return the legal rules in force as JSON.

    The text is stored, so that the rules of each call can be looked up later.
    """
    rules = settings.rules.model_dump(mode="json", include={"polls", "holidays"})
    found = {
        "profile": profile.model_dump(mode="json"),
        "polls": rules["polls"],
        "site": {
            "holidays": rules["holidays"],
            "signed_off": sorted(sign_off.campaign for sign_off in settings.rules.sign_offs),
            "opens": settings.polling_day.opens.isoformat(),
            "workers_attempts_per_day": settings.polling_day.workers.attempts_per_day,
            "dialling": settings.dialling.model_dump(mode="json", include=set(_DIALLING_KEYS)),
            "campaigns": {
                campaign.id: campaign.model_dump(mode="json", include=set(_CAMPAIGN_KEYS))
                for campaign in settings.campaigns
            },
        },
    }
    return json.dumps(found, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class SiteRules:
    """The rules by which a site decides whether a call is allowed, today or on an earlier day."""

    profile: Profile
    settings: Settings  # with the rules' settings of that day
    signed_off: frozenset[str]  # campaigns
    unknown: tuple[str, ...] = ()  # rules of that day that are not stored, in words; today's are used
    version: str = ""  # digest of the stored text, or "" if none is stored

    def get_campaign_rules(self, campaign: Campaign, certified: Mapping[str, CertificateStatus]) -> CampaignRules:
        """Return the rules for the calls of one campaign."""
        return replace(
            build_campaign_rules(campaign, self.settings, certified), signed_off=campaign.id in self.signed_off
        )


def collect_site_rules(profile: Profile, settings: Settings, unknown: tuple[str, ...] = ()) -> SiteRules:
    """Return the rules that are in force according to the settings.

    `profile` already has the site's stricter values.
    """
    signed_off = frozenset(sign_off.campaign for sign_off in settings.rules.sign_offs)
    return SiteRules(profile, settings, signed_off, unknown)


def parse_site_rules(text: str, profile: Profile, settings: Settings) -> SiteRules:
    """Return the rules that were stored as a text by `format_rules_as_json`.

    Missing or unreadable rules are taken from `settings` and `profile`, and listed in `unknown`.
    """
    stored = json.loads(text)
    try:
        then = Profile.model_validate(_replace_old_names_of_rules(stored["profile"]))
        if "site" not in stored:  # stored by an earlier version
            now = _copy_settings_with_changed_section(settings, "rules", {"polls": stored["polls"]})
            return collect_site_rules(then, now, ("the site's own hours, holidays, prefixes and ring times",))
        site = stored["site"]
        settings = _copy_settings_with_changed_section(
            settings, "rules", {"polls": stored["polls"], "holidays": site["holidays"]}
        )
        settings = _copy_settings_with_changed_section(settings, "dialling", site["dialling"])
        workers = settings.polling_day.workers.model_copy(update={"attempts_per_day": site["workers_attempts_per_day"]})
        settings = _copy_settings_with_changed_section(
            settings, "polling_day", {"opens": site["opens"], "workers": workers}
        )
        campaigns = tuple(
            Campaign.model_validate({**campaign.model_dump(exclude_unset=True), **site["campaigns"][campaign.id]})
            for campaign in settings.campaigns
            if campaign.id in site["campaigns"]
        )
    except (ValidationError, KeyError):
        return collect_site_rules(profile, settings, ("the rules, which this version cannot read",))
    removed = sorted(site["campaigns"].keys() - {campaign.id for campaign in campaigns})
    unknown = tuple(f"the other settings of campaign {each}, which was removed since" for each in removed)
    return SiteRules(then, settings.model_copy(update={"campaigns": campaigns}), frozenset(site["signed_off"]), unknown)


def _replace_old_names_of_rules(profile: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored profile of legal rules with the present names of rules that were renamed later."""
    renamed = {"gap": "minimum_interval"}
    return {renamed.get(name, name): _replace_old_name_of_legal_basis(rule) for name, rule in profile.items()}


def _replace_old_name_of_legal_basis(rule: Any) -> Any:
    if not isinstance(rule, dict) or "standing" not in rule:
        return rule
    basis = {"ours": "caution"}.get(rule["standing"], rule["standing"])
    return {**{key: value for key, value in rule.items() if key != "standing"}, "basis": basis}


def _copy_settings_with_changed_section(settings: Settings, section: str, values: Mapping[str, Any]) -> Settings:
    before = getattr(settings, section)
    merged = {**before.model_dump(exclude_unset=True), **values}
    return settings.model_copy(update={section: type(before).model_validate(merged)})


def load_calling_rules_at_time(db: Connection, settings: Settings, at: float) -> SiteRules:
    """Return the rules that were in force at a time (epoch seconds).

    If the store has none from that time, return those of the settings. Raises SettingError for an invalid profile.
    """
    profile, then = load_site_profile(settings), number_history.read_rules_in_force_at_time(db, at)
    if then is None:
        return collect_site_rules(profile, settings, ("the rules: no dialler had started and stored them yet",))
    return replace(parse_site_rules(then.text, profile, settings), version=then.digest)


def copy_settings_with_supervisors_calling_hours(settings: Settings, db: Connection, at: float) -> Settings:
    """Return a copy of the settings in which the campaigns have the calling hours that supervisors had set by a time
    (epoch seconds).
    """
    found = number_history.read_calling_hours_set_by_supervisors(db, at)
    periods = {
        campaign: tuple(Hours(start=start, until=until) for start, until in map(parse_period_of_day, hours.split(", ")))
        for campaign, hours in found.items()
    }
    campaigns = (
        each.model_copy(update={"hours": periods[each.id]}) if each.id in periods else each
        for each in settings.campaigns
    )
    return settings.model_copy(update={"campaigns": tuple(campaigns)})


def create_checker_of_calling_rules(settings: Settings, db: Connection | None) -> Gate:
    """Return the object that decides whether the site may call a number now.

    It uses the profile's legal rules, and the do-not-call registers in the store. Raises SettingError for an invalid
    profile.
    """
    rulebook = build_rulebook(load_site_profile(settings), settings)
    return Gate(
        rulebook
        if db is None
        else rulebook.copy_rulebook_with_registers(tuple(registers.read_do_not_call_registers(db)))
    )
