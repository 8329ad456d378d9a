"""Results of calls that are announced by MQTT, such as answers and opt-outs.

A result and its message are committed in one transaction. The same record is stored and sent. It contains ids only, no
names or phone numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import PlainSerializer

from dialer.domain.model import Announcement, AttemptId, DispositionRecord, EndedAttempt, Mark
from dialer.domain.schema import MESSAGE, Count, Rounded, Time
from dialer.domain.sealed_epochs import SealedEpoch
from dialer.domain.voter_place import VoterPlace

_LIKE_A_NUMBER = re.compile(r"[+0-9*#]{6,}")


def _drop_answers_resembling_phone_numbers(answers: Mapping[str, str | None]) -> dict[str, str | None]:
    return {
        name: None if answer is None or _LIKE_A_NUMBER.fullmatch(answer) else answer for name, answer in answers.items()
    }


@dataclass(frozen=True, slots=True)
class FlowAnswers:
    """A caller's answers in an IVR flow. A later answer of the same attempt and name replaces the earlier one."""

    __pydantic_config__ = MESSAGE

    campaign_id: str
    attempt_id: AttemptId
    at: Time
    answers: Annotated[
        Mapping[str, str | None],
        PlainSerializer(_drop_answers_resembling_phone_numbers, return_type=dict[str, str | None]),
    ]
    """new answers by their names in the flow; null: six digits or more, which could be a phone number"""
    place: VoterPlace | None = None
    """the voter whom the call was for; null: nobody on the roll"""


@dataclass(frozen=True, slots=True)
class OptOut:
    """The opt-out of a phone number, after which no campaign calls it again."""

    __pydantic_config__ = MESSAGE

    phone_id: int | None
    """the id of the number in this centre's store, not the number; null: it is on no roll here"""
    at: Time
    source: str
    attempt_id: AttemptId | None = None
    number_hash: str | None = None
    """HMAC-SHA256 of the number under the secret that centres share; null: none is shared"""


@dataclass(frozen=True, slots=True)
class SeatHours:
    """The total time that a centre's seats spent in each state."""

    __pydantic_config__ = MESSAGE

    until: Time
    """end of the last interval"""
    seats: Count
    """number of seats"""
    seconds: Mapping[str, Rounded]
    """seconds by state"""


@dataclass(frozen=True, slots=True)
class TestMark:
    """A test message that shows whether results reach headquarters. It does not change any count."""

    __test__ = False  # tells pytest that this class is no test
    __pydantic_config__ = MESSAGE

    at: Time


Result = EndedAttempt | FlowAnswers | DispositionRecord | Mark | OptOut | SeatHours | TestMark | SealedEpoch

Encode = Callable[[Result], Announcement]
"""Encodes a result as an announcement. It must be pure, because the transaction that commits the result may call it
repeatedly.
"""


@dataclass(frozen=True, slots=True)
class OutboxWait:
    """How many stored results wait to be sent to the broker or to headquarters, and since when."""

    __pydantic_config__ = MESSAGE

    sink: str
    """broker or headquarters"""
    rows: Count
    oldest_at: Time | None
    """null: nothing waits"""
