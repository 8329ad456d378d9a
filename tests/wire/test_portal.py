"""A voter-data portal over HTTP: complete downloads only, a token that goes nowhere else, and signed results."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from dialer.domain.errors import RollError
from dialer.domain.output import write_file
from dialer.errors import SettingError
from dialer.reports.webhook import Delivery, create_webhook_delivery_sender
from dialer.roll.rejects import RejectsFile
from dialer.roll.sources import download_portal_export, find_exports_not_imported_yet
from dialer.settings.sources import Source
from tests.support.command_line import run
from tests.support.report_store import NOON, HandFilled
from tests.support.roll_filler import CONSTITUENCY_NUMBER, ROLL_VERSION, STATE_CODE
from tests.support.roll_support import write_roll

GIVEN = "secret"
SECRET = b"a key of twenty-four bytes, and more"
ROLL = b"AC_NO,PART_NO,SLNOINPART\r\n209,2,1\r\n"


class Portal(BaseHTTPRequestHandler):
    """A portal that serves an export to clients with the token."""

    posted: ClassVar[list[tuple[dict[str, str], bytes]]] = []
    asked: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["Authorization"]))
        match self.path:
            case "/moved":
                self.send_response(302)
                self.send_header("Location", "/voters%20all.csv")
                self.end_headers()
            case "/short":
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(ROLL)
            case "/empty":
                self.send_response(200)
                self.end_headers()
            case _:
                allowed = self.headers["Authorization"] == f"Bearer {GIVEN}"
                self.send_response(200 if allowed else 401)
                self.end_headers()
                self.wfile.write(ROLL if allowed else b"no")

    def do_POST(self) -> None:
        self.posted.append(
            (
                {name.lower(): said for name, said in self.headers.items()},
                self.rfile.read(int(self.headers["Content-Length"])),
            )
        )
        self.send_response({"/moved": 302, "/no": 403}.get(self.path, 204))
        self.send_header("Location", "/")
        self.end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    Portal.asked.clear()
    Portal.posted.clear()
    with HTTPServer(("127.0.0.1", 0), Portal) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


def make_source(tmp_path: Path, address: str, token: str | None = GIVEN) -> Source:
    file = tmp_path / "token"
    write_file(file, (token or "").encode())
    folder = tmp_path / "drop"
    folder.mkdir(exist_ok=True)
    return Source(name="portal", folder=folder, map_file=tmp_path / "map.toml", url=address, token_file=file)


def test_roll_downloaded_from_a_voter_data_portal_is_ready_to_import(tmp_path: Path, address: str) -> None:
    source = make_source(tmp_path, f"{address}/voters%20all.csv?day=1")
    path = download_portal_export(source, str(source.url))
    assert path.read_bytes() == ROLL
    assert path.name.endswith("-voters-20all.csv")
    assert download_portal_export(source, str(source.url)) == path
    assert [*source.folder.iterdir()] == [path] == [*find_exports_not_imported_yet(source, (), path)]
    assert Portal.asked == [("/voters%20all.csv?day=1", f"Bearer {GIVEN}")] * 2


@pytest.mark.parametrize(
    ("path", "token", "why"),
    [
        ("/moved", GIVEN, "302"),
        ("/short", GIVEN, "the portal closed the connection after 35 bytes"),
        ("/empty", GIVEN, "the file downloaded from the portal is empty"),
        ("/voters.csv", "other", "401"),
        ("/voters.csv", "two words", "is not a valid token"),
        ("/voters.csv", None, "is not a valid token"),
    ],
)
def test_incomplete_or_refused_download_from_a_voter_data_portal_leaves_no_file(
    tmp_path: Path, address: str, path: str, token: str | None, why: str
) -> None:
    source = make_source(tmp_path, address + path, token)
    with pytest.raises((RollError, SettingError), match=why):
        download_portal_export(source, str(source.url))
    assert [*source.folder.iterdir()] == []
    assert all(asked == path for asked, _ in Portal.asked)


def test_symbolic_link_in_the_folder_of_a_voter_data_portal_is_not_followed(tmp_path: Path, address: str) -> None:
    ours, source = tmp_path / "ours", make_source(tmp_path, f"{address}/voters.csv")
    ours.write_text("the store")
    for name in (".portal.part", "roll.csv.rejects.csv.part", ".results.csv.part"):
        (source.folder / name).symlink_to(ours)
    assert download_portal_export(source, str(source.url)).read_bytes() == ROLL
    rejects = RejectsFile(source.folder / "roll.csv.rejects.csv", ["AC_NO"], frozenset())
    rejects.close_rejects_file()
    rejects.move_rejects_file_to_final_path()
    write_file(source.folder / "results.csv", b"what became known")
    assert ours.read_text() == "the store"
    assert not [path for path in source.folder.iterdir() if path.is_symlink()]


@pytest.mark.parametrize("address", ["http://portal.example.org/voters.csv", "ftp://portal.example.org/a", "https:// "])
def test_unencrypted_address_of_a_voter_data_portal_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(ValueError, match="url"):
        make_source(tmp_path, address)


def test_results_are_posted_once_to_the_voter_data_portal_with_the_portals_voter_ids(
    tmp_path: Path, address: str
) -> None:
    store = HandFilled(tmp_path / "centre.db")
    store.mark(1, "voted", NOON)
    store.mark(21, "voted", NOON)  # of another part: not the portal's
    store.db.close()
    folder = tmp_path / "drop"
    folder.mkdir()
    header = ("ST_CODE", "AC_NO", "PART_NO", "SLNOINPART", "UID")
    path = write_roll(folder / "a.csv", [(STATE_CODE, str(CONSTITUENCY_NUMBER), "1", "1", "V-1")], header)
    os.utime(path, (NOON, NOON))
    (tmp_path / "map.toml").write_text(f'[values]\nroll_version = "{ROLL_VERSION}"\n', encoding="utf-8")
    write_file(tmp_path / "secret", b"whsec_" + base64.b64encode(SECRET))
    settings = tmp_path / "centre.toml"
    settings.write_text(
        f'[centre]\nid = "pune-1"\n[store]\npath = "{store.path}"\n[[sources]]\nname = "portal"\nfolder = "{folder}"\n'
        f'map_file = "{tmp_path / "map.toml"}"\nid_heading = "UID"\nwebhook_url = "{address}/results"\n'
        f'webhook_secret_file = "{tmp_path / "secret"}"\n',
        encoding="utf-8",
    )
    assert run("source", "import", "portal", "-c", settings)[0] == 0
    assert run("source", "send", "portal", "-c", settings) == (0, "portal: 1 result sent\n")
    assert run("source", "send", "portal", "-c", settings) == (0, "portal: 0 results sent\n")
    [(headers, body)] = Portal.posted
    assert [result["id"] for result in json.loads(body)["results"]] == ["V-1"]
    signed = Delivery(headers["webhook-id"], body).build_signed_webhook_headers(
        SECRET, float(headers["webhook-timestamp"])
    )
    assert headers["webhook-signature"] == signed["webhook-signature"]


def test_redirect_or_refusal_by_the_voter_data_portal_is_reported_and_not_followed(address: str) -> None:
    delivery = Delivery("1", b"{}")
    assert [
        create_webhook_delivery_sender(f"{address}{path}", SECRET)(delivery) for path in ("/results", "/moved", "/no")
    ] == [
        204,
        302,
        403,
    ]
    assert len(Portal.posted) == 3
    with pytest.raises(OSError, match="refused"):
        create_webhook_delivery_sender("http://127.0.0.1:9/", SECRET)(delivery)
