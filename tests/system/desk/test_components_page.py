"""The page of all components looks as in the stored pictures, in light, dark and forced colours, and has no axe violations."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, Route

from dialer.desk.pages_built import SOURCES, run_npm
from tests.support.browser import (
    NEEDS_A_BROWSER,
    assert_accessible,
    close_pages_after,
    find_accessibility_violations,
)
from tests.support.letters import WIDE, font
from tests.support.pictures import find_difference

pytestmark = [
    *NEEDS_A_BROWSER,
    pytest.mark.skipif(
        not (SOURCES / "node_modules" / "vite").is_dir(),
        reason="the page is built with the packages of the pages' build: dialer desk pages",
    ),
]
PICTURES = Path(__file__).parent / "pictures"
ORIGIN = "https://components.test"  # a secure context, as the desk is
KITS = {"staff": "", "agent": "?agent"}
SCHEMES = ("light", "dark", "forced")
NOW = 1_776_921_000  # 23 April 2026, 10:40 in Pune

ADD_SYMBOLS = """
const symbols = new FontFace("Symbols", Uint8Array.from(atob("%s"), each => each.charCodeAt(0)));
document.fonts.add(symbols);
symbols.load();
"""
"""Defines a font with every letter: the machine's fonts are not used."""


@pytest.fixture(scope="module")
def built_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the page of all components and return its folder."""
    folder = tmp_path_factory.mktemp("components")
    done = run_npm("exec", "--", "vite", "build", "--mode", "components", "--outDir", str(folder))
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    return folder


async def open_components(browser: Browser, folder: Path, kit: str, scheme: str) -> tuple[Page, list[str]]:
    """Open the components of a kind of pages in a colour scheme. Also returns a list to which page errors are appended."""
    context = await browser.new_context(
        viewport={"width": 1280, "height": 900},
        locale="en-IN",
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


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kit", KITS)
async def test_components_look_as_in_the_stored_pictures(
    browser: Browser, built_page: Path, tmp_path: Path, kit: str, scheme: str
) -> None:
    async with close_pages_after(browser):
        page, errors = await open_components(browser, built_page, kit, scheme)
        name = f"{kit}-{scheme}.png"
        difference = await find_difference(page, PICTURES / name, tmp_path / name)
        assert not difference, difference
        violations = await find_accessibility_violations(page) if scheme != "forced" else []
        assert not errors
    assert_accessible(violations)


OPENED = {
    ("staff", "menu"): "[popovertarget=actions]",
    ("staff", "question"): "#ask",
    ("staff", "bad-notice"): "#warn",
    ("agent", "menu"): "[popovertarget=pause-menu]",
    ("agent", "keyboard-help"): "#help",
}


@pytest.mark.parametrize(("kit", "name"), OPENED)
async def test_menu_dialog_and_notice_look_as_in_the_stored_pictures(
    browser: Browser, built_page: Path, tmp_path: Path, kit: str, name: str
) -> None:
    async with close_pages_after(browser):
        page, errors = await open_components(browser, built_page, kit, "light")
        await page.click(OPENED[kit, name])
        await page.wait_for_selector(":popover-open, dialog[open], .said.bad")
        picture = f"{kit}-{name}.png"
        difference = await find_difference(page, PICTURES / picture, tmp_path / picture, full_page=False)
        assert not difference, difference
        violations = await find_accessibility_violations(page)
        assert not errors
    assert_accessible(violations)
