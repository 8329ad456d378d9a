"""The rules of a site as a text that is kept with the calls which rest on them, and that text read again for a later day."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from dialer.rules.rulebook import CampaignRules, Certified, campaign_rules
from dialer.settings.campaigns import Campaign
from dialer.settings.jurisdiction import Profile
from dialer.settings.site import Settings

_OF_A_CAMPAIGN = ("kind", "purpose", "flow", "hours", "ring_seconds", "other_retry_minutes")
_OF_DIALLING = ("allowed_prefixes", "denied_prefixes", "max_attempts_per_day")


def rules_text(profile: Profile, settings: Settings) -> str:
    """The rules as they hold at a site, as JSON: what of them a call rests on can be looked up later."""
    rules = settings.rules.model_dump(mode="json", include={"polls", "holidays"})
    found = {
        "profile": profile.model_dump(mode="json"),
        "polls": rules["polls"],
        "site": {
            "holidays": rules["holidays"],
            "signed_off": sorted(sign_off.campaign for sign_off in settings.rules.sign_offs),
            "opens": settings.polling_day.opens.isoformat(),
            "workers_attempts_per_day": settings.polling_day.workers.attempts_per_day,
            "dialling": settings.dialling.model_dump(mode="json", include=set(_OF_DIALLING)),
            "campaigns": {
                campaign.id: campaign.model_dump(mode="json", include=set(_OF_A_CAMPAIGN))
                for campaign in settings.campaigns
            },
        },
    }
    return json.dumps(found, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class SiteRules:
    """What a site's gate is made of, of today or of an earlier day."""

    profile: Profile
    settings: Settings  # with what the rules read of them as it was
    signed_off: frozenset[str]  # campaigns
    not_kept: tuple[str, ...] = ()  # of that day, in words
    version: str = ""  # digest of the text that is kept of them; "": none is

    def campaign(self, campaign: Campaign, certified: Mapping[str, Certified]) -> CampaignRules:
        """What the gate must know of a campaign."""
        return replace(campaign_rules(campaign, self.settings, certified), signed_off=campaign.id in self.signed_off)


def site_rules(profile: Profile, settings: Settings, not_kept: tuple[str, ...] = ()) -> SiteRules:
    """Those of the settings; `profile` is the site's, made stricter already."""
    signed_off = frozenset(sign_off.campaign for sign_off in settings.rules.sign_offs)
    return SiteRules(profile, settings, signed_off, not_kept)


def site_rules_of(text: str, profile: Profile, settings: Settings) -> SiteRules:
    """Those of a text that `rules_text` once made, in the place of the settings' own; `profile` is the settings'. What the text
    does not tell, or tells in words of another version, is as in the settings, and said so.
    """
    kept = json.loads(text)
    try:
        then = Profile.model_validate(kept["profile"])
        if "site" not in kept:  # of an earlier version
            now = _with(settings, "rules", {"polls": kept["polls"]})
            return site_rules(then, now, ("the site's own hours, holidays, prefixes and ring times",))
        site = kept["site"]
        settings = _with(settings, "rules", {"polls": kept["polls"], "holidays": site["holidays"]})
        settings = _with(settings, "dialling", site["dialling"])
        workers = settings.polling_day.workers.model_copy(update={"attempts_per_day": site["workers_attempts_per_day"]})
        settings = _with(settings, "polling_day", {"opens": site["opens"], "workers": workers})
        campaigns = tuple(
            Campaign.model_validate({**campaign.model_dump(exclude_unset=True), **site["campaigns"][campaign.id]})
            for campaign in settings.campaigns
            if campaign.id in site["campaigns"]
        )
    except (ValidationError, KeyError):
        return site_rules(profile, settings, ("the rules, whose words this version does not read",))
    gone = sorted(site["campaigns"].keys() - {campaign.id for campaign in campaigns})
    not_kept = tuple(f"what else belonged to the campaign {each}, which the settings have no more" for each in gone)
    return SiteRules(
        then, settings.model_copy(update={"campaigns": campaigns}), frozenset(site["signed_off"]), not_kept
    )


def _with(settings: Settings, section: str, values: Mapping[str, Any]) -> Settings:
    before = getattr(settings, section)
    own = {**before.model_dump(exclude_unset=True), **values}
    return settings.model_copy(update={section: type(before).model_validate(own)})
