"""Draft voices: every prompt that nobody has recorded yet is spoken by a computer, and is marked as a draft wherever it shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dialer.audio import espeak
from dialer.audio.catalogue import Entry, Voice, why_not_kept
from dialer.audio.decoding import RESAMPLER, filtered
from dialer.audio.errors import RecordingRefused, VoiceMissing
from dialer.audio.files import sha256_of_bytes
from dialer.audio.making import Recipe, finish
from dialer.audio.names import Places, PromptName
from dialer.audio.prepare import (
    Prepared,
    Refused,
    kept,
    refused,
    remove_other_kinds,
    sounds_as_made,
    staged,
    was_sent,
    with_approvals,
)
from dialer.audio.workers import spread, workers_for


@dataclass(frozen=True, slots=True)
class DraftJob:
    """One text, and every prompt that says it: the day 7, the number 7 and the digit 7 are one sound."""

    language: str
    text: str
    names: tuple[PromptName, ...]
    recipe: Recipe
    places: Places


@dataclass(slots=True)
class DraftReport:
    """What a run of `dialer audio drafts` did."""

    drafted: int = 0
    unchanged: int = 0
    recorded: int = 0  # prompts that have a recording: never overwritten
    void: list[PromptName] = field(default_factory=list)  # approved as they were: spoken anew, nobody has heard them
    refused: list[Refused] = field(default_factory=list)


def make_drafts(
    places: Places,
    entries: dict[PromptName, Entry],
    recipe: Recipe,
    texts: Mapping[PromptName, str],
    *,
    catalogue: Path | None = None,
    workers: int = 0,
    told: Callable[[int, int], None] = lambda prompts, total: None,
) -> DraftReport:
    """Speak every text that has no recording, put its sounds in place and its entry into `entries`, and write these to `catalogue`.

    A draft that was approved is spoken anew like any other once its text is another one, and is a draft again.
    `told(done, total)` counts prompts. A text that is too long for the catalogue is refused before it is spoken. Raises
    VoiceMissing where the voices are not installed, AudioError where sounds or catalogue cannot be written.
    """
    espeak.require()
    remove_other_kinds(places, entries)
    report = DraftReport()
    wanted: dict[tuple[str, str], list[PromptName]] = {}
    for name, text in sorted(texts.items()):
        entry = entries.get(name)
        if entry is not None and was_sent(entry):
            report.recorded += 1
        elif entry is not None and _as_it_was(entry, name, text, recipe, places):
            report.unchanged += 1
        elif (why := why_not_kept(text)) is not None:
            report.refused.append(Refused(name.path, why))
        else:
            wanted.setdefault((name.language, text), []).append(name)
    total = sum(len(names) for names in wanted.values())
    told(0, total)
    if not wanted:
        return report
    done = 0
    with staged(places, entries, catalogue) as (workshop, made):
        jobs = [DraftJob(language, text, tuple(names), recipe, workshop) for (language, text), names in wanted.items()]
        for job, result in spread(draft_one, jobs, workers_for(len(jobs), workers)):
            done += len(job.names)
            told(done, total)
            if not isinstance(result, list):
                report.refused.append(result or Refused(job.names[0].path, "made the voice fail; record it"))
                continue
            for each in result:
                before = entries.get(each.name)
                entry = _with_history(each.entry, before)
                made.append((each.name, entry))
                if before is not None and before.approved and not entry.approved:
                    report.void.append(each.name)
            report.drafted += len(result)
    report.refused.sort(key=lambda each: each.source)
    return report


def draft_one(job: DraftJob) -> list[Prepared] | Refused:
    """Speak one text and put its sounds in place; what each prompt has of it."""
    told = {"text": job.text, "notes": ()}
    try:
        voice = espeak.voice_of(job.language)
        samples, rate = espeak.speak(job.text, job.language)
        resampled = filtered(samples, rate, (("aresample", f"osr={job.recipe.rate}:osf=flt:{RESAMPLER}"),))
        made, sha = finish(resampled, job.recipe), _hash(job.text, job.language)
        entries = {name: kept(made, name, job.recipe, job.places, Voice.DRAFT, voice, sha) for name in job.names}
    except (RecordingRefused, VoiceMissing, OSError) as error:
        return refused(job.names[0].path, error, job.places)
    return [Prepared(name, entry.model_copy(update=told)) for name, entry in entries.items()]


def _with_history(fresh: Entry, before: Entry | None) -> Entry:
    """The fresh entry with the approval that the prompt had, which holds where the same voice says the same text: only the sounds
    are new. Another version of the voice nobody has heard, and the hash does not tell it.
    """
    if before is None or before.source != fresh.source:
        return fresh
    known = with_approvals(fresh, before)
    return known.model_copy(update={"voice": Voice.SYNTHETIC}) if known.approved else known


def _hash(text: str, language: str) -> str:
    spoken = f"{espeak.WORDS_A_MINUTE}\n{language}\n{espeak.spoken_as(text, language)}"
    return sha256_of_bytes(spoken.encode())


def _as_it_was(entry: Entry, name: PromptName, text: str, recipe: Recipe, places: Places) -> bool:
    same = entry.source_sha256 == _hash(text, name.language) and entry.text == text
    return same and sounds_as_made(entry, name, recipe, places)
