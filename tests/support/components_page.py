"""The page of all components of the pages, built and opened in Chromium."""

from __future__ import annotations

import base64
from pathlib import Path

from playwright.async_api import Browser, Page, Route

from dialer.desk.pages_built import run_npm
from tests.support.letters import WIDE, font

ORIGIN = "https://components.test"  # a secure context, as the desk is
KITS = {"staff": "", "agent": "?agent"}
NOW = 1_776_921_000  # 23 April 2026, 10:40 in Pune

ADD_SYMBOLS = """
const symbols = new FontFace("Symbols", Uint8Array.from(atob("%s"), each => each.charCodeAt(0)));
document.fonts.add(symbols);
symbols.load();
"""
"""Makes the page use a font with every letter, in place of the machine's fonts."""


def build_components_page(folder: Path) -> None:
    """Build the page of all components into a folder."""
    done = run_npm("exec", "--", "vite", "build", "--mode", "components", "--outDir", str(folder))
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"


async def open_components(
    browser: Browser, folder: Path, kit: str, scheme: str, language: str = "en-IN"
) -> tuple[Page, list[str]]:
    """Open the page of all components in a colour scheme and language; `kit` is `staff` or `agent`.

    Return the page, and a list that collects the errors that the browser reports on it.
    """
    context = await browser.new_context(
        viewport={"width": 1280, "height": 900},
        locale=language,
        color_scheme="dark" if scheme == "dark" else "light",
        forced_colors="active" if scheme == "forced" else "none",
    )
    page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    await page.clock.set_fixed_time(NOW * 1000)

    async def serve(route: Route) -> None:
        path = folder / route.request.url.removeprefix(f"{ORIGIN}/").partition("?")[0]
        await (route.fulfill(path=path) if path.is_file() else route.fulfill(status=404))

    await page.route(f"{ORIGIN}/**", serve)
    await page.add_init_script(ADD_SYMBOLS % base64.b64encode(font(WIDE)).decode())
    await page.goto(f"{ORIGIN}/components.html{KITS[kit]}")
    await page.wait_for_selector(".seat-card, .keypad")
    return page, errors
