"""Draft voices: every prompt that nobody has recorded yet is spoken by a computer, and is marked as a draft wherever it shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from audio import espeak
from audio.catalogue import Entry, Voice, why_not_kept
from audio.decoding import RESAMPLER, filtered
from audio.errors import RecordingRefused, VoiceMissing
from audio.files import sha256_of_bytes
from audio.making import Recipe, finish
from audio.names import Places, PromptName
from audio.prepare import (
    Refused,
    new_entry,
    put_in_place,
    remove_other_kinds,
    sounds_as_made,
    staged,
    was_sent,
    with_approvals,
)
from audio.workers import spread, workers_for


@dataclass(frozen=True, slots=True)
class DraftJob:
    """One text, and every prompt that says it: the day 7, the number 7 and the digit 7 are one sound."""

    language: str
    text: str
    names: tuple[PromptName, ...]
    recipe: Recipe
    places: Places


@dataclass(frozen=True, slots=True)
class Drafted:
    """The entries of a text's prompts."""

    entries: tuple[tuple[PromptName, Entry], ...]


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
            if isinstance(result, Drafted):
                for name, entry in result.entries:
                    made.append((name, _with_history(entry, entries.get(name))))
                    if name in entries and entries[name].approved and not made[-1][1].approved:
                        report.void.append(name)
                report.drafted += len(result.entries)
            else:
                report.refused.append(result or Refused(job.names[0].path, "made the voice fail; record it"))
    report.refused.sort(key=lambda each: each.source)
    return report


def draft_one(job: DraftJob) -> Drafted | Refused:
    """Speak one text and put its sounds in place."""
    try:
        voice = espeak.voice_of(job.language)
        samples, rate = espeak.speak(job.text, job.language)
        resampled = filtered(samples, rate, (("aresample", f"osr={job.recipe.rate}:osf=flt:{RESAMPLER}"),))
        made = finish(resampled, job.recipe)
        entries = []
        for name in job.names:
            files = put_in_place(made, name, job.places)
            entry = new_entry(made, files, Voice.DRAFT, voice, _hash(job.text, job.language), job.recipe)
            entries.append((name, entry.model_copy(update={"text": job.text, "notes": ()})))
    except (RecordingRefused, VoiceMissing) as error:
        return Refused(job.names[0].path, str(error))
    except OSError as error:
        return Refused(job.names[0].path, f"its sounds cannot be written ({error.strerror}); check {job.places.sounds}")
    return Drafted(tuple(entries))


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
