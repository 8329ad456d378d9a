"""Writing rendered files into the folder of Asterisk or another program, all or none, and showing the changes."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import secrets
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from dialer.deploy.asterisk.conf_file import parse_asterisk_conf
from dialer.deploy.asterisk.render import MARKER
from dialer.errors import AsteriskFilesError

MODE = 0o640  # readable by the program's group only, because the files contain passwords
_SECRET = re.compile(
    r"^([ +-](?:(?:password|secret)\s*=|[\w.-]+:(?=\$7\$))).*|\b[0-9a-f]{40}\b",  # the last alternative matches `agi_secret`
    re.MULTILINE,
)


class FileChange(StrEnum):
    """The effect of writing a rendered file: new, changed, unchanged, or foreign (the existing file is not from
    Matdan).
    """

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    FOREIGN = "not ours"  # the existing file does not begin with our marker


@dataclass(frozen=True, slots=True)
class FilePlan:
    """A file that is to be written: its name, its present text (None = it does not exist) and its new text."""

    name: str
    before: str | None
    after: str
    marker: str = MARKER

    @property
    def change_kind(self) -> FileChange:
        """The effect of writing the file: new, changed, unchanged, or foreign (the existing file is not from Matdan)."""
        if self.before is None:
            return FileChange.NEW
        if self.before == self.after:
            return FileChange.SAME
        return FileChange.CHANGED if self.before.startswith(self.marker) else FileChange.FOREIGN

    def make_file_diff(self) -> str:
        """Return the changes to the file as a unified diff, with passwords hidden."""
        before = [] if self.before is None else self.before.splitlines(keepends=True)
        lines = difflib.unified_diff(before, self.after.splitlines(keepends=True), f"a/{self.name}", f"b/{self.name}")
        return _SECRET.sub(lambda found: f"{found[1] or ''}(hidden)", "".join(lines))


def plan_file_changes(directory: Path, rendered: Mapping[str, str], marker: str = MARKER) -> list[FilePlan]:
    """Compare rendered files with the files in a directory.

    Return a plan for each file: what writing it would change. `marker` is the first line of each file that Matdan has
    written. Raises AsteriskFilesError if a file cannot be read.
    """
    return [FilePlan(name, read_file_if_exists(directory / name), text, marker) for name, text in rendered.items()]


def has_conf_files(directory: Path) -> bool:
    """Return whether a directory has any .conf file.

    Without one, Asterisk probably reads another folder.
    """
    return any(directory.glob("*.conf"))


def find_endpoint_passwords(directory: Path, endpoints: Collection[str]) -> dict[str, str]:
    """Return a SIP password for each endpoint: its password in the existing pjsip.conf, or a new password of 144
    bits."""
    text = read_file_if_exists(directory / "pjsip.conf") or ""
    existing: dict[str, str] = {}
    if text.startswith(MARKER):
        for section in parse_asterisk_conf("pjsip.conf", text).find_sections_of_type("auth"):
            existing[section.get_setting_value("username")] = section.get_setting_value("password")
    return {endpoint: existing.get(endpoint) or secrets.token_urlsafe(18) for endpoint in endpoints}


def write_planned_files(directory: Path, plans: Collection[FilePlan], *, force: bool) -> list[str]:
    """Write the new and changed files of a plan, all or none. Return the names of the written files.

    A file that Matdan did not write is replaced only with `force`, and saved as NAME.before-matdan. A missing directory
    is created only if its parent exists, so that a mistyped name is noticed. Raises AsteriskFilesError if a file cannot
    be written, or is not from Matdan and `force` is not set.
    """
    foreign = [plan.name for plan in plans if plan.change_kind is FileChange.FOREIGN]
    if foreign and not force:
        raise AsteriskFilesError(
            f"{directory}: Matdan has not written these files: {', '.join(foreign)}; nothing was changed: use an "
            "empty directory, or add --force, which saves each of these files as NAME.before-matdan"
        )
    due = [plan for plan in plans if plan.change_kind is not FileChange.SAME]
    try:
        directory.mkdir(mode=0o750, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory, prefix=".matdan-", ignore_cleanup_errors=True) as staging:
            _replace_all_files_or_none(directory, due, Path(staging))
    except OSError as error:
        if not directory.parent.exists():
            raise AsteriskFilesError(
                f"{directory}: the folder {directory.parent} does not exist; give the directory that the program reads, "
                "such as /etc/asterisk"
            ) from error
        raise AsteriskFilesError(
            f"{error.filename2 or directory} cannot be written ({error.strerror}); "
            "free some disk space, or use a directory that you may write to"
        ) from error
    return [plan.name for plan in due]


def read_file_if_exists(path: Path) -> str | None:
    """Return the text of a file, or None if it does not exist.

    Raises AsteriskFilesError if it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AsteriskFilesError(
            f"{path} cannot be read ({error.strerror}); check the path and its permissions"
        ) from error


def _replace_all_files_or_none(directory: Path, due: Collection[FilePlan], staging: Path) -> None:
    """Write all files to the folder `staging`, then rename them into place. If a rename fails, undo all.

    The folder `staging` must be on the same file system.
    """
    owner = directory.stat()
    for plan in due:
        _write_file_with_owner_of_folder(staging / plan.name, plan.after.encode(), owner)
        if plan.change_kind is FileChange.CHANGED:
            _write_file_with_owner_of_folder(staging / f"{plan.name}.was", (directory / plan.name).read_bytes(), owner)
    with contextlib.ExitStack() as undo:
        for plan in due:
            path, kept = directory / plan.name, directory / f"{plan.name}.before-matdan"
            if plan.change_kind is FileChange.CHANGED:  # replaced in one step, as Asterisk may be reading the file
                (staging / plan.name).replace(path)
                undo.callback((staging / f"{plan.name}.was").replace, path)
                continue
            if plan.change_kind is FileChange.FOREIGN:
                if kept.is_file():
                    _replace_file_with_undo(kept, staging / kept.name, undo)
                _replace_file_with_undo(path, kept, undo)
            _replace_file_with_undo(staging / plan.name, path, undo)
        undo.pop_all()


def _replace_file_with_undo(path: Path, to: Path, undo: contextlib.ExitStack) -> None:
    path.replace(to)
    undo.callback(to.replace, path)


def _write_file_with_owner_of_folder(path: Path, content: bytes, owner: os.stat_result) -> None:
    """Write a file, and give it the owner and group of its directory if permitted."""
    with path.open("wb") as file:
        os.fchmod(file.fileno(), MODE)
        with contextlib.suppress(PermissionError):
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
