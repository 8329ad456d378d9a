"""Find the centres whose electoral rolls share phone numbers, from samples of the numbers' hashes. Without I/O."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations

from dialer.nats.number_sample import HASH_LETTERS, NumberSample

MAX_PAIRS = 20  # that are named


def describe_centres_sharing_numbers(samples: Mapping[str, NumberSample]) -> Iterator[str]:
    """Yield one line for each pair of centres that share phone numbers, starting with the pair that shares most.

    `samples` has the number sample of each centre.
    """
    shared = _count_shared_hashes(samples)
    counts = {
        pair: _estimate_numbers_on_both_rolls(count, *(samples[each] for each in pair))
        for pair, count in shared.items()
    }
    pairs = sorted(counts, key=lambda pair: (-counts[pair], pair))
    for one, other in pairs[:MAX_PAIRS]:
        about = "" if samples[one].has_every_number_of_roll and samples[other].has_every_number_of_roll else "about "
        yield (
            f"{one} and {other} have {about}{counts[one, other]:,} numbers in common: two calls at almost the same time are"
            " possible there; give each number to one centre only"
        )
    if len(pairs) > MAX_PAIRS:
        yield f"{len(pairs) - MAX_PAIRS} more pairs of centres have numbers in common"


def describe_centres_with_different_hash_secret(samples: Mapping[str, NumberSample]) -> Iterator[str]:
    """Yield a line that names the centres without a secret for hashing phone numbers.

    Then yield a line that names the centres whose secret differs from that of most centres.
    """
    by_fingerprint: dict[str, list[str]] = defaultdict(list)
    for centre, sample in samples.items():
        by_fingerprint[sample.fingerprint].append(centre)
    without = sorted(by_fingerprint.pop("", ()))
    if without:
        yield (
            f"no rules.opt_out_secret is set in {', '.join(without)}: these centres exchange neither opt-outs nor call times"
        )
    if len(by_fingerprint) > 1:
        usual = max(by_fingerprint, key=lambda each: len(by_fingerprint[each]))
        others = sorted(centre for each, centres in by_fingerprint.items() if each != usual for centre in centres)
        yield (
            f"rules.opt_out_secret of {', '.join(others)} differs from that of most centres: opt-outs and call times do not"
            " match; set the same secret"
        )


def _count_shared_hashes(samples: Mapping[str, NumberSample]) -> Counter[tuple[str, str]]:
    centres_with: dict[str, list[str]] = defaultdict(list)
    for centre in sorted(samples):
        for each in samples[centre].hashes:
            centres_with[each].append(centre)
    return Counter(pair for centres in centres_with.values() for pair in combinations(centres, 2))


def _estimate_numbers_on_both_rolls(shared: int, *samples: NumberSample) -> int:
    """Return about how many phone numbers two electoral rolls share, if `shared` hashes are in both samples.

    A sample has the lowest hashes of a roll's numbers. If a roll is too large for its sample, the sample covers only a
    share (0-1) of the hash range: the part up to its highest hash. The estimate is `shared`, divided by the smaller
    share.
    """
    limits = [int(each.hashes[-1], 16) for each in samples if not each.has_every_number_of_roll]
    return round(shared * 16**HASH_LETTERS / min(limits)) if limits else shared
