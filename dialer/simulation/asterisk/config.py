"""The configuration of a simulated Asterisk: AMI users, trunks, seats' phones, sounds and voters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from dialer.deploy.asterisk.conf_file import parse_asterisk_conf
from dialer.deploy.asterisk.events import EVENTS
from dialer.deploy.asterisk.render import render_conferences
from dialer.simulation.asterisk.voters import Behaviour, VoterProfile

VERSION = "22.10.1"  # the version it reports
ALL_CLASSES = frozenset(
    {"system", "call", "user", "originate", "reporting", "command", "dialplan", "dtmf", "agi", "security", "config"}
)


@dataclass(frozen=True, slots=True)
class ManagerUser:
    """An AMI user of the simulated Asterisk, as in manager.conf."""

    name: str
    secret: str
    read: frozenset[str] = ALL_CLASSES
    write: frozenset[str] = ALL_CLASSES
    events: tuple[str, ...] = ()  # names of events that its filters let through; empty: all


LEAST_PRIVILEGE_USER = ManagerUser(
    "dialler",
    "dialler",
    read=frozenset({"system", "call", "user"}),
    write=frozenset({"originate", "call", "reporting"}),
    events=EVENTS,
)
LAB_USER = ManagerUser("lab", "lab")


@dataclass(frozen=True, slots=True)
class SimulatedTrunk:
    """A trunk of the simulated Asterisk: the endpoint of a simulated carrier."""

    name: str
    channels: int = 0  # calls beyond this number are rejected with 503; 0: no limit
    # Provisional SIP statuses, instead of those of the voters; (183,) is a carrier with early media.
    rings_with: tuple[int, ...] | None = None
    registration: str = ""  # state of the registration, such as "Registered"; "": the carrier requires none


class PhoneMode(StrEnum):
    """The reaction of a seat's phone to a call."""

    ANSWERS = "answers"
    REFUSES = "refuses"  # 603
    RINGS = "rings"  # is never answered
    BUSY = "busy"  # 486
    HANGS_UP = "hangs-up"  # answers, and hangs up before the first step of the dialplan
    UNREGISTERED = "unregistered"  # has no contact: no channel is created


@dataclass(frozen=True, slots=True)
class SeatPhone:
    """The simulated phone of a seat."""

    endpoint: str
    caller_number: str
    mode: PhoneMode = PhoneMode.ANSWERS
    answer_seconds: float = 0.002


@dataclass(frozen=True, slots=True)
class ConferenceUser:
    """A user template of a conference, as in confbridge.conf."""

    marked: bool = False
    end_marked: bool = False
    end_marked_any: bool = False  # leaves when any marked participant leaves, not only the last one
    admin: bool = False


_USER_KEYS = tuple(each.name for each in fields(ConferenceUser))


def parse_conference_users(text: str) -> Mapping[str, ConferenceUser]:
    """Return the user templates in a confbridge.conf, by name. `text` is the content of the file."""
    return MappingProxyType(
        {
            section.name: ConferenceUser(**{key: section.get_setting_value(key) == "yes" for key in _USER_KEYS})
            for section in parse_asterisk_conf("confbridge.conf", text).find_sections_of_type("user")
        }
    )


def parse_conference_menus(text: str) -> Mapping[str, Mapping[str, tuple[str, str, int]]]:
    """Return what the keys of each menu in a confbridge.conf run, as dialplan locations (context, extension, priority).

    The result is by menu, then by key. `text` is the content of the file. Only keys with the action dialplan_exec are
    returned.
    """
    menus: dict[str, Mapping[str, tuple[str, str, int]]] = {}
    for section in parse_asterisk_conf("confbridge.conf", text).find_sections_of_type("menu"):
        keys: dict[str, tuple[str, str, int]] = {}
        for line in section.settings:
            leads = re.fullmatch(r"dialplan_exec\(([^,]+),([^,]+),(\d+)\)", line.value)
            if leads is not None:
                keys[line.key] = (leads[1], leads[2], int(leads[3]))
        menus[section.name] = MappingProxyType(keys)
    return MappingProxyType(menus)


def make_seat_phones(count: int, mode: PhoneMode = PhoneMode.ANSWERS) -> tuple[SeatPhone, ...]:
    """Return `count` simulated phones: agent01, agent02, ... with the caller numbers 1001, 1002, ..."""
    return tuple(SeatPhone(f"agent{number:02d}", str(1000 + number), mode) for number in range(1, count + 1))


@dataclass(frozen=True, slots=True)
class SimulatedAsteriskConfig:
    """The configuration of a simulated Asterisk. Durations are in simulated seconds, which `speed` shortens."""

    agi_host: str = "127.0.0.1"
    agi_port: int = 0  # 0: `SimulatedAsterisk.agi_port` is set before the first call
    host: str = "127.0.0.1"
    ami_port: int = 0  # 0: any free port
    seed: int = 1
    users: tuple[ManagerUser, ...] = (
        LEAST_PRIVILEGE_USER,
        LAB_USER,
    )  # the first is the dialler's; the dialplan's secret is derived from its secret
    trunks: tuple[SimulatedTrunk, ...] = (SimulatedTrunk("carrier"),)
    seats: tuple[SeatPhone, ...] = field(default_factory=lambda: make_seat_phones(10))
    profile: VoterProfile = field(default_factory=VoterProfile)
    scripts: Mapping[str, Behaviour | tuple[Behaviour, ...]] = field(
        default_factory=dict
    )  # behaviour by number: of all calls, or of each call in turn
    journal: Path | None = None
    history: Path | None = None  # file for call records in the format of cdr_custom
    # Factor by which voters, carrier, prompts, ring and digit timeouts are faster; Wait() is not.
    speed: float = 1.0
    start_epoch: float | None = None  # start of the clock (epoch seconds); None: the machine's time
    early_originate_response: float = 0.28  # share of answers whose OriginateResponse precedes Newstate Up (0-1)
    prompt_seconds: Mapping[str, float] = field(default_factory=dict)  # by sound file
    default_prompt_seconds: float = 3.0
    message_seconds: float = 6.0  # the information message
    missing_sounds: frozenset[str] = frozenset()
    silent_music: frozenset[str] = frozenset()  # music-on-hold classes that are missing or empty
    conference_users: Mapping[str, ConferenceUser] = field(
        default_factory=lambda: parse_conference_users(render_conferences())
    )
    dialplan: str | None = None  # text of an extensions.conf; None: the dialler's own
    inbound_context: str = "matdan-inbound"
    our_number: str = "+911140000001"  # the number that voters dial
    seat_rtp_timeout_seconds: float = 5.0  # a phone's channel is hung up after this time without RTP
    server: str = ""  # its name if it is one of several connected by `connect_simulated_servers`
