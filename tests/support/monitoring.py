"""Reads metrics as a monitoring server does."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request

from prometheus_client.parser import text_string_to_metric_families


async def ask(port: int, path: str) -> tuple[int, str]:
    """Send a GET request to a loopback port. Return the status and the text of the answer."""

    def get() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()

    return await asyncio.to_thread(get)


def samples(text: str) -> dict[str, float]:
    """Return the value of each sample by its name and label values: "name,value,value"."""
    return {
        each.name + "".join(f",{value}" for _, value in sorted(each.labels.items())): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }
