"""Decide whether a prompt may be played, from its catalogue entry, its sounds on disk and the site's settings. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from dialer.audio.catalogue import Entry, Voice
from dialer.audio.names import PromptName
from dialer.domain.translatable import TranslatableText, translatable
from dialer.settings.audio import SoundFormat

RECORDINGS: Final = "recording/"
"""The name prefix of campaign recordings, whose content is the campaign's own."""


@dataclass(frozen=True, slots=True)
class PlayRules:
    """The conditions under which a site plays a prompt, such as an approval or a certificate.

    The section [audio] of the settings and the rules profile define them.
    """

    certified_recordings: bool = False
    approved_only: bool = False
    play_drafts: bool = True


def find_reason_prompt_is_blocked(
    name: PromptName,
    entry: Entry | None,
    found: Mapping[SoundFormat, str],
    rules: PlayRules,
    today: date,
) -> str | None:
    """Return why a prompt may not be played, or None if it may.

    An invalid certificate blocks the prompt even if the site requires no certificates.

    Args:
        name: the prompt.
        entry: its entry in the catalogue, if it has one.
        found: the SHA-256 of each of its sounds on disk, by format.
        rules: the requirements of the site.
        today: the date in the centre's time zone.
    """
    if entry is None:
        return "is not in the catalogue; run dialer audio prepare"
    if not found:
        return "has no sound on disk; run dialer audio prepare"
    if any(entry.files.get(sound_format) != sha for sound_format, sha in found.items()):
        return "was changed on disk after it was prepared; run dialer audio prepare"
    if entry.voice is Voice.DRAFT and not rules.play_drafts:
        return "is a draft voice; record it"
    return _describe_missing_or_invalid_certificate(name, entry, rules, today) or _find_approval_problem(entry, rules)


def find_certificate_problem(entry: Entry) -> TranslatableText | None:
    """Return why a prompt has no certificate for its present recording, or None if it has one. Expiry is not checked."""
    if not entry.certificate:
        return translatable("prompt-without-certificate", "has no certificate; see `dialer audio approve`")
    if entry.certificate_sha256 != entry.source_sha256:
        return translatable(
            "prompt-not-certified-recording",
            "is not the recording to which certificate {certificate} was issued",
            certificate=entry.certificate,
        )
    return None


def _describe_missing_or_invalid_certificate(
    name: PromptName, entry: Entry, rules: PlayRules, today: date
) -> str | None:
    """Return why a prompt's certificate is missing or not valid today. Return None if it is valid or not needed."""
    if not entry.certificate and not (rules.certified_recordings and name.name.startswith(RECORDINGS)):
        return None
    problem = find_certificate_problem(entry)
    if problem is None and entry.valid_until is not None and today > entry.valid_until:
        return f"has a certificate that ended on {entry.valid_until}"
    return problem


def _find_approval_problem(entry: Entry, rules: PlayRules) -> str | None:
    """Return why a prompt lacks the approval that the site requires, or None if nothing is missing."""
    if not rules.approved_only or entry.is_recording_approved:
        return None
    return "was changed after it was approved" if entry.approved_by else "has not been approved"
