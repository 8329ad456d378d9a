"""The texts of the pages in each language, by message id."""

from __future__ import annotations

import re
from pathlib import Path

from dialer.desk.pages_built import SOURCES

LOCALES = SOURCES / "locales"


def read_messages(path: Path) -> dict[str, str]:
    """Return the messages of a file by id."""
    found: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        begins = re.match(r"([a-z][a-z0-9-]*) = ?(.*)", line)
        if begins is not None:
            assert begins[1] not in found, path
            found[begins[1]] = begins[2]
        elif line and not line.startswith("#"):
            found[[*found][-1]] += f"\n{line}"
    return found


def read_page_texts(language: str, *folders: str) -> dict[str, str]:
    """Return the messages of a page in a language, from these folders and the texts that all pages share."""
    texts: dict[str, str] = {}
    for folder in (*folders, "shared"):
        texts |= read_messages(LOCALES / folder / f"{language}.ftl")
    return texts
