"""The campaign material (flows, prompts, scripts) of the headquarters demo: a signed repository with its own keys,
served by a local web server.
"""

from __future__ import annotations

import functools
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from dialer.domain.signing import derive_public_key
from dialer.flows.catalogue import FLOWS_DIRECTORY
from dialer.material.centre import CentreMaterial, MaterialSource
from dialer.material.repository import Repository, Signatory
from dialer.material.trust import COMPLIANCE, MEDIA

NAME, JURISDICTION = "turnout", "neutral"
FLOW = "flows/turnout.yaml"


class _SilentRequestHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's own name
        """Log nothing: the terminal is for the demo's own output, not for HTTP requests."""


@dataclass(frozen=True, slots=True)
class DemoMaterial:
    """A published repository of campaign material, and the keys of its two signatories."""

    repository: Repository
    source: Path
    root: Path
    url: str
    online: bytes
    signers: tuple[bytes, ...]

    def publish_campaign_material(self, version: int) -> None:
        """Publish the turnout flow as `version` and assign it to every centre. Blocks."""
        text = (FLOWS_DIRECTORY / "turnout.yaml").read_text(encoding="utf-8")
        place = self.source / FLOW
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"{text}\n# version {version}\n", encoding="utf-8")
        now = time.time()
        self.repository.draft_bundle_from_folder(self.source, NAME, version, JURISDICTION, now)
        for key in self.signers:
            self.repository.sign_drafted_bundles(key)
        self.repository.publish_drafted_bundles(self.online, now)
        self.repository.assign_approved_bundle_version(NAME, version, ["all"], (), self.online, now)

    def install_campaign_material(self, folder: Path, centre: str, zone: str) -> None:
        """Install the campaign material assigned to a centre (flows, prompts, scripts) into `folder`. Blocks.

        A real centre's connection to headquarters (uplink) does the same before the first start.
        """
        folder.mkdir()
        source = MaterialSource(self.url, self.root, None, centre, zone, JURISDICTION)
        material = CentreMaterial(folder, source, lambda: 1 << 40)
        if (wanted := material.fetch_assigned_material_manifest()) is not None:
            material.download_material_version(wanted)
            material.activate_material_version(wanted.bundle_name_and_version)


@contextmanager
def serve_demo_campaign_material(folder: Path, online: bytes) -> Iterator[DemoMaterial]:
    """Create a repository of campaign material in `folder`, and serve it. `online` is the private key that signs
    assignments to centres.
    """
    root_keys = [secrets.token_bytes(32) for _ in range(2)]
    signers = (secrets.token_bytes(32), secrets.token_bytes(32))
    people = [
        Signatory(name, part, derive_public_key(key))
        for (name, part), key in zip((("lata", MEDIA), ("meena", COMPLIANCE)), signers, strict=True)
    ]
    repository = Repository(folder / "published")
    root = repository.create_material_repository(root_keys, [], people, online, time.time())
    handler = functools.partial(_SilentRequestHandler, directory=str(folder / "published" / "public"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            yield DemoMaterial(repository, folder / "source", root, url, online, signers)
        finally:
            server.shutdown()
            thread.join()
