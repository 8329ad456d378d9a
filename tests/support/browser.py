"""The desk's pages in Chromium: browser, accessibility checks, and checks of the layout."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from dialer.desk.pages_built import BUILT, SOURCES, are_pages_built
from tests.support.letters import NARROW, WIDE, font
from tests.support.waiting import HANG_SECONDS

CHROMIUM = shutil.which("chromium")
AXE = SOURCES / "node_modules" / "axe-core" / "axe.min.js"
NO_AXE = "axe-core comes with the pages' build (npm ci), which has not run here"
PATIENCE_MS = HANG_SECONDS * 1000
expect.set_options(timeout=PATIENCE_MS)
SIZES = [(1366, 768), (683, 384), (360, 640)]
"""Window sizes. 683 by 384 is 1366 by 768 at 200 % zoom."""
NEEDS_A_BROWSER = [
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(not are_pages_built(), reason="the pages are not built: dialer desk pages"),
    pytest.mark.asyncio(loop_scope="session"),
]
"""Marks of browser tests. They run in the session's event loop, in which the browser was started."""
_UNWANTED = [
    # Chromium's own pages of the address bar and its spare process, which double the cost of a page.
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "SpareRendererForSitePerProcess"),
    # From Playwright's own list, which this list replaces: features that use the network or change pages.
    *(
        "AimEnabled",
        "AvoidUnnecessaryBeforeUnloadCheckSync",
        "DestroyProfileOnBrowserClose",
        "HttpsFirstBalancedModeAutoEnable",
    ),
    *("HttpsUpgrades", "LensOverlay", "MediaRouter", "NetworkTimeServiceQuerying", "OptimizationHints", "PaintHolding"),
    *("PreconnectToSearch", "ThirdPartyStoragePartitioning"),
]
CHROMIUM_ARGS = ["--no-sandbox", f"--disable-features={','.join(_UNWANTED)}"]


@contextlib.asynccontextmanager
async def run_chromium() -> AsyncIterator[Browser]:
    """Start Chromium and close it at the end of the context."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield browser
        await browser.close()


@contextlib.asynccontextmanager
async def close_pages_after(browser: Browser) -> AsyncIterator[None]:
    """Close all pages and their storage at the end of the context, so that the next test starts without them."""
    try:
        yield
    finally:
        for context in browser.contexts:
            await context.close()


async def find_accessibility_violations(page: Page) -> list[Any]:
    """Return the accessibility violations that axe finds. It is injected past the page's Content-Security-Policy."""
    if not AXE.is_file():
        return [NO_AXE]
    session = await page.context.new_cdp_session(page)
    is_there = await session.send("Runtime.evaluate", {"expression": "'axe' in globalThis"})
    if not is_there["result"]["value"]:
        await session.send("Runtime.evaluate", {"expression": f"{AXE.read_text(encoding='utf-8')};0"})
    each = "[document.documentElement.lang, each.id, each.nodes[0].html]"
    run = f"axe.run({{ resultTypes: ['violations'] }}).then(found => JSON.stringify(found.violations.map(each => {each})))"
    found = await session.send("Runtime.evaluate", {"expression": run, "awaitPromise": True})
    violated: list[Any] = json.loads(found["result"]["value"])
    return violated


def assert_accessible(found: list[Any]) -> None:
    """Fail if axe found violations; skip if it is not installed. Call it last, after all other checks."""
    if NO_AXE in found:
        pytest.skip(NO_AXE)
    assert found == []


def ignore_http_errors(faults: list[str], *statuses: int) -> None:
    """Remove the browser's console errors about expected HTTP statuses. Fails on any other error."""
    assert all(any(f"status of {status} " in fault for status in statuses) for fault in faults), faults
    faults.clear()


_IN_LETTERS = """async ([name, font]) => {
  const drawn = () => new Promise(then => requestAnimationFrame(then));
  for (let frame = 0; frame < 2; frame++) await drawn();  // a chart follows the window's size a frame later
  if (![...document.fonts].some(face => face.family === name)) {
    const face = new FontFace(name, Uint8Array.from(atob(font), byte => byte.charCodeAt(0)));
    document.fonts.add(await face.load());
  }
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`*, ::before, ::after, ::file-selector-button { font-family: "${name}" !important }`);
  document.adoptedStyleSheets.push(sheet);
  const whole = document.documentElement.clientWidth;
  const scrolls = each => ["auto", "scroll"].includes(getComputedStyle(each).overflowX);
  const isUnseen = each => each.closest(".unseen") || getComputedStyle(each).clipPath !== "none" || !each.checkVisibility();
  const isTooWide = each => {
    if (isUnseen(each) || scrolls(each)) return false;
    if (each.scrollWidth > each.clientWidth + 1 && each.clientWidth) return true;
    for (let outer = each.parentElement; outer; outer = outer.parentElement) if (scrolls(outer)) return false;
    const { left, right } = each.getBoundingClientRect();
    return left < -1 || right > whole + 1;
  };
  const found = [...document.querySelectorAll("body, body *")].filter(isTooWide);
  const innermost = found.filter(each => !found.some(other => other !== each && each.contains(other)));
  const shown = innermost.map(each => `${name}: ${each.scrollWidth} px in ${each.clientWidth} px: ${each.outerHTML.slice(0, 200)}`);
  document.adoptedStyleSheets.pop();
  return shown;
}"""
"""Uses a FontFace from bytes and a constructed style sheet, which the Content-Security-Policy does not restrict."""


async def find_overflowing_elements(page: Page) -> list[str]:
    """Return the elements that overflow their box or the page, with a narrow and with a wide test font.

    Elements that scroll by themselves are excluded.
    """
    found: list[str] = []
    for name, width in (("Narrow", NARROW), ("Wide", WIDE)):
        found += await page.evaluate(_IN_LETTERS, [name, base64.b64encode(font(width)).decode()])
    return found


async def new_page(
    browser: Browser, faults: list[str], width: int = 1366, height: int = 768, language: str = "en-IN"
) -> Page:
    """Open a page in a browser context of its own. Console errors are appended to `faults`."""
    context = await browser.new_context(viewport={"width": width, "height": height}, locale=language)
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    return page


async def sign_in(page: Page, name: str, password: str) -> None:
    """Fill in and send the sign-in form of the page. Return before the next page is shown."""
    await page.fill("input[name=name]", name)
    await page.fill("input[name=password]", password)
    await page.press("input[name=password]", "Enter")


async def measure_page_bytes(page: Page, address: str, shows: str) -> int:
    """Return the compressed bytes of the assets that a first visit loads until `shows` is visible.

    Fails if anything comes from another origin. Fonts are not counted: they load only if the machine has none for the
    script.
    """
    fetched: set[str] = set()
    origin = "/".join(address.split("/")[:3])
    page.on("request", lambda request: fetched.add(request.url.removeprefix(origin)))
    await page.goto(address)
    await page.wait_for_selector(shows)
    assert all(path.startswith("/") for path in fetched)
    files = [BUILT / path[1:] for path in fetched if path.startswith("/assets/") and not path.endswith(".woff2")]
    assert len(files) >= 3
    return sum(len(gzip.compress(path.read_bytes())) for path in files)


async def sign_out(page: Page) -> None:
    """Sign out by the account menu in the header of a supervisor's page."""
    await page.locator("[popovertarget=account-menu]").click()
    await page.get_by_role("button", name="Sign out", exact=True).click()
