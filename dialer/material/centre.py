"""Material in a centre: fetched file by file, checked whole before any of it is used, switched over at once, and back.

    FOLDER/trust/       what python-tuf has seen: no older state is believed again
    FOLDER/files/       files by hash; NAME.part is one that is half fetched, and goes on where it ended
    FOLDER/NAME-7/      a version, whole: its files are links to those by hash
    FOLDER/current      a link to the version that runs: the settings name paths below it
    FOLDER/before       a link to the one that ran before
    FOLDER/untold       a link to the one that the dialler was not yet told to read

Everything here blocks. What is wrong changes nothing of what runs.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import urllib3
from tuf.api.exceptions import DownloadError, DownloadHTTPError, ExpiredMetadataError, RepositoryError
from tuf.api.metadata import Metadata, Root, Targets
from tuf.ngclient import Updater, UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface

from dialer.domain.errors import HeadquartersUnreachable
from dialer.material.manifest import (
    MANIFEST,
    MOST_MANIFEST_BYTES,
    WAVES_TARGET,
    BundleFile,
    Manifest,
    MaterialRefused,
    Waves,
    file_place,
    target_of,
)
from dialer.material.trust import refuse_one_part, who_signed

CURRENT, BEFORE, UNTOLD = "current", "before", "untold"
ANSWER_SECONDS = 20.0
CHUNK_BYTES = 1 << 18
MOST_UNPACKING_BYTES = 64 << 20  # of memory
_OK, _PARTIAL, _SERVERS_OWN = 200, 206, 500


@dataclass(frozen=True, slots=True)
class MaterialSource:
    """Where material comes from, and for whom it is."""

    url: str  # below which metadata/, targets/ and files/ stand
    root: Path  # the first root.json, which came with the settings
    ca_file: Path | None
    centre: str
    zone: str | None
    jurisdiction: str


class Fetcher(FetcherInterface):
    """Fetches over HTTP(S), believing those certificates alone."""

    def __init__(self, ca_file: Path | None) -> None:
        """None: the certificates of the system."""
        self._pool = urllib3.PoolManager(
            ca_certs=None if ca_file is None else str(ca_file),
            cert_reqs="CERT_REQUIRED",
            timeout=urllib3.Timeout(ANSWER_SECONDS),
            retries=False,
        )

    def _fetch(self, url: str) -> Iterator[bytes]:
        answer = self.get(url)
        if answer.status != _OK:
            answer.close()  # what is left of it is read by nobody
            raise DownloadHTTPError(f"HTTP {answer.status}", answer.status)
        return self.stream(answer)

    def get(self, url: str, first: int = 0) -> urllib3.BaseHTTPResponse:
        """The answer, its body still to be read; from byte `first` on, where the server can."""
        headers = {"Range": f"bytes={first}-"} if first else {}
        return self._pool.request("GET", url, headers=headers, preload_content=False, decode_content=False)

    def stream(self, answer: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
        """Its body."""
        try:
            yield from answer.stream(CHUNK_BYTES)
        finally:
            answer.close()


class CentreMaterial:
    """The folder of a centre's material."""

    def __init__(
        self,
        folder: Path,
        source: MaterialSource,
        room_bytes: Callable[[], int],
        problem: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`room_bytes`: what may be written to this disk now; `problem`: why the dialler could not start with what runs."""
        self._folder = folder.absolute()
        self._trust = self._folder / "trust"
        self._source = source
        self._room_bytes = room_bytes
        self.problem = problem
        self._fetcher = Fetcher(source.ca_file)

    def running(self) -> Manifest | None:
        """The version that runs; None: there is none, or not its manifest any more. Raises MaterialRefused."""
        return self._version_at(CURRENT)

    def before(self) -> Manifest | None:
        """The version that ran before, as `running` says."""
        return self._version_at(BEFORE)

    def _version_at(self, link: str) -> Manifest | None:
        try:
            found = (self._folder / link / MANIFEST).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise MaterialRefused(f"{self._folder / link} cannot be read ({error.strerror})") from error
        with suppress(MaterialRefused):  # it was damaged: the version is laid out anew
            return Manifest.read(found)
        return None

    def wanted(self) -> Manifest | None:
        """What headquarters wants this centre to run, with all that vouches for it checked; None: nothing.

        Raises MaterialRefused for what is not to be believed, HeadquartersUnreachable where nothing was heard.
        """
        with _told():
            updater = self._updater()
            updater.refresh()
            root: Metadata[Root] = Metadata.from_file(str(self._trust / "root.json"))
            targets: Metadata[Targets] = Metadata.from_file(str(self._trust / "targets.json"))
            refuse_one_part(who_signed(root.signed, targets).values())
            waves = Waves.read(self._target(updater, WAVES_TARGET, MOST_MANIFEST_BYTES))
            if (wave := waves.wave_of(self._source.centre, self._source.zone)) is None:
                return None
            manifest = Manifest.read(self._target(updater, target_of(wave.name, wave.version), MOST_MANIFEST_BYTES))
            if (manifest.name, manifest.version) != (wave.name, wave.version):
                raise MaterialRefused(f"{wave.name} {wave.version} calls itself {manifest.label}")
        if manifest.jurisdiction != self._source.jurisdiction:
            raise MaterialRefused(
                f"{manifest.label} was made for the jurisdiction {manifest.jurisdiction!r}, and this centre's is"
                f" {self._source.jurisdiction!r}"
            )
        return manifest

    def _updater(self) -> Updater:
        self._trust.mkdir(parents=True, exist_ok=True)
        # What was seen last is believed, and no older one; the first root is the settings'.
        root = None if (self._trust / "root.json").exists() else self._source.root.read_bytes()
        return Updater(
            str(self._trust),
            f"{self._source.url}/metadata/",
            None,
            f"{self._source.url}/targets/",
            self._fetcher,
            UpdaterConfig(prefix_targets_with_hash=True),
            bootstrap=root,
        )

    def _target(self, updater: Updater, path: str, most_bytes: int) -> bytes:
        info = updater.get_targetinfo(path)
        if info is None:
            raise MaterialRefused(f"{path} is not, or no longer, approved")
        if info.length > most_bytes:
            raise MaterialRefused(f"{path} is longer than any")
        digest = next(iter(info.hashes.values()))
        folder, _, name = path.rpartition("/")
        url = f"{self._source.url}/targets/{folder}{'/' if folder else ''}{digest}.{name}"
        data: bytes = self._fetcher.download_bytes(url, info.length)
        info.verify_length_and_hashes(data)
        return data

    def missing(self, manifest: Manifest) -> dict[str, BundleFile]:
        """The files of a version that are not here, by hash."""
        wanted = {file.sha256: file for file in manifest.files.values()}
        return {digest: file for digest, file in wanted.items() if not self._place(digest).exists()}

    def fetch(self, manifest: Manifest) -> Path:
        """The version's folder, whole and checked; what was fetched stays for a next time. Raises as `wanted`, and without room."""
        tree = self._folder / manifest.label
        if (tree / MANIFEST).exists() and (tree / MANIFEST).read_bytes() == manifest.to_bytes():
            return tree
        missing = self.missing(manifest)
        needed = sum(file.size for file in missing.values()) + max(
            (file.packed or 0 for file in missing.values()), default=0
        )
        if needed > self._room_bytes():
            raise MaterialRefused(
                f"{manifest.label} needs {needed / 1e6:,.0f} MB, and the disk has too little room above its reserve: make room"
            )
        with _told():
            for digest, file in missing.items():
                self._fetch_file(digest, file)
            self._lay_out(manifest, tree)
        return tree

    def _place(self, digest: str) -> Path:
        return self._folder / "files" / file_place(digest)

    def _fetch_file(self, digest: str, file: BundleFile) -> None:
        place = self._place(digest)
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f"{place.name}.part")
        coming = part if file.packed is None else place.with_name(f"{place.name}.xz.part")
        try:
            with coming.open("ab") as out:
                self._bring(digest, file, out)
            if file.packed is not None:
                _unpack(coming, part, file.size)
            with part.open("rb") as whole:
                found = hashlib.file_digest(whole, "sha256").hexdigest()
        except OSError as error:
            if not isinstance(error, TimeoutError | ConnectionError):  # a full disk: what is half there only takes room
                part.unlink(missing_ok=True)
                coming.unlink(missing_ok=True)
            raise
        except lzma.LZMAError:
            found = ""
        if found != digest or part.stat().st_size != file.size:
            part.unlink(missing_ok=True)
            coming.unlink(missing_ok=True)
            raise MaterialRefused(f"the file {digest[:12]} is not what was signed: it was thrown away")
        part.replace(place)
        coming.unlink(missing_ok=True)

    def _bring(self, digest: str, file: BundleFile, out: BinaryIO) -> None:
        """What is missing of what goes over the line."""
        size = file.size if file.packed is None else file.packed
        if out.tell() > size:
            out.truncate(0)
        if out.tell() < size:
            self._append(f"{self._source.url}/files/{file_place(digest, packed=file.packed is not None)}", out, size)
        out.flush()
        os.fsync(out.fileno())

    def _append(self, url: str, file: BinaryIO, size: int) -> None:
        first = file.tell()
        answer = self._fetcher.get(url, first)
        if answer.status == _OK and first:  # a server that knows no ranges begins anew
            file.truncate(0)
            first = 0
        elif answer.status != (_PARTIAL if first else _OK):
            answer.close()
            raise DownloadHTTPError(f"HTTP {answer.status} for {url}", answer.status)
        for chunk in self._fetcher.stream(answer):
            first += len(chunk)
            if first > size:
                raise MaterialRefused(f"{url} is longer than what was signed")
            file.write(chunk)

    def _lay_out(self, manifest: Manifest, tree: Path) -> None:
        half = self._folder / f"{manifest.label}.new"
        shutil.rmtree(half, ignore_errors=True)
        try:
            for path, file in manifest.files.items():
                place = half / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.hardlink_to(self._place(file.sha256))
            with (half / MANIFEST).open("wb") as said:
                said.write(manifest.to_bytes())
                said.flush()
                os.fsync(said.fileno())
            _sync(half)
            shutil.rmtree(tree, ignore_errors=True)  # of the same label, and not what was signed
            half.rename(tree)
            _sync(self._folder)
        except OSError:
            shutil.rmtree(half, ignore_errors=True)
            raise

    def switch(self, label: str) -> None:
        """That version runs from now on, once the dialler is told; the other one is the one before. Raises MaterialRefused."""
        running = self.running()
        if running is not None and label == running.label:
            return
        if not (self._folder / label / MANIFEST).exists():
            raise MaterialRefused(f"{label} is not here")
        with _told():
            if running is not None and not self.untold():  # what the dialler never read is nothing to go back to
                self._link(BEFORE, running.label)
            self._link(UNTOLD, label)
            self._link(CURRENT, label)

    def take_back(self) -> None:
        """The one before runs again, which the dialler has never left; or none. Raises MaterialRefused."""
        before = self.before()
        with _told():
            if before is None:
                (self._folder / CURRENT).unlink()
            else:
                self._link(CURRENT, before.label)

    def untold(self) -> bool:
        """Whether the dialler was not yet told to read what runs. Raises MaterialRefused."""
        with _told(), suppress(FileNotFoundError):
            return (self._folder / UNTOLD).readlink() == (self._folder / CURRENT).readlink()
        return False

    def told(self) -> None:
        """The dialler has read what runs. Raises MaterialRefused."""
        with _told():
            (self._folder / UNTOLD).unlink(missing_ok=True)

    def _link(self, name: str, label: str) -> None:
        new = self._folder / f"{name}.new"
        new.unlink(missing_ok=True)
        new.symlink_to(label)
        new.replace(self._folder / name)
        _sync(self._folder)

    def tidy(self) -> None:
        """Only the version that runs, the one before and their files stay."""
        kept = {manifest.label: manifest for manifest in (self.running(), self.before()) if manifest is not None}
        for manifest in self._folder.glob("*/" + MANIFEST):  # nothing that somebody else has put here
            if not manifest.parent.is_symlink() and manifest.parent.name not in kept:
                shutil.rmtree(manifest.parent, ignore_errors=True)
        for half in self._folder.glob("*-*.new"):  # of a kill in the middle
            if half.is_dir():
                shutil.rmtree(half, ignore_errors=True)
        wanted = {file.sha256 for manifest in kept.values() for file in manifest.files.values()}
        for place in self._folder.glob("files/*/*"):
            if place.name not in wanted:
                place.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unpack(packed: Path, whole: Path, size: int) -> None:
    """Unpack a file of that size. Raises lzma.LZMAError where it is none, or longer."""
    engine = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MOST_UNPACKING_BYTES)
    with packed.open("rb") as source, whole.open("wb") as out:
        while not engine.eof:
            data = source.read(CHUNK_BYTES) if engine.needs_input else b""
            if engine.needs_input and not data:
                raise lzma.LZMAError("it ends too early")
            out.write(engine.decompress(data, CHUNK_BYTES))
            if out.tell() > size:
                raise lzma.LZMAError("it is longer than what was signed")
        out.flush()
        os.fsync(out.fileno())


@contextmanager
def _told() -> Iterator[None]:
    """What python-tuf, urllib3 and the disk say, in our words."""
    try:
        yield
    except ExpiredMetadataError as error:
        raise MaterialRefused(
            "what headquarters publishes has expired: it was not renewed, or somebody holds newer back; or this machine's clock"
            " is wrong"
        ) from error
    except RepositoryError as error:
        raise MaterialRefused(f"what headquarters publishes is not to be believed: {error}") from error
    except DownloadHTTPError as error:
        if error.status_code >= _SERVERS_OWN:
            raise HeadquartersUnreachable(f"headquarters' material is not reachable: {error}") from error
        raise MaterialRefused(f"headquarters does not have what it names: {error}") from error
    except (DownloadError, urllib3.exceptions.HTTPError, TimeoutError, ConnectionError) as error:
        raise HeadquartersUnreachable(f"headquarters' material is not reachable: {_why(error)}") from error
    except OSError as error:
        raise MaterialRefused(f"the material cannot be kept ({error.strerror or error})") from error


def _why(error: BaseException) -> str:
    while isinstance(error.__cause__, Exception):
        error = error.__cause__
    return str(error) or type(error).__name__
