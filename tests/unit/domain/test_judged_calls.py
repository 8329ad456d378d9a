"""The share of people among calls taken for answering machines, by calls that people judged, and the recorded sample."""

from __future__ import annotations

import random
import uuid

import pytest

from dialer.domain.judged_calls import FalsePositiveShares, JudgedCalls, is_call_in_sample
from dialer.domain.model import AttemptId


@pytest.mark.parametrize(
    ("judged", "people", "bound"), [(0, 0, 1.0), (100, 0, 0.0370), (100, 5, 0.1118), (150, 39, 0.3356), (20, 20, 1.0)]
)
def test_upper_bound_of_people_among_judged_calls_is_that_of_wilsons_95_percent_interval(
    judged: int, people: int, bound: float
) -> None:
    assert JudgedCalls(judged, people).false_positive_upper_bound == pytest.approx(bound, abs=5e-5)


def test_profiles_share_of_people_counts_until_a_hundred_calls_of_the_campaign_are_judged() -> None:
    shares = FalsePositiveShares(
        0.26, {"few": JudgedCalls(99, 60), "good": JudgedCalls(100, 0), "bad": JudgedCalls(150, 60)}
    )
    charged = [shares.get_share_of_campaign(campaign) for campaign in ("none", "few", "good", "bad")]
    assert charged == pytest.approx([0.26, 0.26, 0.0370, 0.4800], abs=5e-5)
    assert JudgedCalls(100, 50).get_false_positive_share_to_count(0.0) == 0.0  # the law charges none


def test_sample_has_the_requested_share_of_the_calls_and_never_changes() -> None:
    chance = random.Random(1)
    ids = [AttemptId(str(uuid.UUID(int=chance.getrandbits(128), version=4))) for _ in range(4_000)]
    tenth = [each for each in ids if is_call_in_sample(each, 0.1)]
    assert len(tenth) == pytest.approx(400, abs=60)
    assert all(is_call_in_sample(each, 0.3) for each in tenth)
    assert all(is_call_in_sample(each, 1.0) and not is_call_in_sample(each, 0.0) for each in ids)
