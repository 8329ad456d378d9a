"""Results posted to a portal: each at least once, in order, signed as Standard Webhooks has it, and never before its answers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.output import write_file
from dialer.domain.signing import read_webhook_secret
from dialer.errors import SettingError
from dialer.reports.webhook import MOST_RESULTS, MOST_TRIES, Delivery, NotPosted, Posting
from dialer.settings.sources import Source
from dialer.store.connection import read_snapshot
from tests.support.report_store import INDIA, NOON, HandFilled
from tests.support.roll_filler import CONSTITUENCY_NUMBER, ROLL_VERSION, STATE_CODE

URL = "https://portal.example.org/results"


class Portal:
    """Answers each delivery as it is told to, with 200 from then on; None: the line is down."""

    def __init__(self, *answers: int | None) -> None:
        self._answers = iter(answers)
        self.seen: list[Delivery] = []
        self.waited: list[float] = []

    def __call__(self, delivery: Delivery) -> int:
        self.seen.append(delivery)
        answer = next(self._answers, 200)
        if answer is None:
            raise ConnectionResetError("reset")
        return answer

    @property
    def results(self) -> list[dict[str, Any]]:
        return [result for delivery in self.seen for result in json.loads(delivery.body)["results"]]


@pytest.fixture
def post(store: HandFilled, tmp_path: Path) -> Callable[[Portal], int]:
    """Posts what is new; the portal knows the first forty voters of sixty, in parts of twenty."""
    files = {"map_file": tmp_path / "map", "webhook_secret_file": tmp_path / "secret"}
    source = Source(name="portal", folder=tmp_path, webhook_url=URL, id_heading="UID", **files)
    place = (ROLL_VERSION, STATE_CODE, CONSTITUENCY_NUMBER)
    ids = {(*place, 1 + voter // 20, 1 + voter % 20): f"V-{voter + 1}" for voter in range(40)}
    posting = Posting(source, "pune-1", INDIA, lambda: ids, tmp_path / "posted")
    return lambda portal: posting.run(lambda: read_snapshot(store.path, None), portal, portal.waited.append)


def marks(store: HandFilled, voters: Iterable[int], **fields: Any) -> None:
    for voter in voters:
        store.mark(voter, "voted", NOON + voter, **fields)


def test_what_is_new_goes_out_once_under_the_portals_ids(store: HandFilled, post: Callable[[Portal], int]) -> None:
    portal = Portal()
    marks(store, (1, 50, 40))
    assert post(portal) == 2
    [first, second] = portal.results
    assert (first["id"], second["id"], first["result"], first["undoes"]) == ("V-1", "V-40", "voted", None)
    assert first["date"] == "2026-04-22T12:00:01+05:30"
    assert not {"name", "phone", "number", "voter", "epic"} & {*first}
    assert post(portal) == 0
    marks(store, (2,))
    assert post(portal) == 1
    assert len(portal.seen) == 2


def test_a_delivery_that_is_not_taken_goes_again_under_its_own_id_and_the_rest_the_next_time(
    store: HandFilled, post: Callable[[Portal], int]
) -> None:
    marks(store, [1] * (MOST_RESULTS + 1))
    portal = Portal(503, None, 429, 200, *[500] * MOST_TRIES)
    with pytest.raises(NotPosted, match=rf"has not taken \w+ in {MOST_TRIES} tries: it answers 500"):
        post(portal)
    assert len({delivery.id for delivery in portal.seen[:4]}) == 1
    assert len({delivery.id for delivery in portal.seen}) == 2
    assert len(portal.waited) == 3 + MOST_TRIES - 1
    assert 0.5 <= portal.waited[0] <= 1.0 <= portal.waited[1] <= 2.0
    again = Portal()
    assert post(again) == 1
    assert again.seen[0].id == portal.seen[-1].id


def test_a_portal_that_refuses_is_asked_no_second_time(store: HandFilled, post: Callable[[Portal], int]) -> None:
    marks(store, (1,))
    portal = Portal(401)
    with pytest.raises(NotPosted, match="it answers 401"):
        post(portal)
    assert len(portal.seen) == 1


def test_a_mark_waits_for_the_end_of_its_call_and_goes_with_the_answers(
    store: HandFilled, post: Callable[[Portal], int]
) -> None:
    open_call = store.attempt(1, ended_at=None, outcome=None)
    (voter,) = store.db.execute("SELECT voter_id FROM attempt").fetchone()
    marks(store, (2,))
    marks(store, (voter,), attempt_id=open_call)
    marks(store, (3,))
    portal = Portal()
    assert post(portal) == 1
    store.insert("flow_answer", {"attempt_id": open_call, "name": "at_home", "value": "2", "at": NOON})
    store.insert("flow_answer", {"attempt_id": open_call, "name": "message", "value": f"{open_call}-1", "at": NOON})
    store.db.execute("UPDATE attempt SET ended_at = ?, outcome = 'connected'", (NOON,))
    assert post(portal) == 2
    assert [result["answers"] for result in portal.results] == [{}, {"at_home": "2"}, {}]


def test_another_store_is_posted_from_its_beginning(
    store: HandFilled, post: Callable[[Portal], int], tmp_path: Path
) -> None:
    marks(store, (1, 2))
    assert post(Portal()) == 2
    for text in (b'{"mark": 2, "key": "of another"}', b'{"mark": 9, "key": "k"}', b"[]", b"nothing"):
        write_file(tmp_path / "posted", text)
        assert post(Portal()) == 2


def test_the_signature_is_that_of_standard_webhooks(tmp_path: Path) -> None:
    """By the example that the specification gives its libraries."""
    path = tmp_path / "secret"
    write_file(path, b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
    body = b'{"test": 2432232314}'
    headers = Delivery("msg_p5jXN8AQM9LWM0D4loKWxJek", body).headers(read_webhook_secret(path, "x"), 1614265330.7)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330")
    digest = hmac.new(base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), digestmod=hashlib.sha256)
    digest.update(b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330." + body)
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest.digest()).decode()}"


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_!!", f"whsec_{base64.b64encode(b'short').decode()}", "é"])
def test_a_secret_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "secret"
    write_file(path, text.encode())
    with pytest.raises(SettingError, match="portal: is not a valid secret"):
        read_webhook_secret(path, "portal")
    path.chmod(0o644)
    with pytest.raises(SettingError, match="other users can read the secret"):
        read_webhook_secret(path, "portal")


def test_an_address_without_a_secret_or_without_ids_is_no_setting(tmp_path: Path) -> None:
    for more in ({"id_heading": "UID"}, {"webhook_secret_file": tmp_path / "secret"}):
        with pytest.raises(ValueError, match="webhook_url needs webhook_secret_file"):
            Source.model_validate({"name": "p", "folder": tmp_path, "map_file": tmp_path, "webhook_url": URL, **more})
