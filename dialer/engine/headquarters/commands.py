"""Commands from headquarters: signed orders, updates from other centres, and confirmations of results.

The uplink (the process that connects a centre to headquarters) sends updates and confirmations about once a second.
They are not stored as commands, and only refusals are audited. Repeats are recognised by the position in headquarters'
message stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from dialer.domain.enums import Confidence, MarkKind, SupervisorRole
from dialer.domain.model import Mark, MarkSource
from dialer.domain.orders import MOST_LETTERS, MOST_SIGNATURES, LeaderSignature
from dialer.domain.other_centres import PeerCallKind, PeerCallRecord, PeerMarkRecord, PeerOptOutRecord, PeerUpdateBatch
from dialer.domain.voter_place import VoterPlace
from dialer.engine.command.base import SUPERVISOR_ONLY, Command, CommandContext, Urgency
from dialer.engine.command.fields import MAX_INTEGER, NumberHash, Record, RecordedTime

if TYPE_CHECKING:
    from dialer.engine.services import Services

UPLINK_ONLY = frozenset({SupervisorRole.UPLINK})
MAX_UPDATES = 100
"""Maximum number of opt-outs, of marks, and of calls in one command, which must fit into the size limit of commands."""

CentreId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$", description="ID of the centre")]
MarkKey = Annotated[str, Field(pattern=r"^[!-~]{1,128}$", description="unique key; a repeat changes nothing")]
Position = Annotated[int, Field(ge=0, le=MAX_INTEGER)]


class PeerOptOut(Record):
    """The opt-out of a phone number in another centre."""

    number_hash: Annotated[NumberHash, Field(description="as in `results/opt-outs`")]
    at: RecordedTime
    centre: CentreId

    def create_peer_opt_out_record(self) -> PeerOptOutRecord:
        """Return the opt-out in another centre in the form that the engine uses."""
        return PeerOptOutRecord(self.number_hash, self.at, self.centre)


class PeerCall(Record):
    """A call of another centre to a number on this centre's electoral roll."""

    number_hash: Annotated[NumberHash, Field(description="as in `results/attempts`")]
    at: Annotated[RecordedTime, Field(description="when the call ended")]
    kind: Literal["call", "conversation", "abandoned", "inbound"]
    centre: CentreId

    def create_peer_call_record(self) -> PeerCallRecord:
        """Return the call of another centre in the form that the engine uses."""
        return PeerCallRecord(self.number_hash, self.at, PeerCallKind(self.kind))


class PeerMark(Record):
    """A mark (a fact about a voter) from another centre."""

    key: MarkKey
    roll_version: Annotated[str, Field(min_length=1, max_length=128)]
    state_code: Annotated[str, Field(max_length=128)]
    constituency_number: Position
    part_number: Position
    serial: Position
    kind: Literal["voted", "not-yet", "will-not", "moved", "deceased"]
    source: Literal["voter-key", "agent", "relative", "booth-worker", "import", "correction"]
    at: RecordedTime
    centre: CentreId
    confidence: Literal["seen", "said", "told"] = "told"
    undoes: Annotated[MarkKey | None, Field(description="key of the mark that this one undoes")] = None

    def create_peer_mark_record(self) -> PeerMarkRecord:
        """Return the mark (a fact about a voter) of another centre in the form that the engine uses."""
        return PeerMarkRecord(
            VoterPlace(self.roll_version, self.state_code, self.constituency_number, self.part_number, self.serial),
            Mark(
                key=self.key,
                voter_id=0,
                kind=MarkKind(self.kind),
                source=MarkSource(self.source),
                at=self.at,
                agent=f"centre {self.centre}",
                confidence=Confidence(self.confidence),
                undoes=self.undoes,
            ),
        )


class ExecuteOrder(Command):
    """Execute an order of headquarters once: stop-all, pause, quota (limit on calls) or resume.

    The order is valid if leaders (people whose keys are in the settings) have signed it, whoever sends it.
    """

    name: Literal["headquarters-order"] = "headquarters-order"
    roles = frozenset({SupervisorRole.UPLINK, SupervisorRole.SUPERVISOR})
    urgency = Urgency.HALT  # not STOP_ALL: a flood of orders must not delay this centre's own stop-all
    is_idempotent = True

    order: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MOST_LETTERS,
            description=f"the order as it was signed: JSON text of at most {MOST_LETTERS} characters (docs/how-to/headquarters.md)",
        ),
    ]
    signatures: Annotated[
        tuple[LeaderSignature, ...],
        Field(min_length=1, max_length=MOST_SIGNATURES, description=f"1 to {MOST_SIGNATURES} signatures of leaders"),
    ]

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.headquarters.execute_headquarters_order(self.order, self.signatures)


class ConfirmUplink(Command):
    """Confirm that headquarters has committed all results up to an ID of the outbox (the centre's queue
    of messages).
    """

    name: Literal["confirm-uplink"] = "confirm-uplink"
    roles = UPLINK_ONLY
    is_idempotent = True
    is_stored = False

    through: Annotated[Position, Field(description="ID of the last outbox entry that headquarters has committed")]

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        if await services.records.remove_uploaded_results_from_outbox(self.through):
            return await services.headquarters.stop_campaigns_because_store_lost_results()
        return f"confirmed up to {self.through}"


class ReportUplink(Command):
    """Report problems between this centre and headquarters: with the centre's store or clock, or with headquarters'
    server. The dialler raises an alert for each problem, and clears it when the problem is solved.
    """

    name: Literal["report-uplink"] = "report-uplink"
    roles = UPLINK_ONLY
    is_idempotent = True
    is_stored = False

    problem: Annotated[str, Field(max_length=400, description="what is wrong with the store; empty: nothing")]
    clock_ahead_seconds: Annotated[
        float, Field(ge=-1e11, le=1e11, description="how far the clock here is ahead of headquarters'")
    ]

    server_problem: Annotated[
        str, Field(max_length=400, description="why headquarters' server does not store the results; empty: it does")
    ] = ""

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        services.headquarters.update_uplink_alerts(self.problem, self.clock_ahead_seconds, self.server_problem)
        return "reported"


class ImportPeerUpdates(Command):
    """Import opt-outs, marks (facts about voters) and call times of other centres, with their position in headquarters'
    stream.
    """

    name: Literal["import-peer-updates"] = "import-peer-updates"
    roles = UPLINK_ONLY
    is_idempotent = True
    is_stored = False

    stream: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$", description="name of the stream that the updates are from")
    ]
    after: Annotated[Position, Field(description="position in the stream before the first update")]
    position: Annotated[Position, Field(description="position of the last update")]
    stored_at: Annotated[
        RecordedTime | None,
        Field(description="when nats-server stored the last update (epoch seconds); missing: unknown"),
    ] = None
    opt_outs: Annotated[
        tuple[PeerOptOut, ...], Field(max_length=MAX_UPDATES, description=f"at most {MAX_UPDATES} opt-outs")
    ]
    peer_marks: Annotated[
        tuple[PeerMark, ...], Field(max_length=MAX_UPDATES, description=f"at most {MAX_UPDATES} marks")
    ]
    peer_calls: Annotated[
        tuple[PeerCall, ...], Field(max_length=MAX_UPDATES, description=f"at most {MAX_UPDATES} calls")
    ] = ()

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        opt_outs = tuple(each.create_peer_opt_out_record() for each in self.opt_outs)
        marks = tuple(each.create_peer_mark_record() for each in self.peer_marks)
        calls = tuple(each.create_peer_call_record() for each in self.peer_calls)
        return await services.records.import_updates_of_other_centres(
            PeerUpdateBatch(self.stream, self.after, self.position, opt_outs, marks, calls, stored_at=self.stored_at)
        )


class SendTestMark(Command):
    """Send a test message to headquarters' page, over the same path as the results of calls. Do this weekly before
    polling day.
    """

    name: Literal["test-mark"] = "test-mark"
    roles = SUPERVISOR_ONLY
    is_idempotent = True

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.records.send_test_message_to_headquarters()
