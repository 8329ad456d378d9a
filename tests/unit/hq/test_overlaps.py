"""Numbers that two centres have, found in samples of their hashes."""

from __future__ import annotations

from random import Random

import pytest

from dialer.hq.overlaps import MAX_PAIRS, describe_centres_sharing_numbers, describe_centres_with_different_hash_secret
from dialer.nats.messages import InvalidMessage
from dialer.nats.number_sample import (
    SAMPLE_HASHES,
    NumberSample,
    pack_sample_of_number_hashes,
    unpack_sample_of_number_hashes,
)


def make_hashes(seed: int, count: int) -> list[str]:
    rng = Random(seed)
    return [f"{rng.getrandbits(64):016x}" for _ in range(count)]


def make_sample(*hashes: str, fingerprint: str = "f1") -> NumberSample:
    return NumberSample(fingerprint, tuple(sorted(hashes)[:SAMPLE_HASHES]))


def test_numbers_that_two_centres_share_are_counted_exactly_if_their_lists_are_short() -> None:
    shared = make_hashes(1, 280)
    samples = {
        "pune-1": make_sample(*shared, *make_hashes(2, 900)),
        "pune-2": make_sample(*shared, *make_hashes(3, 700)),
        "pune-3": make_sample(*make_hashes(4, 700)),
    }
    [line] = describe_centres_sharing_numbers(samples)
    assert line.startswith("pune-1 and pune-2 have 280 numbers in common")


def test_numbers_shared_by_the_long_lists_of_two_centres_are_estimated() -> None:
    shared = make_hashes(1, 10_000)
    samples = {
        "pune-1": make_sample(*shared, *make_hashes(2, 50_000)),
        "pune-2": make_sample(*shared, *make_hashes(3, 60_000)),
    }
    [line] = describe_centres_sharing_numbers(samples)
    assert line.startswith("pune-1 and pune-2 have about ")
    estimate = int(line.split()[5].replace(",", ""))
    assert 8_500 < estimate < 11_500  # 4,096 of 70,000 hashes are compared: standard deviation 4 %


def test_overlap_report_names_the_pairs_of_centres_with_most_shared_numbers() -> None:
    shared = make_hashes(1, 3)
    samples = {f"c-{number:02}": make_sample(*shared[: 1 + number % 2], f"{number:016x}") for number in range(8)}
    lines = [*describe_centres_sharing_numbers(samples)]
    assert len(lines) == MAX_PAIRS + 1
    assert lines[0].startswith("c-01 and c-03 have 2 numbers")
    assert lines[-1] == "8 more pairs of centres have numbers in common"


def test_overlap_report_names_centres_with_a_missing_or_different_hash_secret() -> None:
    samples = {
        "a": make_sample(),
        "b": make_sample(),
        "c": make_sample(fingerprint="f2"),
        "d": make_sample(fingerprint=""),
    }
    without, different = describe_centres_with_different_hash_secret(samples)
    assert "is set in d:" in without
    assert "rules.opt_out_secret of c differs" in different
    assert [*describe_centres_sharing_numbers(samples)] == []


@pytest.mark.parametrize("data", [b"", b"[]", b'{"fingerprint": "f", "hashes": ["+917000000001"]}'])
def test_malformed_sample_of_number_hashes_is_rejected(data: bytes) -> None:
    with pytest.raises(InvalidMessage, match="sample of hashed phone numbers cannot be read"):
        unpack_sample_of_number_hashes(data)


def test_sample_of_number_hashes_is_unchanged_after_encoding_and_decoding() -> None:
    sample = make_sample(*make_hashes(1, 5))
    assert unpack_sample_of_number_hashes(pack_sample_of_number_hashes(sample)) == sample
