"""Commands that were executed, with their replies: a repeated command gets the first reply and is not executed again."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.domain.model import Receipt
from dialer.store.sql import Command, Connection, Query, Statements

COMMANDS_KEPT_SECONDS = 3 * 86_400.0
"""A command expires at most a day after it was sent and is then rejected. Two more days allow for a clock that is corrected."""
COMMANDS_DELETED_AT_ONCE = 20
"""More than are added meanwhile, so that the table shrinks, and few, because results wait for the transaction to end."""


@dataclass(frozen=True, slots=True)
class ExecutedCommand:
    """A command that was executed."""

    content: str  # a hash of the request
    reply: str


class SQL(Statements):
    command = Query(ExecutedCommand)
    insert_command = Command()
    delete_old_commands = Command()
    set_reply = Command()


def executed_command(db: Connection, command_id: str) -> ExecutedCommand | None:
    """Return a command that was executed; None if it was not."""
    return SQL.command.first(db, command_id=command_id)


def record_command(db: Connection, command_id: str, name: str, content: str, reply: str, at: float) -> bool:
    """Record that a command is executed and return True, or return False if it was before. Old commands are deleted."""
    SQL.delete_old_commands.run(db, before=at - COMMANDS_KEPT_SECONDS, limit=COMMANDS_DELETED_AT_ONCE)
    return SQL.insert_command.run(db, command_id=command_id, at=at, name=name, content=content, reply=reply) == 1


def record_receipt(db: Connection, receipt: Receipt | None, at: float) -> None:
    """Record the reply to a command, in the transaction that carries it out; None: nobody waits for a reply."""
    if receipt is not None:
        record_command(db, receipt.key, receipt.name, receipt.content, receipt.reply, at)


def set_command_reply(db: Connection, command_id: str, reply: str) -> None:
    """Replace the reply that `record_command` stored before the command was carried out."""
    SQL.set_reply.run(db, command_id=command_id, reply=reply)
