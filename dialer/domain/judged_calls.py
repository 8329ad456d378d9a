"""Estimate how many people were taken for answering machines, from calls that a person has judged.

Ofcom's policy on persistent misuse (statement of 2008) counts such people as abandoned calls, and demands a reasoned
estimate. The estimate here is an upper bound, so a small sample never makes the abandoned-call rate look too low.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from statistics import NormalDist

from dialer.domain.model import AttemptId

LEAST_JUDGED = 100
"""The judged calls of a campaign from which the measured share of people replaces that of the profile."""
_Z = NormalDist().inv_cdf(0.975)  # of a 95 % confidence interval


class WhoAnswered(StrEnum):
    """Who answered a recorded call, as judged by a person who listened to the recording."""

    PERSON = "person"
    MACHINE = "machine"


@dataclass(frozen=True, slots=True)
class JudgedCalls:
    """The number of a campaign's judged calls, and how many of them were answered by people.

    A judged call is one that machine detection took for an answering machine, and whose recording a person has heard.
    """

    judged: int = 0
    people: int = 0

    @property
    def false_positive_upper_bound(self) -> float:
        """The share (0-1) of judged calls that people answered, at the upper end of its confidence interval.

        The interval is Wilson's at 95 %. Without judged calls, the result is 1.
        """
        if not self.judged:
            return 1.0
        share, square = self.people / self.judged, _Z**2 / self.judged
        deviation = _Z * sqrt(share * (1.0 - share) / self.judged + square / (4.0 * self.judged))
        return min(1.0, (share + square / 2.0 + deviation) / (1.0 + square))

    def get_false_positive_share_to_count(self, profile_share: float) -> float:
        """Return which share (0-1) of the calls taken for answering machines counts as abandoned calls.

        The share is `profile_share` (from the legal rules) until `LEAST_JUDGED` calls are judged. Then it is their
        upper bound. A `profile_share` of 0 is never replaced.
        """
        measured = self.judged >= LEAST_JUDGED and profile_share > 0.0
        return self.false_positive_upper_bound if measured else profile_share


@dataclass(frozen=True, slots=True)
class FalsePositiveShares:
    """For each campaign, the share (0-1) of calls taken for answering machines that counts as abandoned calls."""

    profile_share: float
    judged: Mapping[str, JudgedCalls]  # by campaign

    def get_share_of_campaign(self, campaign_id: str) -> float:
        """Return which share (0-1) of a campaign's calls taken for answering machines counts as abandoned calls."""
        return self.judged.get(campaign_id, JudgedCalls()).get_false_positive_share_to_count(self.profile_share)


def is_call_in_sample(attempt_id: AttemptId, share: float) -> bool:
    """Return whether a call belongs to a random sample that has this share (0-1) of all calls.

    The result for a call never changes, because it depends on the random digits of its attempt id only.
    """
    return int(attempt_id[:8], 16) < share * 2**32
