"""A page for reviewers of a translation: every text of the pages next to the English one, with its place and a picture.

    python -m tests.translation_review hi review.html

Pictures are taken of the page of all components. A text that is not on it has its page and section only.
"""

from __future__ import annotations

import asyncio
import base64
import re
import sys
import tempfile
from html import escape
from pathlib import Path

from playwright.async_api import Browser, Page

from tests.support.browser import run_chromium
from tests.support.components_page import build_components_page, open_components
from tests.support.page_texts import LOCALES, read_english_messages, read_messages

MARGIN_PIXELS = 60
STYLE = "td{vertical-align:top;border-top:1px solid #ccc;padding:.3rem .6rem}img{max-width:30rem}small{color:#555}"
FIND_TEXTS = """patterns => {
  const found = {};
  for (const [id, pattern] of patterns) {
    const fits = each => new RegExp(`^\\\\s*(?:${pattern})\\\\s*$`).test(each.textContent);
    const all = [...document.querySelectorAll("#page *")].filter(each => each.checkVisibility() && fits(each));
    const box = all.at(-1)?.getBoundingClientRect();
    if (box?.width > 2) found[id] = [box.x + scrollX, box.y + scrollY, box.width, box.height];
  }
  return found;
}"""


def make_pattern(text: str) -> str:
    """Return a regular expression for a shown message: any characters in place of its values."""
    return ".+".join(re.escape(part) for part in re.split(r"\{[^{}]*\}", text))


def read_sections(path: Path) -> dict[str, str]:
    """Return the section heading of each message of a file."""
    sections, section = {}, ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        elif begins := re.match(r"([a-z][a-z0-9-]*) =", line):
            sections[begins[1]] = section
    return sections


async def take_pictures(page: Page, texts: dict[str, str]) -> dict[str, bytes]:
    """Return a picture of each of the texts that the page shows, by message id."""
    patterns = [[name, make_pattern(text)] for name, text in texts.items() if "->" not in text]
    size = await page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    pictures = {}
    for name, (x, y, width, height) in (await page.evaluate(FIND_TEXTS, patterns)).items():
        left, top = max(0, x - MARGIN_PIXELS), max(0, y - MARGIN_PIXELS)
        right, bottom = min(size[0], x + width + MARGIN_PIXELS), min(size[1], y + height + MARGIN_PIXELS)
        clip = {"x": left, "y": top, "width": right - left, "height": bottom - top}
        pictures[name] = await page.screenshot(full_page=True, clip=clip)  # type: ignore[arg-type]
    return pictures


async def photograph_texts(browser: Browser, folder: Path, language: str) -> dict[str, bytes]:
    """Return pictures of the texts that the page of all components shows in this language."""
    pictures: dict[str, bytes] = {}
    for kit, own in (("staff", ("board", "staff")), ("agent", ("agent",))):
        files = [LOCALES / name / f"{language}.ftl" for name in (*own, "shared")]
        if not all(path.is_file() for path in files):
            continue
        page, _ = await open_components(browser, folder, kit, "light", f"{language}-IN")
        for path in files:
            found = await take_pictures(page, read_messages(path))
            pictures |= {f"{path.parent.name}/{name}": picture for name, picture in found.items()}
        await page.context.close()
    return pictures


def render_review(language: str, pictures: dict[str, bytes]) -> str:
    """Return the HTML page of all texts in this language."""
    rows = []
    for path in sorted(LOCALES.glob(f"*/{language}.ftl")):
        english, with_sections = read_english_messages(path), path.with_stem("en")
        sections = read_sections(with_sections if with_sections.exists() else path)
        for name, text in read_messages(path).items():
            picture = pictures.get(f"{path.parent.name}/{name}")
            data = base64.b64encode(picture).decode() if picture else ""
            image = f'<img alt="" src="data:image/png;base64,{data}">' if picture else ""
            place = f"{path.parent.name}: {sections[name]}<br><small>{name}</small>"
            rows.append(f"<tr><td>{place}<td>{escape(english[name])}<td lang={language}>{escape(text)}<td>{image}</tr>")
    head = f"<!doctype html><meta charset=utf-8><title>Texts: {language}</title><style>{STYLE}</style>"
    return f"{head}<table>{''.join(rows)}</table>\n"


async def write_review(language: str, path: Path) -> None:
    """Write the page of all texts in this language to a file."""
    with tempfile.TemporaryDirectory() as folder:
        build_components_page(Path(folder))
        async with run_chromium() as browser:
            pictures = await photograph_texts(browser, Path(folder), language)
    path.write_text(render_review(language, pictures), encoding="utf-8")
    sys.stdout.write(f"{path}: {len(pictures)} pictures\n")


if __name__ == "__main__":
    asyncio.run(write_review(sys.argv[1], Path(sys.argv[2])))
