"""The part of the store's port for what a polling day leaves beside the calls: marks, official turnout, complaints, opt-outs.

What `dialer.store.port` promises holds here too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from dialer.domain.complaints import Complaint, ComplaintAnswer
from dialer.domain.model import Announcement, AttemptId, Mark
from dialer.domain.official_turnout import OfficialFigure


@dataclass(frozen=True, slots=True)
class MarkEffect:
    """What a mark changed."""

    recorded: bool  # False: this key was recorded before, or it was `in_vain`
    booth_id: int
    silenced_phones: tuple[int, ...] = ()  # numbers on which nobody is pending any more: cancel what rings there
    voter_silenced: bool = False  # the voter is not to be called any more, on any number
    reached_change: int = 0  # what the mark changed in the booth's turnout: voters reached for the first time, ...
    voted_change: int = 0
    not_yet_change: int = 0
    without_number_change: int = 0
    reopened: bool = False  # numbers of the voter wait in queues again
    # A correction of a voter who is still to be called: it is not kept, there is nothing to take back.
    in_vain: bool = False


@dataclass(frozen=True, slots=True)
class DispositionEffect:
    """What an agent's word changed."""

    marks: tuple[MarkEffect, ...]
    opted_out: bool = False  # the number, which had not opted out before


@dataclass(frozen=True, slots=True)
class Deed:
    """Who answers for a record that comes from outside the calls; goes into the audit with it."""

    who: str
    at: float  # epoch seconds
    what: Mapping[str, str]  # ids and short reasons


@dataclass(frozen=True, slots=True)
class OptOutsTaken:
    """What opt-outs that came together changed."""

    fresh: int  # numbers that were not suppressed before
    phones: tuple[int, ...]  # those of them that are on the roll here: cancel what rings there


class PollingDayRecords(Protocol):
    """Marks, official turnout, complaints, opt-outs from outside the calls, and a person's word on unknown attempts."""

    async def release_unknown(self, attempts: Sequence[AttemptId], reason: str, deed: Deed) -> int:
        """Let the numbers of attempts be called again of which nobody knows whether they were calls, with an audit entry each
        ("unknown-release"): all or none. How many places in the campaigns' lists are open again. Raises NotInStore where one is
        not unknown, or was released before.
        """
        ...

    async def record_mark(self, mark: Mark, announcements: Sequence[Announcement] = ()) -> MarkEffect:
        """Append a mark and bring the voter's turnout up to date: VOTED always wins; WILL_NOT, MOVED and DECEASED close;
        NOT_YET and LATER leave a voter pending; WRONG_NUMBER drops the link of the attempt's number. Where nobody on a number
        is pending any more, its due and claimed targets are closed in every campaign. A CORRECTION by source may take VOTED
        back, unless somebody said it of a later moment; a voter who is pending again by it is called again: the targets that
        were closed because nobody was pending are due. One of a voter who is pending takes nothing back and is not kept.
        A repeat of a key changes nothing. Raises KeyTaken where the key is another mark's: nobody shall hear that it is noted.
        """
        ...

    async def record_marks(
        self, marks: Sequence[Mark], announcements: Sequence[Announcement], deed: Deed
    ) -> list[MarkEffect]:
        """Append marks that came together, each with its announcement and all with their audit entry ("marks"): all or none.
        Raises NotInStore for a voter who is not on the roll, KeyTaken. A repeat of known keys changes nothing but the audit.
        """
        ...

    async def enter_turnout(self, figures: Sequence[OfficialFigure], deed: Deed) -> int:
        """Append official figures, all or none, with their audit entry ("official-turnout"); how many are new. A figure that
        stands already changes nothing. Raises NotInStore for an area that is not on the roll.
        """
        ...

    async def record_complaint(self, complaint: Complaint, deed: Deed) -> int:
        """Append a complaint with its audit entry ("complaint"); its number. A repeat of the key gives the same one. Raises
        NotInStore for a campaign, attempt or phone that the store does not have.
        """
        ...

    async def answer_complaint(self, answer: ComplaintAnswer, deed: Deed) -> None:
        """Append an answer with its audit entry ("complaint-answer"). Raises NotInStore where there is no such complaint."""
        ...

    async def record_opt_outs(
        self,
        hashes: Sequence[str],
        announcements: Sequence[Announcement],
        deed: Deed,
        *,
        fingerprint: str,
        centre: str,
        source: str,
    ) -> OptOutsTaken:
        """Suppress numbers that came together, known by their hashes, each with its announcement where it was not suppressed
        before and all with their audit entry ("opt-out-import"): all or none. One that is on no roll here is kept as its
        hash, told by `centre`. Raises NotInStore where no secret of this `fingerprint` is shared: the hashes would fit no
        number. A repeat changes nothing but the audit.
        """
        ...
