"""`dialer init`: ask a few questions, write the settings file of a new centre, and create its first signing key."""

from __future__ import annotations

import io
import os
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from dialer.cli.options import read_argument_or_stdin
from dialer.domain.output import refuse_unwritable_path, write_file
from dialer.domain.words import format_count
from dialer.errors import MatdanError, SettingError
from dialer.site.countries import COUNTRIES

if TYPE_CHECKING:
    from dialer.site.new_centre import Answers

PINS = "agents-pins.txt"
STANDARD_DATA = Path("/var/lib/matdan")
_PRIVATE = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"


class InitRefused(MatdanError):
    """The settings of a new centre cannot be written. The text names the option, what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class InitQuestion:
    """A question that `dialer init` asks at a terminal if its option was not given."""

    words: str
    settings: str  # the settings that the answer determines, separated by spaces
    default: Any = None  # None if an answer is required
    of_country: bool = False  # True if the jurisdiction's country provides the default


QUESTIONS: Final = {
    "id": InitQuestion("ID of the centre, such as pune-1", "centre.id"),
    "organisation": InitQuestion("Organisation, as named in the information message", "centre.organisation"),
    "jurisdiction": InitQuestion(f"Jurisdiction: {', '.join(COUNTRIES)}, neutral", "rules"),
    "region": InitQuestion(
        "Country of phone numbers without a country code, such as IN", "centre.region", of_country=True
    ),
    "prefix": InitQuestion("Prefixes of numbers that may be called, such as +91", "dialling", of_country=True),
    "time_zone": InitQuestion(
        "Time zone of the people who are called, such as Asia/Kolkata", "centre.time_zone", of_country=True
    ),
    "languages": InitQuestion(
        "Languages that agents speak, the main one first, such as hi,en",
        "centre.language seats",
        "en",
        of_country=True,
    ),
    "poll": InitQuestion("Polling day, such as 2029-05-06, or empty", "rules.polls", ""),
    "seats": InitQuestion("Number of seats, 1 to 99", "seats.number", 2),
    "trunk_host": InitQuestion("The carrier's SIP host", "trunks.host"),
    "trunk_user": InitQuestion(
        "Your account there; empty if the carrier authenticates your address", "trunks.username trunks", ""
    ),
    "trunk_password": InitQuestion("The account's password", "trunks.password"),
    "channels": InitQuestion("Concurrent calls that the carrier allows", "trunks.channels", 30),
    "calls_per_second": InitQuestion("Call starts per second that the carrier allows", "trunks.calls_per_second", 2.0),
    "caller_ids": InitQuestion("Your caller IDs, such as +911140000001, separated by commas", "trunks.caller_ids"),
    "phones_from": InitQuestion("Networks of agents' phones, separated by commas", "asterisk.seat_networks", _PRIVATE),
    "broker_host": InitQuestion("Host of the MQTT broker", "broker.host", "127.0.0.1"),
    "supervisor": InitQuestion("Name of the first supervisor, such as asha", "supervisors", "supervisor"),
}
"""The questions by option, in the order in which they are asked."""


def _get_default_option_value(name: str, answers: Answers) -> Any:
    question = QUESTIONS[name]
    if name == "trunk_password" and not answers["trunk_user"]:
        return ""
    country = COUNTRIES.get(answers["jurisdiction"]) if question.of_country else None
    return getattr(country, name, question.default)


def write_settings_of_new_centre(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The settings file to create.")] = Path("centre.toml"),
    id: Annotated[str | None, typer.Option(metavar="ID", help="The centre's ID.")] = None,  # noqa: A002 - the setting's name
    organisation: Annotated[
        str | None, typer.Option(metavar="NAME", help="The organisation's name in the information message.")
    ] = None,
    jurisdiction: Annotated[
        str | None, typer.Option(metavar="PROFILE", help="A shipped profile, or a .toml file.")
    ] = None,
    region: Annotated[
        str | None, typer.Option(metavar="CODE", help="Country code, such as IN. [default: the jurisdiction's]")
    ] = None,
    prefix: Annotated[
        str | None,
        typer.Option(
            metavar="PREFIXES",
            help="Allowed number prefixes, separated by commas. [default: the jurisdiction's]",
        ),
    ] = None,
    time_zone: Annotated[
        str | None,
        typer.Option(metavar="ZONE", help="IANA time zone. [default: the jurisdiction's, if it has only one]"),
    ] = None,
    languages: Annotated[
        str | None, typer.Option(metavar="CODES", help="Agents' languages, separated by commas.")
    ] = None,
    poll: Annotated[str | None, typer.Option(metavar="DATE", help="The polling day, such as 2029-05-06.")] = None,
    seats: Annotated[
        int | None, typer.Option(metavar="COUNT", help="Number of seats and agents, 1 to 99. [default: 2]")
    ] = None,
    trunk_host: Annotated[str | None, typer.Option(metavar="HOST", help="The carrier's SIP host.")] = None,
    trunk_user: Annotated[
        str | None, typer.Option(metavar="NAME", help="The SIP account to register with the carrier.")
    ] = None,
    trunk_password: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="The account's password; - reads the first line of standard input."),
    ] = None,
    channels: Annotated[
        int | None, typer.Option(metavar="COUNT", help="Maximum number of concurrent calls. [default: 30]")
    ] = None,
    calls_per_second: Annotated[
        float | None, typer.Option(metavar="RATE", help="Maximum call starts per second. [default: 2]")
    ] = None,
    caller_ids: Annotated[str | None, typer.Option(metavar="NUMBERS", help="Caller IDs, separated by commas.")] = None,
    phones_from: Annotated[
        str | None, typer.Option(metavar="NETWORKS", help="Networks of agents' phones. [default: private networks]")
    ] = None,
    broker_host: Annotated[
        str | None, typer.Option(metavar="HOST", help="Host of the MQTT broker. [default: 127.0.0.1]")
    ] = None,
    supervisor: Annotated[str | None, typer.Option(metavar="NAME", help="Name of the first supervisor.")] = None,
    data: Annotated[Path, typer.Option(metavar="DIR", help="Folder for store and recordings. It is created.")] = (
        STANDARD_DATA
    ),
) -> None:
    """Write the settings of a new centre, with generated secrets and PINs, and create the key that signs its first
    records.

    At a terminal the command asks for missing values, and prints the public key also as a QR code. The files are
    readable by this user only. Existing files and keys are never overwritten.
    """
    from dialer.engine.seats.pins import hash_pin
    from dialer.site.new_centre import create_agent_pin, get_store_path_of_new_centre, render_centre_settings_file

    given = locals()
    pins = file.parent / PINS
    for path in (file, pins):
        if path.exists() or path.is_symlink():
            raise InitRefused(f"{path} exists already; nothing was written: choose another file, or move this one away")
        refuse_unwritable_path(path, "FILE")
    if trunk_password is not None:
        given["trunk_password"] = read_argument_or_stdin(trunk_password, "the account's password")
    centre = _collect_valid_setting_values({name: given[name] for name in QUESTIONS}, data.absolute())
    store = get_store_path_of_new_centre(data.absolute())
    first_key = _create_first_signing_key_of_store(store, may_fail=data == STANDARD_DATA)
    made = {seat: create_agent_pin() for seat in centre["seats"]}
    hashed = [replace(seat, pin_hash=hash_pin(pin)) for seat, pin in made.items()]
    write_file(pins, "".join(f"{seat.agent} {pin}\n" for seat, pin in made.items()).encode(), "FILE")
    try:
        write_file(file, render_centre_settings_file({**centre, "seats": hashed}).encode(), "FILE")
    except BaseException:
        pins.unlink()
        raise
    typer.echo(f"wrote {file} with new secrets, readable by you only")
    typer.echo(
        f"wrote {pins} with number and PIN of {format_count(len(made), 'agent')}: hand them out, then delete the file"
    )
    if first_key is not None:
        _print_first_public_key_of_store(store, first_key)
    typer.echo(f"next: `dialer check -c {file}` shows what is still missing")


def _create_first_signing_key_of_store(store: Path, *, may_fail: bool) -> str | None:
    """Create the folder of a new store, and the key that signs the store's first records. Return the public key.

    If the store already exists, print a note and return None. If the folder is not writable, raise InitRefused, or with
    `may_fail` print a note and return None.
    """
    from dialer.store.seal_keys import create_signing_keys_of_new_store

    folder = store.parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        keys = create_signing_keys_of_new_store(store)
    except OSError as error:
        if not may_fail:
            raise InitRefused(
                f"--data: folder {folder} cannot be created or written ({error.strerror}); nothing was written:"
                " choose another folder"
            ) from error
        reason = f"{folder} is not writable for you"
    else:
        if keys is not None:
            return keys.epoch_public_key
        reason = f"{store} or its key exists already and was not changed"
    typer.echo(
        f"note: {reason}: after the next start, `dialer audit verify` prints the first public key of the seals",
        err=True,
    )
    return None


def _print_first_public_key_of_store(store: Path, key: str) -> None:
    """Print the public key that verifies the first signed records of a store; at a terminal also as a QR code."""
    from dialer.store.seal_keys import get_seal_key_path

    typer.echo(f"wrote {get_seal_key_path(store)}, the secret key of the first seal: do not copy or back up this file")
    if store.parent.stat().st_uid == os.geteuid() == 0:
        typer.echo(f"  `dialer install` gives it and {store.parent} to the user of the services")
    typer.echo("first public key of the seals, to note outside this machine for `dialer audit verify --first-key`:")
    typer.echo(key)
    if _can_output_show_qr_code():
        import segno

        drawn = io.StringIO()
        segno.make(key).terminal(drawn, border=2, compact=True)
        for line in drawn.getvalue().splitlines():
            typer.secho(line, fg="bright_white", bg="black")  # on a light terminal, too: scanners want dark modules


def _collect_valid_setting_values(answers: Answers, data: Path) -> Answers:
    """Return valid values for the settings template, from options and the user's answers.

    At a terminal, ask again after each invalid answer. Otherwise, raise InitRefused for an invalid or missing value.
    """
    from dialer.site.new_centre import make_settings_template_values, refuse_unusable_settings_of_new_centre

    for name in QUESTIONS:
        if answers[name] is None:
            answers[name] = _ask_or_get_default_option_value(name, answers)
    while True:
        try:
            centre = make_settings_template_values(answers, data)
            refuse_unusable_settings_of_new_centre(centre)
        except SettingError as error:
            question = _find_question_that_asks_for_setting(error.key)
            option = _format_option_name(question) if question else error.key
            problem = "; ".join(filter(None, (error.problem, error.remedy)))
            if question is None or not _is_input_a_terminal():
                raise InitRefused(f"{option}: {problem}; nothing was written") from error
            typer.echo(f"{option}: {problem}", err=True)
            answers[question] = _ask_user_for_value(question, answers)
        else:
            return centre


def _ask_or_get_default_option_value(name: str, answers: Answers) -> Any:
    """Return a value for an option that was not given: the user's answer at a terminal, otherwise the default.

    Raises InitRefused if there is no default.
    """
    default = _get_default_option_value(name, answers)
    if _is_input_a_terminal() and (default is None or name != "trunk_password"):
        return _ask_user_for_value(name, answers)
    if default is None:
        _refuse_unknown_jurisdiction(answers["jurisdiction"])
        raise InitRefused(f"{_format_option_name(name)} is required ({QUESTIONS[name].words}); nothing was written")
    return default


def _refuse_unknown_jurisdiction(jurisdiction: str | None) -> None:
    """Raise InitRefused for an unknown jurisdiction.

    Without this check, a later error would ask for settings that a known jurisdiction provides.
    """
    from dialer.settings.jurisdiction import load_profile

    try:
        load_profile(jurisdiction or "neutral")
    except SettingError as error:
        raise InitRefused(f"--jurisdiction: {error.problem}; {error.remedy}; nothing was written") from error


def _ask_user_for_value(name: str, answers: Answers) -> Any:
    default = _get_default_option_value(name, answers)
    kind = type(default) if isinstance(default, int | float) else str
    return typer.prompt(QUESTIONS[name].words, default=default, type=kind, hide_input=name == "trunk_password")


def _is_input_a_terminal() -> bool:
    return sys.stdin.isatty()


def _can_output_show_qr_code() -> bool:
    return sys.stdout.isatty() and sys.stdout.encoding.lower() == "utf-8"


def _format_option_name(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _find_question_that_asks_for_setting(key: str) -> str | None:
    """Return the question whose answer gives the value of a setting such as `trunks.carrier.caller_ids[0]`.

    Of several questions, the most specific one is returned. Return None if no question asks for the setting.
    """
    parts = set(re.split(r"[.\[\]]+", key))
    fits = [
        (setting.count("."), name)
        for name, question in QUESTIONS.items()
        for setting in question.settings.split()
        if parts.issuperset(setting.split("."))
    ]
    return max(fits)[1] if fits else None
