"""What a journey (a role's first day) uses of a running centre: its processes, a browser and screenshots."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.journeys.centre import Centre
from tests.journeys.journey import Journey, JourneyFailed
from tests.support.browser import CHROMIUM, CHROMIUM_ARGS

WAIT_MS = 60_000  # longest wait on a busy machine
expect.set_options(timeout=WAIT_MS)


@dataclass(slots=True)
class CentreAccess:
    """The running centre and the browser with which a role works."""

    centre: Centre
    browser: Browser
    keep: Path  # folder for screenshots
    page_errors: list[str] = field(default_factory=list)  # JavaScript errors of pages

    def open_page(self, address: str, width: int = 1366, height: int = 768) -> Page:
        """Open a URL in a new browser window."""
        page = self.browser.new_context(viewport={"width": width, "height": height}, locale="en-IN").new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("pageerror", lambda error: self.page_errors.append(str(error)))
        page.goto(address)
        return page

    def take_screenshot(self, journey: Journey, page: Page, title: str) -> str:
        """Record a screenshot of a page as a step of the journey. Return the page's text."""
        number = 1 + sum(bool(step.screenshot) for step in journey.steps)
        name = f"{journey.role}-{number}.png"
        page.screenshot(path=self.keep / name)
        text = page.inner_text("body")
        journey.record_view(title, text, name)
        if self.page_errors:
            raise JourneyFailed(f"{journey.role}: {title}: JavaScript error {self.page_errors[0]}")
        return " ".join(text.split())


@contextmanager
def run_browser(keep: Path) -> Iterator[Browser]:
    """Run Debian's Chromium, and create the folder for screenshots."""
    if CHROMIUM is None:
        raise JourneyFailed("chromium is not installed (apt-get install chromium)")
    keep.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield browser
        browser.close()
