"""The imported do-not-call registers: those stored now, and those that had been imported at an earlier time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dialer.domain.phone_facts import Register
from dialer.store.sql import Command, Connection, Query, Scalar, Statements


class RegisterImport(NamedTuple):
    """The last import of a do-not-call register."""

    name: str
    imported_at: float  # epoch seconds


@dataclass(frozen=True, slots=True)
class RegistersAt:
    """The do-not-call registers that were imported by a given time."""

    registers: tuple[Register, ...]
    replaced: frozenset[str]  # names of those whose numbers of that time are no longer stored

    @property
    def names_of_imported_registers(self) -> frozenset[str]:
        """The names of the registers imported by the given time, without those whose numbers were replaced since."""
        return frozenset(register.name for register in self.registers) - self.replaced


class SQL(Statements):
    registers = Query(Register)
    imports = Query(RegisterImport)
    set_register = Command()
    dated = Scalar(float)
    delete_numbers = Command()
    insert_number = Command()
    count_numbers = Scalar(int)
    issue_at = Scalar(datetime.fromisoformat)


def read_do_not_call_registers(db: Connection) -> list[Register]:
    """Return the imported do-not-call registers by name."""
    return SQL.registers.fetch_all_rows(db)


def read_registers_at_time(db: Connection, at: float, zone: ZoneInfo) -> RegistersAt:
    """Return the do-not-call registers that had been imported by a given time (epoch seconds).

    If a register was replaced later, the date of its earlier issue is read from the audit.
    """
    found, replaced = [], set()
    imported = dict(SQL.imports.iterate_rows(db))
    for register in read_do_not_call_registers(db):
        if imported[register.name] <= at:
            found.append(register)
            continue
        issue = SQL.issue_at.fetch_first_value(db, name=register.name, at=at)
        if issue is not None:
            found.append(Register(register.name, issue.replace(tzinfo=zone).timestamp(), 0))
            replaced.add(register.name)
    return RegistersAt(tuple(found), frozenset(replaced))


def read_issue_date_of_register(db: Connection, name: str) -> float | None:
    """Return when the imported edition of a do-not-call register was issued (epoch seconds), or None if none was imported."""
    return SQL.dated.fetch_first_value(db, name=name)


def import_do_not_call_register(
    db: Connection, name: str, numbers: Iterable[str], *, dated: float, at: float, sha256: str
) -> int:
    """Replace the numbers of a do-not-call register by the numbers of its new issue, and return their count.

    Runs inside the caller's transaction. Times are epoch seconds.
    """
    SQL.set_register.run_statement(db, name=name, dated=dated, at=at, numbers=0, sha256=sha256)
    SQL.delete_numbers.run_statement(db, name=name)
    SQL.insert_number.run_statement_for_each_parameter_set(db, ({"number": number, "name": name} for number in numbers))
    count = SQL.count_numbers.fetch_only_value(db, name=name)
    SQL.set_register.run_statement(db, name=name, dated=dated, at=at, numbers=count, sha256=sha256)
    return count
