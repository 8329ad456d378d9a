"""The desk's OpenAPI document is true: whatever it allows to be asked, and what it does not, is answered as it says, for everybody.

schemathesis makes the requests and looks at the answers; they are asked of the application itself, in its own loop.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from dialer.domain.enums import SupervisorRole
from tests.support.desk import AGENT, CONNECTED, ORIGIN, WEBSOCKET, DeskUnderTest, run_desk

ENDLESS = {"/api/board/events", "/api/agent/events"}  # tests/system/desk reads them
EXAMPLES = 8  # of each door, person who may and kind
REFUSED = 2  # of a door, for somebody who may not: what is asked is not looked at
PEOPLE = [None, *(role.value for role in SupervisorRole), AGENT]
SENT = {"origin": ORIGIN, "sec-fetch-site": "same-origin", "content-type": "application/json"}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


class Walk:
    """The desk in a loop of its own, and the document that it gives."""

    def __init__(self, runner: asyncio.Runner, desk: DeskUnderTest) -> None:
        self._runner = runner
        self.desk = desk
        self.document = runner.run(desk.get("/api/openapi.json", "supervisor")).json()
        config = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}})
        self.schema = schemathesis.openapi.from_dict(self.document, config=config)

    def may(self, path: str, method: str, role: str | None) -> bool:
        """Return whether somebody of that role may use the route."""
        (access,) = (each.access for each in self.desk.routes if (each.path, each.method) == (path, method.upper()))
        return access.roles is None or role in access.roles

    def ask(self, case: Any, role: str | None) -> Any:
        """Ask as somebody of that role, with a new session where the last one was ended."""
        return self._runner.run(self._ask(case, role))

    async def _ask(self, case: Any, role: str | None) -> Any:
        sent = case.as_transport_kwargs(base_url=ORIGIN)
        cookies = await self.desk.cookie(role)
        body = {name: sent[name] for name in ("json", "content", "data") if sent.get(name) is not None}
        if "data" in body:
            body["content"] = body.pop("data")
        answer = await self.desk.browser.request(
            sent["method"], sent["url"], params=sent["params"], headers={**SENT, **cookies}, **body
        )
        self.desk.browser.cookies.clear()
        if case.operation.path == "/api/sign-out":
            self.desk.tokens.clear()
        return answer


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    with asyncio.Runner() as runner:
        stand = run_desk(tmp_path_factory.mktemp("desk"))
        desk = runner.run(stand.__aenter__())
        desk.page_state.put("desk", CONNECTED)
        yield Walk(runner, desk)
        runner.run(stand.__aexit__(None, None, None))


def test_openapi_document_marks_routes_that_need_a_session(walk: Walk) -> None:
    for route in walk.desk.routes:
        if route.method == WEBSOCKET:
            continue  # OpenAPI does not describe WebSockets
        operation = walk.document["paths"][route.path][route.method.lower()]
        assert ("security" in operation) == (route.access.roles is not None), route


def _everybody_asks(walk: Walk, operation: Any, mode: schemathesis.GenerationMode) -> Counter[str | None]:
    """How often each has asked. What is asked is made once: each would be given the same."""
    checks = [*CHECKS, negative_data_rejection] if mode is schemathesis.GenerationMode.NEGATIVE else CHECKS
    most = {role: EXAMPLES if walk.may(operation.path, operation.method, role) else REFUSED for role in PEOPLE}
    asked: Counter[str | None] = Counter()

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        for role in PEOPLE:
            if asked[role] < most[role]:
                asked[role] += 1
                case.validate_response(walk.ask(case, role), checks=checks)

    ask()
    return asked


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_answers_match_the_openapi_document(walk: Walk, mode: schemathesis.GenerationMode) -> None:
    asked: Counter[str | None] = Counter()
    every: Any = walk.schema
    for operation in [each.ok() for each in every.get_all_operations()]:
        if operation.path in ENDLESS:
            continue
        if mode is schemathesis.GenerationMode.NEGATIVE and not (operation.body or operation.query):
            continue  # nothing that could be wrong
        asked += _everybody_asks(walk, operation, mode)
    assert all(asked[role] > EXAMPLES for role in PEOPLE)
