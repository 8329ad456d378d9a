"""Messages between centres and headquarters, and their NATS subjects. Without I/O.

A batch has rows of a centre's outbox (table of results to send) with the ids `first` to `last`. If an id is missing,
its row is not meant for headquarters, or was telemetry that was discarded. Rows up to the id `deleted_through` no
longer exist in the outbox. They are lost, unless headquarters received them earlier.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from dialer.domain.voter_place import VoterPlace
from dialer.errors import MatdanError

VERSION = 2
_READABLE_VERSIONS = (1, 2)  # 1: from a store that had no incarnation
MAX_BATCH_ROWS = 500
MAX_BATCH_BYTES = 2_000_000
"""Maximum size of a batch as JSON. It compresses to about a tenth; the server accepts messages of one million bytes."""
MAX_MESSAGE_BYTES = 1_000_000  # of the server's 1 MiB (dialer/hq/render.py)
UP = "UP"
"""The stream of batches from the centres."""
PEERS = "PEERS"
"""The stream of peer updates: opt-outs and marks of one centre for all others."""
CMD = "CMD"
"""The stream of orders to the centres."""
CALLS = "CALLS"
"""The stream of the times at which centres called numbers, by state."""
STATE_READERS = 500
"""Consumers for the marks of a state, one for each constituency. The largest state of India has 403."""
UNASSIGNED_ID = 2**53 - 1
"""A row id that no store reaches. A store learns by it that headquarters has other rows under its ids (it was set back)."""
_ROW_OVERHEAD_BYTES = 64  # size of a row as JSON without topic and payload
_NOT_IN_SUBJECT = re.compile(r"[^A-Za-z0-9_-]")


class InvalidMessage(MatdanError):
    """Raised if a message is malformed or has another version. The text of the error says what is wrong with it."""


def build_batch_subject(centre: str) -> str:
    """Return the NATS subject on which a centre sends its batches of results."""
    return f"up.{centre}"


def build_acknowledgement_subject(centre: str) -> str:
    """Return the NATS subject on which headquarters acknowledges a centre's batches of results."""
    return f"ack.{centre}"


def build_live_status_subject(centre: str, kind: str, name: str = "") -> str:
    """Return the NATS subject of one kind of a centre's live status, which is sent about once a second and never
    stored.
    """
    return f"live.{centre}.{kind}.{_encode_subject_level(name)}" if name else f"live.{centre}.{kind}"


def build_order_subject(to: str) -> str:
    """Return the NATS subject of orders to one addressee, such as "all", "zone:north" or "centre:pune-1"."""
    return f"cmd.{to.replace(':', '.')}"


def build_reply_subject(centre: str, order_id: str) -> str:
    """Return the NATS subject of a centre's reply to an order. The order id `*` matches replies to any order."""
    return f"reply.{centre}.{order_id}"


def build_snapshot_subject(centre: str) -> str:
    """Return the NATS subject on which a centre requests a snapshot: a complete list of other centres' opt-outs or
    marks.

    The centre `*` stands for any centre.
    """
    return f"snapshot.{centre}"


def build_inbox_prefix(centre: str) -> str:
    """Return the prefix of a centre's inboxes: the NATS subjects on which nats-server answers its requests."""
    return f"_INBOX.{centre}"


def is_inbox_of_requesting_centre(subject: str, reply: str) -> bool:
    """Return whether the answer to a request would go to the centre that sent the request.

    `reply` is the NATS subject for the answer. `subject` is that of the request, and ends with the centre's id.
    """
    return reply.startswith(f"{build_inbox_prefix(subject.rpartition('.')[2])}.")


def build_consumer_name(centre: str, subject: str) -> str:
    """Return the name of the NATS consumer (reader) with which a centre reads a subject of a stream.

    Each subject has its own consumer, except those that end with a constituency's number. These share `STATE_READERS`
    consumers, to limit how many a centre can create.
    """
    levels = [each for each in subject.split(".") if each != "*"]
    if levels[-1].isdigit():
        levels[-1] = str(int(levels[-1]) % STATE_READERS)
    return "_".join([centre, *levels])


def list_consumer_names(centre: str, subject: str) -> list[str]:
    """Return the names of the NATS consumers (readers) with which a centre may read a subject.

    `subject` may end with `.*`, which stands for all constituencies of a federal state.
    """
    if not subject.endswith(".*"):
        return [build_consumer_name(centre, subject)]
    return [build_consumer_name(centre, f"{subject.removesuffix('*')}{number}") for number in range(STATE_READERS)]


OPT_OUT_SUBJECT = "peer.all.optout"
"""The subject of peer opt-outs."""


def build_marks_subject_of_constituency(zone: str, state_code: str, constituency_number: int) -> str:
    """Return the NATS subject of other centres' marks (facts about voters) in a constituency.

    `zone` is the zone of the centre that sent the marks, or `*` for any.
    """
    return f"peer.{zone}.mark.{_encode_subject_level(state_code)}.{constituency_number}"


def build_marks_subject_of_state(state_code: str) -> str:
    """Return the NATS subject of marks (facts about voters) from all constituencies of a federal state."""
    return f"peer.*.mark.{_encode_subject_level(state_code)}.*"


def build_calls_subject_of_state(state_code: str) -> str:
    """Return the NATS subject of the calls that a federal state's centres made (hashed number and time of each)."""
    return f"call.{_encode_subject_level(state_code)}"


def _encode_subject_level(text: str) -> str:
    """Return the text as one level of a NATS subject. Dots, wildcards and other special characters are replaced by "_"."""
    return _NOT_IN_SUBJECT.sub("_", text) or "_"


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A row of a centre's outbox (results to send), such as the result of a call."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    id: int
    topic: str  # without the centre's prefix
    at: float  # epoch seconds
    payload: str  # JSON


@dataclass(frozen=True, slots=True)
class SendingStore:
    """The identity of the centre's store (database) that has sent a batch (see dialer/store/identity.py)."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    incarnation: str = ""  # each incarnation has row ids of its own
    previous: str | None = None  # incarnation of the store that it is a copy of
    begins_after: Annotated[int, Field(ge=0)] = 0  # headquarters has the rows up to this id from the earlier store
    run: str = ""  # two at a time: the machine was cloned


@dataclass(frozen=True, slots=True)
class OutboxBatch:
    """A batch of results: the rows that headquarters needs from one range of a centre's outbox (results to send)."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    centre: str
    version: int
    first: int
    last: int
    rows: tuple[BatchRow, ...]
    deleted_through: int = 0  # the centre has deleted its outbox up to this id
    store: SendingStore = SendingStore()


def estimate_size_of_outbox_row(topic: str, payload: str) -> int:
    """Return the approximate size (bytes) that a row of the outbox adds to a batch.

    `MAX_BATCH_BYTES` limits the sum for a batch.
    """
    return len(topic) + len(json.dumps(payload)) + _ROW_OVERHEAD_BYTES


_BATCH = TypeAdapter(OutboxBatch)


def pack_batch(batch: OutboxBatch) -> bytes:
    """Return a batch of a centre's results as compressed JSON."""
    rows = [{"id": row.id, "topic": row.topic, "at": row.at, "payload": row.payload} for row in batch.rows]
    fields = {"centre": batch.centre, "version": batch.version, "first": batch.first, "last": batch.last, "rows": rows}
    fields |= {"deleted_through": batch.deleted_through, "store": asdict(batch.store)}
    text = json.dumps(fields, separators=(",", ":"))
    return zlib.compress(text.encode(), 1)


def pack_first_part_of_batch(batch: OutboxBatch) -> tuple[OutboxBatch, bytes]:
    """Return (batch, its compressed JSON). A batch that is too large for a message is cut to its first rows.

    If a single row is too large, its payload is replaced by its size.
    """
    data = pack_batch(batch)
    while len(data) > MAX_MESSAGE_BYTES or len(batch.rows) > MAX_BATCH_ROWS:
        if len(batch.rows) > 1:
            rows = batch.rows[: len(batch.rows) // 2]
            batch = replace(batch, last=rows[-1].id, rows=rows)
        else:
            [row] = batch.rows
            batch = replace(batch, rows=(replace(row, payload=json.dumps({"too_large_bytes": len(row.payload)})),))
        data = pack_batch(batch)
    return batch, data


def unpack_batch(data: bytes) -> OutboxBatch:
    """Return the batch of a centre's results in a message. Raises InvalidMessage."""
    fields = _parse_json_message(_decompress_batch(data), "a batch of results")
    if not isinstance(fields, dict) or fields.get("version") not in _READABLE_VERSIONS:
        raise InvalidMessage(
            f"the centre's batch of results has an unknown version: update Matdan at headquarters,"
            f" which reads versions 1 to {VERSION}"
        )
    try:
        batch = _BATCH.validate_python(fields)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        problem = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise InvalidMessage(
            f"the centre's batch of results is malformed ({problem}): update Matdan at the centre"
        ) from error
    ids = [row.id for row in batch.rows]
    if not 0 < batch.first <= batch.last or ids != sorted(set(ids)) or (ids and not batch.first <= ids[0]):
        raise InvalidMessage("the rows of the centre's batch of results are out of order: update Matdan at the centre")
    if len(ids) > MAX_BATCH_ROWS:
        raise InvalidMessage(
            f"the centre's batch of results has more than {MAX_BATCH_ROWS} rows: update Matdan at the centre"
        )
    if ids and ids[-1] > batch.last:
        raise InvalidMessage(
            "the centre's batch of results has rows after the last id that it states: update Matdan at the centre"
        )
    return batch


def _decompress_batch(data: bytes) -> bytes:
    decompressor = zlib.decompressobj()
    try:
        text = decompressor.decompress(data, MAX_BATCH_BYTES * 2)
    except zlib.error as error:
        raise InvalidMessage(
            "the centre's batch of results is not compressed with zlib: update Matdan at the centre"
        ) from error
    if decompressor.unconsumed_tail or not decompressor.eof:
        raise InvalidMessage("the centre's batch of results is too long or truncated: update Matdan at the centre")
    return text


def _parse_json_message(text: bytes, message_content: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidMessage(
            f"a message with {message_content} is not JSON: run the same version of Matdan at centre and headquarters"
        ) from error


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Headquarters' answer to a batch: the id up to which it has stored the centre's results, or a problem.

    The centre must send all rows after `through`. Headquarters may have stored some of them already, up to `last_id`.
    It then checks that these rows have not changed.
    """

    through: (
        Annotated[int, Field(ge=0, lt=2**63, strict=True)] | None
    )  # the rows up to this id are committed; None: refused
    incarnation: str = ""  # of the store that it is for
    problem: str = ""  # why headquarters refuses the store's batches, or what a person must decide
    at: float = 0.0  # headquarters' clock (epoch seconds); 0: unknown
    # None in these two: an older headquarters, which compares no rows.
    last_id: int | None = None  # the last row of the store that is committed; None also: refused
    run: str | None = None  # of the store that sent the batch (`SendingStore.run`)
    is_set_back: bool = False  # refused: the batch has other rows than headquarters under the same ids


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """The status of a centre's store (database). The uplink (connection to headquarters) reports it every few seconds."""

    incarnation: str
    at: float  # the centre's clock (epoch seconds)
    server_problem: Annotated[str, Field(max_length=400)] = ""  # why headquarters' server does not store the results


_ACK, _STORE_STATUS = TypeAdapter(Acknowledgement), TypeAdapter(StoreStatus)


def pack_acknowledgement(ack: Acknowledgement) -> bytes:
    """Return an acknowledgement of a batch as JSON."""
    return json.dumps(asdict(ack)).encode()


def unpack_acknowledgement(data: bytes) -> Acknowledgement:
    """Return the acknowledgement in a message. Raises InvalidMessage."""
    try:
        return _ACK.validate_json(data)
    except ValidationError as error:
        raise InvalidMessage(
            "headquarters' acknowledgement of results cannot be read: run the same version of Matdan at centre and headquarters"
        ) from error


def pack_store_status(status: StoreStatus) -> bytes:
    """Return the status of a store as JSON."""
    return json.dumps(asdict(status)).encode()


def unpack_store_status(data: bytes) -> StoreStatus:
    """Return the status of a store in a message. Raises InvalidMessage."""
    try:
        return _STORE_STATUS.validate_json(data)
    except ValidationError as error:
        raise InvalidMessage(
            "a centre's report of its store cannot be read: run the same version of Matdan at centre and headquarters"
        ) from error


def pack_peer_updates(opt_outs: Iterable[Mapping[str, Any]], marks: Iterable[Mapping[str, Any]]) -> bytes:
    """Return a message that forwards opt-outs and marks about voters to other centres.

    It has the fields of the command `import-peer-updates`, which the other centres' diallers execute.
    """
    return json.dumps({"opt_outs": [*opt_outs], "marks": [*marks]}, separators=(",", ":")).encode()


def unpack_peer_updates(data: bytes) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the opt-outs and marks about voters in a message.

    Raises InvalidMessage. The dialler checks their fields later.
    """
    fields = _parse_json_message(data, "opt-outs and marks of other centres")
    if not isinstance(fields, dict):
        raise InvalidMessage(
            "the opt-outs and marks of other centres cannot be read: run the same version of Matdan at centre and headquarters"
        )
    lists = [fields.get("opt_outs", []), fields.get("marks", [])]
    if not all(isinstance(each, list) and all(isinstance(one, dict) for one in each) for each in lists):
        raise InvalidMessage(
            "the opt-outs and marks of other centres cannot be read: run the same version of Matdan at centre and headquarters"
        )
    return lists[0], lists[1]


def pack_peer_calls(calls: Iterable[Mapping[str, Any]]) -> bytes:
    """Return a message that forwards the times of calls to other centres.

    It has the fields of the command `import-peer-updates`, which the other centres' diallers execute.
    """
    return json.dumps([*calls], separators=(",", ":")).encode()


def unpack_peer_calls(data: bytes) -> list[dict[str, Any]]:
    """Return the calls of other centres in a message. Raises InvalidMessage. The dialler checks their fields later."""
    calls = _parse_json_message(data, "calls of other centres")
    if not isinstance(calls, list) or not all(isinstance(each, dict) for each in calls):
        raise InvalidMessage(
            "the calls of other centres cannot be read: run the same version of Matdan at centre and headquarters"
        )
    return calls


def build_mark_for_other_centres(centre: str, place: VoterPlace, mark: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mark (fact about a voter) of a centre in the form in which other centres receive it."""
    fields = {key: mark[key] for key in ("key", "kind", "source", "at", "confidence", "undoes") if mark.get(key)}
    return {
        **fields,
        "roll_version": place.roll_version,
        "state_code": place.state_code,
        "constituency_number": place.constituency_number,
        "part_number": place.part_number,
        "serial": place.serial,
        "centre": centre,
    }
