"""Scenario files: a site, the behaviour of its voters and phones, and the expected outcome, for any switch."""

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
from dialer.store.connection import open_store_exclusively

SCENARIOS = Path(__file__).parents[1] / "scenarios"


class Part(BaseModel):
    """Base of the parts of a scenario file. Unknown keys are rejected."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PhoneReaction(StrEnum):
    """How a voter's phone reacts to a call."""

    ANSWER = "answer"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    REJECT = "reject"
    UNAVAILABLE = "unavailable"
    INVALID = "invalid"
    CONGESTION = "congestion"
    REDIRECT = "redirect"  # to another number


SIP_STATUS = {
    PhoneReaction.BUSY: 486,
    PhoneReaction.NO_ANSWER: 0,
    PhoneReaction.REJECT: 603,
    PhoneReaction.UNAVAILABLE: 480,
    PhoneReaction.INVALID: 404,
    PhoneReaction.CONGESTION: 503,
    PhoneReaction.REDIRECT: 302,
}


class Voters(Part):
    """A group of `count` voters with the same behaviour. Keys and `stays` are timed from the answer."""

    does: PhoneReaction
    count: int = Field(1, ge=1, le=500)
    rings: float = Field(1.0, ge=0, le=60)  # seconds of ringing before the answer or the failure
    early_media: bool = False  # the carrier sends 183 instead of 180
    stays: float | None = Field(None, ge=0.1)  # until the voter hangs up; None: until the dialler does
    keys: tuple[tuple[float, str], ...] = ()


class Site(Part):
    """The centre. `campaign` are keys of its [[campaigns]] table, `settings` are whole sections."""

    seats: int = Field(2, ge=0, le=10)
    wrap_up: float = Field(1.0, ge=0.1)  # seconds after a call until the agent enters the disposition
    disposition: Disposition = Disposition.VOTED
    workers: bool = False  # the voters are booth workers too, and the poll is today
    calls_per_second: float | None = None  # CPS limit of the carrier; None: no effective limit
    campaign: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    unheard: tuple[str, ...] = ()  # missing sounds
    silent_music: bool = False  # the music-on-hold class is empty


class Step(StrEnum):
    """What happens to the centre during the scenario."""

    PHONE_DIES = "phone-dies"  # an agent's phone hangs up and no longer answers
    PHONE_SILENT = "phone-silent"  # it stops sending RTP without hanging up
    PHONE_RETURNS = "phone-returns"
    LOG_OFF = "log-off"
    PAUSE = "pause"
    LINK_CUT = "link-cut"  # the AMI connection is lost
    SWITCH_RESTARTS = "switch-restarts"  # Asterisk restarts: all calls are lost
    SWITCH_RESTARTS_GRACEFULLY = (
        "switch-restarts-gracefully"  # once the calls have ended; until then it refuses all actions
    )
    SWITCH_KILLED = "switch-killed"  # Asterisk is killed and started again: all calls are lost
    SWITCH_RELOADS = "switch-reloads"  # Asterisk reloads all modules and rotates its logs; calls go on
    DIALLER_RESTARTS = "dialler-restarts"  # it is killed without draining, and started again


class Event(Part):
    """An event `after` seconds from the start, or from the first time that `seat` is in the state `once`."""

    do: Step
    seat: str | None = None
    once: SeatState | None = None
    after: float = Field(0.0, ge=0)
    lasts: float = Field(0.0, ge=0)  # seconds until a killed dialler starts again

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
"""An exact number, or (minimum, maximum)."""


class Expected(Part):
    """The expected outcome. Kinds that are not listed must not occur."""

    outcomes: dict[Outcome, Count]
    marks: dict[MarkKind, Count] = {}
    seats: dict[str, SeatState] = {}  # at the end
    held: str | None = None  # the campaign is held for this reason at the end, before its list is completed
    message_within: float | None = None  # most seconds from a voter's answer to the information message
    rings_within: float | None = None  # most mean seconds from an attempt's commit to "ringing", per third and campaign
    no_call_within: float | None = None  # most seconds between two calls in which there is no call
    seats_back_within: float | None = None
    """Most seconds until all logged-in agents have a phone again. If Asterisk was down, from when its manager accepts
    connections again; otherwise from the loss."""
    seconds: float = Field(60.0, le=600)  # time limit for the list

    def without_limits_of_speed(self) -> Expected:
        """Return this expectation without its limits of time, for a machine that is busy with other work."""
        return self.model_copy(
            update={"rings_within": None, "no_call_within": None, "seats_back_within": None, "seconds": 600.0}
        )


class Scenario(Part):
    """A scenario file."""

    about: str
    site: Site = Site()
    voters: tuple[Voters, ...] = Field(min_length=1)
    shuffle: int | None = None  # seed for a random order of voters; None: the order of the file
    events: tuple[Event, ...] = ()
    expect: Expected
    on: Literal["both", "simulated", "real"] = "both"
    delays: bool = True  # whether delays of calls are measured; not if voters have to wait for seats

    def limit_cps(self, settings: Settings) -> Settings:
        """Return the settings with the scenario's CPS limit on all trunks."""
        pace = self.site.calls_per_second
        if pace is None:
            return settings
        trunks = tuple(trunk.model_copy(update={"calls_per_second": pace}) for trunk in settings.trunks)
        return settings.model_copy(update={"trunks": trunks})

    def numbers(self) -> list[tuple[str, int]]:
        """Return (number, index of its group) of every voter in the order of the roll. The number contains the index."""
        numbers = [
            (f"+917{group:02d}{serial:07d}", group)
            for group, voters in enumerate(self.voters)
            for serial in range(1, voters.count + 1)
        ]
        if self.shuffle is not None:
            random.Random(self.shuffle).shuffle(numbers)
        return numbers


def load_scenario(path: Path) -> Scenario:
    """Read a scenario file. Raises pydantic.ValidationError if it is invalid."""
    return Scenario.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def scenario_files() -> list[Path]:
    """Return all scenario files in order."""
    return sorted(SCENARIOS.glob("*.yaml"))


def fill_numbers(path: Path, numbers: list[str], *, workers: bool = False) -> None:
    """Create a store with one voter per number, called in this order. With `workers` they are booth workers too."""
    with open_store_exclusively(path, "a scenario's roll") as db:
        db.execute("BEGIN IMMEDIATE")
        _fill(db, numbers)
        db.execute("UPDATE shuffle SET seed = 0")  # calls in the order of the roll
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
