"""May this prompt be played, and if not, why? A pure function of the catalogue, of what lies on disk, and of the site's rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from dialer.audio.catalogue import Entry, Voice
from dialer.audio.names import PromptName
from dialer.settings.audio import SoundFormat

RECORDINGS: Final = "recording/"
"""Where campaign recordings stand among the prompts: what is said in them is the campaign's own."""


@dataclass(frozen=True, slots=True)
class PlayRules:
    """What this site asks of a prompt before it is played: section [audio] of its settings, and its profile."""

    certified_recordings: bool = False
    approved_only: bool = False
    play_drafts: bool = True


def why_not_played(
    name: PromptName,
    entry: Entry | None,
    found: Mapping[SoundFormat, str],
    rules: PlayRules,
    today: date,
) -> str | None:
    """Why a prompt may not be played, in a few words; None: it may.

    `found` is the SHA-256 of each of its sounds as they lie on disk now; `today` the day in the centre's time zone. A certificate
    binds wherever there is one, whether the site asks for certificates or not.
    """
    if entry is None:
        return "is not in the catalogue; run dialer audio prepare"
    if not found:
        return "has no sound on disk; run dialer audio prepare"
    if any(entry.files.get(sound_format) != sha for sound_format, sha in found.items()):
        return "is not the sound that was prepared; run dialer audio prepare"
    if entry.voice is Voice.DRAFT and not rules.play_drafts:
        return "is a draft voice; it needs a recording"
    return _certified(name, entry, rules, today) or _approved(entry, rules)


def why_not_certified(entry: Entry) -> str | None:
    """Why no certificate covers a prompt's recording, whatever the day; None: one does, to its last day."""
    if not entry.certificate:
        return "has no certificate; see dialer audio approve"
    if entry.certificate_sha256 != entry.source_sha256:
        return f"is not the recording that certificate {entry.certificate} was given for"
    return None


def _certified(name: PromptName, entry: Entry, rules: PlayRules, today: date) -> str | None:
    if not entry.certificate and not (rules.certified_recordings and name.name.startswith(RECORDINGS)):
        return None
    problem = why_not_certified(entry)
    if problem is None and entry.valid_until is not None and today > entry.valid_until:
        return f"has a certificate that ended on {entry.valid_until}"
    return problem


def _approved(entry: Entry, rules: PlayRules) -> str | None:
    if not rules.approved_only or entry.approved:
        return None
    return "was changed after it was approved" if entry.approved_by else "has not been approved"
