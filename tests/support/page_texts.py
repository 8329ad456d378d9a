"""The texts of the pages in each language, by message id."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from string import Formatter

import dialer
from dialer.desk.pages_built import SOURCES

LOCALES = SOURCES / "locales"
SERVER = LOCALES / "server"
"""The folder of the translations of texts that the server sends. Their English is in the Python source."""


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


def read_english_messages(path: Path) -> dict[str, str]:
    """Return the English of the messages in a file of translations, by id."""
    return read_server_texts() if path.parent == SERVER else read_messages(path.with_stem("en"))


@cache
def read_server_texts() -> dict[str, str]:
    """Return the English of each translatable text in the Python source, by id, in the notation of the pages' messages."""
    found: dict[str, str] = {}
    for path in sorted(Path(dialer.__path__[0]).rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        for call in ast.walk(ast.parse(source)) if "translatable(" in source else ():
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "translatable":
                text_id, english = (ast.literal_eval(each) for each in call.args)
                parts = Formatter().parse(english)
                text = "".join(f"{said}{{ ${name} }}" if name else said for said, name, _, _ in parts)
                assert found.setdefault(text_id, text) == text, f"{path}: another text has the id {text_id}"
    return found


def read_page_texts(language: str, *folders: str) -> dict[str, str]:
    """Return the messages of a page in a language, from these folders and the texts that all pages share."""
    texts: dict[str, str] = {}
    for folder in (*folders, "shared"):
        texts |= read_messages(LOCALES / folder / f"{language}.ftl")
    return texts
