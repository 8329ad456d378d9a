"""Every recording below a directory -> sounds for the switch, in parallel, and only where something changed."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from dialer.audio.catalogue import Entries, Entry, Voice, why_not_kept, written_beside
from dialer.audio.errors import AudioError, BadPromptName, RecordingRefused
from dialer.audio.files import (
    HALF_DONE,
    files_below,
    remove_half_done,
    sha256_of,
    sha256_of_bytes,
    write_atomically,
    writing,
)
from dialer.audio.making import Recipe, Sounds, make_sounds
from dialer.audio.names import ROOT, Places, PromptName, prompt_name, shown
from dialer.audio.workers import spread, workers_for
from dialer.settings.audio import SoundFormat

SUFFIXES: Final = frozenset(
    {".mp3", ".m4a", ".mp4", ".aac", ".wav", ".wave", ".ogg", ".oga", ".opus", ".flac", ".aif", ".aiff", ".caf", ".amr"}
)
_TEXT_KEY: Final = re.compile(r"/([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)$")
"""A recording may be named by its text's key: `hi/message.information.mp3` is `hi/message/information.mp3`."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A recording that could not be prepared, and why, in one line."""

    source: str
    why: str


@dataclass(frozen=True, slots=True)
class Job:
    """One recording that is to be prepared."""

    name: PromptName
    source: Path
    source_sha256: str
    recipe: Recipe
    places: Places


@dataclass(slots=True)
class Plan:
    """What there is to do."""

    jobs: list[Job] = field(default_factory=list)
    unchanged: list[PromptName] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)

    def refuse(self, source: str, why: str) -> None:
        """That recording cannot be prepared."""
        self.refused.append(Refused(shown(source), why))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A recording that is ready, and its entry for the catalogue, not approved yet."""

    name: PromptName
    entry: Entry


@dataclass(slots=True)
class PrepareReport:
    """What a run of `prepare` did."""

    prepared: list[Prepared]
    unchanged: list[PromptName]
    refused: list[Refused]


def recordings_in(directory: Path) -> tuple[list[str], list[Refused]]:
    """(the recordings below a directory, as paths relative to it, in order; the folders that could not be looked into).

    Hidden files and other kinds of files are left out. Raises AudioError where there is no such directory, or none to be read.
    """
    if not directory.is_dir():
        raise AudioError(f"{directory}: is no directory; put recordings there, such as hi/turnout/question.mp3")
    unseen: list[Refused] = []

    def pass_over(path: Path, why: str) -> None:
        if path == directory:
            raise AudioError(f"{directory}: {why}")
        unseen.append(Refused(shown(path.relative_to(directory).as_posix()), why))

    found = [path for path in files_below(directory, pass_over) if path.suffix.lower() in SUFFIXES]
    return sorted(path.relative_to(directory).as_posix() for path in found), unseen


def was_sent(entry: Entry) -> bool:
    """Whether a prompt was made of a recording that somebody sent; else a draft voice spoke it, approved or not."""
    return Path(entry.source).suffix.lower() in SUFFIXES


def make_plan(
    places: Places,
    sources: Iterable[str],
    entries: Entries,
    recipe: Recipe,
    texts: Mapping[PromptName, str],
    *,
    again: bool = False,
    unsaid: Callable[[PromptName], str | None] = lambda _: None,
) -> Plan:
    """Which recordings are to be prepared, which are as they were, and which cannot be. `sources` are relative to the recordings.

    `texts` is what each prompt says. `again` prepares what has not changed too; `unsaid` says why nobody would hear a prompt. Reads
    the recordings to hash them; writes nothing.
    """
    plan = Plan()
    taken: dict[PromptName, str] = {}
    root = places.recordings.resolve()
    for source in sources:
        try:
            name = prompt_name(_TEXT_KEY.sub(r"/\1/\2", str(Path(source).with_suffix(""))))
        except (BadPromptName, ValueError) as error:
            plan.refuse(source, str(error).partition(": ")[2] or "is no prompt's name")
            continue
        path = places.recordings / source
        why = _cannot_be_taken(path, root, taken.get(name)) or unsaid(name)
        if why is not None:
            plan.refuse(source, why)
            continue
        taken[name] = source
        sha, entry = sha256_of(path), entries.get(name)
        is_same = entry is not None and entry.source_sha256 == sha and sounds_as_made(entry, name, recipe, places)
        if sha is None:
            plan.refuse(source, "cannot be read; check its rights")
        elif is_same and not again:
            plan.unchanged.append(name)
        elif (why := why_not_kept(texts.get(name, ""))) is not None:
            plan.refuse(source, why)
        else:
            plan.jobs.append(Job(name, path, sha, recipe, places))
    return plan


def _cannot_be_taken(path: Path, root: Path, other: str | None) -> str | None:
    if other is not None:
        return f"is a second recording of the same prompt, beside {shown(other)}; keep one"
    if not os.path.isfile(path):  # noqa: PTH113 - a Path's raises where the folder may be listed and not entered
        return "is no file that may be read; check the path and the rights of its folder"
    if not path.resolve().is_relative_to(root):
        return "leads out of the recordings' directory; copy the file there"
    return None


def sounds_as_made(entry: Entry, name: PromptName, recipe: Recipe, places: Places) -> bool:
    """Whether a prompt's sounds are those that the recipe asks for, and lie on disk as they were made."""
    if entry.recipe != recipe.fingerprint or set(entry.files) != set(recipe.formats):
        return False
    return all(sha256_of(places.sound(name, each)) == entry.files[each] for each in recipe.formats)


def remove_other_kinds(places: Places, entries: Entries) -> None:
    """Remove sounds of kinds that their prompts have no longer: the switch might choose them, so the gate lets none of them play.

    Raises AudioError with the sound that cannot be removed.
    """
    for name, entry in entries.items():
        for sound_format in SoundFormat:
            if sound_format not in entry.files:
                sound = places.sound(name, sound_format)
                with writing(sound):
                    sound.unlink(missing_ok=True)


@contextmanager
def staged(
    places: Places, entries: dict[PromptName, Entry], catalogue: Path | None
) -> Iterator[tuple[Places, list[tuple[PromptName, Entry]]]]:
    """Places to make sounds in, and the list of what was made: on the way out all of it is put in place and into `entries`.

    The entries are written to `catalogue` in the same go (None: the caller writes them). So a running dialler meets the old sounds
    with the old catalogue or the new ones with the new, but for a moment; where the disk is full it keeps the old ones. What a run
    that was broken off had made is kept. Raises AudioError when the sounds or the catalogue cannot be written.
    """
    root = places.sounds / ROOT
    made: list[tuple[PromptName, Entry]] = []
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
        remove_half_done(root)
        staging = Path(tempfile.mkdtemp(prefix=HALF_DONE, dir=root))
    workshop = replace(places, sounds=staging)
    try:
        try:
            yield workshop, made
        finally:
            _put_all_in_place(dict(made), workshop, places, entries, catalogue)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _put_all_in_place(
    made: Entries, workshop: Places, places: Places, entries: dict[PromptName, Entry], catalogue: Path | None
) -> None:
    """First what needs room on the disk, folders and the new catalogue; then the sounds, each only renamed."""
    for folder in {(places.sounds / name.sound).parent for name in made}:
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
    with nullcontext() if catalogue is None else written_beside(catalogue, {**entries, **made}):
        for name in sorted(made):
            for sound_format in made[name].files:
                sound = places.sound(name, sound_format)
                with writing(sound):
                    workshop.sound(name, sound_format).replace(sound)
            remove_other_kinds(places, {name: made[name]})
            entries[name] = made[name]


def prepare_one(job: Job) -> Prepared | Refused:
    """Prepare one recording and put its sounds in place."""
    source = _told(job)
    try:
        made = make_sounds(job.source, job.recipe)
        return Prepared(job.name, kept(made, job.name, job.recipe, job.places, Voice.HUMAN, source, job.source_sha256))
    except (RecordingRefused, OSError) as error:
        return refused(source, error, job.places)


def refused(source: str, error: Exception, places: Places) -> Refused:
    """What is told where sounds cannot be made, or written."""
    if isinstance(error, OSError):
        return Refused(source, f"its sounds cannot be written ({error.strerror}); check {places.sounds}")
    return Refused(source, str(error))


def kept(
    made: Sounds, name: PromptName, recipe: Recipe, places: Places, voice: Voice, source: str, source_sha256: str
) -> Entry:
    """Write a prompt's files; its entry. Raises OSError."""
    for sound_format, content in made.contents.items():
        write_atomically(places.sound(name, sound_format), content)
    return Entry(
        voice=voice,
        source=source,
        source_sha256=source_sha256,
        recipe=recipe.fingerprint,
        seconds=round(made.seconds, 2),
        loudness_lufs=made.loudness_lufs,
        true_peak_db=made.true_peak_db,
        files={sound_format: sha256_of_bytes(content) for sound_format, content in made.contents.items()},
        notes=made.notes,
    )


def with_history(fresh: Entry, before: Entry | None, text: str) -> Entry:
    """The fresh entry with its text, and with the approval and certificate of the prompt as they stood.

    They name the recording that they were given for, so they count no more where another one has taken its place. The same
    recording says what it said, whatever the text is now.
    """
    known = before.text if before is not None else ""
    same = before is not None and before.source_sha256 == fresh.source_sha256
    fresh = fresh.model_copy(update={"text": known or text if same else text or known})
    if before is None or not was_sent(before):
        return fresh
    voice = before.voice if fresh.voice is Voice.HUMAN else fresh.voice
    return with_approvals(fresh, before).model_copy(update={"voice": voice})


def with_approvals(fresh: Entry, before: Entry) -> Entry:
    """The fresh entry with approval and certificate as they stood: written down, and counting by the hashes that they name."""
    names = ("approved_by", "approved_on", "approved_sha256", "certificate", "certificate_sha256", "valid_until")
    return fresh.model_copy(update={name: getattr(before, name) for name in names})


def prepare(
    places: Places,
    entries: dict[PromptName, Entry],
    recipe: Recipe,
    texts: Mapping[PromptName, str],
    *,
    catalogue: Path | None = None,
    workers: int = 0,
    again: bool = False,
    unsaid: Callable[[PromptName], str | None] = lambda _: None,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> PrepareReport:
    """Prepare every recording, put its sounds in place and its entry into `entries`, which are written to `catalogue` with them.

    `texts` is what each prompt says. `told(done, total)` counts recordings. Raises AudioError where there are no recordings to
    look for, or sounds or catalogue cannot be written.
    """
    sources, unseen = recordings_in(places.recordings)
    plan = make_plan(places, sources, entries, recipe, texts, again=again, unsaid=unsaid)
    remove_other_kinds(places, entries)
    report = PrepareReport([], plan.unchanged, [*unseen, *plan.refused])
    told(0, len(plan.jobs))
    if not plan.jobs:
        return report
    with staged(places, entries, catalogue) as (workshop, made):
        jobs = [replace(job, places=workshop) for job in plan.jobs]
        for done, (job, outcome) in enumerate(spread(prepare_one, jobs, workers_for(len(jobs), workers)), 1):
            result = outcome or Refused(_told(job), "made the decoder fail; export it again, as WAV if need be")
            told(done, len(jobs))
            if isinstance(result, Refused):
                report.refused.append(result)
                continue
            entry = with_history(result.entry, entries.get(result.name), texts.get(result.name, ""))
            made.append((result.name, entry))
            report.prepared.append(Prepared(result.name, entry))
    report.prepared.sort(key=lambda each: each.name)
    report.refused.sort(key=lambda each: each.source)
    return report


def _told(job: Job) -> str:
    return job.source.relative_to(job.places.recordings).as_posix()
