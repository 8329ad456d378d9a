"""`dialer init`: a few answers become the settings file of a new centre."""

from __future__ import annotations

import json
import re
import secrets
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from dialer.cli.options import said
from dialer.deploy.templates import templates_in
from dialer.domain.output import refuse_unwritable, write_file
from dialer.domain.words import counted
from dialer.engine.seats.pins import hash_pin
from dialer.errors import MatdanError, SettingError
from dialer.settings.jurisdiction import load_profile
from dialer.settings.site import load_settings
from dialer.settings.site_rules import site_profile
from dialer.settings.unfinished import refuse_unfinished, why_trivial
from dialer.site.implausible import implausible_settings

PINS = "agents-pins.txt"
_SOUNDS = (Path("/usr/share/asterisk/sounds/en"), Path("/var/lib/asterisk/sounds/en"))
_PRIVATE = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"
_MOST_SEATS = 99
_NO_HASH = "$argon2id$v=19$m=65536,t=3,p=4$AAAA$AAAA"  # until the answers are good: a hash takes a tenth of a second

Answers = dict[str, Any]


class InitRefused(MatdanError):
    """A new centre's settings cannot be made or written. The text names the option, what is wrong and what to do."""


PIN_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Country:
    """What goes with a shipped profile of rules."""

    region: str
    time_zone: str | None  # None: it has several
    languages: str
    prefix: str
    denied: tuple[str, ...]  # series that cost the caller a premium


_NANP_PREMIUM: Final = ("+1900",)
COUNTRIES: Final = {
    "india": Country("IN", "Asia/Kolkata", "hi", "+91", ("+911900", "+911901")),
    "uk": Country("GB", "Europe/London", "en", "+44", ("+449",)),
    "us": Country("US", None, "en", "+1", _NANP_PREMIUM),
    "canada": Country("CA", None, "en", "+1", _NANP_PREMIUM),
}
"""By jurisdiction. Every other one asks for region, prefix and time zone."""


@dataclass(frozen=True, slots=True)
class NewSeat:
    """A seat, and an agent who may log in at it or at any other."""

    name: str
    agent: str  # the number that is keyed in
    pin_hash: str


@dataclass(frozen=True, slots=True)
class InitQuestion:
    """What is asked where its option was not given."""

    words: str
    settings: str  # what is wrong in these is this answer's fault
    default: Any = None  # None: there is none, it must be said
    of_country: bool = False  # the jurisdiction's country has a default of its own


QUESTIONS: Final = {
    "id": InitQuestion("The centre's id, such as pune-1", "centre.id"),
    "organisation": InitQuestion("Who calls, as the information message says it", "centre.organisation"),
    "jurisdiction": InitQuestion(f"Whose rules hold: {', '.join(COUNTRIES)}, neutral", "rules"),
    "region": InitQuestion("Country of numbers without a country code, such as IN", "centre.region", of_country=True),
    "prefix": InitQuestion("How every number that may be called begins, such as +91", "dialling", of_country=True),
    "time_zone": InitQuestion(
        "Time zone of those who are called, such as Asia/Kolkata", "centre.time_zone", of_country=True
    ),
    "languages": InitQuestion(
        "Languages that agents speak, the most usual first, such as hi,en",
        "centre.language seats",
        "en",
        of_country=True,
    ),
    "poll": InitQuestion("Polling day, such as 2029-05-06, or nothing", "rules.polls", ""),
    "seats": InitQuestion("How many seats, 1 to 99", "seats.number", 2),
    "trunk_host": InitQuestion("The carrier's SIP host", "trunks.host"),
    "trunk_user": InitQuestion(
        "Your account there; nothing where the carrier knows you by your address", "trunks.username trunks", ""
    ),
    "trunk_password": InitQuestion("The account's password", "trunks.password"),
    "channels": InitQuestion("Calls at once that the carrier allows", "trunks.channels", 30),
    "calls_per_second": InitQuestion("Call starts a second that the carrier allows", "trunks.calls_per_second", 2.0),
    "caller_ids": InitQuestion("Your numbers that are shown, such as +911140000001, by commas", "trunks.caller_ids"),
    "phones_from": InitQuestion("Networks that agents' phones are in, by commas", "asterisk.seat_networks", _PRIVATE),
    "broker_host": InitQuestion("The MQTT broker's host", "broker.host", "127.0.0.1"),
    "supervisor": InitQuestion("A name for the first supervisor, such as asha", "supervisors", "supervisor"),
}
"""By the option's name, in the order in which they are asked."""


def _default(name: str, answers: Answers) -> Any:
    question = QUESTIONS[name]
    if name == "trunk_password" and not answers["trunk_user"]:
        return ""
    country = COUNTRIES.get(answers["jurisdiction"]) if question.of_country else None
    return getattr(country, name, question.default)


def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to: a file that is not there yet.")] = Path(
        "centre.toml"
    ),
    id: Annotated[str | None, typer.Option(help="The centre's id.")] = None,  # noqa: A002 - the setting's name
    organisation: Annotated[str | None, typer.Option(help="Who calls, as the message says it.")] = None,
    jurisdiction: Annotated[
        str | None, typer.Option(help="Whose rules hold: a shipped profile, or a .toml file.")
    ] = None,
    region: Annotated[str | None, typer.Option(help="Country code. [default: the jurisdiction's]")] = None,
    prefix: Annotated[
        str | None, typer.Option(help="How numbers begin, by commas. [default: the jurisdiction's]")
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="IANA zone. [default: the jurisdiction's, where it has one alone]")
    ] = None,
    languages: Annotated[str | None, typer.Option(help="Agents' languages, by commas.")] = None,
    poll: Annotated[str | None, typer.Option(metavar="DAY", help="Polling day, YYYY-MM-DD.")] = None,
    seats: Annotated[int | None, typer.Option(help="Seats, and agents, 1 to 99. [default: 2]")] = None,
    trunk_host: Annotated[str | None, typer.Option(help="The carrier's SIP host.")] = None,
    trunk_user: Annotated[str | None, typer.Option(help="Account there; it registers.")] = None,
    trunk_password: Annotated[
        str | None, typer.Option(help="Its password; -: the first line of standard input.")
    ] = None,
    channels: Annotated[int | None, typer.Option(help="Calls at once. [default: 30]")] = None,
    calls_per_second: Annotated[float | None, typer.Option(help="Call starts a second. [default: 2]")] = None,
    caller_ids: Annotated[str | None, typer.Option(help="Numbers that are shown, by commas.")] = None,
    phones_from: Annotated[
        str | None, typer.Option(metavar="NETWORKS", help="Where agents' phones are. [default: private networks]")
    ] = None,
    broker_host: Annotated[str | None, typer.Option(help="The broker. [default: 127.0.0.1]")] = None,
    supervisor: Annotated[str | None, typer.Option(help="The first supervisor's name.")] = None,
    data: Annotated[Path, typer.Option(metavar="DIR", help="Store, recordings, catalogue.")] = Path("/var/lib/matdan"),
) -> None:
    """Write the settings of a new centre, with secrets and PINs made: at a terminal it asks for what no option says.

    All is written or nothing, for this user's eyes alone, and nothing that is there is overwritten.
    """
    given = locals()
    pins = file.parent / PINS
    for path in (file, pins):
        if path.exists() or path.is_symlink():
            raise InitRefused(f"{path} is there already; nothing was written: name another file, or move it away")
        refuse_unwritable(path, "FILE")
    if trunk_password is not None:
        given["trunk_password"] = said(trunk_password, "the account's password")
    centre = _good_centre({name: given[name] for name in QUESTIONS}, data.absolute())
    made = {seat: new_pin() for seat in centre["seats"]}
    hashed = [replace(seat, pin_hash=hash_pin(pin)) for seat, pin in made.items()]
    write_file(pins, "".join(f"{seat.agent} {pin}\n" for seat, pin in made.items()).encode(), "FILE")
    try:
        write_file(file, centre_text({**centre, "seats": hashed}).encode(), "FILE")
    except BaseException:
        pins.unlink()
        raise
    typer.echo(f"wrote {file}, with secrets that were made: for your eyes alone")
    typer.echo(f"wrote {pins}: hand {counted(len(made), 'agent')} number and PIN, then delete it")
    typer.echo(f"`dialer check -c {file}` says what the centre still lacks")


def _good_centre(answers: Answers, data: Path) -> Answers:
    """Answers of which settings can be made; at a terminal what is wrong is asked anew. Raises InitRefused."""
    for name in QUESTIONS:
        if answers[name] is None:
            answers[name] = _answer(name, answers)
    while True:
        try:
            centre = _centre(answers, data)
            _refuse(centre)
        except SettingError as error:
            asked = _asked_by(error.key)
            wrong = "; ".join(
                filter(None, (f"{_option(asked) if asked else error.key}: {error.problem}", error.remedy))
            )
            if asked is None or not _at_a_terminal():
                raise InitRefused(f"{wrong}; nothing was written") from error
            typer.echo(wrong, err=True)
            answers[asked] = _prompt(asked, answers)
        else:
            return centre


def _answer(name: str, answers: Answers) -> Any:
    default = _default(name, answers)
    if _at_a_terminal() and (default is None or name != "trunk_password"):
        return _prompt(name, answers)
    if default is None:
        _refuse_no_jurisdiction(answers["jurisdiction"])
        raise InitRefused(f"{_option(name)} is needed: {QUESTIONS[name].words}; nothing was written")
    return default


def _refuse_no_jurisdiction(said: str | None) -> None:
    """Raise InitRefused where there are no such rules: what follows from a country would be missed in its place."""
    try:
        load_profile(said or "neutral")
    except SettingError as error:
        raise InitRefused(f"--jurisdiction: {error.problem}; {error.remedy}; nothing was written") from error


def _prompt(name: str, answers: Answers) -> Any:
    default = _default(name, answers)
    kind = type(default) if isinstance(default, int | float) else str
    return typer.prompt(QUESTIONS[name].words, default=default, type=kind, hide_input=name == "trunk_password")


def _at_a_terminal() -> bool:
    return sys.stdin.isatty()


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _asked_by(key: str) -> str | None:
    """The question whose answer made a setting, such as `trunks.carrier.caller_ids.0`: the one that names most of it."""
    parts = set(re.split(r"[.\[\]]+", key))
    fits = [
        (setting.count("."), name)
        for name, question in QUESTIONS.items()
        for setting in question.settings.split()
        if parts.issuperset(setting.split("."))
    ]
    return max(fits)[1] if fits else None


def _centre(answers: Answers, data: Path) -> Answers:
    """What the settings are made of. Raises SettingError for a day that is none."""
    country = COUNTRIES.get(answers["jurisdiction"])
    prefixes = _listed(answers["prefix"])
    if not 1 <= answers["seats"] <= _MOST_SEATS:
        raise SettingError("", "seats.number", f"must be 1 to {_MOST_SEATS}", "add further tables by hand later")
    try:
        poll = date.fromisoformat(answers["poll"]) if answers["poll"] else None
    except ValueError as error:
        raise SettingError("", "rules.polls", f"{answers['poll']!r} is no date", "write 2029-05-06") from error
    return {
        **answers,
        "languages": _listed(answers["languages"]) or ("",),
        "allowed_prefixes": prefixes,
        "denied_prefixes": country.denied if country is not None and prefixes == (country.prefix,) else (),
        "poll": poll,
        "caller_ids": _listed(answers["caller_ids"]),
        "phones_from": _listed(answers["phones_from"]),
        "data": str(data),
        "sounds": str(next((path for path in _SOUNDS if path.is_dir()), _SOUNDS[0])),
        "seats": [NewSeat(f"{number:02}", f"{100 + number}", _NO_HASH) for number in range(1, answers["seats"] + 1)],
    }


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _refuse(centre: Answers) -> None:
    """Raise SettingError for the first thing that `dialer run` would refuse."""
    with tempfile.TemporaryDirectory(prefix="matdan-") as folder:
        trial = Path(folder) / "centre.toml"
        try:
            trial.write_text(centre_text(centre), encoding="utf-8")
        except UnicodeEncodeError as error:
            raise SettingError("", "centre.organisation", "is not in UTF-8", "write it in UTF-8") from error
        settings = load_settings(trial)
    refuse_unfinished(settings, trial)
    site_profile(settings)
    for doubt in implausible_settings(settings):
        raise doubt


def centre_text(answers: Mapping[str, Any]) -> str:
    """The settings as TOML, with secrets of 192 bits made; `answers`: what the template names, to be checked as settings are."""
    environment = templates_in()
    environment.filters["toml"] = _toml  # every text goes through it
    made = {name: secrets.token_urlsafe(24) for name in ("ami_secret", "broker_password", "desk_password")}
    organisation = " ".join(answers["organisation"].split())
    return environment.get_template("new_centre.toml.j2").render({**answers, **made, "organisation": organisation})


def new_pin() -> str:
    """A PIN by chance, none of the first that anybody would try."""
    while True:
        pin = f"{secrets.randbelow(10**PIN_DIGITS):0{PIN_DIGITS}}"
        if why_trivial(pin) is None:
            return pin


def _toml(value: str | Sequence[str]) -> str:
    """A text or a list of them: TOML's basic strings are JSON's, but for U+007F."""
    return json.dumps(value if isinstance(value, str) else list(value), ensure_ascii=False).replace("\x7f", "\\u007f")
