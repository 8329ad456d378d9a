"""Counts with their nouns, as messages of commands show them."""

from __future__ import annotations

import pytest

from dialer.domain.words import format_count


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 findings"), (1, "1 finding"), (2, "2 findings"), (1_234, "1,234 findings")],
)
def test_noun_after_a_count_is_singular_only_for_one(count: int, text: str) -> None:
    assert format_count(count, "finding") == text


def test_irregular_plural_follows_every_number_other_than_1() -> None:
    assert [format_count(count, "entry", "entries") for count in (0, 1, 2)] == ["0 entries", "1 entry", "2 entries"]
