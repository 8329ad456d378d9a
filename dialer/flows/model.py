"""The words of flows: what they are for, what is said, what is marked. Nothing here knows YAML, a switch or a language.

The words are VoiceXML's where it has one (prompt, menu, choice, field, no-input, no-match, reprompt, record, transfer, subdialog,
goto, disconnect; https://www.w3.org/TR/voicexml20/), and election calling's where it has none (mark, opt-out).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dialer.settings.jurisdiction import Profile


def offers_allowed(profile: Profile) -> frozenset[Offer]:
    """What flows may offer under a profile."""
    return frozenset({Offer.TRANSPORT} if profile.transport.may_offer else ())


class FlowPurpose(StrEnum):
    """What a flow is for. The rules ask it: what may be said in it, and whether a way to opt out must be offered."""

    TURNOUT = "turnout"  # asks whether, never whom
    MATERIAL = "material"  # campaign audio; needs certificates
    INFORMATION = "information"  # where and until when
    CONFIRMATION = "confirmation"  # of a missed call
    INBOUND = "inbound"  # the voter called us
    WORKER = "worker"  # a booth worker, not a voter
    OPT_OUT = "opt-out"
    ABANDONED = "abandoned"  # the information message when no agent was there
    PART = "part"  # only ever a subdialog of another flow


class Offer(StrEnum):
    """What a flow can offer that some jurisdictions forbid. A flow says so in its header, and the site's profile decides."""

    TRANSPORT = "transport"  # a ride to the poll


class PromptKind(StrEnum):
    """How the value of a prompt is spoken."""

    TEXT = "text"  # value: key of a text that each language has
    NUMBER = "number"  # as a number word: 42 is "forty-two"
    DIGITS = "digits"  # one by one: telephone numbers, serials that are read back
    DATE = "date"  # value: YYYY-MM-DD
    HOUR = "hour"  # value: HH:MM, 24 hours
    PLACE = "place"  # a booth, street or town
    NAME = "name"  # an organisation
    RECORDING = "recording"  # campaign audio by its catalogue name; plays only while its certificate holds

    @property
    def is_fixed(self) -> bool:
        """Whether what is said does not hang on the voter."""
        return self in _FIXED


_FIXED = frozenset({PromptKind.TEXT, PromptKind.RECORDING})


class Scope(StrEnum):
    """Whom a mark is about."""

    VOTER = "voter"  # the voter that the call was placed for
    HOUSEHOLD = "household"  # every pending voter on the number
    SERIAL = "serial"  # the elector of the worker's booth whose serial was keyed in


Scalar = str | int | bool


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt as written in a flow. `value` is a text key for TEXT and RECORDING, else the name of a fact or answer.

    `needs` names the facts or answers that fill the text's placeholders, with the kind each is spoken as; a prompt of which one
    is unknown is left out whole, so that nobody hears half a sentence.
    """

    kind: PromptKind
    value: str
    needs: tuple[tuple[str, PromptKind], ...] = ()


@dataclass(frozen=True, slots=True)
class Reprompt:
    """What follows when a caller says nothing (no-input) or something else (no-match)."""

    reprompts: int  # how often it is asked again
    prompts: tuple[Prompt, ...]  # said before the question is asked again
    then: str  # node to go to when asking again has not helped


@dataclass(frozen=True, slots=True)
class Condition:
    """One case of a branch: true of what is known of the voter. Exactly one of the tests is set."""

    name: str  # of a fact or an answer
    goto: str
    known: bool | None = None
    equals: str | None = None
    above: int | None = None
    below: int | None = None


def describe_condition(condition: Condition) -> str:
    """A case of a branch in words, for pictures and findings."""
    if condition.known is not None:
        return f"{condition.name} known" if condition.known else f"{condition.name} unknown"
    if condition.equals is not None:
        return f"{condition.name} is {condition.equals}"
    if condition.above is not None:
        return f"{condition.name} above {condition.above}"
    return f"{condition.name} below {condition.below}"
