"""Checks across several tables of a site's settings: unknown and duplicate names, and conflicting phones and trunks."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING

from dialer.domain.enums import CampaignKind, SupervisorRole
from dialer.settings.trunks import Carrier

if TYPE_CHECKING:
    from dialer.settings.site import Settings  # which calls this module

Place = tuple[str | int, ...]
Mistake = tuple[Place, str]
"""The place of a mistake, and a text that says what is wrong and what to do."""


def find_contradictions_between_tables(settings: Settings) -> Iterator[Mistake]:
    """Yield each contradiction between tables of the settings, such as a campaign that names an unknown trunk.

    Each table by itself must be valid already.
    """
    yield from _find_duplicate_names(settings)
    yield from _find_unknown_names(settings)
    yield from _find_mistakes_about_polling_days(settings)
    yield from _find_mistakes_about_transfers(settings)
    yield from _find_mistakes_about_asterisk_servers(settings)
    yield from _find_mistakes_about_users(settings)
    yield from _find_mistakes_about_twilio(settings)
    yield from _find_mistakes_about_recordings(settings)


def _format_unknown_name_error(text: str, name: str, table: str, names: Collection[str]) -> str:
    """Return the error text for an unknown name, with the most similar known name or all known names."""
    near = get_close_matches(name, names, n=1)
    remedy = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(names)) or 'none'}"
    return f"{text} {name!r} is not in {table}; {remedy}"


def _find_duplicate_names(settings: Settings) -> Iterator[Mistake]:
    for kind, section, names in (
        ("trunks", "trunks", [trunk.name for trunk in settings.trunks]),
        ("seats", "seats", [seat.name for seat in settings.seats]),
        ("servers", "asterisk.servers", [server.name for server in settings.asterisk.servers]),
        ("transfers", "transfers", [transfer.name for transfer in settings.transfers]),
        ("supervisors", "supervisors", [supervisor.name for supervisor in settings.supervisors]),
        ("phones of seats", "seats", [seat.endpoint for seat in settings.seats]),
        ("agents", "agents", [agent.number for agent in settings.agents]),
        ("campaigns", "campaigns", [campaign.id for campaign in settings.campaigns]),
        ("sources", "sources", [source.name for source in settings.sources]),
        ("inbound.numbers", "inbound.numbers", [each.number for each in settings.inbound.numbers]),
    ):
        duplicates = {name: place for place, name in enumerate(names) if name in names[:place]}
        if duplicates:
            text = f"{kind} must have different names; {', '.join(sorted(duplicates))} is used twice"
            yield (*section.split("."), max(duplicates.values())), text


def _find_unknown_names(settings: Settings) -> Iterator[Mistake]:
    campaigns = {campaign.id for campaign in settings.campaigns}
    trunks = {trunk.name for trunk in settings.trunks}
    skills = {skill for agent in settings.agents for skill in agent.skills}
    for place, number in enumerate(settings.inbound.numbers):
        if number.campaign not in campaigns:
            text = _format_unknown_name_error("campaign", number.campaign, "[[campaigns]]", campaigns)
            yield ("inbound", "numbers", place, "campaign"), text
    for place, campaign in enumerate(settings.campaigns):
        if campaign.skill is not None and campaign.skill not in skills:
            yield (
                ("campaigns", place, "skill"),
                _format_unknown_name_error("skill", campaign.skill, "[[agents]]", skills),
            )
        for name in campaign.trunks:
            if name not in trunks:
                yield ("campaigns", place, "trunks"), _format_unknown_name_error("trunk", name, "[[trunks]]", trunks)


def _find_mistakes_about_polling_days(settings: Settings) -> Iterator[Mistake]:
    opens = settings.polling_day.opens
    for place, poll in enumerate(settings.rules.polls):
        if poll.closes_at is not None and poll.closes_at <= opens:
            text = f"must be after the polls open, at {opens:%H:%M} (is {poll.closes_at:%H:%M}); see polling_day.opens"
            yield ("rules", "polls", place, "closes_at"), text


def _find_mistakes_about_transfers(settings: Settings) -> Iterator[Mistake]:
    """Yield transfer targets whose number may not be dialled, and phones that use the endpoint of a trunk."""
    dialling = settings.dialling
    names = {trunk.name for trunk in settings.trunks if trunk.carrier is Carrier.ASTERISK}
    for place, transfer in enumerate(settings.transfers):
        if transfer.number is None:
            continue
        if transfer.trunk not in names:
            yield ("transfers", place), f"trunk {transfer.trunk!r} is not an Asterisk trunk in [[trunks]]"
        elif not transfer.number.startswith(dialling.allowed_prefixes):
            yield ("transfers", place), "its number must begin with one of dialling.allowed_prefixes"
        elif transfer.number.startswith(dialling.denied_prefixes):
            yield ("transfers", place), "its number must not begin with any of dialling.denied_prefixes"
    phones = [("transfers", place, each.endpoint) for place, each in enumerate(settings.transfers)]
    phones += [("supervisors", place, each.endpoint) for place, each in enumerate(settings.supervisors)]
    trunks = {trunk.endpoint for trunk in settings.trunks}
    for section, place, endpoint in phones:
        if endpoint in trunks:
            yield (section, place, "endpoint"), f"must be the endpoint of a phone; {endpoint!r} is a trunk"


def _find_mistakes_about_asterisk_servers(settings: Settings) -> Iterator[Mistake]:
    """Yield conflicts between Asterisk servers, and trunks and phones whose `server` is missing, unknown or unneeded."""
    servers = settings.asterisk.servers
    names = [server.name for server in servers]
    managers = [(server.host, server.port) for server in servers]
    if len(set(managers)) < len(managers):
        yield ("asterisk", "servers"), "two servers have the same manager; give each its own host or port"
    without_asterisk = settings.trunks and not settings.seats
    if names and without_asterisk and all(each.carrier is not Carrier.ASTERISK for each in settings.trunks):
        yield ("asterisk", "servers"), "no trunk and no seat uses Asterisk; remove the servers"
    for section in ("trunks", "seats", "transfers", "supervisors"):
        for place, each in enumerate(getattr(settings, section)):
            has_phone = each.endpoint is not None and getattr(each, "carrier", Carrier.ASTERISK) is Carrier.ASTERISK
            if each.server is not None and not names:
                yield (section, place, "server"), "there are no [[asterisk.servers]]; add them, or remove server"
            elif each.server is not None and not has_phone:
                yield (section, place, "server"), "has no phone or trunk on an Asterisk server; remove server"
            elif each.server is None and names and has_phone:
                yield (section, place), f"needs server, because there are several; give one of {', '.join(names)}"
            elif each.server is not None and each.server not in names:
                yield (
                    (section, place, "server"),
                    _format_unknown_name_error("server", each.server, "[[asterisk.servers]]", names),
                )
    endpoints = [trunk.endpoint for trunk in settings.trunks]
    duplicates = {
        endpoint: place for place, endpoint in enumerate(endpoints) if names and endpoint in endpoints[:place]
    }
    for endpoint, place in duplicates.items():
        text = f"must be unique among all servers; {endpoint!r} is used twice"
        yield ("trunks", place, "endpoint"), text


def _find_mistakes_about_users(settings: Settings) -> Iterator[Mistake]:
    """Yield each supervisor without the public key that signed commands require, and each user that another section
    names but `[[supervisors]]` does not list.
    """
    for place, user in enumerate(settings.supervisors):
        if settings.broker.signed_commands and user.key is None and user.role is not SupervisorRole.VIEWER:
            text = "needs a key, because of broker.signed_commands; create one with `dialer mqtt key`"
            yield ("supervisors", place), text
    known = {(each.name, each.role) for each in settings.supervisors}
    for section, name, role in (
        ("desk", settings.desk.user, SupervisorRole.DESK),
        ("headquarters", settings.headquarters.user, SupervisorRole.UPLINK),
    ):
        if name is not None and (name, role) not in known:
            text = f'user {name!r} is not in [[supervisors]]; add it there with role = "{role}"'
            yield (section, "user"), text


def _find_mistakes_about_twilio(settings: Settings) -> Iterator[Mistake]:
    twilio = [trunk for trunk in settings.trunks if trunk.carrier is Carrier.TWILIO]
    if not twilio:
        return
    at: Place = ("trunks", settings.trunks.index(twilio[0]))
    if not settings.twilio.enabled:
        yield at, 'carrier = "twilio" needs [twilio] enabled = true'
    if sum(trunk.calls_per_second for trunk in twilio) > settings.twilio.calls_per_second:
        yield at, "Twilio's trunks together must not start more calls per second than twilio.calls_per_second"
    others = {trunk.endpoint for trunk in settings.trunks if trunk not in twilio}
    clash = {trunk.endpoint for trunk in twilio} & others
    if clash:
        yield at, f"must not have the endpoint {min(clash)!r} of an Asterisk trunk; choose another endpoint"
    if not all(number.startswith("+") for trunk in twilio for number in trunk.caller_ids):
        yield at, "caller IDs of a Twilio trunk must begin with +, such as +911140000001"
    names = {trunk.name for trunk in twilio}
    for place, campaign in enumerate(settings.campaigns):
        if names & set(campaign.trunks) and (campaign.runs_agi_script or campaign.kind is CampaignKind.AGENTS):
            kind = "with an AGI script" if campaign.runs_agi_script else "with agents"
            yield ("campaigns", place, "trunks"), f"a campaign {kind} needs Asterisk; remove its Twilio trunk"


def _find_mistakes_about_recordings(settings: Settings) -> Iterator[Mistake]:
    for place, campaign in enumerate(settings.campaigns):
        if campaign.machine_sample and settings.recordings.prompt is not None:
            text = (
                "records from the answer on, so recordings.prompt cannot announce it; set it to 0, or remove the prompt"
            )
            yield ("campaigns", place, "machine_sample"), text
