"""A person at a running centre: its processes, a browser, and where pictures are kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.journeys.centre import Centre
from tests.journeys.walk import Stumbled, Walk
from tests.support.browser import CHROMIUM, CHROMIUM_ARGS

PATIENCE_MS = 60_000  # of a machine with much beside
expect.set_options(timeout=PATIENCE_MS)


@dataclass(slots=True)
class Visit:
    """What `at_work` of a role is handed."""

    centre: Centre
    browser: Browser
    keep: Path
    faults: list[str] = field(default_factory=list)  # what pages complained of

    def open(self, address: str, width: int = 1366, height: int = 768) -> Page:
        """A page in a browser of its own."""
        page = self.browser.new_context(viewport={"width": width, "height": height}, locale="en-IN").new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.goto(address)
        return page

    def picture(self, walk: Walk, page: Page, what: str) -> str:
        """Keep what the page shows; its text."""
        number = 1 + sum(bool(step.picture) for step in walk.steps)
        name = f"{walk.role}-{number}.png"
        page.screenshot(path=self.keep / name)
        text = page.inner_text("body")
        walk.saw(what, text, name)
        if self.faults:
            raise Stumbled(f"{walk.role}: {what}: the page says {self.faults[0]}")
        return " ".join(text.split())


@contextmanager
def browser_for(keep: Path) -> Iterator[Browser]:
    """Debian's Chromium."""
    if CHROMIUM is None:
        raise Stumbled("chromium is not installed (apt-get install chromium)")
    keep.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield browser
        browser.close()
