"""Draft voices: synthesise the prompts that have no recording yet, and mark them as drafts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dialer.audio import espeak
from dialer.audio.catalogue import Entry, Voice, describe_overlong_prompt_text
from dialer.audio.conversion import Recipe, convert_samples_to_sounds
from dialer.audio.errors import RecordingRefused, VoiceMissing
from dialer.audio.files import compute_sha256_of_bytes
from dialer.audio.filters import RESAMPLER, apply_filters_to_samples
from dialer.audio.names import AudioDirectories, PromptName
from dialer.audio.prepare import (
    Prepared,
    Refused,
    copy_approvals_of_previous_entry,
    describe_unusable_recording,
    is_recorded_by_person,
    write_prompt_sounds,
)
from dialer.audio.staging import (
    are_prompt_sounds_intact,
    collect_and_install_sounds,
    remove_sounds_of_unlisted_formats,
)
from dialer.process.pool import choose_process_count, run_jobs_in_processes


@dataclass(frozen=True, slots=True)
class DraftJob:
    """A text to synthesise, and all prompts with this text, such as `day/7`, `number/7` and `digit/7`."""

    language: str
    text: str
    names: tuple[PromptName, ...]
    recipe: Recipe
    places: AudioDirectories


@dataclass(slots=True)
class DraftReport:
    """The result of `dialer audio drafts`: how many drafts were made, and which were refused or lost their approval."""

    drafted: int = 0
    unchanged: int = 0
    recorded: int = 0  # prompts with a recording, which are never overwritten
    void: list[PromptName] = field(default_factory=list)  # prompts that were made again and so lost their approval
    refused: list[Refused] = field(default_factory=list)


def synthesise_drafts(
    places: AudioDirectories,
    entries: dict[PromptName, Entry],
    recipe: Recipe,
    texts: Mapping[PromptName, str],
    *,
    catalogue: Path | None = None,
    workers: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> DraftReport:
    """Synthesise a draft of every prompt that has no recording, install the sounds, and update the catalogue.

    A draft whose text has changed is made again and loses its approval. A text that is too long for the catalogue is
    refused.

    Args:
        places: the directories of recordings and sounds.
        entries: the entries of the catalogue. New entries are added to them.
        recipe: the formats and loudness of the sounds.
        texts: the text of each prompt.
        catalogue: the directory of the catalogue, or None if the entries are not written.
        workers: the number of processes, or 0 for one per CPU.
        progress: called with the number of finished prompts and the number of all prompts.

    Raises:
        VoiceMissing: the voices are not installed.
        AudioError: sounds or catalogue cannot be written.
    """
    espeak.check_draft_voices_are_installed()
    remove_sounds_of_unlisted_formats(places, entries)
    report = DraftReport()
    wanted: dict[tuple[str, str], list[PromptName]] = {}
    for name, text in sorted(texts.items()):
        entry = entries.get(name)
        if entry is not None and is_recorded_by_person(entry):
            report.recorded += 1
        elif entry is not None and _is_draft_unchanged(entry, name, text, recipe, places):
            report.unchanged += 1
        elif (problem := describe_overlong_prompt_text(text)) is not None:
            report.refused.append(Refused(name.relative_prompt_path, problem))
        else:
            wanted.setdefault((name.language, text), []).append(name)
    total = sum(len(names) for names in wanted.values())
    progress(0, total)
    if not wanted:
        return report
    done = 0
    with collect_and_install_sounds(places, entries, catalogue) as (workshop, made):
        jobs = [DraftJob(language, text, tuple(names), recipe, workshop) for (language, text), names in wanted.items()]
        for job, result in run_jobs_in_processes(synthesise_draft, jobs, choose_process_count(len(jobs), workers)):
            done += len(job.names)
            progress(done, total)
            if not isinstance(result, list):
                report.refused.append(
                    result or Refused(job.names[0].relative_prompt_path, "crashed the voice; record it")
                )
                continue
            for each in result:
                before = entries.get(each.name)
                entry = _copy_approval_of_unchanged_draft(each.entry, before)
                made.append((each.name, entry))
                if before is not None and before.is_recording_approved and not entry.is_recording_approved:
                    report.void.append(each.name)
            report.drafted += len(result)
    report.refused.sort(key=lambda each: each.source)
    return report


def synthesise_draft(job: DraftJob) -> list[Prepared] | Refused:
    """Synthesise a text and write the sounds of all prompts with this text. Return their catalogue entries, or an error
    text.
    """
    fields = {"text": job.text, "notes": ()}
    try:
        voice = espeak.select_draft_voice(job.language)
        samples, rate = espeak.synthesise_speech(job.text, job.language)
        resampled = apply_filters_to_samples(
            samples, rate, (("aresample", f"osr={job.recipe.highest_sample_rate}:osf=flt:{RESAMPLER}"),)
        )
        made, sha = convert_samples_to_sounds(resampled, job.recipe), _hash_text_and_voice(job.text, job.language)
        entries = {
            name: write_prompt_sounds(made, name, job.recipe, job.places, Voice.DRAFT, voice, sha) for name in job.names
        }
    except (RecordingRefused, VoiceMissing, OSError) as error:
        return describe_unusable_recording(job.names[0].relative_prompt_path, error, job.places)
    return [Prepared(name, entry.model_copy(update=fields)) for name, entry in entries.items()]


def _copy_approval_of_unchanged_draft(fresh: Entry, before: Entry | None) -> Entry:
    """Return the new catalogue entry of a draft, with the approval of the previous entry if text and voice are
    unchanged.
    """
    if before is None or before.source != fresh.source:
        return fresh
    known = copy_approvals_of_previous_entry(fresh, before)
    return known.model_copy(update={"voice": Voice.SYNTHETIC}) if known.is_recording_approved else known


def _hash_text_and_voice(text: str, language: str) -> str:
    spoken = f"{espeak.WORDS_A_MINUTE}\n{language}\n{espeak.respell_text_for_pronunciation(text, language)}"
    return compute_sha256_of_bytes(spoken.encode())


def _is_draft_unchanged(entry: Entry, name: PromptName, text: str, recipe: Recipe, places: AudioDirectories) -> bool:
    same = entry.source_sha256 == _hash_text_and_voice(text, name.language) and entry.text == text
    return same and are_prompt_sounds_intact(entry, name, recipe, places)
