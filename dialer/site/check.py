"""`dialer check`: is everything there that this site's settings count on? In plain words, nothing is changed."""

from __future__ import annotations

import asyncio
import errno
import os
import pwd
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from dialer.audio.catalogue import Voice
from dialer.audio.message import MESSAGE_SOUND, missing_sounds
from dialer.audio.playlist import PlaylistReader
from dialer.audio.tones import SILENCE, TONES
from dialer.domain.clock import Clock, SystemClock
from dialer.domain.enums import CampaignKind, SupervisorRole
from dialer.domain.errors import RollError, SwitchError
from dialer.domain.orders import RESUMING_LEADERS
from dialer.domain.signing import read_webhook_secret
from dialer.errors import MatdanError
from dialer.flows.catalogue import load_flow, refuse_unsafe
from dialer.flows.model import Offer, offers_allowed
from dialer.flows.node import NODE_KINDS
from dialer.flows.prompts import playlist_reader
from dialer.flows.script import ScriptLibrary
from dialer.flows.texts import texts_with
from dialer.mqtt.client import Visit, visit_blocking
from dialer.mqtt.link import check_broker
from dialer.roll.mapping import load_map
from dialer.roll.sources import token_headers
from dialer.settings.fields import is_loopback
from dialer.settings.servers import servers_of
from dialer.settings.site import Settings
from dialer.settings.site_rules import site_profile
from dialer.settings.site_time import site_day
from dialer.settings.sources import Source
from dialer.settings.supervision import OWN_USER
from dialer.settings.unfinished import others_may_read, unfinished
from dialer.site.broker import broker_settings
from dialer.site.checks.asterisk import asterisk
from dialer.site.checks.certificate import desk_certificate
from dialer.site.checks.finding import Finding, Look, bad, good, looked, note, of_server, reported
from dialer.site.checks.store import disk, encryption, store_and_rules
from dialer.site.content import content_problems
from dialer.site.doubts import doubts
from dialer.site.flows import script_rules, scripts_of
from dialer.site.open_files import too_few
from dialer.store.lock import DIALLER, holder_of
from dialer.switch.asterisk.scripts.containment import check_containment, describe_containment
from dialer.switch.asterisk.scripts.runner import script_of
from dialer.switch.twilio import NO_TWILIO


async def twilio_spent(settings: Settings) -> float:
    """What the site's Twilio account has spent today. Raises SwitchError with what is wrong."""
    try:
        from dialer.switch.twilio.api import TwilioApi  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise SwitchError(NO_TWILIO) from error
    api = TwilioApi(settings.twilio)
    try:
        return (await api.spent_today())[0]
    finally:
        await api.close()


async def check_site(
    settings: Settings, clock: Clock | None = None, *, file: Path | None = None
) -> AsyncIterator[Finding]:
    """Look at each thing in turn. Never raises for what it finds, and only reads: a dialler may run. `file`: of the settings."""
    clock = clock or SystemClock()
    reader = cache(lambda: playlist_reader(settings))  # what it has parsed and hashed it does not read again
    looks: list[tuple[str, Look]] = [
        ("secrets", lambda: _secrets(settings, file)),
        ("settings", lambda: _plan(settings)),
        ("audio", lambda: _audio(settings, clock, reader)),
        ("content", lambda: _heard(settings, clock, reader)),
    ]
    if settings.uses_asterisk:
        looks.append(("sounds", lambda: _sounds(settings)))
    looks += [
        ("disk", lambda: disk(settings)),
        ("store", lambda: store_and_rules(settings, clock.now())),
        ("encryption", lambda: encryption(settings)),
        ("scripts", lambda: _scripts(settings)),
        ("sources", lambda: sources(settings)),
        ("desk certificate", lambda: desk_certificate(settings, clock.now())),
        ("fastagi", lambda: _listening(settings)),
        ("headquarters", lambda: _headquarters(settings)),
    ]
    for what, look in looks:
        for finding in await asyncio.to_thread(looked, what, look):
            yield finding
    if settings.uses_asterisk and settings.ami.secret is not None:
        for server, site in servers_of(settings).items():
            others = [each.name for each in settings.asterisk.servers if each.name != server]
            async for finding in reported("asterisk", asterisk(site, others, reader)):
                yield of_server(server, finding)
    if settings.twilio.enabled:
        async for finding in reported("twilio", _twilio(settings)):
            yield finding
    if settings.broker.enabled:
        async for finding in reported("broker", broker(settings, clock)):
            yield finding


def _headquarters(settings: Settings) -> Iterator[Finding]:
    """A centre that belongs to one: whose orders it obeys, its key, and its material."""
    ours = settings.headquarters
    if ours.user is None:
        return
    if len(ours.leaders) < RESUMING_LEADERS:
        text = "its leaders are fewer than two ([[headquarters.leaders]]): a stop that it ordered could not be lifted"
        yield bad("headquarters", text)
    key = ours.nkey_file
    if key is not None and key.stat().st_mode & 0o077:
        yield bad("headquarters", f"others may read {key}, the centre's key: `chmod 600` it")
    if ours.material_url is not None and not (ours.material_folder / "current").is_dir():
        text = f"no material has come to {ours.material_folder} yet: start `dialer uplink`, and see what it logs"
        yield note("headquarters", text)
    whose = ", ".join(leader.name for leader in ours.leaders) or "nobody"
    yield good("headquarters", f"zone {ours.zone or 'none'}; it is ordered by {whose}")


def _secrets(settings: Settings, file: Path | None) -> Iterator[Finding]:
    """What is still the example's, or anybody's to read."""
    for each in unfinished(settings):
        yield bad(each.key, f"{each.problem}; {each.remedy}")
    if file is not None and (readable := others_may_read(settings, file)) is not None:
        yield bad("settings file", readable)


def _plan(settings: Settings) -> Iterator[Finding]:
    if (few := too_few(settings)) is not None:
        yield bad("open files", few)
    if not settings.campaigns:
        yield bad("campaigns", "there is none; add a [[campaigns]] table")
    if not settings.trunks:
        yield bad("trunks", "there is none; add a [[trunks]] table")
    if any(campaign.kind is CampaignKind.AGENTS for campaign in settings.campaigns) and not settings.seats:
        yield bad("seats", "a campaign needs agents and there is no seat; add [[seats]] tables")
    if settings.seats and not settings.agents:
        remedy = "add an [[agents]] table for each, with what `dialer agent hash-pin` prints"
        yield bad("agents", f"there is none, so nobody can log in; {remedy}")
    yield from (note(each.key, f"{each.problem}; {each.remedy}") for each in doubts(settings))
    yield from looked("rules", partial(_rules, settings))
    for campaign in settings.campaigns:
        what = f"campaign {campaign.id}"
        if campaign.flow is not None:
            yield from looked(what, partial(_flow, what, campaign.flow, settings))
        if campaign.script is not None:
            yield from looked(what, partial(_agents_script, campaign.id, settings))
    for place, each in enumerate(settings.inbound.numbers, start=1):
        what, answers = f"inbound number {place}", f", for campaign {each.campaign}"
        if each.flow is None:
            yield good(what, each.mode.value + answers)
        else:
            yield from looked(what, partial(_flow, what, each.flow, settings, answers))


def _audio(settings: Settings, clock: Clock, reader: Callable[[], PlaylistReader]) -> Iterator[Finding]:
    if settings.audio.catalogue is None:
        yield note("audio", "dialer.audio.catalogue is not set: sounds are played as they lie there, unchecked")
        return
    playlist = reader().read()
    today = site_day(settings, clock.now())
    silent = [(name, why) for name in sorted(playlist.listed) if (why := playlist.why_not(name, today)) is not None]
    drafts = sum(each.entry.voice is Voice.DRAFT for each in playlist.listed.values())
    told = f"{len(playlist.listed):,} prompts in the catalogue, {drafts:,} of them drafts"
    if silent or not playlist.listed:
        first = f", first {silent[0][0].path}: {silent[0][1]}" if silent else ""
        yield bad("audio", f"{told}; {len(silent):,} do not play{first}; see dialer audio check")
        return
    yield (note if drafts else good)("audio", told)


def _sounds(settings: Settings) -> Iterator[Finding]:
    """What Asterisk plays by itself, without asking anybody: the information message, and the tones on the agents' phones."""
    sounds = settings.audio.sounds
    if missing_sounds(sounds, [MESSAGE_SOUND]):
        text = f"{sounds}: no {MESSAGE_SOUND}: an abandoned caller hears nothing; run dialer audio drafts -c SETTINGS"
        yield bad("information message", text)
    else:
        yield good("information message", f"{MESSAGE_SOUND} is there")
    missing = missing_sounds(sounds, TONES) if settings.seats else []
    if missing:
        lost = ": a voter whose agent's phone dies is hung up and hears no message" if SILENCE in missing else ""
        yield bad("tones", f"{sounds}: no {', '.join(missing)}{lost}; run dialer agent tones --to {sounds}")
    elif settings.seats:
        yield good("tones", f"all {len(TONES)} are there")


def _rules(settings: Settings) -> Iterator[Finding]:
    """Raises SettingError for a setting that is looser."""
    profile = site_profile(settings)
    yield good("rules", f"profile {profile.name} holds, and no setting is looser")
    unconfirmed = sum(not rule.confirmed for rule in profile.rules().values())
    if unconfirmed:
        text = f"{unconfirmed} rules of the profile are confirmed by no text (`dialer rules show`): counsel must confirm them"
        yield note("rules", text)
    nobodys = [campaign.id for campaign in settings.campaigns if not campaign.candidate]
    if profile.exports.expenditure and nobodys:
        text = f"the calls of {', '.join(nobodys)} are on nobody's account in the report of expenditure (candidate)"
        yield note("rules", text)


def _offers(settings: Settings) -> frozenset[Offer]:
    """What flows may offer; nothing where the profile cannot be read."""
    try:
        return offers_allowed(site_profile(settings))
    except MatdanError:
        return frozenset()


def _heard(settings: Settings, clock: Clock, reader: Callable[[], PlaylistReader]) -> list[Finding]:
    problems = content_problems(settings, site_profile(settings), clock, reader())
    if problems:
        return [bad("content", str(problem)) for problem in problems]
    return [good("content", "no voice plays without the label that the profile asks for")]


def _flow(what: str, flow: str, settings: Settings, answers: str = "") -> Iterator[Finding]:
    """That it is sound. Raises MatdanError where it is not."""
    script = script_of(flow)
    if script is not None:
        rules = script_rules(settings)
        rules.check_visible(script)
        problem = _script_problem(settings) or _not_for(rules.user, script)
        text = f"script {script} is there{answers}" if problem is None else f"script {script} cannot be run: {problem}"
        yield (good if problem is None else bad)(what, text)
        return
    loaded = load_flow(flow)
    refuse_unsafe(loaded, texts_with(settings.flows.texts), _offers(settings))
    yield good(what, f"flow {loaded.name} {loaded.version} is sound{answers}")
    if loaded.name != Path(loaded.file).stem:
        text = (
            f"{loaded.file} is the flow {loaded.name}: reports have that name, and a subdialog is found by its file's"
        )
        yield note(what, text)
    if not settings.seats and any(
        isinstance(node, NODE_KINDS["transfer"]) for part in loaded.parts() for node in part.nodes.values()
    ):
        yield bad(what, f"flow {loaded.name} transfers to agents, and there is no seat; add [[seats]]")


def _agents_script(campaign: str, settings: Settings) -> Iterator[Finding]:
    """That what its agents read is sound. Raises MatdanError where it is not."""
    [script] = ScriptLibrary({campaign: scripts_of(settings)[campaign]}, _offers(settings)).read().values()
    yield good(f"campaign {campaign}", f"script {script} for agents is sound")
    if settings.centre.language not in script.languages:
        text = f"script {script} is not in {settings.centre.language} (centre.language): agents read it in {script.languages[0]}"
        yield note(f"campaign {campaign}", text)


def _not_for(user: str | None, script: Path) -> str | None:
    """Why a user may not run a script; None: they may. `user` None: us."""
    if user is None:
        return None
    entry = pwd.getpwnam(user)
    for path, wanted in [(folder, 1) for folder in script.parents] + [(script, 4 if script.suffix == ".py" else 5)]:
        found = path.stat()
        shift = 6 if found.st_uid == entry.pw_uid else 3 if found.st_gid == entry.pw_gid else 0
        if found.st_mode >> shift & wanted != wanted:
            return f"user {user!r}, whose rights it has, may not use {path}; give others the right, or set flows.script_user"
    return None


def _scripts(settings: Settings) -> Iterator[Finding]:
    """Whether this machine can contain AGI scripts, tried out. Raises FlowError where it cannot."""
    if settings.has_scripts and _script_problem(settings) is None:
        rules = script_rules(settings)
        check_containment(rules)
        yield good("scripts", describe_containment(rules))


def _script_problem(settings: Settings) -> str | None:
    """What keeps a site's AGI scripts from being started, beside the scripts themselves; None: nothing."""
    user, errors = settings.flows.script_user, settings.flows.script_errors
    if user is not None:
        try:
            pwd.getpwnam(user)
        except KeyError:
            return f"this machine has no user {user!r}; create it, or change flows.script_user"
    if errors is not None and not errors.parent.is_dir():
        return f"there is no directory {errors.parent}; create it, or change flows.script_errors"
    return None


async def _twilio(settings: Settings) -> AsyncIterator[Finding]:
    """Raises MatdanError where it does not answer."""
    spent = await twilio_spent(settings)
    cap = settings.twilio.most_spend_per_day
    of_cap = f" of {cap:g}" if cap is not None else "; there is no cap (twilio.most_spend_per_day)"
    yield (note if cap is None else good)("twilio", f"answers; {spent:.2f} spent today{of_cap}")


def _listening(settings: Settings) -> Iterator[Finding]:
    """Whether our port is free, or held by whom it is for. Raises OSError where the machine cannot tell."""
    what, host, port = "fastagi", settings.fastagi.host, settings.fastagi.port
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                yield bad(what, f"cannot listen on {host}:{port} ({error.strerror}); set fastagi.host")
            elif (holder := holder_of(settings.store.path) or "").startswith(DIALLER):
                yield good(what, f"port {port} is in use, and {holder} is running")
            else:
                yield bad(what, f"port {port} is taken; stop what holds it or set fastagi.port")
            return
    yield good(what, f"{host}:{port} is free for us to listen on")


_RENDER = "`dialer mqtt render` writes a Mosquitto's files (docs/mqtt.md)"


async def broker(settings: Settings, clock: Clock) -> AsyncIterator[Finding]:
    """What the broker lets us do, and what it lets others do. Raises MatdanError, OSError."""
    ours = broker_settings(settings)
    # As somebody else than the dialler: the same client id twice would throw a running one off the broker.
    checking = replace(ours, client_id=f"dialler-check-{settings.centre.id}")
    try:
        await check_broker(checking, settings.centre.id, clock.now())
    except MatdanError as error:
        yield note("broker", f"{error}; dialling works without one, supervisors see nothing")
        return
    yield good("broker", f"an MQTT broker answers at {ours.host}:{ours.port}")
    if not settings.broker.tls and not is_loopback(settings.broker.host):
        text = (
            f"nothing is encrypted on the way to {ours.host}: passwords and commands can be read there; set broker.tls"
        )
        yield note("broker", text)
    if settings.broker.username is None and not _all_sign(settings):
        text = f"no command is obeyed but a signed one: the dialler has no user of its own there (broker.username); {_RENDER}"
        yield note("broker", text)
    centre, user = settings.centre.id, next((each.name for each in settings.supervisors), OWN_USER)
    stranger = replace(ours, username=None, password=None)
    yield _of_strangers(settings, await asyncio.to_thread(visit_blocking, stranger, centre, user))
    as_ourselves = await asyncio.to_thread(visit_blocking, ours, centre, user, knocks_only=True)
    if as_ourselves.connected and as_ourselves.most_bytes is None:
        text = (
            f"it takes messages of any length: whoever may publish can fill its memory; set max_packet_size; {_RENDER}"
        )
        yield note("broker", text)


def _of_strangers(settings: Settings, stranger: Visit) -> Finding:
    if stranger.may_command and not _all_sign(settings) and settings.broker.username is not None:
        text = f"it lets strangers publish commands: whoever reaches it can stop the centre, and mark voters; {_RENDER}"
        return bad("broker", text)
    if stranger.may_command:
        text = (
            f"it lets strangers publish commands; none is obeyed without a signature, and a flood costs time; {_RENDER}"
        )
        return note("broker", text)
    if stranger.may_read:
        return note("broker", f"it lets strangers read this centre's state; {_RENDER}")
    if stranger.connected:
        return note("broker", f"it lets strangers connect, though not publish commands; {_RENDER}")
    return good("broker", "it turns strangers away")


def _all_sign(settings: Settings) -> bool:
    """Whether everybody who may give commands must sign them, our own command line among them."""
    if settings.broker.signed_commands:
        return True
    may = [each for each in settings.supervisors if each.role is not SupervisorRole.VIEWER]
    return settings.broker.key_file is not None and all(each.key is not None for each in may)


def sources(settings: Settings) -> Iterator[Finding]:
    """Whether each portal's folder, saved mapping, token and secret are there and of use. The portal itself is not asked."""
    for source in settings.sources:
        what, sound = f"source {source.name}", True
        for need in _needs(source):
            try:
                need()
            except MatdanError as error:
                sound = False
                yield bad(what, str(error))
        if sound:
            yield good(what, f"its folder {source.folder} and its mapping are there")


def _needs(source: Source) -> Iterator[Callable[[], object]]:
    """Each raises MatdanError for what is wrong."""
    yield partial(_folder, source.folder)
    yield partial(load_map, source.map_file)
    yield partial(token_headers, source)
    if source.webhook_secret_file is not None:
        yield partial(read_webhook_secret, source.webhook_secret_file, f"sources.{source.name}.webhook_secret_file")


def _folder(folder: Path) -> None:
    if not folder.is_dir():
        raise RollError(f"there is no folder {folder}: make it, or correct the folder of [[sources]]")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise RollError(
            f"{folder}: this user may not read and write there, and rejects stand beside exports: give it the right"
        )
