"""Check that the store has the newest log signature (seal) that the broker retains.

The dialler signs the changes in its store once a minute. A store that was restored from an old copy, truncated or
replaced does not have the newest signature. The dialler checks this when it first connects, before its own next
signature replaces the retained one.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import ValidationError

from dialer.domain.schema import get_type_adapter
from dialer.domain.sealed_epochs import SealedEpoch
from dialer.mqtt import topics
from dialer.mqtt.client import BrokerSettings
from dialer.mqtt.retained import read_retained_message
from dialer.store.store import Store

AUDIT_KIND = "seal-missing"
_LARGEST_ID = 2**63 - 1


async def describe_missing_newest_signature(settings: BrokerSettings, centre: str, store: Store, at: float) -> str:
    """Return a problem if the store lacks the newest log signature (seal) that the broker retains, otherwise "".

    A missing or different signature is also written to the audit. `at` is the present time (epoch seconds). Raises
    BrokerUnreachable, StoreError.
    """
    topic = topics.SEALED_EPOCH.build_full_topic(centre)
    payload = await read_retained_message(settings, centre, topic, "seal")
    if not payload:
        return ""
    try:
        seal = get_type_adapter(SealedEpoch).validate_json(payload)
    except ValidationError:
        return "the message `results/sealed-epochs` at the broker is not a seal"
    stored, digest = (
        await store.read_seal(min(seal.epoch, _LARGEST_ID)),
        seal.compute_digest_of_signed_log_entry(),
    )
    if stored is not None and stored.compute_digest_of_signed_log_entry() == digest:
        return ""
    sealed_at, what = _format_time(seal.at), "missing" if stored is None else "different"
    await store.append_audit_entry(AUDIT_KIND, "broker", {"sealed": sealed_at, "digest": digest}, at)
    return f"epoch {seal.epoch}, sealed {sealed_at}, is {what} in the database"


def _format_time(at: float) -> str:
    try:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="minutes")
    except (ValueError, OverflowError, OSError):
        return "at an impossible time"
