"""Import of electoral rolls on the board. A file is uploaded, checked in a separate process, and imported by the
dialler.

The check shows which column was read as which field. The user may change this mapping and check the file again. The
file, its rejected rows and the checked roll wait in the store's spool, an encrypted folder of uploads. Each check has
its own id, which the command to import contains. So the dialler imports the roll exactly as the user has seen it
checked.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import uuid
from collections.abc import Collection, Mapping
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
from fastapi.responses import StreamingResponse
from pydantic import Field

from dialer.desk.board import OTHER_COMMANDS, send_command_to_dialler
from dialer.domain.errors import NotInStore, RollError, StoreError
from dialer.domain.output import create_private_file
from dialer.domain.schema import MESSAGE
from dialer.domain.translatable import ShownText
from dialer.errors import MatdanError
from dialer.mqtt.dialler_client import DiallerClient
from dialer.roll.fields import Field as RollField
from dialer.roll.hand_over import send_roll_to_running_dialler
from dialer.roll.importer import ImportOptions, PreparedImport
from dialer.roll.mapping import ColumnsNotMapped, MapFile, map_roll_columns_to_fields
from dialer.roll.preview import ColumnPreview, PreviewedReject, preview_columns, preview_rejects
from dialer.roll.reading import HEAD_ROWS, open_roll
from dialer.roll.workbook_reader import MAX_COLUMNS
from dialer.settings.site import Settings
from dialer.store.keys import read_store_key_of_site
from dialer.store.spool import CLEANING_SECONDS, SPOOL_SECONDS, Spool
from dialer.web.access import PageRoute, SignedIn, allow_users_with_roles
from dialer.web.page_requests import CommandId, PageRequest
from dialer.web.page_state import PageState
from dialer.web.people import repeat_function_with_pause, run_function_and_log_store_error
from dialer.web.refusals import RequestRefused

_log = structlog.get_logger(__name__)

MAX_ROLL_BYTES = 1024**3
DISK_FACTOR = 5  # free bytes needed for each byte: the file, its encrypted copy, its spool, and its rows in the store
FILE_TYPES = {".csv", ".xlsx"}
MAX_NAME_CHARACTERS = 100
ANY_BYTES = "application/octet-stream"
REPLY_SECONDS = 60.0  # before the command is sent again because its reply may have been lost
MAX_REPLIES = 120
RECONNECT_SECONDS = 5.0  # before the command is sent again to an unreachable broker
AT_REST = {"checked", "done", "refused"}
"""The states of a roll in which no work is in progress."""
NICE = 15
KILLED = "the process that checked the file was killed: check whether the machine is short of memory, then upload the file again"

_IMPORTERS = OTHER_COMMANDS["roll-import"]
_UPLOAD, _REJECTS = "upload", "rejects"
"""The encrypted files of an upload: the file as it was uploaded, and its rejected rows."""


class RollReference(PageRequest):
    """A checked electoral roll, and the id of the command about it."""

    id: CommandId
    list: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


_ColumnNumber = Annotated[int, Field(strict=True, ge=1, le=MAX_COLUMNS)]


class RollMapping(RollReference):
    """The field that each column of an uploaded electoral roll contains, as a user has chosen it.

    Rows and columns are counted from 1.
    """

    header_row: Annotated[int, Field(strict=True, ge=0, le=HEAD_ROWS)]
    """the row with the headings; 0: the file has none"""
    columns: Annotated[dict[RollField, list[_ColumnNumber]], Field(max_length=len(RollField))] | None = None
    """the columns of each field, others are not read; left out: as the headings suggest"""

    def make_map_file_content(self) -> MapFile:
        """Return the mapping in the form that `dialer import --map` reads from a file."""
        if self.columns is None:
            return MapFile(header_row=self.header_row)
        return MapFile(
            header_row=self.header_row, columns={name: tuple(self.columns.get(name, ())) for name in RollField}
        )


RollState = Literal["receiving", "checking", "checked", "importing", "done", "refused"]
RollProblem = Literal["no-headings", "header-row", "missing-fields", "repeated-field", "all-rejected"]
"""Why a roll cannot be imported with its present mapping: a `MappingProblem`, or no row was accepted."""


@dataclass(frozen=True, slots=True)
class RollStatus:
    """The status of an uploaded electoral roll: its columns, the figures that its check or import found, and the
    rejected rows.
    """

    __pydantic_config__ = MESSAGE

    id: str  # of the check: the same file checked again has another one
    name: str  # of the file
    by: str  # the user who uploaded it
    state: RollState
    at: float  # when it entered this state (epoch seconds)
    figures: dict[str, int] | None = None
    reasons: dict[str, int] | None = None  # why rows, numbers and cells are rejected, with their counts
    warnings: list[ShownText] | None = None  # what to check before the import
    text: str = ""  # why it was refused, or the result of the import
    description: str = ""  # the format of the file
    preview: ColumnPreview | None = None  # the mapping, which may be changed; None: the file is not there for it
    problem: RollProblem | None = None  # why it was refused, if the mapping is the cause
    problem_fields: tuple[RollField, ...] = ()  # that the problem is about
    rejects: tuple[PreviewedReject, ...] = ()  # the first ones
    sha256: str = ""  # of the file


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """An uploaded file of an electoral roll. It may be checked several times."""

    id: str
    name: str  # as the user's file is called, without folders

    @property
    def suffix(self) -> str:
        """The ending of the file's name in lower case, such as .csv."""
        return Path(self.name).suffix.lower()


class RollRoutes:
    """Routes that upload, check, import and discard an electoral roll. Only one roll can be in work at a time."""

    def __init__(self, settings: Settings, page_state: PageState, dialler_client: DiallerClient) -> None:
        self._spool = Spool(settings.store.path, read_store_key_of_site(settings))
        self._region = settings.centre.region
        self._reserve = settings.store.reserve_megabytes * 1024**2
        self._page_state = page_state
        self._dialler_client = dialler_client
        self._status: RollStatus | None = None
        self._upload: UploadedFile | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def create_http_router(self) -> APIRouter:
        """Return a router with the routes that upload, check, import and discard electoral rolls."""
        router = APIRouter(route_class=PageRoute)
        upload = allow_users_with_roles(_IMPORTERS, content_type=ANY_BYTES, max_body_bytes=MAX_ROLL_BYTES)
        router.post("/api/lists", dependencies=upload)(self.receive_roll_file)
        router.post("/api/lists/check", dependencies=allow_users_with_roles(_IMPORTERS), status_code=204)(
            self.check_roll_again
        )
        csv: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}}}
        router.post(
            "/api/lists/rejects",
            dependencies=allow_users_with_roles(OTHER_COMMANDS["rejects-download"]),
            response_class=StreamingResponse,
            responses=csv,
        )(self.download_rejected_rows)
        router.post("/api/lists/import", dependencies=allow_users_with_roles(_IMPORTERS), status_code=204)(
            self.import_roll
        )
        router.post("/api/lists/discard", dependencies=allow_users_with_roles(_IMPORTERS), status_code=204)(
            self.discard_uploaded_roll
        )
        return router

    async def delete_old_uploads_until_cancelled(self) -> None:
        """Delete uploads that have waited for nearly a day, now and every hour until cancelled."""
        await repeat_function_with_pause(
            CLEANING_SECONDS, lambda: run_function_and_log_store_error(self.delete_old_uploads(), "spool.clean_failed")
        )

    async def delete_old_uploads(self) -> None:
        """Delete uploads older than `SPOOL_SECONDS`, unless a roll is being checked or imported. Raises StoreError."""
        status = self._status
        if status is not None and status.state not in AT_REST:
            return
        if status is not None and self._page_state.now() - status.at > SPOOL_SECONDS:
            self._discard_uploaded_roll_and_status()
        await asyncio.to_thread(self._spool.delete_old_spooled_files)

    async def receive_roll_file(self, request: Request, who: SignedIn) -> dict[str, str]:
        """Receive the file of an electoral roll, named by the header x-name, and start to check it. Nothing is imported yet."""
        name = clean_file_name(unquote(request.headers.get("x-name", "")))
        length = int(request.headers.get("content-length", "0"))
        if Path(name).suffix.lower() not in FILE_TYPES:
            raise RequestRefused(422, "no-roll")
        upload = UploadedFile(await asyncio.to_thread(self._spool.begin_upload), name)
        if self._status is not None and self._status.state not in AT_REST:
            raise RequestRefused(409, "list-busy")
        if shutil.disk_usage(self._spool.store.parent).free < DISK_FACTOR * length + self._reserve:
            raise RequestRefused(507, "no-room")
        self._discard_uploaded_roll_and_status()
        list_id = uuid.uuid4().hex
        self._upload = upload
        self._publish_roll_status(RollStatus(list_id, name, who.name, "receiving", 0.0))
        path = get_path_of_uploaded_file(self._spool, upload)
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
        self._change_status_of_uploaded_roll(list_id, state="checking")
        self._start_background_task_for_roll(self._check_roll_file(list_id, upload, None))
        return {"list": list_id}

    async def check_roll_again(self, asked: RollMapping) -> None:
        """Check an uploaded electoral roll again with other columns. Nothing is imported yet."""
        status, upload = self._require_uploaded_roll_in_state(asked.list, {"checked", "refused"}), self._upload
        if status.preview is None or upload is None:
            raise RequestRefused(409, "no-list")
        self._spool.remove_spooled_file(status.id)
        list_id = uuid.uuid4().hex
        self._publish_roll_status(RollStatus(list_id, status.name, status.by, "checking", 0.0, preview=status.preview))
        self._start_background_task_for_roll(self._check_roll_file(list_id, upload, asked.make_map_file_content()))

    async def download_rejected_rows(self, asked: RollReference, who: SignedIn) -> StreamingResponse:
        """Return the rejected rows as a CSV file, once the dialler has recorded the download in the audit log."""
        status = self._require_uploaded_roll_in_state(asked.list, AT_REST)
        values = {"sha256": status.sha256, "rejects": sum((status.reasons or {}).values())}
        if not values["rejects"]:
            raise RequestRefused(409, "no-list")
        reply = await send_command_to_dialler(self._dialler_client, who.name, asked.id, "rejects-download", values)
        if reply.status != "done":
            raise RequestRefused(503, "rejects-not-audited")
        self._require_uploaded_roll_in_state(asked.list, AT_REST)
        assert self._upload is not None  # noqa: S101 - there is a status
        try:
            pieces = await asyncio.to_thread(self._spool.read_encrypted_copy_of_upload, self._upload.id, _REJECTS)
        except NotInStore as error:
            raise RequestRefused(409, "no-list") from error
        headers = {"content-disposition": 'attachment; filename="rejects.csv"'}
        return StreamingResponse(pieces, media_type="text/csv; charset=utf-8", headers=headers)

    async def import_roll(self, asked: RollReference, who: SignedIn) -> None:
        """Tell the dialler to import a checked electoral roll. The centre's state shows the progress."""
        self._require_uploaded_roll_in_state(asked.list, {"checked"})
        self._change_status_of_uploaded_roll(asked.list, state="importing")
        self._start_background_task_for_roll(self._import_checked_roll(asked, who.name))

    async def discard_uploaded_roll(self, asked: RollReference) -> None:
        """Delete an uploaded electoral roll, unless it is being checked or imported."""
        self._require_uploaded_roll_in_state(asked.list, AT_REST)
        self._discard_uploaded_roll_and_status()

    def _require_uploaded_roll_in_state(self, list_id: str, states: Collection[str]) -> RollStatus:
        """Return the status of the uploaded roll. Raises RequestRefused if another roll is uploaded, or its state is
        not in `states`.
        """
        if self._status is None or self._status.id != list_id or self._status.state not in states:
            raise RequestRefused(409, "no-list")
        return self._status

    def close(self) -> None:
        """Cancel uploads and checks. The dialler finishes an import that it has started."""
        for task in self._tasks:
            task.cancel()

    def _start_background_task_for_roll(self, work: Any) -> None:
        task = asyncio.create_task(work, name="desk-list")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _check_roll_file(self, list_id: str, upload: UploadedFile, map_file: MapFile | None) -> None:
        pool = _start_roll_check_process()
        try:
            work = partial(check_uploaded_roll, upload, list_id, self._spool, self._region, map_file)
            found = await asyncio.get_running_loop().run_in_executor(pool, work)
        except (MatdanError, BrokenProcessPool) as error:
            self._spool.remove_spooled_file(list_id)
            self._spool.remove_spooled_file(upload.id)
            text = KILLED if isinstance(error, BrokenProcessPool) else str(error)
            self._refuse_uploaded_roll(list_id, upload, preview=None, text=text)
        else:
            if found.get("problem") or found.get("text"):
                self._refuse_uploaded_roll(list_id, upload, **found)
            else:
                self._change_status_of_uploaded_roll(list_id, state="checked", **found)
        finally:
            pool.shutdown(wait=False)  # its process has the lowest priority: waiting for it would block the pages

    def _refuse_uploaded_roll(self, list_id: str, upload: UploadedFile, *, text: str = "", **changed: Any) -> None:
        path = str(get_path_of_uploaded_file(self._spool, upload))
        text = text.replace(path, self._status.name if self._status else Path(path).name)
        self._change_status_of_uploaded_roll(list_id, state="refused", text=text, **changed)

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
        if self._upload is not None:  # its rejected rows may still be downloaded
            self._spool.remove_spooled_file(f"{self._upload.id}.{_UPLOAD}")
        self._change_status_of_uploaded_roll(
            asked.list, state="done" if reply.status == "done" else "refused", text=reply.text, preview=None
        )

    def _discard_uploaded_roll_and_status(self) -> None:
        if self._status is not None:
            self._spool.remove_spooled_file(self._status.id)
        if self._upload is not None:
            self._spool.remove_spooled_file(self._upload.id)
        self._status = self._upload = None
        self._page_state.set_value_of_key("list", None)

    def _change_status_of_uploaded_roll(self, list_id: str, **changed: Any) -> None:
        if self._status is not None and self._status.id == list_id:
            self._publish_roll_status(replace(self._status, **changed))

    def _publish_roll_status(self, status: RollStatus) -> None:
        self._status = replace(status, at=self._page_state.now())
        self._page_state.set_value_of_key("list", self._status)
        _log.info("roll.status_changed", list=status.id, state=status.state, by=status.by)


def clean_file_name(text: str) -> str:
    """Return the name of a file without folders and invisible characters, shortened to `MAX_NAME_CHARACTERS`."""
    name = "".join(filter(str.isprintable, text.replace("\\", "/").rpartition("/")[2])).strip()
    suffix = Path(name).suffix
    return name if len(name) <= MAX_NAME_CHARACTERS else name[: MAX_NAME_CHARACTERS - len(suffix)] + suffix


def get_path_of_uploaded_file(spool: Spool, upload: UploadedFile) -> Path:
    """Return the path of an uploaded file while it is received or checked. At other times only its encrypted copy exists."""
    return spool.get_path_of_spooled_file(upload.id).with_suffix(upload.suffix)


def check_uploaded_roll(
    upload: UploadedFile, list_id: str, spool: Spool, region: str, map_file: MapFile | None
) -> Mapping[str, Any]:
    """Check an uploaded electoral roll, and store it in the spool, from which the dialler imports rolls.

    Return the columns and the changes that the import would make, as fields of `RollStatus`. If the roll cannot be
    imported with these columns, the result has `problem` or `text`. `map_file` says what the columns contain. None =
    the file has just been uploaded, and the columns' headings say what they contain.

    Blocks for minutes. Only encrypted copies of the file and of its rejected rows remain. Raises RollError if the file
    is no roll, OutputRefused, StoreError.
    """
    path = get_path_of_uploaded_file(spool, upload)
    try:
        if map_file is None:
            spool.store_encrypted_copy_of_upload(upload.id, _UPLOAD, path)
        else:
            with os.fdopen(create_private_file(path), "wb") as file:
                file.writelines(spool.read_encrypted_copy_of_upload(upload.id, _UPLOAD))
        roll = open_roll(path)
        head = roll.read_first_rows()
        found: dict[str, Any] = {"description": roll.description, "sha256": roll.sha256}
        try:
            found["preview"] = preview_columns(path, head, map_file or MapFile())
            mapping = map_roll_columns_to_fields(path, head, map_file)
            return found | _check_rows_of_roll(PreparedImport(roll, mapping), upload, list_id, spool, region)
        except ColumnsNotMapped as error:
            return found | {"problem": error.problem, "problem_fields": error.fields}
        except RollError as error:
            return found | {"text": str(error)}
    except OSError as error:
        raise StoreError(
            f"{path.parent}: the uploaded roll cannot be checked ({error.strerror}):"
            " free some disk space, then upload the file again"
        ) from error
    finally:
        path.unlink(missing_ok=True)


def _check_rows_of_roll(
    prepared: PreparedImport, upload: UploadedFile, list_id: str, spool: Spool, region: str
) -> dict[str, Any]:
    rejects = spool.get_path_of_spooled_file(list_id).with_suffix(".rejects.csv")
    options = ImportOptions(dry_run=True, rejects_path=rejects, region=region, file_name=upload.name)
    _, result = send_roll_to_running_dialler(prepared, spool, options, list_id=list_id)
    if result.reasons:
        spool.store_encrypted_copy_of_upload(upload.id, _REJECTS, rejects)
    rejects.unlink(missing_ok=True)
    are_all_rejected = result.rejected == result.rows
    if are_all_rejected:
        spool.remove_spooled_file(list_id)
    figures = {**result.get_counts_of_imported_rows(), "booths": result.booths, "opted_out": result.opted_out}
    figures |= {"rejected_numbers": result.rejected_numbers, "rejected_cells": result.rejected_cells}
    figures |= {"without_close": result.without_close}
    return {
        "figures": figures,
        "reasons": dict(result.reasons),
        "rejects": preview_rejects(result.examples),
        "warnings": prepared.find_roll_warnings(region),
        "problem": "all-rejected" if are_all_rejected else None,
    }


def _start_roll_check_process() -> Executor:
    return ProcessPoolExecutor(1, get_context("spawn"), os.nice, (NICE,))
