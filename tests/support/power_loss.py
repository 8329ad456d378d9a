"""A file system for SQLite that loses, at a power loss, every write that was not synced.

`lossy_disk` registers a shim around SQLite's own VFS in this process, by ctypes. Writes go to the real files, and are also recorded
by file. A sync makes the recorded writes of its file durable; `LossyDisk.after_power_loss` writes the durable files to a folder.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

Write = Callable[[bytearray], None]

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


@dataclass
class LossyDisk:
    """The files of a disk: what is durable, and what was written since the last sync of each file."""

    durable: dict[str, bytearray] = field(default_factory=dict)
    pending: dict[str, list[Write]] = field(default_factory=lambda: defaultdict(list))
    _alive: list[object] = field(default_factory=list)  # callbacks that SQLite still calls

    def sync(self, path: str) -> None:
        """Make the writes to a file durable."""
        for write in self.pending.pop(path, ()):
            write(self.durable[path])

    def after_power_loss(self, folder: Path, chance: random.Random | None = None) -> Path:
        """Write the durable files to a new folder. With `chance`, a random part of the other writes has reached the disk too."""
        folder.mkdir()
        for path, content in self.durable.items():
            found = bytearray(content)
            for write in self.pending.get(path, ()):
                if chance is not None and chance.random() < 0.5:
                    write(found)
            if not path.endswith("-shm"):
                (folder / Path(path).name).write_bytes(found)
        return folder

    def open(self, path: str) -> None:
        """Add a file with its current content."""
        if path not in self.durable:
            self.durable[path] = bytearray(Path(path).read_bytes() if Path(path).exists() else b"")


@contextmanager
def lossy_disk() -> Iterator[LossyDisk]:
    """Let the connections that are opened in the block write to a lossy disk. Close them in the block."""
    library = ctypes.CDLL(_sqlite3.__file__)  # with the libsqlite3 that Python's own module uses
    library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    real = library.sqlite3_vfs_find(None)
    disk = LossyDisk()
    shim = _Vfs.from_buffer_copy(real.contents)
    shim.name, shim.next = b"lossy", None

    # The name stays a pointer: SQLite stores the URI parameters behind it.
    def open_file(_: int, name: int | None, file: int, flags: int, out: int | None) -> int:
        path = None if name is None else ctypes.string_at(name).decode()
        if path is not None:
            disk.open(path)
        code: int = real.contents.open(ctypes.cast(real, ctypes.c_void_p), name, file, flags, out)
        if code == 0 and path is not None:
            _wrap(disk, path, file)
        return code

    def delete(_: int, name: int, sync_folder: int) -> int:
        path = ctypes.string_at(name).decode()
        disk.durable.pop(path, None)
        disk.pending.pop(path, None)
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

        def put(content: bytearray) -> None:
            content.extend(bytes(max(0, offset - len(content))))
            content[offset : offset + size] = found

        disk.open(path)
        disk.pending[path].append(put)
        return real.write(this, data, size, offset)  # type: ignore[no-any-return] # of ctypes

    def truncate(this: int, size: int) -> int:
        disk.pending[path].append(lambda content: content.__delitem__(slice(size, None)))
        return real.truncate(this, size)  # type: ignore[no-any-return]

    def sync(this: int, flags: int) -> int:
        disk.sync(path)
        return real.sync(this, flags)  # type: ignore[no-any-return]

    methods.write, methods.truncate, methods.sync = _WRITE(write), _TRUNCATE(truncate), _SYNC(sync)
    disk._alive.append((methods, real))
    place[0] = ctypes.cast(ctypes.pointer(methods), ctypes.c_void_p).value
