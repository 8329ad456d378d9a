"""Commands for rolls and numbers, which no command names: each stands in the spool beside the store (dialer/store/spool.py), handed
over there by a program on the dialler's machine, and the command names it by its id. Pure.
"""

from __future__ import annotations

from dialer.engine.command.desks import Desks
from dialer.engine.command.registry import BOOTHS, RULES, Command, Urgency, Value, offered, read_flag, text_of
from dialer.engine.external_records.commands import SOURCE, WHO

LIST = Value(
    "list",
    "the id of what was handed over: 32 small hexadecimal digits",
    text_of("[0-9a-f]{32}"),
    description="of roll-import, suppress and erase-number: the id of what was handed over in the store's spool",
)
NAMES = Value(
    "names",
    "true or false",
    read_flag,
    bool,
    "of erase-number: true: what identifies the voters on the number goes too",
)


@offered("roll-import", LIST, WHO, roles=BOOTHS, repeatable=True, urgency=Urgency.LONG)
class ImportRoll(Command):
    """A roll into the store, piece by piece beside the calls; `roll` of `state` tells how far. It is called once all is in."""

    list: str
    who: str

    async def carry_out(self, desks: Desks) -> str:
        return await desks.handed_over.take_roll(self.list, self.who)


@offered("suppress", LIST, SOURCE, WHO, roles=RULES, repeatable=True)
class Suppress(Command):
    """Numbers that are never to be called again, by any campaign, on the roll or not."""

    list: str
    source: str
    who: str

    async def carry_out(self, desks: Desks) -> str:
        return await desks.handed_over.suppress(self.list, self.source, self.who)


@offered("erase-number", LIST, NAMES, WHO, roles=RULES, repeatable=True)
class EraseNumber(Command):
    """Numbers that are to be known no more, with what was recorded and written of their people: see `dialer erase`."""

    list: str
    names: bool
    who: str

    async def carry_out(self, desks: Desks) -> str:
        return await desks.handed_over.erase(self.list, self.who, names=self.names)
