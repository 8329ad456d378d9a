"""Executed MQTT commands with their replies. A command that arrives again is not executed, but gets the stored reply."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.domain.model import Receipt
from dialer.store.sql import Command, Connection, Query, Statements

COMMANDS_KEPT_SECONDS = 3 * 86_400.0
"""Commands expire at most a day after they were sent and are then rejected. Two more days allow for corrections of the clock."""
COMMANDS_DELETED_AT_ONCE = 20
"""Old commands deleted with each new one: several, so that the table shrinks, but few, for other writes wait meanwhile."""


@dataclass(frozen=True, slots=True)
class ExecutedCommand:
    """A command that was executed, with its content and reply."""

    content: str  # a hash of the request
    reply: str


class SQL(Statements):
    command = Query(ExecutedCommand)
    insert_command = Command()
    delete_old_commands = Command()
    set_reply = Command()


def find_executed_command(db: Connection, command_id: str) -> ExecutedCommand | None:
    """Return the executed command with this id, or None if it was not executed."""
    return SQL.command.fetch_first_row(db, command_id=command_id)


def record_new_command(db: Connection, command_id: str, name: str, content: str, reply: str, at: float) -> bool:
    """Record that an MQTT command is being executed, or return False if the same command was recorded before.

    The records of old commands are deleted.
    """
    SQL.delete_old_commands.run_statement(db, before=at - COMMANDS_KEPT_SECONDS, limit=COMMANDS_DELETED_AT_ONCE)
    return (
        SQL.insert_command.run_statement(db, command_id=command_id, at=at, name=name, content=content, reply=reply) == 1
    )


def save_reply_to_command(db: Connection, receipt: Receipt | None, at: float) -> None:
    """Store the reply to an MQTT command, in the transaction that executes the command.

    Do nothing if `receipt` is None, because then no command requested the change.
    """
    if receipt is not None:
        record_new_command(db, receipt.key, receipt.name, receipt.content, receipt.reply, at)


def save_final_reply_to_command(db: Connection, command_id: str, reply: str) -> None:
    """Store the final reply to an MQTT command, in place of the preliminary reply that was stored before its execution."""
    SQL.set_reply.run_statement(db, command_id=command_id, reply=reply)
