"""The terms of flows: purposes, offers, kinds of prompts, and scopes of marks. A mark is a fact about a voter.

Most terms are those of VoiceXML, such as prompt, menu, field, no-input, no-match, reprompt, transfer and subdialog
(https://www.w3.org/TR/voicexml20/). Marks and opt-outs are terms of election calling, which VoiceXML does not have.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dialer.settings.jurisdiction import Profile


def list_lawful_offers_to_voters(profile: Profile) -> frozenset[Offer]:
    """Return the offers to voters, such as a ride to the booth, that flows may make under a rules profile."""
    return frozenset({Offer.TRANSPORT} if profile.transport.may_offer else ())


class FlowPurpose(StrEnum):
    """The purpose of a flow, such as asking about turnout. It decides what the flow may say, and whether it must offer
    an opt-out.
    """

    TURNOUT = "turnout"  # asks whether someone has voted, never for whom
    MATERIAL = "material"  # campaign audio, which may need a certificate
    INFORMATION = "information"  # where and until when to vote
    CONFIRMATION = "confirmation"  # calls back after a missed call
    INBOUND = "inbound"  # a voter called the centre
    WORKER = "worker"  # for booth workers, not for voters
    OPT_OUT = "opt-out"
    ABANDONED = "abandoned"  # the information message when no agent was available
    PART = "part"  # used only as a subdialog of other flows


class Offer(StrEnum):
    """An offer to voters, such as a ride to the booth, that some jurisdictions forbid. A flow declares it in its
    header, and the site's profile may forbid it.
    """

    TRANSPORT = "transport"  # a ride to the polling station


class PromptKind(StrEnum):
    """The kind of a prompt, such as a text, a number or an hour, which determines how its value is spoken."""

    TEXT = "text"  # the value is the key of a text
    NUMBER = "number"  # in words: 42 is "forty-two"
    DIGITS = "digits"  # digit by digit: telephone numbers, serials that are read back
    DATE = "date"  # YYYY-MM-DD
    HOUR = "hour"  # HH:MM, 24 hours
    PLACE = "place"  # a polling station, street or town
    NAME = "name"  # an organisation
    RECORDING = "recording"  # campaign audio by its catalogue name; plays only while its certificate is valid

    @property
    def is_prompt_same_for_every_voter(self) -> bool:
        """Whether the prompt is the same for every voter."""
        return self in _FIXED


_FIXED = frozenset({PromptKind.TEXT, PromptKind.RECORDING})


class Scope(StrEnum):
    """The voters to whom a mark (a fact about a voter) applies."""

    VOTER = "voter"  # the voter who was called
    HOUSEHOLD = "household"  # every voter of the number who has not voted yet
    SERIAL = "serial"  # the voter with the serial that a booth worker entered


Scalar = str | int | bool
"""The value of a fact."""

TELEPHONE_KEYS = "0123456789*#"
