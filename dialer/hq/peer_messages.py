"""Peer updates that the database's new rows cause: messages of opt-outs and marks for the other centres. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from dialer.domain.other_centres import VoterPlace
from dialer.nats.messages import OPT_OUT_SUBJECT, mark_subject, pack_peer_updates, peer_mark

MAX_MESSAGE_UPDATES = 50


def peer_messages(
    opt_outs: Sequence[tuple[str, float, str]], marks: Sequence[tuple[str, str, VoterPlace, dict[str, Any]]]
) -> list[tuple[str, bytes]]:
    """Return subjects and messages of opt-outs (hash, time, centre) and marks (centre, its zone, place, fields), in order."""
    updates = [{"number_hash": hashed, "at": at, "centre": centre} for hashed, at, centre in opt_outs]
    found = [(OPT_OUT_SUBJECT, pack_peer_updates(part, [])) for part in _parts(updates)]
    by_subject: dict[str, list[dict[str, Any]]] = {}
    for centre, zone, place, fields in marks:
        subject = mark_subject(zone, place.state_code, place.constituency_number)
        by_subject.setdefault(subject, []).append(peer_mark(centre, place, fields))
    for subject, of_subject in by_subject.items():
        found += [(subject, pack_peer_updates([], part)) for part in _parts(of_subject)]
    return found


def _parts(updates: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(updates), MAX_MESSAGE_UPDATES):
        yield updates[start : start + MAX_MESSAGE_UPDATES]
