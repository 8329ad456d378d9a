"""Numbers that the rules refuse until a person changes something, in virtual time on the simulated Asterisk.

The campaign is held with an alert, and all its numbers can be called as soon as the cause is mended.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path
from typing import Any

from dialer.domain.alerts import AlertKind
from dialer.domain.enums import Purpose
from dialer.domain.view import HoldReason
from dialer.engine.campaigns.commands import StopAll
from dialer.rules.gate import Reason
from dialer.settings.jurisdiction import Profile
from dialer.simulation.site import create_profile_without_calling_hours
from tests.support.centre import Site, a_site
from tests.support.roll_filler import fill_roll
from tests.support.stored import query_site_store
from tests.support.virtual import virtual_time
from tests.support.voters import make_answering_switch

RINGS_OUT: dict[str, Any] = {"fails_with": 0, "answer_after": 10.0}
TARGETS = "SELECT state, due_at, refused_by, count(*) FROM target GROUP BY 1, 2, 3"


def profile_with_consent() -> Profile:
    """Return the simulated profile in which live turnout calls need recorded consent."""
    profile = create_profile_without_calling_hours()
    consent = profile.consent.model_copy(update={"live": (Purpose.TURNOUT,)})
    return profile.model_copy(update={"consent": consent})


def execute(directory: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(directory / "centre.db")) as db:
        db.execute(statement)
        db.commit()


def is_held_by_rules(site: Site) -> bool:
    hold = site.centre_view.campaigns[0].hold
    return hold is not None and hold.reason is HoldReason.RULES


@virtual_time()
async def test_campaign_without_any_consent_is_held_with_an_alert_until_consents_are_imported(
    tmp_path: Path,
) -> None:
    fill_roll(tmp_path / "centre.db", 200)
    [(numbers,)] = query_site_store(tmp_path, "SELECT count(*) FROM phone")
    async with a_site(tmp_path, make_answering_switch(**RINGS_OUT), profile=profile_with_consent()) as site:
        await site.log_in("01")
        refused = {Reason.NO_CONSENT: numbers}
        await site.until(lambda: dict(site.centre_view.campaigns[0].progress.refused) == refused, seconds=60)
        await site.until(lambda: is_held_by_rules(site), seconds=60)
        campaign = site.centre_view.campaigns[0]
        assert campaign.hold is not None
        assert f"no-consent {numbers}" in campaign.hold.text
        assert (campaign.progress.remaining, campaign.progress.completed) == (0, 0)
        assert AlertKind.RULES_HOLD.make_alert_code("agents") in {alert.code for alert in site.centre_view.alerts}
        assert not site.switch.placed_calls
    assert query_site_store(tmp_path, TARGETS) == [("closed", 0.0, "no-consent", numbers)]
    execute(tmp_path, "UPDATE phone SET consent = 'given'")
    async with a_site(tmp_path, make_answering_switch(**RINGS_OUT), profile=profile_with_consent()) as site:
        await site.log_in("01")
        await site.until(lambda: bool(site.switch.placed_calls), seconds=60)
        assert site.centre_view.campaigns[0].hold is None
        assert not site.centre_view.alerts
        await site.until(lambda: not site.centre_view.campaigns[0].progress.refused, seconds=60)


@virtual_time()
async def test_numbers_without_consent_leave_the_queue_and_numbers_with_consent_are_called(tmp_path: Path) -> None:
    fill_roll(tmp_path / "centre.db", 20)
    [(numbers,)] = query_site_store(tmp_path, "SELECT count(*) FROM phone")
    execute(tmp_path, "UPDATE phone SET consent = 'given' WHERE phone_id <= 5")
    async with a_site(tmp_path, make_answering_switch(**RINGS_OUT), profile=profile_with_consent()) as site:
        await site.log_in("01", "02")
        await site.until(lambda: bool(site.switch.placed_calls))
        await site.until(
            lambda: dict(site.centre_view.campaigns[0].progress.refused) == {Reason.NO_CONSENT: numbers - 5}
        )
        assert site.centre_view.campaigns[0].hold is None
        assert AlertKind.RULES_NO_CONSENT in {alert.code for alert in site.centre_view.alerts}


@virtual_time()
async def test_alert_about_a_missing_do_not_call_register_names_the_import_command(tmp_path: Path) -> None:
    rules = {"jurisdiction": "india", "polls": [{"day": "2024-05-20"}]}
    dialling = {"drain_seconds": 1, "max_attempts_per_day": 3}
    campaign = {"purpose": "material", "candidate": "A. Candidate"}
    async with a_site(tmp_path, make_answering_switch(), campaign=campaign, rules=rules, dialling=dialling) as site:
        await site.log_in("01")
        await asyncio.sleep(10)
        [alert] = site.centre_view.alerts
        assert alert.kind is AlertKind.RULES_HOLD
        assert "run `dialer register import`" in alert.text
        await site.centre.engine.execute_command(StopAll())
        await site.until(lambda: not site.centre_view.alerts)
