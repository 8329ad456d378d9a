"""The desk's OpenAPI document describes its answers to valid and invalid requests of every role.

schemathesis creates the requests and checks the answers. They are sent to the application without a network.
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
EXAMPLES = 8  # for each route, permitted role and kind of request
REFUSED = 2  # for each route and refused role: the request is not read
ROLES = [None, *(role.value for role in SupervisorRole), AGENT]
SENT = {"origin": ORIGIN, "sec-fetch-site": "same-origin", "content-type": "application/json"}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


class DocumentedDesk:
    """The desk in an event loop of its own, and its OpenAPI document."""

    def __init__(self, runner: asyncio.Runner, desk: DeskUnderTest) -> None:
        self._runner = runner
        self.desk = desk
        self.document = runner.run(desk.get("/api/openapi.json", "supervisor")).json()
        config = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}})
        self.schema = schemathesis.openapi.from_dict(self.document, config=config)

    def may(self, path: str, method: str, role: str | None) -> bool:
        """Return whether a role may use the route."""
        (access,) = (each.access for each in self.desk.routes if (each.path, each.method) == (path, method.upper()))
        return access.roles is None or role in access.roles

    def ask(self, case: Any, role: str | None) -> Any:
        """Send a request as a role, with a new session if the last one has ended."""
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
def documented_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentedDesk]:
    with asyncio.Runner() as runner:
        stand = run_desk(tmp_path_factory.mktemp("desk"))
        desk = runner.run(stand.__aenter__())
        desk.page_state.set_value_of_key("desk", CONNECTED)
        yield DocumentedDesk(runner, desk)
        runner.run(stand.__aexit__(None, None, None))


def test_openapi_document_marks_routes_that_need_a_session(documented_desk: DocumentedDesk) -> None:
    for route in documented_desk.desk.routes:
        if route.method == WEBSOCKET:
            continue  # OpenAPI does not describe WebSockets
        operation = documented_desk.document["paths"][route.path][route.method.lower()]
        assert ("security" in operation) == (route.access.roles is not None), route


def _send_as_every_role(
    documented_desk: DocumentedDesk, operation: Any, mode: schemathesis.GenerationMode
) -> Counter[str | None]:
    """Send each generated request as every role. Return the number of requests by role."""
    checks = [*CHECKS, negative_data_rejection] if mode is schemathesis.GenerationMode.NEGATIVE else CHECKS
    most = {
        role: EXAMPLES if documented_desk.may(operation.path, operation.method, role) else REFUSED for role in ROLES
    }
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
        for role in ROLES:
            if asked[role] < most[role]:
                asked[role] += 1
                case.validate_response(documented_desk.ask(case, role), checks=checks)

    ask()
    return asked


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_responses_of_the_desk_match_its_openapi_document(
    documented_desk: DocumentedDesk, mode: schemathesis.GenerationMode
) -> None:
    asked: Counter[str | None] = Counter()
    every: Any = documented_desk.schema
    for operation in [each.ok() for each in every.get_all_operations()]:
        if operation.path in ENDLESS:
            continue
        if mode is schemathesis.GenerationMode.NEGATIVE and not (operation.body or operation.query):
            continue  # no invalid request exists
        asked += _send_as_every_role(documented_desk, operation, mode)
    assert all(asked[role] > EXAMPLES for role in ROLES)
