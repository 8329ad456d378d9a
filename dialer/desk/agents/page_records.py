"""The data that an agent's page receives: the signed-in agent, and the screen pop of a call.

`dialer.desk.page_types` generates the page's TypeScript types from these classes. A screen pop contains no phone number
and no data that agents do not need, such as EPIC numbers (voter ID cards). Names are untrusted text from the electoral
roll, passed on unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from dialer.domain.model import Disposition
from dialer.domain.schema import MESSAGE, Time
from dialer.flows.translated_script import TranslatedScript


@dataclass(frozen=True, slots=True)
class TransferTarget:
    """A person or queue to which agents can transfer calls."""

    __pydantic_config__ = MESSAGE

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class AgentAccount:
    """The signed-in agent of a page, with the settings of the agent, the seat and the site that the page needs."""

    __pydantic_config__ = MESSAGE

    agent: str
    seat: str
    phone: Literal["own", "browser"]
    language: str
    languages: tuple[str, ...]
    wrap_up_seconds: Mapping[str, float]
    """by campaign"""
    manual: tuple[str, ...]
    """the campaigns in which the agent may dial numbers manually"""
    centre: str
    zone: str
    """the centre's time zone"""
    sponsor: str | None
    """the organisation on whose behalf the centre calls"""
    pause_reasons: tuple[str, ...]
    transfer_targets: tuple[TransferTarget, ...]
    undo_seconds: float
    """how long an outcome can be undone"""
    training: bool
    """whether the voters are simulated"""
    other_tab: bool
    """whether a page of this seat is open"""


@dataclass(frozen=True, slots=True)
class VoterMark:
    """A mark: a fact about a voter, such as "voted"."""

    __pydantic_config__ = MESSAGE

    at: Time
    kind: str
    source: str
    hour: int | None
    """the hour at which the voter intends to vote"""


@dataclass(frozen=True, slots=True)
class ScreenPopVoter:
    """A voter on the number of a call, from the electoral roll."""

    __pydantic_config__ = MESSAGE

    id: int
    name: str
    name_local: str | None
    relative: str | None
    """name of the voter's father, mother or spouse"""
    relation: str | None
    age: int | None
    gender: str | None
    house: str | None
    serial: int | None
    """serial number in the part of the roll"""
    pending: bool
    """whether the voter is still to be called"""
    marks: tuple[VoterMark, ...]


@dataclass(frozen=True, slots=True)
class ScreenPopBooth:
    """A polling station (booth) with its hours on its polling day. Hours are null if no polling day is known."""

    __pydantic_config__ = MESSAGE

    id: int
    name: str
    name_local: str | None
    constituency: str
    part: int
    opens_at: Time | None
    closes_at: Time | None


@dataclass(frozen=True, slots=True)
class ScreenPopCall:
    """An earlier call to the number of an agent's call, as the agent's page shows it."""

    __pydantic_config__ = MESSAGE

    at: Time
    campaign: str
    outcome: str
    disposition: str | None


@dataclass(frozen=True, slots=True)
class RegisterOnDate:
    """A do-not-call register in which the number was looked up, and the date of the centre's copy of the register."""

    __pydantic_config__ = MESSAGE

    name: str
    dated: str


@dataclass(frozen=True, slots=True)
class LegalBasis:
    """Why a call is lawful, and the facts that the decision rests on (docs/explanation/rules.md)."""

    __pydantic_config__ = MESSAGE

    code: Literal["called-us", "unknown", "asked-for", "consent", "not-listed", "allowed"]
    profile: str | None
    purpose: str | None
    consent: str | None
    registers: tuple[RegisterOnDate, ...]
    gap_seconds: float | None
    """time since the previous call to the number"""


@dataclass(frozen=True, slots=True)
class ScreenPopNote:
    """An agent's latest note about the number, as the agent's page shows it."""

    __pydantic_config__ = MESSAGE

    id: str
    at: Time
    text: str


@dataclass(frozen=True, slots=True)
class AgentScreenPop:
    """What an agent sees about a call: the voters on the number, their polling station, earlier calls, and the script."""

    __pydantic_config__ = MESSAGE

    attempt: str
    campaign: str
    purpose: str
    phone: int
    """the id of the number"""
    masked: str
    """the last digits of the number"""
    addressed: int | None
    """the voter whom the call is for"""
    worker: bool
    """whether the call is to a booth worker"""
    language: str
    opted_out: bool
    outcomes: tuple[Disposition, ...]
    """the outcomes that the campaign accepts for this call"""
    call_back_times: bool
    """whether a call-back at an agreed time may be promised: the number has attempts left"""
    voters: tuple[ScreenPopVoter, ...]
    booth: ScreenPopBooth | None
    calls: tuple[ScreenPopCall, ...]
    lawful: LegalBasis | None
    script: TranslatedScript | None
    note: ScreenPopNote | None = None
    draft: Any = None
    """what the page saved of the agent's unsent entries about the call"""
