"""`dialer check`: is everything there that this site's settings count on? In plain words, nothing is changed."""

from __future__ import annotations

import asyncio
import errno
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from enum import StrEnum
from zoneinfo import ZoneInfo

from audio.catalogue import Voice
from audio.message import MESSAGE_SOUND, missing_sounds
from audio.tones import SILENCE, TONES
from config.campaigns import Kind
from config.errors import MatdanError
from config.settings import Settings
from config.site_rules import site_profile
from dialer.app import twilio_spent
from dialer.clock import Clock, SystemClock
from dialer.content import content_problems
from dialer.monitor.broker_link import check_broker
from dialer.plan_of_site import ami_login, broker_settings, needs_asterisk, offers_allowed
from dialer.prompts import playlist_reader, site_today
from dialer.rules.calling_hours import may_call
from dialer.scripts.runner import script_of
from dialer.site_key import site_key
from dialer.store.connection import is_encrypted
from dialer.store.conversion import left_over
from dialer.store.sqlite import open_store
from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.ami_rights import check_rights
from ivr_flows.catalogue import load_flow, refuse_unsafe
from ivr_flows.model import Offer


class Verdict(StrEnum):
    """What a finding means for the site."""

    GOOD = "good"
    NOTE = "note"  # will run, but somebody should know
    BAD = "bad"  # will not run, or not rightly


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    verdict: Verdict
    text: str


async def check_site(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Finding]:
    """Look at each thing in turn and say how it is. Never raises for what it finds."""
    clock = clock or SystemClock()
    for finding in _plan(settings, clock):
        yield finding
    yield await asyncio.to_thread(_audio, settings, clock)
    for finding in await asyncio.to_thread(_heard, settings, clock):
        yield finding
    if needs_asterisk(settings):
        for finding in _sounds(settings):
            yield finding
    yield _disk(settings)
    path = settings.store.path
    if path.exists():
        yield await _store(settings)
    else:
        yield Finding("store", Verdict.BAD, f"{path} does not exist; `dialer import ROLL` makes it")
    yield _encryption(settings)
    if needs_asterisk(settings):
        yield await _asterisk(settings)
    if settings.twilio.enabled:
        yield await _twilio(settings)
    yield _listening(settings)
    if settings.broker.enabled:
        yield await _broker(settings, clock)


def _plan(settings: Settings, clock: Clock) -> list[Finding]:
    """What the settings themselves leave to be desired."""
    findings: list[Finding] = []
    if not settings.campaigns:
        findings.append(Finding("campaigns", Verdict.BAD, "there is none; add a [[campaigns]] table"))
    if not settings.trunks:
        findings.append(Finding("trunks", Verdict.BAD, "there is none; add a [[trunks]] table"))
    if any(campaign.kind is Kind.AGENTS for campaign in settings.campaigns) and not settings.seats:
        findings.append(
            Finding("seats", Verdict.BAD, "a campaign needs agents and there is no seat; add [[seats]] tables")
        )
    if settings.seats and not settings.agents:
        findings.append(
            Finding(
                "agents",
                Verdict.NOTE,
                "there is none: a seat is logged in by command alone, with no PIN; add [[agents]] tables",
            )
        )
    findings += _rules(settings)
    may_offer = _offers(settings)
    zone = ZoneInfo(settings.centre.time_zone)
    for campaign in settings.campaigns:
        what = f"campaign {campaign.id}"
        if campaign.flow is not None:
            try:
                sound = _sound_flow(campaign.flow, may_offer)
            except MatdanError as error:
                findings.append(Finding(what, Verdict.BAD, str(error)))
                continue
            findings.append(Finding(what, Verdict.GOOD, sound))
        hours = [(stretch.start, stretch.until) for stretch in campaign.hours]
        told = ", ".join(f"{start:%H:%M}-{until:%H:%M}" for start, until in hours)
        now = "may call now" if may_call(hours, zone, clock.now()) else "may not call now"
        findings.append(Finding(what, Verdict.GOOD, f"calling hours {told} ({settings.centre.time_zone}): {now}"))
    for place, each in enumerate(settings.inbound.numbers, start=1):
        what = f"inbound number {place}"
        try:
            meets = each.mode.value if each.flow is None else _sound_flow(each.flow, may_offer)
        except MatdanError as error:
            findings.append(Finding(what, Verdict.BAD, str(error)))
        else:
            findings.append(Finding(what, Verdict.GOOD, f"{meets}, for campaign {each.campaign}"))
    return findings


def _audio(settings: Settings, clock: Clock) -> Finding:
    """What of the catalogue plays."""
    if settings.audio.catalogue is None:
        return Finding(
            "audio", Verdict.NOTE, "audio.catalogue is not set: sounds are played as they lie there, unchecked"
        )
    try:
        playlist = playlist_reader(settings).read()
    except MatdanError as error:
        return Finding("audio", Verdict.BAD, str(error))
    today = site_today(settings, clock)
    silent = [(name, why) for name in sorted(playlist.listed) if (why := playlist.why_not(name, today)) is not None]
    drafts = sum(each.entry.voice is Voice.DRAFT for each in playlist.listed.values())
    told = f"{len(playlist.listed):,} prompts in the catalogue, {drafts:,} of them drafts"
    if silent or not playlist.listed:
        first = f", first {silent[0][0].path}: {silent[0][1]}" if silent else ""
        return Finding("audio", Verdict.BAD, f"{told}; {len(silent):,} do not play{first}; see dialer audio check")
    return Finding("audio", Verdict.NOTE if drafts else Verdict.GOOD, told)


def _sounds(settings: Settings) -> list[Finding]:
    """What Asterisk plays by itself, without asking anybody: the information message, and the tones on the agents' phones."""
    sounds = settings.audio.sounds
    findings: list[Finding] = []
    if missing_sounds(sounds, [MESSAGE_SOUND]):
        text = f"{sounds}: no {MESSAGE_SOUND}: an abandoned caller hears nothing; run dialer audio drafts -c SETTINGS"
        findings.append(Finding("information message", Verdict.BAD, text))
    else:
        findings.append(Finding("information message", Verdict.GOOD, f"{MESSAGE_SOUND} is there"))
    if not settings.seats:
        return findings
    missing = missing_sounds(sounds, TONES)
    if missing:
        lost = ": a voter whose agent's phone dies is hung up and hears no message" if SILENCE in missing else ""
        text = f"{sounds}: no {', '.join(missing)}{lost}; run dialer agent tones --to {sounds}"
        findings.append(Finding("tones", Verdict.BAD, text))
    else:
        findings.append(Finding("tones", Verdict.GOOD, f"all {len(TONES)} are there"))
    return findings


def _rules(settings: Settings) -> list[Finding]:
    try:
        profile = site_profile(settings)
    except MatdanError as error:
        return [Finding("rules", Verdict.BAD, str(error))]
    text = f"profile {profile.name} holds, and no setting is looser; `dialer rules check` looks closer"
    findings = [Finding("rules", Verdict.GOOD, text)]
    unconfirmed = sum(not rule.confirmed for rule in profile.rules().values())
    if unconfirmed:
        text = f"{unconfirmed} rules of the profile are confirmed by no text (`dialer rules show`): counsel must"
        findings.append(Finding("rules", Verdict.NOTE, text))
    nobodys = [campaign.id for campaign in settings.campaigns if not campaign.candidate]
    if profile.exports.expenditure and nobodys:
        text = f"the calls of {', '.join(nobodys)} are on nobody's account in the report of expenditure (candidate)"
        findings.append(Finding("rules", Verdict.NOTE, text))
    return findings


def _offers(settings: Settings) -> frozenset[Offer]:
    """What flows may offer; nothing where the profile cannot be read."""
    try:
        return offers_allowed(site_profile(settings))
    except MatdanError:
        return frozenset()


def _heard(settings: Settings, clock: Clock) -> list[Finding]:
    """What voters would hear, as the profile has it."""
    try:
        problems = content_problems(settings, site_profile(settings), clock)
    except MatdanError as error:
        return [Finding("content", Verdict.BAD, str(error))]
    if problems:
        return [Finding("content", Verdict.BAD, str(problem)) for problem in problems]
    return [Finding("content", Verdict.GOOD, "no voice plays without the label that the profile asks for")]


def _sound_flow(flow: str, may_offer: frozenset[Offer]) -> str:
    script = script_of(flow)
    if script is not None:
        return f"script {script} is there"
    loaded = load_flow(flow)
    refuse_unsafe(loaded, may_offer)
    return f"flow {loaded.name} {loaded.version} is sound"


def _disk(settings: Settings) -> Finding:
    directory = settings.store.path.resolve().parent
    if not directory.is_dir():
        return Finding("disk", Verdict.BAD, f"{directory} is no directory; make it or change store.path")
    free = shutil.disk_usage(directory).free // (1024 * 1024)
    if free <= settings.store.reserve_megabytes:
        text = f"{free} MB free and store.reserve_megabytes is {settings.store.reserve_megabytes}: nothing would be dialled"
        return Finding("disk", Verdict.BAD, text)
    return Finding("disk", Verdict.GOOD, f"{free:,} MB free")


async def _store(settings: Settings) -> Finding:
    path = settings.store.path
    try:
        key = site_key(settings)
        async with await open_store(path, create=False, key=key) as store:
            booths = await store.booth_turnout()
            left_open = await store.unfinished_attempts()
    except MatdanError as error:
        return Finding("store", Verdict.BAD, str(error))
    voters = sum(booth.voters for booth in booths)
    if voters == 0:
        return Finding("store", Verdict.BAD, f"{path} has no voters; `dialer import ROLL` brings them in")
    if left_open:
        text = f"{voters:,} voters; {len(left_open)} attempts were left open and will be reconciled at the start"
        return Finding("store", Verdict.NOTE, text)
    return Finding("store", Verdict.GOOD, f"{voters:,} voters in {len(booths):,} booths")


def _encryption(settings: Settings) -> Finding:
    """Whether what identifies voters can be read by whoever gets hold of the disk. That the key fits, the store's line says."""
    what, beside = "encryption", left_over(settings.store.path)
    if beside.exists():
        text = (
            f"{beside} is left of a conversion that was interrupted and may be plain: run it again, or remove the file"
        )
        return Finding(what, Verdict.BAD, text)
    try:
        key = site_key(settings)
        plain = settings.store.path.exists() and not is_encrypted(settings.store.path)
    except MatdanError as error:
        return Finding(what, Verdict.BAD, str(error))
    if key is None:
        text = "the settings name no key: the store is not encrypted; see docs/rules.md, `dialer store key` makes one"
        return Finding(what, Verdict.NOTE, text)
    if plain:
        return Finding(what, Verdict.BAD, "the settings name a key, and the store is plain: run `dialer store encrypt`")
    return Finding(what, Verdict.GOOD, f"the store's key is in {key.file}; recordings and exports are not encrypted")


async def _asterisk(settings: Settings) -> Finding:
    """Log in and read what a resync reads: a missing right shows here and not on polling day."""
    try:
        await check_rights(ami_login(settings))
        async with AmiClient(ami_login(settings), on_event=lambda _: None, keep_events=()) as client:
            await client.action("CoreStatus")
            channels = await client.action_list("CoreShowChannels")
            await client.action_list("ConfbridgeListRooms")
            banner = client.banner
    except MatdanError as error:
        return Finding("asterisk", Verdict.BAD, str(error))
    return Finding("asterisk", Verdict.GOOD, f"{banner}, {len(channels)} channels live")


async def _twilio(settings: Settings) -> Finding:
    try:
        spent = await twilio_spent(settings)
    except MatdanError as error:
        return Finding("twilio", Verdict.BAD, str(error))
    cap = settings.twilio.most_spend_per_day
    of_cap = f" of {cap:g}" if cap is not None else "; there is no cap (twilio.most_spend_per_day)"
    return Finding(
        "twilio", Verdict.GOOD if cap is not None else Verdict.NOTE, f"answers; {spent:.2f} spent today{of_cap}"
    )


def _listening(settings: Settings) -> Finding:
    host, port = settings.fastagi.host, settings.fastagi.port
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return Finding("fastagi", Verdict.BAD, f"port {port} is taken; stop what holds it or set fastagi.port")
            return Finding(
                "fastagi", Verdict.BAD, f"cannot listen on {host}:{port} ({error.strerror}); set fastagi.host"
            )
    return Finding("fastagi", Verdict.GOOD, f"{host}:{port} is free for us to listen on")


async def _broker(settings: Settings, clock: Clock) -> Finding:
    """Connect as somebody else than the dialler: the same client id twice would throw a running one off the broker."""
    broker = replace(broker_settings(settings), client_id=f"dialler-check-{settings.centre.id}")
    try:
        await check_broker(broker, settings.centre.id, clock.now())
    except MatdanError as error:
        return Finding("broker", Verdict.NOTE, f"{error}; dialling works without one, supervisors see nothing")
    return Finding("broker", Verdict.GOOD, f"an MQTT broker answers at {broker.host}:{broker.port}")
