"""What goes between a centre and its headquarters: subjects, and batches of what the centre has announced. Pure.

A batch covers every id of the centre's outbox from `first` to `last`. Ids without a row in it are of no use to headquarters, or
were telemetry that was dropped; those up to `gone` that headquarters never got are lost.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from dialer.domain.other_centres import VoterPlace
from dialer.errors import MatdanError

VERSION = 1
MOST_ROWS = 500  # of a batch
MOST_BATCH_BYTES = 2_000_000  # as JSON; a tenth of it goes over the line, whose messages may have a million
UP = "UP"  # the stream of batches
SIDE = "SIDE"  # the stream of what centres are told of each other
CMD = "CMD"  # the stream of orders
_ROW_BYTES = 64  # of a row in JSON beside topic and payload
_WORD = re.compile(r"[^A-Za-z0-9_-]")


class NotOurs(MatdanError):
    """A message is none of ours, or of another version. The text says what is wrong with it."""


def up_subject(centre: str) -> str:
    """Where a centre's batches go."""
    return f"up.{centre}"


def kept_subject(centre: str) -> str:
    """Where headquarters says up to which id it has committed a centre's outbox."""
    return f"kept.{centre}"


def live_subject(centre: str, kind: str, name: str = "") -> str:
    """Where a centre says how it stands, about once a second, or never where the line is away."""
    return f"live.{centre}.{kind}.{_word(name)}" if name else f"live.{centre}.{kind}"


def order_subject(to: str) -> str:
    """Where an order goes: to "all", "zone:north", "centre:pune-1"."""
    return f"cmd.{to.replace(':', '.')}"


def reply_subject(centre: str, order_id: str) -> str:
    """Where a centre says what became of an order; `*`: every one."""
    return f"reply.{centre}.{order_id}"


def snapshot_subject(centre: str) -> str:
    """Where a centre asks for all that other centres told so far; `*`: any."""
    return f"snapshot.{centre}"


def inbox_of(centre: str) -> str:
    """Below what a centre is answered by the server."""
    return f"_INBOX.{centre}"


OPT_OUT_SUBJECT = "side.all.optout"


def mark_subject(zone: str, state_code: str, constituency_number: int) -> str:
    """Where marks of a constituency's voters are told; `zone` is that of the centre that they come from, `*`: any."""
    return f"side.{zone}.mark.{_word(state_code)}.{constituency_number}"


def marks_subject(state_code: str | None) -> str:
    """Where the marks of all constituencies of a state are told; None: of all states."""
    return "side.*.mark.*.*" if state_code is None else f"side.*.mark.{_word(state_code)}.*"


def _word(text: str) -> str:
    """A word of a subject: what a state's code may be, and no dot or wildcard."""
    return _WORD.sub("_", text) or "_"


@dataclass(frozen=True, slots=True)
class BatchRow:
    """What was announced: a row of the outbox."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    id: int
    topic: str  # below the centre's
    at: float  # epoch seconds
    payload: str  # JSON


@dataclass(frozen=True, slots=True)
class UpBatch:
    """A stretch of a centre's outbox."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    centre: str
    version: int
    first: int
    last: int
    rows: tuple[BatchRow, ...]
    gone: int = 0  # up to this id nothing is left in the centre


def row_bytes(topic: str, payload: str) -> int:
    """About how many bytes of `MOST_BATCH_BYTES` a row takes."""
    return len(topic) + len(json.dumps(payload)) + _ROW_BYTES


_BATCH = TypeAdapter(UpBatch)


def pack(batch: UpBatch) -> bytes:
    """A batch as it is sent: JSON, compressed."""
    rows = [{"id": row.id, "topic": row.topic, "at": row.at, "payload": row.payload} for row in batch.rows]
    fields = {"centre": batch.centre, "version": batch.version, "first": batch.first, "last": batch.last, "rows": rows}
    return zlib.compress(json.dumps({**fields, "gone": batch.gone}, separators=(",", ":")).encode(), 1)


def unpack(data: bytes) -> UpBatch:
    """The batch in a message. Raises NotOurs."""
    fields = _json(_inflated(data))
    if not isinstance(fields, dict) or fields.get("version") != VERSION:
        raise NotOurs(f"a batch of an unknown version: this headquarters knows {VERSION}")
    try:
        batch = _BATCH.validate_python(fields)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise NotOurs(f"a batch that is none: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    ids = [row.id for row in batch.rows]
    if not 0 < batch.first <= batch.last or ids != sorted(set(ids)) or (ids and not batch.first <= ids[0]):
        raise NotOurs("a batch whose rows do not follow each other")
    if ids and ids[-1] > batch.last:
        raise NotOurs("a batch that has more than it says")
    return batch


def _inflated(data: bytes) -> bytes:
    engine = zlib.decompressobj()
    try:
        text = engine.decompress(data, MOST_BATCH_BYTES * 2)
    except zlib.error as error:
        raise NotOurs("a message that is not compressed as ours are") from error
    if engine.unconsumed_tail or not engine.eof:
        raise NotOurs("a message that is too long, or cut short")
    return text


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotOurs("a message that is not JSON") from error


def kept_message(through: int) -> bytes:
    """That headquarters has committed a centre's outbox up to this id."""
    return json.dumps({"through": through}).encode()


def read_kept(data: bytes) -> int:
    """Up to which id. Raises NotOurs."""
    fields = _json(data)
    through = fields.get("through") if isinstance(fields, dict) else None
    if not isinstance(through, int) or isinstance(through, bool) or not 0 <= through < 2**63:
        raise NotOurs("an answer without an id")
    return through


def news_message(opt_outs: Iterable[Mapping[str, Any]], marks: Iterable[Mapping[str, Any]]) -> bytes:
    """What centres are told of each other; each as the command `headquarters-news` has it."""
    return json.dumps({"opt_outs": [*opt_outs], "marks": [*marks]}, separators=(",", ":")).encode()


def read_news(data: bytes) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Opt-outs and marks; what is in them the dialler judges. Raises NotOurs."""
    fields = _json(data)
    if not isinstance(fields, dict):
        raise NotOurs("news that are none")
    lists = [fields.get("opt_outs", []), fields.get("marks", [])]
    if not all(isinstance(each, list) and all(isinstance(one, dict) for one in each) for each in lists):
        raise NotOurs("news that are none")
    return lists[0], lists[1]


def told_mark(centre: str, place: VoterPlace, mark: Mapping[str, Any]) -> dict[str, Any]:
    """A mark of `results/marks` as other centres are told it."""
    told = {key: mark[key] for key in ("key", "kind", "source", "at", "confidence", "undoes") if mark.get(key)}
    where = {"roll_version": place.roll_version, "state_code": place.state_code, "part_number": place.part_number}
    number = place.constituency_number
    return {**told, **where, "constituency_number": number, "serial": place.serial, "centre": centre}
