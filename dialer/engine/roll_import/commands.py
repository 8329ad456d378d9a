"""Commands for electoral rolls and phone numbers, which contain no phone numbers themselves.

They name a list by its ID in the spool: a folder next to the store (dialer/store/spool.py), where a program puts lists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from dialer.engine.command.base import BOOTH_ROLES, COMPLIANCE_ROLES, SUPERVISOR_ONLY, Command, CommandContext, Urgency
from dialer.engine.command.fields import MAX_INTEGER, PersonId, Responsible, StoreId

if TYPE_CHECKING:
    from dialer.engine.services import Services

SpooledList = Annotated[
    str, Field(pattern=r"^[0-9a-f]{32}$", description="ID of the list in the store's spool: 32 hexadecimal digits")
]
ListSource = Annotated[
    PersonId,
    Field(
        description="where the numbers come from, such as letter-12: an ID of letters, dots, dashes and at most 6 digits;"
        " no name, no phone number"
    ),
]


class ImportRoll(Command):
    """Import an electoral roll in small steps while calls continue. `roll` in `state` shows the progress. Dialling of
    its numbers starts when the import is complete.
    """

    name: Literal["roll-import"] = "roll-import"
    roles = BOOTH_ROLES
    urgency = Urgency.LONG
    is_idempotent = True

    list: SpooledList
    who: Responsible

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.roll_import.import_roll(self.list, context.describe_responsible_person(self.who))


class DownloadRejectedRows(Command):
    """Record in the audit log that the sender downloads the rejected rows of an uploaded electoral roll, with names and
    numbers. The desk (the server of the pages) sends this command before it hands out the file.
    """

    name: Literal["rejects-download"] = "rejects-download"
    roles = SUPERVISOR_ONLY
    is_idempotent = True
    audited = ("sha256", "rejects")

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the uploaded roll (hexadecimal)")]
    rejects: Annotated[
        int, Field(ge=1, le=MAX_INTEGER, description="how many rejected rows, numbers and cells the file has")
    ]

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return "the download is recorded in the audit log"


class SuppressNumbers(Command):
    """Suppress phone numbers: no campaign calls them again, whether they are on an electoral roll or not."""

    name: Literal["suppress"] = "suppress"
    roles = COMPLIANCE_ROLES
    is_idempotent = True

    list: SpooledList
    source: ListSource
    who: Responsible

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.roll_import.suppress_list_of_phone_numbers(
            self.list, self.source, context.describe_responsible_person(self.who)
        )


class SearchCallsOfNumber(Command):
    """Record in the audit log that the sender searches the calls to a phone number. The desk (the server of the pages)
    sends this command before it shows which ID the number has.
    """

    name: Literal["number-search"] = "number-search"
    roles = COMPLIANCE_ROLES
    is_idempotent = True
    audited = ("phone_id",)

    phone_id: Annotated[
        StoreId | None,
        Field(
            description="ID of the number in this centre's store, never the number itself; left out: it is not stored"
        ),
    ] = None

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return "the search is recorded in the audit log"


class EraseNumbers(Command):
    """Erase phone numbers, with the recordings and notes of their voters. `dialer erase` does the same."""

    name: Literal["erase-number"] = "erase-number"
    roles = COMPLIANCE_ROLES
    is_idempotent = True

    list: SpooledList
    names: Annotated[bool, Field(description="true: erase the names of the voters on these numbers too")]
    who: Responsible

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.roll_import.erase_numbers(
            self.list, context.describe_responsible_person(self.who), names=self.names
        )
