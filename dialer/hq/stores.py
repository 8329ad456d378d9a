"""Decide which store (database) headquarters accepts if several stores send results for one centre. Without I/O.

Each store has an id, called its incarnation (dialer/store/identity.py), and numbers its rows itself. A store that
replaces another one, or was restored or copied, has a new id. It is accepted once the earlier store has been silent for
a while. Headquarters reports this until a person confirms it with `dialer hq store accept`.

If both stores send, two machines work as one centre. The later store is then refused until a person decides with the
same command. A store that was replaced by an older copy of itself keeps its id. It is recognised by its rows
(dialer/hq/repeated_rows.py), and is refused until it has a new id.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum

from dialer.errors import MatdanError
from dialer.nats.messages import SendingStore

SILENCE_SECONDS = 20.0
"""How long the accepted store must be silent before another takes its place. Uplinks report every five seconds."""
_SHOWN = 8  # digits of an incarnation in a text


class StoreState(StrEnum):
    """The state of a store (a centre's database) at headquarters, which decides whether its batches are accepted."""

    ACCEPTED = "accepted"
    WAITING = "waiting"  # until it is clear whether the accepted one still sends
    REFUSED = "refused"  # until a person decides
    REPLACED = "replaced"  # by the accepted one


@dataclass(slots=True)
class KnownStore:
    """A store (database) that has sent batches of results for a centre."""

    incarnation: str
    previous: str | None
    state: StoreState
    last_id: int  # of its rows that are committed here
    first_at: float  # when its first batch arrived (epoch seconds)
    run: str
    is_confirmed: bool = True  # False: it replaced another, and no person has confirmed that


class StoreNotAccepted(MatdanError):
    """Raised for a batch from a store (a centre's database) that headquarters does not accept.

    The text of the error says why. If `is_final` is set, only a person can accept the store. Otherwise headquarters may
    accept it later by itself.
    """

    def __init__(self, problem: str, *, is_final: bool) -> None:
        """Create the error. `is_final` says whether only a person can decide that the store is accepted."""
        super().__init__(problem)
        self.is_final = is_final


class StoreSetBack(StoreNotAccepted):
    """Raised for a store (a centre's database) that was replaced by an older copy of itself.

    Such a store gives its new results ids that it has used before.
    """

    def __init__(self, centre: str) -> None:
        super().__init__(
            f"the store of {centre} was set back to an older copy: it sends new results under ids that headquarters has for"
            " others. They are refused until its uplink has given it a new identity",
            is_final=True,
        )


class StoreSightings:
    """A record of when each store (a centre's database) last sent something.

    It also records which dialler processes on the store have ended. The record is empty when the gatherer (the process
    that imports results) starts.
    """

    def __init__(self) -> None:
        self._seen_at: dict[tuple[str, str], float] = {}
        self._ended_runs: dict[str, set[str]] = defaultdict(set)

    def record_time_of_message_from_store(self, centre: str, incarnation: str, now: float) -> None:
        """Record that a store has sent a message at the time `now` (epoch seconds)."""
        self._seen_at[centre, incarnation] = now

    def has_store_sent_anything_after(self, centre: str, incarnation: str, at: float) -> bool:
        """Return whether a store has sent something after the time `at` (epoch seconds)."""
        return self._seen_at.get((centre, incarnation), 0.0) > at

    def record_process_that_sent_results(self, centre: str, store: KnownStore, run: str) -> bool:
        """Record that the dialler process `run` sends results from a store. Return False if the process had ended.

        A process counts as ended once another process sends from the same store. If an ended process sends again, two
        machines use copies of one store.
        """
        ended = self._ended_runs[centre]
        if run in ended:
            return False
        if run and store.run and run != store.run:
            ended.add(store.run)
        store.run = run or store.run
        return True


def accept_or_refuse_sender_of_batch(
    centre: str, stores: dict[str, KnownStore], sender: SendingStore, sightings: StoreSightings, now: float
) -> KnownStore:
    """Return the store (a centre's database) that a batch is from. Raise StoreNotAccepted if headquarters refuses it.

    `stores` has the centre's known stores by id (incarnation), and is updated. `now` is in epoch seconds.
    """
    accepted = find_accepted_database_of_centre(stores)
    own = stores.get(sender.incarnation)
    if own is None:
        own = stores[sender.incarnation] = _register_new_database_of_centre(accepted, sender, now)
        if own.state is StoreState.ACCEPTED and accepted is not None:
            accepted.state = StoreState.REPLACED
            accepted = own
    sightings.record_time_of_message_from_store(centre, sender.incarnation, now)
    if accepted is not None and own is not accepted:
        _replace_accepted_store_or_refuse(centre, own, accepted, sightings, now)
    if not sightings.record_process_that_sent_results(centre, own, sender.run):
        raise StoreNotAccepted(
            f"two machines send results from the same store of centre {centre} (is one a copy of the other?): stop "
            "one of them, then start the other again",
            is_final=True,
        )
    return own


def find_accepted_database_of_centre(stores: dict[str, KnownStore]) -> KnownStore | None:
    """Return the store (database) of a centre that headquarters accepts, or None if there is none."""
    return next((each for each in stores.values() if each.state is StoreState.ACCEPTED), None)


def describe_conflict_of_databases(centre: str, stores: dict[str, KnownStore]) -> str:
    """Return what a person must decide about a centre's stores (databases), or "" if there is nothing to decide."""
    refused = [each for each in stores.values() if each.state is StoreState.REFUSED]
    accepted = find_accepted_database_of_centre(stores)
    if not refused or accepted is None:
        return ""
    return (
        f"two stores send results as {centre}: {_format_short_id_of_store(accepted)} is accepted, "
        f"{_format_short_id_of_store(refused[-1])} is refused. Stop one of them, then choose with `dialer hq store accept`"
    )


def describe_replaced_database_of_centre(centre: str, stores: dict[str, KnownStore]) -> str:
    """Return what a person must do about a store (database) that replaced an earlier store without a person's decision,
    or an empty text.
    """
    accepted = find_accepted_database_of_centre(stores)
    if accepted is None or accepted.is_confirmed:
        return ""
    origin = "a copy of an earlier one" if accepted.previous in stores else "no copy of an earlier one"
    return (
        f"{centre} sends from a new store, {_format_short_id_of_store(accepted)}, which is {origin}. If you know that its machine"
        f" was replaced or its store restored, confirm it with `dialer hq store accept {centre} {accepted.incarnation[:_SHOWN]}`"
    )


def _register_new_database_of_centre(accepted: KnownStore | None, sender: SendingStore, now: float) -> KnownStore:
    store = KnownStore(sender.incarnation, sender.previous, StoreState.ACCEPTED, sender.begins_after, now, sender.run)
    if accepted is None:
        return store
    if accepted.incarnation == sender.previous == "":  # the same store: its Matdan was upgraded
        store.last_id = accepted.last_id
        return store
    store.state, store.is_confirmed = StoreState.WAITING, False
    return store


def _replace_accepted_store_or_refuse(
    centre: str, own: KnownStore, accepted: KnownStore, sightings: StoreSightings, now: float
) -> None:
    """Accept a centre's new store in place of the accepted store, or raise StoreNotAccepted.

    The new store is accepted if the accepted store has sent nothing for `SILENCE_SECONDS` since the new store's first
    batch. Until then, the refusal is not final. It is final if the accepted store has sent something in this time, or
    if the new store was itself replaced before.
    """
    if own.state is StoreState.REPLACED:
        own.state = StoreState.REFUSED
    if own.state is StoreState.WAITING:
        if sightings.has_store_sent_anything_after(centre, accepted.incarnation, own.first_at):
            own.state = StoreState.REFUSED
        elif now - own.first_at >= SILENCE_SECONDS:
            own.state, accepted.state = StoreState.ACCEPTED, StoreState.REPLACED
            return
        else:
            raise StoreNotAccepted(
                f"centre {centre} sends results from two stores: the new one is accepted when the other has sent "
                f"nothing for {SILENCE_SECONDS:.0f} s",
                is_final=False,
            )
    stores = {each.incarnation: each for each in (accepted, own)}
    raise StoreNotAccepted(describe_conflict_of_databases(centre, stores), is_final=True)


def _format_short_id_of_store(store: KnownStore) -> str:
    return store.incarnation[:_SHOWN] or "a store of an older Matdan"
