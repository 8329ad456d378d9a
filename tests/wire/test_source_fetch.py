"""A portal's export over HTTP: whole or not at all, and the token goes nowhere else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from config.sources import Source
from dialer.domain.errors import RollError
from dialer.roll.sources import exports_of, fetch

GIVEN = "secret"
ROLL = b"AC_NO,PART_NO,SLNOINPART\r\n209,2,1\r\n"


class Portal(BaseHTTPRequestHandler):
    """Gives an export to who has the token."""

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

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    Portal.asked.clear()
    with HTTPServer(("127.0.0.1", 0), Portal) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


def source_of(tmp_path: Path, address: str, token: str | None = GIVEN) -> Source:
    file = tmp_path / "token"
    file.write_text(token or "", encoding="ascii")
    folder = tmp_path / "drop"
    folder.mkdir(exist_ok=True)
    return Source(name="portal", folder=folder, map_file=tmp_path / "map.toml", url=address, token_file=file)


def test_what_is_fetched_stands_in_the_folder_by_its_content_and_needs_no_waiting(tmp_path: Path, address: str) -> None:
    source = source_of(tmp_path, f"{address}/voters%20all.csv?day=1")
    path = fetch(source, str(source.url))
    assert path.read_bytes() == ROLL
    assert path.name.endswith("-voters-20all.csv")
    assert fetch(source, str(source.url)) == path
    assert [*source.folder.iterdir()] == [path] == [*exports_of(source, (), path)]
    assert Portal.asked == [("/voters%20all.csv?day=1", f"Bearer {GIVEN}")] * 2


@pytest.mark.parametrize(
    ("path", "token", "why"),
    [
        ("/moved", GIVEN, "302"),
        ("/short", GIVEN, "cut short after 35 bytes"),
        ("/empty", GIVEN, "it is empty"),
        ("/voters.csv", "other", "401"),
        ("/voters.csv", "two words", "is no token"),
        ("/voters.csv", None, "is no token"),
    ],
)
def test_what_is_not_whole_or_not_given_leaves_nothing(
    tmp_path: Path, address: str, path: str, token: str | None, why: str
) -> None:
    source = source_of(tmp_path, address + path, token)
    with pytest.raises(RollError, match=why):
        fetch(source, str(source.url))
    assert [*source.folder.iterdir()] == []
    assert all(asked == path for asked, _ in Portal.asked)


@pytest.mark.parametrize("address", ["http://portal.example.org/voters.csv", "ftp://portal.example.org/a", "https:// "])
def test_an_address_that_is_not_encrypted_is_no_setting(tmp_path: Path, address: str) -> None:
    with pytest.raises(ValueError, match="url"):
        source_of(tmp_path, address)
