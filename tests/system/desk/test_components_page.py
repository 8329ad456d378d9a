"""The page of all components looks as in the stored pictures, in light, dark and forced colours, and has no axe violations."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser

from dialer.desk.pages_built import SOURCES
from tests.support.browser import (
    NEEDS_A_BROWSER,
    assert_accessible,
    close_pages_after,
    find_accessibility_violations,
)
from tests.support.components_page import KITS, build_components_page, open_components
from tests.support.pictures import find_difference

pytestmark = [
    *NEEDS_A_BROWSER,
    pytest.mark.skipif(
        not (SOURCES / "node_modules" / "vite").is_dir(),
        reason="the page is built with the packages of the pages' build: dialer desk pages",
    ),
]
PICTURES = Path(__file__).parent / "pictures"
SCHEMES = ("light", "dark", "forced")


@pytest.fixture(scope="module")
def built_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the page of all components and return its folder."""
    folder = tmp_path_factory.mktemp("components")
    build_components_page(folder)
    return folder


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kit", KITS)
async def test_page_components_look_as_in_the_stored_pictures(
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
