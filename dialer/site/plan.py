"""The plan of the dialling engine (campaigns, seats, trunks, rules), built from a site's settings."""

from __future__ import annotations

import socket
from dataclasses import replace

from dialer.domain.enums import LISTENERS, CampaignKind, PacingPolicy, Purpose
from dialer.domain.signing import read_public_key
from dialer.engine.plan import (
    CampaignPlan,
    CampaignSpec,
    EnginePlan,
    HeadquartersPlan,
    SeatPlan,
)
from dialer.engine.seats.log_ins import AgentAccount, AgentRules
from dialer.engine.supervision.state import SupervisorPhone
from dialer.engine.trunks.state import TrunkLimits
from dialer.pacing.factory import make_pacer
from dialer.pacing.port import Cap
from dialer.rules.gate import Gate
from dialer.rules.retries import RetryRules
from dialer.rules.rulebook import (
    build_campaign_rules,
    build_rulebook,
    get_campaign_calling_hours,
    get_lawful_calling_hours,
    list_polling_days,
)
from dialer.settings.campaigns import Campaign
from dialer.settings.jurisdiction import Profile
from dialer.settings.servers import SINGLE_SERVER, split_settings_by_asterisk_server
from dialer.settings.site import Settings
from dialer.settings.site_rules import get_false_positive_share_of_campaign, list_caps_on_abandoned_rate
from dialer.site.erasure import create_erasure_rules
from dialer.site.polling_day import make_polling_day_plan_from_settings
from dialer.site.rules_in_force import format_rules_as_json

ANNOUNCEMENT_SECONDS = 10.0  # maximum duration of the announcement that the call is recorded
_MINUTE = 60.0
_HOUR = 3600.0


def make_engine_plan_from_settings(settings: Settings, profile: Profile) -> EnginePlan:
    """Return what the dialling engine needs to know of a site: campaigns, seats, trunks, users and rules.

    `profile` has the rules in force, including the site's stricter values.
    """
    return EnginePlan(
        owner=f"{settings.centre.id}@{socket.gethostname()}",
        organisation=settings.centre.organisation,
        campaigns={each.id: _make_campaign_plan_from_settings(each, settings, profile) for each in settings.campaigns},
        seats={
            each.name: SeatPlan(each.name, each.endpoint, frozenset(each.languages), each.server or SINGLE_SERVER)
            for each in settings.seats
        },
        trunks=tuple(
            TrunkLimits(
                trunk.name,
                trunk.endpoint,
                trunk.channels,
                trunk.calls_per_second,
                trunk.caller_ids,
                trunk.server
                or next(
                    iter(split_settings_by_asterisk_server(settings))
                ),  # calls of other carriers are reported as the first server's
                trunk.areas,
                "" if trunk.stir_shaken is None else trunk.stir_shaken.attestation or "",
            )
            for trunk in settings.trunks
        ),
        gate=Gate(build_rulebook(profile, settings)),
        rules_text=format_rules_as_json(profile, settings),
        drain_seconds=settings.dialling.drain_seconds,
        transfers={each.name: each for each in settings.transfers},
        supervisors={
            each.name: SupervisorPhone(each.name, each.endpoint, each.role)
            for each in settings.supervisors
            if each.endpoint is not None and each.role in LISTENERS
        },
        users=list_users_in_settings(settings),
        headquarters=HeadquartersPlan(
            settings.headquarters.zone,
            {each.name: read_public_key(each.key) for each in settings.headquarters.leaders},
        ),
        erasure=create_erasure_rules(settings),
        polling=make_polling_day_plan_from_settings(settings, list_polling_days(settings)),
        agents={
            agent.number: AgentAccount(
                agent.number, agent.pin.get_secret_value(), frozenset(agent.languages), frozenset(agent.skills)
            )
            for agent in settings.agents
        },
        agent_rules=AgentRules(
            settings.agent_login.max_failures,
            settings.agent_login.lock_minutes * _MINUTE,
            settings.agent_login.pause_reasons,
            settings.asterisk.seat_rtp_timeout_seconds,
        ),
        rest=settings.trunk_rest,
        inbound=settings.inbound,
    )


def _make_campaign_plan_from_settings(campaign: Campaign, settings: Settings, profile: Profile) -> CampaignPlan:
    trunks = settings.list_campaign_trunks(campaign)
    caps = [Cap(*cap, campaign.reserve) for cap in list_caps_on_abandoned_rate(campaign, profile)]
    return CampaignPlan(
        spec=CampaignSpec(
            campaign_id=campaign.id,
            kind=campaign.kind,
            trunks=trunks,
            channels=campaign.channels,
            flow=campaign.flow,
            ring_seconds=campaign.ring_seconds,
            minimum_ring_seconds=profile.ring.minimum_seconds,
            wrap_up_seconds=campaign.wrap_up_seconds,
            connect_limit_seconds=campaign.connect_limit_seconds,
            hours=get_campaign_calling_hours(campaign),
            lawful_hours=get_lawful_calling_hours(profile, settings),
            retries=_create_retry_rules(campaign, settings),
            every_seconds=settings.polling_day.workers.every_minutes * _MINUTE
            if _is_booth_worker_campaign(campaign)
            else 0.0,
            record=campaign.record,
            announcement_seconds=ANNOUNCEMENT_SECONDS if campaign.record and settings.recordings.prompt else 0.0,
            skill=campaign.skill,
            weight=campaign.weight,
            machine_detection=campaign.machine_detection,
            false_positive_share=get_false_positive_share_of_campaign(campaign, profile),
            machine_sample=campaign.machine_sample,
            machine_message=campaign.machine_message,
            keeps_seats=campaign.kind is CampaignKind.AGENTS
            and campaign.pacing_policy in {PacingPolicy.PROGRESSIVE, PacingPolicy.PREVIEW},
            previews=campaign.pacing_policy is PacingPolicy.PREVIEW,
            preview_seconds=campaign.preview_seconds,
            manual=campaign.manual_dialling,
            abandoned_target=min(campaign.abandoned_target, profile.abandoned.target),
            most_abandoned_target=profile.abandoned.target,
            starts_paused=campaign.start_paused,
        ),
        rules=build_campaign_rules(campaign, settings),
        pacer=make_pacer(campaign.pacing_policy, caps=caps, connect_seconds=campaign.connect_limit_seconds),
    )


def _is_booth_worker_campaign(campaign: Campaign) -> bool:
    return campaign.purpose is Purpose.BOOTH_WORKERS


def _create_retry_rules(campaign: Campaign, settings: Settings) -> RetryRules:
    """Return when numbers of a campaign are called again, by outcome.

    Booth workers are called again after a fixed interval until they answer.
    """
    rules = RetryRules(
        max_attempts=campaign.max_attempts,
        busy_seconds=campaign.busy_retry_minutes * _MINUTE,
        no_answer_seconds=campaign.no_answer_retry_minutes * _MINUTE,
        other_seconds=campaign.other_retry_minutes * _MINUTE,
        abandoned_lock_seconds=campaign.abandoned_lock_hours * _HOUR,
        own_call_back_wait_seconds=campaign.own_call_back_wait_minutes * _MINUTE,
    )
    if not _is_booth_worker_campaign(campaign):
        return rules
    interval = settings.polling_day.workers.retry_minutes * _MINUTE
    return replace(rules, busy_seconds=interval, no_answer_seconds=interval, other_seconds=interval)


def list_users_in_settings(settings: Settings) -> frozenset[str]:
    """Return the names of the users in the settings. Commands cannot change the roles of these users."""
    return frozenset(each.name for each in settings.supervisors)
