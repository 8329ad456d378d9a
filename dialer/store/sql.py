"""SQL lives in files: `queries/<room>.sql` holds named statements, each below a line `-- name: claim_timed`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType

_NAME_LINE = re.compile(r"^--\s*name:\s*(\S+)\s*$", re.MULTILINE)
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")


def parse_statements(text: str) -> Mapping[str, str]:
    """The statements of one file by name, without their closing semicolon. Comments that stand behind one belong to the next.

    Raises ValueError for text before the first name, a name given twice or ill-formed, and a name without a statement:
    mistakes of whoever writes the file, which the tests find.
    """
    head, *parts = _NAME_LINE.split(text)
    if _without_comments(head):
        raise ValueError(f"a statement stands before the first `-- name:` line: {head.strip()[:60]!r}")
    statements: dict[str, str] = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        statement = _without_last_comments(body).removesuffix(";").rstrip()
        if not _IDENTIFIER.fullmatch(name):
            raise ValueError(f"{name!r} is no name for a statement: lower-case letters, digits and _ only")
        if name in statements:
            raise ValueError(f"the statement {name!r} is there twice")
        if not _without_comments(statement):
            raise ValueError(f"the statement {name!r} is empty")
        statements[name] = statement
    return MappingProxyType(statements)


def load_statements(room: str, package: str = "dialer.store") -> Mapping[str, str]:
    """The statements of a package's `queries/<room>.sql` by name."""
    return parse_statements(resources.files(package).joinpath("queries", f"{room}.sql").read_text("utf-8"))


def _without_last_comments(body: str) -> str:
    lines = body.strip().splitlines()
    while lines and (not lines[-1].strip() or lines[-1].lstrip().startswith("--")):
        del lines[-1]
    return "\n".join(lines)


def _without_comments(text: str) -> str:
    return "".join(line for line in text.splitlines() if not line.lstrip().startswith("--")).strip()
