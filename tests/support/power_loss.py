"""A file system for SQLite that loses, at a power loss, every write that was not synced.

`lossy_disk` registers a shim around SQLite's own VFS in this process, by ctypes. Writes go to the real files, and are also recorded
by file. A sync writes the recorded writes of its file to a second file in the folder of durable files. That folder is what a power
loss leaves, and it outlives a process that is killed.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import random
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

Write = Callable[[BinaryIO], object]

_OPEN = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
_DELETE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
_WRITE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64)
_TRUNCATE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int64)
_SYNC = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)


class _Vfs(ctypes.Structure):
    """The beginning of `sqlite3_vfs` (https://www.sqlite.org/c3ref/vfs.html)."""

    _fields_ = (
        ("version", ctypes.c_int),
        ("file_size", ctypes.c_int),
        ("longest_path", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("data", ctypes.c_void_p),
        ("open", _OPEN),
        ("delete", _DELETE),
        ("others", ctypes.c_void_p * 14),
    )


class _Methods(ctypes.Structure):
    """`sqlite3_io_methods`, version 3 (https://www.sqlite.org/c3ref/io_methods.html)."""

    _fields_ = (
        ("version", ctypes.c_int),
        ("close", ctypes.c_void_p),
        ("read", ctypes.c_void_p),
        ("write", _WRITE),
        ("truncate", _TRUNCATE),
        ("sync", _SYNC),
        ("others", ctypes.c_void_p * 13),
    )


class LossyDisk:
    """The files of a disk: what is durable, and what was written since the last sync of each file."""

    def __init__(self, folder: Path, chance: random.Random | None = None) -> None:
        """`folder` gets the durable files. With `chance`, half of the writes are durable at once, in any order."""
        self._folder = folder
        self._chance = chance
        self._pending: dict[str, list[Write]] = defaultdict(list)  # by the name of the file
        self._alive: list[object] = []  # callbacks that SQLite still calls

    def open_file(self, path: str) -> None:
        """Add a file with its current content."""
        durable = self._folder / Path(path).name
        if not durable.exists():
            durable.write_bytes(Path(path).read_bytes() if Path(path).exists() else b"")

    def write(self, path: str, write: Write) -> None:
        """Record a write to a file."""
        name = Path(path).name
        self._pending[name].append(write)
        if self._chance is not None:
            _write_all(self._folder / name, [write], self._chance)

    def sync(self, path: str) -> None:
        """Make the writes to a file durable, in their order."""
        name = Path(path).name
        _write_all(self._folder / name, self._pending.pop(name, []))

    def delete(self, path: str) -> None:
        """Remove a file with its writes."""
        name = Path(path).name
        self._pending.pop(name, None)
        (self._folder / name).unlink(missing_ok=True)

    def after_power_loss(self, folder: Path, chance: random.Random | None = None) -> Path:
        """Copy the durable files to a new folder. With `chance`, a random part of the other writes has reached the disk too."""
        shutil.copytree(self._folder, folder)
        if chance is not None:
            for name, writes in list(self._pending.items()):
                _write_all(folder / name, writes, chance)
        return folder

    def hold(self, callbacks: object) -> None:
        """Hold a reference to callbacks of SQLite as long as the disk exists."""
        self._alive.append(callbacks)


def _write_all(path: Path, writes: list[Write], chance: random.Random | None = None) -> None:
    """Write to a file. With `chance`, each write is left out with a probability of one half."""
    with path.open("r+b" if path.exists() else "w+b") as file:
        for write in writes:
            if chance is None or chance.random() < 0.5:
                write(file)


@contextmanager
def lossy_disk(folder: Path, chance: random.Random | None = None) -> Iterator[LossyDisk]:
    """Let the connections that are opened in the block write to a lossy disk. Close them in the block.

    `folder` and `chance` are those of LossyDisk. The folder must exist.
    """
    library = ctypes.CDLL(_sqlite3.__file__)  # with the libsqlite3 that Python's own module uses
    library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    real = library.sqlite3_vfs_find(None)
    disk = LossyDisk(folder, chance)
    shim = _Vfs.from_buffer_copy(real.contents)
    shim.name, shim.next = b"lossy", None

    # The name stays a pointer: SQLite stores the URI parameters behind it.
    def open_file(_: int, name: int | None, file: int, flags: int, out: int | None) -> int:
        path = None if name is None else ctypes.string_at(name).decode()
        if path is not None:
            disk.open_file(path)
        code: int = real.contents.open(ctypes.cast(real, ctypes.c_void_p), name, file, flags, out)
        if code == 0 and path is not None:
            _wrap(disk, path, file)
        return code

    def delete(_: int, name: int, sync_folder: int) -> int:
        path = ctypes.string_at(name).decode()
        disk.delete(path)
        code: int = real.contents.delete(ctypes.cast(real, ctypes.c_void_p), name, sync_folder)
        return code

    shim.open, shim.delete = _OPEN(open_file), _DELETE(delete)
    library.sqlite3_vfs_register(ctypes.byref(shim), 1)
    try:
        yield disk
    finally:
        library.sqlite3_vfs_register(real, 1)
        library.sqlite3_vfs_unregister(ctypes.byref(shim))


def _wrap(disk: LossyDisk, path: str, file: int) -> None:
    """Record the writes and syncs of an open file."""
    place = ctypes.cast(file, ctypes.POINTER(ctypes.c_void_p))
    real = ctypes.cast(place[0], ctypes.POINTER(_Methods)).contents
    methods = _Methods.from_buffer_copy(real)

    def write(this: int, data: int, size: int, offset: int) -> int:
        found = ctypes.string_at(data, size)

        def put(content: BinaryIO) -> None:
            content.seek(offset)
            content.write(found)

        disk.write(path, put)
        return real.write(this, data, size, offset)  # type: ignore[no-any-return] # of ctypes

    def truncate(this: int, size: int) -> int:
        disk.write(path, lambda content: content.truncate(size) if content.seek(0, 2) > size else None)
        return real.truncate(this, size)  # type: ignore[no-any-return]

    def sync(this: int, flags: int) -> int:
        disk.sync(path)
        return real.sync(this, flags)  # type: ignore[no-any-return]

    methods.write, methods.truncate, methods.sync = _WRITE(write), _TRUNCATE(truncate), _SYNC(sync)
    disk.hold((methods, real))
    place[0] = ctypes.cast(ctypes.pointer(methods), ctypes.c_void_p).value
