"""All that other centres told so far, of which a centre has nothing yet, or too little for headquarters' stream to go on from.

The centre asks page by page, of opt-outs or of one constituency's marks; each page is signed by headquarters' own key, and says
for whom and what it is, and to which question. So none can be forged, left out, or be another time's, another centre's, another
roll's. Pure.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from dialer.domain import signing
from dialer.nats.wire import NotOurs

MOST_PAGE_ROWS = 4_000
MOST_PAGE_BYTES = 900_000
"""Of the rows of one page before it is compressed, which some are hardly: a message has a million."""
_MOST_PAGE_BYTES = 8_000_000  # inflated
_REFUSAL, _MOST_REFUSAL_BYTES = b"!", 300
_PURPOSE = b"matdan snapshot of news 1\n"


@dataclass(frozen=True, slots=True)
class SnapshotAsked:
    """What a centre asks for: a page of the marks of a constituency's voters, or, where none is named, of opt-outs."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    stream: Annotated[str, Field(max_length=64)]  # as the centre's store names what it follows: other with another roll
    nonce: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]  # of all pages of one snapshot
    after: Annotated[str, Field(max_length=80)] = ""  # what the page before named as `then`
    state_code: Annotated[str, Field(max_length=128)] = ""  # a roll may have none
    constituency_number: Annotated[int, Field(ge=0, lt=2**31)] | None = None


@dataclass(frozen=True, slots=True)
class SnapshotPage:
    """A page of a snapshot."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    centre: str
    asked: SnapshotAsked
    position: int  # in the stream: all that stands up to there is on this page and those behind it
    then: str | None  # what to ask behind; None: it was the last
    opt_outs: Sequence[dict[str, Any]]
    marks: Sequence[dict[str, Any]]


_ASKED, _PAGE = TypeAdapter(SnapshotAsked), TypeAdapter(SnapshotPage)


def pack_asked(asked: SnapshotAsked) -> bytes:
    """What is asked, as it is sent."""
    return json.dumps(asdict(asked)).encode()


def read_asked(data: bytes) -> SnapshotAsked:
    """What is asked. Raises NotOurs."""
    try:
        return _ASKED.validate_json(data)
    except ValidationError as error:
        raise NotOurs("a snapshot is asked for in words that are none of ours") from error


def pack_page(page: SnapshotPage, private: bytes | None) -> bytes:
    """A page as it is sent, signed where there is a key."""
    body = zlib.compress(json.dumps(asdict(page), separators=(",", ":")).encode(), 1)
    return b"\n".join((b"" if private is None else signing.sign(private, _PURPOSE + body).encode(), body))


def pack_refusal(why: str) -> bytes:
    """That there is none, in a line for who asked."""
    return _REFUSAL + why.encode("ascii", "replace")


def unpacked(data: bytes) -> SnapshotPage:
    """The page in an answer, whoever gave it. Raises NotOurs."""
    try:
        return _PAGE.validate_json(zlib.decompressobj().decompress(data.partition(b"\n")[2], _MOST_PAGE_BYTES))
    except (zlib.error, ValidationError) as error:
        raise NotOurs("a snapshot that is none of ours: it is not taken") from error


def read_page(data: bytes, centre: str, asked: SnapshotAsked, key: bytes | None) -> SnapshotPage:
    """The page that was asked for, signed by `key` where there is one. Raises NotOurs in one line for any other."""
    if data.startswith(_REFUSAL):
        raise NotOurs(data.removeprefix(_REFUSAL)[:_MOST_REFUSAL_BYTES].decode("ascii", "replace"))
    signature, _, body = data.partition(b"\n")
    if key is not None and not signing.holds(key, _PURPOSE + body, signature.decode("ascii", "replace")):
        raise NotOurs("a snapshot that is not signed by headquarters.key: it is not taken")
    page = unpacked(data)
    if page.centre != centre:
        raise NotOurs(f"a snapshot for {page.centre}, and this is {centre}: it is not taken")
    if page.asked.stream != asked.stream:
        raise NotOurs("a snapshot for another roll, or of another stream: it is not taken")
    if page.asked != asked:
        raise NotOurs("a snapshot of an earlier time, or of something else, is not what was asked for: it is not taken")
    return page
