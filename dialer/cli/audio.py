"""`dialer audio`: prepare recordings for Asterisk, and maintain the catalogue, the list of all prompts."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dialer.cli.audio_approvals import approve_recordings, find_prompt_by_path, list_prompt_statuses
from dialer.cli.group import CommandGroup
from dialer.cli.options import ConfigOption
from dialer.domain.words import format_count

if TYPE_CHECKING:
    from rich.console import Console

    from dialer.audio.catalogue import Entries, Entry
    from dialer.audio.information_message import MessageState
    from dialer.audio.names import PromptName
    from dialer.audio.prepare import PrepareReport
    from dialer.cli.audio_approvals import PromptStatuses
    from dialer.flows.texts import Texts
    from dialer.settings.site import Settings

_MOST_NAMES_BYTES = 16 * 1024 * 1024

app = CommandGroup()

TextsOption = Annotated[
    Path | None,
    typer.Option(
        "--texts",
        metavar="DIR",
        help="Folder with your own texts as LANGUAGE.yaml, which override the shipped ones. [default: flows.texts]",
    ),
]
LanguageOption = Annotated[
    list[str] | None, typer.Option("--language", "-l", metavar="CODE", help="Only this language. Repeatable.")
]
SpokenOption = Annotated[
    list[str] | None,
    typer.Option(
        "--language",
        "-l",
        metavar="CODE",
        help="Only this language. Repeatable. [default: all languages that the centre needs]",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@app.command("prepare")
def prepare_changed_recordings(
    config: ConfigOption = None,
    texts: TextsOption = None,
    all_recordings: Annotated[bool, typer.Option("--all", help="Prepare unchanged recordings as well.")] = False,
) -> None:
    """Prepare new and changed recordings: level, trim and convert them to the formats that Asterisk plays.

    The information message (heard by voters of abandoned calls) is also copied to Asterisk's own sounds. Exit 1 if a
    recording could not be prepared.
    """
    from rich.console import Console

    from dialer.audio.catalogue import open_catalogue_for_changes
    from dialer.audio.prepare import prepare_recordings
    from dialer.cli.progress import show_progress
    from dialer.flows.audio_settings import get_audio_directories, get_catalogue_directory, make_conversion_recipe
    from dialer.settings.site import load_settings

    settings = load_settings(config)
    console = Console()
    words = _load_prompt_texts(settings, texts)
    say = _collect_prompt_texts(settings, words, words.list_languages_with_texts()) | _get_information_message_texts(
        settings, words
    )
    find_unused_reason = _create_unused_prompt_explainer(settings, words, say)
    catalogue = get_catalogue_directory(settings)
    with open_catalogue_for_changes(catalogue) as entries, show_progress("preparing") as advance:
        before = dict(entries)
        report = prepare_recordings(
            get_audio_directories(settings),
            entries,
            make_conversion_recipe(settings.audio),
            say,
            catalogue=catalogue,
            workers=settings.audio.workers,
            again=all_recordings,
            find_unused_reason=find_unused_reason,
            progress=lambda done, total: advance(done / max(1, total), f"{done:,} of {total:,}"),
        )
        placed = _install_information_message(settings, entries, before)
    _print_report_on_prepared_recordings(report, console)
    _print_how_to_replace_information_message(placed)
    if report.refused:
        raise typer.Exit(1)


@app.command("drafts")
def create_missing_prompt_drafts(
    config: ConfigOption = None,
    language: SpokenOption = None,
    texts: TextsOption = None,
    names: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also speak the place names in this file (one per line).")
    ] = None,
) -> None:
    """Create computer-voice drafts of all prompts that have no recording.

    An existing recording is never overwritten. If the text of an approved draft has changed, a new draft is created and
    needs a new approval. The package's extra `voices` must be installed.
    """
    from dialer.audio.catalogue import open_catalogue_for_changes
    from dialer.audio.drafts import synthesise_drafts
    from dialer.cli.progress import show_progress
    from dialer.flows.audio_settings import get_audio_directories, get_catalogue_directory, make_conversion_recipe
    from dialer.flows.model import PromptKind
    from dialer.flows.spoken import collect_prompts_to_record_for_names
    from dialer.settings.site import load_settings

    settings = load_settings(config)
    words = _load_prompt_texts(settings, texts)
    _refuse_unknown_option_values("--language", language or (), words.list_languages_with_texts())
    spoken = language or _find_site_languages(settings, words)
    wanted = _collect_prompt_texts(settings, words, spoken)
    wanted |= collect_prompts_to_record_for_names(
        [(PromptKind.PLACE, name) for name in _read_prompt_names_from_file(names)], spoken
    )
    wanted |= _add_notice_of_synthetic_speech(settings, _get_information_message_texts(settings, words, language))
    places, recipe = get_audio_directories(settings), make_conversion_recipe(settings.audio)
    catalogue = get_catalogue_directory(settings)
    with open_catalogue_for_changes(catalogue) as entries, show_progress("speaking") as advance:
        before = dict(entries)
        report = synthesise_drafts(
            places,
            entries,
            recipe,
            wanted,
            catalogue=catalogue,
            workers=settings.audio.workers,
            progress=lambda done, total: advance(done / max(1, total), f"{done:,} of {total:,}"),
        )
        placed = _install_information_message(settings, entries, before)
    for refused in report.refused:
        typer.echo(f"{refused.source}: {refused.reason}", err=True)
    for name in sorted(report.void):
        typer.echo(
            f"{name.relative_prompt_path}: the draft has changed and is no longer approved: listen to it, then approve it again"
        )
    typer.echo(
        f"{report.drafted} drafts created, {report.unchanged} unchanged, {report.recorded} have recordings, "
        f"{len(report.refused)} failed"
    )
    _print_how_to_replace_information_message(placed)
    if report.refused:
        raise typer.Exit(1)


def _read_prompt_names_from_file(path: Path | None) -> list[str]:
    from dialer.audio.errors import AudioError
    from dialer.settings.files import read_whole_file

    if path is None:
        return []
    try:
        data = read_whole_file(path, _MOST_NAMES_BYTES, pipe=True)
        lines = data.decode("utf-8-sig").splitlines()  # editors on Windows write a byte order mark
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise AudioError(
            f"{path}: the list of names cannot be read as UTF-8 text ({reason}); give a file with one name per line"
        ) from error
    return sorted({line.strip() for line in lines if line.strip()})


def _print_report_on_prepared_recordings(report: PrepareReport, console: Console) -> None:
    from rich.markup import escape
    from rich.table import Column, Table

    if report.prepared:
        table = Table(Column("prompt", no_wrap=True), "seconds", "LUFS", "peak dB", "remarks", box=None)
        for each in report.prepared:
            entry = each.entry
            table.add_row(
                each.name.relative_prompt_path,
                f"{entry.seconds:.1f}",
                f"{entry.loudness_lufs:.1f}",
                f"{entry.true_peak_db:.1f}",
                escape("; ".join(entry.notes)),
            )
        console.print(table)
    for refused in report.refused:
        typer.echo(f"{refused.source}: {refused.reason}", err=True)
    typer.echo(f"{len(report.prepared)} prepared, {len(report.unchanged)} unchanged, {len(report.refused)} failed")


@app.command("list")
def list_prompts(
    config: ConfigOption = None,
    language: LanguageOption = None,
    campaign: Annotated[str | None, typer.Option(metavar="ID", help="Only recordings of this campaign.")] = None,
    drafts: Annotated[bool, typer.Option("--drafts", help="Only synthetic drafts.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the prompts in the catalogue with voice, approval and certificate, and whether each may be played."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Column, Table

    from dialer.audio.catalogue import Voice
    from dialer.settings.site import load_settings

    settings = load_settings(config)
    found = list_prompt_statuses(settings)
    _refuse_unknown_option_values(
        "--campaign",
        () if campaign is None else (campaign,),
        {each.id for each in settings.campaigns} | {name.campaign for name, _, _ in found if name.campaign},
    )
    _refuse_unknown_option_values(
        "--language", language or (), _list_known_languages(found, _load_prompt_texts(settings))
    )
    rows = [
        row
        for row in found
        if (not language or row[0].language in language)
        and (campaign is None or row[0].campaign == campaign)
        and (not drafts or row[1].voice is Voice.DRAFT)
    ]
    if as_json:
        listed = [
            {
                "prompt": name.relative_prompt_path,
                "may_play": why is None,
                "why_not": why or "",
                **entry.model_dump(mode="json"),
            }
            for name, entry, why in rows
        ]
        typer.echo(json.dumps(listed, ensure_ascii=False))
        return
    table = Table(Column("prompt", no_wrap=True), "voice", "s", "LUFS", Column("plays", overflow="fold"), box=None)
    for name, entry, why in rows:
        voice = "[yellow]DRAFT[/]" if entry.voice is Voice.DRAFT else entry.voice.value
        plays = escape(_format_approval_of_prompt(entry)) if why is None else f"[red]no[/]: {escape(why)}"
        table.add_row(name.relative_prompt_path, voice, f"{entry.seconds:.1f}", f"{entry.loudness_lufs:.1f}", plays)
    Console().print(table)
    count = sum(entry.voice is Voice.DRAFT for _, entry, _ in rows)
    typer.echo(f"{len(rows)} prompts, {count} of them drafts")


def _format_approval_of_prompt(entry: Entry) -> str:
    approved = f", approved by {entry.approved_by}" if entry.is_recording_approved else ""
    until = f" until {entry.valid_until}" if entry.valid_until else ""
    return f"yes{approved}" + (f", certificate {entry.certificate}{until}" if entry.certificate else "")


app.command("approve")(approve_recordings)


@app.command("remove")
def remove_prompts(
    prompts: Annotated[
        list[str], typer.Argument(metavar="PROMPT...", help="Prompts to remove, such as hi/recording/message.")
    ],
    config: ConfigOption = None,
) -> None:
    """Remove prompts from the catalogue and delete their sound files.

    The original recordings are not deleted.
    """
    from dialer.audio.catalogue import open_catalogue_for_changes
    from dialer.flows.audio_settings import get_audio_directories, get_catalogue_directory
    from dialer.settings.audio import SoundFormat
    from dialer.settings.site import load_settings

    settings = load_settings(config)
    directory = get_catalogue_directory(settings)
    places = get_audio_directories(settings)
    with open_catalogue_for_changes(directory) as entries:
        before = dict(entries)
        for name in [find_prompt_by_path(path, entries, directory) for path in prompts]:
            for sound_format in SoundFormat:
                places.get_sound_path(name, sound_format).unlink(missing_ok=True)
            source = places.recordings / entries.pop(name).source
            hint = f"; `dialer audio prepare` adds it again unless you delete {source}" if source.is_file() else ""
            typer.echo(f"{name.relative_prompt_path}: removed{hint}")
        _install_information_message(settings, entries, before)


@app.command("picture")
def draw_prompt_pictures(
    prompts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PROMPT]...", help="Prompts, such as hi/turnout/question. [default: all]"),
    ] = None,
    config: ConfigOption = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for the pictures and index.html.")
    ] = Path("pictures"),
) -> None:
    """Draw waveform and loudness of prompts before and after preparation, with a page (index.html) of all pictures."""
    from dialer.audio.catalogue import read_catalogue
    from dialer.audio.errors import AudioError
    from dialer.audio.prepare import is_recorded_by_person
    from dialer.audio.prompt_pictures import write_prompt_pictures
    from dialer.flows.audio_settings import get_audio_directories, get_catalogue_directory, make_conversion_recipe
    from dialer.settings.site import load_settings

    settings = load_settings(config)
    entries = read_catalogue(get_catalogue_directory(settings))
    if prompts:
        names = [find_prompt_by_path(path, entries, get_catalogue_directory(settings)) for path in prompts]
    else:
        names = [name for name, entry in sorted(entries.items()) if is_recorded_by_person(entry)]
    if not names:
        raise AudioError(
            "the sound catalogue has no recordings: run `dialer audio prepare`, or give the names of prompts"
        )
    drawn = [(name, entries[name]) for name in names]
    title = f"Prompts of {settings.centre.organisation}"
    for path in write_prompt_pictures(
        drawn, get_audio_directories(settings), make_conversion_recipe(settings.audio), out, title
    ):
        typer.echo(path)


@app.command("check")
def check_catalogue(config: ConfigOption = None, language: SpokenOption = None, texts: TextsOption = None) -> None:
    """Check for prompts that were never recorded, have a changed text, are unused or may not be played.

    Exit 1 if anything was found.
    """
    from dialer.audio.prepare import is_recorded_by_person
    from dialer.settings.site import load_settings

    settings = load_settings(config)
    found = list_prompt_statuses(settings)
    entries = {name: entry for name, entry, _ in found}
    words = _load_prompt_texts(settings, texts)
    _refuse_unknown_option_values("--language", language or (), _list_known_languages(found, words))
    wrong = [
        f"{name.relative_prompt_path}: {why}"
        for name, _, why in found
        if why is not None and (not language or name.language in language)
    ]
    there = {name.language for name in entries}
    spoken = language or [
        each for each in words.list_languages_with_texts() if each in {*_find_site_languages(settings, words), *there}
    ]
    message = _get_information_message_texts(settings, words, language)
    labelled = _add_notice_of_synthetic_speech(settings, message)
    drafted = {name: text for name, text in labelled.items() if _is_synthesised_prompt(entries.get(name))}
    wanted = _collect_prompt_texts(settings, words, spoken) | message | drafted
    missing = [name for name in sorted(wanted) if name not in entries]
    wrong += [f"{name.relative_prompt_path}: is missing; record it or run dialer audio drafts" for name in missing]
    wrong += [
        f"{name.relative_prompt_path}: the text has changed since; "
        + ("run dialer audio drafts or record it" if _is_synthesised_prompt(entries[name]) else "record it again")
        for name, text in sorted(wanted.items())
        if name in entries and entries[name].text and entries[name].text != text
    ]
    all_texts = _collect_prompt_texts(
        settings, words, words.list_languages_with_texts()
    ) | _get_information_message_texts(settings, words)
    find_unused_reason = _create_unused_prompt_explainer(settings, words, all_texts)
    wrong += [
        f"{name.relative_prompt_path}: {why}; to remove it: dialer audio remove {name.relative_prompt_path}"
        for name in sorted(entries)
        if (not language or name.language in language) and (why := find_unused_reason(name)) is not None
    ]
    wrong += [
        f"{name.relative_prompt_path}: recording {entry.source} is missing; restore the file, or run dialer audio remove "
        f"{name.relative_prompt_path}"
        for name, entry in sorted(entries.items())
        if is_recorded_by_person(entry) and not (settings.audio.recordings / entry.source).is_file()
    ]
    for line in wrong:
        typer.echo(line)
    typer.echo(f"{format_count(len(entries), 'prompt')} in the catalogue, {format_count(len(wrong), 'finding')}")
    if wrong:
        raise typer.Exit(1)


def _find_site_languages(settings: Settings, words: Texts) -> list[str]:
    """Return the languages in which prompts must exist: those of the centre, its seats and agents, and the roll's
    voters.

    Voters' languages count only at sites with flows. If no languages are known, return all languages that have texts.
    """
    from dialer.site.flows import list_site_flows
    from dialer.store.keys import read_store_key_of_site
    from dialer.store.roll import read_roll_languages

    speakers = (*(each.languages for each in settings.seats), *(each.languages for each in settings.agents))
    named = {language for some in speakers for language in some}
    heard = (
        read_roll_languages(settings.store.path, read_store_key_of_site(settings))
        if list_site_flows(settings)
        else named
    )
    spoken = {settings.centre.language, *named, *heard} if heard else {*words.list_languages_with_texts()}
    return [each for each in words.list_languages_with_texts() if each in spoken]


def _list_known_languages(found: PromptStatuses, words: Texts) -> set[str]:
    return {name.language for name, _, _ in found} | set(words.list_languages_with_texts())


def _refuse_unknown_option_values(option: str, given: Iterable[str], known: Collection[str]) -> None:
    """Raise AudioError if an option such as --language has an unknown value. Otherwise the result would be empty."""
    from dialer.audio.errors import AudioError

    for value in given:
        if value not in known:
            raise AudioError(f"{option}: {value!r} is unknown; use one of: {', '.join(sorted(known)) or 'none'}")


def _is_synthesised_prompt(entry: Entry | None) -> bool:
    """Return whether `dialer audio drafts` made a prompt with a computer voice, even if a person has approved it."""
    from dialer.audio.prepare import is_recorded_by_person

    return entry is not None and not is_recorded_by_person(entry)


def _load_prompt_texts(settings: Settings, texts: Path | None = None) -> Texts:
    """Return the texts of all prompts. Texts in the folder of --texts or `flows.texts` replace the shipped ones."""
    from dialer.flows.texts import load_texts

    return load_texts(texts or settings.flows.texts)


def _collect_prompt_texts(settings: Settings, words: Texts, languages: list[str]) -> dict[PromptName, str]:
    """Return the text of every prompt that this site plays. Place names and the information message are left out."""
    from dialer.flows.model import PromptKind
    from dialer.flows.spoken import (
        collect_prompts_to_record_for_names,
        collect_prompts_to_record_for_numbers,
        collect_prompts_to_record_for_texts,
    )

    name = collect_prompts_to_record_for_names([(PromptKind.NAME, settings.centre.organisation)], languages)
    return (
        collect_prompts_to_record_for_texts(words, languages) | collect_prompts_to_record_for_numbers(languages) | name
    )


def _create_unused_prompt_explainer(
    settings: Settings, words: Texts, used: Iterable[PromptName]
) -> Callable[[PromptName], str | None]:
    """Return a function that says why no call of this site plays a given prompt, or None if a call may play it.

    Raises FlowError if a flow cannot be loaded.
    """
    from dialer.audio.names import find_prompt_of_sound
    from dialer.flows.catalogue import list_shipped_flows, load_flow
    from dialer.flows.model import PromptKind
    from dialer.flows.sounds import list_sounds_of_flow
    from dialer.site.flows import list_site_flows

    known = {each.name for each in used} | set(filter(None, (settings.recordings.prompt,)))
    for source in sorted({*list_shipped_flows(), *list_site_flows(settings)}):
        if not source.startswith("script:"):
            flow = load_flow(source)
            sounds = (
                each
                for language in words.list_languages_with_texts()
                for each in list_sounds_of_flow(flow, language, words)
            )
            known |= {prompt.name for each in sounds if (prompt := find_prompt_of_sound(each)) is not None}
    campaigns = [each.id for each in settings.campaigns]
    free: tuple[str, ...] = (f"{PromptKind.PLACE.value}/", f"{PromptKind.NAME.value}/")
    if not list_site_flows(settings):
        free = (*free, f"{PromptKind.RECORDING.value}/")  # a campaign's own audio, whose flow is not configured yet

    def explain_why_prompt_is_unused(name: PromptName) -> str | None:
        if name.campaign and campaigns and name.campaign not in campaigns:
            return f"campaign {name.campaign!r} is not in the settings{_suggest_similar_name(name.campaign, campaigns)}"
        if name.name in known or name.name.startswith(free):
            return None
        return f"no flow plays {name.name}{_suggest_similar_name(name.name, known)}"

    return explain_why_prompt_is_unused


def _suggest_similar_name(name: str, names: Collection[str]) -> str:
    near = get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _get_information_message_texts(
    settings: Settings, words: Texts, only: list[str] | None = None
) -> dict[PromptName, str]:
    """Return the text of the information message (heard by voters of abandoned calls), by prompt name.

    `only` limits the result to these languages.
    """
    from dialer.flows.spoken import collect_information_message_to_record

    message = collect_information_message_to_record(settings.centre.language, settings.centre.organisation, words)
    return {name: text for name, text in message.items() if not only or name.language in only}


def _add_notice_of_synthetic_speech(settings: Settings, message: dict[PromptName, str]) -> dict[PromptName, str]:
    """Return the information message. A notice that a computer speaks comes first if the site or its legal rules
    require it.
    """
    from dialer.audio.words import load_spoken_words
    from dialer.flows.audio_settings import requires_notice_before_synthetic_speech
    from dialer.settings.site_rules import load_site_profile

    if not requires_notice_before_synthetic_speech(settings, load_site_profile(settings)):
        return message
    spoken = {name: load_spoken_words(name.language) for name in message}
    return {name: f"{word.label} {message[name]}" for name, word in spoken.items() if word is not None}


def _install_information_message(settings: Settings, entries: Entries, before: Entries) -> MessageState:
    from dialer.audio.information_message import install_information_message
    from dialer.flows.audio_settings import get_audio_directories
    from dialer.flows.texts import FALLBACK_LANGUAGE

    return install_information_message(
        get_audio_directories(settings), entries, before, (settings.centre.language, FALLBACK_LANGUAGE)
    )


def _print_how_to_replace_information_message(placed: MessageState) -> None:
    """Print how to replace an information message that was installed by hand."""
    from dialer.audio.information_message import MessageState

    if placed is MessageState.KEPT:
        typer.echo(
            "matdan/message: a file that was installed by hand stays; delete it and run this again to replace it"
        )
