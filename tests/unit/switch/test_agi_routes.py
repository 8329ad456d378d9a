"""The routes of the FastAGI server."""

from __future__ import annotations

from typing import Any, cast

import pytest

from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.agi_codec import AgiEnvironment
from dialer.switch.asterisk.agi_routes import AgiRoutes


class _Call:
    def __init__(self, script: str) -> None:
        self.env = AgiEnvironment({"agi_network_script": script, "agi_uniqueid": "1.1"})


@pytest.mark.parametrize(("script", "served"), [("flow", ["flow"]), ("flow?x=1", ["flow"]), ("other", []), ("", [])])
async def test_path_in_the_url_of_an_agi_request_selects_the_handler(script: str, served: list[str]) -> None:
    seen: list[str] = []

    async def handler(call: Any) -> None:
        seen.append(call.env.agi_url_path)

    await AgiRoutes({"flow": handler})(cast(AgiCall, _Call(script)))
    assert seen == served
