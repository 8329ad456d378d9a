"""Saving of files that supervisors edit on the pages. The dialler reloads a saved file; if it refuses, the file is restored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from dialer.desk.board import send_command_to_dialler
from dialer.errors import MatdanError
from dialer.mqtt.dialler_client import DiallerClient, Reply
from dialer.settings.file_change import FileChange
from dialer.web.refusals import RequestRefused

_log = structlog.get_logger(__name__)


async def save_file_and_reload(
    change: FileChange,
    check: Callable[[], object],
    dialler_client: DiallerClient,
    user: str,
    command_id: str,
    reload_command: str,
) -> Reply:
    """Write a changed file and send the dialler a command to reload it. Return the dialler's reply.

    If the dialler refuses the reload, the file is restored. If the dialler does not answer, the new content stays, and
    the dialler reads it at its next start. So `check` must raise MatdanError if the dialler could not start with it.

    Raises the errors of `FileChange.write_changed_file` and of `check`, and RequestRefused if the broker is
    unreachable. After such an error, the file has its earlier content.
    """
    await asyncio.to_thread(change.write_changed_file)
    _log.info("edited_file.saved", file=change.path.name, by=user)
    try:
        await asyncio.to_thread(check)
        reply = await send_command_to_dialler(dialler_client, user, command_id, reload_command, {})
    except (MatdanError, RequestRefused):
        await _restore_file(change)
        raise
    if reply.status == "refused":
        await _restore_file(change)
    return reply


async def _restore_file(change: FileChange) -> None:
    """Restore a file as it was before the change. If that fails, log the error and leave the new content in it."""
    try:
        await asyncio.to_thread(change.restore_original_file)
    except (MatdanError, OSError) as error:
        _log.error("edited_file.restore_failed", file=change.path.name, problem=str(error))
    else:
        _log.info("edited_file.restored", file=change.path.name)
