"""Rolls and numbers from the board: a roll is checked in a process of its own and taken in by the dialler, a number is suppressed
or erased. What is handed over stands in the store's spool, and the command names it by its id.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import Collection
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote

import structlog
from fastapi import APIRouter, Request
from pydantic import Field

from dialer.desk.board import HANDED_OVER, answered, reply_to
from dialer.domain.errors import RollError, StoreError
from dialer.errors import MatdanError
from dialer.mqtt.dialler_client import DiallerClient
from dialer.roll.hand_over import hand_over_roll
from dialer.roll.importer import ImportOptions, prepare_import
from dialer.roll.phone_numbers import parse_single_number
from dialer.settings.site import Settings
from dialer.store.keys import site_key
from dialer.store.spool import Spool
from dialer.web.access import PageRoute, SignedIn, allow
from dialer.web.page_requests import CommandId, PageRequest
from dialer.web.page_state import PageState
from dialer.web.people import SignedInUser
from dialer.web.refusals import RequestRefused

_log = structlog.get_logger(__name__)

MOST_ROLL_BYTES = 1024**3
ROOM_PER_BYTE = 4  # a roll, its own store, and what it adds to the centre's
KINDS = {".csv", ".xlsx"}
ANY_BYTES = "application/octet-stream"
REPLY_SECONDS = 60.0  # until the same command is sent once more: its answer may have been lost
MOST_REPLIES = 120
AWAY_SECONDS = 5.0  # until it is sent again to a broker that is away
AT_REST = {"checked", "done", "refused"}
"""The states of a roll with which nothing is being done."""
NICE = 15
KILLED = "the process that checked it was ended from outside: look whether the machine is short of memory, then send it again"

_IMPORTERS = HANDED_OVER["roll-import"]


class ListNamed(PageRequest):
    """A roll that was handed over; `id` is that of the command."""

    id: CommandId
    list: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class NumberSuppressed(PageRequest):
    """A number, as somebody writes it, that is never to be called again."""

    id: CommandId
    number: Annotated[str, Field(min_length=1, max_length=40)]


class NumberErased(NumberSuppressed):
    """A number that is to be known no more; `names`: who is on it neither."""

    names: bool


@dataclass(frozen=True, slots=True)
class ListShown:
    """How a roll stands that was handed over."""

    id: str
    name: str  # of its file
    by: str
    state: str  # receiving, checking, checked, taking-in, done, refused
    at: float  # epoch seconds, of that state
    figures: dict[str, int] | None = None
    reasons: dict[str, int] | None = None  # why rows, numbers and cells are not taken, in words
    doubts: list[str] | None = None  # what to look at before it is taken in, in words
    text: str = ""  # why it was refused, or what was done


class Lists:
    """One roll at a time, and numbers: each for those who may give its command."""

    def __init__(self, settings: Settings, page_state: PageState, dialler_client: DiallerClient) -> None:
        self._spool = Spool(settings.store.path, site_key(settings))
        self._region = settings.centre.region
        self._reserve = settings.store.reserve_megabytes * 1024**2
        self._page_state = page_state
        self._dialler_client = dialler_client
        self._shown: ListShown | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(route_class=PageRoute)
        upload = allow(_IMPORTERS, content_type=ANY_BYTES, max_body_bytes=MOST_ROLL_BYTES)
        router.post("/api/lists", dependencies=upload)(self.receive)
        router.post("/api/lists/import", dependencies=allow(_IMPORTERS), status_code=204)(self.take_in)
        router.post("/api/lists/discard", dependencies=allow(_IMPORTERS), status_code=204)(self.forget)
        router.post("/api/numbers/suppress", dependencies=allow(HANDED_OVER["suppress"]))(self.suppress)
        router.post("/api/numbers/erase", dependencies=allow(HANDED_OVER["erase-number"]))(self.erase)
        return router

    async def receive(self, request: Request, who: SignedIn) -> dict[str, str]:
        """Take a roll's file, whose name stands in the header x-name; it is checked at once, and changes nothing."""
        name = unquote(request.headers.get("x-name", ""))[:200]
        length = int(request.headers.get("content-length", "0"))
        if Path(name).suffix.lower() not in KINDS:
            raise RequestRefused(422, "no-roll")
        list_id = await asyncio.to_thread(self._spool.new)
        if self._shown is not None and self._shown.state not in AT_REST:
            raise RequestRefused(409, "list-busy")
        if shutil.disk_usage(self._spool.store.parent).free < ROOM_PER_BYTE * length + self._reserve:
            raise RequestRefused(507, "no-room")
        self._forget()
        self._show(ListShown(list_id, name, who.name, "receiving", 0.0))
        path = self._spool.path(list_id).with_suffix(Path(name).suffix.lower())
        try:
            with await asyncio.to_thread(path.open, "xb") as file:
                async for chunk in request.stream():
                    await asyncio.to_thread(file.write, chunk)
        except BaseException as error:
            self._forget()
            if isinstance(error, OSError):
                raise StoreError(f"{path.parent}: {error.strerror}") from error
            raise
        self._go_on(self._check(list_id, path))
        return {"list": list_id}

    async def take_in(self, asked: ListNamed, who: SignedIn) -> None:
        """Have the dialler take in a roll that was checked; how far it is stands in the centre's state."""
        self._refuse_other(asked.list, {"checked"})
        self._change(asked.list, state="importing")
        self._go_on(self._take_in(asked, who.name))

    async def forget(self, asked: ListNamed) -> None:
        """Remove a roll that is not to be taken in, or was."""
        self._refuse_other(asked.list, AT_REST)
        self._forget()

    def _refuse_other(self, list_id: str, states: Collection[str]) -> None:
        if self._shown is None or self._shown.id != list_id or self._shown.state not in states:
            raise RequestRefused(409, "no-list")

    async def suppress(self, asked: NumberSuppressed, who: SignedIn) -> dict[str, str]:
        """Never call a number again."""
        return await self._of_number(asked, who, "suppress", {"source": "board"})

    async def erase(self, asked: NumberErased, who: SignedIn) -> dict[str, str]:
        """Know a number no more."""
        return await self._of_number(asked, who, "erase-number", {"names": asked.names})

    async def _of_number(
        self, asked: NumberSuppressed, who: SignedInUser, name: str, values: dict[str, str | bool]
    ) -> dict[str, str]:
        try:
            number = parse_single_number(asked.number, self._region)
        except RollError as error:
            raise RequestRefused(422, "no-number") from error
        list_id = hashlib.sha256(f"{who.name}/{asked.id}".encode()).hexdigest()[:32]  # the same again names the same
        await asyncio.to_thread(self._spool.add_numbers, [number], list_id)
        try:
            given = {"list": list_id, "who": who.name, **values}
            return answered(await reply_to(self._dialler_client, who.name, asked.id, name, given))
        finally:
            await asyncio.to_thread(self._spool.remove, list_id)

    def close(self) -> None:
        """What is under way here is left; the dialler goes on with what it has begun."""
        for task in self._tasks:
            task.cancel()

    def _go_on(self, work: Any) -> None:
        task = asyncio.create_task(work, name="desk-list")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _check(self, list_id: str, path: Path) -> None:
        self._change(list_id, state="checking")
        pool = _process()
        try:
            work = partial(check, path, list_id, self._spool, self._region)
            found = await asyncio.get_running_loop().run_in_executor(pool, work)
        except (MatdanError, BrokenProcessPool) as refused:
            self._spool.remove(list_id)
            said = str(refused).replace(str(path), self._shown.name if self._shown else path.name)
            broke = isinstance(refused, BrokenProcessPool)  # which tells of pools and futures
            self._change(list_id, state="refused", text=KILLED if broke else said)
        else:
            self._change(list_id, state="checked", **found)
        finally:
            pool.shutdown(wait=False)  # its process is of the lowest priority, and every page would wait for its end

    async def _take_in(self, asked: ListNamed, who: str) -> None:
        given, replies = {"list": asked.list, "who": who}, 0
        while True:
            reply = await self._dialler_client.ask(who, asked.id, "roll-import", given, seconds=REPLY_SECONDS)
            replies += reply is not None
            if reply is None:
                await asyncio.sleep(AWAY_SECONDS)
            elif reply.status != "unanswered" or replies == MOST_REPLIES:
                break
        self._spool.remove(asked.list)
        self._change(asked.list, state="done" if reply.status == "done" else "refused", text=reply.text)

    def _forget(self) -> None:
        if self._shown is not None:
            self._spool.remove(self._shown.id)
        self._shown = None
        self._page_state.put("list", None)

    def _change(self, list_id: str, **changed: Any) -> None:
        if self._shown is not None and self._shown.id == list_id:
            self._show(replace(self._shown, **changed))

    def _show(self, shown: ListShown) -> None:
        self._shown = replace(shown, at=self._page_state.now())
        self._page_state.put("list", self._shown)
        _log.info("desk.list", list=shown.id, state=shown.state, by=shown.by)


def check(path: Path, list_id: str, spool: Spool, region: str) -> dict[str, Any]:
    """Hand a roll over and say what its import would do, in the fields of `ListShown`; the file as it was sent goes. Blocks, for
    minutes perhaps. Raises as `hand_over_roll` does.
    """
    options = ImportOptions(dry_run=True, region=region)
    try:
        prepared = prepare_import(path)
        _, result = hand_over_roll(prepared, spool, options, list_id=list_id)
        doubts = prepared.find_warnings(region)
    finally:
        path.unlink(missing_ok=True)
    figures = {**result.count_rows(), "booths": result.booths, "opted_out": result.opted_out}
    figures |= {"rejected_numbers": result.rejected_numbers, "rejected_cells": result.rejected_cells}
    figures |= {"without_close": result.without_close}
    return {"figures": figures, "reasons": dict(result.reasons), "doubts": doubts}


def _process() -> Executor:
    return ProcessPoolExecutor(1, get_context("spawn"), os.nice, (NICE,))
