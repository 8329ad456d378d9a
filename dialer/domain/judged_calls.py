"""Calls that detection took for answering machines, of which people judge a sample: how many were people after all.

Ofcom's policy on persistent misuse (statement of 2008) counts people taken for machines as abandoned calls, by a
reasoned estimate of the dialler's user. The estimate here is the upper bound of what the judged calls show, so that a
small sample never makes the abandoned-call rate look too low.
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
    """Who answered a call, as the person says who has listened to its recording."""

    PERSON = "person"
    MACHINE = "machine"


@dataclass(frozen=True, slots=True)
class JudgedCalls:
    """A campaign's calls that detection took for machines and a person judged, and how many of them people answered."""

    judged: int = 0
    people: int = 0

    @property
    def false_positive_upper_bound(self) -> float:
        """Return the upper end of the 95 % confidence interval (Wilson's) of the share of people (0-1; 1 if none is
        judged).
        """
        if not self.judged:
            return 1.0
        share, square = self.people / self.judged, _Z**2 / self.judged
        deviation = _Z * sqrt(share * (1.0 - share) / self.judged + square / (4.0 * self.judged))
        return min(1.0, (share + square / 2.0 + deviation) / (1.0 + square))

    def get_charged_false_positive_share(self, profile_share: float) -> float:
        """Return the share (0-1) of the calls taken for machines that counts as abandoned people.

        It is the upper bound of the measured share, or the profile's until enough calls are judged. 0 of the profile
        means that nothing is charged.
        """
        measured = self.judged >= LEAST_JUDGED and profile_share > 0.0
        return self.false_positive_upper_bound if measured else profile_share


@dataclass(frozen=True, slots=True)
class FalsePositiveShares:
    """The share of each campaign's calls taken for machines that counts as abandoned people."""

    profile_share: float
    judged: Mapping[str, JudgedCalls]  # by campaign

    def get_share_of_campaign(self, campaign_id: str) -> float:
        """Return the share that counts for a campaign (0-1)."""
        return self.judged.get(campaign_id, JudgedCalls()).get_charged_false_positive_share(self.profile_share)


def is_call_in_sample(attempt_id: AttemptId, share: float) -> bool:
    """Return whether a call belongs to a random sample of this share (0-1) of all calls. The answer is always the same
    for the same call, because it follows from the random digits of the attempt's id.
    """
    return int(attempt_id[:8], 16) < share * 2**32
