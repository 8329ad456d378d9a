"""`dialer audio approve`: approve recordings, with the certificate of the authority where one is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dialer.cli.options import ConfigOption, parse_date_option

if TYPE_CHECKING:
    from dialer.audio.catalogue import Entries, Entry
    from dialer.audio.names import PromptName
    from dialer.settings.site import Settings

    PromptStatuses = list[tuple[PromptName, Entry, str | None]]
    """Prompts with their catalogue entries, and why each may not be played (None if it may)."""


def approve_recordings(
    by: Annotated[
        str, typer.Option(metavar="NAME", help="The person who listened to the recordings and approves them.")
    ],
    prompts: Annotated[
        list[str] | None, typer.Argument(metavar="[PROMPT]...", help="Prompts to approve, such as hi/turnout/question.")
    ] = None,
    flow: Annotated[
        str | None, typer.Option(metavar="FLOW", help="Approve all prompts of this flow, in --language.")
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", "-l", metavar="CODE", help="The language of --flow, such as hi.")
    ] = None,
    campaign: Annotated[
        str, typer.Option(metavar="ID", help="With --flow: approve the prompts that this campaign plays.")
    ] = "",
    config: ConfigOption = None,
    certificate: Annotated[str | None, typer.Option(metavar="NUMBER", help="The certificate's number.")] = None,
    certified_sha256: Annotated[
        str | None,
        typer.Option("--sha256", metavar="HASH", help="The hash in the certificate. [default: the recording's hash]"),
    ] = None,
    valid_until: Annotated[
        str | None, typer.Option(metavar="DATE", help="The last day on which the certificate is valid.")
    ] = None,
    synthetic: Annotated[
        bool | None, typer.Option("--synthetic/--human", help="Record the voice as synthetic or human.")
    ] = None,
) -> None:
    """Approve recordings in their present form, with the authority's certificate if they have one.

    A recording that is changed later is no longer approved. --flow approves all prompts that the flow plays.
    """
    from dialer.audio.catalogue import Voice, open_catalogue_for_changes
    from dialer.audio.errors import AudioError
    from dialer.domain.clock import SystemClock
    from dialer.flows.audio_settings import get_catalogue_directory
    from dialer.settings.site import load_settings
    from dialer.settings.site_time import get_site_day

    if not by.strip():
        raise AudioError("--by is empty: give the name of the person who approves")
    if certificate is None and (certified_sha256 is not None or valid_until is not None):
        raise AudioError("--sha256 and --valid-until need --certificate: give the certificate's number")
    if bool(prompts) == (flow is not None):
        raise AudioError(
            "it is not clear which prompts to approve: give either names of prompts, or --flow with --language"
        )
    last_day = None if valid_until is None else parse_date_option(valid_until, "--valid-until")
    settings = load_settings(config)
    directory = get_catalogue_directory(settings)
    given = prompts or _list_flow_prompts(settings, flow or "", language, campaign)
    if certified_sha256 is not None and len(given) > 1:
        raise AudioError(
            "--sha256 is the hash of one recording, but several prompts were given: give only the prompt of this "
            "recording"
        )
    change: dict[str, object] = {"approved_by": by.strip(), "approved_on": get_site_day(settings, SystemClock().now())}
    if synthetic is not None:
        change["voice"] = Voice.SYNTHETIC if synthetic else Voice.HUMAN
    if certificate is not None:
        change["certificate"] = certificate.strip()
        change["valid_until"] = last_day
    with open_catalogue_for_changes(directory) as entries:
        names = [find_prompt_by_path(path, entries, directory) for path in given]
        drafts = [name for name in names if entries[name].voice is Voice.DRAFT]
        if drafts and synthetic is None:
            raise AudioError(
                f"the prompt {drafts[0].relative_prompt_path} is a synthetic draft: add a recording, or approve the draft with"
                " --synthetic"
            )
        for name in names:
            entries[name] = _approve_catalogue_entry(entries[name], change, certified_sha256, directory, name)
    for name, _, why in list_prompt_statuses(settings):
        if name in names:
            typer.echo(
                f"{name.relative_prompt_path}: approved" + (f", but it may not be played: it {why}" if why else "")
            )


def _list_flow_prompts(settings: Settings, flow: str, language: str | None, campaign: str) -> Sequence[str]:
    """Return the paths of all prompts that a flow plays in one language, such as hi/turnout/question."""
    from dialer.audio.errors import AudioError
    from dialer.audio.names import find_prompt_of_sound
    from dialer.domain.clock import SystemClock
    from dialer.flows.audio_settings import make_playlist_reader
    from dialer.flows.catalogue import load_flow
    from dialer.flows.prompts import CataloguePrompts
    from dialer.flows.sounds import list_sounds_of_flow
    from dialer.flows.texts import load_texts
    from dialer.settings.site_time import get_site_day

    if language is None:
        raise AudioError(
            "--language is missing, and the flow of --flow may have several languages: add --language, such as "
            "--language hi"
        )
    prompts = CataloguePrompts(
        make_playlist_reader(settings).read_playlist(),
        campaign,
        get_site_day(settings, SystemClock().now()),
        load_texts(settings.flows.texts),
    )
    names = [
        find_prompt_of_sound(prompts.choose_campaign_or_shared_sound(sound))
        for sound in list_sounds_of_flow(load_flow(flow), language, prompts.texts)
    ]
    return [name.relative_prompt_path for name in names if name is not None]


def _approve_catalogue_entry(
    entry: Entry, change: dict[str, object], certified_sha256: str | None, directory: Path, name: PromptName
) -> Entry:
    from dialer.audio.catalogue import Entry
    from dialer.audio.errors import CatalogueError

    own: dict[str, object] = {"approved_sha256": entry.source_sha256}
    if "certificate" in change:
        own["certificate_sha256"] = (certified_sha256 or entry.source_sha256).lower()
    try:
        return Entry.model_validate(entry.model_dump() | change | own)
    except ValueError as error:
        reason = error.errors()[0]["msg"]  # type: ignore[attr-defined] # pydantic's
        raise CatalogueError(
            str(directory), name.relative_prompt_path, f"the prompt cannot be approved: {reason}"
        ) from error


def list_prompt_statuses(settings: Settings) -> PromptStatuses:
    """Return every prompt in the catalogue with its entry and the reason why it may not be played.

    The reason is None if the prompt may be played.
    """
    from dialer.domain.clock import SystemClock
    from dialer.flows.audio_settings import make_playlist_reader
    from dialer.settings.site_time import get_site_day

    playlist = make_playlist_reader(settings).read_playlist()
    today = get_site_day(settings, SystemClock().now())
    return [
        (name, each.entry, playlist.find_reason_sound_is_blocked(name, today))
        for name, each in sorted(playlist.listed.items())
    ]


def find_prompt_by_path(path: str, entries: Entries, directory: Path) -> PromptName:
    """Return the name of the prompt that a user gave as a path such as hi/turnout/question.

    Raises AudioError if the catalogue does not have it.
    """
    from dialer.audio.errors import AudioError
    from dialer.audio.names import parse_prompt_name

    name = parse_prompt_name(path.removesuffix(Path(path).suffix) if Path(path).suffix else path)
    if name not in entries:
        raise AudioError(
            f"the prompt {name.relative_prompt_path} is not in the catalogue {directory}: `dialer audio list` lists its prompts,"
            " `dialer audio prepare` adds new recordings"
        )
    return name
