"""Results are posted to a portal at least once, in order, signed as Standard Webhooks requires, and with their answers."""

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
from dialer.reports.webhook import MAX_RESULTS, MAX_TRIES, Delivery, DeliveryFailed, WebhookPoster
from dialer.settings.sources import Source
from dialer.store.connection import open_store_snapshot
from tests.support.report_store import INDIA, NOON, HandFilled
from tests.support.roll_filler import CONSTITUENCY_NUMBER, ROLL_VERSION, STATE_CODE

URL = "https://portal.example.org/results"


class Portal:
    """A fake portal that answers deliveries with the given statuses, then with 200. None stands for a lost connection."""

    def __init__(self, *statuses: int | None) -> None:
        self._statuses = iter(statuses)
        self.received: list[Delivery] = []
        self.waited: list[float] = []

    def __call__(self, delivery: Delivery) -> int:
        self.received.append(delivery)
        status = next(self._statuses, 200)
        if status is None:
            raise ConnectionResetError("reset")
        return status

    @property
    def results(self) -> list[dict[str, Any]]:
        return [result for delivery in self.received for result in json.loads(delivery.body)["results"]]


@pytest.fixture
def post(store: HandFilled, tmp_path: Path) -> Callable[[Portal], int]:
    """Return a function that posts new results to a portal, which has IDs of the first 40 of 60 voters (20 per part)."""
    files = {"map_file": tmp_path / "map", "webhook_secret_file": tmp_path / "secret"}
    source = Source(name="portal", folder=tmp_path, webhook_url=URL, id_heading="UID", **files)
    place = (ROLL_VERSION, STATE_CODE, CONSTITUENCY_NUMBER)
    ids = {(*place, 1 + voter // 20, 1 + voter % 20): f"V-{voter + 1}" for voter in range(40)}
    posting = WebhookPoster(source, "pune-1", INDIA, lambda: ids, tmp_path / "posted")
    return lambda portal: posting.post_new_results_to_portal(
        lambda: open_store_snapshot(store.path, None), portal, portal.waited.append
    )


def add_voted_marks(store: HandFilled, voters: Iterable[int], **fields: Any) -> None:
    for voter in voters:
        store.mark(voter, "voted", NOON + voter, **fields)


def test_webhook_posts_new_results_once_with_the_portals_ids(store: HandFilled, post: Callable[[Portal], int]) -> None:
    portal = Portal()
    add_voted_marks(store, (1, 50, 40))
    assert post(portal) == 2
    [first, second] = portal.results
    assert (first["id"], second["id"], first["result"], first["undoes"]) == ("V-1", "V-40", "voted", None)
    assert first["date"] == "2026-04-22T12:00:01+05:30"
    assert not {"name", "phone", "number", "voter", "epic"} & {*first}
    assert post(portal) == 0
    add_voted_marks(store, (2,))
    assert post(portal) == 1
    assert len(portal.received) == 2


def test_unconfirmed_webhook_delivery_is_repeated_with_the_same_id(
    store: HandFilled, post: Callable[[Portal], int]
) -> None:
    add_voted_marks(store, [1] * (MAX_RESULTS + 1))
    portal = Portal(503, None, 429, 200, *[500] * MAX_TRIES)
    with pytest.raises(
        DeliveryFailed, match=rf"did not confirm delivery \w+ after {MAX_TRIES} tries \(HTTP status 500\)"
    ):
        post(portal)
    assert len({delivery.id for delivery in portal.received[:4]}) == 1
    assert len({delivery.id for delivery in portal.received}) == 2
    assert len(portal.waited) == 3 + MAX_TRIES - 1
    assert 0.5 <= portal.waited[0] <= 1.0 <= portal.waited[1] <= 2.0
    next_run = Portal()
    assert post(next_run) == 1
    assert next_run.received[0].id == portal.received[-1].id


def test_refused_webhook_delivery_is_not_retried(store: HandFilled, post: Callable[[Portal], int]) -> None:
    add_voted_marks(store, (1,))
    portal = Portal(401)
    with pytest.raises(DeliveryFailed, match=r"the portal refused delivery \w+ \(HTTP status 401\)"):
        post(portal)
    assert len(portal.received) == 1


def test_webhook_posts_a_voter_status_with_its_answers_after_the_call_has_ended(
    store: HandFilled, post: Callable[[Portal], int]
) -> None:
    open_call = store.attempt(1, ended_at=None, outcome=None)
    (voter,) = store.db.execute("SELECT voter_id FROM attempt").fetchone()
    add_voted_marks(store, (2,))
    add_voted_marks(store, (voter,), attempt_id=open_call)
    add_voted_marks(store, (3,))
    portal = Portal()
    assert post(portal) == 1
    store.insert("flow_answer", {"attempt_id": open_call, "name": "at_home", "value": "2", "at": NOON})
    store.insert("flow_answer", {"attempt_id": open_call, "name": "message", "value": f"{open_call}-1", "at": NOON})
    store.db.execute("UPDATE attempt SET ended_at = ?, outcome = 'connected'", (NOON,))
    assert post(portal) == 2
    assert [result["answers"] for result in portal.results] == [{}, {"at_home": "2"}, {}]


def test_webhook_posts_all_results_again_for_another_store(
    store: HandFilled, post: Callable[[Portal], int], tmp_path: Path
) -> None:
    add_voted_marks(store, (1, 2))
    assert post(Portal()) == 2
    for text in (b'{"mark": 2, "key": "of another"}', b'{"mark": 9, "key": "k"}', b"[]", b"nothing"):
        write_file(tmp_path / "posted", text)
        assert post(Portal()) == 2


def test_webhook_signature_matches_the_example_of_standard_webhooks(tmp_path: Path) -> None:
    """The specification's example for library authors is signed identically."""
    path = tmp_path / "secret"
    write_file(path, b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
    body = b'{"test": 2432232314}'
    headers = Delivery("msg_p5jXN8AQM9LWM0D4loKWxJek", body).build_signed_webhook_headers(
        read_webhook_secret(path, "x"), 1614265330.7
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330")
    digest = hmac.new(base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), digestmod=hashlib.sha256)
    digest.update(b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330." + body)
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest.digest()).decode()}"


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_!!", f"whsec_{base64.b64encode(b'short').decode()}", "é"])
def test_invalid_webhook_secret_is_rejected(tmp_path: Path, text: str) -> None:
    path = tmp_path / "secret"
    write_file(path, text.encode())
    with pytest.raises(SettingError, match="portal: is not a valid secret"):
        read_webhook_secret(path, "portal")
    path.chmod(0o644)
    with pytest.raises(SettingError, match="other users can read the secret"):
        read_webhook_secret(path, "portal")


def test_webhook_url_in_the_settings_requires_a_secret_and_the_portal_id_heading(tmp_path: Path) -> None:
    for more in ({"id_heading": "UID"}, {"webhook_secret_file": tmp_path / "secret"}):
        with pytest.raises(ValueError, match="webhook_url needs webhook_secret_file"):
            Source.model_validate({"name": "p", "folder": tmp_path, "map_file": tmp_path, "webhook_url": URL, **more})
