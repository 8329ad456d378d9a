"""Checks of recordings and sounds on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dialer.audio.catalogue import Voice
from dialer.audio.information_message import MESSAGE_SOUND, find_missing_sounds
from dialer.audio.playlist import PlaylistReader
from dialer.audio.tones import SILENCE, TONES
from dialer.domain.clock import Clock
from dialer.domain.finding import Finding, make_error_finding, make_ok_finding, make_warning_finding
from dialer.settings.site import Settings
from dialer.settings.site_rules import load_site_profile
from dialer.settings.site_time import get_site_day
from dialer.site.voices import find_unannounced_synthetic_voices


def check_catalogue_of_recordings(
    settings: Settings, clock: Clock, reader: Callable[[], PlaylistReader]
) -> Iterator[Finding]:
    """Check that every prompt in the catalogue of recordings has an approval that is valid today."""
    if settings.audio.catalogue is None:
        yield make_warning_finding(
            "audio", "audio.catalogue is not set, so sounds are played without a check of their approval"
        )
        return
    playlist = reader().read_playlist()
    today = get_site_day(settings, clock.now())
    blocked = [
        (name, why)
        for name in sorted(playlist.listed)
        if (why := playlist.find_reason_sound_is_blocked(name, today)) is not None
    ]
    drafts = sum(each.entry.voice is Voice.DRAFT for each in playlist.listed.values())
    counts = f"{len(playlist.listed):,} prompts in the catalogue, {drafts:,} of them drafts"
    if blocked or not playlist.listed:
        first = f", first {blocked[0][0].relative_prompt_path}: {blocked[0][1]}" if blocked else ""
        yield make_error_finding(
            "audio", f"{counts}; {len(blocked):,} cannot be played{first}", "see `dialer audio check`"
        )
        return
    yield (make_warning_finding if drafts else make_ok_finding)("audio", counts)


def check_synthetic_voices(settings: Settings, clock: Clock, reader: Callable[[], PlaylistReader]) -> Iterator[Finding]:
    """Check that synthetic voices are announced ("a computer speaks"), if the jurisdiction's profile (legal rules)
    requires it.
    """
    problems = find_unannounced_synthetic_voices(settings, load_site_profile(settings), clock, reader())
    for problem in problems:
        yield make_error_finding("synthetic voices", str(problem))
    if not problems:
        yield make_ok_finding("synthetic voices", "all synthetic voices are announced as the profile requires")


def check_sounds_of_dialplan(settings: Settings) -> Iterator[Finding]:
    """Check that the sounds of the dialplan exist: the information message, and the tones on agents' phones."""
    sounds = settings.audio.sounds
    if find_missing_sounds(sounds, [MESSAGE_SOUND]):
        text = f"{sounds} has no {MESSAGE_SOUND}: an abandoned caller hears nothing"
        yield make_error_finding("information message", text, "run `dialer audio drafts -c SETTINGS`, or record it")
    else:
        yield make_ok_finding("information message", f"{MESSAGE_SOUND} exists")
    missing = find_missing_sounds(sounds, TONES) if settings.seats else []
    if missing:
        effect = (
            ": if an agent's phone fails, the voter is disconnected without a message" if SILENCE in missing else ""
        )
        text = f"{sounds} has no {', '.join(missing)}{effect}"
        yield make_error_finding("tones", text, f"run `dialer agent tones --to {sounds}`")
    elif settings.seats:
        yield make_ok_finding("tones", f"all {len(TONES)} tones for agents' phones exist")
