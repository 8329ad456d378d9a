"""A site's settings as the records that the rooms of the dialler are told: nothing here is started or joined."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import SecretStr

from dialer.domain.enums import LISTENERS, CampaignKind, PacingPolicy, Purpose
from dialer.domain.enums import SupervisorRole as Role
from dialer.domain.signing import public_key, read_key_file, read_public_key
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
from dialer.errors import SettingError
from dialer.mqtt.client import BrokerSettings
from dialer.mqtt.senders import Sender, Senders, Signer
from dialer.pacing.factory import make_pacer
from dialer.pacing.port import Cap
from dialer.rules.gate import Gate
from dialer.rules.retries import RetryRules
from dialer.rules.rulebook import campaign_rules, hours_of, lawful_hours, polls_of, rulebook_of
from dialer.settings.boxes import ONLY, boxes_of
from dialer.settings.campaigns import Campaign
from dialer.settings.jurisdiction import Profile
from dialer.settings.lines import Carrier
from dialer.settings.site import Settings
from dialer.settings.site_rules import abandoned_caps, recordings_kept
from dialer.settings.site_time import site_day
from dialer.settings.supervision import OWN_USER
from dialer.settings.unfinished import MAKE_ONE
from dialer.site.polling_day import polling_plan
from dialer.site.rules_versions import rules_text
from dialer.store.erasing import ErasureRules
from dialer.switch.asterisk.ami_session import AmiLogin
from dialer.switch.asterisk.fastagi.flow_handler import RecordingRules
from dialer.switch.asterisk.scripts.containment import ScriptRules

NOBODY = "nobody"  # whose rights scripts have where the dialler is root and the site names no user
ANNOUNCEMENT_SECONDS = 10.0  # the longest that it may take to say that the call is recorded
_MINUTE = 60.0
_HOUR = 3600.0


def erasure_rules(settings: Settings) -> ErasureRules:
    """What a site has of people beside its store. Messages lie where Asterisk names them: absolute, or below its sounds."""
    return ErasureRules(
        settings.recordings.directory,
        settings.audio.sounds / settings.flows.recording_directory,
        lambda at: recordings_kept(settings, site_day(settings, at)),
        settings.rules.secrets(),
    )


def engine_plan(settings: Settings, profile: Profile) -> EnginePlan:
    """What the engine is told, from a site's settings and the rules that hold there."""
    return EnginePlan(
        owner=f"{settings.centre.id}@{socket.gethostname()}",
        organisation=settings.centre.organisation,
        campaigns={each.id: _campaign_plan(each, settings, profile) for each in settings.campaigns},
        seats={
            each.name: SeatPlan(each.name, each.endpoint, frozenset(each.languages), each.box or ONLY)
            for each in settings.seats
        },
        trunks=tuple(
            TrunkLimits(
                trunk.name,
                trunk.endpoint,
                trunk.channels,
                trunk.calls_per_second,
                trunk.caller_ids,
                trunk.box or next(iter(boxes_of(settings))),  # another carrier's: it is told of with the first
                trunk.areas,
            )
            for trunk in settings.trunks
        ),
        gate=Gate(rulebook_of(profile, settings)),
        rules_text=rules_text(profile, settings),
        drain_seconds=settings.dialling.drain_seconds,
        transfers={each.name: each for each in settings.transfers},
        supervisors={
            each.name: SupervisorPhone(each.name, each.endpoint, each.role)
            for each in settings.supervisors
            if each.endpoint is not None and each.role in LISTENERS
        },
        users=fixed_users(settings),
        headquarters=HeadquartersPlan(
            settings.headquarters.zone,
            {each.name: read_public_key(each.key) for each in settings.headquarters.leaders},
        ),
        erasure=erasure_rules(settings),
        polling=polling_plan(settings, polls_of(settings)),
        agents={
            agent.number: AgentAccount(
                agent.number, agent.pin.get_secret_value(), frozenset(agent.languages), frozenset(agent.skills)
            )
            for agent in settings.agents
        },
        agent_rules=AgentRules(
            settings.floor.wrong_pins,
            settings.floor.lock_minutes * _MINUTE,
            settings.floor.pause_reasons,
            settings.asterisk.seat_rtp_timeout_seconds,
        ),
        rest=settings.trunk_rest,
        inbound=settings.inbound,
    )


def _campaign_plan(campaign: Campaign, settings: Settings, profile: Profile) -> CampaignPlan:
    trunks = settings.trunks_of(campaign)
    caps = [Cap(*cap, campaign.reserve) for cap in abandoned_caps(campaign, profile)]
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
            hours=hours_of(campaign),
            lawful_hours=lawful_hours(profile, settings),
            retries=_retry_rules(campaign, settings),
            every_seconds=settings.polling_day.workers.every_minutes * _MINUTE if _calls_workers(campaign) else 0.0,
            record=campaign.record,
            announcement_seconds=ANNOUNCEMENT_SECONDS if campaign.record and settings.recordings.prompt else 0.0,
            skill=campaign.skill,
            machine_detection=campaign.machine_detection,
            machine_message=campaign.machine_message,
            keeps_seats=campaign.kind is CampaignKind.AGENTS
            and campaign.policy in {PacingPolicy.PROGRESSIVE, PacingPolicy.PREVIEW},
            previews=campaign.policy is PacingPolicy.PREVIEW,
            preview_seconds=campaign.preview_seconds,
            manual=campaign.manual_dialling,
            abandoned_target=min(campaign.abandoned_target, profile.abandoned.target),
            most_abandoned_target=profile.abandoned.target,
        ),
        rules=campaign_rules(campaign, settings),
        pacer=make_pacer(campaign.policy, caps=caps, connect_seconds=campaign.connect_limit_seconds),
    )


def _calls_workers(campaign: Campaign) -> bool:
    return campaign.purpose is Purpose.BOOTH_WORKERS


def _retry_rules(campaign: Campaign, settings: Settings) -> RetryRules:
    """The campaign's; booth workers who were not reached are all called again after the same time, and never given up."""
    rules = RetryRules(
        max_attempts=campaign.max_attempts,
        busy_seconds=campaign.busy_retry_minutes * _MINUTE,
        no_answer_seconds=campaign.no_answer_retry_minutes * _MINUTE,
        other_seconds=campaign.other_retry_minutes * _MINUTE,
        abandoned_lock_seconds=campaign.abandoned_lock_hours * _HOUR,
        own_call_back_wait_seconds=campaign.own_call_back_wait_minutes * _MINUTE,
    )
    if not _calls_workers(campaign):
        return rules
    soon = settings.polling_day.workers.retry_minutes * _MINUTE
    return replace(rules, busy_seconds=soon, no_answer_seconds=soon, other_seconds=soon)


def flows_of(settings: Settings) -> set[str]:
    """Names or files of the flows that a site uses."""
    named = [campaign.flow for campaign in settings.campaigns] + [each.flow for each in settings.inbound.numbers]
    return {flow for flow in named if flow is not None}


def scripts_of(settings: Settings) -> dict[str, tuple[str, Purpose]]:
    """By campaign, the script that its agents read, as the settings name it, and what the campaign calls for."""
    return {each.id: (each.script, each.purpose) for each in settings.campaigns if each.script is not None}


def broker_settings(settings: Settings) -> BrokerSettings:
    """Where the broker is and who we are there."""
    broker = settings.broker
    return BrokerSettings(
        host=broker.host,
        port=broker.port,
        username=broker.username,
        password=broker.password.get_secret_value() if broker.password is not None else None,
        tls=_checked_tls(broker.ca_file) if broker.tls else None,
    )


def broker_as(settings: Settings, user: str, password: SecretStr | None) -> BrokerSettings:
    """The broker, and who a program of ours is there that has a user of its own."""
    name = f"{settings.centre.id}.{user}"
    secret = None if password is None else password.get_secret_value()
    return replace(broker_settings(settings), username=name, password=secret)


def _checked_tls(ca_file: Path | None) -> ssl.SSLContext:
    """Raises SettingError where the certificates cannot be read."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        problem = f"{ca_file} cannot be read as certificates ({error.strerror or error})"
        raise SettingError("settings", "broker.ca_file", problem, "name a file in PEM format") from error


def fixed_users(settings: Settings) -> frozenset[str]:
    """Whose rights stand in the settings."""
    return frozenset(each.name for each in settings.supervisors)


OWN_ROLES: frozenset[Role] = frozenset({Role.BOOTH_DESK, Role.COMPLIANCE})
"""Of the dialler's own command line: it brings in records, and may always stop."""


def senders_of(settings: Settings, kept: Mapping[str, Role] | None = None, *, broker_is_ours: bool = False) -> Senders:
    """Who may give commands over MQTT: the settings' and `kept` at that moment. `broker_is_ours`: started for this run."""
    return Senders(
        fixed_senders(settings),
        kept,
        signed=settings.broker.signed_commands,
        broker_knows=broker_is_ours or settings.broker.username is not None,
    )


def fixed_senders(settings: Settings) -> list[Sender]:
    """Those of the settings, and the dialler's own command line."""
    key_file = settings.broker.key_file
    return [
        Sender(OWN_USER, OWN_ROLES, None if key_file is None else public_key(read_key_file(key_file))),
        *(
            Sender(each.name, frozenset({each.role}), None if each.key is None else read_public_key(each.key))
            for each in settings.supervisors
        ),
    ]


def own_signer(settings: Settings, user: str = OWN_USER) -> Signer:
    """Who gives commands from this machine: the dialler's own user, or another whose settings these are. Raises SettingError."""
    key_file = settings.broker.key_file
    return Signer(user, None if key_file is None else read_key_file(key_file))


def ami_login(settings: Settings) -> AmiLogin:
    """Where Asterisk's manager is and who we are there."""
    ami = settings.ami
    if ami.secret is None:
        raise SettingError("settings", "ami.secret", "is not set", MAKE_ONE)
    return AmiLogin(ami.host, ami.port, ami.username, ami.secret.get_secret_value())


def recording_rules(settings: Settings) -> RecordingRules | None:
    """Where callers' messages are kept; None where the site does not record."""
    flows = settings.flows
    return RecordingRules(flows.recording_directory, flows.recording_format) if flows.recordings else None


def script_rules(settings: Settings) -> ScriptRules:
    """Return what AGI scripts may use. Scripts that run as the dialler's user would see its settings and store if not hidden."""
    flows = settings.flows
    store = settings.store
    hidden = (store.path.parent, store.backup_folder, store.encryption_key_file, Path(settings.file.name))
    return ScriptRules(
        flows.script_seconds,
        flows.script_memory_megabytes,
        flows.script_user or (NOBODY if os.geteuid() == 0 else None),
        flows.script_processes,
        flows.script_network,
        errors=flows.script_errors,
        hidden=tuple(path.resolve() for path in hidden if path is not None),
    )


def lines_as_before(settings: Settings, changed: Collection[str] | None) -> frozenset[str]:
    """The trunks whose calls of earlier runs were at the Asterisk that has them now, so that its history tells of them all:
    `changed` are the keys of settings that have changed since, None: nobody knows which. What another Asterisk or carrier had, it
    has never heard of.
    """
    if changed is None or any(key in {"ami.host", "ami.port"} or key.startswith("asterisk.boxes") for key in changed):
        return frozenset()
    here = (trunk.name for trunk in settings.trunks if trunk.carrier is not Carrier.TWILIO)
    return frozenset(name for name in here if not {f"trunks.{name}.box", f"trunks.{name}.carrier"} & {*changed})


def needs_asterisk(settings: Settings) -> bool:
    """Whether anything of this site is Asterisk's: a seat, or a trunk."""
    return bool(settings.seats) or not all(trunk.carrier is Carrier.TWILIO for trunk in settings.trunks)
