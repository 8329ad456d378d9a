"""Import of electoral rolls on the board. A file is uploaded, checked in a separate process, and imported by the
dialler.

The checked roll waits for the dialler in the store's spool, an encrypted folder of uploads. The command to the dialler
contains the roll's id.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Collection
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote

import structlog
from fastapi import APIRouter, Request
from pydantic import Field

from dialer.desk.board import OTHER_COMMANDS
from dialer.domain.errors import StoreError
from dialer.domain.schema import MESSAGE
from dialer.errors import MatdanError
from dialer.mqtt.dialler_client import DiallerClient
from dialer.roll.hand_over import send_roll_to_running_dialler
from dialer.roll.importer import ImportOptions, prepare_roll_import
from dialer.settings.site import Settings
from dialer.store.keys import read_store_key_of_site
from dialer.store.spool import Spool
from dialer.web.access import PageRoute, SignedIn, allow_users_with_roles
from dialer.web.page_requests import CommandId, PageRequest
from dialer.web.page_state import PageState
from dialer.web.refusals import RequestRefused

_log = structlog.get_logger(__name__)

MAX_ROLL_BYTES = 1024**3
DISK_FACTOR = 4  # free bytes needed for each byte: the file, its spool, and its rows in the store
FILE_TYPES = {".csv", ".xlsx"}
ANY_BYTES = "application/octet-stream"
REPLY_SECONDS = 60.0  # before the command is sent again because its reply may have been lost
MAX_REPLIES = 120
RECONNECT_SECONDS = 5.0  # before the command is sent again to an unreachable broker
AT_REST = {"checked", "done", "refused"}
"""The states of a roll in which no work is in progress."""
NICE = 15
KILLED = (
    "the process that checked it was killed: check whether the machine is short of memory, then upload the file again"
)

_IMPORTERS = OTHER_COMMANDS["roll-import"]


class RollReference(PageRequest):
    """An uploaded electoral roll and the id of the command that imports the roll."""

    id: CommandId
    list: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


RollState = Literal["receiving", "checking", "checked", "importing", "done", "refused"]


@dataclass(frozen=True, slots=True)
class RollStatus:
    """The status of an uploaded electoral roll: its check or import, the figures found, and the reasons for rejected
    rows.
    """

    __pydantic_config__ = MESSAGE

    id: str
    name: str  # of the file
    by: str  # the user who uploaded it
    state: RollState
    at: float  # when it entered this state (epoch seconds)
    figures: dict[str, int] | None = None
    reasons: dict[str, int] | None = None  # why rows, numbers and cells are rejected, with their counts
    warnings: list[str] | None = None  # what to check before the import
    text: str = ""  # why it was refused, or the result of the import


class RollRoutes:
    """Routes that upload, import and discard an electoral roll. There is one roll at a time."""

    def __init__(self, settings: Settings, page_state: PageState, dialler_client: DiallerClient) -> None:
        self._spool = Spool(settings.store.path, read_store_key_of_site(settings))
        self._region = settings.centre.region
        self._reserve = settings.store.reserve_megabytes * 1024**2
        self._page_state = page_state
        self._dialler_client = dialler_client
        self._status: RollStatus | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def create_http_router(self) -> APIRouter:
        """Return a router with the routes that upload, check, import and discard electoral rolls."""
        router = APIRouter(route_class=PageRoute)
        upload = allow_users_with_roles(_IMPORTERS, content_type=ANY_BYTES, max_body_bytes=MAX_ROLL_BYTES)
        router.post("/api/lists", dependencies=upload)(self.receive_roll_file)
        router.post("/api/lists/import", dependencies=allow_users_with_roles(_IMPORTERS), status_code=204)(
            self.import_roll
        )
        router.post("/api/lists/discard", dependencies=allow_users_with_roles(_IMPORTERS), status_code=204)(
            self.discard_uploaded_roll
        )
        return router

    async def receive_roll_file(self, request: Request, who: SignedIn) -> dict[str, str]:
        """Receive the file of an electoral roll, named by the header x-name, and start to check it. Nothing is imported yet."""
        name = unquote(request.headers.get("x-name", ""))[:200]
        length = int(request.headers.get("content-length", "0"))
        if Path(name).suffix.lower() not in FILE_TYPES:
            raise RequestRefused(422, "no-roll")
        list_id = await asyncio.to_thread(self._spool.prepare_upload_folder_and_create_id)
        if self._status is not None and self._status.state not in AT_REST:
            raise RequestRefused(409, "list-busy")
        if shutil.disk_usage(self._spool.store.parent).free < DISK_FACTOR * length + self._reserve:
            raise RequestRefused(507, "no-room")
        self._discard_uploaded_roll_and_status()
        self._publish_roll_status(RollStatus(list_id, name, who.name, "receiving", 0.0))
        path = self._spool.get_path_of_spooled_file(list_id).with_suffix(Path(name).suffix.lower())
        try:
            with await asyncio.to_thread(path.open, "xb") as file:
                async for chunk in request.stream():
                    await asyncio.to_thread(file.write, chunk)
        except BaseException as error:
            self._discard_uploaded_roll_and_status()
            if isinstance(error, OSError):
                raise StoreError(
                    f"{path.parent}: the uploaded roll cannot be written ({error.strerror}):"
                    " free some disk space, or give this user permission to write there"
                ) from error
            raise
        self._start_background_task_for_roll(self._check_roll_file(list_id, path))
        return {"list": list_id}

    async def import_roll(self, asked: RollReference, who: SignedIn) -> None:
        """Tell the dialler to import a checked electoral roll. The centre's state shows the progress."""
        self._check_status_of_uploaded_roll(asked.list, {"checked"})
        self._change_status_of_uploaded_roll(asked.list, state="importing")
        self._start_background_task_for_roll(self._import_checked_roll(asked, who.name))

    async def discard_uploaded_roll(self, asked: RollReference) -> None:
        """Delete an uploaded electoral roll, unless it is being checked or imported."""
        self._check_status_of_uploaded_roll(asked.list, AT_REST)
        self._discard_uploaded_roll_and_status()

    def _check_status_of_uploaded_roll(self, list_id: str, states: Collection[str]) -> None:
        if self._status is None or self._status.id != list_id or self._status.state not in states:
            raise RequestRefused(409, "no-list")

    def close(self) -> None:
        """Cancel uploads and checks. The dialler finishes an import that it has started."""
        for task in self._tasks:
            task.cancel()

    def _start_background_task_for_roll(self, work: Any) -> None:
        task = asyncio.create_task(work, name="desk-list")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _check_roll_file(self, list_id: str, path: Path) -> None:
        self._change_status_of_uploaded_roll(list_id, state="checking")
        pool = _start_roll_check_process()
        try:
            work = partial(check_uploaded_roll, path, list_id, self._spool, self._region)
            found = await asyncio.get_running_loop().run_in_executor(pool, work)
        except (MatdanError, BrokenProcessPool) as error:
            self._spool.remove_spooled_file(list_id)
            problem = str(error).replace(str(path), self._status.name if self._status else path.name)
            was_killed = isinstance(error, BrokenProcessPool)
            self._change_status_of_uploaded_roll(list_id, state="refused", text=KILLED if was_killed else problem)
        else:
            self._change_status_of_uploaded_roll(list_id, state="checked", **found)
        finally:
            pool.shutdown(wait=False)  # its process has the lowest priority: waiting for it would block the pages

    async def _import_checked_roll(self, asked: RollReference, who: str) -> None:
        fields, replies = {"list": asked.list, "who": who}, 0
        while True:
            reply = await self._dialler_client.send_command(who, asked.id, "roll-import", fields, seconds=REPLY_SECONDS)
            replies += reply is not None
            if reply is None:
                await asyncio.sleep(RECONNECT_SECONDS)
            elif reply.status != "unanswered" or replies == MAX_REPLIES:
                break
        self._spool.remove_spooled_file(asked.list)
        self._change_status_of_uploaded_roll(
            asked.list, state="done" if reply.status == "done" else "refused", text=reply.text
        )

    def _discard_uploaded_roll_and_status(self) -> None:
        if self._status is not None:
            self._spool.remove_spooled_file(self._status.id)
        self._status = None
        self._page_state.set_value_of_key("list", None)

    def _change_status_of_uploaded_roll(self, list_id: str, **changed: Any) -> None:
        if self._status is not None and self._status.id == list_id:
            self._publish_roll_status(replace(self._status, **changed))

    def _publish_roll_status(self, status: RollStatus) -> None:
        self._status = replace(status, at=self._page_state.now())
        self._page_state.set_value_of_key("list", self._status)
        _log.info("roll.status_changed", list=status.id, state=status.state, by=status.by)


def check_uploaded_roll(path: Path, list_id: str, spool: Spool, region: str) -> dict[str, Any]:
    """Check an uploaded electoral roll, and store it in the spool, the folder of uploads for the dialler.

    Return the changes that its import would make, as fields of `RollStatus`. The uploaded file is deleted. Blocks, up
    to minutes. Raises the errors of `send_roll_to_running_dialler`.
    """
    options = ImportOptions(dry_run=True, region=region)
    try:
        prepared = prepare_roll_import(path)
        _, result = send_roll_to_running_dialler(prepared, spool, options, list_id=list_id)
        warnings = prepared.find_roll_warnings(region)
    finally:
        path.unlink(missing_ok=True)
    figures = {**result.get_counts_of_imported_rows(), "booths": result.booths, "opted_out": result.opted_out}
    figures |= {"rejected_numbers": result.rejected_numbers, "rejected_cells": result.rejected_cells}
    figures |= {"without_close": result.without_close}
    return {"figures": figures, "reasons": dict(result.reasons), "warnings": warnings}


def _start_roll_check_process() -> Executor:
    return ProcessPoolExecutor(1, get_context("spawn"), os.nice, (NICE,))
