"""Snapshots: complete lists of all opt-outs, or of what is known about a constituency's voters (marks). Without I/O.

A centre needs a snapshot if the stream no longer has older updates. It requests the snapshot page by page. Headquarters
signs each page together with the request. So a page cannot be forged or left out. Pages of another time, centre or roll
are not accepted.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from dialer.domain import signing
from dialer.nats.messages import InvalidMessage

MAX_PAGE_ROWS = 4_000
MAX_PAGE_BYTES = 900_000
"""Maximum size of the rows of a page before compression, which may save nothing; the server accepts one million bytes."""
_MAX_DECOMPRESSED_BYTES = 8_000_000
_REFUSAL, _MAX_REFUSAL_BYTES = b"!", 300
_PURPOSE = b"matdan snapshot of peer updates 1\n"


@dataclass(frozen=True, slots=True)
class SnapshotRequest:
    """A centre's request for a page of a snapshot: the marks about voters in a constituency, or all opt-outs."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    stream: Annotated[str, Field(max_length=64)]  # the centre's name of the subscription, which changes with the roll
    nonce: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]  # the same for all pages of a snapshot
    after: Annotated[str, Field(max_length=80)] = ""  # `next_after` of the page before
    state_code: Annotated[str, Field(max_length=128)] = ""  # some rolls have none
    constituency_number: Annotated[int, Field(ge=0, lt=2**31)] | None = None


@dataclass(frozen=True, slots=True)
class SnapshotPage:
    """A page (part) of a snapshot: some of the opt-outs or marks about voters that other centres have reported."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    centre: str
    request: SnapshotRequest
    position: int  # in the stream: this page and the following ones have everything up to it
    next_after: str | None  # `after` of the next request; None: this is the last page
    opt_outs: Sequence[dict[str, Any]]
    marks: Sequence[dict[str, Any]]


_REQUEST, _PAGE = TypeAdapter(SnapshotRequest), TypeAdapter(SnapshotPage)


def pack_snapshot_request(request: SnapshotRequest) -> bytes:
    """Return a request for a page of a snapshot (list of other centres' updates) as JSON."""
    return json.dumps(asdict(request)).encode()


def unpack_snapshot_request(data: bytes) -> SnapshotRequest:
    """Parse a message that requests one page of a snapshot. Raises InvalidMessage."""
    try:
        return _REQUEST.validate_json(data)
    except ValidationError as error:
        raise InvalidMessage(
            "a centre's request for the list of opt-outs and marks (snapshot) cannot be read: update Matdan at the centre"
        ) from error


def pack_snapshot_page(page: SnapshotPage, private_key: bytes | None) -> bytes:
    """Return a page of a snapshot (list of other centres' updates) as a message: its signature, then compressed JSON.

    Without a key the signature is empty.
    """
    body = zlib.compress(json.dumps(asdict(page), separators=(",", ":")).encode(), 1)
    signature = "" if private_key is None else signing.sign_bytes(private_key, _PURPOSE + body)
    return b"\n".join((signature.encode(), body))


def pack_snapshot_refusal(reason: str) -> bytes:
    """Return the message with which headquarters refuses a request for a page of a snapshot. `reason` is one line."""
    return _REFUSAL + reason.encode("ascii", "replace")


def unpack_snapshot_page(data: bytes) -> SnapshotPage:
    """Return the page of a snapshot (list of other centres' updates) in a message, without a check of its signature.

    Raises InvalidMessage.
    """
    try:
        text = zlib.decompressobj().decompress(data.partition(b"\n")[2], _MAX_DECOMPRESSED_BYTES)
        return _PAGE.validate_json(text)
    except (zlib.error, ValidationError) as error:
        raise InvalidMessage(
            "headquarters' list of opt-outs and marks (snapshot) cannot be read: update Matdan at this centre"
        ) from error


def verify_and_unpack_page(data: bytes, centre: str, request: SnapshotRequest, key: bytes | None) -> SnapshotPage:
    """Return the page of a snapshot in headquarters' answer. Raises InvalidMessage if it is not the requested page.

    If there is a `key`, the page must be signed with it.
    """
    if data.startswith(_REFUSAL):
        raise InvalidMessage(data.removeprefix(_REFUSAL)[:_MAX_REFUSAL_BYTES].decode("ascii", "replace"))
    signature, _, body = data.partition(b"\n")
    if key is not None and not signing.verify_signature(key, _PURPOSE + body, signature.decode("ascii", "replace")):
        raise InvalidMessage(
            "the signature of a list of opt-outs and marks (snapshot) does not fit `headquarters.key`: set it to the public "
            "key of headquarters"
        )
    page = unpack_snapshot_page(data)
    if page.centre != centre:
        raise InvalidMessage(
            f"headquarters sent the list of opt-outs and marks (snapshot) for centre {page.centre}, but this is "
            f"centre {centre}: set `headquarters.nkey_file` to the key file of this centre"
        )
    if page.request.stream != request.stream:
        raise InvalidMessage(
            "headquarters sent a list of opt-outs and marks (snapshot) for another roll or from another stream: "
            "this centre requests it again"
        )
    if page.request != request:
        raise InvalidMessage(
            "headquarters sent a list of opt-outs and marks (snapshot) that answers another request: this centre "
            "requests it again"
        )
    return page
