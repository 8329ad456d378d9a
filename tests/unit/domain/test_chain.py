"""The audit's chain: it reveals any change, gap or cut, and refuses contents that must be erasable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.audit_chain import GENESIS, AuditEntry, Break, find_breaks_in_audit_hash_chain, make_next_audit_entry
from dialer.domain.errors import UnsafeValue


def make_audit_chain(count: int) -> list[AuditEntry]:
    entries: list[AuditEntry] = []
    for number in range(count):
        last = entries[-1] if entries else None
        entries.append(
            make_next_audit_entry(
                last.number if last else 0,
                last.digest if last else GENESIS,
                at=1_713_765_600.0 + number / 3,
                kind="listen",
                who=f"supervisor-{number % 2}",
                what={"seat": f"{number:02d}", "mode": "whisper"},
            )
        )
    return entries


def test_unchanged_hash_chain_of_the_audit_is_valid() -> None:
    assert next(find_breaks_in_audit_hash_chain([]), None) is None
    assert next(find_breaks_in_audit_hash_chain(make_audit_chain(20)), None) is None


@given(
    at=st.integers(0, 9),
    change=st.sampled_from(
        [{"at": 1.0}, {"kind": "export"}, {"who": "nobody"}, {"what": "{}"}, {"digest": "f" * 64}, {"number": 40}]
    ),
)
def test_changed_field_of_an_audit_entry_breaks_the_hash_chain_at_that_entry(
    at: int, change: dict[str, object]
) -> None:
    entries = make_audit_chain(10)
    entries[at] = replace(entries[at], **change)  # type: ignore[arg-type]  # the strategy gives fields of the entry
    found = next(find_breaks_in_audit_hash_chain(entries), None)
    assert found is not None
    assert found.number == at + 1


@given(st.permutations(range(8)))
def test_reordered_audit_entries_break_the_hash_chain(order: Sequence[int]) -> None:
    entries = make_audit_chain(8)
    found = next(find_breaks_in_audit_hash_chain([entries[place] for place in order]), None)
    assert (found is None) == (list(order) == sorted(order))


@given(st.integers(0, 8))
def test_removed_audit_entry_breaks_the_hash_chain(removed: int) -> None:
    entries = make_audit_chain(10)
    del entries[removed]
    assert next(find_breaks_in_audit_hash_chain(entries), None) == Break(removed + 1, f"entry {removed + 1} is missing")


def test_chain_hash_noted_earlier_reveals_a_rewritten_or_shortened_audit() -> None:
    entries = make_audit_chain(10)
    head = entries[7].number, entries[7].digest
    assert next(find_breaks_in_audit_hash_chain(entries, head), None) is None
    cut = next(find_breaks_in_audit_hash_chain(entries[:5], head), None)
    assert cut is not None
    assert "the chain ends at 5, but entry 8 was noted" in cut.problem
    forged = make_audit_chain(3)
    for number in range(4, 11):
        forged.append(
            make_next_audit_entry(
                number - 1, forged[-1].digest, at=1.0, kind="listen", who="somebody", what={"seat": "01"}
            )
        )
    assert next(find_breaks_in_audit_hash_chain(forged), None) is None
    assert next(find_breaks_in_audit_hash_chain(forged, head), None) == Break(
        8, "the entry differs from the noted head with this number"
    )


@pytest.mark.parametrize("text", ["+919812345678", "98123 45678", "0 98-12-34-56-78", "called 9812345678 twice"])
def test_audit_refuses_entries_that_contain_a_phone_number(text: str) -> None:
    with pytest.raises(UnsafeValue, match="looks like a phone number"):
        make_next_audit_entry(0, GENESIS, at=0.0, kind="erase", who="compliance", what={"reason": text})
    with pytest.raises(UnsafeValue, match="looks like a phone number"):
        make_next_audit_entry(0, GENESIS, at=0.0, kind="erase", who=text, what={})


def test_audit_accepts_entries_with_ids_hashes_and_dates() -> None:
    what = {
        "attempt": "3f0e7c1a-5b1d-4a53-9a0b-123456789012",
        "sha256": "1234567890" * 6 + "abcd",
        "until": "2024-04-22T18:00",
        "dated": "2024-04-22",
        "between": "2024-04-22 18:00",
        "voter": "88213",
    }
    assert make_next_audit_entry(0, GENESIS, at=0.0, kind="erase", who="compliance", what=what).number == 1


@pytest.mark.parametrize(
    "name",
    [
        "20260422.csv",
        "22042026.xlsx",
        "optouts 22-04-2026.csv",
        "ncpr.20260422.csv",
        "22.04.2026.csv",
        "optouts_20260422.csv",
        "20260422-1830.csv",
        "2026-04-22 (2).csv",
        "list 1998-01-01.csv",
        "31-12-1999.csv",
        "20260401-20260422.csv",
        "from 20260401 to 20260422.csv",
        "20260422-3f0e7c1a-5b1d-4a53-9a0b-123456789012.csv",
    ],
)
def test_audit_accepts_a_date_in_a_file_name_that_looks_like_a_number(name: str) -> None:
    assert make_next_audit_entry(0, GENESIS, at=0.0, kind="export", who="compliance", what={"file": name}).number == 1


@pytest.mark.parametrize(
    "name",
    [
        "9812345678.csv",
        "+20260422.csv",
        "022 20260422.csv",
        "022-20260422.csv",
        "(022) 20260422.csv",
        "+91 22 20260422.csv",
        "9820260422.csv",
        "20260422 9812345678.csv",
        "20260422-98123-45678.csv",
        "9812345678 20260422.csv",
        "20261322.csv",
        "20260432.csv",
        "19991231.csv",
        "28282828.csv",
    ],
)
def test_audit_refuses_a_phone_number_next_to_a_date(name: str) -> None:
    with pytest.raises(UnsafeValue, match=r"'file' of an audit entry looks like a phone number.* use an id"):
        make_next_audit_entry(0, GENESIS, at=0.0, kind="export", who="compliance", what={"file": name})


@pytest.mark.parametrize("kind", ["", "Listen", "two words", "1st"])
def test_kind_of_an_audit_entry_must_be_a_lower_case_word(kind: str) -> None:
    with pytest.raises(UnsafeValue, match="the kind of an audit entry is"):
        make_next_audit_entry(0, GENESIS, at=0.0, kind=kind, who="x", what={})


def test_audit_refuses_entries_with_too_long_texts() -> None:
    with pytest.raises(UnsafeValue, match="longer than"):
        make_next_audit_entry(0, GENESIS, at=0.0, kind="listen", who="x", what={"reason": "r" * 300})
