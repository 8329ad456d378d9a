"""A headquarters that publishes material over loopback HTTP(S), and centres that download it."""

from __future__ import annotations

import functools
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from dialer.domain.signing import derive_public_key
from dialer.material.centre import CentreMaterial, MaterialSource
from dialer.material.repository import Repository, Signatory

KEYS = {
    name: bytes([65 + place]) * 32 for place, name in enumerate(("r1", "r2", "r3", "lata", "omar", "meena", "online"))
}
PEOPLE = [
    Signatory("lata", "media", derive_public_key(KEYS["lata"])),
    Signatory("omar", "media", derive_public_key(KEYS["omar"])),
    Signatory("meena", "compliance", derive_public_key(KEYS["meena"])),
]


class _Handler(SimpleHTTPRequestHandler):
    """A file server with range requests that can break off a download after a number of bytes."""

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, _Server)
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        wanted = self.headers.get("Range")
        first = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        server.requests.append((self.path, first))
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(data) - first))
        self.end_headers()
        most = server.breaks_after
        self.wfile.write(data[first:] if most is None or "/files/" not in self.path else data[first : first + most])
        if most is not None and "/files/" in self.path:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing."""


class _Server(ThreadingHTTPServer):
    requests: list[tuple[str, int]]
    breaks_after: int | None = None  # bytes of each file


@dataclass
class Publisher:
    """A repository with a web server."""

    folder: Path
    repository: Repository
    server: _Server
    url: str
    root: Path
    ca_file: Path | None = None
    versions: dict[str, int] = field(default_factory=dict)

    def first_bytes_requested(self) -> list[int]:
        """Return the first byte of each requested file since the last call."""
        first_bytes = [first for path, first in self.server.requests if path.startswith("/files/")]
        self.server.requests.clear()
        return first_bytes

    def approve(self, source: Path, now: float, *, name: str = "turnout", jurisdiction: str = "india") -> int:
        """Publish the folder as a new version, signed by both departments; return its number."""
        version = self.versions[name] = self.versions.get(name, 0) + 1
        self.repository.draft_bundle_from_folder(source, name, version, jurisdiction, now)
        for person in ("lata", "meena"):
            self.repository.sign_drafted_bundles(KEYS[person])
        self.repository.publish_drafted_bundles(KEYS["online"], now)
        return version

    def assign(self, version: int, now: float, *to: str, name: str = "turnout") -> None:
        """Assign a version to these addressees, or to all."""
        self.repository.assign_approved_bundle_version(name, version, to or ("all",), (), KEYS["online"], now)

    def centre(
        self,
        folder: Path,
        *,
        free_bytes: int = 1 << 40,
        jurisdiction: str = "india",
        startup_problem: Callable[[], str | None] = lambda: None,
    ) -> CentreMaterial:
        """Return the material folder of a centre that downloads from this server."""
        source = MaterialSource(self.url, self.root, self.ca_file, "pune-1", "north", jurisdiction)
        return CentreMaterial(folder, source, lambda: free_bytes, startup_problem)


@contextmanager
def publishing(
    folder: Path, now: float, *, tls: tuple[Path, Path] | None = None, ca: Path | None = None
) -> Iterator[Publisher]:
    """Serve a new repository; `tls` is the server's certificate and key, `ca` the one that centres trust."""
    repository = Repository(folder)
    root = repository.create_material_repository(
        [KEYS["r1"], KEYS["r2"]], [derive_public_key(KEYS["r3"])], PEOPLE, KEYS["online"], now
    )
    server = _Server(("127.0.0.1", 0), functools.partial(_Handler, directory=str(folder / "public")))
    server.requests = []
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    scheme = "http" if tls is None else "https"
    try:
        yield Publisher(folder, repository, server, f"{scheme}://127.0.0.1:{server.server_port}", root, ca)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
