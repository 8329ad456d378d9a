"""An HTML page of journeys: each role's steps with commands, output, duration and screenshots."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path

from tests.journeys.journey import Step

STYLE = """body{font:16px/1.45 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1d2330}
summary{cursor:pointer;font-family:ui-monospace,monospace;font-size:.85rem;padding:.2rem 0}
pre{background:#f3f5f9;padding:.7rem;overflow-x:auto;font-size:.8rem;border-radius:.3rem}
img{max-width:100%;border:1px solid #c6ccd8;border-radius:.3rem}
.s{float:right;color:#5d6675}.bad{color:#a3141b;font-weight:600}"""


def write_index(keep: Path, journeys: Mapping[str, list[Step]], failures: Mapping[str, str], machine: str) -> Path:
    """Write `index.html` to the folder `keep` and return its path."""
    rows, parts = [], []
    for role, steps in journeys.items():
        seconds = sum(step.seconds for step in steps)
        result = f'<span class="bad">{escape(failures[role])}</span>' if role in failures else "passed"
        rows.append(f'<li><a href="#{role}">{role}</a>: {result}; {len(steps)} steps, {seconds:.1f} s</li>')
        parts += [f'<h2 id="{role}">{role}</h2>', *map(_format_step, steps)]
    text = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Journeys</title><style>{STYLE}</style>'
        f"<h1>Journeys</h1><p>{escape(machine)}</p><ul>{''.join(rows)}</ul>{''.join(parts)}</html>\n"
    )
    keep.mkdir(parents=True, exist_ok=True)  # a failed installation has taken no screenshot
    path = keep / "index.html"
    path.write_text(text, encoding="utf-8")
    return path


def _format_step(step: Step) -> str:
    code = "" if step.code is None else f"exit {step.code}, "
    duration = f'<span class="s">{code}{step.seconds:.2f} s</span>'
    screenshot = (
        f'<p><img src="{step.screenshot}" alt="{escape(step.action)}" loading="lazy"></p>' if step.screenshot else ""
    )
    opened = " open" if screenshot else ""
    summary = f"<summary>{duration}{escape(step.action)}</summary>"
    return f"<details{opened}>{summary}{screenshot}<pre>{escape(step.output)}</pre></details>"
