"""Rules of a site for tests: settings, profile, gate, and a call that the gate allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from dialer.domain.phone_facts import PhoneFacts, Register
from dialer.rules.gate import Case, Gate
from dialer.rules.polls import Area
from dialer.rules.rulebook import CampaignRules, CertificateStatus, build_campaign_rules, build_rulebook
from dialer.settings.jurisdiction import JURISDICTIONS, Profile, load_profile
from dialer.settings.site import Settings
from dialer.settings.site_rules import load_site_profile

KOLKATA = ZoneInfo("Asia/Kolkata")
NUMBER = "+919812345678"
CALLER_ID = "+911140000001"
FRESH = PhoneFacts(attempts_today=0, conversations_today=0, abandoned_at=None)


def profile_allowing_recording(directory: Path) -> dict[str, str]:
    """Return [rules] settings with a profile that allows recording."""
    neutral = (JURISDICTIONS / "neutral.toml").read_text(encoding="utf-8")
    head, _, tail = neutral.partition("[recording]\nallowed = false")
    assert tail
    path = directory / "own.toml"
    path.write_text(f"{head}[recording]\nallowed = true{tail}", encoding="utf-8")
    return {"jurisdiction": str(path)}


def moment(text: str, zone: str = "Asia/Kolkata") -> float:
    """Return a local time such as "2024-04-22T12:00" as epoch seconds."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).timestamp()


NOON = moment("2024-04-22T12:00")  # a Monday


def site(jurisdiction: str = "neutral", *, campaign: Mapping[str, Any] | None = None, **sections: Any) -> Settings:
    """Return the settings of a site with one campaign; `sections` are further sections of the settings."""
    rules = {"jurisdiction": jurisdiction, **sections.pop("rules", {})}
    values: dict[str, Any] = {
        "campaigns": [{"id": "calls", "kind": "agents", "candidate": "A. Candidate", **(campaign or {})}],
        "trunks": [{"name": "carrier", "endpoint": "carrier", "caller_ids": [CALLER_ID]}],
        "rules": rules,
        **sections,
    }
    return Settings.model_validate(values)


def neutral_with(**rules: Mapping[str, Any]) -> Profile:
    """Return the neutral profile with other values in some rules."""
    neutral = load_profile("neutral")
    changed = {name: getattr(neutral, name).model_copy(update=values) for name, values in rules.items()}
    return neutral.model_copy(update=changed)


def make_gate(settings: Settings, *registers: Register) -> Gate:
    """Return the gate of a site with imported registers."""
    return Gate(build_rulebook(load_site_profile(settings), settings).copy_rulebook_with_registers(registers))


CERTIFIED = {"hi": CertificateStatus(None, date(2024, 5, 22))}


def campaign_rules(settings: Settings, certified: Mapping[str, CertificateStatus] | None = None) -> CampaignRules:
    """Return the rules of the site's only campaign."""
    return build_campaign_rules(settings.campaigns[0], settings, certified)


def make_case(settings: Settings, **changes: Any) -> Case:
    """Return a call of the site's campaign; without changes, the gate allows it at noon."""
    case = Case(campaign_rules(settings), NUMBER, Area(174, "18:00"), FRESH, CALLER_ID, "hi")
    return replace(case, **changes)
