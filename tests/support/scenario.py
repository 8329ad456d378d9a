"""A scenario: a site, how its voters and phones behave, and what must come out. One file, played on any switch."""

from __future__ import annotations

import random
import sqlite3
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from dialer.domain.enums import MarkKind
from dialer.domain.model import Disposition, Outcome
from dialer.domain.view import SeatState
from dialer.settings.site import Settings
from dialer.store.connection import exclusive_connection

SCENARIOS = Path(__file__).parents[1] / "scenarios"


class Part(BaseModel):
    """A part of the file, closed to keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Does(StrEnum):
    """What a voter's phone does when it is called."""

    ANSWER = "answer"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    REJECT = "reject"
    UNAVAILABLE = "unavailable"
    INVALID = "invalid"
    CONGESTION = "congestion"
    REDIRECT = "redirect"  # to another number


SIP_STATUS = {
    Does.BUSY: 486,
    Does.NO_ANSWER: 0,
    Does.REJECT: 603,
    Does.UNAVAILABLE: 480,
    Does.INVALID: 404,
    Does.CONGESTION: 503,
    Does.REDIRECT: 302,
}


class Voters(Part):
    """`count` voters who do the same. Seconds of keys and of `stays` count from the answer."""

    does: Does
    count: int = Field(1, ge=1, le=500)
    rings: float = Field(1.0, ge=0, le=60)  # seconds of ringing before the answer or the failure
    early_media: bool = False  # the carrier says 183 in place of 180
    stays: float | None = Field(None, ge=0.1)  # until the voter hangs up; none: until we do
    keys: tuple[tuple[float, str], ...] = ()


class Site(Part):
    """The centre. `campaign` are keys of the settings' [[campaigns]], `settings` whole sections."""

    seats: int = Field(2, ge=0, le=10)
    wrap_up: float = Field(1.0, ge=0.1)  # seconds after a call until the agent says the disposition
    disposition: Disposition = Disposition.VOTED
    workers: bool = False  # the voters are booth workers too, and vote today
    calls_per_second: float | None = None  # of the carrier; none: more than the scenario asks for
    campaign: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    unheard: tuple[str, ...] = ()  # sounds that the switch has not
    silent_music: bool = False  # its class of music on hold has nothing to play


class Step(StrEnum):
    """What befalls the centre."""

    PHONE_DIES = "phone-dies"  # an agent's phone hangs up and answers no more
    PHONE_SILENT = "phone-silent"  # it is without power: nobody hangs up, and nothing comes from it any more
    PHONE_RETURNS = "phone-returns"
    LOG_OFF = "log-off"
    PAUSE = "pause"
    LINK_CUT = "link-cut"  # the AMI connection is lost
    SWITCH_RESTARTS = "switch-restarts"  # Asterisk begins anew: every call is gone
    DIALLER_RESTARTS = "dialler-restarts"  # it ends at once, without letting calls end, and is started again


class Event(Part):
    """Something happens `after` seconds from the start, or from the first time that `seat` is in the state `once`."""

    do: Step
    seat: str | None = None
    once: SeatState | None = None
    after: float = Field(0.0, ge=0)
    lasts: float = Field(0.0, ge=0)  # seconds for which a dialler that restarts is away

    @model_validator(mode="after")
    def _whole(self) -> Event:
        of_a_seat = self.do in {
            Step.PHONE_DIES,
            Step.PHONE_SILENT,
            Step.PHONE_RETURNS,
            Step.LOG_OFF,
            Step.PAUSE,
        }
        if self.seat is None and (self.once is not None or of_a_seat):
            raise ValueError("name the seat")
        return self


Count = int | tuple[int, int]
"""A number, or the least and the most."""


class Expected(Part):
    """What must come out. A kind that is not named must not occur."""

    outcomes: dict[Outcome, Count]
    marks: dict[MarkKind, Count] = {}
    seats: dict[str, SeatState] = {}  # at the end
    held: str | None = None  # the campaign ends held for this reason, and has not called everybody
    message_within: float | None = None  # seconds from a voter's answer to the information message, at the most
    rings_within: float | None = (
        None  # mean seconds from an attempt's commit to "ringing", of each third and of each campaign
    )
    seconds: float = Field(60.0, le=600)  # until the list is done


class Scenario(Part):
    """One file."""

    about: str
    site: Site = Site()
    voters: tuple[Voters, ...] = Field(min_length=1)
    shuffle: int | None = None  # a seed: voters come mixed instead of in the order of the file
    events: tuple[Event, ...] = ()
    expect: Expected
    on: Literal["both", "simulated", "real"] = "both"
    delays: bool = True  # whether the delays of its calls count: not those of voters who had to wait for a seat

    def at_its_pace(self, settings: Settings) -> Settings:
        """The same site, where its trunks start as many calls a second as the scenario says."""
        pace = self.site.calls_per_second
        if pace is None:
            return settings
        trunks = tuple(trunk.model_copy(update={"calls_per_second": pace}) for trunk in settings.trunks)
        return settings.model_copy(update={"trunks": trunks})

    def numbers(self) -> list[tuple[str, int]]:
        """The voters' numbers in the order of the roll, each with the index of its group. The number's digits name the group."""
        numbers = [
            (f"+917{group:02d}{serial:07d}", group)
            for group, voters in enumerate(self.voters)
            for serial in range(1, voters.count + 1)
        ]
        if self.shuffle is not None:
            random.Random(self.shuffle).shuffle(numbers)
        return numbers


def load_scenario(path: Path) -> Scenario:
    """Read a file. Raises pydantic.ValidationError for what is no scenario."""
    return Scenario.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def scenario_files() -> list[Path]:
    """All of them."""
    return sorted(SCENARIOS.glob("*.yaml"))


def fill_numbers(path: Path, numbers: list[str], *, workers: bool = False) -> None:
    """Make a store with one voter per number, called in this order; with `workers` each is a booth worker as well."""
    with exclusive_connection(path, "a scenario's roll") as db:
        db.execute("BEGIN IMMEDIATE")
        _fill(db, numbers)
        db.execute("UPDATE shuffle SET seed = 0")  # the roll's order
        if workers:
            db.execute("INSERT INTO worker (worker_id, phone_id) SELECT phone_id, phone_id FROM phone")
            db.execute("INSERT INTO worker_booth (worker_id, booth_id) SELECT worker_id, 1 FROM worker")
        db.execute("COMMIT")


def _fill(db: sqlite3.Connection, numbers: list[str]) -> None:
    db.execute(
        "INSERT INTO booth (booth_id, roll_version, state_code, constituency_number, part_number, name, language)"
        " VALUES (1, '2026-1', 'S24', 174, 1, 'Primary School 1', 'hi')"
    )
    for key, number in enumerate(numbers, start=1):
        db.execute(
            "INSERT INTO voter (voter_id, booth_id, serial, epic, name, house) VALUES (?, 1, ?, ?, ?, ?)",
            (key, key, f"ABC{key:07d}", f"Voter {key}", str(key)),
        )
        db.execute("INSERT INTO phone (phone_id, e164) VALUES (?, ?)", (key, number))
        db.execute("INSERT INTO link (voter_id, phone_id) VALUES (?, ?)", (key, key))
