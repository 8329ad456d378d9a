"""Records beside the calls: commands, seats' time, what the pacer learned."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from dialer.domain.audit_chain import shown
from dialer.domain.enums import SupervisorRole
from dialer.domain.errors import NotInStore
from dialer.domain.model import AttemptId, Receipt
from dialer.store import audit
from dialer.store.connection import open_for_reading, read_snapshot
from dialer.store.driver import connection_to
from dialer.store.file_checks import file_exists
from dialer.store.keys import StoreKey
from dialer.store.lock import refuse_second_name
from dialer.store.outbox import passed_by_uplink, tell
from dialer.store.port import (
    AnswersNews,
    AuditNote,
    Encode,
    KeptCommand,
    KeptUser,
    LogIn,
    SeatHours,
    SeatInterval,
    StandingOrder,
    of_seat,
)
from dialer.store.queues import unknown_campaign
from dialer.store.sql import Connection, parameters_of, transaction
from dialer.store.untyped_sql import load_statements
from dialer.store.voters import place_of

SQL = load_statements("records")

COMMANDS_KEPT_SECONDS = 3 * 86_400.0
"""A command that comes again is told what was done the first time. It may expire a day after it was sent at the latest, and is
refused from then on: two days more are for a clock that was set anew meanwhile."""
COMMANDS_FORGOTTEN_AT_ONCE = 20  # more than come in, so the table shrinks; few, for results wait behind the transaction


def kept_command(db: Connection, command_id: str) -> KeptCommand | None:
    """What is kept of this command since it was executed; None: it was not executed yet."""
    return SQL["kept_command"].one(db, KeptCommand, command_id=command_id)


def record_command(db: Connection, command_id: str, name: str, content: str, reply: str, at: float) -> bool:
    """Keep that a command was executed, with its content's hash. False: it had been. Those of three days before are forgotten."""
    SQL["forget_commands"](db, before=at - COMMANDS_KEPT_SECONDS, most=COMMANDS_FORGOTTEN_AT_ONCE)
    kept = SQL["insert_command"](db, command_id=command_id, at=at, name=name, content=content, reply=reply)
    return kept.rowcount == 1


def keep_receipt(db: Connection, receipt: Receipt | None, at: float) -> None:
    """Keep the answer to a command with what it did; None: nobody waits for one."""
    if receipt is not None:
        record_command(db, receipt.key, receipt.name, receipt.content, receipt.reply, at)


def complete_command(db: Connection, command_id: str, reply: str) -> None:
    """Put the reply in place of the one that `record_command` kept before the command was executed."""
    SQL["complete_command"](db, command_id=command_id, reply=reply)


def record_recording(db: Connection, attempt_id: str, started_at: float) -> None:
    """Keep that the call is recorded. A repeat changes nothing."""
    SQL["insert_recording"](db, attempt_id=attempt_id, started_at=started_at)


def has_recording(db: Connection, attempt_id: AttemptId) -> bool:
    """Whether a call that has ended was recorded, and nobody has erased that."""
    return SQL["has_recording"].row(db, attempt_id=attempt_id) is not None


def record_answers(
    db: Connection, encode: Encode | None, attempt_id: AttemptId, answers: Mapping[str, str], at: float
) -> None:
    """Keep what a caller answered, by the flow's names; a later value replaces an earlier one. What is new of it is told."""
    fresh = {
        name: value
        for name, value in answers.items()
        if SQL["record_answer_of_flow"](db, attempt_id=attempt_id, name=name, value=value, at=at).rowcount
    }
    if fresh:
        of = SQL["of_answers"].row(db, attempt_id=attempt_id)
        place = None if of is None or of.voter_id is None else place_of(db, of.voter_id)
        tell(db, encode, AnswersNews("" if of is None else of.campaign_id, attempt_id, at, fresh, place), at)


def change_answers(
    db: Connection, attempt_id: AttemptId, answers: Mapping[str, str | None], at: float
) -> dict[str, str | None]:
    """Keep what was answered to an agent, None: nothing any more. Returns what stood there before, of the same names."""
    before = flow_answers(db, attempt_id) if answers else {}
    for name, value in answers.items():
        if value is None:
            SQL["forget_answer_of_flow"](db, attempt_id=attempt_id, name=name)
        else:
            SQL["record_answer_of_flow"](db, attempt_id=attempt_id, name=name, value=value, at=at)
    return {name: before.get(name) for name in answers}


def flow_answers(db: Connection, attempt_id: AttemptId) -> dict[str, str]:
    """What the caller of an attempt answered so far, by name; the agent who takes over the call sees it."""
    return dict(SQL["flow_answers"].rows(db, attempt_id=attempt_id))


def phone_number(db: Connection, phone_id: int) -> str | None:
    """The number (E.164) of a phone, to send it an SMS; None for one that opted out or that the store does not have."""
    return SQL["phone_number"].value(db, str, phone_id=phone_id)


def open_attempt_on(db: Connection, number: str) -> AttemptId | None:
    """The attempt under way on a number (E.164): there is at most one."""
    return SQL["open_attempt_on"].value(db, AttemptId, number=number)


def record_seat_intervals(db: Connection, encode: Encode | None, intervals: Sequence[SeatInterval]) -> None:
    """Keep where seats have spent their time. Headquarters is told the sums."""
    fresh = [each for each in intervals if SQL["insert_seat_interval"](db, **parameters_of(each)).rowcount]
    if fresh and passed_by_uplink(db) is not None:
        seconds: dict[str, float] = defaultdict(float)
        for each in fresh:
            seconds[each.state] += each.until_at - each.from_at
        until_at = max(each.until_at for each in fresh)
        tell(db, encode, SeatHours(until_at, len({each.seat for each in fresh}), seconds), until_at)


def save_pacer_state(db: Connection, campaign_id: str, state: str) -> None:
    """Keep what the campaign's pacer has learned (JSON)."""
    if SQL["save_pacer_state"](db, campaign_id=campaign_id, state=state).rowcount == 0:
        raise unknown_campaign(campaign_id)


def pacer_state(db: Connection, campaign_id: str) -> str | None:
    """What was kept; None for a new campaign."""
    return SQL["pacer_state"].value(db, str, campaign_id=campaign_id)


def keep_log_in(db: Connection, log_in: LogIn) -> None:
    """Keep who has a seat. Another agent than before stands in the audit, and ends what was ordered of the seat."""
    before = _agent_of(db, log_in.seat)
    if before != log_in.agent:
        if before is not None:
            audit.append(db, "log-off", shown(before), {"seat": log_in.seat}, log_in.at)
        audit.append(db, "log-in", shown(log_in.agent), {"seat": log_in.seat}, log_in.at)
        SQL["end_orders_of"](db, addressee=of_seat(log_in.seat))
    SQL["keep_log_in"](db, **parameters_of(log_in))


def _agent_of(db: Connection, seat: str) -> str | None:
    return SQL["log_in_of"].value(db, str, seat=seat)


def drop_log_in(db: Connection, seat: str, at: float) -> None:
    """Nobody has the seat from `at` (epoch seconds) on, which stands in the audit; what was ordered of it is over."""
    before = _agent_of(db, seat)
    if before is not None:
        audit.append(db, "log-off", shown(before), {"seat": seat}, at)
    SQL["drop_log_in"](db, seat=seat)
    SQL["end_orders_of"](db, addressee=of_seat(seat))


def log_ins(db: Connection) -> list[LogIn]:
    """Who has which seat, in the seats' order."""
    return [LogIn(**row._asdict() | {"paused": bool(row.paused)}) for row in SQL["log_ins"].rows(db)]


def standing_orders(db: Connection, now: float) -> list[StandingOrder]:
    """What supervisors have ordered that holds at this epoch second; the rest is forgotten."""
    SQL["forget_orders"](db, now=now)
    rows = SQL["standing_orders"].rows(db)
    return [StandingOrder(**row._asdict() | {"content": json.loads(row.content)}) for row in rows]


def keep_orders(db: Connection, orders: Sequence[StandingOrder]) -> None:
    """Keep what a supervisor orders, each in place of an earlier one; what is over by then is forgotten."""
    for each in orders:
        SQL["forget_orders"](db, now=each.at)
        SQL["keep_order"](db, **parameters_of(each) | {"content": json.dumps(each.content)})


def end_order(db: Connection, addressee: str, command: str) -> None:
    """It does not hold any more. A repeat changes nothing."""
    SQL["end_order"](db, addressee=addressee, command=command)


# The note in the audit that a list of voters left the store. It may be written beside a running dialler.


def note_export(path: Path, who: str, what: Mapping[str, str], at: float, *, key: StoreKey | None = None) -> int:
    """Append an `export` entry; its number, which goes on every sheet. Raises StoreError, UnsafeValue for a phone number in it."""
    refuse_second_name(path)
    open_for_reading(path, key=key).close()  # says in the store's words what may be wrong with the file
    with connection_to(path, "rw", key) as db:
        db.execute("PRAGMA synchronous = FULL")
        # Else a commit over a long WAL would bring it into the file beside the dialler, which alone may.
        db.execute("PRAGMA wal_autocheckpoint = 0")
        with transaction(db):
            return audit.append(db, "export", who, what, at)


# Who may give commands, beside those of the settings.


USERS = load_statements("users")


def kept_users(db: Connection) -> list[KeptUser]:
    """All of them, by name."""
    return USERS["kept"].all(db, KeptUser)


def read_kept_users(path: Path, key: StoreKey | None) -> list[KeptUser]:
    """Those of the store at `path`, opened for it; before there is a store there are none. Blocks. Raises StoreError."""
    if not file_exists(path):
        return []
    with read_snapshot(path, key) as db:
        return kept_users(db)


def set_user(db: Connection, name: str, role: SupervisorRole, entry: AuditNote, receipt: Receipt | None = None) -> None:
    """Add a user, or give one another role, with an entry in the audit ("user-set"). The role that one has already is no change."""
    before = USERS["role_of"].value(db, str, name=name)
    if before != role:
        USERS["set_user"](db, name=name, role=role.value, at=entry.at)
        audit.note(db, "user-set", entry, user=name, role=role.value, before=before or "none")
    keep_receipt(db, receipt, entry.at)


def remove_user(db: Connection, name: str, entry: AuditNote, receipt: Receipt | None = None) -> None:
    """Remove a user, with an entry in the audit ("user-remove"). Raises NotInStore where there is none of that name."""
    before = USERS["role_of"].value(db, str, name=name)
    if before is None:
        raise NotInStore(f"{name} is no user: see `dialer user list`")
    USERS["remove_user"](db, name=name)
    audit.note(db, "user-remove", entry, user=name, before=before)
    keep_receipt(db, receipt, entry.at)
