"""Commands of the uplink, which joins the centre to its headquarters, and the one that tries the way. Pure.

Each of the uplink's comes about once a second and is safe to come again, by the position in it: none is kept, nor its
answer, and what is done stands in no audit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from dialer.domain.enums import MarkKind, SupervisorRole
from dialer.domain.model import Confidence, Mark, MarkSource
from dialer.domain.other_centres import ForeignMark, ForeignNews, ForeignOptOut, VoterPlace
from dialer.engine.command.desks import Desks
from dialer.engine.command.registry import SUPERVISOR_ALONE, Command, Value, listed, number_of, offered, text_of
from dialer.engine.external_records.commands import MOST_INTEGER, EnteredTime, WireRecord, checked

UPLINK_ALONE = frozenset({SupervisorRole.UPLINK})
MOST_NEWS = 100
"""Opt-outs, and marks, of one command: it must fit into the bytes that a command may have."""
_Centre = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
_Key = Annotated[str, Field(pattern=r"^[!-~]{1,128}$")]
_Number = Annotated[int, Field(ge=0, le=MOST_INTEGER)]


@dataclass(frozen=True, slots=True)
class ToldOptOut(WireRecord):
    """A number that opted out in another centre."""

    number_hash: Annotated[str, Field(description="as in results/opt-outs", pattern=r"^[0-9a-f]{64}$")]
    at: EnteredTime
    centre: _Centre


@dataclass(frozen=True, slots=True)
class ToldMark(WireRecord):
    """What became known of a voter in another centre. `key` is the key: a repeat changes nothing."""

    key: _Key
    roll_version: Annotated[str, Field(min_length=1, max_length=128)]
    state_code: Annotated[str, Field(max_length=128)]
    constituency_number: _Number
    part_number: _Number
    serial: _Number
    kind: Literal["voted", "not-yet", "will-not", "moved", "deceased"]
    source: Literal["voter-key", "agent", "relative", "booth-worker", "import", "correction"]
    at: EnteredTime
    centre: _Centre
    confidence: Literal["seen", "said", "told"] = "told"
    undoes: Annotated[_Key | None, Field(description="key of the mark that this one takes back")] = None


_OPT_OUTS = TypeAdapter(list[ToldOptOut])
_MARKS = TypeAdapter(list[ToldMark])


def _list(adapter: TypeAdapter[Any], value: object) -> list[Any]:
    return list(checked(adapter, listed(value, MOST_NEWS, least=0)))


def _read_opt_outs(value: object) -> tuple[ForeignOptOut, ...]:
    return tuple(ForeignOptOut(each.number_hash, each.at, each.centre) for each in _list(_OPT_OUTS, value))


def _read_marks(value: object) -> tuple[ForeignMark, ...]:
    return tuple(
        ForeignMark(
            VoterPlace(each.roll_version, each.state_code, each.constituency_number, each.part_number, each.serial),
            Mark(
                key=each.key,
                voter_id=0,
                kind=MarkKind(each.kind),
                source=MarkSource(each.source),
                at=each.at,
                agent=f"centre {each.centre}",
                confidence=Confidence(each.confidence),
                undoes=each.undoes,
            ),
        )
        for each in _list(_MARKS, value)
    )


_read_number = number_of(0, MOST_INTEGER)
THROUGH = Value(
    "through",
    "an id of the outbox",
    _read_number,
    int,
    "of uplink-kept: headquarters has committed what was announced up to this id",
)
STREAM = Value(
    "stream", "a stream's name", text_of("[A-Za-z0-9._-]{1,64}"), description="of headquarters-news: where they stand"
)
AFTER = Value("after", "the position that they follow", _read_number, int, "of headquarters-news: what they follow")
POSITION = Value("position", "the position of the last", _read_number, int, "of headquarters-news: that of the last")
OPT_OUTS = Value(
    "opt_outs",
    f"at most {MOST_NEWS} opt-outs",
    _read_opt_outs,
    list[ToldOptOut],
    f"of headquarters-news: at most {MOST_NEWS}",
)
MARKS = Value(
    "news_marks",
    f"at most {MOST_NEWS} marks",
    _read_marks,
    list[ToldMark],
    f"of headquarters-news: at most {MOST_NEWS}",
)


@offered("uplink-kept", THROUGH, roles=UPLINK_ALONE, repeatable=True, by_position=True)
class UplinkKept(Command):
    """Headquarters has committed what was announced up to an id of the outbox."""

    through: int

    async def carry_out(self, desks: Desks) -> str:
        return await desks.records.uplink_kept(self.through)


@offered("test-mark", roles=SUPERVISOR_ALONE, repeatable=True)
class TellTestMark(Command):
    """A test mark goes the way of every result, by outbox and uplink, to headquarters' page: once a week before the day."""

    async def carry_out(self, desks: Desks) -> str:
        return await desks.records.tell_test_mark()


@offered(
    "headquarters-news", STREAM, AFTER, POSITION, OPT_OUTS, MARKS, roles=UPLINK_ALONE, repeatable=True, by_position=True
)
class HeadquartersNews(Command):
    """Opt-outs and marks of other centres, taken with the position up to which they were told."""

    stream: str
    after: int
    position: int
    opt_outs: tuple[ForeignOptOut, ...]
    marks: tuple[ForeignMark, ...]

    async def carry_out(self, desks: Desks) -> str:
        news = ForeignNews(self.stream, self.after, self.position, self.opt_outs, self.marks)
        return await desks.records.take_news(news)
