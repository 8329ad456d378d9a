"""Every recording below a directory -> sounds for the switch, in parallel, and only where something changed."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from audio.catalogue import Entries, Entry, Voice
from audio.errors import AudioError, BadPromptName, RecordingRefused
from audio.files import HALF_DONE, remove_half_done, sha256_of, sha256_of_bytes, write_atomically
from audio.making import Recipe, Sounds, make_sounds
from audio.names import ROOT, PromptName, prompt_name, shown
from audio.workers import spread, workers_for
from config.audio import SoundFormat

SUFFIXES: Final = frozenset(
    {".mp3", ".m4a", ".mp4", ".aac", ".wav", ".wave", ".ogg", ".oga", ".opus", ".flac", ".aif", ".aiff", ".caf", ".amr"}
)
_TEXT_KEY: Final = re.compile(r"/([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)$")
"""A recording may be named by its text's key: `hi/message.information.mp3` is `hi/message/information.mp3`."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where recordings come from and sounds go to: `sounds/matdan/hi/turnout/question.alaw`."""

    recordings: Path
    sounds: Path

    def sound(self, name: PromptName, sound_format: SoundFormat) -> Path:
        """The file of a prompt's sound."""
        return self.sounds / f"{name.sound}.{sound_format.value}"


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


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is to do."""

    jobs: tuple[Job, ...]
    unchanged: tuple[PromptName, ...]
    refused: tuple[Refused, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A recording that is ready, and its entry for the catalogue, not approved yet."""

    name: PromptName
    entry: Entry


@dataclass(slots=True)
class Report:
    """What a run of `prepare` did."""

    prepared: list[Prepared] = field(default_factory=list)
    unchanged: list[PromptName] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


def recordings_in(directory: Path) -> list[str]:
    """The recordings below a directory, as paths relative to it, in order. Hidden files and other kinds of files are left out.

    Raises AudioError where there is no such directory.
    """
    if not directory.is_dir():
        raise AudioError(f"{directory}: is no directory; put recordings there, such as hi/turnout/question.mp3")
    found = (path for path in directory.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    paths = (path.relative_to(directory) for path in found)
    return sorted(path.as_posix() for path in paths if not any(part.startswith(".") for part in path.parts))


def make_plan(places: Places, sources: Iterable[str], entries: Entries, recipe: Recipe, *, again: bool = False) -> Plan:
    """Which recordings are to be prepared, which are as they were, and which cannot be. `sources` are relative to the recordings.

    `again` prepares what has not changed too. Reads the recordings to hash them; writes nothing.
    """
    jobs: list[Job] = []
    unchanged: list[PromptName] = []
    refused: list[Refused] = []
    taken: dict[PromptName, str] = {}
    root = places.recordings.resolve()
    for source in sources:
        try:
            name = prompt_name(_TEXT_KEY.sub(r"/\1/\2", str(Path(source).with_suffix(""))))
        except (BadPromptName, ValueError) as error:
            refused.append(Refused(shown(source), str(error).partition(": ")[2] or "is no prompt's name"))
            continue
        path = places.recordings / source
        why = _cannot_be_taken(path, root, taken.get(name))
        if why is not None:
            refused.append(Refused(shown(source), why))
            continue
        taken[name] = source
        sha = sha256_of(path)
        if sha is None:
            refused.append(Refused(shown(source), "cannot be read; check its rights"))
        elif not again and _as_it_was(entries.get(name), name, sha, recipe, places):
            unchanged.append(name)
        else:
            jobs.append(Job(name, path, sha, recipe, places))
    return Plan(tuple(jobs), tuple(unchanged), tuple(refused))


def _cannot_be_taken(path: Path, root: Path, other: str | None) -> str | None:
    if other is not None:
        return f"is a second recording of the same prompt, beside {shown(other)}; keep one"
    if not path.is_file():
        return "does not exist; check the path"
    if not path.resolve().is_relative_to(root):
        return "leads out of the recordings' directory; copy the file there"
    return None


def _as_it_was(entry: Entry | None, name: PromptName, sha: str, recipe: Recipe, places: Places) -> bool:
    if entry is None or entry.source_sha256 != sha or entry.recipe != recipe.fingerprint:
        return False
    if set(entry.files) != set(recipe.formats):
        return False
    return all(sha256_of(places.sound(name, each)) == entry.files[each] for each in recipe.formats)


@contextmanager
def staged(places: Places) -> Iterator[tuple[Places, list[tuple[PromptName, Entry]]]]:
    """Places to make sounds in, and the list of what was made: on the way out all of it is put in place in one go.

    So a running dialler meets the old sounds with the old catalogue or the new ones with the new, but for a moment, and what a run
    that was broken off had made is kept. Raises AudioError when the sounds cannot be written.
    """
    root = places.sounds / ROOT
    made: list[tuple[PromptName, Entry]] = []
    try:
        root.mkdir(parents=True, exist_ok=True)
        remove_half_done(root)
        staging = Path(tempfile.mkdtemp(prefix=HALF_DONE, dir=root))
    except OSError as error:
        raise AudioError(f"{root}: cannot be written ({error.strerror}); check its rights and its disk") from error
    workshop = replace(places, sounds=staging)
    try:
        yield workshop, made
    finally:
        for name, entry in made:
            for sound_format in entry.files:
                target = places.sound(name, sound_format)
                target.parent.mkdir(parents=True, exist_ok=True)
                workshop.sound(name, sound_format).replace(target)
        shutil.rmtree(staging, ignore_errors=True)


def prepare_one(job: Job) -> Prepared | Refused:
    """Prepare one recording and put its sounds in place."""
    try:
        made = make_sounds(job.source, job.recipe)
        files = put_in_place(made, job.name, job.places)
    except RecordingRefused as error:
        return Refused(_told(job), str(error))
    except OSError as error:
        return Refused(_told(job), f"its sounds cannot be written ({error.strerror}); check {job.places.sounds}")
    source = job.source.relative_to(job.places.recordings).as_posix()
    return Prepared(job.name, new_entry(made, files, Voice.HUMAN, source, job.source_sha256, job.recipe))


def put_in_place(made: Sounds, name: PromptName, places: Places) -> dict[SoundFormat, str]:
    """Write a prompt's files; their hashes. Raises OSError."""
    for sound_format, content in made.contents.items():
        write_atomically(places.sound(name, sound_format), content)
    return {sound_format: sha256_of_bytes(content) for sound_format, content in made.contents.items()}


def new_entry(
    made: Sounds, files: Mapping[SoundFormat, str], voice: Voice, source: str, source_sha256: str, recipe: Recipe
) -> Entry:
    """The entry of a sound that was just made."""
    return Entry(
        voice=voice,
        source=source,
        source_sha256=source_sha256,
        recipe=recipe.fingerprint,
        seconds=round(made.seconds, 2),
        loudness_lufs=made.loudness_lufs,
        true_peak_db=made.true_peak_db,
        files=files,
        notes=made.notes,
    )


def with_history(fresh: Entry, before: Entry | None, text: str) -> Entry:
    """The fresh entry with its text, and with the approval and certificate of the prompt as they stood.

    They name the recording that they were given for, so they count no more where another one has taken its place.
    """
    kept: dict[str, object] = {"text": text or (before.text if before else "")}
    if before is not None and before.voice is not Voice.DRAFT:
        names = ("approved_by", "approved_on", "approved_sha256", "certificate", "certificate_sha256", "valid_until")
        kept |= {name: getattr(before, name) for name in names}
        kept["voice"] = before.voice if fresh.voice is Voice.HUMAN else fresh.voice
    return fresh.model_copy(update=kept)


def prepare(
    places: Places,
    entries: dict[PromptName, Entry],
    recipe: Recipe,
    texts: Mapping[PromptName, str],
    *,
    workers: int = 0,
    again: bool = False,
    told: Callable[[Prepared | Refused | None, int], None] = lambda result, total: None,
) -> Report:
    """Prepare every recording and put its entry into `entries`.

    `texts` is what each prompt says. `told(None, jobs)` is called once the plan is made, then `told(result, jobs)` for each job.
    """
    plan = make_plan(places, recordings_in(places.recordings), entries, recipe, again=again)
    report = Report(unchanged=list(plan.unchanged), refused=list(plan.refused))
    told(None, len(plan.jobs))
    if not plan.jobs:
        return report
    with staged(places) as (workshop, made):
        jobs = [replace(job, places=workshop) for job in plan.jobs]
        for job, outcome in spread(prepare_one, jobs, workers_for(len(jobs), workers)):
            result = outcome or Refused(_told(job), "made the decoder fail; export it again, as WAV if need be")
            told(result, len(jobs))
            if isinstance(result, Refused):
                report.refused.append(result)
                continue
            entry = with_history(result.entry, entries.get(result.name), texts.get(result.name, ""))
            made.append((result.name, entry))
            entries[result.name] = entry
            report.prepared.append(Prepared(result.name, entry))
    report.prepared.sort(key=lambda each: each.name)
    report.refused.sort(key=lambda each: each.source)
    return report


def _told(job: Job) -> str:
    return job.source.relative_to(job.places.recordings).as_posix()
