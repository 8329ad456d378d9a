"""Decide whether a prompt may be played, from its catalogue entry, its files and the rules of the site. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from dialer.audio.catalogue import Entry, Voice
from dialer.audio.names import PromptName
from dialer.settings.audio import SoundFormat

RECORDINGS: Final = "recording/"
"""The prefix of campaign recordings, whose content is the campaign's own."""


@dataclass(frozen=True, slots=True)
class PlayRules:
    """What a site requires of a prompt before it is played: section [audio] of its settings, and its profile."""

    certified_recordings: bool = False
    approved_only: bool = False
    play_drafts: bool = True


def play_problem(
    name: PromptName,
    entry: Entry | None,
    found: Mapping[SoundFormat, str],
    rules: PlayRules,
    today: date,
) -> str | None:
    """Return why a prompt may not be played, in a few words; None if it may.

    `found` has the SHA-256 of each of its sounds on disk; `today` is the day in the centre's time zone. An existing
    certificate is binding even if the site does not require certificates.
    """
    if entry is None:
        return "is not in the catalogue; run dialer audio prepare"
    if not found:
        return "has no sound on disk; run dialer audio prepare"
    if any(entry.files.get(sound_format) != sha for sound_format, sha in found.items()):
        return "was changed on disk after it was prepared; run dialer audio prepare"
    if entry.voice is Voice.DRAFT and not rules.play_drafts:
        return "is a draft voice; it needs a recording"
    return _certified(name, entry, rules, today) or _approved(entry, rules)


def certificate_problem(entry: Entry) -> str | None:
    """Return why no certificate covers the recording of a prompt, regardless of the day; None if one does."""
    if not entry.certificate:
        return "has no certificate; see dialer audio approve"
    if entry.certificate_sha256 != entry.source_sha256:
        return f"is not the recording to which certificate {entry.certificate} was issued"
    return None


def _certified(name: PromptName, entry: Entry, rules: PlayRules, today: date) -> str | None:
    if not entry.certificate and not (rules.certified_recordings and name.name.startswith(RECORDINGS)):
        return None
    problem = certificate_problem(entry)
    if problem is None and entry.valid_until is not None and today > entry.valid_until:
        return f"has a certificate that ended on {entry.valid_until}"
    return problem


def _approved(entry: Entry, rules: PlayRules) -> str | None:
    if not rules.approved_only or entry.approved:
        return None
    return "was changed after it was approved" if entry.approved_by else "has not been approved"
