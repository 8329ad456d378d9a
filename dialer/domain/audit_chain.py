"""The audit's hash chain, which reveals changes to the audit (the record of what people did).

Each entry contains the SHA-256 of its own fields and of the previous entry's digest. So a changed, removed, added or
moved entry breaks the chain. The signed log (`sealed_epochs.py`) names the last entry, which reveals a removed end.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from dialer.domain.errors import UnsafeValue

GENESIS = "0" * 64
"""The digest before the first entry."""

_KIND = re.compile(r"[a-z][a-z0-9-]{0,39}")
_NUMBER_LIKE = re.compile(r"(?<![\w-])\+?[0-9](?:[ ().-]?[0-9]){7,14}(?![\w-])", re.ASCII)
_ANY_YEAR, _YEAR = "(?:19|20)[0-9]{2}", "20[0-9]{2}"
_MONTH, _DAY = "(?:0[1-9]|1[0-2])", "(?:0[1-9]|[12][0-9]|3[01])"
# Dates are allowed, because files are named after days. A date with hyphens cannot be a phone number. 20260422 or
# 22.04.2026 could be a local number, so such a date must be in this century and must not follow digits: 022 20260422 is
# a number with its area code.
_DAY_OF_THE_YEAR = re.compile(
    rf"(?<![\w+])(?:{_ANY_YEAR}-{_MONTH}-{_DAY}|{_DAY}-{_MONTH}-{_ANY_YEAR}|{_MONTH}-{_DAY}-{_ANY_YEAR})(?!\w)-?"
    rf"|(?<![\w+])(?<![0-9+][ ().-])(?<![0-9+][ ().-][ ().-])"
    rf"(?:{_YEAR}([. ]?){_MONTH}(?:\1){_DAY}|{_DAY}([. ]?){_MONTH}(?:\2){_YEAR}|{_MONTH}([. ]?){_DAY}(?:\3){_YEAR})(?!\w)-?",
    re.ASCII,
)
_LONGEST = 200
_SHOWN = 60
UNSHOWN = "(looks like a number)"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A stored entry of the audit, the record of what people did at a centre."""

    number: int  # 1, 2, 3, ... without a gap
    at: float  # epoch seconds, UTC
    kind: str  # what was done: "listen", "opt-out", "erase", "export", ...
    who: str  # who did it: an agent's or supervisor's id, or a part of the program
    what: str  # details as a JSON object of strings
    previous: str  # the digest of the entry before
    digest: str


@dataclass(frozen=True, slots=True)
class Break:
    """A place where the audit's hash chain is broken, with the problem found there."""

    number: int
    problem: str


def format_audit_details_for_hashing(what: Mapping[str, str]) -> str:
    """Return the details of an audit entry as JSON with sorted keys, as they are stored and hashed.

    Raises UnsafeValue for a long text, and for a text that looks like a phone number: audit entries are never erased.
    """
    for name, text in what.items():
        _refuse_text_not_allowed_in_audit(name, text)
    return json.dumps(dict(what), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def require_valid_audit_kind_and_person(kind: str, who: str) -> None:
    """Raise UnsafeValue for an audit entry with a misspelt kind, or with a person's name that is too long or looks like
    a phone number.
    """
    if not _KIND.fullmatch(kind):
        raise UnsafeValue(f"the kind of an audit entry is {kind!r}: use lower-case letters, digits and hyphens only")
    _refuse_text_not_allowed_in_audit("who", who)


def shorten_text_for_audit(text: str) -> str:
    """Return a text in a form that the audit may contain. A long text is shortened. A text that looks like a phone
    number is replaced as a whole.
    """
    if _looks_like_phone_number(text):
        return UNSHOWN
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _refuse_text_not_allowed_in_audit(name: str, text: str) -> None:
    if len(name) + len(text) > _LONGEST:
        raise UnsafeValue(
            f"the field {name[:40]!r} of an audit entry is longer than {_LONGEST} characters: use ids and short"
            " reasons only"
        )
    if _looks_like_phone_number(name) or _looks_like_phone_number(text):
        raise UnsafeValue(
            f"the field {name[:40]!r} of an audit entry looks like a phone number, which the audit must not contain,"
            " because it is never erased: use an id"
        )


def _looks_like_phone_number(text: str) -> bool:
    before = None
    while text != before:  # remove the dates one by one: a file name may contain two of them
        before, text = text, _DAY_OF_THE_YEAR.sub("", text, count=1)
    return _NUMBER_LIKE.search(text) is not None


def calculate_audit_entry_digest(number: int, at: float, kind: str, who: str, what: str, previous: str) -> str:
    """Return the SHA-256 of an audit entry in hexadecimal. The time `at` is hashed as `repr(at)`, the shortest exact
    text of the float.
    """
    line = json.dumps([number, repr(float(at)), kind, who, what, previous], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(line.encode("utf-8")).hexdigest()


def make_next_audit_entry(
    last_number: int, last_digest: str, *, at: float, kind: str, who: str, what: Mapping[str, str]
) -> AuditEntry:
    """Return the audit entry that follows the entry with the number `last_number`. Raises UnsafeValue if the audit must
    not contain its kind, its person or its details.

    For the first entry, `last_number` is 0 and `last_digest` is GENESIS.
    """
    require_valid_audit_kind_and_person(kind, who)
    text = format_audit_details_for_hashing(what)
    number = last_number + 1
    return AuditEntry(
        number, at, kind, who, text, last_digest, calculate_audit_entry_digest(number, at, kind, who, text, last_digest)
    )


def find_breaks_in_audit_hash_chain(
    entries: Iterable[AuditEntry], head: tuple[int, str] | None = None, *, behind: tuple[int, str] = (0, GENESIS)
) -> Iterator[Break]:
    """Yield every break in the audit's hash chain, such as a changed or missing entry.

    Args:
        entries: Consecutive entries of the audit.
        head: Number and digest of an entry noted earlier. `entries` must contain it unchanged.
        behind: Number and digest of the entry before `entries`.
    """
    number, digest = behind
    noted = head is None
    for entry in entries:
        if entry.number != number + 1:
            which = (
                f"entry {number + 1} is"
                if entry.number == number + 2
                else f"entries {number + 1} to {entry.number - 1} are"
            )
            yield Break(number + 1, f"{which} missing")
        elif entry.previous != digest:
            yield Break(entry.number, "the entry does not follow the one before it")
        if (
            calculate_audit_entry_digest(entry.number, entry.at, entry.kind, entry.who, entry.what, entry.previous)
            != entry.digest
        ):
            yield Break(entry.number, "the entry was changed after it was written")
        number, digest = entry.number, entry.digest
        if head is not None and head[0] == number:
            if head[1] != digest:
                yield Break(number, "the entry differs from the noted head with this number")
            noted = True
    if not noted and head is not None:
        yield Break(number + 1, f"the chain ends at {number}, but entry {head[0]} was noted: the end was cut off")
