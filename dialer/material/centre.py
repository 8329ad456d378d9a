"""Campaign material at a centre: download, complete verification, activation and rollback.

    FOLDER/trust/       the newest metadata seen by python-tuf, which refuses older metadata
    FOLDER/files/       files by hash; an interrupted download continues in NAME.part
    FOLDER/NAME-7/      a complete version; its files are hard links into files/
    FOLDER/current      symbolic link to the active version; the settings name paths below it
    FOLDER/previous     symbolic link to the previously active version
    FOLDER/unloaded     symbolic link to a version that the dialler has not loaded yet

All methods block. An error leaves the active version unchanged.
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
    MAX_MANIFEST_BYTES,
    WAVES_TARGET,
    BundleFile,
    Manifest,
    MaterialRefused,
    Waves,
    get_published_file_path,
    get_published_manifest_path,
)
from dialer.material.trust import find_valid_bundle_signers, require_signatures_of_both_departments

CURRENT, PREVIOUS, UNLOADED = "current", "previous", "unloaded"
ANSWER_SECONDS = 20.0
CHUNK_BYTES = 1 << 18
MAX_DECOMPRESSION_MEMORY = 64 << 20  # bytes
_OK, _PARTIAL, _SERVER_ERROR = 200, 206, 500


@dataclass(frozen=True, slots=True)
class MaterialSource:
    """The server with the campaign material, and the centre's id, zone and jurisdiction, which determine its material."""

    url: str  # of metadata/, targets/ and files/
    root: Path  # the first root.json, part of the centre's settings
    ca_file: Path | None
    centre: str
    zone: str | None
    jurisdiction: str


class HttpFetcher(FetcherInterface):
    """Downloads files over HTTP or HTTPS."""

    def __init__(self, ca_file: Path | None) -> None:
        """Trust only the certificates in `ca_file`, or the certificates of the system if `ca_file` is None."""
        self._pool = urllib3.PoolManager(
            ca_certs=None if ca_file is None else str(ca_file),
            cert_reqs="CERT_REQUIRED",
            timeout=urllib3.Timeout(ANSWER_SECONDS),
            retries=False,
        )

    def _fetch(self, url: str) -> Iterator[bytes]:
        response = self.request_url_from_byte_offset(url)
        if response.status != _OK:
            response.close()
            raise DownloadHTTPError(
                f"the material server answered HTTP {response.status}: check the log of the material server",
                response.status,
            )
        return self.stream_response_body(response)

    def request_url_from_byte_offset(self, url: str, first: int = 0) -> urllib3.BaseHTTPResponse:
        """Request a URL over HTTP, and return the response with its body unread.

        The body starts at byte `first` if the server supports ranges.
        """
        headers = {"Range": f"bytes={first}-"} if first else {}
        return self._pool.request("GET", url, headers=headers, preload_content=False, decode_content=False)

    def stream_response_body(self, response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
        """Yield the body of an HTTP response in chunks."""
        try:
            yield from response.stream(CHUNK_BYTES)
        finally:
            response.close()


class CentreMaterial:
    """The folder in which a centre keeps the campaign material that headquarters has published."""

    def __init__(
        self,
        folder: Path,
        source: MaterialSource,
        free_bytes: Callable[[], int],
        startup_problem: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Use `folder` for the campaign material. Nothing is read or written yet.

        `free_bytes` returns the number of bytes that may be written to the disk. `startup_problem` returns the reason
        why the dialler could not start with the active version, or None.
        """
        self._folder = folder.absolute()
        self._trust = self._folder / "trust"
        self._source = source
        self._free_bytes = free_bytes
        self.startup_problem = startup_problem
        self._fetcher = HttpFetcher(source.ca_file)

    def read_active_material_manifest(self) -> Manifest | None:
        """Return the manifest (list of files) of the campaign material in use, or None if there is none or it is
        damaged. Raises MaterialRefused if the folder cannot be read.
        """
        return self._read_manifest_at_symbolic_link(CURRENT)

    def read_previous_material_manifest(self) -> Manifest | None:
        """Return the manifest (list of files) of the campaign material that was in use before, or None if there is none
        or it is damaged. Raises MaterialRefused if the folder cannot be read.
        """
        return self._read_manifest_at_symbolic_link(PREVIOUS)

    def _read_manifest_at_symbolic_link(self, link: str) -> Manifest | None:
        try:
            data = (self._folder / link / MANIFEST).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise MaterialRefused(
                f"campaign material: {self._folder / link} cannot be read ({error.strerror}): check the folder's permissions"
            ) from error
        with suppress(MaterialRefused):  # damaged: the version will be installed again
            return Manifest.parse_published_document(data)
        return None

    def fetch_assigned_material_manifest(self) -> Manifest | None:
        """Download and verify the manifest (list of files) of the campaign material that headquarters assigned to this centre.

        Return None if no version is assigned. Raises MaterialRefused if it cannot be trusted, and
        HeadquartersUnreachable if it cannot be downloaded.
        """
        with _translate_download_errors():
            updater = self._create_tuf_updater()
            updater.refresh()
            root: Metadata[Root] = Metadata.from_file(str(self._trust / "root.json"))
            targets: Metadata[Targets] = Metadata.from_file(str(self._trust / "targets.json"))
            require_signatures_of_both_departments(find_valid_bundle_signers(root.signed, targets).values())
            waves = Waves.parse_published_document(
                self._download_signed_document(updater, WAVES_TARGET, MAX_MANIFEST_BYTES)
            )
            if (wave := waves.find_assignment_of_centre(self._source.centre, self._source.zone)) is None:
                return None
            manifest = Manifest.parse_published_document(
                self._download_signed_document(
                    updater, get_published_manifest_path(wave.name, wave.version), MAX_MANIFEST_BYTES
                )
            )
            if (manifest.name, manifest.version) != (wave.name, wave.version):
                raise MaterialRefused(
                    f"campaign material {wave.name} {wave.version} has the file list of "
                    f"{manifest.bundle_name_and_version}: publish the version again at headquarters"
                )
        if manifest.jurisdiction != self._source.jurisdiction:
            raise MaterialRefused(
                f"campaign material {manifest.bundle_name_and_version} is for jurisdiction "
                f"{manifest.jurisdiction!r}, but this centre's is {self._source.jurisdiction!r}: assign other "
                "material to this centre"
            )
        return manifest

    def _create_tuf_updater(self) -> Updater:
        self._trust.mkdir(parents=True, exist_ok=True)
        # The stored root is newer than the settings', which is for the first time only.
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

    def _download_signed_document(self, updater: Updater, path: str, max_bytes: int) -> bytes:
        info = updater.get_targetinfo(path)
        if info is None:
            raise MaterialRefused(
                f"campaign material: the file {path} is not approved or was withdrawn; assign an approved version"
                " to this centre"
            )
        if info.length > max_bytes:
            raise MaterialRefused(
                f"campaign material: the file {path} is longer than {max_bytes} bytes; publish a smaller file at"
                " headquarters"
            )
        digest = next(iter(info.hashes.values()))
        folder, _, name = path.rpartition("/")
        url = f"{self._source.url}/targets/{folder}{'/' if folder else ''}{digest}.{name}"
        data: bytes = self._fetcher.download_bytes(url, info.length)
        info.verify_length_and_hashes(data)
        return data

    def find_material_files_not_downloaded(self, manifest: Manifest) -> dict[str, BundleFile]:
        """Return the files of a version of campaign material that this centre has not downloaded yet, by their SHA-256."""
        files = {file.sha256: file for file in manifest.files.values()}
        return {
            digest: file for digest, file in files.items() if not self._get_path_of_downloaded_file(digest).exists()
        }

    def download_material_version(self, manifest: Manifest) -> Path:
        """Download and verify a version of the campaign material, and return its folder.

        Files that were downloaded before an error are used by the next attempt. Raises MaterialRefused, also if the
        disk has too little space, and HeadquartersUnreachable.
        """
        tree = self._folder / manifest.bundle_name_and_version
        if (tree / MANIFEST).exists() and (tree / MANIFEST).read_bytes() == manifest.encode_document_as_json():
            return tree
        missing = self.find_material_files_not_downloaded(manifest)
        needed = sum(file.size for file in missing.values()) + max(
            (file.packed or 0 for file in missing.values()), default=0
        )
        if needed > self._free_bytes():
            raise MaterialRefused(
                f"campaign material {manifest.bundle_name_and_version} needs {needed / 1e6:,.0f} MB of disk space "
                "in addition to the reserve: free disk space"
            )
        with _translate_download_errors():
            for digest, file in missing.items():
                self._download_file(digest, file)
            self._install_material_version(manifest, tree)
        return tree

    def _get_path_of_downloaded_file(self, digest: str) -> Path:
        return self._folder / "files" / get_published_file_path(digest)

    def _download_file(self, digest: str, file: BundleFile) -> None:
        place = self._get_path_of_downloaded_file(digest)
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f"{place.name}.part")
        downloaded = part if file.packed is None else place.with_name(f"{place.name}.xz.part")
        try:
            with downloaded.open("ab") as out:
                self._download_rest_of_file(digest, file, out)
            if file.packed is not None:
                _decompress_file(downloaded, part, file.size)
            with part.open("rb") as complete:
                actual = hashlib.file_digest(complete, "sha256").hexdigest()
        except OSError as error:
            if not isinstance(error, TimeoutError | ConnectionError):  # the disk may be full
                part.unlink(missing_ok=True)
                downloaded.unlink(missing_ok=True)
            raise
        except lzma.LZMAError:
            actual = ""
        if actual != digest or part.stat().st_size != file.size:
            part.unlink(missing_ok=True)
            downloaded.unlink(missing_ok=True)
            raise MaterialRefused(
                f"the downloaded file {digest[:12]} differs from the signed one and was deleted: check the material server"
            )
        part.replace(place)
        downloaded.unlink(missing_ok=True)

    def _download_rest_of_file(self, digest: str, file: BundleFile, out: BinaryIO) -> None:
        size = file.size if file.packed is None else file.packed
        if out.tell() > size:
            out.truncate(0)
        if out.tell() < size:
            self._append_response_to_file(
                f"{self._source.url}/files/{get_published_file_path(digest, packed=file.packed is not None)}", out, size
            )
        out.flush()
        os.fsync(out.fileno())

    def _append_response_to_file(self, url: str, file: BinaryIO, size: int) -> None:
        first = file.tell()
        response = self._fetcher.request_url_from_byte_offset(url, first)
        if response.status == _OK and first:  # a server without ranges sends the file from its beginning
            file.truncate(0)
            first = 0
        elif response.status != (_PARTIAL if first else _OK):
            response.close()
            raise DownloadHTTPError(
                f"the material server answered HTTP {response.status} for {url}: check that the folder of published "
                "material is on that server",
                response.status,
            )
        for chunk in self._fetcher.stream_response_body(response):
            first += len(chunk)
            if first > size:
                raise MaterialRefused(f"the file {url} is longer than its signed length: check the material server")
            file.write(chunk)

    def _install_material_version(self, manifest: Manifest, tree: Path) -> None:
        unfinished = self._folder / f"{manifest.bundle_name_and_version}.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            for path, file in manifest.files.items():
                place = unfinished / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.hardlink_to(self._get_path_of_downloaded_file(file.sha256))
            with (unfinished / MANIFEST).open("wb") as file_out:
                file_out.write(manifest.encode_document_as_json())
                file_out.flush()
                os.fsync(file_out.fileno())
            _sync_folder_to_disk(unfinished)
            shutil.rmtree(tree, ignore_errors=True)  # damaged: same label, other manifest
            unfinished.rename(tree)
            _sync_folder_to_disk(self._folder)
        except OSError:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise

    def activate_material_version(self, label: str) -> None:
        """Put a downloaded version of the campaign material (flows, recordings) into use. Raises MaterialRefused.

        The dialler still has to load the version.
        """
        active = self.read_active_material_manifest()
        if active is not None and label == active.bundle_name_and_version:
            return
        if not (self._folder / label / MANIFEST).exists():
            raise MaterialRefused(f"campaign material {label} is not downloaded yet: download it, then activate it")
        with _translate_download_errors():
            if (
                active is not None and not self.must_dialler_load_material()
            ):  # only a version that the dialler has loaded can be restored
                self._replace_symbolic_link(PREVIOUS, active.bundle_name_and_version)
            self._replace_symbolic_link(UNLOADED, label)
            self._replace_symbolic_link(CURRENT, label)

    def roll_back_material_version(self) -> None:
        """Activate the previous version of the campaign material again.

        If there is no previous version, none is active afterwards. Raises MaterialRefused. Use this only for a new
        version that the dialler has not loaded yet.
        """
        previous = self.read_previous_material_manifest()
        with _translate_download_errors():
            if previous is None:
                (self._folder / CURRENT).unlink()
            else:
                self._replace_symbolic_link(CURRENT, previous.bundle_name_and_version)

    def must_dialler_load_material(self) -> bool:
        """Return whether the dialler still has to load the active version of the campaign material. Raises
        MaterialRefused.
        """
        with _translate_download_errors(), suppress(FileNotFoundError):
            return (self._folder / UNLOADED).readlink() == (self._folder / CURRENT).readlink()
        return False

    def mark_material_version_loaded(self) -> None:
        """Record that the dialler has loaded the version of campaign material in use. Raises MaterialRefused."""
        with _translate_download_errors():
            (self._folder / UNLOADED).unlink(missing_ok=True)

    def _replace_symbolic_link(self, name: str, label: str) -> None:
        new = self._folder / f"{name}.new"
        new.unlink(missing_ok=True)
        new.symlink_to(label)
        new.replace(self._folder / name)
        _sync_folder_to_disk(self._folder)

    def delete_unused_material_versions(self) -> None:
        """Delete all versions and files of the campaign material except the active and the previous version."""
        used = {
            manifest.bundle_name_and_version: manifest
            for manifest in (self.read_active_material_manifest(), self.read_previous_material_manifest())
            if manifest is not None
        }
        for path in self._folder.glob("*/" + MANIFEST):  # other folders are not ours
            if not path.parent.is_symlink() and path.parent.name not in used:
                shutil.rmtree(path.parent, ignore_errors=True)
        for unfinished in self._folder.glob("*-*.new"):  # of an installation that was killed
            if unfinished.is_dir():
                shutil.rmtree(unfinished, ignore_errors=True)
        digests = {file.sha256 for manifest in used.values() for file in manifest.files.values()}
        for path in self._folder.glob("files/*/*"):
            if path.name not in digests:
                path.unlink(missing_ok=True)


def _sync_folder_to_disk(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _decompress_file(packed: Path, target: Path, size: int) -> None:
    """Decompress a file to `size` bytes. Raises lzma.LZMAError if it is damaged or longer."""
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_DECOMPRESSION_MEMORY)
    with packed.open("rb") as source, target.open("wb") as out:
        while not decompressor.eof:
            data = source.read(CHUNK_BYTES) if decompressor.needs_input else b""
            if decompressor.needs_input and not data:
                raise lzma.LZMAError(
                    "a compressed file of campaign material is truncated: publish the version again at headquarters"
                )
            out.write(decompressor.decompress(data, CHUNK_BYTES))
            if out.tell() > size:
                raise lzma.LZMAError(
                    "a file of campaign material is longer than its signed length: publish the version again at headquarters"
                )
        out.flush()
        os.fsync(out.fileno())


@contextmanager
def _translate_download_errors() -> Iterator[None]:
    """Raise MaterialRefused or HeadquartersUnreachable for errors of python-tuf, urllib3 and the disk in this `with`
    block.
    """
    try:
        yield
    except ExpiredMetadataError as error:
        raise MaterialRefused(
            "the signed list of campaign material has expired: check that headquarters renews it, that no proxy "
            "caches it, and that the clock of this machine is right"
        ) from error
    except RepositoryError as error:
        raise MaterialRefused(
            f"the published campaign material is not trusted ({error}): compare this centre's root.json with that of "
            "headquarters"
        ) from error
    except DownloadHTTPError as error:
        if error.status_code >= _SERVER_ERROR:
            raise HeadquartersUnreachable(
                f"the material server is unreachable: check its address and the network ({error})"
            ) from error
        raise MaterialRefused(
            f"a file is missing on the material server: check that the web server has the published folder ({error})"
        ) from error
    except (DownloadError, urllib3.exceptions.HTTPError, TimeoutError, ConnectionError) as error:
        raise HeadquartersUnreachable(
            f"the material server is unreachable: check its address and the network ({_find_root_cause_of_error(error)})"
        ) from error
    except OSError as error:
        raise MaterialRefused(
            f"campaign material cannot be stored ({error.strerror or error}): check the space and permissions of its folder"
        ) from error


def _find_root_cause_of_error(error: BaseException) -> str:
    while isinstance(error.__cause__, Exception):
        error = error.__cause__
    return str(error) or type(error).__name__
