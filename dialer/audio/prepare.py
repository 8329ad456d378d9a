"""Convert all new and changed recordings below a directory to sound files for Asterisk, in parallel."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from dialer.audio.catalogue import Entries, Entry, Voice, describe_overlong_prompt_text
from dialer.audio.conversion import Recipe, Sounds, convert_recording
from dialer.audio.errors import AudioError, BadPromptName, RecordingRefused
from dialer.audio.files import (
    compute_sha256_of_bytes,
    hash_file,
    list_files_in_folder_tree,
    write_file_atomically,
)
from dialer.audio.names import AudioDirectories, PromptName, parse_prompt_name, replace_unprintable_characters
from dialer.audio.staging import (
    are_prompt_sounds_intact,
    collect_and_install_sounds,
    remove_sounds_of_unlisted_formats,
)
from dialer.process.pool import choose_process_count, run_jobs_in_processes

SUFFIXES: Final = frozenset(
    {".mp3", ".m4a", ".mp4", ".aac", ".wav", ".wave", ".ogg", ".oga", ".opus", ".flac", ".aif", ".aiff", ".caf", ".amr"}
)
_TEXT_KEY: Final = re.compile(r"/([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)$")
"""Matches a recording named after its text's key: `hi/message.information.mp3` stands for `hi/message/information.mp3`."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A recording that could not be prepared, with the reason in one line."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Job:
    """A recording to convert to sounds, with the conversion settings and the directories."""

    name: PromptName
    source: Path
    source_sha256: str
    recipe: Recipe
    places: AudioDirectories


@dataclass(slots=True)
class Plan:
    """The recordings of a site in three groups: to convert, unchanged, and unusable."""

    jobs: list[Job] = field(default_factory=list)
    unchanged: list[PromptName] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)

    def add_unusable_recording(self, source: str, reason: str) -> None:
        """Record in the plan that a recording cannot be converted, with the reason."""
        self.refused.append(Refused(replace_unprintable_characters(source), reason))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A recording that was converted to sounds, and its catalogue entry."""

    name: PromptName
    entry: Entry


@dataclass(slots=True)
class PrepareReport:
    """Which recordings `dialer audio prepare` has converted, left unchanged or refused."""

    prepared: list[Prepared]
    unchanged: list[PromptName]
    refused: list[Refused]


def list_recordings(directory: Path) -> tuple[list[str], list[Refused]]:
    """Return the recordings below a directory (sorted relative paths), and the folders that could not be read.

    Hidden files and files of other types are skipped.

    Raises:
        AudioError: the directory does not exist or cannot be read.
    """
    if not directory.is_dir():
        raise AudioError(
            f"{directory}: this is not a folder; create the folder, and put recordings below it, such as hi/turnout/question.mp3"
        )
    unseen: list[Refused] = []

    def report_skipped_folder(path: Path, why: str) -> None:
        if path == directory:
            raise AudioError(f"{directory}: {why}")
        unseen.append(Refused(replace_unprintable_characters(path.relative_to(directory).as_posix()), why))

    found = [
        path for path in list_files_in_folder_tree(directory, report_skipped_folder) if path.suffix.lower() in SUFFIXES
    ]
    return sorted(path.relative_to(directory).as_posix() for path in found), unseen


def is_recorded_by_person(entry: Entry) -> bool:
    """Return whether a person, not a draft voice, has recorded the prompt."""
    return Path(entry.source).suffix.lower() in SUFFIXES


def plan_recording_conversions(
    places: AudioDirectories,
    sources: Iterable[str],
    entries: Entries,
    recipe: Recipe,
    texts: Mapping[PromptName, str],
    *,
    again: bool = False,
    find_unused_reason: Callable[[PromptName], str | None] = lambda _: None,
) -> Plan:
    """Return which recordings must be converted to sounds. The recordings are read to compute hashes; nothing is
    written.

    Args:
        places: the directories of recordings and sounds.
        sources: the paths of recordings below their directory.
        entries: the entries of the catalogue.
        recipe: the formats and loudness of the sounds.
        texts: the text of each prompt.
        again: prepare unchanged recordings too.
        find_unused_reason: returns why a prompt would never be played, or None.
    """
    plan = Plan()
    found: dict[PromptName, str] = {}
    root = places.recordings.resolve()
    for source in sources:
        try:
            name = parse_prompt_name(_TEXT_KEY.sub(r"/\1/\2", str(Path(source).with_suffix(""))))
        except (BadPromptName, ValueError) as error:
            plan.add_unusable_recording(source, str(error).partition(": ")[2] or "is not the name of a prompt")
            continue
        path = places.recordings / source
        problem = _find_recording_problem(path, root, found.get(name)) or find_unused_reason(name)
        if problem is not None:
            plan.add_unusable_recording(source, problem)
            continue
        found[name] = source
        sha, entry = hash_file(path), entries.get(name)
        is_same = (
            entry is not None and entry.source_sha256 == sha and are_prompt_sounds_intact(entry, name, recipe, places)
        )
        if sha is None:
            plan.add_unusable_recording(source, "the recording cannot be read; check its permissions")
        elif is_same and not again:
            plan.unchanged.append(name)
        elif (problem := describe_overlong_prompt_text(texts.get(name, ""))) is not None:
            plan.add_unusable_recording(source, problem)
        else:
            plan.jobs.append(Job(name, path, sha, recipe, places))
    return plan


def _find_recording_problem(path: Path, root: Path, other: str | None) -> str | None:
    if other is not None:
        return f"this is a second recording of the same prompt ({replace_unprintable_characters(other)} is the other); keep one"
    if not os.path.isfile(path):  # noqa: PTH113 - the method of Path raises if the folder can be listed but not entered
        return "the recording is not a readable file; check the path and the permissions of its folder"
    if not path.resolve().is_relative_to(root):
        return "the recording is a link to a file outside the directory of recordings; copy the file there"
    return None


def prepare_recording(job: Job) -> Prepared | Refused:
    """Convert one recording to sound files. Return its catalogue entry, or the reason why it cannot be converted."""
    source = _get_path_relative_to_recordings_folder(job)
    try:
        made = convert_recording(job.source, job.recipe)
        return Prepared(
            job.name,
            write_prompt_sounds(made, job.name, job.recipe, job.places, Voice.HUMAN, source, job.source_sha256),
        )
    except (RecordingRefused, OSError) as error:
        return describe_unusable_recording(source, error, job.places)


def describe_unusable_recording(source: str, error: Exception, places: AudioDirectories) -> Refused:
    """Return a `Refused` with the reason why a recording cannot be converted, or its sounds cannot be written."""
    if isinstance(error, OSError):
        return Refused(source, f"its sounds cannot be written ({error.strerror}); check {places.sounds}")
    return Refused(source, str(error))


def write_prompt_sounds(
    made: Sounds,
    name: PromptName,
    recipe: Recipe,
    places: AudioDirectories,
    voice: Voice,
    source: str,
    source_sha256: str,
) -> Entry:
    """Write the sounds of a prompt and return its catalogue entry. Raises OSError."""
    for sound_format, content in made.contents.items():
        write_file_atomically(places.get_sound_path(name, sound_format), content)
    return Entry(
        voice=voice,
        source=source,
        source_sha256=source_sha256,
        recipe=recipe.recipe_identifier,
        seconds=round(made.seconds, 2),
        loudness_lufs=made.loudness_lufs,
        true_peak_db=made.true_peak_db,
        files={sound_format: compute_sha256_of_bytes(content) for sound_format, content in made.contents.items()},
        notes=made.notes,
    )


def copy_text_and_approvals(fresh: Entry, before: Entry | None, text: str) -> Entry:
    """Return a prompt's new catalogue entry with its text, and with the previous entry's approval and certificate.

    The previous text is used if the recording has not changed or `text` is empty. Approval and certificate contain the
    hash of a recording, so they are not valid for another one.
    """
    known = before.text if before is not None else ""
    same = before is not None and before.source_sha256 == fresh.source_sha256
    fresh = fresh.model_copy(update={"text": known or text if same else text or known})
    if before is None or not is_recorded_by_person(before):
        return fresh
    voice = before.voice if fresh.voice is Voice.HUMAN else fresh.voice
    return copy_approvals_of_previous_entry(fresh, before).model_copy(update={"voice": voice})


def copy_approvals_of_previous_entry(fresh: Entry, before: Entry) -> Entry:
    """Return a prompt's new catalogue entry with the approval and certificate of its previous entry.

    Both contain the hash of their recording, so they are not valid for another recording.
    """
    names = ("approved_by", "approved_on", "approved_sha256", "certificate", "certificate_sha256", "valid_until")
    return fresh.model_copy(update={name: getattr(before, name) for name in names})


def prepare_recordings(
    places: AudioDirectories,
    entries: dict[PromptName, Entry],
    recipe: Recipe,
    texts: Mapping[PromptName, str],
    *,
    catalogue: Path | None = None,
    workers: int = 0,
    again: bool = False,
    find_unused_reason: Callable[[PromptName], str | None] = lambda _: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> PrepareReport:
    """Convert all new and changed recordings to sounds, install these, and update the catalogue.

    Args:
        places: the directories of recordings and sounds.
        entries: the entries of the catalogue. New entries are added to them.
        recipe: the formats and loudness of the sounds.
        texts: the text of each prompt.
        catalogue: the directory of the catalogue, or None if the entries are not written.
        workers: the number of processes, or 0 for one per CPU.
        again: prepare unchanged recordings too.
        find_unused_reason: returns why a prompt would never be played, or None.
        progress: called with the number of finished recordings and the number of all recordings.

    Raises:
        AudioError: the directory of recordings does not exist, or sounds or catalogue cannot be written.
    """
    sources, unseen = list_recordings(places.recordings)
    plan = plan_recording_conversions(
        places, sources, entries, recipe, texts, again=again, find_unused_reason=find_unused_reason
    )
    remove_sounds_of_unlisted_formats(places, entries)
    report = PrepareReport([], plan.unchanged, [*unseen, *plan.refused])
    progress(0, len(plan.jobs))
    if not plan.jobs:
        return report
    with collect_and_install_sounds(places, entries, catalogue) as (workshop, made):
        jobs = [replace(job, places=workshop) for job in plan.jobs]
        for done, (job, outcome) in enumerate(
            run_jobs_in_processes(prepare_recording, jobs, choose_process_count(len(jobs), workers)), 1
        ):
            result = outcome or Refused(
                _get_path_relative_to_recordings_folder(job),
                "crashed the decoder; export it again, as WAV if necessary",
            )
            progress(done, len(jobs))
            if isinstance(result, Refused):
                report.refused.append(result)
                continue
            entry = copy_text_and_approvals(result.entry, entries.get(result.name), texts.get(result.name, ""))
            made.append((result.name, entry))
            report.prepared.append(Prepared(result.name, entry))
    report.prepared.sort(key=lambda each: each.name)
    report.refused.sort(key=lambda each: each.source)
    return report


def _get_path_relative_to_recordings_folder(job: Job) -> str:
    return job.source.relative_to(job.places.recordings).as_posix()
