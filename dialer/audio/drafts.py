"""Draft voices: speak every prompt without a recording synthetically, and mark it as a draft."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dialer.audio import espeak
from dialer.audio.catalogue import Entry, Voice, text_problem
from dialer.audio.conversion import Recipe, convert_samples
from dialer.audio.errors import RecordingRefused, VoiceMissing
from dialer.audio.files import sha256_of_bytes
from dialer.audio.filters import RESAMPLER, apply_filters
from dialer.audio.names import Places, PromptName
from dialer.audio.prepare import Prepared, Refused, is_recorded, refusal, with_approvals, write_sounds
from dialer.audio.staging import remove_other_formats, sounds_are_intact, staged_sounds
from dialer.process.pool import process_count, run_in_processes


@dataclass(frozen=True, slots=True)
class DraftJob:
    """One text and every prompt with it: the day 7, the number 7 and the digit 7 are one sound."""

    language: str
    text: str
    names: tuple[PromptName, ...]
    recipe: Recipe
    places: Places


@dataclass(slots=True)
class DraftReport:
    """The result of a run of `dialer audio drafts`."""

    drafted: int = 0
    unchanged: int = 0
    recorded: int = 0  # prompts with a recording, which are never overwritten
    void: list[PromptName] = field(default_factory=list)  # lost their approval, because they were spoken again
    refused: list[Refused] = field(default_factory=list)


def make_drafts(
    places: Places,
    entries: dict[PromptName, Entry],
    recipe: Recipe,
    texts: Mapping[PromptName, str],
    *,
    catalogue: Path | None = None,
    workers: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> DraftReport:
    """Speak every text without a recording, install its sounds, add its entry to `entries` and write these to `catalogue`.

    An approved draft whose text has changed is spoken again and becomes a draft again. `progress(done, total)` is
    called with numbers of prompts. A text that is too long for the catalogue is refused. Raises VoiceMissing if the
    voices are not installed, AudioError if sounds or catalogue cannot be written.
    """
    espeak.require()
    remove_other_formats(places, entries)
    report = DraftReport()
    wanted: dict[tuple[str, str], list[PromptName]] = {}
    for name, text in sorted(texts.items()):
        entry = entries.get(name)
        if entry is not None and is_recorded(entry):
            report.recorded += 1
        elif entry is not None and _is_unchanged(entry, name, text, recipe, places):
            report.unchanged += 1
        elif (problem := text_problem(text)) is not None:
            report.refused.append(Refused(name.path, problem))
        else:
            wanted.setdefault((name.language, text), []).append(name)
    total = sum(len(names) for names in wanted.values())
    progress(0, total)
    if not wanted:
        return report
    done = 0
    with staged_sounds(places, entries, catalogue) as (workshop, made):
        jobs = [DraftJob(language, text, tuple(names), recipe, workshop) for (language, text), names in wanted.items()]
        for job, result in run_in_processes(draft_one, jobs, process_count(len(jobs), workers)):
            done += len(job.names)
            progress(done, total)
            if not isinstance(result, list):
                report.refused.append(result or Refused(job.names[0].path, "crashed the voice; record it"))
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
    """Speak one text and write the sounds of each of its prompts."""
    fields = {"text": job.text, "notes": ()}
    try:
        voice = espeak.voice_of(job.language)
        samples, rate = espeak.speak(job.text, job.language)
        resampled = apply_filters(samples, rate, (("aresample", f"osr={job.recipe.rate}:osf=flt:{RESAMPLER}"),))
        made, sha = convert_samples(resampled, job.recipe), _hash(job.text, job.language)
        entries = {
            name: write_sounds(made, name, job.recipe, job.places, Voice.DRAFT, voice, sha) for name in job.names
        }
    except (RecordingRefused, VoiceMissing, OSError) as error:
        return refusal(job.names[0].path, error, job.places)
    return [Prepared(name, entry.model_copy(update=fields)) for name, entry in entries.items()]


def _with_history(fresh: Entry, before: Entry | None) -> Entry:
    """Return the new entry with the previous approval if the same voice speaks the same text, so that only the sounds are new.

    Another version of the voice has not been approved, and the hash does not distinguish it.
    """
    if before is None or before.source != fresh.source:
        return fresh
    known = with_approvals(fresh, before)
    return known.model_copy(update={"voice": Voice.SYNTHETIC}) if known.approved else known


def _hash(text: str, language: str) -> str:
    spoken = f"{espeak.WORDS_A_MINUTE}\n{language}\n{espeak.spoken_as(text, language)}"
    return sha256_of_bytes(spoken.encode())


def _is_unchanged(entry: Entry, name: PromptName, text: str, recipe: Recipe, places: Places) -> bool:
    same = entry.source_sha256 == _hash(text, name.language) and entry.text == text
    return same and sounds_are_intact(entry, name, recipe, places)
