"""A browser trusts the desk only after the site's CA is installed as `dialer desk certificate` instructs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from playwright.async_api import Error, async_playwright

from dialer.desk.certificate import CertificateFiles, create_certificate_of_page_server
from dialer.desk.server import serve_pages_of_desk
from dialer.domain.clock import SystemClock
from dialer.store.connection import open_store_exclusively
from dialer.web.assets import Asset
from tests.support.browser import CHROMIUM, CHROMIUM_ARGS
from tests.support.desk import PAGE, desk_settings
from tests.support.seats import CHEAP

CERTUTIL = shutil.which("certutil")

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(CERTUTIL is None, reason="certutil is not installed (libnss3-tools)"),
]


async def open_desk_page(origin: str, home: Path) -> str:
    """Return the title of the desk's page in this user's Chromium, or the browser's error."""
    async with async_playwright() as playwright:
        environment: dict[str, str | float | bool] = {**os.environ, "HOME": str(home)}
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS, env=environment)
        try:
            page = await browser.new_page()
            await page.goto(f"{origin}/board")
            return await page.title()
        except Error as refused:
            return refused.message.partition("net::")[2].partition(" ")[0]
        finally:
            await browser.close()


def install(ca: Path, home: Path) -> None:
    """Install the CA as the command instructs for Debian."""
    nssdb = home / ".pki" / "nssdb"
    nssdb.mkdir(parents=True)
    command = ["certutil", "-d", f"sql:{nssdb}", "-A", "-t", "C,,", "-n", "matdan-desk", "-i", str(ca)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


async def test_chromium_trusts_the_desk_certificate_if_the_sites_ca_is_installed(tmp_path: Path) -> None:
    files = CertificateFiles(*(tmp_path / name for name in ("desk.pem", "desk.key", "site-ca.pem", "site-ca.key")))
    create_certificate_of_page_server(files, "pune-1", "127.0.0.1", [], SystemClock().now(), renew=False)
    install(files.ca, tmp_path / "asha")
    store = tmp_path / "centre.db"
    with open_store_exclusively(store, "a test"):
        pass
    settings = desk_settings(store)
    desk = settings.desk.model_copy(update={"certificate": files.certificate, "private_key": files.key})
    pages = {"board.html": Asset("text/html", PAGE, None)}
    async with serve_pages_of_desk(settings.model_copy(update={"desk": desk}), hasher=CHEAP, assets=pages) as running:
        assert await open_desk_page(running.origin, tmp_path / "asha") == "Matdan"
        assert await open_desk_page(running.origin, tmp_path / "stranger") == "ERR_CERT_AUTHORITY_INVALID"
