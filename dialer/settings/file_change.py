"""A change of a file of the site that supervisors edit on a page, such as desk.campaigns_file.

The change is prepared and shown first. The file is then replaced, and restored if the dialler refuses the new content.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from dialer.domain.output import write_file
from dialer.errors import SettingError
from dialer.settings.files import MAX_TOML_BYTES, read_whole_file


class EditedFileChanged(SettingError):
    """Raised if somebody else has changed a file since the page read it, so that the user's edit is not saved."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), "", "has changed since the page read it", "open it on the page again")


@dataclass(frozen=True, slots=True)
class FileChange:
    """A change of a file that is not written yet."""

    path: Path
    setting: str  # the setting that names the file or its folder; errors name it
    before: bytes | None  # the file as it was read; None: there was none
    content: bytes  # the file after the change

    @property
    def digest_before(self) -> str:
        """The digest of the file as it was read, or "" if there was none."""
        return calculate_file_digest(self.before)

    def write_changed_file(self) -> None:
        """Replace the file on disk. Raises EditedFileChanged, SettingError if the file cannot be read, or OutputRefused
        if it cannot be written.
        """
        self._refuse_file_changed_by_others(self.before)
        write_file(self.path, self.content, self.setting)

    def restore_original_file(self) -> None:
        """Restore the file as it was before `write_changed_file`.

        Raises the errors of that function, or OSError if a newly created file cannot be removed.
        """
        self._refuse_file_changed_by_others(self.content)
        if self.before is None:
            self.path.unlink()
        else:
            write_file(self.path, self.before, self.setting)

    def _refuse_file_changed_by_others(self, expected: bytes | None) -> None:
        if read_edited_file(self.path) != expected:
            raise EditedFileChanged(self.path)


def read_edited_file(path: Path) -> bytes | None:
    """Return the content of a file that supervisors edit, or None if there is none. Raises SettingError if it cannot be
    read.
    """
    try:
        return read_whole_file(path, MAX_TOML_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
        raise SettingError(str(path), "", problem, "check the path and its permissions") from error


def calculate_file_digest(content: bytes | None) -> str:
    """Return the SHA-256 digest of a file's content in hexadecimal, or "" if there is no file."""
    return "" if content is None else hashlib.sha256(content).hexdigest()
