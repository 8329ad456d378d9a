"""Draft voices: every prompt that nobody has recorded yet is spoken by a computer, and is marked as a draft wherever it shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from audio import espeak
from audio.catalogue import Entry, Voice
from audio.decoding import RESAMPLER, filtered
from audio.errors import RecordingRefused, VoiceMissing
from audio.files import sha256_of, sha256_of_bytes
from audio.making import Recipe, finish
from audio.names import PromptName
from audio.prepare import Places, Refused, new_entry, put_in_place, staged
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
    refused: list[Refused] = field(default_factory=list)


def make_drafts(
    places: Places,
    entries: dict[PromptName, Entry],
    recipe: Recipe,
    texts: Mapping[PromptName, str],
    *,
    workers: int = 0,
    told: Callable[[int, int], None] = lambda prompts, total: None,
) -> DraftReport:
    """Speak every text that has no recording, and put its entry into `entries`. `told(done, total)` counts prompts.

    Raises VoiceMissing where the voices are not installed.
    """
    if not espeak.installed():
        raise VoiceMissing(
            "draft voices are not installed: in Matdan's own folder, .venv/bin/pip install -e '.[voices]'"
        )
    report = DraftReport()
    wanted: dict[tuple[str, str], list[PromptName]] = {}
    for name, text in sorted(texts.items()):
        entry = entries.get(name)
        if entry is not None and entry.voice is not Voice.DRAFT:
            report.recorded += 1
        elif entry is not None and _as_it_was(entry, name, text, recipe, places):
            report.unchanged += 1
        else:
            wanted.setdefault((name.language, text), []).append(name)
    total = sum(len(names) for names in wanted.values())
    told(0, total)
    if not wanted:
        return report
    done = 0
    with staged(places) as (workshop, made):
        jobs = [DraftJob(language, text, tuple(names), recipe, workshop) for (language, text), names in wanted.items()]
        for job, result in spread(draft_one, jobs, workers_for(len(jobs), workers)):
            done += len(job.names)
            told(done, total)
            if isinstance(result, Drafted):
                made.extend(result.entries)
                entries.update(result.entries)
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


def _hash(text: str, language: str) -> str:
    spoken = f"{espeak.WORDS_A_MINUTE}\n{language}\n{espeak.spoken_as(text, language)}"
    return sha256_of_bytes(spoken.encode())


def _as_it_was(entry: Entry, name: PromptName, text: str, recipe: Recipe, places: Places) -> bool:
    if entry.source_sha256 != _hash(text, name.language) or entry.text != text or entry.recipe != recipe.fingerprint:
        return False
    if set(entry.files) != set(recipe.formats):
        return False
    return all(sha256_of(places.sound(name, each)) == entry.files[each] for each in recipe.formats)
